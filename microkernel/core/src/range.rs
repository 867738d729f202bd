//! Ranges of pages: `map_range`, `unmap_range`, `protect_range`, up to [`RANGE_PAGES`] in one call.
//!
//! A call works in *runs* of at most [`RUN_PAGES`] or [`MAP_RUN_PAGES`] neighbours of one last-level
//! table. Each run is as a call of its own, for what is left: it reads the thread's argument
//! registers, checks them, does its pages, and moves the registers forward. The last argument holds
//! how many pages are left in bits 31:0 and how many are done in bits 63:32, so the caller who passes
//! a plain number starts with none done. Between two runs the call looks whether an interrupt waits; if
//! one does, the thread makes the call again after it, with the registers as they are.
//!
//! ```text
//!   range_step ──▶ range_step ──▶ … ──▶ finish_range      (x0 = status, x1 = pages done)
//!              │ an interrupt waits
//!              ▼
//!        program counter back to the `svc`
//! ```
//!
//! A run does pages until one needs more than the usual: then it ends there, and that page is done
//! alone, by the functions of [`crate::mapping`]. An error ends the call; the pages before it are
//! done.
//!
//! Effects: of a call for at most [`PAGES_ONE_BY_ONE`] pages they are invalidated one by one; for more,
//! or when a table goes, the space is, before user code runs again. At most six are left: four pages, and
//! two tables that go.

use ipc_abi::boot::USER_END;
use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Access, Kind, Rights};
use ipc_abi::error::Error;

use crate::capability::{Capability, Slot};
use crate::fault::STEP_STATE;
use crate::frame::FIRST_OR_LARGE;
use crate::kernel::{Answer, Effect, Kernel};
use crate::large::LARGE_FRAMES;
use crate::mapping::attributes_of;
use crate::memory::{Fields, Memory};
use crate::object::{Number, PageTable, Space, Thread, entry, flag, space, table, thread, user};
use crate::space::{
    LAST_LEVEL, TABLE_ENTRIES, check_page_address, frame_of, index_at, slot_at, table_descriptor,
};

/// The most pages of one call.
pub const RANGE_PAGES: u64 = 512;
/// The most pages of one table between two looks at the interrupts, of `unmap_range` and
/// `protect_range`. Where there is no table it is one look for a block, or for all that is not there.
pub const RUN_PAGES: u64 = 24;
/// The same of `map_range`, which does less with each.
pub const MAP_RUN_PAGES: u64 = 48;
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
        while self.range_step(thread, call) {
            if self.memory.interrupt_pending() {
                let counter = self.memory.get(thread, thread::PC);
                let again = counter.wrapping_sub(INSTRUCTION_BYTES);
                self.memory.set(thread, thread::PC, again);
                if self.memory.get(thread, thread::FLAGS) & flag::STEPPING != 0 {
                    // The instruction is not done: it comes again in the same step.
                    self.memory.set(thread, thread::PSTATE, STEP_STATE);
                }
                return;
            }
        }
    }

    /// Does the next pages of a call, and answers whether some are left; else the thread has its
    /// answer.
    #[inline(never)]
    fn range_step(&self, thread: Number<Thread>, call: u64) -> bool {
        let (address_register, count_register) = registers_of(call);
        let count = self.register(thread, count_register);
        let (left, done) = (count & LEFT_BITS, count >> DONE_SHIFT);
        let pages = match self.run(thread, call, left, done) {
            Ok(pages) => pages,
            Err(error) => {
                // No call has done so many, whatever the register says.
                let done = if done < RANGE_PAGES { done } else { 0 };
                self.finish_range(thread, error.into_raw(), done);
                return false;
            }
        };
        let (left, done) = (left.wrapping_sub(pages), done.wrapping_add(pages));
        if left == 0 {
            self.finish_range(thread, 0, done);
            return false;
        }
        if call == MAP {
            let handle = self.register(thread, 1);
            self.set_register(thread, 1, handle.wrapping_add(pages));
        }
        let address = self.register(thread, address_register);
        let address = address.wrapping_add(pages.wrapping_mul(PAGE_BYTES));
        self.set_register(thread, address_register, address);
        self.set_register(thread, count_register, left | done << DONE_SHIFT);
        true
    }

    /// Checks the arguments and does the next pages, at least one; answers how many.
    fn run(&self, thread: Number<Thread>, call: u64, left: u64, done: u64) -> Answer {
        let (address_register, count_register) = registers_of(call);
        let space = self.find_seldom::<Space>(self.register(thread, 0), Rights::WRITE)?;
        let access = if call == UNMAP {
            Access::READ
        } else {
            let access = self.register(thread, count_register.wrapping_sub(1));
            Access::from_raw(access).ok_or(Error::BadArgument)?
        };
        let address = self.register(thread, address_register);
        check_page_address(address)?;
        let room = USER_END.wrapping_sub(address) / PAGE_BYTES;
        let all = left.wrapping_add(done);
        if left == 0 || all > RANGE_PAGES || left > room {
            return Err(Error::OutOfRange);
        }
        let Some(table) = self.find_last_table(space, address) else {
            return self.run_elsewhere(call, thread, space, (address, access), left);
        };
        let index = index_at(LAST_LEVEL, address);
        let count = TABLE_ENTRIES.wrapping_sub(index).min(left);
        if call == MAP {
            let handle = self.register(thread, 1);
            return match self.map_run(handle, space, table, (address, count), access) {
                0 => self.map_one(handle, space, address, access),
                mapped => Ok(mapped),
            };
        }
        let changed = if call == UNMAP {
            self.unmap_run(space, table, address, count)
        } else {
            self.protect_run(table, address, count, access)?
        };
        self.forget_pages(space, address, changed, all <= PAGES_ONE_BY_ONE);
        Ok(changed)
    }

    /// The machine has to forget some pages, one by one or with their space.
    fn forget_pages(&self, space: Number<Space>, address: u64, count: u64, is_one_by_one: bool) {
        let asid = self.memory.get(space, space::ASID);
        if !is_one_by_one {
            return self.leave_once(Effect::InvalidateSpace { asid });
        }
        for page in self.memory.at_most::<PAGES_ONE_BY_ONE>(0..count) {
            let offset = page.wrapping_mul(PAGE_BYTES);
            let address = address.wrapping_add(offset);
            self.leave(Effect::InvalidatePage { asid, address });
        }
    }

    /// A run where there is no last-level table.
    #[inline(never)]
    fn run_elsewhere(
        &self,
        call: u64,
        thread: Number<Thread>,
        space: Number<Space>,
        (address, access): (u64, Access),
        left: u64,
    ) -> Answer {
        match call {
            MAP => return self.map_one(self.register(thread, 1), space, address, access),
            UNMAP => match self.check_block_in_range(space, address, left) {
                Err(Error::NotMapped) => {
                    let index = index_at(LAST_LEVEL, address);
                    return Ok(TABLE_ENTRIES.wrapping_sub(index).min(left));
                }
                Err(error) => return Err(error),
                Ok(()) => self.unmap_large(space, address)?,
            },
            _ => {
                self.check_block_in_range(space, address, left)?;
                self.protect_large(space, address, access)?
            }
        };
        Ok(LARGE_FRAMES)
    }

    /// Maps one page with all that may be needed for it.
    #[inline(never)]
    fn map_one(&self, handle: u64, space: Number<Space>, address: u64, access: Access) -> Answer {
        let (frame, rights) = self.find_frame(handle, Rights::NONE)?;
        if self.memory.entry(frame, entry::SPACE) & user::LARGE != 0 {
            return Err(Error::WrongKind);
        }
        self.map_found(space, (frame, rights), address, access)?;
        Ok(1)
    }

    /// Maps at most `count` (and [`MAP_RUN_PAGES`]) pages through `table`: of frames that are mapped
    /// nowhere, with capabilities of the same rights to frames of the same mode, in one chunk of the
    /// thread's table. Answers how many; the next one is not such.
    #[inline(never)]
    fn map_run(
        &self,
        handle: u64,
        space: Number<Space>,
        table: Number<PageTable>,
        (address, count): (u64, u64),
        access: Access,
    ) -> u64 {
        let Some((slot, room)) = self.slots_from(handle) else {
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
        let Ok(attributes) = attributes_of(bits, first.rights(), access) else {
            return 0;
        };
        let key = first.word >> KIND_SHIFT;
        let index = index_at(LAST_LEVEL, address);
        let page = address >> PAGE_SHIFT;
        let planned = count.min(room).min(MAP_RUN_PAGES);
        // As if all were mapped: at no time does the table count fewer than it has.
        self.count_by(table, planned);
        let mut done = 0;
        while done < planned {
            debug_assert!(done < MAP_RUN_PAGES);
            self.memory.mark_round::<MAP_RUN_PAGES>();
            let found = self.read_slot(Slot {
                chunk: slot.chunk,
                index: slot.index.wrapping_add(done),
            });
            let frame = found.frame();
            let entry = slot_at(index.wrapping_add(done) & (TABLE_ENTRIES - 1));
            let is_such = found.word >> KIND_SHIFT == key
                && self.is_live_frame(found)
                && self.memory.entry(frame, entry::SPACE) == bits
                && self.memory.get(table, entry) == 0;
            if !is_such {
                break;
            }
            self.memory
                .set_entry(frame, entry::SPACE, bits | space.into_raw());
            let word = self.memory.entry(frame, entry::ADDRESS);
            let here = page.wrapping_add(done);
            self.memory.set_entry(frame, entry::ADDRESS, word | here);
            let descriptor = table_descriptor(frame) | attributes;
            self.memory.set(table, entry, descriptor);
            done = done.wrapping_add(1);
        }
        self.count_by(table, done.wrapping_sub(planned));
        self.memory.publish_tables();
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

    /// Unmaps what is mapped in the next pages, at most `count` and [`RUN_PAGES`]; answers how many it
    /// looked at.
    #[inline(never)]
    fn unmap_run(
        &self,
        space: Number<Space>,
        table: Number<PageTable>,
        address: u64,
        count: u64,
    ) -> u64 {
        let index = index_at(LAST_LEVEL, address);
        let count = count.min(RUN_PAGES);
        let mut done = 0;
        while done < count {
            debug_assert!(done < RUN_PAGES);
            self.memory.mark_round::<RUN_PAGES>();
            let offset = done.wrapping_mul(PAGE_BYTES);
            let address = address.wrapping_add(offset);
            let slot = slot_at(index.wrapping_add(done) & (TABLE_ENTRIES - 1));
            done = done.wrapping_add(1);
            let descriptor = self.memory.get(table, slot);
            if descriptor != 0 {
                let frame = frame_of(descriptor);
                let is_empty = self.clear_entry(table, address, frame);
                if is_empty {
                    self.drop_last_table(space, address);
                    let asid = self.memory.get(space, space::ASID);
                    self.leave(Effect::InvalidateSpace { asid });
                    break;
                }
            }
        }
        done
    }

    /// Changes the access of the next pages, at most `count` and [`RUN_PAGES`]; answers of how many.
    #[inline(never)]
    fn protect_run(
        &self,
        table: Number<PageTable>,
        address: u64,
        count: u64,
        access: Access,
    ) -> Answer {
        let index = index_at(LAST_LEVEL, address);
        let count = count.min(RUN_PAGES);
        let mut done = 0;
        while done < count {
            debug_assert!(done < RUN_PAGES);
            self.memory.mark_round::<RUN_PAGES>();
            let slot = slot_at(index.wrapping_add(done) & (TABLE_ENTRIES - 1));
            let descriptor = self.memory.get(table, slot);
            let changed = if descriptor == 0 {
                Err(Error::NotMapped)
            } else {
                self.protected(descriptor, access)
            };
            match changed {
                Ok(descriptor) => self.memory.set(table, slot, descriptor),
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
            done = done.wrapping_add(1);
        }
        Ok(done)
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
