//! User frames, page tables, records: every mapping from both ends.

use ipc_abi::capability::Kind;

use super::{Checked, Tallies, ensure};
use crate::capability::Slot;
use crate::create::{frame_number, unit_bit};
use crate::frame::{PAGE_BITS, SPACE_BITS};
use crate::kernel::Kernel;
use crate::large::LARGE_FRAMES;
use crate::mapping::{DEVICE_MEMORY, EVERY_PAGE, MAY_WRITE, NO_EXECUTE_USER, READ_ONLY};
use crate::memory::{Fields, Memory};
use crate::object::{
    Frame, FrameKind, Number, PageTable, Record, Shadow, Slots, Space, UNITS_PER_FRAME, entry,
    record, space, thread, user,
};
use crate::record::{first_of, shadow_at};
use crate::space::{
    BLOCK_LEVEL, DESCRIPTOR_ADDRESS, FIRST_LEVEL, LAST_LEVEL, LEVEL_SHIFT, TABLE, TABLE_ENTRIES,
    frame_of, index_at, slot_at, table_descriptor,
};

/// Bits of a slot's second word that are zero: below and above the object's number.
const UNUSED_BITS: u64 = 0x3F | 0b11 << 46;
/// No list of frames is longer: as many as 64 GiB have.
const LONGEST_LIST: u64 = 1 << 24;

impl<M: Memory + Copy> Kernel<M> {
    pub(super) fn check_user_frame(&self, frame: Frame, tallies: &mut Tallies) -> Checked {
        let bits = self.memory.entry(frame, entry::SPACE);
        if bits & user::DYING != 0 {
            tallies.dying.members = tallies.dying.members.wrapping_add(1);
        } else {
            let id = self.memory.entry(frame, entry::ID);
            let next = self
                .memory
                .get(self.machine(), crate::object::machine::NEXT_ID);
            ensure(
                id != 0 && id < next,
                "a user frame has an identity",
                frame.0,
            )?;
        }
        let is_both = bits & user::CODE != 0 && bits & user::DEVICE != 0;
        ensure(!is_both, "a device is never code", frame.0)?;
        self.check_user_bits(frame, bits)?;
        let first: Number<Space> = Number::from_raw(bits & SPACE_BITS);
        let page = self.memory.entry(frame, entry::ADDRESS) & PAGE_BITS;
        let counts_tails = bits & user::DYING != 0 && bits & user::LARGE != 0;
        if first.is_none() && counts_tails {
            ensure(
                page < LARGE_FRAMES,
                "a dying large frame counts tails",
                frame.0,
            )?;
        } else if first.is_none() {
            ensure(
                page == 0,
                "a frame without a first mapping has no address",
                frame.0,
            )?;
        } else {
            self.check_mapping(frame, first, page << 12, Number::NONE)?;
        }
        self.check_records_of(frame, tallies)?;
        self.check_buffer(frame)
    }

    fn check_buffer(&self, frame: Frame) -> Checked {
        let owner = self.buffer_owner(frame);
        if owner.is_none() {
            return Ok(());
        }
        let is_thread = self.is_object(owner.into_raw(), Kind::Thread);
        ensure(is_thread, "a message buffer is a thread's", frame.0)?;
        let buffer = self.memory.get(owner, thread::BUFFER);
        ensure(
            buffer == frame.0,
            "the thread knows its message buffer",
            frame.0,
        )?;
        let bits = self.memory.entry(frame, entry::SPACE) & (user::CODE | user::DEVICE);
        ensure(bits == 0, "a message buffer is data", frame.0)
    }

    fn check_records_of(&self, frame: Frame, tallies: &mut Tallies) -> Checked {
        let mut previous: Number<Record> = Number::NONE;
        let mut record: Number<Record> = Number::from_raw(self.memory.entry(frame, entry::RECORDS));
        while !record.is_none() {
            let at = record.into_raw();
            let is_used = self.memory.kind(record.frame()) == FrameKind::Records as u8
                && self.memory.entry(record.frame(), entry::ID) & unit_bit(at) != 0;
            ensure(is_used, "a frame's records are in use", at)?;
            let back: Number<Record> = self.memory.link(record, record::PREV);
            ensure(
                back == previous,
                "a record leads back to the one before",
                at,
            )?;
            let named = self.memory.get(record, record::FRAME);
            ensure(named == frame.0, "a record names its frame", at)?;
            let space: Number<Space> = self.memory.link(record, record::SPACE);
            let owner = self.space_of(record.frame());
            ensure(space == owner, "a record is of its space's own pool", at)?;
            self.check_mapping(
                frame,
                space,
                self.memory.get(record, record::ADDRESS),
                record,
            )?;
            tallies.records.reached = tallies.records.reached.wrapping_add(1);
            previous = record;
            record = self.memory.link(record, record::NEXT);
        }
        Ok(())
    }

    /// The space that a frame says it is mapped in maps it there (unless its tables are being taken
    /// apart), with rights that its mode allows.
    fn check_mapping(
        &self,
        frame: Frame,
        space: Number<Space>,
        address: u64,
        record: Number<Record>,
    ) -> Checked {
        let is_space = self.is_object(space.into_raw(), Kind::AddressSpace);
        ensure(is_space, "a mapping is in a space", frame.0)?;
        if self.memory.get(space, space::ROOT) == 0 {
            return Ok(());
        }
        let is_large = self.memory.entry(frame, entry::SPACE) & user::LARGE != 0;
        let (table, level) = if is_large {
            (self.find_middle_table(space, address), BLOCK_LEVEL)
        } else {
            (self.find_last_table(space, address), LAST_LEVEL)
        };
        let Some(table) = table else {
            return ensure(false, "a mapping has a table", frame.0);
        };
        let index = index_at(level, address);
        let descriptor = self.memory.get(table, slot_at(index));
        ensure(
            frame_of(descriptor) == frame && (descriptor & TABLE == 0) == is_large,
            "a page is where its frame says",
            frame.0,
        )?;
        ensure(
            self.record_beside(table.frame(), index) == record,
            "the shadow names the record of a page",
            frame.0,
        )?;
        self.check_attributes(frame, descriptor)
    }

    /// The record in the shadow of a table.
    fn record_beside(&self, table: Frame, index: u64) -> Number<Record> {
        let shadow = Frame(self.memory.entry(table, entry::RECORDS));
        if shadow.0 == 0 {
            Number::NONE
        } else {
            self.memory
                .link(frame_number::<Shadow>(shadow), shadow_at(index))
        }
    }

    /// Writable or executable, never both, over all mappings of a frame.
    fn check_attributes(&self, frame: Frame, descriptor: u64) -> Checked {
        let bits = self.memory.entry(frame, entry::SPACE);
        let is_large = bits & user::LARGE != 0;
        let chosen = DESCRIPTOR_ADDRESS | READ_ONLY | NO_EXECUTE_USER | DEVICE_MEMORY | MAY_WRITE;
        let always = if is_large {
            EVERY_PAGE & !TABLE
        } else {
            EVERY_PAGE
        };
        ensure(
            descriptor & !chosen == always,
            "a page is valid, for EL0, and never executed by EL1",
            frame.0,
        )?;
        let is_writable = descriptor & READ_ONLY == 0;
        let is_executable = descriptor & NO_EXECUTE_USER == 0;
        let is_code = bits & user::CODE != 0;
        ensure(!is_writable || !is_code, "code is not writable", frame.0)?;
        ensure(!is_executable || is_code, "data is not executable", frame.0)?;
        let is_device = descriptor & DEVICE_MEMORY != 0;
        ensure(
            is_device == (bits & user::DEVICE != 0),
            "a device is device memory",
            frame.0,
        )
    }

    pub(super) fn check_space(&self, space: Number<Space>, tallies: &mut Tallies) -> Checked {
        let at = space.into_raw();
        let root: Number<PageTable> = self.memory.link(space, space::ROOT);
        if root.is_none() {
            let is_dying = self.memory.get(space, space::ID) == 0;
            ensure(is_dying, "only a dying space has no root", at)?;
        } else {
            let level = self.memory.entry(root.frame(), entry::SPACE) >> LEVEL_SHIFT;
            ensure(level == FIRST_LEVEL, "a root is a first table", at)?;
            let asid = self.memory.get(space, space::ASID);
            let user = self
                .memory
                .link(self.machine(), crate::object::machine::ASIDS.at(asid));
            ensure(user == space, "the machine knows who has an ASID", at)?;
        }
        self.check_list(
            &crate::create::SPACE_THREADS,
            space,
            thread::SPACE,
            &mut tallies.space_threads,
        )?;
        let old: Number<PageTable> = self.memory.link(space, space::OLD_ROOT);
        ensure(
            root.is_none() || old.is_none(),
            "a living space has one root",
            at,
        )?;
        let tables = if root.is_none() { old } else { root };
        if !tables.is_none() {
            let count = self.count_tables(tables, FIRST_LEVEL);
            tallies.space_frames.reached = tallies.space_frames.reached.wrapping_add(count);
        }
        let pool = self.count_frames(space::POOL, space, FrameKind::Pool)?;
        let count = self.memory.get(space, space::POOL_COUNT);
        ensure(pool == count, "POOL_COUNT counts the pool", at)?;
        let mut records = self.count_frames(space::RECORDS, space, FrameKind::Records)?;
        records =
            records.wrapping_add(self.count_frames(space::FULL, space, FrameKind::Records)?);
        let others = pool.wrapping_add(records);
        tallies.space_frames.reached = tallies.space_frames.reached.wrapping_add(others);
        Ok(())
    }

    /// Counts a table, what is below it, and their shadows.
    fn count_tables(&self, table: Number<PageTable>, level: u64) -> u64 {
        let has_shadow = self.memory.entry(table.frame(), entry::RECORDS) != 0;
        let mut count = 1_u64.wrapping_add(u64::from(has_shadow));
        if level == LAST_LEVEL {
            return count;
        }
        for index in 0..TABLE_ENTRIES {
            let descriptor = self.memory.get(table, slot_at(index));
            if descriptor & TABLE != 0 {
                let below = frame_number(frame_of(descriptor));
                count = count.wrapping_add(self.count_tables(below, level.wrapping_add(1)));
            }
        }
        count
    }

    /// Counts the frames of a space in one of the lists that run through the entry word `RECORDS`.
    fn count_frames(
        &self,
        head: crate::object::Field<Space>,
        space: Number<Space>,
        kind: FrameKind,
    ) -> Result<u64, super::Violation> {
        let mut count: u64 = 0;
        let mut previous: u64 = 0;
        let mut frame = Frame(self.memory.get(space, head));
        while frame.0 != 0 {
            let is_right = self.memory.kind(frame) == kind as u8 && self.space_of(frame) == space;
            ensure(
                is_right,
                "a frame in a list of a space is of its kind",
                frame.0,
            )?;
            if kind == FrameKind::Records {
                let is_full = self.memory.entry(frame, entry::ID) == !0;
                ensure(
                    is_full == (head.word() == space::FULL.word()),
                    "a frame of records is in the list for its room",
                    frame.0,
                )?;
                let back = self.memory.get(first_of(frame), record::FRAME_PREV);
                ensure(
                    back == previous,
                    "a frame of records leads back to the one before",
                    frame.0,
                )?;
            }
            count = count.wrapping_add(1);
            ensure(
                count <= LONGEST_LIST,
                "a list of a space's frames ends",
                frame.0,
            )?;
            previous = frame.0;
            frame = Frame(self.memory.entry(frame, entry::RECORDS));
        }
        Ok(count)
    }

    /// A frame that was given to a space.
    pub(super) fn check_space_frame(&self, frame: Frame, tallies: &mut Tallies) -> Checked {
        let space = self.space_of(frame);
        let is_space = self.is_object(space.into_raw(), Kind::AddressSpace);
        ensure(is_space, "a table's space exists", frame.0)?;
        tallies.space_frames.members = tallies.space_frames.members.wrapping_add(1);
        let has_tables = self.memory.get(space, space::ROOT) != 0;
        let kind = self.memory.kind(frame);
        if kind == FrameKind::Pool as u8 {
            let is_clean = self.memory.entry(frame, entry::ID) == 0
                && self.memory.entry(frame, entry::SPACE) == space.into_raw();
            ensure(is_clean, "a frame of a pool says no more", frame.0)?;
            return self.check_zero_frame(frame);
        }
        if kind == FrameKind::Shadow as u8 {
            let next = self.memory.entry(frame, entry::RECORDS);
            ensure(next == 0, "a shadow is in no list", frame.0)?;
        }
        if kind == FrameKind::Records as u8 {
            let used = self.memory.entry(frame, entry::ID);
            ensure(used != 0, "a frame of records is not empty", frame.0)?;
            let records = &mut tallies.records.members;
            *records = records.wrapping_add(u64::from(used.count_ones()));
        }
        if kind == FrameKind::PageTable as u8 && has_tables {
            return self.check_page_table(frame, space);
        }
        Ok(())
    }

    fn check_zero_frame(&self, frame: Frame) -> Checked {
        let table: Number<PageTable> = frame_number(frame);
        for index in 0..TABLE_ENTRIES {
            let word = self.memory.get(table, slot_at(index));
            ensure(word == 0, "a frame of a pool is zero", frame.0)?;
        }
        Ok(())
    }

    fn check_page_table(&self, frame: Frame, space: Number<Space>) -> Checked {
        let table: Number<PageTable> = frame_number(frame);
        let level = self.memory.entry(frame, entry::SPACE) >> LEVEL_SHIFT;
        let is_level = (FIRST_LEVEL..=LAST_LEVEL).contains(&level);
        ensure(is_level, "a table has a level", frame.0)?;
        let mut count: u64 = 0;
        for index in 0..TABLE_ENTRIES {
            let descriptor = self.memory.get(table, slot_at(index));
            if descriptor == 0 {
                continue;
            }
            count = count.wrapping_add(1);
            let target = frame_of(descriptor);
            if level == LAST_LEVEL || level == BLOCK_LEVEL && descriptor & TABLE == 0 {
                self.check_page((frame, level), index, target, space)?;
            } else {
                let is_table = descriptor == table_descriptor(target)
                    && self.memory.kind(target) == FrameKind::PageTable as u8
                    && self.space_of(target) == space
                    && self.memory.entry(target, entry::SPACE) >> LEVEL_SHIFT
                        == level.wrapping_add(1);
                ensure(
                    is_table,
                    "a table leads to a table of the next level",
                    frame.0,
                )?;
            }
        }
        let noted = self.memory.entry(frame, entry::ID);
        ensure(noted == count, "a table counts its entries", frame.0)?;
        let is_root = level == FIRST_LEVEL;
        ensure(
            is_root || count != 0,
            "an empty table is in the pool",
            frame.0,
        )
    }

    /// The frame that a page maps knows it: as its first mapping, or by the record in the shadow.
    fn check_page(
        &self,
        (table, level): (Frame, u64),
        index: u64,
        frame: Frame,
        space: Number<Space>,
    ) -> Checked {
        let is_user = self.memory.kind(frame) == FrameKind::User as u8;
        ensure(is_user, "a page maps a user frame", frame.0)?;
        let is_large = self.memory.entry(frame, entry::SPACE) & user::LARGE != 0;
        ensure(
            is_large == (level == BLOCK_LEVEL),
            "a block maps a large frame",
            frame.0,
        )?;
        let shadow = Frame(self.memory.entry(table, entry::RECORDS));
        let is_shadow = shadow.0 == 0
            || self.memory.kind(shadow) == FrameKind::Shadow as u8
                && self.space_of(shadow) == space;
        ensure(is_shadow, "a table's shadow is one", table.0)?;
        let record = self.record_beside(table, index);
        let (owner, address) = if record.is_none() {
            let owner = self.memory.entry(frame, entry::SPACE) & SPACE_BITS;
            (
                owner,
                (self.memory.entry(frame, entry::ADDRESS) & PAGE_BITS) << 12,
            )
        } else {
            let owner: Number<Space> = self.memory.link(record, record::SPACE);
            let named = self.memory.get(record, record::FRAME);
            ensure(named == frame.0, "a page's record names its frame", frame.0)?;
            (owner.into_raw(), self.memory.get(record, record::ADDRESS))
        };
        let found = if is_large {
            self.find_middle_table(space, address)
        } else {
            self.find_last_table(space, address)
        };
        let is_known = owner == space.into_raw()
            && index_at(level, address) == index
            && found == Some(frame_number(table));
        ensure(is_known, "a frame knows the pages that map it", frame.0)
    }

    /// A chunk of a table.
    pub(super) fn check_slots(&self, frame: Frame) -> Checked {
        let owner = self.space_of(frame).into_raw();
        let is_table = self.is_object(owner, Kind::CapTable);
        ensure(is_table, "a chunk's table exists", frame.0)?;
        let table: Number<crate::object::CapTable> = Number::from_raw(owner);
        let number = frame.0.wrapping_mul(UNITS_PER_FRAME);
        let chunks = self.memory.get(table, crate::object::table::CHUNKS);
        let is_listed = (0..chunks).any(|chunk| {
            self.memory
                .get(table, crate::object::table::CHUNK.at(chunk))
                == number
        });
        ensure(is_listed, "a table knows its chunks", frame.0)?;
        let chunk: Number<Slots> = Number::from_raw(number);
        for index in 0..crate::object::table::CHUNK_SLOTS {
            let word = self.read_slot(Slot { chunk, index }).word;
            ensure(word & UNUSED_BITS == 0, "a slot says no more", frame.0)?;
        }
        let is_first = self.memory.get(table, crate::object::table::CHUNK) == number;
        let slot = self.memory.load(number, 0) | self.memory.load(number, 1);
        ensure(
            !is_first || slot == 0,
            "slot 0 of a table is empty",
            frame.0,
        )
    }
}
