//! A process over all its lives.

use alloc::boxed::Box;

use ipc_abi::capability::ThreadState;
use ipc_abi::manifest::Process as Description;
use ipc_abi::service::supervisor::ProcessState;

use crate::grant::Grants;
use crate::instance::Instance;
use crate::policy::History;
use crate::store::Holdings;

/// The number of the supervisor itself.
pub const OWN_NUMBER: usize = 0;

/// The number of a process as badges have it; there are at most 32.
#[must_use]
pub fn process_number(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(u8::MAX)
}

/// A process.
pub struct Process {
    /// What the manifest says about it.
    pub description: Box<Description>,
    /// What outlives it: its allowances, and its ends of [`crate::links::Links`].
    pub estate: Holdings,
    /// The authority that outlives it.
    pub grants: Grants,
    /// Its present life; `None` while it is dead, and for the supervisor itself.
    pub instance: Option<Instance>,
    /// How often it was started again.
    pub restarts: u32,
    /// When it was started again.
    pub history: History,
}

impl Process {
    /// A process that was not started yet.
    #[must_use]
    pub fn new(description: Description) -> Process {
        Process {
            description: Box::new(description),
            estate: Holdings::default(),
            grants: Grants::default(),
            instance: None,
            restarts: 0,
            history: History::default(),
        }
    }

    /// How many frames it takes.
    #[must_use]
    pub fn frames(&self) -> u64 {
        let regions: u64 = self.grants.regions().map(|region| region.frames).sum();
        let life = self
            .instance
            .as_ref()
            .map_or(0, |instance| instance.holdings.frames());
        self.estate.frames() + life + regions
    }
}

/// What `ps` shows of a thread's state.
#[must_use]
pub const fn process_state(state: ThreadState) -> ProcessState {
    match state {
        ThreadState::Ready => ProcessState::Ready,
        ThreadState::Calling => ProcessState::Calling,
        ThreadState::Sending => ProcessState::Sending,
        ThreadState::Receiving => ProcessState::Receiving,
        ThreadState::Waiting => ProcessState::Waiting,
        ThreadState::New | ThreadState::Faulted | ThreadState::Stopped => ProcessState::Stopped,
    }
}
