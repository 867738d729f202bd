//! Ranges of pages: `map_range`, `unmap_range`, `protect_range`, up to [`RANGE_PAGES`] in one call.
//!
//! A call works in *runs* of at most [`RUN_PAGES`] neighbours of one last-level table. Between two
//! runs it looks whether an interrupt waits; if one does, it writes how far it came into its own
//! argument registers and lets the thread make the call again, after the interrupt. The last
//! argument holds how many pages are left in bits 31:0 and how many are done in bits 63:32, so the
//! caller who passes a plain number starts with none done.
//!
//! ```text
//!   read_range ──▶ run ──▶ run ──▶ … ──▶ finish_range      (x0 = status, x1 = pages done)
//!                   │ an interrupt waits
//!                   ▼
//!              suspend_range: registers forward, program counter back to the `svc`
//! ```
//!
//! A run does pages until one needs more than the usual: then it ends there, and that page is done
//! alone, by the functions of [`crate::mapping`]. An error ends the call; the pages before it are
//! done.
//!
//! Effects: at most [`PAGES_ONE_BY_ONE`] pages are invalidated one by one; for more, or when a table
//! goes, the space is, once, before user code runs again.

use ipc_abi::boot::USER_END;
use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Access, Kind, Rights};
use ipc_abi::error::Error;

use crate::capability::{Capability, Slot};
use crate::frame::FIRST_OR_LARGE;
use crate::kernel::{Answer, Effect, Kernel};
use crate::large::LARGE_FRAMES;
use crate::mapping::attributes_of;
use crate::memory::{Fields, Memory};
use crate::object::{Number, PageTable, Space, Thread, entry, space, table, thread, user};
use crate::space::{
    LAST_LEVEL, TABLE_ENTRIES, check_page_address, frame_of, index_at, slot_at, table_descriptor,
};

/// The most pages of one call.
pub const RANGE_PAGES: u64 = 512;
/// The most pages between two looks at the interrupts.
pub const RUN_PAGES: u64 = 24;
/// Up to so many pages are invalidated one by one; for more the whole space is.
pub const PAGES_ONE_BY_ONE: u64 = 4;

const PAGE_BYTES: u64 = 4096;
const PAGE_SHIFT: u32 = 12;
/// Where the pages that are done stand in the last argument.
const DONE_SHIFT: u32 = 32;
const LEFT_BITS: u64 = (1 << DONE_SHIFT) - 1;
/// The registers that a call does not preserve: `x0` to `x18`.
const CLOBBERED: u64 = 19;
/// Bytes of a `svc`.
const INSTRUCTION_BYTES: u64 = 4;
/// Where rights and kind of a capability begin in its second word.
const KIND_SHIFT: u32 = 48;

const MAP: u64 = SystemCall::MapRange as u64;
const UNMAP: u64 = SystemCall::UnmapRange as u64;

/// What is left of a call.
struct Range {
    call: u64,
    space: Number<Space>,
    /// The handle of the next frame; only of `map_range`.
    handle: u64,
    /// The next page.
    address: u64,
    access: Access,
    left: u64,
    done: u64,
    /// Whether each page that changes is invalidated alone.
    is_one_by_one: bool,
    /// Whether the whole space has to be invalidated.
    is_stale: bool,
}

/// In which registers a call has address and count; the access is before the count.
const fn registers_of(call: u64) -> (u64, u64) {
    match call {
        MAP => (2, 4),
        UNMAP => (1, 2),
        _ => (1, 3),
    }
}

impl<M: Memory + Copy> Kernel<M> {
    /// `map_range`, `unmap_range`, `protect_range`: arguments and answer are in the registers of the
    /// current thread.
    #[inline(never)]
    pub(crate) fn range_call(&self, call: u64) {
        let thread = self.current();
        let mut range = match self.read_range(thread, call) {
            Ok(range) => range,
            Err((error, done)) => return self.finish_range(thread, error.into_raw(), done),
        };
        let status = loop {
            match self.run(&mut range) {
                Err(error) => break error.into_raw(),
                Ok(pages) => range.advance(pages),
            }
            if range.left == 0 {
                break 0;
            }
            if self.memory.interrupt_pending() {
                self.forget_range(&range);
                return self.suspend_range(thread, &range);
            }
        };
        self.forget_range(&range);
        self.finish_range(thread, status, range.done);
    }

    /// Reads and checks the arguments; an error comes with the pages that were done before.
    fn read_range(&self, thread: Number<Thread>, call: u64) -> Result<Range, (Error, u64)> {
        let (address_register, count_register) = registers_of(call);
        let count = self.register(thread, count_register);
        let (left, done) = (count & LEFT_BITS, count >> DONE_SHIFT);
        let mut range = Range {
            call,
            space: Number::NONE,
            handle: self.register(thread, 1),
            address: self.register(thread, address_register),
            access: Access::READ,
            left,
            done,
            is_one_by_one: left <= PAGES_ONE_BY_ONE,
            is_stale: false,
        };
        let access = self.register(thread, count_register.wrapping_sub(1));
        match self.check_range(thread, &mut range, access) {
            Ok(()) => Ok(range),
            // What was never begun has nothing done, whatever the register says.
            Err(error) if done >= RANGE_PAGES => Err((error, 0)),
            Err(error) => Err((error, done)),
        }
    }

    fn check_range(
        &self,
        thread: Number<Thread>,
        range: &mut Range,
        access: u64,
    ) -> Result<(), Error> {
        range.space = self.find_seldom::<Space>(self.register(thread, 0), Rights::WRITE)?;
        if range.call != UNMAP {
            range.access = Access::from_raw(access).ok_or(Error::BadArgument)?;
        }
        check_page_address(range.address)?;
        let pages = USER_END.wrapping_sub(range.address) / PAGE_BYTES;
        let all = range.left.wrapping_add(range.done);
        if range.left == 0 || all > RANGE_PAGES || range.left > pages {
            return Err(Error::OutOfRange);
        }
        Ok(())
    }

    /// Does the next pages, at least one; answers how many.
    fn run(&self, range: &mut Range) -> Answer {
        let Some(table) = self.find_last_table(range.space, range.address) else {
            return self.run_elsewhere(range);
        };
        let index = index_at(LAST_LEVEL, range.address);
        let pages = TABLE_ENTRIES
            .wrapping_sub(index)
            .min(range.left)
            .min(RUN_PAGES);
        match range.call {
            MAP => {
                let done = self.map_run(range, table, pages);
                if done == 0 {
                    self.map_one_of(range)
                } else {
                    Ok(done)
                }
            }
            UNMAP => {
                self.unmap_run(range, table, pages);
                Ok(pages)
            }
            _ => self.protect_run(range, table, pages),
        }
    }

    /// A run where there is no last-level table.
    #[inline(never)]
    fn run_elsewhere(&self, range: &mut Range) -> Answer {
        match range.call {
            MAP => return self.map_one_of(range),
            UNMAP => match self.check_block_in_range(range.space, range.address, range.left) {
                Err(Error::NotMapped) => {
                    let index = index_at(LAST_LEVEL, range.address);
                    return Ok(TABLE_ENTRIES.wrapping_sub(index).min(range.left));
                }
                Err(error) => return Err(error),
                Ok(()) => self.unmap_large(range.space, range.address)?,
            },
            _ => {
                self.check_block_in_range(range.space, range.address, range.left)?;
                self.protect_large(range.space, range.address, range.access)?
            }
        };
        Ok(LARGE_FRAMES)
    }

    /// Maps one page with all that may be needed for it.
    #[inline(never)]
    fn map_one_of(&self, range: &Range) -> Answer {
        let (frame, rights) = self.find_frame(range.handle, Rights::NONE)?;
        if self.memory.entry(frame, entry::SPACE) & user::LARGE != 0 {
            return Err(Error::WrongKind);
        }
        self.map_found(range.space, (frame, rights), range.address, range.access)?;
        Ok(1)
    }

    /// Maps at most `pages` (and [`RUN_PAGES`]) pages through `table`: of frames that are mapped
    /// nowhere, with capabilities of the same rights to frames of the same mode, in one chunk of
    /// the thread's table. Answers how many; the next one is not such.
    #[inline(never)]
    fn map_run(&self, range: &Range, table: Number<PageTable>, pages: u64) -> u64 {
        let Some((mut slot, room)) = self.slots_from(range.handle) else {
            return 0;
        };
        let first = self.read_slot(slot);
        if first.kind_byte() != Kind::Frame as u8 {
            return 0;
        }
        let bits = self.memory.entry(first.frame(), entry::SPACE);
        if bits & FIRST_OR_LARGE != 0 {
            return 0;
        }
        let Ok(attributes) = attributes_of(bits, first.rights(), range.access) else {
            return 0;
        };
        let key = first.word >> KIND_SHIFT;
        let mut index = index_at(LAST_LEVEL, range.address);
        let mut page = range.address >> PAGE_SHIFT;
        let mut left = pages.min(room).min(RUN_PAGES);
        let planned = left;
        while left != 0 {
            debug_assert!(left <= RUN_PAGES);
            self.memory.mark_round::<RUN_PAGES>();
            let found = self.read_slot(slot);
            let frame = found.frame();
            let is_such = found.word >> KIND_SHIFT == key
                && self.is_live_frame(found)
                && self.memory.entry(frame, entry::SPACE) == bits
                && self.memory.get(table, slot_at(index)) == 0;
            if !is_such {
                break;
            }
            let space = range.space.into_raw();
            self.memory.set_entry(frame, entry::SPACE, bits | space);
            let word = self.memory.entry(frame, entry::ADDRESS);
            self.memory.set_entry(frame, entry::ADDRESS, word | page);
            self.memory
                .set(table, slot_at(index), table_descriptor(frame) | attributes);
            slot.index = slot.index.wrapping_add(1);
            index = index.wrapping_add(1) & (TABLE_ENTRIES - 1);
            page = page.wrapping_add(1);
            left = left.wrapping_sub(1);
        }
        let done = planned.wrapping_sub(left);
        self.count_by(table, done);
        done
    }

    /// The slot of a handle of the current thread, and how many slots its chunk has from there on.
    #[inline(always)]
    fn slots_from(&self, handle: u64) -> Option<(Slot, u64)> {
        let chunk = self.chunk_of(self.current(), handle).ok()?;
        let index = handle % table::CHUNK_SLOTS;
        let room = table::CHUNK_SLOTS.wrapping_sub(index);
        Some((Slot { chunk, index }, room))
    }

    /// Whether the frame of a capability to one still exists.
    #[inline(always)]
    fn is_live_frame(&self, capability: Capability) -> bool {
        let frame = capability.frame();
        self.memory.kind(frame) == Kind::Frame as u8
            && self.memory.entry(frame, entry::ID) == capability.id
    }

    /// Unmaps what is mapped in the next `pages` pages, which are of one table.
    #[inline(never)]
    fn unmap_run(&self, range: &mut Range, table: Number<PageTable>, pages: u64) {
        let index = index_at(LAST_LEVEL, range.address);
        let mut gone: u64 = 0;
        for page in self.memory.at_most::<RUN_PAGES>(0..pages.min(RUN_PAGES)) {
            let is_gone = self.unmap_entry(table, index.wrapping_add(page));
            gone = gone.wrapping_add(u64::from(is_gone));
            if is_gone {
                self.forget_page(range, page);
            }
        }
        if gone != 0 && self.count_by(table, 0_u64.wrapping_sub(gone)) == 0 {
            self.drop_last_table(range.space, range.address);
            range.is_stale = true;
        }
    }

    /// Unmaps what entry `index` of a table maps, and tells whether that is something.
    #[inline(never)]
    fn unmap_entry(&self, table: Number<PageTable>, index: u64) -> bool {
        let descriptor = self.memory.get(table, slot_at(index));
        if descriptor == 0 {
            return false;
        }
        if self.memory.entry(table.frame(), entry::RECORDS) == 0 {
            self.clear_first(frame_of(descriptor));
        } else {
            self.forget_mapping(table, index, frame_of(descriptor));
        }
        self.memory.set(table, slot_at(index), 0);
        true
    }

    /// Changes the access of the next pages, which are of one table; answers how many.
    #[inline(never)]
    fn protect_run(&self, range: &mut Range, table: Number<PageTable>, pages: u64) -> Answer {
        let index = index_at(LAST_LEVEL, range.address);
        for page in self.memory.at_most::<RUN_PAGES>(0..pages.min(RUN_PAGES)) {
            let slot = slot_at(index.wrapping_add(page));
            let descriptor = self.memory.get(table, slot);
            let changed = if descriptor == 0 {
                Err(Error::NotMapped)
            } else {
                self.protected(descriptor, range.access)
            };
            match changed {
                Ok(descriptor) => self.memory.set(table, slot, descriptor),
                Err(error) if page == 0 => return Err(error),
                Err(_) => return Ok(page),
            }
            self.forget_page(range, page);
        }
        Ok(pages)
    }

    /// The machine has to forget page `page` from the range's next on.
    #[inline(always)]
    fn forget_page(&self, range: &mut Range, page: u64) {
        if range.is_one_by_one {
            let offset = page.wrapping_mul(PAGE_BYTES);
            self.leave(Effect::InvalidatePage {
                asid: self.memory.get(range.space, space::ASID),
                address: range.address.wrapping_add(offset),
            });
        } else {
            range.is_stale = true;
        }
    }

    /// Lets the machine see the tables as they are now.
    fn forget_range(&self, range: &Range) {
        if range.is_stale {
            let asid = self.memory.get(range.space, space::ASID);
            self.leave(Effect::InvalidateSpace { asid });
        } else if range.call == MAP {
            self.memory.publish_tables();
        }
    }

    /// Lets the thread make its call again, for what is left of it.
    fn suspend_range(&self, thread: Number<Thread>, range: &Range) {
        let (address_register, count_register) = registers_of(range.call);
        if range.call == MAP {
            self.set_register(thread, 1, range.handle);
        }
        self.set_register(thread, address_register, range.address);
        let count = range.left | range.done << DONE_SHIFT;
        self.set_register(thread, count_register, count);
        let counter = self.memory.get(thread, thread::PC);
        self.memory
            .set(thread, thread::PC, counter.wrapping_sub(INSTRUCTION_BYTES));
    }

    /// Answers as a function call does.
    fn finish_range(&self, thread: Number<Thread>, status: u64, done: u64) {
        self.set_register(thread, 0, status);
        self.set_register(thread, 1, done);
        for index in self.memory.at_most::<CLOBBERED>(2..CLOBBERED) {
            self.set_register(thread, index, 0);
        }
        self.memory.set(thread, thread::PSTATE, 0);
    }
}

impl Range {
    const fn advance(&mut self, pages: u64) {
        self.handle = self.handle.wrapping_add(pages);
        self.address = self.address.wrapping_add(pages.wrapping_mul(PAGE_BYTES));
        self.left = self.left.wrapping_sub(pages);
        self.done = self.done.wrapping_add(pages);
    }
}
