//! Where each field of a thread lies, in words, and what its words mean: read it beside
//! [`crate::object`], which it is a part of.

/// Fields of a [`Thread`].
pub mod thread {
    use crate::object::{Field, Thread};
    type F = Field<Thread>;
    /// Identity.
    pub const ID: F = F::new(0);
    /// [`crate::object::REPLY_MARK`], [`crate::object::EXTRA_MARK`], [`crate::object::DEBUG_MARK`] and its
    /// own number: what a caller's `WAIT` and a server's `CALLER` hold.
    pub const LINK: F = F::new(2);
    /// The core it runs on.
    pub const CORE: F = F::new(3);
    /// Number of the frame of its table's first 256 slots.
    pub const SLOTS: F = F::new(4);
    /// 255, or 0 to keep the thread off the fast path.
    pub const MASK: F = F::new(5);
    /// Link word of the caller it serves; paired with that caller's `WAIT`.
    pub const CALLER: F = F::new(6);
    /// What it waits for: a [`crate::object::wait`] reason and a number; 0 if it can run.
    pub const WAIT: F = F::new(7);
    /// Next in the queue it waits in.
    pub const NEXT: F = F::new(8);
    /// Not zero: [`crate::object::special`] reasons to stay off the fast path.
    pub const SPECIAL: F = F::new(9);
    /// Program counter.
    pub const PC: F = F::new(10);
    /// Stack pointer.
    pub const SP: F = F::new(11);
    /// `TTBR0_EL1` of its space: ASID and root table.
    pub const ROOT: F = F::new(12);
    /// `TPIDR_EL0`.
    pub const POINTER: F = F::new(13);
    /// Where it wants capabilities.
    pub const WINDOW: F = F::new(14);
    /// Previous in the queue it waits in.
    pub const PREV: F = F::new(15);
    /// Condition flags and the rest of `SPSR_EL1`; dead while it waits for a message.
    /// [`crate::object::LIGHT`] if of `x0` to `x18` only `x0`, `x1` and `x16` count and the others are zero: then the
    /// flags are too.
    pub const PSTATE: F = F::new(16);
    /// Its capability table, and its place in that table's list of threads.
    pub const TABLE: F = F::new(17);
    /// Next thread of the table.
    pub const TABLE_NEXT: F = F::new(18);
    /// Previous thread of the table.
    pub const TABLE_PREV: F = F::new(19);
    /// Its address space, and its place in that space's list of threads.
    pub const SPACE: F = F::new(20);
    /// Next thread of the space.
    pub const SPACE_NEXT: F = F::new(21);
    /// Previous thread of the space.
    pub const SPACE_PREV: F = F::new(22);
    /// The scheduling context it holds while it does not run; dead while it waits for a reply or
    /// receives without one of its own.
    pub const CONTEXT: F = F::new(23);
    /// The scheduling context that is its own; paired with the context's `OWNER`.
    pub const OWN_CONTEXT: F = F::new(24);
    /// Its place in a timing wheel while it waits with a deadline: [`crate::object::timed`].
    pub const TIMER: F = F::new(25);
    /// `x0` to `x30`.
    pub const X: F = F::new(33);
    /// Fault handler: a gate, checked with `HANDLER_ID` at each use.
    pub const HANDLER: F = F::new(64);
    /// Identity of the handler gate.
    pub const HANDLER_ID: F = F::new(65);
    /// Message buffer: a frame number; 0 if none. Recorded in the frame's entry.
    pub const BUFFER: F = F::new(66);
    /// The notification whose signals `receive` also sees; paired with its `BOUND`.
    pub const BOUND: F = F::new(67);
    /// The gate through which it waits to send; paired with the gate's list `CALLERS`.
    pub const GATE: F = F::new(68);
    /// Next thread that waits to send through that gate.
    pub const GATE_NEXT: F = F::new(69);
    /// Previous thread that waits to send through that gate.
    pub const GATE_PREV: F = F::new(70);
    /// [`crate::object::state`]: new, stopped or neither.
    pub const STATE: F = F::new(71);
    /// What a queued sender sends: [`crate::object::sending`].
    pub const SENDING: F = F::new(72);
    /// The badge that goes with a queued message.
    pub const BADGE: F = F::new(73);
    /// Word 1 of the gate capability through which it last called or sends: its rights.
    pub const SENT_THROUGH: F = F::new(74);
    /// The band of the endpoint in which it waits.
    pub const BAND: F = F::new(75);
    /// The reply object that holds it, if its server saved it; paired with the reply's `CALLER`.
    pub const REPLY: F = F::new(76);
    /// Reply objects that hold a caller of this server: head of the list.
    pub const REPLIES: F = F::new(77);
    /// Why it faulted: cause, address, syndrome (3 words); dead unless it waits for its handler.
    pub const FAULT: F = F::new(80);
    /// Next object to be taken apart.
    pub const DRAIN_NEXT: F = F::new(90);
    /// [`crate::object::flag`]: what it has beyond the usual.
    pub const FLAGS: F = F::new(92);
    /// Address and control of each hardware breakpoint (12 words).
    pub const BREAKPOINT: F = F::new(96);
    /// Address and control of each watchpoint (8 words).
    pub const WATCHPOINT: F = F::new(108);
    /// `v0` to `v31`, the low half first (64 words); stale while it is the core's `FLOATING_OWNER`.
    pub const VECTOR: F = F::new(128);
    /// `fpcr`; stale as well.
    pub const FLOATING_CONTROL: F = F::new(192);
    /// `fpsr`; stale as well.
    pub const FLOATING_STATUS: F = F::new(193);
}

/// Marks a link word: a caller that waits for an ordinary reply, which the fast path may give.
pub const REPLY_MARK: u64 = 1 << 60;
/// Marks the link word of a thread with more registers than the usual ones: floating-point or debug
/// registers. Bits 63:58 of a link word fall off when it becomes an address.
pub const EXTRA_MARK: u64 = 1 << 59;
/// Marks the link word of a thread with debug registers, beside [`EXTRA_MARK`].
pub const DEBUG_MARK: u64 = 1 << 58;

/// In a thread's `PSTATE`: its frame is a light one.
pub const LIGHT: u64 = 1 << 63;

/// Reasons in the top bits of a thread's `WAIT`; the low [`NUMBER_BITS`] are the number of what it
/// waits for. Bits 59 and 58 are the marks of the server's link word, or 0.
pub mod wait {
    /// The bits of the reason.
    pub const REASON: u64 = 0xF << 60;
    /// For the reply of a server thread: the fast path may answer.
    pub const REPLY: u64 = crate::object::REPLY_MARK;
    /// For the reply of a server thread, by the slow path only: a fault or a special thread.
    pub const SLOW_REPLY: u64 = 2 << 60;
    /// For the reply, saved in a reply object.
    pub const SAVED: u64 = 3 << 60;
    /// In an endpoint's queue of callers.
    pub const SEND: u64 = 4 << 60;
    /// In an endpoint's list of servers.
    pub const RECEIVE: u64 = 5 << 60;
    /// For a notification.
    pub const NOTIFICATION: u64 = 6 << 60;
    /// For its deadline alone.
    pub const SLEEP: u64 = 8 << 60;
    /// As `SAVED`, for a fault.
    pub const SAVED_FAULT: u64 = 7 << 60;
}

/// Bits of a thread's `SPECIAL`.
pub mod special {
    /// Its bound notification has signals.
    pub const SIGNALLED: u64 = 1;
    /// Its caller went away before it was answered.
    pub const CALLER_GONE: u64 = 2;
    /// It serves its caller on its own context.
    pub const OWN_TIME: u64 = 4;
    /// It waits with a deadline.
    pub const DEADLINE: u64 = 8;
    /// Its system calls are faults.
    pub const FOREIGN: u64 = 16;
    /// It has debug registers.
    pub const DEBUG: u64 = 32;
}

/// Values of a thread's `STATE`.
pub mod state {
    /// Created, not started.
    pub const NEW: u64 = 0;
    /// Started.
    pub const LIVE: u64 = 1;
    /// Stopped.
    pub const STOPPED: u64 = 2;
}

/// Values of a thread's `SENDING`.
pub mod sending {
    /// A call.
    pub const CALL: u64 = 0;
    /// A one-way message.
    pub const ONE_WAY: u64 = 1;
    /// A fault.
    pub const FAULT: u64 = 2;
}
