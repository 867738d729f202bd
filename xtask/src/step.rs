//! One long command with visible progress: a spinner with its latest line on a terminal, a line
//! now and then elsewhere. What it printed is shown only when it fails.

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(120);
/// How often a step says that it still runs where there is no terminal.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// The most of a latest line that is shown, in characters.
const LINE_CHARACTERS: usize = 70;
/// Steps shorter than this are not worth a line.
const WORTH_A_LINE: Duration = Duration::from_secs(2);

/// How cargo's lines about what it is busy with start.
const BUSY: [&str; 5] = [
    "Compiling",
    "Checking",
    "Downloading",
    "Downloaded",
    "Fresh",
];

/// How a step ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Its exit status.
    pub status: ExitStatus,
    /// Standard output and standard error, line by line in the order of arrival.
    pub lines: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

/// A step with a name that a person reads.
pub(crate) struct Step {
    name: String,
    progress: ProgressBar,
    started: Instant,
}

impl Step {
    /// Starts to show a step.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let progress = if std::io::stderr().is_terminal() {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} ({elapsed}) {msg}") {
            progress.set_style(style);
        }
        progress.set_prefix(name.clone());
        progress.enable_steady_tick(TICK);
        Self {
            name,
            progress,
            started: Instant::now(),
        }
    }

    /// Runs a command; its failure is an error that shows what it printed.
    pub(crate) fn run(self, command: &mut Command) -> Result<Outcome> {
        let name = self.name.clone();
        let outcome = self.observe(command, |_| ())?;
        if !outcome.status.success() {
            eprintln!("{}", without_progress(&outcome.lines));
            bail!("{name} failed ({})", outcome.status);
        }
        Ok(outcome)
    }

    /// Runs a command and gives each of its lines to `see`; its failure is for the caller.
    pub(crate) fn observe(
        self,
        command: &mut Command,
        mut see: impl FnMut(&str),
    ) -> Result<Outcome> {
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .spawn()
            .with_context(|| format!("{}: cannot run {program}", self.name))?;
        let (sender, lines) = mpsc::channel();
        read_lines(&mut child, &sender);
        drop(sender);
        let mut seen = Vec::new();
        let mut spoken = Instant::now();
        loop {
            match lines.recv_timeout(HEARTBEAT) {
                Ok(line) => {
                    self.progress.set_message(shorten(&line));
                    see(&line);
                    seen.push(line);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.progress.is_hidden() && spoken.elapsed() >= HEARTBEAT {
                let latest = seen.last().map(|line| shorten(line)).unwrap_or_default();
                let seconds = self.started.elapsed().as_secs();
                eprintln!("x: {} ({seconds} s): {latest}", self.name);
                spoken = Instant::now();
            }
        }
        let status = child.wait().context("cannot wait for a child")?;
        Ok(Outcome {
            status,
            lines: seen,
            elapsed: self.started.elapsed(),
        })
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.progress.finish_and_clear();
        let elapsed = self.started.elapsed();
        if elapsed >= WORTH_A_LINE {
            eprintln!("x: {}: {:.1} s", self.name, elapsed.as_secs_f64());
        }
    }
}

/// Reads both outputs of a child on threads that end with it.
fn read_lines(child: &mut Child, sender: &Sender<String>) {
    fn forward(source: impl Read + Send + 'static, sender: Sender<String>) {
        thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n') {
                let Ok(line) = line else { return };
                let line = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
    }
    if let Some(output) = child.stdout.take() {
        forward(output, sender.clone());
    }
    if let Some(errors) = child.stderr.take() {
        forward(errors, sender.clone());
    }
}

/// What was printed but for cargo's lines about what it is busy with.
pub(crate) fn without_progress(lines: &[String]) -> String {
    let is_progress = |line: &str| {
        let verb = line.trim_start().split(' ').next().unwrap_or_default();
        line.starts_with(' ') && BUSY.contains(&verb)
    };
    let lines = lines.iter().filter(|line| !is_progress(line));
    lines.map(String::as_str).collect::<Vec<_>>().join("\n")
}

/// The start of a line.
fn shorten(line: &str) -> String {
    line.trim().chars().take(LINE_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_outputs_are_collected() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2"]);
        let outcome = Step::new("test").run(&mut command).expect("it succeeds");
        let mut lines = outcome.lines;
        lines.sort();
        assert_eq!(lines, ["one", "two"]);
    }

    #[test]
    fn failure_names_the_step() {
        let mut command = Command::new("false");
        let error = Step::new("a step").run(&mut command).expect_err("it fails");
        assert_eq!(error.to_string(), "a step failed (exit status: 1)");
    }

    #[test]
    fn missing_program_is_named() {
        let mut command = Command::new("no-such-program");
        let error = Step::new("a step").run(&mut command).expect_err("it fails");
        assert_eq!(error.to_string(), "a step: cannot run no-such-program");
    }

    #[test]
    fn lines_of_progress_are_left_out() {
        let lines = [
            "   Compiling a v1",
            "error: b",
            "  Compiling c",
            "    Finished d",
        ];
        let kept = without_progress(&lines.map(str::to_owned));
        assert_eq!(kept, "error: b\n    Finished d");
    }

    #[test]
    fn long_lines_are_cut() {
        let line = "ä".repeat(LINE_CHARACTERS + 1);
        assert_eq!(shorten(&line).chars().count(), LINE_CHARACTERS);
    }
}
