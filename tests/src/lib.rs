#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod report;

pub use report::{Fact, read_facts};

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use xtask::image::{Image, Programs};
use xtask::machine::Machine;
use xtask::session::{Answer, Session};
use xtask::transcript::Status;

/// How long a boot may take; an emulator that counts instructions on a busy host is slow.
pub const BOOT_BOUND: Duration = Duration::from_secs(60);
/// How long a command may take.
pub const COMMAND_BOUND: Duration = Duration::from_secs(60);
/// How long the machine may take to go off.
pub const OFF_BOUND: Duration = Duration::from_secs(30);

/// What a case boots.
#[derive(Clone, Debug, Default)]
pub struct BootOptions {
    /// A system of `tests/systems` by name; the board's own if `None`.
    pub system: Option<String>,
    /// The machine.
    pub machine: Machine,
}

/// The compiled programs, and the systems that were put together from them so far.
pub struct Workshop {
    programs: Programs,
    images: Mutex<BTreeMap<String, Image>>,
}

impl Workshop {
    /// Compiles everything with the toolchain of the environment.
    ///
    /// # Errors
    /// If the toolchain is not complete or something does not compile.
    pub fn open() -> Result<Self> {
        let toolchain = xtask::prepared_toolchain()?;
        Ok(Self {
            programs: Programs::build_all(&toolchain)?,
            images: Mutex::default(),
        })
    }

    /// Boots a system; nothing is waited for.
    ///
    /// # Errors
    /// If the system breaks a rule of the builder or the machine cannot exist.
    pub fn boot(&self, options: &BootOptions) -> Result<System> {
        let system = options.system.as_deref();
        let image = self.image(system.unwrap_or(xtask::image::DEFAULT_SYSTEM))?;
        Ok(System {
            session: Session::boot(&options.machine, &image)?,
        })
    }

    /// Boots a system and waits for its prompt.
    ///
    /// # Errors
    /// As [`Self::boot`], and if there is no prompt within [`BOOT_BOUND`].
    pub fn boot_to_prompt(&self, options: &BootOptions) -> Result<System> {
        let mut system = self.boot(options)?;
        system.session.wait_for_prompt(BOOT_BOUND)?;
        Ok(system)
    }

    fn image(&self, name: &str) -> Result<Image> {
        // A case that panicked while it held the lock has left a map that is whole.
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = images.get(name) {
            return Ok(image.clone());
        }
        let image = self.programs.assemble(name)?;
        images.insert(name.to_owned(), image.clone());
        Ok(image)
    }
}

/// A booted system that a case looks at from outside.
pub struct System {
    session: Session,
}

impl System {
    /// Types a line and expects it to succeed; tells what was answered.
    ///
    /// # Errors
    /// If it fails, or there is no prompt within [`COMMAND_BOUND`].
    pub fn succeed(&mut self, line: &str) -> Result<String> {
        let answer = self.command(line)?;
        match answer.status() {
            Status::Succeeded => Ok(answer.text),
            Status::Failed => bail!("{line:?} failed:\n{}", self.session.transcript()),
        }
    }

    /// Types a line and expects it to fail; tells what was answered.
    ///
    /// # Errors
    /// If it succeeds, or there is no prompt within [`COMMAND_BOUND`].
    pub fn fail(&mut self, line: &str) -> Result<String> {
        let answer = self.command(line)?;
        match answer.status() {
            Status::Failed => Ok(answer.text),
            Status::Succeeded => bail!("{line:?} succeeded:\n{}", self.session.transcript()),
        }
    }

    /// Waits until a text was printed.
    ///
    /// # Errors
    /// If it does not come within [`COMMAND_BOUND`].
    pub fn wait_for(&mut self, text: &str) -> Result<()> {
        Ok(self.session.wait_for_text(text, COMMAND_BOUND)?)
    }

    /// Waits until the machine is off by itself; tells all that was printed.
    ///
    /// # Errors
    /// If it does not go off within [`COMMAND_BOUND`].
    pub fn wait_for_end(&mut self) -> Result<String> {
        Ok(self.session.wait_for_end(0, COMMAND_BOUND)?)
    }

    /// Types `halt` and expects the machine to go off.
    ///
    /// # Errors
    /// If it does not within [`OFF_BOUND`].
    pub fn power_off(mut self) -> Result<()> {
        self.session.power_off(OFF_BOUND)?;
        Ok(())
    }

    /// The conversation, for what no other function does.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    fn command(&mut self, line: &str) -> Result<Answer> {
        Ok(self.session.command(line, COMMAND_BOUND, |_| ())?)
    }
}

/// The systems of `tests/systems`, by name.
///
/// # Errors
/// If the folder cannot be read.
pub fn system_names() -> Result<Vec<String>> {
    let folder = xtask::workspace::root().join("tests/systems");
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".toml").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Fails with the answer if it lacks a text.
///
/// # Errors
/// If the text is not there.
pub fn expect_text(answer: &str, text: &str) -> Result<()> {
    if answer.contains(text) {
        Ok(())
    } else {
        bail!("{text:?} is not in the answer:\n{answer}")
    }
}
