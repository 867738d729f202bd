//! Address spaces: page tables walked as the hardware walks them, and what they are made of.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::rc::Rc;
use alloc::vec::Vec;

use ipc_abi::capability::Access;
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{
    self as object, Field, Frame, FrameKind, Number, Record, UNITS_PER_FRAME, entry, space,
};
use pecan_specification::state::{Mapping, PageTable, Space, State};

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
        projected.asid = Some(get(space::ASID));
        self.walk(&mut projected, Frame(root / UNITS_PER_FRAME), 1, 0);
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
        projected
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

    /// Of spaces that nothing can use any more: their frames, and what still names them.
    pub(super) fn retired_spaces(
        &self,
        state: &mut State,
        frames: impl Iterator<Item = Frame> + Clone,
    ) {
        let mut remains: BTreeMap<Name, BTreeSet<u64>> = BTreeMap::new();
        for (&name, space) in &state.spaces {
            if space.asid.is_none() {
                remains.insert(name, BTreeSet::new());
            }
        }
        if remains.is_empty() {
            return;
        }
        for frame in frames {
            let kind = self.memory.kind(frame);
            if kind < FrameKind::PageTable as u8 || kind > FrameKind::Pool as u8 {
                continue;
            }
            let owner = self.memory.entry(frame, entry::SPACE);
            let owner = Number::<object::Space>::from_raw(owner).into_raw();
            if let Some(remains) = remains.get_mut(&owner) {
                remains.insert(frame.0);
            }
        }
        let users = state
            .frames
            .keys()
            .filter(|&&frame| self.is_user(Frame(frame)));
        let mut mappings: BTreeMap<Name, BTreeMap<u64, Mapping>> = BTreeMap::new();
        for &frame in users {
            for (name, address, record) in self.mappings_of(Frame(frame)) {
                mappings
                    .entry(name)
                    .or_default()
                    .insert(address, forgotten(frame, record));
            }
        }
        for (name, remains) in remains {
            if let Some(space) = state.spaces.get_mut(&name) {
                let space = Rc::make_mut(space);
                space.mappings = mappings.remove(&name).unwrap_or_default();
                space.remains = remains;
            }
        }
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
