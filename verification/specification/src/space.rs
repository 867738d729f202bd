//! Address spaces: what they map, and the frames that it takes.
//!
//! A space is what is mapped where. Its frames are given by whoever makes it: they become page tables, where
//! something is mapped and for as long as it is, and *records*, by which a frame finds its mappings beyond
//! the first; and what is not needed is in its pool, of which the last frame that came goes first. So
//! nothing that one process maps takes memory of another, and `NeedMemory` says that the pool is too small.

use alloc::collections::BTreeSet;

use ipc_abi::capability::{Access, Kind, Rights};
use ipc_abi::error::Error;

use crate::capability::Answer;
use crate::state::{Address, Frame, Mapping, Number, PageTable, Space, State};

/// Bytes that go through one entry of the last level but one: also those of a large frame.
pub(crate) const LARGE_BYTES: u64 = 1 << 21;
/// Bytes that go through one entry of the first level.
const HUGE_BYTES: u64 = 1 << 30;
/// Records in a frame.
const RECORDS: u64 = 64;
/// The level of tables whose entries are pages.
const LAST: u64 = 3;
/// The level of tables whose entries are blocks or tables.
const MIDDLE: u64 = 2;

impl Space {
    /// Whether a frame was given to the space.
    pub(crate) fn has_frame(&self, frame: Frame) -> bool {
        let mut tables = self.tables.values();
        tables.any(|it| it.frame == frame || it.shadow == Some(frame))
            || self.records.iter().any(|(it, _)| *it == frame)
            || self.full.contains(&frame)
            || self.pool.contains(&frame)
            || self.remains.contains(&frame)
    }

    /// The table of pages for an address.
    pub(crate) fn last_table(&self, address: Address) -> Option<&PageTable> {
        self.tables.get(&(LAST, address & !(LARGE_BYTES - 1)))
    }

    /// Whether something is mapped in some bytes from an address on, which is a multiple of them.
    fn has_mapping(&self, address: Address, bytes: u64) -> bool {
        let first = address & !(bytes - 1);
        self.mappings.range(first..first + bytes).next().is_some()
    }

    /// Takes the next frame from the pool, which has one.
    fn pop(&mut self) -> Frame {
        self.pool.pop().expect("a frame in the pool")
    }

    /// The table at `level` for an address, made if there is none.
    fn make_table(&mut self, level: u64, first: Address) -> &mut PageTable {
        if !self.tables.contains_key(&(level, first)) {
            let frame = self.pop();
            self.tables.insert(
                (level, first),
                PageTable {
                    frame,
                    shadow: None,
                },
            );
        }
        self.tables.get_mut(&(level, first)).expect("a table")
    }

    /// Gives a table that maps nothing any more back to the pool.
    fn drop_table(&mut self, level: u64, first: Address) {
        if let Some(PageTable { frame, shadow }) = self.tables.remove(&(level, first)) {
            self.pool.extend(shadow);
            self.pool.push(frame);
        }
    }

    /// Takes a record in one of the frames that it has for them, or in a new one.
    fn make_record(&mut self) -> Frame {
        if self.records.is_empty() {
            let frame = self.pop();
            self.records.push((frame, 0));
        }
        let last = self.records.last_mut().expect("a frame of records");
        last.1 += 1;
        let (frame, used) = *last;
        if used == RECORDS {
            self.records.pop();
            self.full.insert(frame);
        }
        frame
    }

    /// Gives a record in `frame` back, and the frame with its last one.
    fn drop_record(&mut self, frame: Frame) {
        if self.full.remove(&frame) {
            self.records.push((frame, RECORDS));
        }
        let Some(place) = self.records.iter().position(|(it, _)| *it == frame) else {
            return;
        };
        self.records[place].1 -= 1;
        if self.records[place].1 == 0 {
            self.records.remove(place);
            self.pool.push(frame);
        }
    }
}

impl State {
    /// `space_donate`.
    pub(crate) fn space_donate(&mut self, space: u64, region: u64, frame: Frame) -> Answer {
        let space = self.find(space, Kind::AddressSpace, Rights::WRITE)?;
        let region = self.find(region, Kind::Region, Rights::WRITE)?;
        self.check_whole(region, frame)?;
        self.use_frame(region, frame);
        self.space(space).pool.push(frame);
        Ok(0)
    }

    /// `space_withdraw`.
    pub(crate) fn space_withdraw(&mut self, space: u64) -> Answer {
        let space = self.find(space, Kind::AddressSpace, Rights::WRITE)?;
        self.space(space).pool.pop().ok_or(Error::NeedMemory)
    }

    /// Whether some mapping of a frame is its first; further ones have records.
    pub(crate) fn has_first(&self, frame: Frame) -> bool {
        let mut mapped = self.frames[&frame].mapped.iter();
        mapped.any(|(space, address)| self.spaces[space].mappings[address].record.is_none())
    }

    /// Maps a frame, whose address and access were checked.
    ///
    /// What is in the way is looked at first; then an address that a large frame cannot have; then whether
    /// the pool has a frame for each thing that is missing: tables, and, unless this is the frame's first
    /// mapping, a record and the shadow by which its table finds it.
    pub(crate) fn add_mapping(
        &mut self,
        space: Number,
        address: Address,
        frame: Frame,
        (access, may_write): (Access, bool),
    ) -> Result<(), Error> {
        let is_large = self.frames[&frame].is_large;
        let is_first = !self.has_first(frame);
        let it = self.space(space);
        let large = address & !(LARGE_BYTES - 1);
        let middle = (MIDDLE, address & !(HUGE_BYTES - 1));
        let has_last = it.tables.contains_key(&(LAST, large));
        let has_block = !has_last && it.mappings.contains_key(&large);
        if it.mappings.contains_key(&address) && has_last || has_block && !is_large {
            return Err(Error::AlreadyMapped);
        }
        if is_large && address != large {
            return Err(Error::Misaligned);
        }
        if is_large && (has_last || has_block) {
            return Err(Error::AlreadyMapped);
        }
        let of_entry = if is_large { middle } else { (LAST, large) };
        let has_middle = it.tables.contains_key(&middle);
        let mut needed = usize::from(!has_middle) + usize::from(!is_large && !has_last);
        if !is_first {
            let has_shadow = it
                .tables
                .get(&of_entry)
                .is_some_and(|table| table.shadow.is_some());
            needed += usize::from(!has_shadow) + usize::from(it.records.is_empty());
        }
        if it.pool.len() < needed {
            return Err(Error::NeedMemory);
        }
        it.make_table(middle.0, middle.1);
        it.make_table(of_entry.0, of_entry.1);
        let record = (!is_first).then(|| it.add_record(of_entry));
        it.mappings.insert(
            address,
            Mapping {
                frame,
                access,
                may_write,
                record,
            },
        );
        let it = self.frame(frame);
        it.mapped.insert((space, address));
        if is_large && is_first {
            it.coherent = 0;
        }
        Ok(())
    }

    /// Removes a mapping, and what only it needed.
    pub(crate) fn remove_mapping(&mut self, space: Number, address: Address) {
        let it = self.space(space);
        let is_retired = it.asid.is_none();
        let Some(mapping) = it.mappings.remove(&address) else {
            return;
        };
        if !is_retired {
            if let Some(frame) = mapping.record {
                it.drop_record(frame);
            }
            let (large, huge) = (address & !(LARGE_BYTES - 1), address & !(HUGE_BYTES - 1));
            if !it.has_mapping(address, LARGE_BYTES) {
                it.drop_table(LAST, large);
            }
            if !it.has_mapping(address, HUGE_BYTES) {
                it.drop_table(MIDDLE, huge);
            }
        }
        self.frame(mapping.frame).mapped.remove(&(space, address));
    }

    /// No thread has the dead space any more: nothing can use its translations, and its frames are only
    /// waiting to be free.
    pub(crate) fn retire(&mut self, number: Number) {
        let it = self.space(number);
        let mut remains: BTreeSet<Frame> = core::mem::take(&mut it.full);
        remains.extend(core::mem::take(&mut it.pool));
        remains.extend(
            core::mem::take(&mut it.records)
                .into_iter()
                .map(|(frame, _)| frame),
        );
        for table in core::mem::take(&mut it.tables).into_values() {
            remains.insert(table.frame);
            remains.extend(table.shadow);
        }
        it.remains = remains;
        it.asid = None;
        for mapping in it.mappings.values_mut() {
            (mapping.access, mapping.may_write) = (Access::READ, false);
        }
    }
}

impl Space {
    /// Takes a record for an entry of a table, which gets a shadow if it has none.
    fn add_record(&mut self, table: (u64, Address)) -> Frame {
        if self.make_table(table.0, table.1).shadow.is_none() {
            let frame = self.pop();
            self.make_table(table.0, table.1).shadow = Some(frame);
        }
        self.make_record()
    }
}
