//! Regions: authority over frames.
//!
//! A region covers frames; its own are the first of them, up to its limit; the others went, last ones
//! first, to regions that were split off, each of which lies in the first frame of its own range. So
//! when all frames of a range are free, no region is left there, and `region_merge` takes them back.
//!
//! What a frame is used for follows from what lies in it. A region creates in its own frames only
//! (`NotWhole` for one that was split off); it reclaims in all.

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;

use crate::capability::{Answer, UNITS_PER_FRAME};
use crate::create::HOLDER;
use crate::state::{Capability, Frame, Number, Region, State};

/// Frames of a large frame.
pub const LARGE_FRAMES: u64 = 512;
/// Frames that one `region_split` looks at.
const SPLIT_STEPS: u64 = 64;
/// The most frames of one `region_merge`.
const MERGE_FRAMES: u64 = 64;
/// Bits of a frame's number in what `region_inspect` answers.
const FRAME_BITS: u32 = 34;

/// What a frame is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameUse {
    /// Nothing.
    Free,
    /// It holds objects of a kind, living or dying.
    Objects(Kind),
    /// It is, or is in, a user frame: that one's first.
    User(Frame),
    /// It is in a large frame that is being made: that one's first.
    Unmade(Frame),
    /// It holds slots of the table.
    Slots(Number),
    /// It was given to the space.
    Space(Number),
    /// It is the kernel's.
    Reserved,
}

impl State {
    /// What a frame is used for.
    #[must_use]
    pub fn use_of(&self, frame: Frame) -> FrameUse {
        let first = frame * UNITS_PER_FRAME;
        let units = first..first + UNITS_PER_FRAME;
        let has = [
            (
                Kind::Region,
                self.regions.range(units.clone()).next().is_some(),
            ),
            (
                Kind::Allowance,
                self.allowances.range(units.clone()).next().is_some(),
            ),
            (
                Kind::Platform,
                self.platforms.range(units.clone()).next().is_some(),
            ),
            (
                Kind::AddressSpace,
                self.spaces.range(units.clone()).next().is_some(),
            ),
            (
                Kind::CapTable,
                self.tables.range(units.clone()).next().is_some(),
            ),
            (
                Kind::Thread,
                self.threads.range(units.clone()).next().is_some(),
            ),
            (
                Kind::SchedulingContext,
                self.contexts.range(units.clone()).next().is_some(),
            ),
            (
                Kind::Endpoint,
                self.endpoints.range(units.clone()).next().is_some(),
            ),
            (Kind::Gate, self.gates.range(units.clone()).next().is_some()),
            (
                Kind::Notification,
                self.notifications.range(units.clone()).next().is_some(),
            ),
            (
                Kind::Reply,
                self.replies.range(units.clone()).next().is_some(),
            ),
            (Kind::Irq, self.irqs.range(units).next().is_some()),
        ];
        if let Some((kind, _)) = has.iter().find(|(_, has)| *has) {
            return FrameUse::Objects(*kind);
        }
        let head = frame & !(LARGE_FRAMES - 1);
        if self.frames.contains_key(&frame) {
            FrameUse::User(frame)
        } else if self
            .frames
            .get(&head)
            .is_some_and(|it| it.is_large && frame - head < LARGE_FRAMES - it.freed)
        {
            FrameUse::User(head)
        } else if self
            .unmade
            .get(&head)
            .is_some_and(|taken| frame - head < *taken)
        {
            FrameUse::Unmade(head)
        } else {
            self.use_by_owner(frame)
        }
    }

    fn use_by_owner(&self, frame: Frame) -> FrameUse {
        if self.reserved.contains(&frame) {
            return FrameUse::Reserved;
        }
        let table = self
            .tables
            .iter()
            .find(|(_, it)| it.chunks.contains(&frame));
        let space = self.spaces.iter().find(|(_, it)| it.has_frame(frame));
        match (table, space) {
            (Some((number, _)), _) => FrameUse::Slots(*number),
            (None, Some((number, _))) => FrameUse::Space(*number),
            (None, None) => FrameUse::Free,
        }
    }

    /// Checks that a frame is free.
    pub(crate) fn check_free(&self, frame: Frame) -> Result<(), Error> {
        if self.is_free(frame) {
            Ok(())
        } else {
            Err(Error::NotFree)
        }
    }

    /// Checks that a region covers a frame.
    pub(crate) fn check_covers(&self, region: Number, frame: Frame) -> Result<(), Error> {
        let it = &self.regions[&region];
        if (it.first..it.end).contains(&frame) {
            Ok(())
        } else {
            Err(Error::OutOfRange)
        }
    }

    /// Checks that a frame is a region's own.
    pub(crate) fn check_own(&self, region: Number, frame: Frame) -> Result<(), Error> {
        self.check_covers(region, frame)?;
        if frame < self.regions[&region].limit {
            Ok(())
        } else {
            Err(Error::NotWhole)
        }
    }

    /// Checks that objects of the kernel can lie in a region: not in one of devices.
    pub(crate) fn check_is_memory(&self, region: Number) -> Result<(), Error> {
        if self.regions[&region].is_device {
            Err(Error::OutOfRange)
        } else {
            Ok(())
        }
    }

    /// Checks that a region can give a whole frame to the kernel.
    pub(crate) fn check_whole(&self, region: Number, frame: Frame) -> Result<(), Error> {
        self.check_own(region, frame)?;
        self.check_is_memory(region)?;
        self.check_free(frame)
    }

    /// A free frame of a region is going to be used.
    pub(crate) fn use_frame(&mut self, region: Number, frame: Frame) {
        let it = self.region(region);
        it.unused = it.unused.max(frame + 1);
    }

    /// `region_split`: `Again` keeps what it found out.
    pub(crate) fn region_split(&mut self, region: u64, frames: u64, place: u64) -> Answer {
        let parent = self.find(region, Kind::Region, Rights::WRITE)?;
        self.check_is_memory(parent)?;
        let it = self.regions[&parent];
        if frames == 0 || frames >= it.limit - it.first {
            return Err(Error::OutOfRange);
        }
        let slot = self.find_empty_slot(place)?;
        let first = it.limit - frames;
        let unused = it.unused.saturating_sub(SPLIT_STEPS).max(first);
        for frame in (unused..it.unused).rev() {
            self.check_free(frame)?;
        }
        self.region(parent).unused = it.unused.min(unused);
        if unused > first {
            return Err(Error::Again);
        }
        self.region(parent).limit = first;
        let id = self.new_id();
        let child = Region {
            id: Some(id),
            first,
            end: it.limit,
            limit: it.limit,
            unused: first + 1,
            is_device: false,
        };
        let number = first * UNITS_PER_FRAME;
        self.regions.insert(number, child);
        let (kind, rights) = (Kind::Region, HOLDER);
        self.fill_slot(
            slot,
            Capability {
                kind,
                rights,
                number,
                id,
            },
        );
        Ok(0)
    }

    /// `region_merge`.
    pub(crate) fn region_merge(&mut self, region: u64, frames: u64) -> Answer {
        let region = self.find(region, Kind::Region, Rights::WRITE)?;
        let it = self.regions[&region];
        if frames == 0 || frames > (it.end - it.limit).min(MERGE_FRAMES) {
            return Err(Error::OutOfRange);
        }
        for frame in it.limit..it.limit + frames {
            self.check_free(frame)?;
        }
        self.region(region).limit += frames;
        Ok(0)
    }

    /// `region_inspect`: the frames left are told up to 2^30 - 1.
    pub(crate) fn region_inspect(&self, region: u64) -> Answer {
        let region = self.find(region, Kind::Region, Rights::READ)?;
        let it = self.regions[&region];
        let left = (it.limit - it.first).min((1 << (64 - FRAME_BITS)) - 1);
        Ok(it.first | left << FRAME_BITS)
    }
}
