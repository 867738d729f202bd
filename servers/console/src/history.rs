//! The lines that were entered before.

use alloc::collections::VecDeque;

use ipc_abi::service::console::LineText;

/// How many lines are remembered; an older one makes way.
pub const HISTORY_LINES: usize = 32;

/// Lines, oldest first, and which of them is shown.
#[derive(Clone, Debug, Default)]
pub struct History {
    lines: VecDeque<LineText>,
    /// How far back the shown line is; 0 is the line that is being written.
    depth: usize,
    /// The line that was being written when the person went back.
    draft: LineText,
}

impl History {
    /// Makes an empty history.
    #[must_use]
    pub fn new() -> History {
        History {
            lines: VecDeque::with_capacity(HISTORY_LINES),
            depth: 0,
            draft: LineText::new(),
        }
    }

    /// Remembers a line, unless it is blank or the same as the one before, and goes to the present.
    pub fn add(&mut self, line: &LineText) {
        self.leave();
        if line.trim().is_empty() || self.lines.back() == Some(line) {
            return;
        }
        if self.lines.len() == HISTORY_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line.clone());
    }

    /// Goes to the present.
    pub fn leave(&mut self) {
        self.depth = 0;
        self.draft.clear();
    }

    /// Goes one line back from `present`, the line on the screen; `None` at the oldest.
    pub fn go_back(&mut self, present: &str) -> Option<&LineText> {
        if self.depth == self.lines.len() {
            return None;
        }
        if self.depth == 0 {
            self.draft.clear();
            let fits = self.draft.push_str(present);
            debug_assert!(fits.is_ok(), "a line fits in a line");
        }
        self.depth += 1;
        self.shown()
    }

    /// Goes one line forward; `None` at the line that is being written.
    pub fn go_forward(&mut self) -> Option<&LineText> {
        self.depth = self.depth.checked_sub(1)?;
        self.shown()
    }

    fn shown(&self) -> Option<&LineText> {
        if self.depth == 0 {
            return Some(&self.draft);
        }
        self.lines.iter().rev().nth(self.depth - 1)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::format;

    fn text(text: &str) -> LineText {
        LineText::try_from(text).expect("a short line")
    }

    fn shown(line: Option<&LineText>) -> Option<&str> {
        line.map(LineText::as_str)
    }

    #[test]
    fn lines_come_back_newest_first_and_the_draft_last() {
        let mut history = History::new();
        history.add(&text("one"));
        history.add(&text("two"));
        assert_eq!(shown(history.go_back("dra")), Some("two"));
        assert_eq!(shown(history.go_back("two")), Some("one"));
        assert_eq!(shown(history.go_back("one")), None);
        assert_eq!(shown(history.go_forward()), Some("two"));
        assert_eq!(shown(history.go_forward()), Some("dra"));
        assert_eq!(shown(history.go_forward()), None);
    }

    #[test]
    fn blank_and_repeated_lines_are_not_kept() {
        let mut history = History::new();
        history.add(&text("one"));
        history.add(&text("one"));
        history.add(&text("  "));
        assert_eq!(shown(history.go_back("")), Some("one"));
        assert_eq!(shown(history.go_back("")), None);
    }

    #[test]
    fn the_oldest_makes_way() {
        let mut history = History::new();
        for number in 0..=HISTORY_LINES {
            history.add(&text(&format!("line {number}")));
        }
        let mut last = None;
        while let Some(line) = history.go_back("") {
            last = Some(line.clone());
        }
        assert_eq!(last.as_deref(), Some("line 1"));
    }
}
