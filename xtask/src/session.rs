//! A conversation with a booted system over its serial line: type, wait for an event with a
//! bound, never sleep.

use crate::emulator::{Emulator, SerialLine};
use crate::image::Image;
use crate::machine::Machine;
use crate::transcript::{self, Status};
use anyhow::Result;
use std::fmt;
use std::io::{Read, Write};
use std::path::Path;
use std::process::ChildStdin;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How long the kernel's last words may pause before they count as complete.
const EPITAPH_PAUSE: Duration = Duration::from_millis(500);
/// The most lines of latest output in a message.
const LATEST_LINES: usize = 25;
/// The most bytes that are read from the serial line at once.
const READ_BYTES: usize = 4096;

/// Why a conversation ended badly. All carry the latest output.
#[derive(Debug)]
pub enum SessionError {
    /// What was waited for did not come in time.
    TimedOut {
        /// What it was.
        what: String,
        /// How long was waited.
        bound: Duration,
        /// The latest output.
        latest: String,
    },
    /// The kernel gave up.
    KernelPanic {
        /// Its last words.
        epitaph: String,
    },
    /// The emulator ended while something was waited for.
    Ended {
        /// What was waited for.
        what: String,
        /// What the emulator said.
        complaints: String,
        /// The latest output.
        latest: String,
    },
}

impl fmt::Display for SessionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut {
                what,
                bound,
                latest,
            } => write!(
                formatter,
                "no {what} within {} s; the latest output was:\n{latest}",
                bound.as_secs()
            ),
            Self::KernelPanic { epitaph } => write!(formatter, "{epitaph}"),
            Self::Ended {
                what,
                complaints,
                latest,
            } => {
                write!(formatter, "the emulator ended before there was: {what}")?;
                if !complaints.is_empty() {
                    write!(formatter, "; it said:\n{complaints}")?;
                }
                if !latest.is_empty() {
                    write!(formatter, "; the latest output was:\n{latest}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for SessionError {}

/// What a typed line led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was printed between the typed line and the next prompt.
    pub text: String,
    /// What that prompt tells.
    pub prompt: Status,
}

impl Answer {
    /// How the line ended. A crash is a failure, whatever a new shell prompts.
    #[must_use]
    pub fn status(&self) -> Status {
        if self.text.lines().any(transcript::is_crash_report) {
            Status::Failed
        } else {
            self.prompt
        }
    }
}

/// A booted system. Dropping it ends the emulator.
pub struct Session {
    emulator: Emulator,
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
    bytes: Vec<u8>,
    has_ended: bool,
}

impl Session {
    /// Boots a machine.
    ///
    /// # Errors
    /// If the machine cannot exist or the emulator cannot be run.
    pub fn boot(machine: &Machine, image: &Image) -> Result<Self> {
        Self::open(Emulator::boot(machine, image, None)?)
    }

    /// Boots a machine whose emulator is spoken to through `socket`: [`crate::monitor`].
    ///
    /// # Errors
    /// As [`Self::boot`].
    pub fn boot_monitored(machine: &Machine, image: &Image, socket: &Path) -> Result<Self> {
        Self::open(Emulator::boot(machine, image, Some(socket))?)
    }

    fn open((emulator, line): (Emulator, SerialLine)) -> Result<Self> {
        let (sender, output) = mpsc::channel();
        let mut source = line.output;
        thread::spawn(move || {
            let mut buffer = [0; READ_BYTES];
            while let Ok(count @ 1..) = source.read(&mut buffer) {
                let Some(bytes) = buffer.get(..count) else {
                    return;
                };
                if sender.send(bytes.to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            emulator,
            input: line.input,
            output,
            bytes: Vec::new(),
            has_ended: false,
        })
    }

    /// All output so far, cleaned.
    #[must_use]
    pub fn transcript(&self) -> String {
        transcript::clean(&self.bytes)
    }

    /// How much was printed so far: a mark for [`Self::wait_since`].
    #[must_use]
    pub fn mark(&self) -> usize {
        self.bytes.len()
    }

    /// Types text as it is.
    ///
    /// # Errors
    /// If the emulator has ended.
    pub fn type_text(&mut self, text: &str) -> Result<(), SessionError> {
        let typed = self.input.write_all(text.as_bytes());
        match typed.and_then(|()| self.input.flush()) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.ended("an end of the typed line")),
        }
    }

    /// Waits until `find` finds something in the cleaned output since a mark.
    ///
    /// # Errors
    /// If it does not come within the bound, the kernel panics or the emulator ends.
    pub fn wait_since<T>(
        &mut self,
        mark: usize,
        what: &str,
        bound: Duration,
        mut find: impl FnMut(&str) -> Option<T>,
    ) -> Result<T, SessionError> {
        let started = Instant::now();
        loop {
            let text = transcript::clean(self.bytes.get(mark..).unwrap_or_default());
            if transcript::has_panic(&text) {
                return Err(self.hear_epitaph(mark));
            }
            if let Some(found) = find(&text) {
                return Ok(found);
            }
            if self.has_ended {
                return Err(self.ended(what));
            }
            let left = bound.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(SessionError::TimedOut {
                    what: what.to_owned(),
                    bound,
                    latest: self.latest(),
                });
            }
            self.receive(left);
        }
    }

    /// Waits for a text in the output since the boot.
    ///
    /// # Errors
    /// As [`Self::wait_since`].
    pub fn wait_for_text(&mut self, text: &str, bound: Duration) -> Result<(), SessionError> {
        self.wait_since(0, text, bound, |output| output.contains(text).then_some(()))
    }

    /// Waits for the first prompt and tells what was printed before it.
    ///
    /// # Errors
    /// As [`Self::wait_since`].
    pub fn wait_for_prompt(&mut self, bound: Duration) -> Result<String, SessionError> {
        self.wait_since(0, "prompt", bound, |text| {
            transcript::find_prompt(text).map(|_| transcript::whole_lines(text).to_owned())
        })
    }

    /// Types a line at the prompt and waits for the next prompt. Each whole line of the answer is
    /// given to `see` as soon as it is there.
    ///
    /// # Errors
    /// As [`Self::wait_since`].
    pub fn command(
        &mut self,
        line: &str,
        bound: Duration,
        mut see: impl FnMut(&str),
    ) -> Result<Answer, SessionError> {
        let mark = self.mark();
        self.type_text(&format!("{line}\r"))?;
        let what = format!("prompt after {line:?}");
        let mut seen = 0;
        self.wait_since(mark, &what, bound, |text| {
            let (_echo, answer) = text.split_once('\n')?;
            let lines = transcript::whole_lines(answer);
            for line in lines.lines().skip(seen) {
                see(line);
                seen += 1;
            }
            let (answer, prompt) = transcript::find_answer(text)?;
            Some(Answer {
                text: answer.to_owned(),
                prompt,
            })
        })
    }

    /// Waits until the machine is off and tells what was printed since a mark.
    ///
    /// # Errors
    /// If it does not go off within the bound, or the kernel panics.
    pub fn wait_for_end(&mut self, mark: usize, bound: Duration) -> Result<String, SessionError> {
        let started = Instant::now();
        while !self.has_ended {
            let left = bound.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(SessionError::TimedOut {
                    what: "power-off".to_owned(),
                    bound,
                    latest: self.latest(),
                });
            }
            self.receive(left);
        }
        let text = transcript::clean(self.bytes.get(mark..).unwrap_or_default());
        if transcript::has_panic(&text) {
            return Err(self.hear_epitaph(mark));
        }
        Ok(text)
    }

    /// Types `halt` at the prompt and waits until the machine is off.
    ///
    /// # Errors
    /// As [`Self::wait_for_end`].
    pub fn power_off(&mut self, bound: Duration) -> Result<String, SessionError> {
        let mark = self.mark();
        self.type_text("halt\r")?;
        let text = self.wait_for_end(mark, bound)?;
        Ok(text
            .split_once('\n')
            .map_or("", |(_, rest)| rest)
            .to_owned())
    }

    /// Receives output for at most the given time; whether there was some.
    fn receive(&mut self, bound: Duration) -> bool {
        match self.output.recv_timeout(bound) {
            Ok(bytes) => {
                self.bytes.extend(bytes);
                true
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                self.has_ended = true;
                false
            }
        }
    }

    fn hear_epitaph(&mut self, mark: usize) -> SessionError {
        while !self.has_ended && self.receive(EPITAPH_PAUSE) {}
        let text = transcript::clean(self.bytes.get(mark..).unwrap_or_default());
        let start = text.find(transcript::PANIC).unwrap_or(0);
        SessionError::KernelPanic {
            epitaph: text.get(start..).unwrap_or_default().trim_end().to_owned(),
        }
    }

    fn ended(&mut self, what: &str) -> SessionError {
        while self.receive(EPITAPH_PAUSE) {}
        let (_, complaints) = self.emulator.end();
        SessionError::Ended {
            what: what.to_owned(),
            complaints,
            latest: self.latest(),
        }
    }

    fn latest(&self) -> String {
        let text = self.transcript();
        let lines: Vec<&str> = text.lines().collect();
        let start = lines.len().saturating_sub(LATEST_LINES);
        lines.get(start..).unwrap_or_default().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        Answer {
            text: text.to_owned(),
            prompt: Status::Succeeded,
        }
    }

    #[test]
    fn crash_is_a_failure_whatever_the_new_shell_prompts() {
        assert_eq!(answer("one\ntwo\n").status(), Status::Succeeded);
        let crash = answer("shell crashed: panicked at x.rs:1: y\n");
        assert_eq!(crash.status(), Status::Failed);
    }

    #[test]
    fn errors_show_the_latest_output() {
        let error = SessionError::TimedOut {
            what: "prompt".to_owned(),
            bound: Duration::from_secs(60),
            latest: "last words".to_owned(),
        };
        assert_eq!(
            error.to_string(),
            "no prompt within 60 s; the latest output was:\nlast words"
        );
        let error = SessionError::Ended {
            what: "prompt".to_owned(),
            complaints: "no such processor".to_owned(),
            latest: String::new(),
        };
        assert_eq!(
            error.to_string(),
            "the emulator ended before there was: prompt; it said:\nno such processor"
        );
    }
}
