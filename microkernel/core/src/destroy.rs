//! Destroying objects, and taking apart what is left of them.
//!
//! `destroy` clears the identity, so that every capability is dead at once, and makes the object
//! harmless: nothing finds it, nothing runs with it. What refers to it is then unlinked one
//! referrer per *step*. An object that needs no more than [`DESTROY_STEPS`] goes at once; any other
//! waits in its core's drain list, first come first served, which every way out of the kernel
//! shortens by [`DRAIN_STEPS`].
//!
//! ```text
//!              kill                    step, step, …               vacate, free_whole
//!   alive ─────────────▶ dying (id 0) ───────────────▶ unlinked ─────────────────────▶ free
//! ```
//!
//! A word that names a dying object has its kind in the top byte and its number below.
//!
//! Effects: a step leaves at most one, and what waking a thread leaves.

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;

use crate::capability::Capability;
use crate::create::{ENDPOINT_GATES, NOTIFICATION_GATES};
use crate::frame::SPACE_BITS;
use crate::kernel::{Answer, Kernel, Outcome};
use crate::memory::{Fields, Memory};
use crate::object::{
    Allowance, CapTable, Context, Endpoint, Frame, Gate, ID_WORD, Irq, Layout, Notification,
    Number, Region, Reply, Slots, Thread, UNIT_WORDS, UNITS_PER_FRAME, core_state, endpoint, entry,
    gate, irq, machine, notification, sort, space, table, thread, user,
};

/// Steps that `destroy` and `reclaim` take themselves.
pub const DESTROY_STEPS: u64 = 2;
/// Steps that one way out of the kernel takes.
pub const DRAIN_STEPS: u64 = 2;
/// Entries of a page table that one step looks at.
pub const TABLE_STEPS: u64 = 16;

const KIND_SHIFT: u32 = 56;
const NUMBER_MASK: u64 = SPACE_BITS;

/// How far a dying object is after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Something may still refer to it.
    More,
    /// It is gone.
    Done,
}

/// Units of an object of type `O`.
pub(crate) const fn units<O: Layout>() -> u64 {
    (O::WORDS / UNIT_WORDS) as u64
}

impl<M: Memory + Copy> Kernel<M> {
    /// `destroy`.
    ///
    /// # Errors
    ///
    /// `BadHandle`, `NoRight`, `Stale`; `Itself` for the thread that calls, its table and its space.
    pub fn destroy(&self, handle: u64) -> Answer {
        self.destroy_quickly(handle).into()
    }

    /// The same, such that gates and endpoints to which nothing refers go with a few stores: the mark
    /// to beat.
    #[inline(always)]
    pub fn destroy_quickly(&self, handle: u64) -> Outcome {
        let Some(capability) = self.capability_nearby(handle) else {
            return self.destroy_elsewhere(handle);
        };
        let number = capability.number();
        let is_gate = capability.allows(Kind::Gate, Rights::DESTROY);
        let is_usual = (is_gate || capability.allows(Kind::Endpoint, Rights::DESTROY))
            && self.is_live_object(capability)
            && if is_gate {
                self.first_through(Number::from_raw(number)).is_none()
            } else {
                self.is_idle(Number::from_raw(number))
            };
        if !is_usual {
            return self.destroy_elsewhere(handle);
        }
        if is_gate {
            self.unlink_gate(Number::from_raw(number));
        }
        // With its identity; all beyond the first unit of an idle endpoint is zero already.
        self.vacate_unit(number);
        Outcome::DONE
    }

    /// `destroy` in any case.
    #[cold]
    #[inline(never)]
    fn destroy_elsewhere(&self, handle: u64) -> Outcome {
        self.destroy_any(handle).into()
    }

    fn destroy_any(&self, handle: u64) -> Answer {
        let capability = self.capability_seldom(handle)?;
        let kind = self.check_destroy(capability)?;
        if capability.number() == self.own_of(kind) {
            return Err(Error::Itself);
        }
        self.kill(kind, capability.number());
        Ok(0)
    }

    #[inline]
    fn check_destroy(&self, capability: Capability) -> Result<Kind, Error> {
        let kind = capability.kind().ok_or(Error::BadHandle)?;
        if !capability.rights().contains(Rights::DESTROY) {
            return Err(Error::NoRight);
        }
        if self.is_live(capability) {
            Ok(kind)
        } else {
            Err(Error::Stale)
        }
    }

    /// The number of the object of a kind that the current thread is, or runs with; 0 for none.
    #[inline(never)]
    pub(crate) fn own_of(&self, kind: Kind) -> u64 {
        let current = self.current();
        if kind == Kind::Thread {
            current.into_raw()
        } else if kind == Kind::CapTable {
            self.memory.get(current, thread::TABLE)
        } else if kind == Kind::AddressSpace {
            self.memory.get(current, thread::SPACE)
        } else {
            0
        }
    }

    /// Ends the identity of a living object, and takes it apart, now or later.
    #[inline(never)]
    pub(crate) fn kill(&self, kind: Kind, number: u64) {
        if kind == Kind::Gate {
            self.kill_gate(Number::from_raw(number));
        } else {
            self.kill_other(kind, number);
        }
    }

    fn kill_gate(&self, gate: Number<Gate>) {
        self.memory.set(gate, gate::ID, 0);
        if self.first_through(gate).is_none() {
            self.vacate_gate(gate);
        } else {
            self.enqueue((Kind::Gate as u64) << KIND_SHIFT | gate.into_raw());
        }
    }

    #[inline(never)]
    fn kill_other(&self, kind: Kind, number: u64) {
        self.disarm(kind, number);
        if self.memory.interrupt_pending() {
            self.enqueue((kind as u64) << KIND_SHIFT | number);
        } else {
            self.take_apart(kind, number);
        }
    }

    /// Takes an object that is dying, and in no drain list, apart, now or later.
    #[inline(never)]
    pub(crate) fn take_apart(&self, kind: Kind, number: u64) {
        for _ in self.memory.at_most::<DESTROY_STEPS>(0..DESTROY_STEPS) {
            if self.step(kind, number) == Progress::Done {
                return;
            }
            if self.memory.interrupt_pending() {
                break;
            }
        }
        self.enqueue((kind as u64) << KIND_SHIFT | number);
    }

    /// Ends the identity of an object, and makes it harmless: nothing finds it or runs with it.
    #[inline]
    fn disarm(&self, kind: Kind, number: u64) {
        if kind == Kind::Frame {
            let frame = Frame(number / UNITS_PER_FRAME);
            self.memory.set_entry(frame, entry::ID, 0);
            let bits = self.memory.entry(frame, entry::SPACE);
            self.memory
                .set_entry(frame, entry::SPACE, bits | user::DYING);
            return;
        }
        self.memory.store(number, ID_WORD, 0);
        match kind {
            Kind::Endpoint => self.kill_endpoint(Number::from_raw(number)),
            Kind::Notification => self.detach_notification(Number::from_raw(number)),
            Kind::Thread => self.disarm_thread(Number::from_raw(number)),
            Kind::Allowance => self.unlink_allowance(Number::from_raw(number)),
            Kind::Reply => self.detach_reply(Number::from_raw(number)),
            Kind::SchedulingContext => self.detach_context(Number::from_raw(number)),
            Kind::Irq => {
                let irq: Number<Irq> = Number::from_raw(number);
                self.detach_irq(irq);
                self.give_number_back(sort::IRQ, self.memory.get(irq, irq::LINE));
            }
            Kind::Region
            | Kind::Platform
            | Kind::Frame
            | Kind::AddressSpace
            | Kind::CapTable
            | Kind::Gate => {}
        }
    }

    /// A gate through which nobody waits to send goes. Until then its endpoint knows it: of an endpoint
    /// that goes first, the gate forgets where it led.
    #[inline(never)]
    fn vacate_gate(&self, gate: Number<Gate>) {
        self.unlink_gate(gate);
        self.vacate_unit(gate.into_raw());
    }

    #[inline(always)]
    fn unlink_gate(&self, gate: Number<Gate>) {
        let notification: Number<Notification> = self.memory.link(gate, gate::NOTIFICATION);
        if !notification.is_none() {
            self.remove(&NOTIFICATION_GATES, notification, gate);
            return;
        }
        let endpoint: Number<Endpoint> = self.memory.link(gate, gate::ENDPOINT);
        if endpoint != self.null_endpoint() {
            self.remove(&ENDPOINT_GATES, endpoint, gate);
        }
    }

    fn null_endpoint(&self) -> Number<Endpoint> {
        self.memory.link(self.machine(), machine::NULL_ENDPOINT)
    }

    fn disarm_thread(&self, thread: Number<Thread>) {
        self.stop_thread(thread);
        self.disown_floating(thread);
        self.release_buffer(thread);
        self.release_table(thread);
        self.release_space(thread);
    }

    /// Takes one step.
    #[inline(never)]
    fn step(&self, kind: Kind, number: u64) -> Progress {
        match kind {
            Kind::Gate => {
                let gate = Number::from_raw(number);
                if self.drain_gate(gate) {
                    return Progress::More;
                }
                self.vacate_gate(gate);
            }
            Kind::Frame => return self.step_frame(Frame(number / UNITS_PER_FRAME)),
            Kind::Endpoint => return self.step_endpoint(Number::from_raw(number)),
            Kind::Notification => return self.step_notification(Number::from_raw(number)),
            Kind::AddressSpace => return self.tear_down(Number::from_raw(number)),
            Kind::CapTable => return self.step_table(Number::from_raw(number)),
            Kind::Thread => {
                if !self.detach_thread(Number::from_raw(number)) {
                    return Progress::More;
                }
                self.vacate(number, units::<Thread>());
            }
            Kind::SchedulingContext => self.vacate(number, units::<Context>()),
            Kind::Reply => self.vacate(number, units::<Reply>()),
            Kind::Irq => self.vacate(number, units::<Irq>()),
            Kind::Region => self.vacate(number, units::<Region>()),
            Kind::Allowance => return self.step_allowance(Number::from_raw(number)),
            Kind::Platform => self.vacate(number, units::<crate::object::Platform>()),
        }
        Progress::Done
    }

    /// What was made from an allowance of time dies with it: in turn, from the drain list.
    fn step_allowance(&self, allowance: Number<Allowance>) -> Progress {
        let Some((kind, number)) = self.next_dependent(allowance) else {
            self.vacate(allowance.into_raw(), units::<Allowance>());
            return Progress::Done;
        };
        self.disarm(kind, number);
        self.enqueue((kind as u64) << KIND_SHIFT | number);
        Progress::More
    }

    #[inline(never)]
    fn step_frame(&self, frame: Frame) -> Progress {
        let buffer = self.buffer_owner(frame);
        if !buffer.is_none() {
            self.release_buffer(buffer);
        }
        if self.unmap_one(frame) && self.is_mapped(frame) {
            return Progress::More;
        }
        let bits = self.memory.entry(frame, entry::SPACE);
        if bits & user::GIVEN != 0 {
            self.quarantine(frame);
        } else if bits & user::LARGE == 0 {
            self.free_whole(frame);
        } else if !self.free_tails(frame) {
            return Progress::More;
        }
        Progress::Done
    }

    fn step_endpoint(&self, endpoint: Number<Endpoint>) -> Progress {
        if self.drain_endpoint(endpoint) {
            return Progress::More;
        }
        let gate: Number<Gate> = self.memory.link(endpoint, endpoint::GATES);
        if !gate.is_none() {
            self.remove(&ENDPOINT_GATES, endpoint, gate);
            self.memory
                .set_link(gate, gate::ENDPOINT, self.null_endpoint());
            return Progress::More;
        }
        self.vacate(endpoint.into_raw(), units::<Endpoint>());
        Progress::Done
    }

    fn step_notification(&self, notification: Number<Notification>) -> Progress {
        let irq: Number<Irq> = self.memory.link(notification, notification::IRQS);
        if !irq.is_none() {
            self.detach_irq(irq);
            return Progress::More;
        }
        let gate: Number<Gate> = self.memory.link(notification, notification::GATES);
        if !gate.is_none() {
            self.remove(&NOTIFICATION_GATES, notification, gate);
            self.memory.set(gate, gate::NOTIFICATION, 0);
            return Progress::More;
        }
        self.vacate(notification.into_raw(), units::<Notification>());
        Progress::Done
    }

    #[inline(never)]
    fn step_table(&self, table: Number<CapTable>) -> Progress {
        let thread: Number<Thread> = self.memory.link(table, table::THREADS);
        if !thread.is_none() {
            self.release_table(thread);
            self.stop_any(thread);
            return Progress::More;
        }
        let chunks = self.memory.get(table, table::CHUNKS);
        if chunks != 0 {
            let last = chunks.wrapping_sub(1);
            let chunk: Number<Slots> = self.memory.link(table, table::CHUNK.at(last));
            self.memory.set(table, table::CHUNKS, last);
            self.memory.set(table, table::CHUNK.at(last), 0);
            self.free_whole(chunk.frame());
            return Progress::More;
        }
        self.vacate(table.into_raw(), units::<CapTable>());
        Progress::Done
    }

    /// Stops a thread that may be the current one.
    pub(crate) fn stop_any(&self, thread: Number<Thread>) {
        if thread == self.current() {
            self.stop_helping();
            self.settle();
            self.memory.set(self.core(), core_state::CONTEXT, 0);
            self.memory.set(self.core(), core_state::CURRENT, 0);
        }
        self.stop_thread(thread);
    }
}

/// The drain list.
impl<M: Memory + Copy> Kernel<M> {
    #[inline(never)]
    fn enqueue(&self, word: u64) {
        let tail = self.memory.get(self.core(), core_state::DRAIN_TAIL);
        if tail == 0 {
            self.memory.set(self.core(), core_state::DRAIN, word);
        } else {
            self.set_drain_next(tail, word);
        }
        self.memory.set(self.core(), core_state::DRAIN_TAIL, word);
        self.mark_pending();
    }

    /// Takes a few steps of what waits to be taken apart. The way out calls it once, with every
    /// register of the current thread saved, and performs the effects, all of them, after it; the
    /// current thread may be another one then. `PENDING` stays set while something is left, so that
    /// the next way out goes on.
    #[inline(never)]
    pub fn drain(&self) {
        for _ in self.memory.at_most::<DRAIN_STEPS>(0..DRAIN_STEPS) {
            let word = self.memory.get(self.core(), core_state::DRAIN);
            if word == 0 {
                return;
            }
            let next = self.drain_next(word);
            let is_done = match kind_of(word) {
                Some(kind) => self.step(kind, word & NUMBER_MASK) == Progress::Done,
                None => true,
            };
            if is_done {
                self.memory.set(self.core(), core_state::DRAIN, next);
                if next == 0 {
                    self.memory.set(self.core(), core_state::DRAIN_TAIL, 0);
                    return;
                }
            }
            if self.memory.interrupt_pending() {
                break;
            }
        }
        self.mark_pending();
        // A core that stays out of the slow path comes back at the end of a slice at the latest.
        self.mark_time();
    }

    pub(crate) fn drain_next(&self, word: u64) -> u64 {
        let number = word & NUMBER_MASK;
        match drain_word(word) {
            Some(field) => self.memory.load(number, field),
            None => self
                .memory
                .entry(Frame(number / UNITS_PER_FRAME), entry::ID),
        }
    }

    fn set_drain_next(&self, word: u64, next: u64) {
        let number = word & NUMBER_MASK;
        match drain_word(word) {
            Some(field) => self.memory.store(number, field, next),
            None => self
                .memory
                .set_entry(Frame(number / UNITS_PER_FRAME), entry::ID, next),
        }
    }
}

/// The kind of the dying object that `word` names.
const fn kind_of(word: u64) -> Option<Kind> {
    Kind::from_raw((word >> KIND_SHIFT) as u8)
}

/// Which word of a dying object leads to the next one; `None` for a user frame, which has none and
/// uses its entry's.
const fn drain_word(word: u64) -> Option<usize> {
    match kind_of(word) {
        None | Some(Kind::Frame) => None,
        Some(Kind::Region) => Some(crate::object::region::DRAIN_NEXT.word()),
        Some(Kind::Allowance) => Some(crate::object::allowance::DRAIN_NEXT.word()),
        Some(Kind::Platform) => Some(ID_WORD),
        Some(Kind::AddressSpace) => Some(space::DRAIN_NEXT.word()),
        Some(Kind::CapTable) => Some(table::DRAIN_NEXT.word()),
        Some(Kind::Thread) => Some(thread::DRAIN_NEXT.word()),
        Some(Kind::SchedulingContext) => Some(crate::object::context::DRAIN_NEXT.word()),
        Some(Kind::Endpoint) => Some(endpoint::DRAIN_NEXT.word()),
        Some(Kind::Gate) => Some(gate::DRAIN_NEXT.word()),
        Some(Kind::Notification) => Some(notification::DRAIN_NEXT.word()),
        Some(Kind::Reply) => Some(crate::object::reply::DRAIN_NEXT.word()),
        Some(Kind::Irq) => Some(irq::DRAIN_NEXT.word()),
    }
}
