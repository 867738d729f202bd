//! Making objects: where a new one may lie, and what it holds at first.
//!
//! The caller names a region, the object's number, and an empty slot for the capability. The frame
//! must be free, or already a pool of that kind with this place empty: [`Vacancy`] is the proof that
//! both were checked, and [`Kernel::occupy`] the only way to turn it into an object. A pool frame's
//! table entry has one bit for each object in it (at its first unit), living or dying; what is not
//! in use is all zero, so a stale capability never meets an old identity.

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;

use crate::capability::{Capability, Slot};
use crate::destroy::units;
use crate::kernel::{Answer, Kernel};
use crate::list::List;
use crate::memory::{Fields, Memory};
use crate::object::{
    Allowance, CapTable, Context, Endpoint, Frame, FrameKind, Gate, Irq, Notification, Number,
    Object, Region, Reply, Slots, Space, Thread, UNIT_WORDS, UNITS_PER_FRAME, allowance, context,
    entry, gate, irq, machine, notification, sort, space, state, table, thread,
};
use crate::object::{REPLY_MARK, endpoint};

/// What a capability to a new region, allowance, table, space, thread, context, reply or interrupt
/// allows.
pub(crate) const HOLDER: Rights = Rights::READ.union(Rights::WRITE).union(Rights::DESTROY);
/// What a capability to a new endpoint or notification allows.
const RECEIVER: Rights = HOLDER.union(Rights::MAKE_GATE);
/// What a capability to a new gate of an endpoint allows.
const SENDER: Rights = Rights::SEND
    .union(Rights::GRANT)
    .union(Rights::GRANT_REPLY)
    .union(Rights::DESTROY);
/// What a capability to a new gate of a notification allows.
const SIGNALLER: Rights = Rights::SIGNAL.union(Rights::DESTROY);

/// The gates of an endpoint.
pub(crate) const ENDPOINT_GATES: List<Endpoint, Gate> = List {
    head: endpoint::GATES,
    next: gate::NEXT,
    prev: gate::PREV,
};
/// The gates of a notification.
pub(crate) const NOTIFICATION_GATES: List<Notification, Gate> = List {
    head: notification::GATES,
    next: gate::NEXT,
    prev: gate::PREV,
};
/// The threads that use a table.
pub(crate) const TABLE_THREADS: List<CapTable, Thread> = List {
    head: table::THREADS,
    next: thread::TABLE_NEXT,
    prev: thread::TABLE_PREV,
};
/// The threads that use a space.
pub(crate) const SPACE_THREADS: List<Space, Thread> = List {
    head: space::THREADS,
    next: thread::SPACE_NEXT,
    prev: thread::SPACE_PREV,
};

/// `MASK` of a thread whose table has its first chunk.
pub(crate) const FULL_MASK: u64 = 255;

/// A place for an object that is known to be empty, and the empty slot for its capability.
#[derive(Clone, Copy)]
pub(crate) struct Vacancy {
    /// The region it is taken from.
    pub region: Number<Region>,
    /// The number that the object will have.
    pub number: u64,
    /// Where its capability goes.
    pub slot: Slot,
    kind: u8,
}

impl Vacancy {
    /// The object's number, typed.
    pub(crate) fn number<O>(&self) -> Number<O> {
        Number::from_plain(self.number)
    }

    /// The frame in which it lies.
    pub(crate) fn frame(&self) -> Frame {
        Frame(self.number / UNITS_PER_FRAME)
    }
}

impl<M: Memory + Copy> Kernel<M> {
    /// Checks region, place and destination of a new `O`.
    ///
    /// # Errors
    ///
    /// Those of the region's handle; `Misaligned`, `OutOfRange`, `NotWhole`, `NotFree` for the
    /// place; those of [`Kernel::find_empty_slot`].
    pub(crate) fn find_vacancy<O: Object>(
        &self,
        region: u64,
        object: u64,
        destination: u64,
    ) -> Result<Vacancy, Error> {
        self.find_place(region, object, destination, O::KIND, units::<O>())
    }

    #[inline(never)]
    fn find_place(
        &self,
        region: u64,
        object: u64,
        destination: u64,
        kind: FrameKind,
        units: u64,
    ) -> Result<Vacancy, Error> {
        let region = self.find_seldom::<Region>(region, Rights::WRITE)?;
        self.check_place(region, object, kind, units)?;
        let slot = self.find_empty_slot(destination)?;
        Ok(Vacancy {
            region,
            number: object,
            slot,
            kind: kind as u8,
        })
    }

    fn check_place(
        &self,
        region: Number<Region>,
        object: u64,
        kind: FrameKind,
        units: u64,
    ) -> Result<(), Error> {
        if object & units.wrapping_sub(1) != 0 {
            return Err(Error::Misaligned);
        }
        let frame = Frame(object / UNITS_PER_FRAME);
        self.check_own(region, frame)?;
        self.check_is_memory(region)?;
        let found = self.memory.kind(frame);
        if found == FrameKind::Free as u8 {
            return Ok(());
        }
        let used = self.memory.entry(frame, entry::ID);
        if found == kind as u8 && used & unit_bit(object) == 0 {
            Ok(())
        } else {
            Err(Error::NotFree)
        }
    }

    /// Makes an empty place an object's, all zero but for a new identity.
    #[inline(never)]
    pub(crate) fn occupy(&self, region: Number<Region>, number: u64, kind: u8) -> u64 {
        let frame = Frame(number / UNITS_PER_FRAME);
        if self.memory.kind(frame) == FrameKind::Free as u8 {
            self.memory.set_kind(frame, kind);
            self.memory.zero(frame);
            self.raise_high(region, frame);
        }
        let used = self.memory.entry(frame, entry::ID);
        self.memory
            .set_entry(frame, entry::ID, used | unit_bit(number));
        let id = self.new_id();
        self.memory.store(number, crate::object::ID_WORD, id);
        id
    }

    /// Makes the object, and the capability to it: the last thing a creation does.
    #[inline(never)]
    pub(crate) fn finish(&self, vacancy: &Vacancy, kind: Kind, rights: Rights) -> Answer {
        let id = self.occupy(vacancy.region, vacancy.number, vacancy.kind);
        self.write_slot(
            vacancy.slot,
            Capability::new(id, kind, vacancy.number, rights),
        );
        Ok(0)
    }

    /// Zeroes the object `number` of a pool, which has `units`; the frame is free when its last object
    /// goes.
    #[inline(never)]
    pub(crate) fn vacate(&self, number: u64, units: u64) {
        debug_assert!(units != 0 && units <= UNITS_PER_FRAME);
        let mut unit = units;
        loop {
            self.memory.mark_round::<UNITS_PER_FRAME>();
            unit = unit.wrapping_sub(1);
            self.zero_unit(number.wrapping_add(unit));
            if unit == 0 {
                break;
            }
        }
        self.leave_frame(number);
    }

    /// The same for an object of one unit.
    #[inline]
    pub(crate) fn vacate_unit(&self, number: u64) {
        self.zero_unit(number);
        self.leave_frame(number);
    }

    /// The object `number` of a pool is no longer among those of its frame.
    #[inline]
    fn leave_frame(&self, number: u64) {
        let frame = Frame(number / UNITS_PER_FRAME);
        let used = self.memory.entry(frame, entry::ID) & !unit_bit(number);
        self.memory.set_entry(frame, entry::ID, used);
        if used == 0 {
            self.memory.set_kind(frame, FrameKind::Free as u8);
        }
    }

    #[inline]
    pub(crate) fn zero_unit(&self, number: u64) {
        for word in 0..UNIT_WORDS {
            self.memory.store(number, word, 0);
        }
    }

    /// Checks that `frame` is free and the region's own, for a use as a whole frame of kernel data.
    ///
    /// # Errors
    ///
    /// `OutOfRange`, `NotWhole`, `NotFree`.
    #[inline(never)]
    pub(crate) fn check_whole(&self, region: Number<Region>, frame: Frame) -> Result<(), Error> {
        self.check_own(region, frame)?;
        self.check_is_memory(region)?;
        self.check_free(frame)
    }

    /// Makes a free frame, checked by [`Kernel::check_whole`], part of the object `owner`.
    #[inline(never)]
    pub(crate) fn take_whole(
        &self,
        region: Number<Region>,
        frame: Frame,
        kind: FrameKind,
        owner: u64,
    ) {
        self.memory.set_kind(frame, kind as u8);
        self.memory.zero(frame);
        self.memory.set_entry(frame, entry::SPACE, owner);
        self.raise_high(region, frame);
    }

    /// Makes a frame free whose entry's fields are listed nowhere any more.
    #[inline(never)]
    pub(crate) fn free_whole(&self, frame: Frame) {
        self.memory.set_entry(frame, entry::ID, 0);
        self.memory.set_entry(frame, entry::SPACE, 0);
        self.memory.set_entry(frame, entry::ADDRESS, 0);
        self.memory.set_entry(frame, entry::RECORDS, 0);
        self.memory.set_kind(frame, FrameKind::Free as u8);
    }
}

/// The bit of a pool frame's entry that stands for the object `number`.
#[must_use]
pub(crate) const fn unit_bit(number: u64) -> u64 {
    1 << (number % UNITS_PER_FRAME)
}

impl<M: Memory + Copy> Kernel<M> {
    /// `create_table`.
    ///
    /// # Errors
    ///
    /// Those of every creation; `OutOfRange`, `NotWhole`, `NotFree` also for the frame `slots`.
    pub fn create_table(&self, region: u64, object: u64, destination: u64, slots: u64) -> Answer {
        let vacancy = self.find_vacancy::<CapTable>(region, object, destination)?;
        let slots = Frame(slots);
        self.check_whole(vacancy.region, slots)?;
        if slots == vacancy.frame() {
            return Err(Error::NotFree);
        }
        self.finish(&vacancy, Kind::CapTable, HOLDER)?;
        self.add_chunk(vacancy.region, vacancy.number(), slots);
        Ok(0)
    }

    /// Adds 256 empty slots to a table that has fewer than [`table::CHUNKS_MAX`] chunks.
    pub(crate) fn add_chunk(&self, region: Number<Region>, table: Number<CapTable>, frame: Frame) {
        self.take_whole(region, frame, FrameKind::Slots, table.into_raw());
        let chunks = self.memory.get(table, table::CHUNKS);
        self.memory
            .set_link(table, table::CHUNK.at(chunks), frame_number::<Slots>(frame));
        self.memory
            .set(table, table::CHUNKS, chunks.wrapping_add(1));
    }

    /// `create_thread`.
    ///
    /// # Errors
    ///
    /// Those of every creation, and of the handles `table` and `space` (right `WRITE`).
    pub fn create_thread(
        &self,
        region: u64,
        object: u64,
        destination: u64,
        table: u64,
        space: u64,
    ) -> Answer {
        let vacancy = self.find_vacancy::<Thread>(region, object, destination)?;
        let table = self.find_seldom::<CapTable>(table, Rights::WRITE)?;
        let space = self.find_seldom::<Space>(space, Rights::WRITE)?;
        self.finish(&vacancy, Kind::Thread, HOLDER)?;
        self.prepare_thread(vacancy.number(), table, space);
        Ok(0)
    }

    /// Gives a new thread its table and space.
    pub(crate) fn prepare_thread(
        &self,
        thread: Number<Thread>,
        table: Number<CapTable>,
        space: Number<Space>,
    ) {
        self.memory
            .set(thread, thread::LINK, REPLY_MARK | thread.into_raw());
        self.memory.set(thread, thread::STATE, state::NEW);
        self.memory.set_link(thread, thread::TABLE, table);
        self.push(&TABLE_THREADS, table, thread);
        self.memory
            .set(thread, thread::SLOTS, self.memory.get(table, table::CHUNK));
        self.memory.set(thread, thread::MASK, FULL_MASK);
        self.memory.set_link(thread, thread::SPACE, space);
        self.push(&SPACE_THREADS, space, thread);
        self.memory.set(thread, thread::ROOT, self.root_of(space));
    }

    /// Takes its table from a thread, which finds no capability any more.
    pub(crate) fn release_table(&self, thread: Number<Thread>) {
        let table: Number<CapTable> = self.memory.link(thread, thread::TABLE);
        if table.is_none() {
            return;
        }
        self.remove(&TABLE_THREADS, table, thread);
        self.memory.set(thread, thread::TABLE, 0);
        self.memory.set(thread, thread::MASK, 0);
        let none = self.memory.get(self.machine(), machine::NULL_SLOTS);
        self.memory.set(thread, thread::SLOTS, none);
    }

    /// Takes its space from a thread, which finds nothing mapped any more.
    pub(crate) fn release_space(&self, thread: Number<Thread>) {
        let space: Number<Space> = self.memory.link(thread, thread::SPACE);
        if space.is_none() {
            return;
        }
        self.remove(&SPACE_THREADS, space, thread);
        self.memory.set(thread, thread::SPACE, 0);
        let none = self.memory.get(self.machine(), machine::NULL_ROOT);
        self.memory.set(thread, thread::ROOT, none);
    }

    /// `create_context`.
    ///
    /// # Errors
    ///
    /// Those of every creation, and of the handle `allowance` (right `WRITE`); `BadArgument` if it
    /// is not one of time, `OutOfRange` for a priority above what it allows without a budget.
    pub fn create_context(
        &self,
        region: u64,
        object: u64,
        destination: u64,
        allowance: u64,
        priority: u64,
    ) -> Answer {
        let vacancy = self.find_vacancy::<Context>(region, object, destination)?;
        let allowance = self.find_allowance(allowance, sort::TIME)?;
        self.check_grant(allowance, priority, 0, 0)?;
        self.finish(&vacancy, Kind::SchedulingContext, HOLDER)?;
        self.prepare_context(vacancy.number(), allowance, priority);
        Ok(0)
    }

    /// Gives a new context its allowance and priority.
    pub(crate) fn prepare_context(
        &self,
        context: Number<Context>,
        allowance: Number<Allowance>,
        priority: u64,
    ) {
        self.memory.set(context, context::PRIORITY, priority);
        let core = self.memory.get(allowance, allowance::FIRST);
        self.memory.set(context, context::CORE, core);
        self.memory.set_link(context, context::ALLOWANCE, allowance);
        self.push(&crate::allowance::CONTEXTS, allowance, context);
    }

    /// `create_endpoint`.
    ///
    /// # Errors
    ///
    /// Those of every creation.
    pub fn create_endpoint(&self, region: u64, object: u64, destination: u64) -> Answer {
        let vacancy = self.find_vacancy::<Endpoint>(region, object, destination)?;
        self.finish(&vacancy, Kind::Endpoint, RECEIVER)
    }

    /// `create_notification`.
    ///
    /// # Errors
    ///
    /// Those of every creation.
    pub fn create_notification(&self, region: u64, object: u64, destination: u64) -> Answer {
        let vacancy = self.find_vacancy::<Notification>(region, object, destination)?;
        self.finish(&vacancy, Kind::Notification, RECEIVER)
    }

    /// `create_reply`.
    ///
    /// # Errors
    ///
    /// Those of every creation.
    pub fn create_reply(&self, region: u64, object: u64, destination: u64) -> Answer {
        let vacancy = self.find_vacancy::<Reply>(region, object, destination)?;
        self.finish(&vacancy, Kind::Reply, HOLDER)
    }

    /// `create_gate`.
    ///
    /// # Errors
    ///
    /// Those of every creation, and of the handle `target` (an endpoint or a notification, right
    /// `MAKE_GATE`).
    pub fn create_gate(
        &self,
        region: u64,
        object: u64,
        destination: u64,
        target: u64,
        badge: u64,
    ) -> Answer {
        let vacancy = self.find_vacancy::<Gate>(region, object, destination)?;
        let gate: Number<Gate> = vacancy.number();
        match self.find_seldom::<Endpoint>(target, Rights::MAKE_GATE) {
            Ok(endpoint) => {
                self.finish(&vacancy, Kind::Gate, SENDER)?;
                self.memory.set_link(gate, gate::ENDPOINT, endpoint);
                self.push(&ENDPOINT_GATES, endpoint, gate);
            }
            Err(Error::WrongKind) => {
                let notification = self.find_seldom::<Notification>(target, Rights::MAKE_GATE)?;
                self.finish(&vacancy, Kind::Gate, SIGNALLER)?;
                let none = self.memory.get(self.machine(), machine::NULL_ENDPOINT);
                self.memory.set(gate, gate::ENDPOINT, none);
                self.memory.set_link(gate, gate::NOTIFICATION, notification);
                self.push(&NOTIFICATION_GATES, notification, gate);
            }
            Err(error) => return Err(error),
        }
        self.memory.set(gate, gate::BADGE, badge);
        Ok(0)
    }

    /// `create_irq`.
    ///
    /// # Errors
    ///
    /// Those of every creation, and of the handle `allowance` (right `WRITE`); `BadArgument` if it
    /// is not one of interrupt lines, `OutOfRange` for a line outside it, `Exhausted` if the line has
    /// an object.
    pub fn create_irq(
        &self,
        region: u64,
        object: u64,
        destination: u64,
        allowance: u64,
        line: u64,
    ) -> Answer {
        let vacancy = self.find_vacancy::<Irq>(region, object, destination)?;
        let allowance = self.find_allowance(allowance, sort::IRQ)?;
        self.check_number(allowance, line)?;
        self.finish(&vacancy, Kind::Irq, HOLDER)?;
        self.take_number(sort::IRQ, line, vacancy.number);
        self.memory.set(vacancy.number::<Irq>(), irq::LINE, line);
        Ok(0)
    }
}

/// The object number of a whole frame.
#[must_use]
pub(crate) const fn frame_number<O>(frame: Frame) -> Number<O> {
    Number::from_raw(frame.0 << 6)
}
