//! What the supervisor has to say, kept until somebody takes it.

use alloc::collections::VecDeque;
use core::fmt::{self, Write};

use ipc_abi::service::supervisor::Line;

/// The most lines that are kept; then the oldest is dropped, and that is said.
pub const LINES_MAX: usize = 64;

/// Lines that nobody took yet.
#[derive(Clone, Debug, Default)]
pub struct Log {
    lines: VecDeque<Line>,
    dropped: u32,
}

impl Log {
    /// Adds a line.
    pub fn push(&mut self, line: Line) {
        if self.lines.len() >= LINES_MAX {
            self.lines.pop_front();
            self.dropped = self.dropped.saturating_add(1);
        }
        self.lines.push_back(line);
    }

    /// Takes the oldest line.
    pub fn take(&mut self) -> Option<Line> {
        if self.dropped > 0 {
            let dropped = core::mem::take(&mut self.dropped);
            return Some(line(format_args!(
                "supervisor: {dropped} older lines were dropped"
            )));
        }
        self.lines.pop_front()
    }

    /// Puts back a line that could not be delivered.
    pub fn put_back(&mut self, line: Line) {
        self.lines.push_front(line);
    }
}

/// Writes a line; what is too long is cut off, and control characters become blanks, so that it is
/// one line whatever is quoted in it.
#[must_use]
pub fn line(text: fmt::Arguments<'_>) -> Line {
    let mut writer = Cutting { line: Line::new() };
    // Cutting never fails; a `Display` that does has written what it could.
    let _ = writer.write_fmt(text);
    writer.line
}

struct Cutting {
    line: Line,
}

impl Write for Cutting {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let character = if character.is_control() {
                ' '
            } else {
                character
            };
            if self.line.push(character).is_err() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ipc_abi::service::supervisor::LINE_BYTES;

    use super::*;

    #[test]
    fn lines_come_out_in_order() {
        let mut log = Log::default();
        assert_eq!(log.take(), None);
        log.push(line(format_args!("a")));
        log.push(line(format_args!("b")));
        assert_eq!(log.take().as_deref(), Some("a"));
        log.put_back(line(format_args!("a")));
        assert_eq!(log.take().as_deref(), Some("a"));
        assert_eq!(log.take().as_deref(), Some("b"));
    }

    #[test]
    fn one_line_too_many_drops_the_oldest_and_says_so() {
        let mut log = Log::default();
        for number in 0..=LINES_MAX {
            log.push(line(format_args!("{number}")));
        }
        assert_eq!(
            log.take().as_deref(),
            Some("supervisor: 1 older lines were dropped")
        );
        assert_eq!(log.take().as_deref(), Some("1"));
    }

    #[test]
    fn long_text_is_cut_and_stays_one_line() {
        let long = "ä".repeat(LINE_BYTES);
        assert_eq!(line(format_args!("{long}")).len(), LINE_BYTES);
        assert_eq!(line(format_args!("a\nb\x1B[2J")).as_str(), "a b [2J");
    }
}
