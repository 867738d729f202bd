//! Page tables on the host: the walk of the hardware, what it may remember, and what has to follow
//! each change of a table by [`crate::rule`].

use super::one_core::Translation;
use super::{HostMachine, HostMemory};
use crate::frame::SPACE_BITS;
use crate::kernel::Effect;
use crate::memory::Memory;
use crate::object::{Frame, FrameKind, UNITS_PER_FRAME, entry, space};
use crate::rule::{Change, Duty, change_of, duty_of};
use crate::space::{DESCRIPTOR_ADDRESS, LAST_LEVEL, LEVEL_SHIFT, TABLE, index_at};

impl HostMemory {
    /// Notes what has to follow a store, if it changes a descriptor of a living space.
    ///
    /// Panics on a change that needs break-before-make, and on a table that is linked before its
    /// content is published.
    pub(super) fn note_descriptor(&self, number: u64, old: u64, new: u64) {
        let frame = Frame(number / UNITS_PER_FRAME);
        if self.kind(frame) != FrameKind::PageTable as u8 {
            return;
        }
        let owner = self.entry_load(frame, entry::SPACE.word());
        let is_last = owner >> LEVEL_SHIFT == LAST_LEVEL;
        let space = owner & SPACE_BITS;
        if self.raw_word(space, space::ROOT.word()).get() == 0 {
            return;
        }
        let asid = self.raw_word(space, space::ASID.word()).get();
        let change = change_of(is_last, old, new);
        let duty = duty_of(change);
        assert_ne!(duty, Duty::Never, "{change:?}: {old:#x} becomes {new:#x}");
        let is_table = !is_last && new & TABLE != 0;
        assert!(
            self.is_published.get() || change != Change::Appears || !is_table,
            "a table is published before it is linked"
        );
        if duty != Duty::Nothing {
            self.duties.borrow_mut().push((duty, asid));
        }
    }
}

impl HostMachine {
    /// Strikes out what an effect does of what has to follow changes of tables.
    pub(super) fn discharge(&self, effect: Effect) {
        let is_all = matches!(effect, Effect::InvalidateSpace { .. });
        let (Effect::InvalidatePage {
            asid: forgotten, ..
        }
        | Effect::InvalidateSpace { asid: forgotten }) = effect
        else {
            return;
        };
        self.memory
            .duties
            .borrow_mut()
            .retain(|&(duty, asid)| match duty {
                // Either begins with `dsb ishst`.
                Duty::Publish => false,
                Duty::ForgetAddress => asid != forgotten,
                Duty::Nothing | Duty::ForgetSpace | Duty::Never => asid != forgotten || !is_all,
            });
    }

    /// Walks the tables as the hardware does: from a value of `TTBR0_EL1` to the last-level table
    /// and its descriptor.
    ///
    /// # Panics
    ///
    /// Panics if an entry on the way is neither zero nor a table.
    #[must_use]
    pub fn walk(&self, root: u64, address: u64) -> Option<(u64, u64)> {
        let mut table = (root & DESCRIPTOR_ADDRESS) >> 6;
        for level in 1..=3_u64 {
            let index = usize::try_from(index_at(level, address)).expect("below 512");
            let descriptor = (&self.memory).load(table, index);
            if descriptor == 0 {
                return None;
            }
            let is_block = level == 2 && descriptor & TABLE == 0;
            assert_eq!(descriptor & 1, 1, "a descriptor is valid");
            assert_eq!(
                descriptor & TABLE == 0,
                is_block,
                "and a block only at level 2"
            );
            if level == 3 || is_block {
                return Some((table, descriptor));
            }
            table = (descriptor & DESCRIPTOR_ADDRESS) >> 6;
        }
        None
    }

    /// Lets the machine remember the translation of a page.
    pub fn touch(&self, root: u64, address: u64) {
        if let Some(found) = self.walk(root, address) {
            self.cache.borrow_mut().insert((root >> 48, address), found);
        }
    }

    /// Forgets nothing, and answers the first page whose remembered translation is wrong now, by
    /// the root that `root_of` says an ASID has.
    pub fn stale_translation(&self, root_of: impl Fn(u64) -> Option<u64>) -> Option<Translation> {
        let cache = self.cache.borrow();
        cache
            .iter()
            .find(|&(&(asid, address), &found)| {
                root_of(asid).is_some_and(|root| self.walk(root, address) != Some(found))
            })
            .map(|(&page, _)| page)
    }
}
