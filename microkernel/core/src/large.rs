//! Frames of 2 MiB: 512 frames of 4 KiB in a row, aligned, that are made, mapped and freed as one.
//!
//! The first is the *head*: its table entry is the object's, with the bit `LARGE`. The others are
//! *tails*: their entries are zero, and the head's number is theirs without the low nine bits. So
//! the object is found from any of its frames. A head is mapped as a block, in an entry of a level 2
//! table; whatever else wants an address of a block finds it `AlreadyMapped`, and the reverse.
//!
//! Work on all of it is done [`LARGE_STEP`] frames at a time. What is being made has the kind
//! `LargeHead`, and counts in its `ADDRESS` the frames it has; a dying one counts there the tails
//! that are free again, from the last one down; one that becomes code counts its steps in `SPACE`.
//!
//! ```text
//!          create_large_frame, …        the last one           destroy, reclaim
//!   free ───────────────────────▶ LargeHead ────▶ User + LARGE ─────────────▶ + DYING ──▶ free
//!                                     │ reclaim                                  ▲
//!                                     └──────────────────────────────────────────┘
//! ```
//!
//! Effects: a step of a creation or of a change to *code* leaves [`LARGE_STEP`], the others one.

use ipc_abi::capability::{Access, Kind, Rights};
use ipc_abi::error::Error;

use crate::capability::Capability;
use crate::create::HOLDER;
use crate::frame::SPACE_BITS;
use crate::kernel::{Answer, Effect, Kernel};
use crate::mapping::like;
use crate::memory::{Fields, Memory};
use crate::object::{
    Frame, FrameKind, Number, PageTable, Region, Space, UNITS_PER_FRAME, entry, space, user,
};
use crate::space::{BLOCK_LEVEL, TABLE, index_at, slot_at, table_descriptor};

/// Frames of 4 KiB in one of 2 MiB.
pub const LARGE_FRAMES: u64 = 512;
/// Bytes of a large frame.
pub const LARGE_BYTES: u64 = LARGE_FRAMES * 4096;
/// Frames that one call of `create_large_frame` takes and zeroes, and that one of `frame_set_mode`
/// makes coherent.
pub const LARGE_STEP: u64 = 1;
/// Tails that one step of a dying large frame frees.
pub const TAIL_STEPS: u64 = 64;

/// The object numbers in a large frame.
const LARGE_UNITS: u64 = LARGE_FRAMES * UNITS_PER_FRAME;
/// One more step towards *code*.
const ONE_STEP: u64 = 1 << user::STEPS.trailing_zeros();

impl<M: Memory + Copy> Kernel<M> {
    /// `create_large_frame`.
    ///
    /// # Errors
    ///
    /// Those of the region's handle (right `WRITE`); `Misaligned`; `OutOfRange`, also for a region of
    /// devices, `NotWhole`; those of [`Kernel::find_empty_slot`]; `NotFree` if one of the next frames
    /// is in use (those before it stay taken), `Again` until all are taken.
    pub fn create_large_frame(&self, region: u64, object: u64, destination: u64) -> Answer {
        let region = self.find_seldom::<Region>(region, Rights::WRITE)?;
        if object & (LARGE_UNITS - 1) != 0 {
            return Err(Error::Misaligned);
        }
        let head = Frame(object / UNITS_PER_FRAME);
        self.check_own(region, head)?;
        self.check_is_memory(region)?;
        self.check_own(region, Frame(head.0.wrapping_add(LARGE_FRAMES - 1)))?;
        let slot = self.find_empty_slot(destination)?;
        let taken = if self.memory.kind(head) == FrameKind::LargeHead as u8 {
            self.memory.entry(head, entry::ADDRESS)
        } else {
            0
        };
        for index in self.memory.at_most::<LARGE_STEP>(0..LARGE_STEP) {
            self.check_free(part(head, taken.wrapping_add(index)))?;
        }
        for index in self.memory.at_most::<LARGE_STEP>(0..LARGE_STEP) {
            let frame = part(head, taken.wrapping_add(index));
            self.memory.set_kind(frame, FrameKind::LargeTail as u8);
            self.leave(Effect::ZeroFrame { frame });
        }
        let taken = taken.wrapping_add(LARGE_STEP);
        self.raise_high(region, part(head, taken.wrapping_sub(1)));
        if taken < LARGE_FRAMES {
            self.memory.set_kind(head, FrameKind::LargeHead as u8);
            self.memory.set_entry(head, entry::ADDRESS, taken);
            return Err(Error::Again);
        }
        self.memory.set_entry(head, entry::ADDRESS, 0);
        let id = self.make_user_frame(head, user::LARGE);
        self.write_slot(slot, Capability::new(id, Kind::Frame, object, HOLDER));
        Ok(0)
    }

    /// The head of the large frame that `frame` is in; `frame` itself if it is in none.
    pub(crate) fn head_of(&self, frame: Frame) -> Frame {
        if self.memory.kind(frame) == FrameKind::LargeTail as u8 {
            Frame(frame.0 & !(LARGE_FRAMES - 1))
        } else {
            frame
        }
    }

    /// Makes what is not yet a large frame one that is dying.
    pub(crate) fn abandon_large(&self, head: Frame) {
        let taken = self.memory.entry(head, entry::ADDRESS);
        self.memory.set_kind(head, FrameKind::User as u8);
        self.memory
            .set_entry(head, entry::SPACE, user::LARGE | user::DYING);
        self.memory
            .set_entry(head, entry::ADDRESS, LARGE_FRAMES.wrapping_sub(taken));
    }

    /// Frees some tails of a dying large frame that is mapped nowhere, and after the last the head;
    /// answers whether that was it.
    #[inline(never)]
    pub(crate) fn free_tails(&self, head: Frame) -> bool {
        let free = self.memory.entry(head, entry::ADDRESS);
        let left = (LARGE_FRAMES - 1).wrapping_sub(free);
        for index in self.memory.at_most::<TAIL_STEPS>(0..left.min(TAIL_STEPS)) {
            let tail = part(head, left.wrapping_sub(index));
            self.memory.set_kind(tail, FrameKind::Free as u8);
        }
        if left > TAIL_STEPS {
            let free = free.wrapping_add(TAIL_STEPS);
            self.memory.set_entry(head, entry::ADDRESS, free);
            return false;
        }
        self.free_whole(head);
        true
    }

    /// Makes the next part of a large frame, which is mapped nowhere, coherent with the instruction
    /// cache; with the last part it becomes *code*. To map it starts this anew.
    pub(crate) fn step_to_code(&self, head: Frame, bits: u64) -> Answer {
        let done = (bits & user::STEPS) / ONE_STEP;
        for index in self.memory.at_most::<LARGE_STEP>(0..LARGE_STEP) {
            let frame = part(head, done.wrapping_mul(LARGE_STEP).wrapping_add(index));
            self.leave(Effect::SynchronizeCode { frame });
        }
        let is_last = bits & user::STEPS == user::STEPS;
        let bits = if is_last {
            bits & !user::STEPS | user::CODE
        } else {
            bits.wrapping_add(ONE_STEP)
        };
        self.memory.set_entry(head, entry::SPACE, bits);
        if is_last { Ok(0) } else { Err(Error::Again) }
    }
}

/// Frame `index` of a large one.
const fn part(head: Frame, index: u64) -> Frame {
    Frame(head.0.wrapping_add(index))
}

/// Mapping.
impl<M: Memory + Copy> Kernel<M> {
    /// Maps a large frame, with what its capability allows.
    ///
    /// # Errors
    ///
    /// `Misaligned`, `AlreadyMapped`, `NeedMemory`.
    pub(crate) fn map_large(
        &self,
        space: Number<Space>,
        head: Frame,
        address: u64,
        attributes: u64,
    ) -> Answer {
        check_alignment(address)?;
        let middle = self.find_middle_table(space, address);
        let slot = slot_at(index_at(BLOCK_LEVEL, address));
        if middle.is_some_and(|table| self.memory.get(table, slot) != 0) {
            return Err(Error::AlreadyMapped);
        }
        let bits = self.memory.entry(head, entry::SPACE);
        let is_first = bits & SPACE_BITS == 0;
        let mut needed = u64::from(middle.is_none());
        if !is_first {
            needed = needed.wrapping_add(self.missing_for_record(space, middle));
        }
        if self.memory.get(space, space::POOL_COUNT) < needed {
            return Err(Error::NeedMemory);
        }
        let middle = self.make_middle_table(space, address);
        if is_first {
            self.memory
                .set_entry(head, entry::SPACE, bits & !user::STEPS);
            self.set_first(space, head, address);
        } else {
            let index = index_at(BLOCK_LEVEL, address);
            self.add_record(space, (middle, index), head, address);
        }
        let block = (table_descriptor(head) | attributes) & !TABLE;
        self.set_page(middle, slot, block);
        Ok(0)
    }

    /// The table and descriptor of the block at an address.
    ///
    /// # Errors
    ///
    /// `NotMapped`; `Misaligned` for an address inside a block.
    fn find_block(
        &self,
        space: Number<Space>,
        address: u64,
    ) -> Result<(Number<PageTable>, u64), Error> {
        let table = self
            .find_middle_table(space, address)
            .ok_or(Error::NotMapped)?;
        let slot = slot_at(index_at(BLOCK_LEVEL, address));
        let descriptor = self.memory.get(table, slot);
        if descriptor == 0 || descriptor & TABLE != 0 {
            return Err(Error::NotMapped);
        }
        check_alignment(address)?;
        Ok((table, descriptor))
    }

    /// Unmaps the block at an address.
    ///
    /// # Errors
    ///
    /// Those of [`Kernel::find_block`].
    #[inline(never)]
    pub(crate) fn unmap_large(&self, space: Number<Space>, address: u64) -> Answer {
        let (table, descriptor) = self.find_block(space, address)?;
        let index = index_at(BLOCK_LEVEL, address);
        self.forget_mapping(table, index, crate::space::frame_of(descriptor));
        self.memory.set(table, slot_at(index), 0);
        let asid = self.memory.get(space, space::ASID);
        if self.count_down(table) == 0 {
            self.drop_middle_table(space, table, address);
            self.leave(Effect::InvalidateSpace { asid });
        } else {
            self.leave(Effect::InvalidatePage { asid, address });
        }
        Ok(0)
    }

    /// Changes the access of the block at an address.
    ///
    /// # Errors
    ///
    /// Those of [`Kernel::find_block`]; `AccessDenied`.
    #[inline(never)]
    pub(crate) fn protect_large(
        &self,
        space: Number<Space>,
        address: u64,
        access: Access,
    ) -> Answer {
        let (table, descriptor) = self.find_block(space, address)?;
        let changed = like(descriptor, self.protected(descriptor, access)?);
        let slot = slot_at(index_at(BLOCK_LEVEL, address));
        self.memory.set(table, slot, changed);
        let asid = self.memory.get(space, space::ASID);
        self.leave(Effect::InvalidatePage { asid, address });
        Ok(0)
    }

    /// Whether a range of `pages` pages begins with a whole block; the errors of
    /// [`Kernel::find_block`] otherwise, and `Misaligned` if it ends inside one.
    pub(crate) fn check_block_in_range(
        &self,
        space: Number<Space>,
        address: u64,
        pages: u64,
    ) -> Result<(), Error> {
        self.find_block(space, address)?;
        if pages < LARGE_FRAMES {
            return Err(Error::Misaligned);
        }
        Ok(())
    }
}

/// Checks an address of a block.
const fn check_alignment(address: u64) -> Result<(), Error> {
    if address & (LARGE_BYTES - 1) == 0 {
        Ok(())
    } else {
        Err(Error::Misaligned)
    }
}
