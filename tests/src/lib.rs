#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod ghost;
pub mod memory;
mod report;
pub mod scene;

pub use report::{Fact, read_facts};

use anyhow::{Context, Result, bail, ensure};
use ghost::{Cases, Ghosts};
use memory::{MEMORY_BYTES, MEMORY_START, Snapshot};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use xtask::image::{Image, Kernel, Programs};
use xtask::machine::{ExceptionLevel, Machine};
use xtask::monitor::Monitor;
use xtask::session::{Answer, Session, SessionError};
use xtask::transcript::Status;

/// How long a boot may take; an emulator that counts instructions on a busy host is slow.
pub const BOOT_BOUND: Duration = Duration::from_secs(60);
/// How long a command may take.
pub const COMMAND_BOUND: Duration = Duration::from_secs(60);
/// How long the machine may take to go off.
pub const OFF_BOUND: Duration = Duration::from_secs(30);

/// The variable that lets every system run on the kernel with its ghost; it names the file for what the
/// ghosts counted.
const GHOST_VARIABLE: &str = "PECAN_GHOST";
/// How many times longer everything may take with a ghost.
const GHOST_PATIENCE: u32 = 10;
/// How often the emulator is asked whether a moment has come.
const PAUSE: Duration = Duration::from_millis(50);

/// What a case boots.
#[derive(Clone, Debug, Default)]
pub struct BootOptions {
    /// A system of `tests/systems` by name; the board's own if `None`.
    pub system: Option<String>,
    /// The kernel.
    pub kernel: Kernel,
    /// The machine.
    pub machine: Machine,
}

/// The compiled programs, and the systems that were put together from them so far.
pub struct Workshop {
    shipped: Programs,
    checking: Option<Programs>,
    ghost: Option<Programs>,
    ghosts: Arc<Ghosts>,
    images: Mutex<BTreeMap<(String, Kernel), Image>>,
}

impl Workshop {
    /// Compiles everything with the toolchain of the environment.
    ///
    /// # Errors
    /// If the toolchain is not complete or something does not compile.
    pub fn open() -> Result<Self> {
        let toolchain = xtask::prepared_toolchain()?;
        let shipped = Programs::build_all(&toolchain)?;
        let build = |which| shipped.with_kernel(&toolchain, which);
        // The ghost's kernel has the assertions too.
        let (checking, ghost) = if std::env::var_os(GHOST_VARIABLE).is_some() {
            (None, Some(build(Kernel::Ghost)?))
        } else {
            (Some(build(Kernel::Checking)?), None)
        };
        Ok(Self {
            checking,
            ghost,
            ghosts: Arc::default(),
            shipped,
            images: Mutex::default(),
        })
    }

    /// Whether every system runs on the kernel with its ghost.
    #[must_use]
    pub fn has_ghost(&self) -> bool {
        self.ghost.is_some()
    }

    /// How long something may take that may take `bound` without a ghost.
    #[must_use]
    pub fn bound(&self, bound: Duration) -> Duration {
        bound * self.patience()
    }

    fn patience(&self) -> u32 {
        if self.has_ghost() { GHOST_PATIENCE } else { 1 }
    }

    /// Fails if a ghost did not come to its end. Every case lets its machine go off by itself.
    ///
    /// # Errors
    /// If one did not.
    pub fn check_ghosts(&self) -> Result<()> {
        if self.has_ghost() {
            self.ghosts.check_ends()?;
        }
        Ok(())
    }

    /// Writes what the ghosts counted to the file that the environment names; tells it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn report_ghosts(&self, cases: Cases) -> Result<Option<String>> {
        let path = std::env::var_os(GHOST_VARIABLE).map(PathBuf::from);
        path.map(|path| self.ghosts.report(&path, cases))
            .transpose()
    }

    /// The machine of a case. The ghost gives back the time that it takes, for which it needs EL2.
    fn machine(&self, options: &BootOptions) -> Machine {
        let mut machine = options.machine.clone();
        if self.has_ghost() {
            machine.level = ExceptionLevel::Two;
        }
        machine
    }

    /// Boots a system; nothing is waited for.
    ///
    /// # Errors
    /// If the system breaks a rule of the builder or the machine cannot exist.
    pub fn boot(&self, options: &BootOptions) -> Result<System> {
        let image = self.image(options)?;
        self.ghosts.begin();
        Ok(System {
            session: Session::boot(&self.machine(options), &image)?,
            name: name_of(options).to_owned(),
            ghosts: self.has_ghost().then(|| Arc::clone(&self.ghosts)),
            patience: self.patience(),
        })
    }

    /// Boots a system whose emulator can be spoken to; nothing is waited for.
    ///
    /// # Errors
    /// As [`Self::boot`].
    pub fn boot_monitored(&self, options: &BootOptions, name: &str) -> Result<Watched> {
        let image = self.image(options)?;
        let folder = std::env::temp_dir();
        let path = |end: &str| folder.join(format!("pecan-{}-{name}.{end}", std::process::id()));
        let socket = path("monitor");
        self.ghosts.begin();
        let session = Session::boot_monitored(&self.machine(options), &image, &socket)?;
        Ok(Watched {
            system: System {
                session,
                name: name_of(options).to_owned(),
                ghosts: self.has_ghost().then(|| Arc::clone(&self.ghosts)),
                patience: self.patience(),
            },
            image,
            socket,
            file: path("memory"),
        })
    }

    /// Boots a system and waits for its prompt.
    ///
    /// # Errors
    /// As [`Self::boot`], and if there is no prompt within [`BOOT_BOUND`].
    pub fn boot_to_prompt(&self, options: &BootOptions) -> Result<System> {
        let mut system = self.boot(options)?;
        system.session.wait_for_prompt(self.bound(BOOT_BOUND))?;
        Ok(system)
    }

    fn image(&self, options: &BootOptions) -> Result<Image> {
        let name = name_of(options);
        let kernel = match self.ghost {
            Some(_) => Kernel::Ghost,
            None => options.kernel,
        };
        let key = (name.to_owned(), kernel);
        let programs = match kernel {
            Kernel::Shipped => Some(&self.shipped),
            Kernel::Checking => self.checking.as_ref(),
            Kernel::Ghost => self.ghost.as_ref(),
        };
        let programs = programs.context("this kernel was not built")?;
        // A case that panicked while it held the lock has left a map that is whole.
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = images.get(&key) {
            return Ok(image.clone());
        }
        let image = programs.assemble(name)?;
        images.insert(key, image.clone());
        Ok(image)
    }
}

/// The name of the system of a case.
fn name_of(options: &BootOptions) -> &str {
    let name = options.system.as_deref();
    name.unwrap_or(xtask::image::DEFAULT_SYSTEM)
}

/// A booted system, and how to look into its machine.
pub struct Watched {
    /// The system.
    pub system: System,
    /// What was booted.
    pub image: Image,
    socket: PathBuf,
    file: PathBuf,
}

impl Watched {
    /// Connects to the emulator, which has printed something already.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn monitor(&self) -> Result<Monitor> {
        Monitor::connect(&self.socket)
    }

    /// The machine's memory now.
    ///
    /// # Errors
    /// If the emulator does not answer.
    pub fn look(&self, monitor: &mut Monitor) -> Result<Snapshot> {
        monitor.stop()?;
        let memory = monitor.read_memory(MEMORY_START, MEMORY_BYTES, &self.file);
        monitor.go_on()?;
        Ok(Snapshot::new(&memory?))
    }

    /// The machine's memory at a moment when the word at `address` is `value`; waits for that.
    ///
    /// # Errors
    /// If the emulator does not answer, or the moment does not come within `bound`.
    pub fn look_when(
        &mut self,
        monitor: &mut Monitor,
        (address, value): (u64, u64),
        bound: Duration,
    ) -> Result<Snapshot> {
        let started = Instant::now();
        loop {
            let word = monitor.read_memory(address, 8, &self.file)?;
            if word == value.to_le_bytes() {
                let snapshot = self.look(monitor)?;
                ensure!(snapshot.word(address) == value, "the moment was too short");
                return Ok(snapshot);
            }
            ensure!(started.elapsed() < bound, "moment {value} does not come");
            // Nothing announces the moment; whatever is printed meanwhile ends the pause.
            let session = self.system.session();
            let mark = session.mark();
            let printed = session.wait_since(mark, "a line", PAUSE, |text| {
                (!text.is_empty()).then_some(())
            });
            if let Err(error @ (SessionError::KernelPanic { .. } | SessionError::Ended { .. })) =
                printed
            {
                return Err(error.into());
            }
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // The emulator may have taken it along.
        let _gone = std::fs::remove_file(&self.socket);
    }
}

/// A booted system that a case looks at from outside.
pub struct System {
    session: Session,
    name: String,
    ghosts: Option<Arc<Ghosts>>,
    patience: u32,
}

impl Drop for System {
    fn drop(&mut self) {
        if let Some(ghosts) = &self.ghosts {
            ghosts.hear(&self.name, &self.session.transcript());
        }
    }
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
        let bound = COMMAND_BOUND * self.patience;
        Ok(self.session.wait_for_text(text, bound)?)
    }

    /// Waits until the machine is off by itself; tells all that was printed.
    ///
    /// # Errors
    /// If it does not go off within [`COMMAND_BOUND`].
    pub fn wait_for_end(&mut self) -> Result<String> {
        let bound = COMMAND_BOUND * self.patience;
        Ok(self.session.wait_for_end(0, bound)?)
    }

    /// Types `halt` and expects the machine to go off.
    ///
    /// # Errors
    /// If it does not within [`OFF_BOUND`].
    pub fn power_off(mut self) -> Result<()> {
        self.session.power_off(OFF_BOUND * self.patience)?;
        Ok(())
    }

    /// The conversation, for what no other function does.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    fn command(&mut self, line: &str) -> Result<Answer> {
        let bound = COMMAND_BOUND * self.patience;
        Ok(self.session.command(line, bound, |_| ())?)
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
