//! User frames: memory and device registers, of 4 KiB or 2 MiB, and memory that devices use.
//!
//! A frame of 2 MiB is made, and made *code*, in 512 parts, one for each call, which answers `Again`.
//!
//! What was given to a device may be written by it at any time. So when such a frame dies it is unmapped
//! and dead at once but not free: it is in *quarantine* until the holder of the device's reset has said,
//! after that, that the device was reset. (Nor is it free if the device's own frame was destroyed: then a
//! new object of that frame has to be reset.) The contents of frames, and what caches hold of them, are
//! not part of the state.

use alloc::collections::BTreeSet;
use alloc::rc::Rc;

use ipc_abi::call::CacheOperation;
use ipc_abi::capability::{FrameMode, Kind, Rights};
use ipc_abi::error::Error;

use crate::capability::{Answer, UNITS_PER_FRAME};
use crate::create::HOLDER;
use crate::region::{FrameUse, LARGE_FRAMES};
use crate::space::LARGE_BYTES;
use crate::state::{Capability, Frame, FrameLife, Identity, Number, State, UserFrame};

const FRAME_SHIFT: u32 = 12;
const FRAME_BYTES: u64 = 1 << FRAME_SHIFT;
/// The most bytes of one `frame_maintain`.
const MAINTAIN_BYTES: u64 = 4096;

impl UserFrame {
    /// A frame of data, mapped nowhere.
    #[must_use]
    pub fn new(life: FrameLife) -> UserFrame {
        UserFrame {
            life,
            is_code: false,
            is_device: false,
            is_large: false,
            coherent: 0,
            given: None,
            resets: 0,
            mapped: BTreeSet::new(),
            freed: 0,
        }
    }
}

impl State {
    /// `create_frame`.
    pub(crate) fn create_frame(&mut self, region: u64, number: Number, place: u64) -> Answer {
        let region = self.find(region, Kind::Region, Rights::WRITE)?;
        if !number.is_multiple_of(UNITS_PER_FRAME) {
            return Err(Error::Misaligned);
        }
        let frame = number / UNITS_PER_FRAME;
        self.check_own(region, frame)?;
        self.check_free(frame)?;
        let slot = self.find_empty_slot(place)?;
        self.use_frame(region, frame);
        let is_device = self.regions[&region].is_device;
        self.add_frame(frame, slot, |new| UserFrame { is_device, ..new });
        Ok(0)
    }

    fn add_frame(
        &mut self,
        frame: Frame,
        slot: (Number, u64),
        finish: impl FnOnce(UserFrame) -> UserFrame,
    ) {
        let id = self.new_id();
        let new = finish(UserFrame::new(FrameLife::Live(id)));
        self.frames.insert(frame, Rc::new(new));
        let (kind, rights, number) = (Kind::Frame, HOLDER, frame * UNITS_PER_FRAME);
        self.fill_slot(
            slot,
            Capability {
                kind,
                rights,
                number,
                id,
            },
        );
    }

    /// `create_large_frame`: takes one frame more.
    pub(crate) fn create_large_frame(&mut self, region: u64, number: Number, place: u64) -> Answer {
        let region = self.find(region, Kind::Region, Rights::WRITE)?;
        if !number.is_multiple_of(LARGE_FRAMES * UNITS_PER_FRAME) {
            return Err(Error::Misaligned);
        }
        let head = number / UNITS_PER_FRAME;
        self.check_own(region, head)?;
        self.check_is_memory(region)?;
        self.check_own(region, head + (LARGE_FRAMES - 1))?;
        let slot = self.find_empty_slot(place)?;
        let taken = self.unmade.get(&head).copied().unwrap_or(0);
        self.check_free(head + taken)?;
        self.use_frame(region, head + taken);
        if taken + 1 < LARGE_FRAMES {
            self.unmade.insert(head, taken + 1);
            return Err(Error::Again);
        }
        self.unmade.remove(&head);
        self.add_frame(head, slot, |new| UserFrame {
            is_large: true,
            ..new
        });
        Ok(0)
    }

    /// `frame_set_mode`: one that is code already, or becomes data, does so at once.
    pub(crate) fn frame_set_mode(&mut self, frame: u64, mode: u64) -> Answer {
        let (frame, _) = self.find_frame(frame, Rights::WRITE)?;
        let is_code = mode == FrameMode::Code as u64;
        if !is_code && mode != FrameMode::Data as u64 {
            return Err(Error::BadArgument);
        }
        let it = &self.frames[&frame];
        if is_code && it.is_device {
            return Err(Error::BadArgument);
        }
        let is_used = it.given.is_some() || !it.mapped.is_empty();
        if is_used || self.buffer_owner(frame).is_some() {
            return Err(Error::InUse);
        }
        let it = self.frame(frame);
        if is_code && it.is_large && !it.is_code && it.coherent + 1 < LARGE_FRAMES {
            it.coherent += 1;
            return Err(Error::Again);
        }
        (it.is_code, it.coherent) = (is_code, 0);
        Ok(0)
    }

    /// `frame_inspect`.
    pub(crate) fn frame_inspect(&self, frame: u64) -> Answer {
        let (frame, _) = self.find_frame(frame, Rights::READ)?;
        Ok(frame << FRAME_SHIFT | u64::from(self.frames[&frame].is_large))
    }

    /// `frame_maintain`: what it does to caches is not part of the state.
    pub(crate) fn frame_maintain(
        &self,
        frame: u64,
        [operation, offset, bytes]: [u64; 3],
    ) -> Answer {
        let operation = CacheOperation::from_raw(operation);
        let right = match operation {
            Some(CacheOperation::CleanInvalidate) => Rights::WRITE,
            Some(CacheOperation::Clean) | None => Rights::READ,
        };
        let (frame, _) = self.find_frame(frame, right)?;
        let it = &self.frames[&frame];
        if operation.is_none() || it.is_device {
            return Err(Error::BadArgument);
        }
        let size = if it.is_large {
            LARGE_BYTES
        } else {
            FRAME_BYTES
        };
        let rest = size.checked_sub(offset).ok_or(Error::OutOfRange)?;
        if bytes == 0 || bytes > rest.min(MAINTAIN_BYTES) {
            return Err(Error::OutOfRange);
        }
        Ok(0)
    }

    /// `frame_give`: to the same device again changes nothing.
    pub(crate) fn frame_give(&mut self, frame: u64, device: u64) -> Answer {
        let (frame, _) = self.find_frame(frame, Rights::READ.union(Rights::WRITE))?;
        let (device, _) = self.find_frame(device, Rights::WRITE)?;
        let it = &self.frames[&frame];
        if it.is_device {
            return Err(Error::BadArgument);
        }
        if it.is_code {
            return Err(Error::AccessDenied);
        }
        let is_anothers = it.given.is_some_and(|other| other != device);
        if is_anothers || self.buffer_owner(frame).is_some() {
            return Err(Error::InUse);
        }
        if !self.frames[&device].is_device {
            return Err(Error::BadArgument);
        }
        let it = self.frame(frame);
        if it.given.is_none() {
            (it.given, it.coherent) = (Some(device), 0);
        }
        Ok(frame << FRAME_SHIFT)
    }

    /// `device_confirm_reset`.
    pub(crate) fn device_confirm_reset(&mut self, device: u64) -> Answer {
        let (device, _) = self.find_frame(device, Rights::DESTROY)?;
        if !self.frames[&device].is_device {
            return Err(Error::BadArgument);
        }
        self.frame(device).resets += 1;
        Ok(0)
    }

    /// The identity of a device's frame, if it lives, and its confirmed resets.
    fn resets_of(&self, device: Frame) -> (Option<Identity>, u64) {
        match self.frames.get(&device).map(|it| (it.life, it.resets)) {
            Some((FrameLife::Live(id), resets)) => (Some(id), resets),
            Some(_) | None => (None, 0),
        }
    }

    /// A dead frame that was given to a device, and is mapped nowhere, goes into quarantine.
    pub(crate) fn quarantine(&mut self, frame: Frame) {
        let Some(device) = self.frames[&frame].given else {
            return;
        };
        let (id, resets) = self.resets_of(device);
        let it = self.frame(frame);
        it.life = FrameLife::Quarantined(id, resets);
        it.coherent = 0;
    }

    /// A frame in quarantine leaves it, to become free, if its device was reset since.
    pub(crate) fn release_from_device(&mut self, frame: Frame) -> Result<(), Error> {
        let it = &self.frames[&frame];
        let (FrameLife::Quarantined(then, before), Some(device)) = (it.life, it.given) else {
            return Ok(());
        };
        let (now, resets) = self.resets_of(device);
        if resets == if now == then { before } else { 0 } {
            return Err(Error::Quarantined);
        }
        let it = self.frame(frame);
        (it.life, it.given) = (FrameLife::Dying, None);
        Ok(())
    }

    /// Whether a frame is free.
    #[must_use]
    pub fn is_free(&self, frame: Frame) -> bool {
        self.use_of(frame) == FrameUse::Free
    }
}
