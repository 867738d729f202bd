//! Lines for the log: the logger behind the macros of the crate `log`, which is [`crate::log`].
//!
//! A record becomes a line for each of its lines, and more for those that are longer than
//! [`SAY_BYTES`]. Each goes to the supervisor as a message that nobody answers; the supervisor waits for nobody,
//! so that takes as long as the message, or as the call that the supervisor is answering. Lines that cannot be sent
//! are counted, and the next says how many.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicU32, Ordering};

use ipc_abi::service::supervisor::{LogLevel, SAY_BYTES, SupervisorClient};
use ipc_abi::startup::LogGrant;
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::gate::Gate;

/// The way to the supervisor.
static GATE: AtomicU32 = AtomicU32::new(0);
/// Lines that could not be sent.
static LOST: AtomicU32 = AtomicU32::new(0);

static LINES: Lines = Lines;

/// Lets the macros say lines, if the process may.
pub(crate) fn take_grant(grant: Option<LogGrant>) {
    let Some(grant) = grant else { return };
    GATE.store(grant.gate, Ordering::Relaxed);
    // Nobody else can have come first: the program has not begun.
    if log::set_logger(&LINES).is_ok() {
        log::set_max_level(filter(grant.level));
    }
}

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warn => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Debug => LevelFilter::Debug,
        LogLevel::Trace => LevelFilter::Trace,
    }
}

const fn level(level: Level) -> LogLevel {
    match level {
        Level::Error => LogLevel::Error,
        Level::Warn => LogLevel::Warn,
        Level::Info => LogLevel::Info,
        Level::Debug => LogLevel::Debug,
        Level::Trace => LogLevel::Trace,
    }
}

/// The logger.
#[derive(Debug)]
struct Lines;

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = level(record.level());
        let mut pieces = Pieces::new(|text| say(level, text));
        // What a `Display` that fails wrote before is said.
        let _ = pieces.write_fmt(*record.args());
        pieces.end();
    }

    fn flush(&self) {}
}

fn say(level: LogLevel, text: &str) {
    let lost = LOST.swap(0, Ordering::Relaxed);
    let gate = Gate::new(GATE.load(Ordering::Relaxed));
    if SupervisorClient::new(gate).say(level, lost, text).is_err() {
        LOST.fetch_add(lost.saturating_add(1), Ordering::Relaxed);
    }
}

/// A text that is said line by line; blank lines are not.
struct Pieces<S: FnMut(&str)> {
    say: S,
    line: heapless::String<SAY_BYTES>,
}

impl<S: FnMut(&str)> Pieces<S> {
    const fn new(say: S) -> Pieces<S> {
        Pieces {
            say,
            line: heapless::String::new(),
        }
    }

    /// Says what was written since the last line.
    fn end(&mut self) {
        if !self.line.trim().is_empty() {
            (self.say)(&self.line);
        }
        self.line.clear();
    }
}

impl<S: FnMut(&str)> Write for Pieces<S> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if character == '\n' {
                self.end();
            } else if self.line.push(character).is_err() {
                self.end();
                self.line.push(character).map_err(|_| fmt::Error)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};
    use std::vec::Vec;

    use super::*;

    fn said(text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut pieces = Pieces::new(|line| lines.push(line.to_string()));
        assert_eq!(pieces.write_str(text), Ok(()));
        pieces.end();
        drop(pieces);
        lines
    }

    #[test]
    fn each_line_is_said_by_itself() {
        assert_eq!(said("one\n\n \ntwo\n"), ["one", "two"]);
        assert_eq!(said(""), [""; 0]);
    }

    #[test]
    fn long_line_is_said_in_pieces_of_whole_characters() {
        let long = "ä".repeat(SAY_BYTES / 2);
        assert_eq!(said(&long), core::slice::from_ref(&long));
        assert_eq!(said(&(long.clone() + "b")), [long.clone(), "b".to_string()]);
        let odd = "x".to_string() + &long;
        let lengths: Vec<usize> = said(&odd).iter().map(String::len).collect();
        assert_eq!(lengths, [SAY_BYTES - 1, 2]);
    }

    #[test]
    fn levels_are_those_of_the_crate() {
        let levels: Vec<LogLevel> = Level::iter().map(level).collect();
        assert_eq!(levels, LogLevel::ALL);
        let filters: Vec<LevelFilter> = levels.into_iter().map(filter).collect();
        assert!(filters.into_iter().eq(LevelFilter::iter().skip(1)));
    }
}
