//! Address spaces: page tables walked as the hardware walks them, and what they are made of.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;

use ipc_abi::capability::Access;
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{
    self as object, Field, Frame, FrameKind, Number, Record, UNITS_PER_FRAME, entry, space,
};
use pecan_specification::state::{Map, Mapping, PageTable, Space, State};

use super::{Name, Projection, some};

/// Arm ARM DDI 0487, D8.3: the bit of a valid descriptor that is clear in a block.
const TABLE: u64 = 0b10;
/// The address in a descriptor.
const ADDRESS: u64 = ((1 << (object::NUMBER_BITS + 6)) - 1) & !0xFFF;
/// `AP[2]`: nobody may write. `UXN`: EL0 may not execute.
const READ_ONLY: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 54;
/// Ignored by hardware: mapped by a capability with the right to write.
const MAY_WRITE: u64 = 1 << 55;
/// Entries of a table, and the level whose entries are pages.
const ENTRIES: u64 = 512;
const LAST_LEVEL: u64 = 3;

impl<M: Memory> Projection<M> {
    pub(super) fn space(&self, name: Name) -> Space {
        let space = Number::<object::Space>::from_raw(name);
        let get = |field| self.memory.get(space, field);
        let root = get(space::ROOT);
        let mut projected = Space {
            id: self.identity(name),
            ..Space::default()
        };
        if root == 0 {
            return projected;
        }
        self.walk(&mut projected, Frame(root / UNITS_PER_FRAME), 1, 0);
        self.parts(&mut projected, name);
        projected
    }

    /// Brings up to date what a space is made of beside its tables.
    fn parts(&self, projected: &mut Space, name: Name) {
        let space = Number::<object::Space>::from_raw(name);
        let get = |field| self.memory.get(space, field);
        projected.asid = Some(get(space::ASID));
        let mut records = self.frames_from(get(space::RECORDS));
        records.reverse();
        let used = |frame| u64::from(self.memory.entry(Frame(frame), entry::ID).count_ones());
        projected.records = records
            .into_iter()
            .map(|frame| (frame, used(frame)))
            .collect();
        projected.full = self.frames_from(get(space::FULL)).into_iter().collect();
        projected.pool = self.frames_from(get(space::POOL));
        projected.pool.reverse();
    }

    /// Brings a space up to date of which, beside its lists, only the frame `part` may have changed.
    pub(super) fn space_again(&self, state: &mut State, name: Name, part: Frame) {
        let Some(projected) = state.spaces.get_mut(&name) else {
            return;
        };
        let kind = self.memory.kind(part);
        let is = |other: FrameKind| kind == other as u8;
        let has = |it: &PageTable| it.frame == part.0 || it.shadow == Some(part.0);
        let mut tables = projected.tables.iter();
        let table = tables.find(|(_, it)| has(it));
        match table.map(|(place, it)| (*place, it.frame)) {
            _ if projected.asid.is_none() => *projected = Rc::new(self.space(name)),
            Some(((LAST_LEVEL, first), frame)) => {
                let projected = Rc::make_mut(projected);
                self.last_table(projected, Frame(frame), first);
                self.parts(projected, name);
            }
            None if is(FrameKind::Records) || is(FrameKind::Pool) => {
                self.parts(Rc::make_mut(projected), name);
            }
            Some(_) | None => *projected = Rc::new(self.space(name)),
        }
    }

    /// Brings up to date what a last-level table, whose first entry is for `first`, maps.
    fn last_table(&self, projected: &mut Space, table: Frame, first: u64) {
        let shadow = some(self.memory.entry(table, entry::RECORDS));
        let place = PageTable {
            frame: table.0,
            shadow,
        };
        projected.tables.insert((LAST_LEVEL, first), place);
        let number = Number::<object::PageTable>::from_raw(table.0.wrapping_mul(UNITS_PER_FRAME));
        let descriptor = |index| self.memory.get(number, Field::new(0).at(index));
        let last = first | (ENTRIES << 12).wrapping_sub(1);
        let mapped = projected.mappings.range(first..=last);
        let mapped = mapped.map(|(address, _)| *address);
        let gone = mapped.filter(|address| descriptor(address >> 12 & (ENTRIES - 1)) == 0);
        for address in gone.collect::<Vec<u64>>() {
            projected.mappings.remove(&address);
        }
        for index in 0..ENTRIES {
            let descriptor = descriptor(index);
            if descriptor == 0 {
                continue;
            }
            let record = shadow.and_then(|shadow| self.record_at(shadow, index));
            let new = mapping(descriptor, (descriptor & ADDRESS) >> 12, record);
            let address = first | index << 12;
            if projected.mappings.get(&address) != Some(&new) {
                projected.mappings.insert(address, new);
            }
        }
    }

    /// A list of frames through their entries.
    fn frames_from(&self, head: u64) -> Vec<u64> {
        let mut frames = Vec::new();
        let mut at = head;
        while at != 0 && (frames.len() as u64) < super::LONGEST_LIST {
            frames.push(at);
            at = self.memory.entry(Frame(at), entry::RECORDS);
        }
        frames
    }

    /// Walks a table of `level` whose first entry is for `first`.
    fn walk(&self, projected: &mut Space, table: Frame, level: u64, first: u64) {
        let shadow = some(self.memory.entry(table, entry::RECORDS));
        let place = PageTable {
            frame: table.0,
            shadow,
        };
        projected.tables.insert((level, first), place);
        let number = Number::<object::PageTable>::from_raw(table.0.wrapping_mul(UNITS_PER_FRAME));
        let shift = 12_u64.wrapping_add(LAST_LEVEL.wrapping_sub(level).wrapping_mul(9)) & 63;
        for index in 0..ENTRIES {
            let descriptor = self.memory.get(number, Field::new(0).at(index));
            if descriptor == 0 {
                continue;
            }
            let address = first | index << shift;
            let frame = (descriptor & ADDRESS) >> 12;
            if level < LAST_LEVEL && descriptor & TABLE != 0 {
                self.walk(projected, Frame(frame), level.wrapping_add(1), address);
            } else {
                let record = shadow.and_then(|shadow| self.record_at(shadow, index));
                projected
                    .mappings
                    .insert(address, mapping(descriptor, frame, record));
            }
        }
    }

    /// The frame of the record that a shadow names beside an entry.
    fn record_at(&self, shadow: u64, index: u64) -> Option<u64> {
        let shadow = Number::<object::Shadow>::from_raw(shadow.wrapping_mul(UNITS_PER_FRAME));
        let record: Number<Record> = self.memory.link(shadow, Field::new(0).at(index));
        (!record.is_none()).then(|| record.frame().0)
    }

    /// Of spaces that nothing can use any more: their frames, and what still names them. Those of `known`
    /// were such spaces before: they only lose.
    pub(super) fn retired_spaces(
        &self,
        state: &mut State,
        known: &Map<Space>,
        frames: impl Iterator<Item = Frame>,
    ) {
        let is_retired = |it: &Space| it.asid.is_none();
        let retired = state.spaces.iter().filter(|(_, it)| is_retired(it));
        let names: Vec<Name> = retired.map(|(name, _)| *name).collect();
        let mut new = BTreeMap::new();
        for name in names {
            let Some(before) = known.get(&name) else {
                new.insert(name, Space::default());
                continue;
            };
            let (mut remains, mut mappings) = (before.remains.clone(), before.mappings.clone());
            remains.retain(|frame| self.is_part(Frame(*frame), name));
            mappings.retain(|address, it| {
                let is_mapped =
                    state.frames.contains_key(&it.frame) && self.is_user(Frame(it.frame));
                let place = (name, *address, it.record);
                is_mapped && self.mappings_of(Frame(it.frame)).contains(&place)
            });
            if let Some(space) = state.spaces.get_mut(&name) {
                let space = Rc::make_mut(space);
                (space.remains, space.mappings) = (remains, mappings);
            }
        }
        if !new.is_empty() {
            self.newly_retired(state, new, frames);
        }
    }

    /// The same of spaces that are so for the first time.
    fn newly_retired(
        &self,
        state: &mut State,
        mut new: BTreeMap<Name, Space>,
        frames: impl Iterator<Item = Frame>,
    ) {
        for frame in frames {
            let owner = self.memory.entry(frame, entry::SPACE);
            let owner = Number::<object::Space>::from_raw(owner).into_raw();
            if let Some(space) = new.get_mut(&owner).filter(|_| self.is_part(frame, owner)) {
                space.remains.insert(frame.0);
            }
        }
        let users = state.frames.keys().filter(|it| self.is_user(Frame(**it)));
        for &frame in users {
            for (name, address, record) in self.mappings_of(Frame(frame)) {
                if let Some(space) = new.get_mut(&name) {
                    space.mappings.insert(address, forgotten(frame, record));
                }
            }
        }
        for (name, found) in new {
            if let Some(space) = state.spaces.get_mut(&name) {
                let space = Rc::make_mut(space);
                (space.remains, space.mappings) = (found.remains, found.mappings);
            }
        }
    }

    /// Whether a frame is a part of a space: a table, records, or in its pool.
    fn is_part(&self, frame: Frame, space: Name) -> bool {
        let kind = self.memory.kind(frame);
        let owner = Number::<object::Space>::from_raw(self.memory.entry(frame, entry::SPACE));
        (FrameKind::PageTable as u8..=FrameKind::Pool as u8).contains(&kind)
            && owner.into_raw() == space
    }

    /// Whether a frame is a user's, and not in quarantine.
    fn is_user(&self, frame: Frame) -> bool {
        self.memory.kind(frame) == FrameKind::User as u8
    }
}

/// What a descriptor says.
fn mapping(descriptor: u64, frame: u64, record: Option<u64>) -> Mapping {
    let access = if descriptor & READ_ONLY == 0 {
        Access::READ_WRITE
    } else if descriptor & NO_EXECUTE == 0 {
        Access::READ_EXECUTE
    } else {
        Access::READ
    };
    Mapping {
        frame,
        access,
        may_write: descriptor & MAY_WRITE != 0,
        record,
    }
}

/// A mapping of a space whose tables are being taken apart.
const fn forgotten(frame: u64, record: Option<u64>) -> Mapping {
    Mapping {
        frame,
        access: Access::READ,
        may_write: false,
        record,
    }
}
