//! Where each field of a core lies, in words: read it beside [`crate::object`],
//! which it is a part of.

/// Fields of a [`Core`].
pub mod core_state {
    use crate::object::{Core, Field};
    type F = Field<Core>;
    /// The thread that runs, by number; 0 when idle. Valid inside the kernel: outside, the current
    /// thread is `SP_EL1`.
    pub const CURRENT: F = F::new(0);
    /// Not zero: the way out has work to do ([`crate::object::pending`]).
    pub const PENDING: F = F::new(1);
    /// The scheduling context that is being used.
    pub const CONTEXT: F = F::new(2);
    /// Its own index.
    pub const INDEX: F = F::new(3);
    /// How many effects wait to be performed.
    pub const EFFECT_COUNT: F = F::new(4);
    /// First object to be taken apart: kind in bits 63:56, number below.
    pub const DRAIN: F = F::new(5);
    /// Object number of the [`crate::object::Machine`].
    pub const MACHINE: F = F::new(6);
    /// When the slice of `SLICE_CONTEXT` ends, in ticks; 0 if nobody shares the priority.
    pub const SLICE: F = F::new(7);
    /// Bit *p* % 64 of word *p* / 64: contexts of priority *p* wait (4 words).
    pub const READY: F = F::new(8);
    /// Last object to be taken apart: as `DRAIN`.
    pub const DRAIN_TAIL: F = F::new(12);
    /// The link word of the thread whose extra registers the core has: its marks say which.
    pub const EXTRA: F = F::new(96);
    /// The thread whose floating-point registers the core holds.
    pub const FLOATING_OWNER: F = F::new(97);
    /// How many hardware breakpoints the processor has.
    pub const BREAKPOINTS: F = F::new(98);
    /// How many watchpoints the processor has.
    pub const WATCHPOINTS: F = F::new(99);
    /// Effects: [`EFFECTS_MAX`] times four words.
    pub const EFFECTS: F = F::new(16);
    /// The most effects of one call.
    pub const EFFECTS_MAX: u64 = 16;
    /// How many of them may touch a whole frame, or end everything.
    pub const LONG_EFFECTS_MAX: u64 = 1;
    /// The context whose time and priority the current thread uses in place of its own; 0 if none.
    pub const HELPER: F = F::new(80);
    /// When the timer fires, in ticks; all ones if it is off.
    pub const ARMED: F = F::new(81);
    /// Whose slice it is.
    pub const SLICE_CONTEXT: F = F::new(82);
    /// The context with a budget that pays for the time from `STARTED` on; 0 if none.
    pub const BILLED: F = F::new(83);
    /// Since when it pays, in ticks.
    pub const STARTED: F = F::new(84);
    /// Bit *b*: the wheel of band *b* is not empty.
    pub const TIMED: F = F::new(85);
    /// The way out looks at the timer when a context of lower priority pays: 256 while one with a
    /// budget does, else 32 times the lowest band for whose wheel the timer is set.
    pub const CALM: F = F::new(86);
    /// Callers that waited without help because the chain was too long.
    pub const UNHELPED: F = F::new(87);
    /// Ticks of a slice; only the boot code sets it.
    pub const SLICE_TICKS: F = F::new(88);
    /// Threads whose helpers the way out has to wake ([`WOKEN_MAX`] words).
    pub const WOKEN: F = F::new(104);
    /// The most of them; further ones are counted as `UNHELPED`.
    pub const WOKEN_MAX: u64 = 8;
    /// How many of them there are.
    pub const WOKEN_COUNT: F = F::new(112);
    /// The context that was preempted last, if it is still the most important of those that are queued:
    /// in no queue yet, but before all others of its priority. None if 0.
    pub const AHEAD: F = F::new(113);
    /// Slots of the wheels that are not empty: [`crate::timer::MAP_WORDS`] words for each band.
    pub const WHEEL_MAP: F = F::new(128);
    /// How far the wheel of each band got, in granules (8 words).
    pub const WHEEL_BASE: F = F::new(152);
    /// The slot of each band that is being emptied, plus one; 0 if none (8 words).
    pub const WHEEL_OPEN: F = F::new(160);
    /// First context of each priority (256 words).
    pub const QUEUE_HEAD: F = F::new(256);
    /// Last context of each priority (256 words).
    pub const QUEUE_TAIL: F = F::new(512);
    /// First entry of each slot of each band's wheel ([`crate::timer::SLOTS`] words for each band).
    pub const WHEEL: F = F::new(768);
}

/// Bits of a core's `PENDING`.
pub mod pending {
    /// Effects wait to be performed, or dying objects to be taken apart.
    pub const WORK: u64 = 1;
    /// The timer may have to be set, or somebody else pays.
    pub const TIME: u64 = 2;
    /// The timer fired.
    pub const TIMER: u64 = 4;
}
