//! The state: what there is, who waits for whom, who runs.
//!
//! Objects are found by the *number* of the place where they were made, as in the ABI. Each kind has a
//! map of its own; what a frame is used for follows from what lies in it. A relation between two objects
//! is written down once, at one of them. Where order means something there is a sequence: who is served
//! next, who runs next. Nothing else is one.
//!
//! An object that was destroyed has no identity any more (`id` is `None`). It keeps
//! its place until nobody waits for it: see [`crate::step`].

mod memory;
mod process;
mod shared;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::rc::Rc;
use alloc::vec::Vec;

use ipc_abi::capability::{Kind, Rights};

pub use memory::*;
pub use process::*;
pub use shared::SharedMap;

/// Where an object lies: its physical address / 64.
pub type Number = u64;
/// A frame of memory or of a device: its physical address / 4096.
pub type Frame = u64;
/// What no two objects share, now or ever.
pub type Identity = u64;
/// A time, or a length of time, in ticks of the counter.
pub type Ticks = u64;
/// A user address.
pub type Address = u64;
/// 0 to 7: a priority / 32. Senders wait, and timers run, by band.
pub type Band = u64;

/// Objects by their numbers. They are shared between copies of a state until one changes them.
pub type Map<T> = BTreeMap<Number, Rc<T>>;

/// The whole state of a machine with one core.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Authority over frames.
    pub regions: BTreeMap<Number, Region>,
    /// Authority over numbers and time.
    pub allowances: BTreeMap<Number, Allowance>,
    /// Authority over the machine: the identity.
    pub platforms: BTreeMap<Number, Option<Identity>>,
    /// User memory and device registers, by the number of their (first) frame.
    pub frames: SharedMap<Rc<UserFrame>>,
    /// Address spaces.
    pub spaces: Map<Space>,
    /// Capability tables.
    pub tables: Map<Table>,
    /// Threads.
    pub threads: Map<Thread>,
    /// Scheduling contexts.
    pub contexts: Map<Context>,
    /// Endpoints.
    pub endpoints: Map<Endpoint>,
    /// Gates.
    pub gates: BTreeMap<Number, Gate>,
    /// Notifications.
    pub notifications: BTreeMap<Number, Notification>,
    /// Reply objects.
    pub replies: BTreeMap<Number, Reply>,
    /// Interrupts.
    pub irqs: BTreeMap<Number, Irq>,
    /// Frames of 2 MiB that are being made: first frame, and how many of its frames were taken.
    pub unmade: BTreeMap<Frame, u64>,
    /// Frames of the kernel's own, which nobody can use.
    pub reserved: Rc<BTreeSet<Frame>>,
    /// Who runs; nobody if the core is idle.
    pub running: Option<Running>,
    /// Contexts that want the core, most important first; among equals, in turn.
    pub ready: Vec<Number>,
    /// Threads that can run again while they serve somebody: whoever waits behind their callers can help
    /// again, the way out sees to it. The last first.
    pub woken: Vec<Number>,
    /// The turn that runs.
    pub slice: Option<Slice>,
    /// The context with a budget that pays, and since when.
    pub billed: Option<(Number, Ticks)>,
    /// Times that a caller waited without helping because of a limit.
    pub unhelped: u64,
    /// Until the next event: who called `reclaim`, and for which frame.
    pub reclaimed: Option<(Number, Frame)>,
    /// The identity of the next object.
    pub next_id: Identity,
    /// The time of the last event.
    pub now: Ticks,
    /// What the machine has.
    pub machine: Machine,
}

/// What never changes about a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Hardware breakpoints of its processor.
    pub breakpoints: u64,
    /// Watchpoints of its processor.
    pub watchpoints: u64,
    /// Ticks of a turn.
    pub slice_ticks: Ticks,
}

/// Who runs, and on whose time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// The thread.
    pub thread: Number,
    /// The context that the thread holds: its own, or what its caller lent it.
    pub context: Number,
    /// The context that gives the priority and pays in its place: that of a thread that waits for this
    /// one to be done.
    pub helper: Option<Number>,
}

impl Running {
    /// The context whose priority counts and whose budget is used.
    #[must_use]
    pub fn payer(&self) -> Number {
        self.helper.unwrap_or(self.context)
    }
}

/// A turn: while others of its priority wait, a context runs no longer than this before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Whose it is; nobody's if the context is gone.
    pub context: Option<Number>,
    /// When it ends.
    pub end: Ticks,
}

/// An unforgeable name of an object, and what its holder may do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// The kind of the object.
    pub kind: Kind,
    /// What it allows.
    pub rights: Rights,
    /// Where the object lies (of a frame: 64 times its number).
    pub number: Number,
    /// Which object it is.
    pub id: Identity,
}

/// A link to a gate that may be gone: it counts only while the gate there has this identity.
pub type GateLink = (Number, Identity);

/// A capability table: slot 0 is always empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Its identity; none while it dies.
    pub id: Option<Identity>,
    /// The frames of its slots, 256 in each, in order.
    pub chunks: Vec<Frame>,
    /// What is in the slots that are not empty.
    pub slots: BTreeMap<u64, Capability>,
}

/// Authority over the frames `[first, end)`, of which those below `limit` are its own to use: the rest
/// was split off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Its identity; none while it dies.
    pub id: Option<Identity>,
    /// The first frame.
    pub first: Frame,
    /// The frame behind the last.
    pub end: Frame,
    /// The frame behind the last of its own.
    pub limit: Frame,
    /// Frames from here to `limit` are known to be free: `region_split` need not look at them.
    pub unused: Frame,
    /// Whether the frames are registers of devices.
    pub is_device: bool,
}

/// Authority over numbered things, or over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Its identity; none while it dies.
    pub id: Option<Identity>,
    /// Over what.
    pub grant: Grant,
}

/// What an allowance allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The numbers `[first, end)`, of which those below `limit` are its own.
    Numbers {
        /// Of what.
        sort: Sort,
        /// The first number.
        first: u64,
        /// The number behind the last of its own.
        limit: u64,
        /// The number behind the last.
        end: u64,
    },
    /// Time of a core.
    Time {
        /// The core.
        core: u64,
        /// The highest priority.
        priority: u64,
        /// The highest priority of contexts without a budget.
        unlimited: u64,
        /// What is left of its share.
        left: u64,
        /// Its share, which goes back to where it came from.
        share: u64,
        /// The allowance that it was split off.
        parent: Option<Number>,
    },
}

/// What the numbers of an allowance count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// Address space identifiers.
    Asid,
    /// Interrupt lines.
    Irq,
}
