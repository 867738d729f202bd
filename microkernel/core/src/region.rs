//! Regions: authority over a range of frames.
//!
//! A region covers `[BASE, BASE + FRAMES)`. Its own part is `[BASE, LIMIT)`: there it creates. The
//! rest went to regions split off it, each of which has its object in the first frame of its own
//! range; so a range whose frames are all free holds no surviving region, and can be granted again.
//!
//! Every frame of `[HIGH, LIMIT)` is free. Creation raises `HIGH`; `region_split` lowers it, at
//! most [`SPLIT_STEPS`] frames per call. So a split of any length is granted without looking at its
//! frames one by one where they were never used, and answers `Again` (keeping what it found) where
//! they were.
//!
//! A region of devices covers no memory: its frames become frame objects, and nothing else.

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;

use crate::capability::Capability;
use crate::create::{HOLDER, frame_number};
use crate::kernel::{Answer, Kernel};
use crate::memory::{Fields, Memory};
use crate::object::{Frame, FrameKind, Number, Region, entry, region};

/// Frames that one `region_split` looks at.
pub const SPLIT_STEPS: u64 = FREE_STEPS;
/// Frames that one `region_merge` takes back at most.
pub const MERGE_FRAMES: u64 = FREE_STEPS;
/// Frames that one call looks at, whether they are free.
pub const FREE_STEPS: u64 = 64;

/// Bits of a frame number in what `region_inspect` answers.
const FRAME_BITS: u32 = 34;

impl<M: Memory + Copy> Kernel<M> {
    /// `region_split`.
    ///
    /// # Errors
    ///
    /// Those of the region's handle (right `WRITE`) and of [`Kernel::find_empty_slot`];
    /// `OutOfRange` for no frame, for as many as the region has or more, and for a region of
    /// devices, `NotFree` if one of the frames is in use, `Again`.
    pub fn region_split(&self, region: u64, frames: u64, destination: u64) -> Answer {
        let parent = self.find_seldom::<Region>(region, Rights::WRITE)?;
        self.check_is_memory(parent)?;
        let limit = self.memory.get(parent, region::LIMIT);
        let base = self.memory.get(parent, region::BASE);
        if frames == 0 || frames >= limit.wrapping_sub(base) {
            return Err(Error::OutOfRange);
        }
        let slot = self.find_empty_slot(destination)?;
        let first = limit.wrapping_sub(frames);
        self.lower_high(parent, first)?;
        self.memory.set(parent, region::LIMIT, first);
        let child = self.make_region(Frame(first), frames);
        let id = self.memory.get(child, region::ID);
        self.write_slot(
            slot,
            Capability::new(id, Kind::Region, child.into_raw(), HOLDER),
        );
        Ok(0)
    }

    /// Makes the region `[first, first + frames)` of free frames, in its own first frame.
    #[inline(never)]
    pub(crate) fn make_region(&self, first: Frame, frames: u64) -> Number<Region> {
        let region: Number<Region> = frame_number(first);
        self.memory.set_kind(first, FrameKind::Region as u8);
        self.memory.zero(first);
        self.memory.set_entry(first, entry::ID, 1);
        self.memory.set(region, region::ID, self.new_id());
        self.memory.set(region, region::BASE, first.0);
        self.memory.set(region, region::FRAMES, frames);
        self.memory
            .set(region, region::LIMIT, first.0.wrapping_add(frames));
        self.memory
            .set(region, region::HIGH, first.0.wrapping_add(1));
        region
    }

    /// Lowers `HIGH` to `first` if the frames from there on are free.
    fn lower_high(&self, region: Number<Region>, first: u64) -> Result<(), Error> {
        let high = self.memory.get(region, region::HIGH);
        if high <= first {
            return Ok(());
        }
        let steps = high.wrapping_sub(first).min(SPLIT_STEPS);
        let lower = high.wrapping_sub(steps);
        self.check_all_free(Frame(lower), steps)?;
        self.memory.set(region, region::HIGH, lower);
        if lower == first {
            Ok(())
        } else {
            Err(Error::Again)
        }
    }

    fn check_all_free(&self, first: Frame, frames: u64) -> Result<(), Error> {
        if self.are_free(first, frames) {
            Ok(())
        } else {
            Err(Error::NotFree)
        }
    }

    /// Whether `frames` frames from `first` on are free; at most [`FREE_STEPS`].
    #[inline(never)]
    fn are_free(&self, first: Frame, frames: u64) -> bool {
        for index in self.memory.at_most::<FREE_STEPS>(0..frames) {
            if self.memory.kind(Frame(first.0.wrapping_add(index))) != FrameKind::Free as u8 {
                return false;
            }
        }
        true
    }

    /// A frame of the region's own part is free no longer.
    pub(crate) fn raise_high(&self, region: Number<Region>, frame: Frame) {
        if frame.0 >= self.memory.get(region, region::HIGH) {
            self.memory
                .set(region, region::HIGH, frame.0.wrapping_add(1));
        }
    }

    /// `region_merge`.
    ///
    /// # Errors
    ///
    /// Those of the region's handle (right `WRITE`); `OutOfRange` unless 1 to [`MERGE_FRAMES`]
    /// frames are asked for, and no more than the region lacks, `NotFree` if one is in use.
    pub fn region_merge(&self, region: u64, frames: u64) -> Answer {
        let region = self.find_seldom::<Region>(region, Rights::WRITE)?;
        let limit = self.memory.get(region, region::LIMIT);
        let lacking = self.end_of(region).wrapping_sub(limit);
        if frames == 0 || frames > lacking.min(MERGE_FRAMES) {
            return Err(Error::OutOfRange);
        }
        self.check_all_free(Frame(limit), frames)?;
        self.memory
            .set(region, region::LIMIT, limit.wrapping_add(frames));
        Ok(0)
    }

    /// `region_inspect`.
    ///
    /// # Errors
    ///
    /// Those of the region's handle (right `READ`).
    pub fn region_inspect(&self, region: u64) -> Answer {
        let region = self.find_seldom::<Region>(region, Rights::READ)?;
        let base = self.memory.get(region, region::BASE);
        let left = self.memory.get(region, region::LIMIT).wrapping_sub(base);
        let left = left.min((1 << (64 - FRAME_BITS)) - 1);
        Ok(base | left << FRAME_BITS)
    }

    /// The end of what the region covers, its own or not.
    pub(crate) fn end_of(&self, region: Number<Region>) -> u64 {
        self.memory
            .get(region, region::BASE)
            .wrapping_add(self.memory.get(region, region::FRAMES))
    }

    /// Checks that the region covers `frame`, itself or through a region split off it.
    pub(crate) fn check_covers(&self, region: Number<Region>, frame: Frame) -> Result<(), Error> {
        let offset = frame.0.wrapping_sub(self.memory.get(region, region::BASE));
        if offset < self.memory.get(region, region::FRAMES) {
            Ok(())
        } else {
            Err(Error::OutOfRange)
        }
    }

    /// Checks that `frame` is in the region's own part.
    ///
    /// # Errors
    ///
    /// `OutOfRange`; `NotWhole` if it went to a region split off.
    pub(crate) fn check_own(&self, region: Number<Region>, frame: Frame) -> Result<(), Error> {
        self.check_covers(region, frame)?;
        let limit = self.memory.get(region, region::LIMIT);
        if frame.0 < limit {
            Ok(())
        } else {
            Err(Error::NotWhole)
        }
    }

    /// Checks that the region can hold kernel objects: `OutOfRange` for one of devices.
    pub(crate) fn check_is_memory(&self, region: Number<Region>) -> Result<(), Error> {
        if self.memory.get(region, region::DEVICE) == 0 {
            Ok(())
        } else {
            Err(Error::OutOfRange)
        }
    }

    /// Checks that a frame is free.
    pub(crate) fn check_free(&self, frame: Frame) -> Result<(), Error> {
        if self.memory.kind(frame) == FrameKind::Free as u8 {
            Ok(())
        } else {
            Err(Error::NotFree)
        }
    }
}
