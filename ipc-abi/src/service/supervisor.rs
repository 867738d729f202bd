//! The supervisor's service: what runs, what it takes, what it may do; power; what there is to say.
//!
//! The permissions are given by name in `system.toml`.

use heapless::String;

use crate::interface::{Batch, Caller, Promise};
use crate::manifest::Name;
use crate::{interface, payload};

/// What runs, what it takes, what it may do; power; what there is to say.
#[interface(version = 3, reserved(1, "process", 3, "capability"))]
pub trait Supervisor {
    /// Tells about the machine's memory.
    #[method(2)]
    fn memory(&mut self) -> MemoryInfo;

    /// Switches the machine off; comes back only with an error. Needs the permission `halt`.
    ///
    /// # Errors
    ///
    /// `NotPermitted`, `Refused`.
    #[method(4)]
    fn halt(&mut self, caller: Caller) -> Result<(), SupervisorError>;

    /// Takes the oldest line that the supervisor has to say, or waits for one. Needs the permission
    /// `log`; one caller waits at a time. Refusals: `NotPermitted`, `Busy`.
    #[method(5)]
    fn next_line(&mut self, caller: Caller, promise: Promise<Result<Line, SupervisorError>>);

    /// Lists the processes, in the order of their numbers, which count from 0.
    #[method(6)]
    fn processes(&mut self, batch: &mut Batch<'_, ProcessInfo>);

    /// Lists the occupied slots of the capability table of the process with this number.
    ///
    /// # Errors
    ///
    /// `NoSuchProcess`, `NotRunning`.
    #[method(7)]
    fn capabilities(
        &mut self,
        process: u32,
        batch: &mut Batch<'_, SlotInfo>,
    ) -> Result<(), SupervisorError>;

    /// Ends the process with this number as a crash does: its policy says whether it is started
    /// again. Needs the permission `kill`.
    ///
    /// # Errors
    ///
    /// `NotPermitted`, `NoSuchProcess`, `NotRunning`, `Itself`.
    #[method(8)]
    fn kill(&mut self, caller: Caller, number: u32) -> Result<(), SupervisorError>;

    /// Says a line of at most [`SAY_BYTES`], and that so many of the caller's lines were lost before. Needs the
    /// permission `say`, which goes with the key `log` of `system.toml`; what is below the level given there is
    /// not said. Nobody waits: when too many lines of the caller wait to be taken, this one is counted as lost.
    #[method(9, one_way)]
    fn say(&mut self, caller: Caller, level: LogLevel, lost: u32, text: &str);
}

/// The permissions that a caller of the supervisor can have, by number.
pub const PERMISSIONS: &[&str] = &["halt", "log", "kill", "say"];
/// May switch the machine off.
pub const PERMISSION_HALT: u32 = 0;
/// May take the lines that the supervisor has to say.
pub const PERMISSION_LOG: u32 = 1;
/// May end processes.
pub const PERMISSION_KILL: u32 = 2;
/// May say lines.
pub const PERMISSION_SAY: u32 = 3;

/// The most bytes of a line that the supervisor says.
pub const LINE_BYTES: usize = 400;
/// A line that the supervisor says, without its end.
pub type Line = String<LINE_BYTES>;

/// The most bytes of a line that a process says: name and level come before it.
pub const SAY_BYTES: usize = 360;

/// How much a line matters; the first matters most.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something is wrong.
    Error,
    /// Something may be wrong.
    Warn,
    /// What happens.
    Info,
    /// What a developer wants to know.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// Every level.
    pub const ALL: &'static [LogLevel] = &[
        LogLevel::Error,
        LogLevel::Warn,
        LogLevel::Info,
        LogLevel::Debug,
        LogLevel::Trace,
    ];

    /// Its name, in `system.toml` and before a line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }

    /// The level of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<LogLevel> {
        let mut levels = LogLevel::ALL.iter().copied();
        levels.find(|level| level.name() == name)
    }
}

/// One process, as `ps` shows it.
#[payload]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Its name.
    pub name: Name,
    /// How it is.
    pub state: ProcessState,
    /// The priority of its thread.
    pub priority: u8,
    /// How often it was started again.
    pub restarts: u32,
    /// Frames that it takes, its kernel objects and page tables included.
    pub frames: u32,
}

/// How a process is.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// Runs or could run.
    Ready,
    /// Waits for the reply to a call.
    Calling,
    /// Waits for somebody to receive its message.
    Sending,
    /// Waits for a message.
    Receiving,
    /// Waits for a signal.
    Waiting,
    /// Its thread was stopped.
    Stopped,
    /// It died and is not started again.
    Dead,
}

impl ProcessState {
    /// The word by which `ps` shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ProcessState::Ready => "ready",
            ProcessState::Calling => "calling",
            ProcessState::Sending => "sending",
            ProcessState::Receiving => "receiving",
            ProcessState::Waiting => "waiting",
            ProcessState::Stopped => "stopped",
            ProcessState::Dead => "dead",
        }
    }
}

/// The machine's memory, as `mem` shows it.
#[payload]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryInfo {
    /// Frames that the kernel left to user space.
    pub total_frames: u64,
    /// Of these, frames that nobody has.
    pub free_frames: u64,
    /// Of these, frames that a torn-down process could not give back: 0 unless something is wrong.
    pub lost_frames: u64,
}

/// An occupied slot of a process's capability table, as `caps` shows it.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotInfo {
    /// Which slot.
    pub slot: u32,
    /// The number of its [`crate::capability::Kind`].
    pub kind: u8,
    /// The number of its [`crate::capability::Rights`].
    pub rights: u8,
    /// Whether the object still exists.
    pub is_live: bool,
}

/// Why the supervisor refuses.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SupervisorError {
    /// There is no process with this number. Ask for a lower one.
    NoSuchProcess,
    /// The process is dead and has no table. Wait until it is started again.
    NotRunning,
    /// The caller's gate does not have the permission. Grant it in `system.toml`.
    NotPermitted,
    /// Somebody else waits for the next line. There should be one that says them.
    Busy,
    /// The kernel refused to switch the machine off.
    Refused,
    /// The supervisor does not end itself. Switch the machine off.
    Itself,
}
