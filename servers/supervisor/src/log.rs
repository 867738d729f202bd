//! What there is to say, kept until somebody takes it: lines of the supervisor, and of processes that may.
//!
//! Each process has room of its own, so that one that says much takes nothing from the others, and nothing
//! from what the supervisor says about it.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use ipc_abi::manifest::Name;
use ipc_abi::service::supervisor::Line;

/// The most lines of the supervisor's own that are kept; then the oldest is dropped, and that is said.
pub const LINES_MAX: usize = 64;
/// The most lines of one process that are kept; what it says then is lost, and that is said.
pub const SAID_MAX: usize = 8;

/// Lines that nobody took yet.
#[derive(Clone, Debug, Default)]
pub struct Log {
    entries: VecDeque<Entry>,
    dropped: u32,
    speakers: Vec<Speaker>,
}

/// A line, and whose it is: `None` for the supervisor's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    text: Box<str>,
    process: Option<u8>,
}

/// A process that has said something.
#[derive(Clone, Debug)]
struct Speaker {
    process: u8,
    name: Name,
    lost: u32,
}

impl Entry {
    fn new(line: &Line, process: Option<u8>) -> Entry {
        Entry {
            text: Box::from(line.as_str()),
            process,
        }
    }

    /// The line.
    #[must_use]
    pub fn line(&self) -> Line {
        // It was one.
        Line::try_from(&*self.text).unwrap_or_default()
    }
}

impl Log {
    /// Adds a line of the supervisor's own.
    pub fn push(&mut self, line: &Line) {
        let mut own = (0..)
            .zip(&self.entries)
            .filter(|(_, it)| it.process.is_none());
        let oldest = own.next().map(|(index, _)| index);
        if let Some(oldest) = oldest
            && own.count() + 1 >= LINES_MAX
        {
            self.entries.remove(oldest);
            self.dropped = self.dropped.saturating_add(1);
        }
        self.entries.push_back(Entry::new(line, None));
    }

    /// Adds a line of the process with this number and name, or counts it as lost.
    pub fn push_said(&mut self, process: u8, name: &Name, line: &Line) {
        let waiting = self.entries.iter().filter(|it| it.process == Some(process));
        if waiting.count() < SAID_MAX {
            self.entries.push_back(Entry::new(line, Some(process)));
        } else {
            self.count_lost(process, name, 1);
        }
    }

    /// Counts lines of the process with this number and name that were lost. That is said when one of its
    /// lines is taken, or it says another.
    pub fn count_lost(&mut self, process: u8, name: &Name, count: u32) {
        let mut speakers = self.speakers.iter_mut();
        match speakers.find(|it| it.process == process) {
            Some(speaker) => speaker.lost = speaker.lost.saturating_add(count),
            None => self.speakers.push(Speaker {
                process,
                name: name.clone(),
                lost: count,
            }),
        }
    }

    /// Takes the oldest line.
    pub fn take(&mut self) -> Option<Entry> {
        if self.dropped > 0 {
            let dropped = core::mem::take(&mut self.dropped);
            let text = format_args!("supervisor: {dropped} older lines were dropped");
            return Some(Entry::new(&line(text), None));
        }
        let entry = self.entries.pop_front()?;
        if let Some(process) = entry.process {
            self.tell_loss(process);
        }
        Some(entry)
    }

    /// Puts what was lost of a process where there is room for one more of its lines.
    fn tell_loss(&mut self, process: u8) {
        let mut speakers = self.speakers.iter_mut();
        let speaker = speakers.find(|it| it.process == process && it.lost > 0);
        if let Some(speaker) = speaker {
            let lost = core::mem::take(&mut speaker.lost);
            let line = line(format_args!("{}: {lost} lines were lost", speaker.name));
            self.entries.push_back(Entry::new(&line, Some(process)));
        }
    }

    /// Puts back a line that could not be delivered.
    pub fn put_back(&mut self, entry: Entry) {
        self.entries.push_front(entry);
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
    use std::string::{String, ToString};

    use ipc_abi::service::supervisor::LINE_BYTES;

    use super::*;

    fn text(number: impl fmt::Display) -> Line {
        line(format_args!("{number}"))
    }

    fn take(log: &mut Log) -> Option<String> {
        log.take().map(|entry| entry.line().to_string())
    }

    fn name() -> Name {
        Name::try_from("tally").expect("it is short")
    }

    #[test]
    fn lines_come_out_in_order() {
        let mut log = Log::default();
        assert_eq!(log.take(), None);
        log.push(&text("a"));
        log.push_said(1, &name(), &text("b"));
        let first = log.take().expect("it is there");
        assert_eq!(first.line(), "a");
        log.put_back(first);
        assert_eq!(take(&mut log).as_deref(), Some("a"));
        assert_eq!(take(&mut log).as_deref(), Some("b"));
    }

    #[test]
    fn one_line_too_many_drops_the_oldest_and_says_so() {
        let mut log = Log::default();
        log.push_said(1, &name(), &text("said"));
        for number in 0..=LINES_MAX {
            log.push(&text(number));
        }
        let taken = [(); 3].map(|()| take(&mut log));
        let dropped = "supervisor: 1 older lines were dropped";
        assert_eq!(taken, [dropped, "said", "1"].map(|it| Some(it.to_string())));
        assert_eq!(log.entries.len(), LINES_MAX - 1);
    }

    #[test]
    fn process_that_says_too_much_loses_lines_of_its_own() {
        let mut log = Log::default();
        for number in 0..SAID_MAX + 2 {
            log.push_said(1, &name(), &text(number));
        }
        log.push_said(2, &name(), &text("other"));
        log.push(&text("own"));
        let mut wanted: Vec<String> = (0..SAID_MAX).map(|it| it.to_string()).collect();
        wanted.extend(["other", "own", "tally: 2 lines were lost"].map(String::from));
        let taken: Vec<String> = core::iter::from_fn(|| take(&mut log)).collect();
        assert_eq!(taken, wanted);
        log.push_said(1, &name(), &text("again"));
        assert_eq!(take(&mut log).as_deref(), Some("again"));
        assert_eq!(log.take(), None);
    }

    #[test]
    fn loss_that_a_process_tells_of_is_said_behind_its_next_line() {
        let mut log = Log::default();
        log.count_lost(1, &name(), 3);
        log.count_lost(1, &name(), u32::MAX);
        log.push_said(1, &name(), &text("a"));
        assert_eq!(take(&mut log).as_deref(), Some("a"));
        let lost = "tally: 4294967295 lines were lost";
        assert_eq!(take(&mut log).as_deref(), Some(lost));
    }

    #[test]
    fn long_text_is_cut_and_stays_one_line() {
        let long = "ä".repeat(LINE_BYTES);
        assert_eq!(line(format_args!("{long}")).len(), LINE_BYTES);
        assert_eq!(line(format_args!("a\nb\x1B[2J")).as_str(), "a b [2J");
    }
}
