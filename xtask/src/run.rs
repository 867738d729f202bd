//! `./x run`: the system on the terminal, on pipes, or typed at by a list of lines.

use crate::arguments::{MachineArguments, RunArguments};
use crate::emulator::{Emulator, TerminalSettings};
use crate::epitaph;
use crate::image::Image;
use crate::machine::{Clock, ExceptionLevel, Machine};
use crate::session::{Session, SessionError};
use crate::transcript::{PROMPT, PROMPT_AFTER_FAILURE, Status};
use anyhow::{Result, bail, ensure};
use std::io::{IsTerminal, Write};
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
    arguments.exec.iter().try_for_each(|line| check_line(line))
}

/// Boots the image as the arguments say.
pub(crate) fn run(arguments: &RunArguments, image: &Image) -> Result<()> {
    let mut machine = Machine::from(&arguments.machine);
    if arguments.ghost {
        machine.level = ExceptionLevel::Two;
    }
    let bound = Duration::from_secs(arguments.timeout);
    if !arguments.exec.is_empty() {
        return decode(type_lines(&machine, image, &arguments.exec, bound), image);
    }
    if std::io::stdin().is_terminal() {
        return on_terminal(&machine, image);
    }
    let lines = std::io::stdin().lines().map_while(|line| line.ok());
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

/// Types lines at the prompt, prints the answers, powers off. Fails if a line failed.
fn type_lines(
    machine: &Machine,
    image: &Image,
    lines: impl IntoIterator<Item = impl AsRef<str>>,
    bound: Duration,
) -> Result<()> {
    let mut session = Session::boot(machine, image)?;
    print(&session.wait_for_prompt(bound)?);
    print(PROMPT);
    let mut failed = Vec::new();
    for line in lines {
        let line = line.as_ref();
        check_line(line)?;
        if line.trim() == HALT {
            return power_off(&mut session, bound, &failed);
        }
        print(&format!("{line}\n"));
        let answer = session.command(line, bound, |line| print(&format!("{line}\n")))?;
        print(match answer.prompt {
            Status::Succeeded => PROMPT,
            Status::Failed => PROMPT_AFTER_FAILURE,
        });
        if answer.status() == Status::Failed {
            failed.push(line.to_owned());
        }
    }
    power_off(&mut session, bound, &failed)
}

/// A line is typed as it is: it must be one.
fn check_line(line: &str) -> Result<()> {
    let is_typed = |character: char| !character.is_control();
    ensure!(
        line.chars().all(is_typed),
        "cannot type {line:?}: it has a control character"
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

    #[test]
    fn lines_with_control_characters_are_not_typed() {
        for line in ["a\nb", "a\r", "\u{3}"] {
            let error = check_line(line).expect_err("it is not one line");
            assert_eq!(
                error.to_string(),
                format!("cannot type {line:?}: it has a control character")
            );
        }
        assert!(check_line("echo grüße").is_ok());
    }
}
