//! The invariants, as code: every stored link, list, table entry and page table, walked.
//!
//! [`Kernel::check_all`] reports the first violation. It uses nothing but [`Memory`], so that tests,
//! checking builds and proofs can all use it. Links are checked from both ends: a list is walked
//! from its head, where every element must lead back and name its owner, and the elements that name
//! an owner are counted; equal sums mean that every element is in its list, once.

mod authority;
mod frame;
mod mapping;
mod message;
mod process;
mod time;

use ipc_abi::capability::Kind;

use crate::create::unit_bit;
use crate::kernel::Kernel;
use crate::list::List;
use crate::memory::{Fields, Memory};
use crate::object::{
    Allowance, CapTable, Context, Endpoint, Field, Frame, FrameKind, Gate, ID_WORD, Irq, Layout,
    Notification, Number, Platform, Region, Reply, Space, Thread, UNIT_WORDS, UNITS_PER_FRAME,
    core_state, entry, user,
};

/// A rule that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: &'static str,
    /// The number of the object, or frame, that breaks it.
    pub at: u64,
}

/// What a check answers.
pub type Checked = Result<(), Violation>;

/// Holds a rule against a fact.
pub(crate) const fn ensure(fact: bool, rule: &'static str, at: u64) -> Checked {
    if fact {
        Ok(())
    } else {
        Err(Violation { rule, at })
    }
}

/// One sort of list: how many elements its heads reach, and how many name an owner.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Elements reached from a head.
    pub(crate) reached: u64,
    /// Elements that name an owner.
    pub(crate) members: u64,
}

/// The sums of all lists.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tallies {
    pub(crate) table_threads: Tally,
    pub(crate) space_threads: Tally,
    pub(crate) endpoint_gates: Tally,
    pub(crate) notification_gates: Tally,
    pub(crate) irqs: Tally,
    pub(crate) gate_callers: Tally,
    pub(crate) servers: Tally,
    pub(crate) senders: Tally,
    pub(crate) replies: Tally,
    pub(crate) contexts: Tally,
    pub(crate) timers: Tally,
    pub(crate) allowance_contexts: Tally,
    pub(crate) allowance_children: Tally,
    pub(crate) space_frames: Tally,
    pub(crate) records: Tally,
    pub(crate) dying: Tally,
}

impl Tallies {
    fn check(&self) -> Checked {
        let all = [
            (self.table_threads, "a thread of a table is in its list"),
            (self.space_threads, "a thread of a space is in its list"),
            (self.endpoint_gates, "a gate of an endpoint is in its list"),
            (
                self.notification_gates,
                "a gate of a notification is in its list",
            ),
            (self.irqs, "an interrupt of a notification is in its list"),
            (self.gate_callers, "a sender is in the list of its gate"),
            (
                self.servers,
                "a server that waits is in the list of its endpoint",
            ),
            (self.senders, "a sender is in a band of its endpoint"),
            (self.replies, "a reply object is in the list of its server"),
            (self.contexts, "a queued context is in a run queue"),
            (self.timers, "what has a time is in a wheel"),
            (
                self.allowance_contexts,
                "a context is in the list of its allowance",
            ),
            (
                self.allowance_children,
                "an allowance is in the list of its parent",
            ),
            (self.space_frames, "a frame of a space is found from it"),
            (self.records, "a record is in the list of its frame"),
            (self.dying, "a dying object is in the drain list"),
        ];
        for (tally, rule) in all {
            ensure(tally.reached == tally.members, rule, tally.members)?;
        }
        Ok(())
    }
}

impl<M: Memory + Copy> Kernel<M> {
    /// Checks everything that stands in `frames`, which are all that the frame table describes.
    ///
    /// # Errors
    ///
    /// The first [`Violation`].
    pub fn check_all(&self, frames: impl Iterator<Item = Frame> + Clone) -> Checked {
        let mut tallies = Tallies::default();
        for frame in frames.clone() {
            self.check_frame(frame, &mut tallies)?;
        }
        self.check_drain(&mut tallies)?;
        self.check_core(&mut tallies)?;
        self.check_numbers()?;
        self.check_regions(frames)?;
        tallies.check()
    }

    /// Checks what stands in `frames`, and the core: each list from its head, but not whether
    /// everybody who names a head is in its list.
    ///
    /// # Errors
    ///
    /// The first [`Violation`].
    pub fn check_some(&self, frames: impl Iterator<Item = Frame>) -> Checked {
        let mut tallies = Tallies::default();
        for frame in frames {
            self.check_frame(frame, &mut tallies)?;
        }
        self.check_core(&mut tallies)
    }

    fn check_frame(&self, frame: Frame, tallies: &mut Tallies) -> Checked {
        let byte = self.memory.kind(frame);
        match Kind::from_raw(byte) {
            Some(Kind::Frame) => self.check_user_frame(frame, tallies),
            Some(kind) => self.check_pool(frame, kind, tallies),
            None if byte == FrameKind::Free as u8 => self.check_free_frame(frame),
            None if byte == FrameKind::Slots as u8 => self.check_slots(frame),
            None if byte >= FrameKind::PageTable as u8 && byte <= FrameKind::Pool as u8 => {
                self.check_space_frame(frame, tallies)
            }
            None if byte == FrameKind::LargeTail as u8 => self.check_tail(frame),
            None if byte == FrameKind::LargeHead as u8 => self.check_unmade(frame),
            None if byte == FrameKind::Quarantined as u8 => self.check_quarantined(frame),
            None if byte == FrameKind::Kernel as u8 || byte == FrameKind::Absent as u8 => Ok(()),
            None => ensure(false, "a frame has a kind", frame.0),
        }
    }

    pub(crate) fn check_free_frame(&self, frame: Frame) -> Checked {
        for field in [entry::ID, entry::SPACE, entry::ADDRESS, entry::RECORDS] {
            let word = self.memory.entry(frame, field);
            ensure(word == 0, "the entry of a free frame is zero", frame.0)?;
        }
        Ok(())
    }

    /// A pool: its entry says which objects it has; all other places are zero.
    fn check_pool(&self, frame: Frame, kind: Kind, tallies: &mut Tallies) -> Checked {
        let used = self.memory.entry(frame, entry::ID);
        ensure(used != 0, "a pool is not empty", frame.0)?;
        let units = units_of(kind);
        for unit in 0..UNITS_PER_FRAME {
            let number = frame.0.wrapping_mul(UNITS_PER_FRAME).wrapping_add(unit);
            let is_start = unit & units.wrapping_sub(1) == 0;
            let is_used = used & unit_bit(number) != 0;
            ensure(
                is_start || !is_used,
                "an object is aligned to its size",
                number,
            )?;
            if is_used {
                self.check_object(kind, number, tallies)?;
            }
            let owner = number & !units.wrapping_sub(1);
            if used & unit_bit(owner) == 0 {
                self.check_zero_unit(number)?;
            }
        }
        Ok(())
    }

    fn check_zero_unit(&self, number: u64) -> Checked {
        for word in 0..UNIT_WORDS {
            let value = self.memory.load(number, word);
            ensure(
                value == 0,
                "a place of a pool that is not in use is zero",
                number,
            )?;
        }
        Ok(())
    }

    fn check_object(&self, kind: Kind, number: u64, tallies: &mut Tallies) -> Checked {
        let id = self.memory.load(number, ID_WORD);
        let next = self
            .memory
            .get(self.machine(), crate::object::machine::NEXT_ID);
        ensure(id < next, "an identity was given out", number)?;
        if id == 0 {
            tallies.dying.members = tallies.dying.members.wrapping_add(1);
        }
        match kind {
            Kind::Region => self.check_region(Number::from_raw(number)),
            Kind::Allowance => self.check_allowance(Number::from_raw(number), tallies),
            Kind::Platform | Kind::Frame => Ok(()),
            Kind::AddressSpace => self.check_space(Number::from_raw(number), tallies),
            Kind::CapTable => self.check_table(Number::from_raw(number), tallies),
            Kind::Thread => self.check_thread(Number::from_raw(number), tallies),
            Kind::SchedulingContext => self.check_context(Number::from_raw(number), tallies),
            Kind::Endpoint => self.check_endpoint(Number::from_raw(number), tallies),
            Kind::Gate => self.check_gate(Number::from_raw(number), tallies),
            Kind::Notification => self.check_notification(Number::from_raw(number), tallies),
            Kind::Reply => self.check_reply_object(Number::from_raw(number), tallies),
            Kind::Irq => self.check_irq(Number::from_raw(number), tallies),
        }
    }

    /// The drain list: what is in it is dying.
    fn check_drain(&self, tallies: &mut Tallies) -> Checked {
        let mut word = self.memory.get(self.core(), core_state::DRAIN);
        let mut last = 0;
        while word != 0 {
            let number = word & crate::frame::SPACE_BITS;
            let frame = Frame(number / UNITS_PER_FRAME);
            let kind = self.memory.kind(frame);
            ensure(
                u64::from(kind) == word >> 56,
                "the drain list names kinds",
                word,
            )?;
            let is_dying = if kind == FrameKind::User as u8 {
                self.memory.entry(frame, entry::SPACE) & user::DYING != 0
            } else {
                self.memory.load(number, ID_WORD) == 0
            };
            ensure(is_dying, "what is in the drain list is dying", word)?;
            tallies.dying.reached = tallies.dying.reached.wrapping_add(1);
            let is_finite = tallies.dying.reached <= tallies.dying.members;
            ensure(is_finite, "the drain list ends", word)?;
            last = word;
            word = self.drain_next(word);
        }
        let tail = self.memory.get(self.core(), core_state::DRAIN_TAIL);
        ensure(tail == last, "the drain list ends with its tail", tail)
    }

    /// Walks one list; `owner` is the field in which its elements name its head.
    pub(crate) fn check_list<H: Layout, E: Layout>(
        &self,
        list: &List<H, E>,
        head: Number<H>,
        owner: Field<E>,
        tally: &mut Tally,
    ) -> Checked {
        let mut previous: Number<E> = Number::NONE;
        let mut element: Number<E> = self.memory.link(head, list.head);
        while !element.is_none() {
            let at = element.into_raw();
            let back: Number<E> = self.memory.link(element, list.prev);
            ensure(
                back == previous,
                "an element leads back to the one before",
                at,
            )?;
            let named: Number<H> = self.memory.marked_link(element, owner);
            ensure(named == head, "an element names the head of its list", at)?;
            tally.reached = tally.reached.wrapping_add(1);
            previous = element;
            element = self.memory.link(element, list.next);
        }
        Ok(())
    }

    /// Counts an element of a list if it names an owner.
    pub(crate) fn count_member<E: Layout>(
        &self,
        element: Number<E>,
        owner: Field<E>,
        tally: &mut Tally,
    ) {
        if self.memory.get(element, owner) != 0 {
            tally.members = tally.members.wrapping_add(1);
        }
    }

    /// Whether a frame holds, or dies holding, the object `number` of a kind.
    pub(crate) fn is_object(&self, number: u64, kind: Kind) -> bool {
        let frame = Frame(number / UNITS_PER_FRAME);
        number != 0
            && self.memory.kind(frame) == kind as u8
            && self.memory.entry(frame, entry::ID) & unit_bit(number) != 0
    }
}

/// Units of an object of `kind`.
const fn units_of(kind: Kind) -> u64 {
    let words = match kind {
        Kind::Region => Region::WORDS,
        Kind::Allowance => Allowance::WORDS,
        Kind::Platform => Platform::WORDS,
        Kind::Frame => UNIT_WORDS,
        Kind::AddressSpace => Space::WORDS,
        Kind::CapTable => CapTable::WORDS,
        Kind::Thread => Thread::WORDS,
        Kind::SchedulingContext => Context::WORDS,
        Kind::Endpoint => Endpoint::WORDS,
        Kind::Gate => Gate::WORDS,
        Kind::Notification => Notification::WORDS,
        Kind::Reply => Reply::WORDS,
        Kind::Irq => Irq::WORDS,
    };
    (words / UNIT_WORDS) as u64
}
