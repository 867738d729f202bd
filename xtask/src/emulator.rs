//! The emulator as a child process that never outlives us.

use crate::image::Image;
use crate::machine::{EMULATOR, Machine};
use crate::toolchain::find_on_path;
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

/// A running emulator. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Emulator {
    child: Child,
    complaints: Option<JoinHandle<String>>,
}

/// The two ends of the serial line of an emulator.
#[derive(Debug)]
pub(crate) struct SerialLine {
    /// What is typed.
    pub input: ChildStdin,
    /// What is printed.
    pub output: ChildStdout,
}

impl Emulator {
    /// Boots with the serial line on pipes, and the emulator's monitor on a socket if one is named.
    pub(crate) fn boot(
        machine: &Machine,
        image: &Image,
        monitor: Option<&Path>,
    ) -> Result<(Self, SerialLine)> {
        let mut command = command(machine, image)?;
        let monitor = match monitor {
            Some(socket) => format!("unix:{},server=on,wait=off", socket.display()),
            None => "none".to_owned(),
        };
        command.args(["-monitor", &monitor, "-serial", "stdio"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::piped());
        let mut child = spawn(&mut command)?;
        let input = child.stdin.take().context("no input of the emulator")?;
        let output = child.stdout.take().context("no output of the emulator")?;
        let errors = child.stderr.take().context("no errors of the emulator")?;
        let complaints = thread::spawn(move || {
            let lines = BufReader::new(errors).lines();
            lines
                .map_while(|line| line.ok())
                .collect::<Vec<_>>()
                .join("\n")
        });
        let emulator = Self {
            child,
            complaints: Some(complaints),
        };
        Ok((emulator, SerialLine { input, output }))
    }

    /// Boots with the serial line and the emulator's monitor on our own terminal.
    pub(crate) fn boot_on_terminal(machine: &Machine, image: &Image) -> Result<Self> {
        let mut command = command(machine, image)?;
        command.args(["-serial", "mon:stdio"]);
        let child = spawn(&mut command)?;
        Ok(Self {
            child,
            complaints: None,
        })
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus> {
        self.child.wait().context("cannot wait for the emulator")
    }

    /// Ends it, and tells what it printed on its standard error.
    pub(crate) fn end(&mut self) -> (Option<ExitStatus>, String) {
        let by_itself = self.child.try_wait().ok().flatten();
        if by_itself.is_none() {
            // It may end on its own in between: then there is nothing to kill.
            let _gone = self.child.kill();
        }
        let status = self.child.wait().ok();
        let complaints = self.complaints.take().and_then(|it| it.join().ok());
        (by_itself.or(status), complaints.unwrap_or_default())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.end();
    }
}

/// The emulator's command line, wrapped so that the kernel of the host ends it when we die,
/// by whatever signal.
fn command(machine: &Machine, image: &Image) -> Result<Command> {
    let mut command = match find_on_path("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", EMULATOR]);
            command
        }
        None => Command::new(EMULATOR),
    };
    command.args(machine.arguments(&image.kernel, &image.package)?);
    Ok(command)
}

fn spawn(command: &mut Command) -> Result<Child> {
    command
        .spawn()
        .with_context(|| format!("cannot run {EMULATOR}"))
}

/// The settings of the terminal, put back when dropped: an emulator that is killed leaves it raw.
#[derive(Debug)]
pub(crate) struct TerminalSettings(Option<String>);

impl TerminalSettings {
    /// Remembers the settings, if standard input is a terminal.
    pub(crate) fn save() -> Self {
        if !std::io::stdin().is_terminal() {
            return Self(None);
        }
        let mut command = Command::new("stty");
        let output = command.arg("-g").stdin(Stdio::inherit()).output().ok();
        let settings = output.filter(|output| output.status.success());
        Self(settings.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()))
    }
}

impl Drop for TerminalSettings {
    fn drop(&mut self) {
        if let Some(settings) = &self.0 {
            let restored = Command::new("stty").arg(settings).status();
            if !restored.is_ok_and(|status| status.success()) {
                eprintln!("x: the terminal could not be restored: run `stty sane`");
            }
        }
    }
}
