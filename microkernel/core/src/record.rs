//! Mapping records: how a frame finds its mappings beyond the first, and a mapping its record.
//!
//! Records lie in frames of the mapping space's pool, 64 in each. A frame of records is in one of two
//! lists of its space: `RECORDS`, those with room, or `FULL`. When its last record goes, the frame
//! goes back to the pool. The lists run through the frames' entries, and back through a word of each
//! frame's first record that no record uses.
//!
//! ```text
//!             make_record (the 64th)             drop_record
//!   RECORDS ─────────────────────────▶ FULL ───────────────▶ RECORDS ──▶ … ──▶ POOL
//! ```

use crate::create::{frame_number, unit_bit};
use crate::kernel::Kernel;
use crate::memory::{Fields, Memory};
use crate::object::{
    Field, Frame, FrameKind, Number, PageTable, Record, Shadow, Space, UNITS_PER_FRAME, entry,
    record, space,
};

/// The record number beside entry `index` of a table.
#[must_use]
pub(crate) const fn shadow_at(index: u64) -> Field<Shadow> {
    Field::new(0).at(index)
}

impl<M: Memory + Copy> Kernel<M> {
    /// How many frames of the pool a record for a mapping in `table` (none: one that has to be made)
    /// would take.
    pub(crate) fn missing_for_record(
        &self,
        space: Number<Space>,
        table: Option<Number<PageTable>>,
    ) -> u64 {
        let has_shadow =
            table.is_some_and(|table| self.memory.entry(table.frame(), entry::RECORDS) != 0);
        let has_room = self.memory.get(space, space::RECORDS) != 0;
        u64::from(!has_shadow).wrapping_add(u64::from(!has_room))
    }

    /// Records a further mapping of `frame`, by an entry of a table; the pool has a frame for each
    /// thing that is missing.
    pub(crate) fn add_record(
        &self,
        space: Number<Space>,
        (table, index): (Number<PageTable>, u64),
        frame: Frame,
        address: u64,
    ) {
        let mut shadow = Frame(self.memory.entry(table.frame(), entry::RECORDS));
        if shadow.0 == 0 {
            shadow = self.pop_pool(space, FrameKind::Shadow);
            self.memory
                .set_entry(table.frame(), entry::RECORDS, shadow.0);
        }
        let record = self.make_record(space);
        let shadow: Number<Shadow> = frame_number(shadow);
        self.memory.set_link(shadow, shadow_at(index), record);
        self.memory.set_link(record, record::SPACE, space);
        self.memory.set(record, record::ADDRESS, address);
        self.memory.set(record, record::FRAME, frame.0);
        let next: Number<Record> = Number::from_raw(self.memory.entry(frame, entry::RECORDS));
        self.memory.set_link(record, record::NEXT, next);
        if !next.is_none() {
            self.memory.set_link(next, record::PREV, record);
        }
        self.memory
            .set_entry(frame, entry::RECORDS, record.into_raw());
    }

    /// Takes the record of an entry of a table out of the table's shadow; none if it has none.
    pub(crate) fn take_shadow(&self, table: Number<PageTable>, index: u64) -> Number<Record> {
        let shadow = Frame(self.memory.entry(table.frame(), entry::RECORDS));
        if shadow.0 == 0 {
            return Number::NONE;
        }
        let shadow: Number<Shadow> = frame_number(shadow);
        let record = self.memory.link(shadow, shadow_at(index));
        self.memory.set(shadow, shadow_at(index), 0);
        record
    }

    /// Takes a free record of the space's own, of a new frame if all are in use.
    fn make_record(&self, space: Number<Space>) -> Number<Record> {
        let mut frame = Frame(self.memory.get(space, space::RECORDS));
        if frame.0 == 0 {
            frame = self.pop_pool(space, FrameKind::Records);
            self.link_records(space, space::RECORDS, frame);
        }
        let used = self.memory.entry(frame, entry::ID);
        let unit = u64::from(used.trailing_ones()) % UNITS_PER_FRAME;
        let used = used | 1 << unit;
        self.memory.set_entry(frame, entry::ID, used);
        if used == !0 {
            self.unlink_records(space, space::RECORDS, frame);
            self.link_records(space, space::FULL, frame);
        }
        Number::from_raw(frame.0.wrapping_mul(UNITS_PER_FRAME).wrapping_add(unit))
    }

    /// Unlinks a record from its frame and frees it; an empty frame goes back to the pool.
    #[inline(never)]
    pub(crate) fn drop_record(&self, record: Number<Record>) {
        let next: Number<Record> = self.memory.link(record, record::NEXT);
        let prev: Number<Record> = self.memory.link(record, record::PREV);
        if prev.is_none() {
            let frame = Frame(self.memory.get(record, record::FRAME));
            self.memory
                .set_entry(frame, entry::RECORDS, next.into_raw());
        } else {
            self.memory.set_link(prev, record::NEXT, next);
        }
        if !next.is_none() {
            self.memory.set_link(next, record::PREV, prev);
        }
        let space: Number<Space> = self.memory.link(record, record::SPACE);
        self.memory.set(record, record::SPACE, 0);
        self.memory.set(record, record::ADDRESS, 0);
        self.memory.set(record, record::FRAME, 0);
        self.memory.set(record, record::NEXT, 0);
        self.memory.set(record, record::PREV, 0);
        let frame = record.frame();
        let used = self.memory.entry(frame, entry::ID);
        let left = used & !unit_bit(record.into_raw());
        self.memory.set_entry(frame, entry::ID, left);
        if used == !0 {
            self.unlink_records(space, space::FULL, frame);
            self.link_records(space, space::RECORDS, frame);
        }
        if left == 0 {
            self.unlink_records(space, space::RECORDS, frame);
            self.return_to_pool(space, frame);
        }
    }

    fn link_records(&self, space: Number<Space>, head: Field<Space>, frame: Frame) {
        let next = Frame(self.memory.get(space, head));
        self.memory.set_entry(frame, entry::RECORDS, next.0);
        self.memory.set(first_of(frame), record::FRAME_PREV, 0);
        if next.0 != 0 {
            self.memory.set(first_of(next), record::FRAME_PREV, frame.0);
        }
        self.memory.set(space, head, frame.0);
    }

    fn unlink_records(&self, space: Number<Space>, head: Field<Space>, frame: Frame) {
        let next = Frame(self.memory.entry(frame, entry::RECORDS));
        let prev = Frame(self.memory.get(first_of(frame), record::FRAME_PREV));
        if prev.0 == 0 {
            self.memory.set(space, head, next.0);
        } else {
            self.memory.set_entry(prev, entry::RECORDS, next.0);
        }
        if next.0 != 0 {
            self.memory.set(first_of(next), record::FRAME_PREV, prev.0);
        }
        self.memory.set(first_of(frame), record::FRAME_PREV, 0);
    }
}

/// The first place for a record in a frame, used or not.
pub(crate) fn first_of(frame: Frame) -> Number<Record> {
    frame_number(frame)
}
