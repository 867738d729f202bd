//! Regions, allowances, tables, user frames, interrupts.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use ipc_abi::capability::Kind;
use pecan_core::capability::{Capability as Words, Slot};
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{
    self as object, CapTable, Frame, FrameKind, Number, Record, UNITS_PER_FRAME, entry, record,
    sort, user,
};
use pecan_specification::state::{
    Allowance, Capability, FrameLife, Grant, Irq, Region, Sort, Table, UserFrame,
};

use super::{Name, Projection, some};

/// The space's number in a user frame's entry word `SPACE`.
const SPACE_BITS: u64 = (1 << object::NUMBER_BITS) - 1;
/// The page in its word `ADDRESS`, and where the rest of that word begins.
const PAGE_BITS: u64 = (1 << OWNER_SHIFT) - 1;
const OWNER_SHIFT: u32 = 28;

impl<M: Memory> Projection<M> {
    pub(super) fn region(&self, name: Name) -> Region {
        use object::region;
        let region = Number::<object::Region>::from_raw(name);
        let get = |field| self.memory.get(region, field);
        Region {
            id: self.identity(name),
            first: get(region::BASE),
            end: get(region::BASE).wrapping_add(get(region::FRAMES)),
            limit: get(region::LIMIT),
            unused: get(region::HIGH),
            is_device: get(region::DEVICE) != 0,
        }
    }

    pub(super) fn allowance(&self, name: Name) -> Allowance {
        use object::allowance;
        let allowance = Number::<object::Allowance>::from_raw(name);
        let get = |field| self.memory.get(allowance, field);
        let numbers = |sort| Grant::Numbers {
            sort,
            first: get(allowance::FIRST),
            limit: get(allowance::LIMIT),
            end: get(allowance::FIRST).wrapping_add(get(allowance::COUNT)),
        };
        let grant = match get(allowance::SORT) {
            sort::IRQ => numbers(Sort::Irq),
            sort::ASID => numbers(Sort::Asid),
            _ => Grant::Time {
                core: get(allowance::FIRST),
                priority: get(allowance::LIMIT),
                unlimited: get(allowance::UNLIMITED),
                left: get(allowance::COUNT),
                share: get(allowance::SHARE),
                parent: some(get(allowance::PARENT)),
            },
        };
        Allowance {
            id: self.identity(name),
            grant,
        }
    }

    pub(super) fn table(&self, name: Name) -> Table {
        use object::table;
        let table = Number::<CapTable>::from_raw(name);
        let count = self.memory.get(table, table::CHUNKS);
        let mut chunks = Vec::new();
        let mut slots = BTreeMap::new();
        for nth in 0..count.min(table::CHUNKS_MAX) {
            let chunk: Number<object::Slots> = self.memory.link(table, table::CHUNK.at(nth));
            chunks.push(chunk.frame().0);
            for index in 0..table::CHUNK_SLOTS {
                if let Some(capability) = self.capability(Slot { chunk, index }) {
                    slots.insert(nth.wrapping_mul(table::CHUNK_SLOTS) | index, capability);
                }
            }
        }
        Table {
            id: self.identity(name),
            chunks,
            slots,
        }
    }

    fn capability(&self, slot: Slot) -> Option<Capability> {
        let at = |word| self.memory.load(slot.chunk.into_raw(), word);
        let index = usize::try_from(slot.index.wrapping_mul(2)).unwrap_or(0);
        let words = Words {
            id: at(index),
            word: at(index.wrapping_add(1)),
        };
        if words.is_empty() {
            return None;
        }
        Some(Capability {
            // A word of no kind is no empty slot: the specification has no such thing, and sees it.
            kind: words.kind().unwrap_or(Kind::Platform),
            rights: words.rights(),
            number: words.number(),
            id: words.id,
        })
    }

    pub(super) fn irq(&self, name: Name) -> Irq {
        use object::irq;
        let irq = Number::<object::Irq>::from_raw(name);
        let get = |field| self.memory.get(irq, field);
        Irq {
            id: self.identity(name),
            line: get(irq::LINE),
            target: some(get(irq::NOTIFICATION)).map(|target| (target, get(irq::BITS))),
            is_pending: get(irq::PENDING) != 0,
        }
    }

    pub(super) fn user_frame(&self, frame: Frame) -> UserFrame {
        let get = |field| self.memory.entry(frame, field);
        let bits = get(entry::SPACE);
        let has = |bit| bits & bit != 0;
        let owner = get(entry::ADDRESS) >> OWNER_SHIFT;
        let is_quarantined = self.memory.kind(frame) == FrameKind::Quarantined as u8;
        let life = if is_quarantined {
            FrameLife::Quarantined(some(get(entry::ID)), get(entry::RECORDS))
        } else if has(user::DYING) {
            FrameLife::Dying
        } else {
            FrameLife::Live(get(entry::ID))
        };
        let mapped = if is_quarantined {
            BTreeSet::new()
        } else {
            self.mapped(frame)
        };
        let is_given = is_quarantined || has(user::GIVEN);
        let counts = has(user::LARGE) && has(user::DYING) && !is_given && mapped.is_empty();
        UserFrame {
            life,
            is_code: has(user::CODE),
            is_device: has(user::DEVICE),
            is_large: has(user::LARGE),
            coherent: (bits & user::STEPS) >> user::STEPS.trailing_zeros(),
            given: if is_given { some(owner) } else { None },
            resets: if has(user::DEVICE) { owner } else { 0 },
            freed: if counts {
                get(entry::ADDRESS) & PAGE_BITS
            } else {
                0
            },
            mapped,
        }
    }

    /// Where a user frame is mapped, by its own account.
    fn mapped(&self, frame: Frame) -> BTreeSet<(Name, u64)> {
        let mappings = self.mappings_of(frame).into_iter();
        mappings
            .map(|(space, address, _)| (space, address))
            .collect()
    }

    /// The same with the frames of the records: from its entry, and its list of records.
    pub(super) fn mappings_of(&self, frame: Frame) -> Vec<(Name, u64, Option<u64>)> {
        let mut mappings = Vec::new();
        let first = self.memory.entry(frame, entry::SPACE) & SPACE_BITS;
        if first != 0 {
            let page = self.memory.entry(frame, entry::ADDRESS) & PAGE_BITS;
            mappings.push((first, page << 12, None));
        }
        let head = Number::<Record>::from_raw(self.memory.entry(frame, entry::RECORDS));
        for name in self.list(head, record::NEXT) {
            let record = Number::<Record>::from_raw(name);
            let space: Number<object::Space> = self.memory.link(record, record::SPACE);
            let address = self.memory.get(record, record::ADDRESS);
            mappings.push((space.into_raw(), address, Some(record.frame().0)));
        }
        mappings
    }

    /// Whether a frame holds a living or dying object of `kind` at `name`.
    pub(super) fn holds(&self, kind: Kind, name: Name) -> bool {
        self.memory.kind(Frame(name / UNITS_PER_FRAME)) == kind as u8
    }
}
