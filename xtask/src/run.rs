//! `./x run`: the system on the terminal, on pipes, or typed at by a list of lines.

use crate::arguments::{MachineArguments, RunArguments};
use crate::emulator::{Emulator, TerminalSettings};
use crate::epitaph;
use crate::image::Image;
use crate::machine::{Clock, ExceptionLevel, Machine};
use crate::session::{Session, SessionError};
use crate::transcript::{PROMPT, PROMPT_AFTER_FAILURE, Status};
use anyhow::{Context, Result, bail, ensure};
use ipc_abi::service::console::LINE_BYTES;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

/// The command that powers off.
const HALT: &str = "halt";

impl From<&MachineArguments> for Machine {
    fn from(arguments: &MachineArguments) -> Self {
        Self {
            cpus: arguments.cpus,
            memory: arguments.memory,
            cpu: arguments.cpu.clone(),
            gic: arguments.gic,
            clock: if arguments.icount {
                Clock::Instructions
            } else {
                Clock::Host
            },
            level: if arguments.el2 {
                ExceptionLevel::Two
            } else {
                ExceptionLevel::One
            },
        }
    }
}

/// Finds what is wrong with the arguments before anything is built.
pub(crate) fn check(arguments: &RunArguments) -> Result<()> {
    let nowhere = Path::new("");
    Machine::from(&arguments.machine).arguments(nowhere, nowhere)?;
    let mut lines = arguments.exec.iter();
    lines.try_for_each(|line| check_line(line).with_context(|| format!("cannot type {line:?}")))
}

/// Boots the image as the arguments say, which [`check`] has passed.
pub(crate) fn run(arguments: &RunArguments, image: &Image) -> Result<()> {
    let mut machine = Machine::from(&arguments.machine);
    if arguments.ghost {
        machine.level = ExceptionLevel::Two;
    }
    let bound = Duration::from_secs(arguments.timeout);
    if !arguments.exec.is_empty() {
        let lines = arguments.exec.iter().cloned().map(Ok);
        return decode(type_lines(&machine, image, lines, bound), image);
    }
    if io::stdin().is_terminal() {
        return on_terminal(&machine, image);
    }
    let lines = read_lines(io::stdin().lock());
    decode(type_lines(&machine, image, lines, bound), image)
}

/// Gives the terminal to the emulator until it ends.
fn on_terminal(machine: &Machine, image: &Image) -> Result<()> {
    eprintln!("x: booting; type `help` at the prompt, Ctrl-A x ends the emulator");
    let _settings = TerminalSettings::save();
    let mut emulator = Emulator::boot_on_terminal(machine, image)?;
    let status = emulator.wait()?;
    ensure!(status.success(), "the emulator ended badly ({status})");
    Ok(())
}

/// Reads lines that can be typed, each when it is asked for.
fn read_lines(input: impl BufRead) -> impl Iterator<Item = Result<String>> {
    (1..).zip(input.split(b'\n')).map(|(number, line)| {
        let line = line.with_context(|| format!("cannot read line {number}"))?;
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        let text = std::str::from_utf8(line)
            .ok()
            .with_context(|| format!("cannot type line {number}: it is not UTF-8"))?;
        check_line(text).with_context(|| format!("cannot type line {number}, {text:?}"))?;
        Ok(text.to_owned())
    })
}

/// Types lines at the prompt, prints the answers, powers off. Fails if a line failed, and at once if
/// there is none where one is expected.
fn type_lines(
    machine: &Machine,
    image: &Image,
    lines: impl IntoIterator<Item = Result<String>>,
    bound: Duration,
) -> Result<()> {
    let mut session = Session::boot(machine, image)?;
    print(&session.wait_for_prompt(bound)?);
    print(PROMPT);
    let mut failed = Vec::new();
    for line in lines {
        let line = line?;
        if line.trim() == HALT {
            return power_off(&mut session, bound, &failed);
        }
        print(&format!("{line}\n"));
        let answer = session.command(&line, bound, |line| print(&format!("{line}\n")))?;
        print(match answer.prompt {
            Status::Succeeded => PROMPT,
            Status::Failed => PROMPT_AFTER_FAILURE,
        });
        if answer.status() == Status::Failed {
            failed.push(line);
        }
    }
    power_off(&mut session, bound, &failed)
}

/// A line is typed as it is: it must be one, and one that the console takes whole.
fn check_line(line: &str) -> Result<()> {
    let is_typed = |character: char| !character.is_control();
    ensure!(line.chars().all(is_typed), "it has a control character");
    let bytes = line.len();
    ensure!(
        bytes <= LINE_BYTES,
        "it has {bytes} bytes, more than {LINE_BYTES}"
    );
    Ok(())
}

fn power_off(session: &mut Session, bound: Duration, failed: &[String]) -> Result<()> {
    print(&format!("{HALT}\n"));
    print(&session.power_off(bound)?);
    match failed {
        [] => Ok(()),
        [line] => bail!("{line:?} failed"),
        lines => bail!("{} lines failed: {lines:?}", lines.len()),
    }
}

/// Adds the names of functions to a kernel's last words.
fn decode(result: Result<()>, image: &Image) -> Result<()> {
    result.map_err(|error| match error.downcast::<SessionError>() {
        Ok(SessionError::KernelPanic { epitaph }) => {
            anyhow::Error::msg(epitaph::decode(&epitaph, &image.kernel_elf))
        }
        Ok(other) => other.into(),
        Err(other) => other,
    })
}

/// Prints console output at once; a reader that went away is not our business.
fn print(text: &str) {
    let mut output = std::io::stdout().lock();
    let written = output.write_all(text.as_bytes());
    if written.and_then(|()| output.flush()).is_err() {
        // Nobody reads any more; the lines are still typed and judged.
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Arguments, Command};
    use clap::Parser;

    fn checked(line: &str) -> Result<()> {
        let words = ["x", "run", "--exec", "echo", "--exec", line];
        let arguments = Arguments::try_parse_from(words)?;
        let Command::Run(run) = &arguments.command else {
            bail!("it is `run`");
        };
        check(run)
    }

    /// What is read, with errors as they are told.
    fn read(input: &[u8]) -> Vec<Result<String, String>> {
        let lines = read_lines(input);
        lines
            .map(|line| line.map_err(|error| format!("{error:#}")))
            .collect()
    }

    #[test]
    fn lines_with_control_characters_are_refused_before_the_boot() {
        for line in ["a\nb", "a\r", "\u{3}"] {
            let error = checked(line).expect_err("it is not one line");
            assert_eq!(
                format!("{error:#}"),
                format!("cannot type {line:?}: it has a control character")
            );
        }
        assert!(checked("echo grüße").is_ok());
    }

    #[test]
    fn lines_that_the_console_would_cut_are_refused_before_the_boot() {
        assert!(checked(&"x".repeat(LINE_BYTES)).is_ok());
        let long = "x".repeat(LINE_BYTES + 1);
        let error = checked(&long).expect_err("one past the limit");
        assert_eq!(
            format!("{error:#}"),
            format!("cannot type {long:?}: it has 241 bytes, more than 240")
        );
        let short = "é".repeat(LINE_BYTES / 2 + 1);
        assert!(checked(&short).is_err(), "bytes count, not characters");
    }

    #[test]
    fn lines_are_read_one_by_one() {
        let one = |text: &str| Ok(text.to_owned());
        assert_eq!(read(b""), []);
        assert_eq!(
            read(b"a\r\n\ngr\xC3\xBC\xC3\x9Fe"),
            [one("a"), one(""), one("grüße")]
        );
    }

    #[test]
    fn line_that_cannot_be_typed_is_told_by_its_number() {
        let wrong = |text: &str| Err(text.to_owned());
        let not_text = "cannot type line 2: it is not UTF-8";
        let read_all = read(b"echo 1\necho \xFF\nnosuch\n");
        assert_eq!(read_all[..2], [Ok("echo 1".to_owned()), wrong(not_text)]);
        let control = "cannot type line 1, \"a\\tb\": it has a control character";
        assert_eq!(read(b"a\tb\n"), [wrong(control)]);
        let long = "x".repeat(LINE_BYTES + 1);
        let told = format!("cannot type line 1, {long:?}: it has 241 bytes, more than 240");
        assert_eq!(read(long.as_bytes()), [wrong(&told)]);
    }
}
