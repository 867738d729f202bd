//! The state of what acts: threads, their time, and where they meet. A part of [`crate::state`].

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use ipc_abi::capability::Rights;

use super::{Band, Frame, GateLink, Identity, Number, Ticks};

/// A thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its identity; none while it dies.
    pub id: Option<Identity>,
    /// Whether it was started and may run.
    pub life: Life,
    /// What it waits for.
    pub wait: Wait,
    /// Until when.
    pub deadline: Option<Deadline>,
    /// Its capability table.
    pub table: Option<Number>,
    /// Its address space.
    pub space: Option<Number>,
    /// The scheduling context that is its own.
    pub own: Option<Number>,
    /// The context that it runs on, or would run on if it could: none if it has none, or waits for a reply
    /// or a message.
    pub context: Option<Number>,
    /// Whether the caller that it served went away before it was answered.
    pub is_caller_gone: bool,
    /// Who hears of its faults.
    pub handler: Option<GateLink>,
    /// Its message buffer.
    pub buffer: Option<Frame>,
    /// The notification whose signals its `receive` sees.
    pub bound: Option<Number>,
    /// Where it wants the capabilities of the message that it waits for; 0 unless it waits for one.
    pub window: u64,
    /// The gate through which it sends or called, and the rights of the capability it did so with; none
    /// unless it waits for that.
    pub sent_through: Option<(Number, Rights)>,
    /// What `thread_configure` chose, and the number that its starter knows it by.
    pub flags: u64,
    /// Whether it was let go on for one instruction.
    pub is_stepping: bool,
    /// Debug registers that are not zero, by the number that `thread_read` has for them.
    pub debug: BTreeMap<u64, u64>,
    /// Its registers. While it waits for a message, those that the message will be written to are zero.
    pub registers: Registers,
}

/// The registers of a thread. Floating-point registers are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// `x0` to `x30`.
    pub x: [u64; 31],
    /// Stack pointer.
    pub sp: u64,
    /// Program counter.
    pub pc: u64,
    /// `TPIDR_EL0`.
    pub pointer: u64,
    /// `SPSR_EL1`: the thread's own bits, and bit 21 while a step is to be made.
    pub program_state: u64,
}

/// Whether a thread may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It was never started.
    New,
    /// It was started.
    Live,
    /// It was stopped.
    Stopped,
}

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Nothing: it can run.
    Nothing,
    /// For an endpoint to take what it sends; the endpoint has the order.
    Send {
        /// The endpoint.
        endpoint: Number,
        /// The gate, which may be dying.
        gate: Number,
        /// What it sends.
        what: Message,
        /// The badge that goes with it.
        badge: u64,
        /// The band of the priority with which it came.
        band: Band,
    },
    /// For the reply of a thread.
    Reply {
        /// The thread.
        server: Number,
        /// What is to be answered: a call or a fault.
        what: Message,
    },
    /// For the reply that a server put off.
    Saved {
        /// The reply object that holds it.
        reply: Number,
        /// What is to be answered: a call or a fault.
        what: Message,
    },
    /// For a message at an endpoint; the endpoint has the order.
    Receive(Number),
    /// For a notification.
    Notification(Number),
    /// For its deadline.
    Sleep,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// A call: its sender waits for the reply.
    Call,
    /// A message that is not answered.
    OneWay,
    /// What the thread cannot mend itself: cause, address, syndrome.
    Fault(u64, u64, u64),
}

/// When a wait ends in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The time.
    pub when: Ticks,
    /// The band of the priority with which the thread began to wait.
    pub band: Band,
}

/// A scheduling context: the right to use a core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Its identity; none while it dies.
    pub id: Option<Identity>,
    /// Its core.
    pub core: u64,
    /// Its priority, 0 to 255.
    pub priority: u64,
    /// Ticks that it may use in each period; 0 if there is no limit.
    pub budget: Ticks,
    /// The period.
    pub period: Ticks,
    /// When how much of its budget can be used (again), in order; empty without a budget.
    pub refills: Vec<(Ticks, Ticks)>,
    /// Whether it would be [`State::ready`], and waits for the first of these times instead.
    pub is_refilling: bool,
    /// Ticks that it used while it had a budget.
    pub used: Ticks,
    /// What it took of its allowance's share.
    pub share: u64,
    /// The allowance that it was made from; none while it dies.
    pub allowance: Option<Number>,
    /// Who hears that its budget is used up.
    pub handler: Option<GateLink>,
}

/// Where servers receive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Its identity; none while it dies.
    pub id: Option<Identity>,
    /// Threads that wait for a message; the last one gets the next.
    pub servers: Vec<Number>,
    /// Threads whose message waits; the first is taken next: higher bands first, in turn within one.
    pub senders: Vec<Number>,
    /// The place of the thread that took the last call or fault.
    pub taken: Option<Number>,
}

/// One way in to an endpoint or a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Its identity; none while it dies.
    pub id: Option<Identity>,
    /// What its messages bring along, or the bits that it signals.
    pub badge: u64,
    /// Where it leads.
    pub target: Target,
}

/// Where a gate leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To an endpoint that lives, or where somebody still waits.
    Endpoint(Number),
    /// To a notification that lives.
    Notification(Number),
    /// Nowhere: what it led to was destroyed.
    Nowhere,
}

/// Signals that nobody has seen yet. Who waits for it, who is bound to it, and which interrupts it gets
/// is written there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notification {
    /// Its identity; none while it dies.
    pub id: Option<Identity>,
    /// The bits.
    pub bits: u64,
}

/// A place for a caller that is answered later. Whom it holds is written there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Its identity; none while it dies.
    pub id: Option<Identity>,
    /// Who saved the caller that it holds.
    pub server: Option<Number>,
    /// Whether a caller that it held went away.
    pub is_stale: bool,
}

/// An interrupt line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Irq {
    /// Its identity; none while it dies.
    pub id: Option<Identity>,
    /// The line. It can come while it is bound and not pending.
    pub line: u64,
    /// The notification that it sets bits of, and which.
    pub target: Option<(Number, u64)>,
    /// Whether it came and was not acknowledged.
    pub is_pending: bool,
}
