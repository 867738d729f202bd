//! Where each field of each object lies, in words: read it beside [`crate::object`], which it is a
//! part of.

/// Fields of an [`Endpoint`].
pub mod endpoint {
    use crate::object::{Endpoint, Field};
    type F = Field<Endpoint>;
    /// Identity.
    pub const ID: F = F::new(0);
    /// Bit *b*: callers wait in band *b* (band 7 is the most important).
    pub const WAITING: F = F::new(1);
    /// Gates to it: head of the list.
    pub const GATES: F = F::new(2);
    /// Next object to be taken apart.
    pub const DRAIN_NEXT: F = F::new(3);
    /// Servers that wait, last come first served: head per core ([`crate::object::CORES_MAX`] times
    /// two words, of which this is the first).
    pub const SERVERS: F = F::new(8);
    /// The server that took the last call, per core: the second of those words.
    pub const TAKEN: F = F::new(9);
    /// Servers that still wait when the endpoint dies: head per core.
    pub const DYING_SERVERS: F = F::new(24);
    /// First caller of each band ([`crate::object::BANDS`] words).
    pub const BAND_HEAD: F = F::new(32);
    /// Last caller of each band.
    pub const BAND_TAIL: F = F::new(40);
}

/// Fields of a [`Gate`].
pub mod gate {
    use crate::object::{Field, Gate};
    type F = Field<Gate>;
    /// Identity.
    pub const ID: F = F::new(0);
    /// The badge, or the signal bits.
    pub const BADGE: F = F::new(1);
    /// The endpoint; the machine's `NULL_ENDPOINT` if there is none.
    pub const ENDPOINT: F = F::new(2);
    /// The notification; 0 if there is none.
    pub const NOTIFICATION: F = F::new(3);
    /// Next gate of the same target.
    pub const NEXT: F = F::new(4);
    /// Previous gate of the same target.
    pub const PREV: F = F::new(5);
    /// Threads that wait to send through it: head of the list.
    pub const CALLERS: F = F::new(6);
    /// Next object to be taken apart.
    pub const DRAIN_NEXT: F = F::new(7);
}

/// Fields of a [`Notification`].
pub mod notification {
    use crate::object::{Field, Notification};
    type F = Field<Notification>;
    /// Identity.
    pub const ID: F = F::new(0);
    /// The signals that nobody has seen yet.
    pub const BITS: F = F::new(1);
    /// The thread that waits for it.
    pub const WAITER: F = F::new(2);
    /// The thread whose `receive` also sees it; paired with that thread's `BOUND`.
    pub const BOUND: F = F::new(3);
    /// Gates to it: head of the list.
    pub const GATES: F = F::new(4);
    /// Interrupts delivered to it: head of the list.
    pub const IRQS: F = F::new(5);
    /// Next object to be taken apart.
    pub const DRAIN_NEXT: F = F::new(6);
}

/// Fields of a [`Reply`].
pub mod reply {
    use crate::object::{Field, Reply};
    type F = Field<Reply>;
    /// Identity.
    pub const ID: F = F::new(0);
    /// The saved caller; paired with its `REPLY`.
    pub const CALLER: F = F::new(1);
    /// The server that saved it, 0 if none; in that thread's list `REPLIES`.
    pub const SERVER: F = F::new(2);
    /// Next reply object of that server.
    pub const NEXT: F = F::new(3);
    /// Previous reply object of that server.
    pub const PREV: F = F::new(4);
    /// Next object to be taken apart.
    pub const DRAIN_NEXT: F = F::new(5);
    /// 1 if the saved caller went away before it was answered.
    pub const STALE: F = F::new(6);
}

/// Fields of a [`Context`].
pub mod context {
    use crate::object::{Context, Field};
    type F = Field<Context>;
    /// Identity.
    pub const ID: F = F::new(0);
    /// The thread that owns it; paired with its `OWN_CONTEXT`.
    pub const OWNER: F = F::new(1);
    /// The thread that runs on it: the end of the chain of calls from its owner.
    pub const RUNNING: F = F::new(2);
    /// Priority.
    pub const PRIORITY: F = F::new(3);
    /// Ticks that it may use in each period; 0 if there is no limit.
    pub const BUDGET: F = F::new(4);
    /// Next in the run queue of its priority.
    pub const NEXT: F = F::new(5);
    /// Previous in the run queue.
    pub const PREV: F = F::new(6);
    /// 1 while in a run queue.
    pub const QUEUED: F = F::new(7);
    /// Next object to be taken apart.
    pub const DRAIN_NEXT: F = F::new(8);
    /// Core.
    pub const CORE: F = F::new(9);
    /// Ticks of a period.
    pub const PERIOD: F = F::new(10);
    /// What it took from its allowance: [`ipc_abi::time::SHARE_WHOLE`] is all of a core.
    pub const SHARE: F = F::new(11);
    /// The allowance that it was made from.
    pub const ALLOWANCE: F = F::new(12);
    /// Next context of that allowance.
    pub const ALLOWANCE_NEXT: F = F::new(13);
    /// Previous context of that allowance.
    pub const ALLOWANCE_PREV: F = F::new(14);
    /// Who hears that its budget is used up: a gate, checked with `HANDLER_ID` at each use.
    pub const HANDLER: F = F::new(15);
    /// Identity of that gate.
    pub const HANDLER_ID: F = F::new(16);
    /// Which of the refills comes first.
    pub const REFILL_FIRST: F = F::new(17);
    /// How many refills there are: 1 to [`REFILLS_MAX`]; 0 without a budget.
    pub const REFILL_COUNT: F = F::new(18);
    /// Ticks used since it got its budget.
    pub const USED: F = F::new(19);
    /// Its place in a timing wheel while it waits for a refill: [`crate::object::timed`].
    pub const TIMER: F = F::new(25);
    /// Refills, a ring: when, and how many ticks ([`REFILLS_MAX`] times two words).
    pub const REFILLS: F = F::new(32);
    /// The most refills of one context.
    pub const REFILLS_MAX: u64 = 8;
}

/// Fields of [`Timed`], at the same words of a thread and of a scheduling context.
pub mod timed {
    use crate::object::{Field, Timed};
    type F = Field<Timed>;
    /// Next in the same slot of the wheel.
    pub const NEXT: F = F::new(25);
    /// Previous in the same slot of the wheel.
    pub const PREV: F = F::new(26);
    /// When, in ticks.
    pub const WHEN: F = F::new(27);
    /// One more than the number of the slot; 0 if it is in no wheel.
    pub const SLOT: F = F::new(28);
}

/// Fields of an [`Irq`].
pub mod irq {
    use crate::object::{Field, Irq};
    type F = Field<Irq>;
    /// Identity.
    pub const ID: F = F::new(0);
    /// The line.
    pub const LINE: F = F::new(1);
    /// Where it is delivered; 0 if nowhere.
    pub const NOTIFICATION: F = F::new(2);
    /// The bits it sets there.
    pub const BITS: F = F::new(3);
    /// Next interrupt of the same notification.
    pub const NEXT: F = F::new(4);
    /// Previous interrupt of the same notification.
    pub const PREV: F = F::new(5);
    /// 1 while it is delivered and not acknowledged.
    pub const PENDING: F = F::new(6);
    /// Next object to be taken apart.
    pub const DRAIN_NEXT: F = F::new(7);
}

/// Fields of a [`Region`]: the frames `[BASE, BASE + FRAMES)`, of which `[BASE, LIMIT)` are its own
/// and the rest went to regions split off it.
pub mod region {
    use crate::object::{Field, Region};
    type F = Field<Region>;
    /// Identity.
    pub const ID: F = F::new(0);
    /// First frame.
    pub const BASE: F = F::new(1);
    /// Frames in all.
    pub const FRAMES: F = F::new(2);
    /// First frame that is not its own.
    pub const LIMIT: F = F::new(3);
    /// 1 if its frames are devices.
    pub const DEVICE: F = F::new(4);
    /// Next object to be taken apart.
    pub const DRAIN_NEXT: F = F::new(5);
    /// Every frame of `[HIGH, LIMIT)` is free: what `region_split` may take.
    pub const HIGH: F = F::new(6);
}

/// Fields of an [`Allowance`]: the numbers `[FIRST, FIRST + COUNT)` of a sort, of which
/// `[FIRST, LIMIT)` are its own. For time: the core is `FIRST`, the highest priority `LIMIT`, and
/// `COUNT` what is left of its share of the core.
pub mod allowance {
    use crate::object::{Allowance, Field};
    type F = Field<Allowance>;
    /// Identity.
    pub const ID: F = F::new(0);
    /// [`crate::object::sort`].
    pub const SORT: F = F::new(1);
    /// First number.
    pub const FIRST: F = F::new(2);
    /// Numbers in all.
    pub const COUNT: F = F::new(3);
    /// First number that is not its own.
    pub const LIMIT: F = F::new(4);
    /// Next object to be taken apart.
    pub const DRAIN_NEXT: F = F::new(5);
    /// Of time: contexts made from it: head of the list.
    pub const CONTEXTS: F = F::new(6);
    /// Of time: the highest priority of a context without a budget.
    pub const UNLIMITED: F = F::new(7);
    /// Of time: the allowance it was split off; 0 if none.
    pub const PARENT: F = F::new(8);
    /// Of time: next allowance that was split off the same one.
    pub const NEXT: F = F::new(9);
    /// Of time: previous allowance that was split off the same one.
    pub const PREV: F = F::new(10);
    /// Of time: allowances that were split off it: head of the list.
    pub const CHILDREN: F = F::new(11);
    /// Of time: what it took from the allowance it was split off.
    pub const SHARE: F = F::new(12);
}

/// Values of an allowance's `SORT`.
pub mod sort {
    /// Time of a core.
    pub const TIME: u64 = 1;
    /// Interrupt lines.
    pub const IRQ: u64 = 2;
    /// ASIDs.
    pub const ASID: u64 = 3;
}

/// Fields of the [`Platform`].
pub mod platform {
    use crate::object::{Field, Platform};
    /// Identity.
    pub const ID: Field<Platform> = Field::new(0);
}

/// Fields of a [`CapTable`].
pub mod table {
    use crate::object::{CapTable, Field};
    type F = Field<CapTable>;
    /// Identity.
    pub const ID: F = F::new(0);
    /// Chunks of 256 slots it has.
    pub const CHUNKS: F = F::new(1);
    /// Threads that use it: head of the list.
    pub const THREADS: F = F::new(2);
    /// Next object to be taken apart.
    pub const DRAIN_NEXT: F = F::new(3);
    /// Object numbers of the chunks' frames ([`CHUNKS_MAX`] words).
    pub const CHUNK: F = F::new(64);
    /// The most chunks.
    pub const CHUNKS_MAX: u64 = 64;
    /// Slots in a chunk.
    pub const CHUNK_SLOTS: u64 = 256;
}

/// Fields of a [`Space`].
pub mod space {
    use crate::object::{Field, Space};
    type F = Field<Space>;
    /// Identity.
    pub const ID: F = F::new(0);
    /// ASID.
    pub const ASID: F = F::new(1);
    /// Object number of the frame of its first table.
    pub const ROOT: F = F::new(2);
    /// Threads that use it: head of the list.
    pub const THREADS: F = F::new(3);
    /// Unused frames of its pool: head of the list, a frame number.
    pub const POOL: F = F::new(4);
    /// Frames of records with room: head of the list, a frame number.
    pub const RECORDS: F = F::new(5);
    /// Frames of records without room: head of the list, as above.
    pub const FULL: F = F::new(6);
    /// How many frames are in `POOL`.
    pub const POOL_COUNT: F = F::new(7);
    /// Next object to be taken apart.
    pub const DRAIN_NEXT: F = F::new(8);
    /// Dying: the page up to which its tables are gone.
    pub const CURSOR: F = F::new(9);
    /// Dying: object number of the frame of its first table.
    pub const OLD_ROOT: F = F::new(10);
}

/// Fields of a [`Record`].
pub mod record {
    use crate::object::{Field, Record};
    type F = Field<Record>;
    /// The space, by number; 0 while the record is free.
    pub const SPACE: F = F::new(0);
    /// The page's address.
    pub const ADDRESS: F = F::new(1);
    /// The frame.
    pub const FRAME: F = F::new(2);
    /// Next record of the frame.
    pub const NEXT: F = F::new(3);
    /// Previous record of the frame; 0 for the first.
    pub const PREV: F = F::new(4);
    /// Of a frame's first place: previous frame in the list of the space.
    pub const FRAME_PREV: F = F::new(5);
}

/// Fields of a frame-table [`Entry`], by the frame's kind. A free frame's entry is all zero.
pub mod entry {
    use crate::object::{Entry, Field};
    type F = Field<Entry>;
    /// User: identity of the frame object (dying: its place in the drain list, whose top byte no
    /// identity has). Pools of kernel objects and records: bit *u* is set while the object at unit
    /// *u* lives or dies. Page tables: entries in use. In quarantine: identity of the device.
    pub const ID: F = F::new(0);
    /// User: first mapping's space, by number, and [`crate::object::user`] bits. Frames of a space: the
    /// space, by number; bits 63:60 the level of a table. Slots: the table, by number.
    pub const SPACE: F = F::new(1);
    /// User: first mapping's page in bits 26:0; its thread / 16, its device or its resets in bits
    /// 63:28. Large: free tails while it dies, frames it has while it is made.
    pub const ADDRESS: F = F::new(2);
    /// User: first further mapping, a record number. Tables: the shadow frame. Records, pool: next
    /// frame of the list. In quarantine: the device's resets until then.
    pub const RECORDS: F = F::new(3);
}

/// Bits of the entry word `SPACE` of a user frame.
pub mod user {
    /// Its mode is *code*.
    pub const CODE: u64 = 1 << 63;
    /// It is a device.
    pub const DEVICE: u64 = 1 << 62;
    /// It was destroyed and is being unmapped.
    pub const DYING: u64 = 1 << 61;
    /// It is one of 2 MiB, and this its first frame.
    pub const LARGE: u64 = 1 << 40;
    /// It was given to a device.
    pub const GIVEN: u64 = 1 << 41;
    /// Of a large one that becomes *code*: how many steps are done.
    pub const STEPS: u64 = 0x1FF << 42;
}
