//! The state: what there is, who waits for whom, who runs.
//!
//! Objects are found by the *number* of the place where they were made, as in the ABI. Each kind has a
//! map of its own; what a frame is used for follows from what lies in it. A relation between two objects
//! is written down once, at one of them. Where order means something there is a sequence: who is served
//! next, who runs next. Nothing else is one.
//!
//! An object that was destroyed has no identity any more (`id` is `None`). It keeps
//! its place until nobody waits for it: see [`crate::step`].

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::rc::Rc;
use alloc::vec::Vec;

use ipc_abi::capability::{Access, Kind, Rights};

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
    pub frames: Map<UserFrame>,
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
    pub reserved: BTreeSet<Frame>,
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

/// A frame of user memory or of a device's registers, of 4 KiB or 2 MiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserFrame {
    /// What stage of its life it is in.
    pub life: FrameLife,
    /// Whether it holds code (readable, executable) and no data (readable, writable).
    pub is_code: bool,
    /// Whether it is a device's registers.
    pub is_device: bool,
    /// Whether it is one of 2 MiB.
    pub is_large: bool,
    /// Of a large one that is becoming code: how many parts are.
    pub coherent: u64,
    /// The device that it was given to: a frame of its registers.
    pub given: Option<Frame>,
    /// Of a device: how often its reset was confirmed.
    pub resets: u64,
    /// Where it is mapped: space and address. (The other end of [`Space::mappings`].)
    pub mapped: BTreeSet<(Number, Address)>,
    /// Of a large one that dies and is mapped nowhere: how many of its frames, from the last one down, are
    /// free again.
    pub freed: u64,
}

/// The stages of a user frame's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameLife {
    /// It exists.
    Live(Identity),
    /// It was destroyed and is being unmapped.
    Dying,
    /// It was destroyed and unmapped while a device may still reach it. The device's identity then (none
    /// if it had died) and its confirmed resets.
    Quarantined(Option<Identity>, u64),
}

/// Page tables and what they say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Its identity; none while it dies.
    pub id: Option<Identity>,
    /// The number by which the machine knows its translations; none once nothing can use them.
    pub asid: Option<u64>,
    /// What is mapped where.
    pub mappings: BTreeMap<Address, Mapping>,
    /// Its page tables: by level (1 to 3) and the first address that goes through them.
    pub tables: BTreeMap<(u64, Address), PageTable>,
    /// Frames of records with room for more, the last one next: each with how many are in use.
    pub records: Vec<(Frame, u64)>,
    /// Frames of records without room.
    pub full: BTreeSet<Frame>,
    /// Frames that it was given and does not use, the last one next.
    pub pool: Vec<Frame>,
    /// What is left of its frames, once nothing can use its translations.
    pub remains: BTreeSet<Frame>,
}

/// One page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageTable {
    /// Its frame.
    pub frame: Frame,
    /// The frame beside it that finds the records of what it maps, if something needs one.
    pub shadow: Option<Frame>,
}

/// A page, or a block of 2 MiB, of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The frame.
    pub frame: Frame,
    /// How it may be used.
    pub access: Access,
    /// Whether the capability by which it was mapped had the right to write.
    pub may_write: bool,
    /// The frame of records that it has one in; none for the first mapping of its frame.
    pub record: Option<Frame>,
}

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
