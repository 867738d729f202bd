//! Memory that devices read and write: cache maintenance, and quarantine.
//!
//! A frame that was given to a device may be written by it at any time, whoever holds the frame: so
//! when such a frame is destroyed or reclaimed it is unmapped and dead at once, but not free. It is
//! in *quarantine* until the holder of the device's reset has said, after that, that the device was
//! reset. A device is named by a frame of its registers; what it was given knows that frame's
//! number, and in quarantine also the identity of the device's frame object and how many resets were
//! confirmed through it by then. A new object of the same frame counts from zero.
//!
//! ```text
//!          frame_give               destroy, reclaim                reclaim, after
//!   data ─────────────▶ data, GIVEN ────────────────▶ Quarantined ─ device_confirm_reset ─▶ free
//! ```
//!
//! Effects: `frame_maintain` leaves one.

use ipc_abi::call::CacheOperation;
use ipc_abi::capability::Rights;
use ipc_abi::error::Error;

use crate::frame::{OWNER_SHIFT, PAGE_BITS};
use crate::kernel::{Answer, Effect, Kernel};
use crate::large::LARGE_BYTES;
use crate::memory::{Fields, Memory};
use crate::object::{Frame, FrameKind, entry, user};

/// The most bytes of one `frame_maintain`.
pub const MAINTAIN_BYTES: u64 = 4096;

const FRAME_SHIFT: u32 = 12;

impl<M: Memory + Copy> Kernel<M> {
    /// `frame_maintain`.
    ///
    /// # Errors
    ///
    /// Those of the frame's handle (right `READ` to clean, `WRITE` also to invalidate);
    /// `BadArgument` for no operation and for a device; `OutOfRange` unless 1 to
    /// [`MAINTAIN_BYTES`] bytes inside the frame are named.
    pub fn frame_maintain(&self, frame: u64, operation: u64, offset: u64, bytes: u64) -> Answer {
        let operation = CacheOperation::from_raw(operation);
        let right = match operation {
            Some(CacheOperation::CleanInvalidate) => Rights::WRITE,
            Some(CacheOperation::Clean) | None => Rights::READ,
        };
        let (frame, _) = self.find_frame(frame, right)?;
        let operation = operation.ok_or(Error::BadArgument)?;
        let bits = self.memory.entry(frame, entry::SPACE);
        if bits & user::DEVICE != 0 {
            return Err(Error::BadArgument);
        }
        let size = if bits & user::LARGE == 0 {
            MAINTAIN_BYTES
        } else {
            LARGE_BYTES
        };
        let rest = size.checked_sub(offset).ok_or(Error::OutOfRange)?;
        if bytes == 0 || bytes > rest.min(MAINTAIN_BYTES) {
            return Err(Error::OutOfRange);
        }
        let address = (frame.0 << FRAME_SHIFT).wrapping_add(offset);
        self.leave(match operation {
            CacheOperation::Clean => Effect::Clean { address, bytes },
            CacheOperation::CleanInvalidate => Effect::CleanInvalidate { address, bytes },
        });
        Ok(0)
    }

    /// `frame_give`.
    ///
    /// # Errors
    ///
    /// Those of the handles of frame (rights `READ` and `WRITE`) and device (right `WRITE`);
    /// `BadArgument` unless the first is memory and the second a device; `AccessDenied` for code;
    /// `InUse` if it was given to another device or is a message buffer.
    pub fn frame_give(&self, frame: u64, device: u64) -> Answer {
        let (frame, _) = self.find_frame(frame, Rights::READ.union(Rights::WRITE))?;
        let (device, _) = self.find_frame(device, Rights::WRITE)?;
        let bits = self.memory.entry(frame, entry::SPACE);
        if bits & user::DEVICE != 0 {
            return Err(Error::BadArgument);
        }
        if bits & user::CODE != 0 {
            return Err(Error::AccessDenied);
        }
        let is_given = bits & user::GIVEN != 0;
        let is_another = is_given && self.device_of(frame) != device;
        if is_another || !self.buffer_owner(frame).is_none() {
            return Err(Error::InUse);
        }
        if self.memory.entry(device, entry::SPACE) & user::DEVICE == 0 {
            return Err(Error::BadArgument);
        }
        if !is_given {
            let bits = bits & !user::STEPS | user::GIVEN;
            self.memory.set_entry(frame, entry::SPACE, bits);
            let page = self.memory.entry(frame, entry::ADDRESS);
            let word = page | device.0 << OWNER_SHIFT;
            self.memory.set_entry(frame, entry::ADDRESS, word);
        }
        Ok(frame.0 << FRAME_SHIFT)
    }

    /// `device_confirm_reset`.
    ///
    /// # Errors
    ///
    /// Those of the device's handle (right `DESTROY`); `BadArgument` if it is none.
    pub fn device_confirm_reset(&self, device: u64) -> Answer {
        let (device, _) = self.find_frame(device, Rights::DESTROY)?;
        if self.memory.entry(device, entry::SPACE) & user::DEVICE == 0 {
            return Err(Error::BadArgument);
        }
        let word = self.memory.entry(device, entry::ADDRESS);
        let resets = (word >> OWNER_SHIFT).wrapping_add(1) << OWNER_SHIFT;
        // None of 2 to the power of 36 resets leads back to "never".
        let resets = if resets == 0 {
            1 << OWNER_SHIFT
        } else {
            resets
        };
        self.memory
            .set_entry(device, entry::ADDRESS, word & PAGE_BITS | resets);
        Ok(0)
    }

    /// The device to which a frame was given, alive or in quarantine.
    pub(crate) fn device_of(&self, frame: Frame) -> Frame {
        Frame(self.memory.entry(frame, entry::ADDRESS) >> OWNER_SHIFT)
    }

    /// Identity (0: none now) and confirmed resets of a device.
    fn resets_of(&self, device: Frame) -> (u64, u64) {
        let is_alive = self.memory.kind(device) == FrameKind::User as u8
            && self.memory.entry(device, entry::SPACE) & user::DYING == 0;
        if is_alive {
            let resets = self.memory.entry(device, entry::ADDRESS) >> OWNER_SHIFT;
            (self.memory.entry(device, entry::ID), resets)
        } else {
            (0, 0)
        }
    }

    /// Puts a dying frame that was given to a device, and is mapped nowhere, into quarantine.
    pub(crate) fn quarantine(&self, frame: Frame) {
        let device = self.device_of(frame);
        let (id, resets) = self.resets_of(device);
        let bits = self.memory.entry(frame, entry::SPACE) & user::LARGE;
        self.memory.set_entry(frame, entry::ID, id);
        self.memory.set_entry(frame, entry::SPACE, bits);
        self.memory
            .set_entry(frame, entry::ADDRESS, device.0 << OWNER_SHIFT);
        self.memory.set_entry(frame, entry::RECORDS, resets);
        self.memory.set_kind(frame, FrameKind::Quarantined as u8);
    }

    /// Makes a frame in quarantine one that is dying, if its device was reset since.
    ///
    /// # Errors
    ///
    /// `Quarantined` if not.
    pub(crate) fn release(&self, frame: Frame) -> Result<(), Error> {
        let (id, resets) = self.resets_of(self.device_of(frame));
        let was = if id == self.memory.entry(frame, entry::ID) {
            self.memory.entry(frame, entry::RECORDS)
        } else {
            0
        };
        if resets == was {
            return Err(Error::Quarantined);
        }
        let bits = self.memory.entry(frame, entry::SPACE);
        self.memory.set_entry(frame, entry::ID, 0);
        self.memory
            .set_entry(frame, entry::SPACE, bits | user::DYING);
        self.memory.set_entry(frame, entry::ADDRESS, 0);
        self.memory.set_entry(frame, entry::RECORDS, 0);
        self.memory.set_kind(frame, FrameKind::User as u8);
        Ok(())
    }
}
