//! What happens: system calls, faults, interrupts.
//!
//! Between two events, user code runs: it may change the registers of the running thread, and nothing
//! else that is in the state. An event does what it does at once; what it leaves for later are the
//! [`crate::step::Step`]s, some of which every way out of the kernel takes.

use ipc_abi::fault::FaultCause;

use crate::state::{State, Ticks};

/// Something that happens to a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The running thread executed `svc` with this number. Its program counter is that of the next
    /// instruction, and its registers hold the arguments.
    SystemCall(u16),
    /// The running thread did what only its fault handler can mend.
    Fault {
        /// Why.
        cause: FaultCause,
        /// What it touched, or 0.
        address: u64,
        /// `ESR_EL1`.
        syndrome: u64,
    },
    /// The instruction that the running thread was let execute is done.
    StepDone {
        /// `ESR_EL1`.
        syndrome: u64,
    },
    /// The interrupt line came.
    Interrupt(u64),
    /// The timer's interrupt came.
    Timer,
    /// Nothing: the core looks for something to do.
    Idle,
}

/// What an event depends on beside the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The time.
    pub now: Ticks,
    /// What `thread_peek` finds in memory: the content of user memory is not part of the state.
    pub word: u64,
    /// If an interrupt stopped a call on a range: after how many of its pages. The thread makes the rest
    /// of the call again afterwards.
    pub pages: Option<u64>,
}

impl State {
    /// Does what an event does at once. The way out follows: [`State::follow`].
    pub fn step(&mut self, event: Event, inputs: &Inputs) {
        self.now = inputs.now;
        let _ = event;
    }
}
