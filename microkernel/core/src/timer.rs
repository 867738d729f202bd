//! Timing wheels: what happens at a time, found without a search.
//!
//! One wheel per core and band of priority holds threads that wait with a deadline and scheduling
//! contexts that wait for a refill (both are [`Timed`]). A wheel has [`LEVELS`] levels of eight slots:
//! an entry stands at the level of the highest digit, to base 8, in which its time differs from the
//! wheel's base, in the slot of that digit. So an entry goes in and out in constant time, and the
//! first slot that is not empty holds what comes next. When that slot's time begins, the base moves
//! there and the slot is *open*: its entries are taken out one by one, and are due, or go to a lower
//! level. (G. Varghese and T. Lauck, "Hashed and hierarchical timing wheels", SOSP 1987.)
//!
//! Times are counted in granules of 2^[`GRANULE_SHIFT`] ticks, rounded up: nothing happens early.
//!
//! The timer is set for the wheels of the running priority's band and of those above. What is due in
//! a lower band waits until that band gets the core, so nobody pays for the sleepers of the less
//! important; and one interrupt takes at most [`TIMER_STEPS`] entries out.

use ipc_abi::capability::Kind;

use crate::kernel::{Effect, Kernel};
use crate::list::List;
use crate::memory::{Fields, Memory};
use crate::object::{
    BANDS, Context, Core, Field, Number, PRIORITIES, Timed, context, core_state, pending, timed,
};

/// Ticks of a granule, as a power of two.
pub const GRANULE_SHIFT: u32 = 6;
/// Levels of a wheel: enough for every time below [`ipc_abi::time::NEVER`].
pub const LEVELS: u64 = 19;
/// Slots of a wheel.
pub const SLOTS: u64 = LEVELS * 8;
/// Words of the map of slots that are not empty.
pub const MAP_WORDS: u64 = SLOTS.div_ceil(64);
/// Entries that one interrupt takes out of their slots.
pub const TIMER_STEPS: u64 = 8;
/// The timer is off.
pub const OFF: u64 = !0;

/// Where the band stands in an entry's mark, above its slot.
const MARK_SHIFT: u32 = 8;
const _: () = assert!(SLOTS < 1 << MARK_SHIFT && MAP_WORDS == 3);
/// Bits of a digit.
const DIGIT_BITS: u64 = 3;
const LAST_BAND: u64 = BANDS - 1;
/// The last granule that the wheels have.
const LAST_GRANULE: u64 = (1 << LEVELS.wrapping_mul(DIGIT_BITS)) - 1;

/// A slot of a wheel.
#[derive(Clone, Copy)]
struct Slot {
    band: u64,
    index: u64,
}

impl Slot {
    const fn list(self) -> List<Core, Timed> {
        let index = (self.band & LAST_BAND)
            .wrapping_mul(SLOTS)
            .wrapping_add(self.index);
        List {
            head: core_state::WHEEL.at(index),
            next: timed::NEXT,
            prev: timed::PREV,
        }
    }

    const fn map(self) -> (Field<Core>, u64) {
        (map_word(self.band, self.index / 64), 1 << (self.index % 64))
    }

    const fn from_mark(mark: u64) -> Slot {
        let mark = mark.wrapping_sub(1);
        Slot {
            band: (mark >> MARK_SHIFT) & LAST_BAND,
            index: mark & ((1 << MARK_SHIFT) - 1),
        }
    }
}

/// What an entry knows its slot by; never 0.
pub(crate) const fn mark_of(band: u64, index: u64) -> u64 {
    (band << MARK_SHIFT | index).wrapping_add(1)
}

const fn map_word(band: u64, word: u64) -> Field<Core> {
    core_state::WHEEL_MAP.at((band & LAST_BAND)
        .wrapping_mul(MAP_WORDS)
        .wrapping_add(word))
}

/// The granule in which a time has passed; the last one for the last times.
const fn granule_of(when: u64) -> u64 {
    let granule = when.wrapping_add((1 << GRANULE_SHIFT) - 1) >> GRANULE_SHIFT;
    if granule < LAST_GRANULE {
        granule
    } else {
        LAST_GRANULE
    }
}

/// What a thread or a context is to a wheel.
pub(crate) const fn entry_of<O>(object: Number<O>) -> Number<Timed> {
    Number::from_plain(object.into_raw())
}

/// The band of a priority.
#[must_use]
pub(crate) const fn band_of(priority: u64) -> u64 {
    (priority >> 5) & LAST_BAND
}

impl<M: Memory + Copy> Kernel<M> {
    /// Puts `entry`, which is in no wheel, into that of `band`, for the time `when`.
    pub(crate) fn start_timer(&self, entry: Number<Timed>, when: u64, band: u64) {
        let timed = self.memory.get(self.core(), core_state::TIMED);
        if timed & 1 << band == 0 {
            let now = self.memory.now() >> GRANULE_SHIFT;
            self.memory
                .set(self.core(), core_state::WHEEL_BASE.at(band), now);
        }
        self.memory.set(entry, timed::WHEN, when);
        // A timer that is set for less is enough, whoever pays then: it is set anew when it fires.
        if when < self.memory.get(self.core(), core_state::ARMED) {
            self.mark_time();
        }
        self.place(entry, band);
    }

    /// Puts `entry` where it belongs in the wheel of `band`.
    fn place(&self, entry: Number<Timed>, band: u64) {
        let base = self
            .memory
            .get(self.core(), core_state::WHEEL_BASE.at(band));
        let granule = granule_of(self.memory.get(entry, timed::WHEN)).max(base.wrapping_add(1));
        let highest = u64::from((granule ^ base).leading_zeros() ^ 63);
        let level = highest / DIGIT_BITS;
        let digit = (granule >> level.wrapping_mul(DIGIT_BITS)) & 7;
        let slot = Slot {
            band,
            index: level.wrapping_mul(8).wrapping_add(digit),
        };
        self.push(&slot.list(), self.core(), entry);
        let (word, bit) = slot.map();
        let map = self.memory.get(self.core(), word);
        self.memory.set(self.core(), word, map | bit);
        let timed = self.memory.get(self.core(), core_state::TIMED);
        self.memory
            .set(self.core(), core_state::TIMED, timed | 1 << band);
        self.memory
            .set(entry, timed::SLOT, mark_of(band, slot.index));
    }

    /// Takes `entry` out of its wheel, if it is in one.
    pub(crate) fn stop_timer(&self, entry: Number<Timed>) {
        let mark = self.memory.get(entry, timed::SLOT);
        if mark == 0 {
            return;
        }
        let slot = Slot::from_mark(mark);
        self.remove(&slot.list(), self.core(), entry);
        self.memory.set(entry, timed::SLOT, 0);
        self.memory.set(entry, timed::WHEN, 0);
        if self.memory.get(self.core(), slot.list().head) != 0 {
            return;
        }
        let (word, bit) = slot.map();
        let map = self.memory.get(self.core(), word);
        self.memory.set(self.core(), word, map & !bit);
        if self.open_slot(slot.band) == Some(slot.index) {
            self.set_open(slot.band, 0);
        }
        if !self.has_slots(slot.band) {
            let timed = self.memory.get(self.core(), core_state::TIMED);
            self.memory
                .set(self.core(), core_state::TIMED, timed & !(1 << slot.band));
        }
    }

    /// The slot of `band` that is being emptied.
    fn open_slot(&self, band: u64) -> Option<u64> {
        self.memory
            .get(self.core(), core_state::WHEEL_OPEN.at(band))
            .checked_sub(1)
    }

    fn set_open(&self, band: u64, mark: u64) {
        self.memory
            .set(self.core(), core_state::WHEEL_OPEN.at(band), mark);
    }

    /// Whether a slot of `band` is not empty.
    fn has_slots(&self, band: u64) -> bool {
        let map = |word| self.memory.get(self.core(), map_word(band, word));
        map(0) | map(1) | map(2) != 0
    }

    /// The slot of `band` whose time begins first.
    fn first_slot(&self, band: u64) -> Option<u64> {
        for word in self.memory.at_most::<MAP_WORDS>(0..MAP_WORDS) {
            let map = self.memory.get(self.core(), map_word(band, word));
            if map != 0 {
                let bit = u64::from(map.trailing_zeros());
                return Some(word.wrapping_mul(64).wrapping_add(bit));
            }
        }
        None
    }

    /// The granule in which a slot's time begins.
    fn beginning_of(&self, band: u64, slot: u64) -> u64 {
        let base = self
            .memory
            .get(self.core(), core_state::WHEEL_BASE.at(band));
        let shift = (slot / 8).wrapping_mul(DIGIT_BITS);
        let above = shift.wrapping_add(DIGIT_BITS);
        (base >> above) << above | (slot & 7) << shift
    }

    /// When the wheel of `band` wants the timer, in ticks; [`OFF`] if never.
    #[inline(never)]
    pub(crate) fn next_event(&self, band: u64) -> u64 {
        match (self.open_slot(band), self.first_slot(band)) {
            (Some(_), _) => 0,
            (None, Some(slot)) => self.beginning_of(band, slot) << GRANULE_SHIFT,
            (None, None) => OFF,
        }
    }

    /// Takes out of the wheels of band `lowest` and above what is due at `now`, at most
    /// [`TIMER_STEPS`] entries, the most important bands first.
    pub(crate) fn run_timers(&self, lowest: u64, now: u64) {
        let mut band = LAST_BAND;
        for _ in self.memory.at_most::<TIMER_STEPS>(0..TIMER_STEPS) {
            let Some((found, slot)) = self.due_slot(lowest, band, now) else {
                return;
            };
            band = found;
            self.empty_one(band, slot);
            if self.memory.interrupt_pending() {
                return;
            }
        }
    }

    /// The highest band from `highest` down to `lowest` with a slot whose time has begun.
    #[inline(never)]
    fn due_slot(&self, lowest: u64, highest: u64, now: u64) -> Option<(u64, u64)> {
        let timed = self.memory.get(self.core(), core_state::TIMED);
        for band in self.memory.at_most::<BANDS>((0..BANDS).rev()) {
            let is_asked = band <= highest && band >= lowest && timed & 1 << band != 0;
            if let Some(slot) = is_asked.then(|| self.open_due(band, now)).flatten() {
                return Some((band, slot));
            }
        }
        None
    }

    /// The open slot of `band`; the first one, which opens, if its time has begun.
    #[inline(never)]
    fn open_due(&self, band: u64, now: u64) -> Option<u64> {
        if let Some(slot) = self.open_slot(band) {
            return Some(slot);
        }
        let slot = self.first_slot(band)?;
        let beginning = self.beginning_of(band, slot);
        if beginning > now >> GRANULE_SHIFT {
            return None;
        }
        self.memory
            .set(self.core(), core_state::WHEEL_BASE.at(band), beginning);
        self.set_open(band, slot.wrapping_add(1));
        Some(slot)
    }

    /// Takes one entry out of the open slot: it is due, or goes to a lower level.
    #[inline(never)]
    fn empty_one(&self, band: u64, index: u64) {
        let slot = Slot { band, index };
        let entry: Number<Timed> = self.memory.link(self.core(), slot.list().head);
        let when = self.memory.get(entry, timed::WHEN);
        self.stop_timer(entry);
        let base = self
            .memory
            .get(self.core(), core_state::WHEEL_BASE.at(band));
        if granule_of(when) > base {
            self.memory.set(entry, timed::WHEN, when);
            self.place(entry, band);
        } else if self.memory.kind(entry.frame()) == Kind::Thread as u8 {
            self.time_out(Number::from_plain(entry.into_raw()));
        } else {
            self.refilled(Number::from_plain(entry.into_raw()));
        }
    }

    /// Makes the way out look at the timer and at who pays.
    pub(crate) fn mark_time(&self) {
        self.mark(pending::TIME);
    }

    /// Sets the timer for what comes next: the end of a slice or of a budget (`budget_end`), or an
    /// entry of a wheel. A timer that is set for less stays: it fires once for nothing.
    pub(crate) fn arm(&self, now: u64, budget_end: u64) {
        let payer = self.payer();
        let slice = self.memory.get(self.core(), core_state::SLICE);
        let (lowest, slice) = if payer.is_none() {
            // A slice that began ends, whoever runs then.
            (0, if slice == 0 { OFF } else { slice })
        } else {
            let priority = self.memory.get(payer, context::PRIORITY);
            (band_of(priority), self.slice_of(payer, priority, now))
        };
        let mut when = slice.min(budget_end);
        let timed = self.memory.get(self.core(), core_state::TIMED);
        for band in self.memory.at_most::<BANDS>(lowest..BANDS) {
            let event = if timed & 1 << band == 0 {
                OFF
            } else {
                self.next_event(band)
            };
            when = when.min(event);
        }
        let calm = if self.memory.get(self.core(), core_state::BILLED) != 0 {
            PRIORITIES
        } else if timed == 0 {
            0
        } else {
            lowest << 5
        };
        self.memory.set(self.core(), core_state::CALM, calm);
        if when < self.memory.get(self.core(), core_state::ARMED) {
            self.memory.set(self.core(), core_state::ARMED, when);
            self.leave(Effect::SetTimer { when });
        }
    }

    /// The timer fired; it is off now. What that means takes long, and is left to the way out.
    pub fn note_timer(&self) {
        self.mark(pending::TIMER);
    }

    /// Does what is due now that the timer fired.
    #[inline(never)]
    pub fn timer_fired(&self) {
        let now = self.memory.now();
        self.memory.set(self.core(), core_state::ARMED, OFF);
        self.end_slice(now);
        let payer: Number<Context> = self.payer();
        let lowest = if payer.is_none() {
            0
        } else {
            band_of(self.memory.get(payer, context::PRIORITY))
        };
        self.run_timers(lowest, now);
        self.preempt();
        self.mark_time();
    }
}
