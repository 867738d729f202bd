//! The death of an address space: its threads stop, the machine forgets it, then its frames go, a
//! bounded number of table entries or records per step.
//!
//! ```text
//!   THREADS ──▶ ROOT becomes OLD_ROOT, the ASID goes back ──▶ tables ──▶ records ──▶ POOL ──▶ free
//! ```
//!
//! Nothing walks the tables by `ROOT` any more once it is 0. `CURSOR` is the page up to which the
//! tables under `OLD_ROOT` are gone; a table goes when the cursor leaves it.

use ipc_abi::boot::USER_END;

use crate::destroy::{Progress, TABLE_STEPS, units};
use crate::frame::SPACE_BITS;
use crate::kernel::{Effect, Kernel};
use crate::memory::{Fields, Memory};
use crate::object::{
    Frame, FrameKind, Number, PageTable, Record, Space, Thread, entry, sort, space,
};
use crate::record::first_of;
use crate::space::{BLOCK_LEVEL, FIRST_LEVEL, LAST_LEVEL, frame_of, index_at, pages_at, slot_at};

/// Records that one step drops.
const RECORD_STEPS: u64 = 16;
const PAGE_SHIFT: u32 = 12;

impl<M: Memory + Copy> Kernel<M> {
    /// One step of a dying space: with the last it goes.
    #[inline(never)]
    pub(crate) fn tear_down(&self, space: Number<Space>) -> Progress {
        let thread: Number<Thread> = self.memory.link(space, space::THREADS);
        if !thread.is_none() {
            self.release_space(thread);
            self.stop_any(thread);
            return Progress::More;
        }
        let root = self.memory.get(space, space::ROOT);
        if root != 0 {
            let asid = self.memory.get(space, space::ASID);
            self.leave(Effect::InvalidateSpace { asid });
            self.give_number_back(sort::ASID, asid);
            self.memory.set(space, space::ROOT, 0);
            self.memory.set(space, space::OLD_ROOT, root);
            return Progress::More;
        }
        if self.memory.get(space, space::OLD_ROOT) != 0 {
            self.tear_tables(space);
            return Progress::More;
        }
        let first = |list| Frame(self.memory.get(space, list));
        let (partial, full) = (first(space::RECORDS), first(space::FULL));
        let frame = if partial.0 == 0 { full } else { partial };
        if frame.0 != 0 {
            self.drop_records(frame);
            return Progress::More;
        }
        if self.memory.get(space, space::POOL_COUNT) != 0 {
            let frame = self.pop_pool(space, FrameKind::Pool);
            self.free_whole(frame);
            return Progress::More;
        }
        self.vacate(space.into_raw(), units::<Space>());
        Progress::Done
    }

    /// Takes the next entries of the tables apart.
    #[inline(never)]
    fn tear_tables(&self, space: Number<Space>) {
        let root: Number<PageTable> = self.memory.link(space, space::OLD_ROOT);
        let mut page = self.memory.get(space, space::CURSOR);
        for _ in self.memory.at_most::<TABLE_STEPS>(0..TABLE_STEPS) {
            page = self.tear_entry(space, root, page);
            if page >= USER_END >> PAGE_SHIFT {
                self.free_whole(root.frame());
                self.memory.set(space, space::OLD_ROOT, 0);
                page = 0;
                break;
            }
        }
        self.memory.set(space, space::CURSOR, page);
    }

    /// Takes the entry for `page` of the deepest table that there is apart; answers the first page
    /// behind it, and takes the tables away that end there.
    #[inline(never)]
    fn tear_entry(&self, space: Number<Space>, root: Number<PageTable>, page: u64) -> u64 {
        let address = page << PAGE_SHIFT;
        let Some(middle) = self.next_table(root, FIRST_LEVEL, address) else {
            return end_of(FIRST_LEVEL, page);
        };
        let next = match self.next_table(middle, BLOCK_LEVEL, address) {
            None => {
                self.forget_first(space, middle, index_at(BLOCK_LEVEL, address));
                end_of(BLOCK_LEVEL, page)
            }
            Some(last) => {
                self.forget_first(space, last, index_at(LAST_LEVEL, address));
                let next = page.wrapping_add(1);
                if next == end_of(BLOCK_LEVEL, page) {
                    self.free_table(middle, index_at(BLOCK_LEVEL, address), last);
                }
                next
            }
        };
        if next == end_of(FIRST_LEVEL, page) {
            self.free_table(root, index_at(FIRST_LEVEL, address), middle);
        }
        next
    }

    /// Takes a table, and its shadow, from the one above.
    fn free_table(&self, above: Number<PageTable>, index: u64, table: Number<PageTable>) {
        let shadow = Frame(self.memory.entry(table.frame(), entry::RECORDS));
        if shadow.0 != 0 {
            self.free_whole(shadow);
        }
        self.free_whole(table.frame());
        self.memory.set(above, slot_at(index), 0);
    }

    /// Unlinks the frame that an entry maps, if that is its first mapping. Since nothing walks the
    /// table any more, `reclaim` may have freed the frame: then it is not a user frame with a first
    /// mapping in this space.
    fn forget_first(&self, space: Number<Space>, table: Number<PageTable>, index: u64) {
        let descriptor = self.memory.get(table, slot_at(index));
        if descriptor == 0 {
            return;
        }
        let frame = frame_of(descriptor);
        let is_user = self.memory.kind(frame) == FrameKind::User as u8;
        if is_user && self.memory.entry(frame, entry::SPACE) & SPACE_BITS == space.into_raw() {
            self.clear_first(frame);
        }
    }

    /// Drops some records of a frame, which goes to the pool with the last.
    #[inline(never)]
    fn drop_records(&self, frame: Frame) {
        let first: Number<Record> = first_of(frame);
        for _ in self.memory.at_most::<RECORD_STEPS>(0..RECORD_STEPS) {
            let used = self.memory.entry(frame, entry::ID);
            if used == 0 {
                return;
            }
            let unit = u64::from(used.trailing_zeros());
            self.drop_record(Number::from_raw(first.into_raw().wrapping_add(unit)));
        }
    }
}

/// The first page behind the entry of a table of `level` that `page` goes through.
const fn end_of(level: u64, page: u64) -> u64 {
    let pages = pages_at(level);
    (page | pages.wrapping_sub(1)).wrapping_add(1)
}
