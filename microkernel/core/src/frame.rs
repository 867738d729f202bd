//! User frames: one piece of 4 KiB of user memory or of a device each, or of 2 MiB ([`crate::large`]).
//! The object is the frame's table entry.
//!
//! A frame's mode is *data* (readable or writable) or *code* (readable or executable). It changes
//! only while the frame is mapped nowhere and is no message buffer, so no alias is ever both
//! writable and executable. A frame is the message buffer of at most one thread, whose number stands
//! in the entry.

use ipc_abi::capability::{FrameMode, Kind, Rights};
use ipc_abi::error::Error;

use crate::capability::Capability;
use crate::create::HOLDER;
use crate::kernel::{Answer, Effect, Kernel};
use crate::memory::{Fields, Memory};
use crate::object::{
    Frame, FrameKind, NUMBER_BITS, Number, Region, Thread, UNITS_PER_FRAME, entry, region, thread,
    user,
};

/// The space's number in the entry word `SPACE`.
pub(crate) const SPACE_BITS: u64 = (1 << NUMBER_BITS) - 1;
/// The page in the entry word `ADDRESS` of a user frame.
pub(crate) const PAGE_BITS: u64 = (1 << OWNER_SHIFT) - 1;

/// The space's number, and the bit `LARGE` behind it: zero in what is mapped first, as a page.
pub(crate) const FIRST_OR_LARGE: u64 = SPACE_BITS | user::LARGE;

/// Where the owner stands in that word: a thread, a device, or a device's resets.
pub(crate) const OWNER_SHIFT: u32 = 28;
/// A thread's number is a multiple of 2 to the power of this.
const THREAD_SHIFT: u32 = 4;

/// The bytes in a frame, as a power of two.
const FRAME_SHIFT: u32 = 12;

impl<M: Memory + Copy> Kernel<M> {
    /// `create_frame`.
    ///
    /// # Errors
    ///
    /// Those of the region's handle; `Misaligned`, `OutOfRange`, `NotWhole`, `NotFree` for the
    /// place; those of [`Kernel::find_empty_slot`].
    pub fn create_frame(&self, region: u64, object: u64, destination: u64) -> Answer {
        let region = self.find_seldom::<Region>(region, Rights::WRITE)?;
        if object & UNITS_PER_FRAME.wrapping_sub(1) != 0 {
            return Err(Error::Misaligned);
        }
        let frame = Frame(object / UNITS_PER_FRAME);
        self.check_own(region, frame)?;
        self.check_free(frame)?;
        let slot = self.find_empty_slot(destination)?;
        self.raise_high(region, frame);
        let is_device = self.memory.get(region, region::DEVICE) != 0;
        let id = if is_device {
            self.make_user_frame(frame, user::DEVICE)
        } else {
            self.leave(Effect::ZeroFrame { frame });
            self.make_user_frame(frame, 0)
        };
        self.write_slot(slot, Capability::new(id, Kind::Frame, object, HOLDER));
        Ok(0)
    }

    /// Makes a free frame a user frame with the given [`user`] bits; answers its identity.
    pub(crate) fn make_user_frame(&self, frame: Frame, bits: u64) -> u64 {
        let id = self.new_id();
        self.memory.set_kind(frame, FrameKind::User as u8);
        self.memory.set_entry(frame, entry::ID, id);
        self.memory.set_entry(frame, entry::SPACE, bits);
        id
    }

    /// `frame_set_mode`.
    ///
    /// # Errors
    ///
    /// Those of the frame's handle (right `WRITE`); `BadArgument` for no mode, or for any
    /// but *data* if it is a device; `InUse` while it is mapped or a message buffer, or was given to
    /// a device; `Again` while a large one becomes *code*.
    pub fn frame_set_mode(&self, frame: u64, mode: u64) -> Answer {
        let (frame, _) = self.find_frame(frame, Rights::WRITE)?;
        let is_code = match mode {
            _ if mode == FrameMode::Data as u64 => false,
            _ if mode == FrameMode::Code as u64 => true,
            _ => return Err(Error::BadArgument),
        };
        let bits = self.memory.entry(frame, entry::SPACE);
        if is_code && bits & user::DEVICE != 0 {
            return Err(Error::BadArgument);
        }
        let is_given = bits & user::GIVEN != 0;
        if is_given || self.is_mapped(frame) || !self.buffer_owner(frame).is_none() {
            return Err(Error::InUse);
        }
        if is_code && bits & (user::LARGE | user::CODE) == user::LARGE {
            return self.step_to_code(frame, bits);
        }
        if is_code {
            self.memory
                .set_entry(frame, entry::SPACE, bits | user::CODE);
            self.leave(Effect::SynchronizeCode { frame });
        } else {
            self.memory
                .set_entry(frame, entry::SPACE, bits & !(user::CODE | user::STEPS));
        }
        Ok(0)
    }

    /// Whether a user frame is mapped anywhere.
    pub(crate) fn is_mapped(&self, frame: Frame) -> bool {
        let first = self.memory.entry(frame, entry::SPACE) & SPACE_BITS;
        first | self.memory.entry(frame, entry::RECORDS) != 0
    }

    /// `frame_inspect`.
    ///
    /// # Errors
    ///
    /// Those of the frame's handle (right `READ`).
    pub fn frame_inspect(&self, frame: u64) -> Answer {
        let (frame, _) = self.find_frame(frame, Rights::READ)?;
        let is_large = self.memory.entry(frame, entry::SPACE) & user::LARGE != 0;
        Ok(frame.0 << FRAME_SHIFT | u64::from(is_large))
    }

    /// `thread_set_buffer`.
    ///
    /// # Errors
    ///
    /// Those of the handles of thread (right `WRITE`) and frame (rights `READ` and `WRITE`);
    /// `AccessDenied` for a device, code or a large frame, `InUse` if it is another thread's buffer or
    /// was given to a device.
    pub fn thread_set_buffer(&self, thread: u64, frame: u64) -> Answer {
        let thread = self.find_seldom::<Thread>(thread, Rights::WRITE)?;
        let (frame, _) = self.find_frame(frame, Rights::READ.union(Rights::WRITE))?;
        let bits = self.memory.entry(frame, entry::SPACE);
        if bits & (user::CODE | user::DEVICE | user::LARGE) != 0 {
            return Err(Error::AccessDenied);
        }
        if bits & user::GIVEN != 0 {
            return Err(Error::InUse);
        }
        let owner = self.buffer_owner(frame);
        if owner == thread {
            return Ok(0);
        }
        if !owner.is_none() {
            return Err(Error::InUse);
        }
        self.release_buffer(thread);
        self.attach_buffer(thread, frame);
        Ok(0)
    }

    /// Makes a frame, nobody's buffer yet, the buffer of a thread that has none.
    pub(crate) fn attach_buffer(&self, thread: Number<Thread>, frame: Frame) {
        self.memory.set(thread, thread::BUFFER, frame.0);
        let page = self.memory.entry(frame, entry::ADDRESS) & PAGE_BITS;
        let owner = (thread.into_raw() >> THREAD_SHIFT) << OWNER_SHIFT;
        self.memory.set_entry(frame, entry::ADDRESS, page | owner);
    }

    /// Takes its message buffer from a thread.
    pub(crate) fn release_buffer(&self, thread: Number<Thread>) {
        let frame = Frame(self.memory.get(thread, thread::BUFFER));
        if frame.0 == 0 {
            return;
        }
        self.memory.set(thread, thread::BUFFER, 0);
        let page = self.memory.entry(frame, entry::ADDRESS) & PAGE_BITS;
        self.memory.set_entry(frame, entry::ADDRESS, page);
    }

    /// The thread whose message buffer a user frame is.
    pub(crate) fn buffer_owner(&self, frame: Frame) -> Number<Thread> {
        let bits = self.memory.entry(frame, entry::SPACE);
        if bits & (user::DEVICE | user::GIVEN | user::LARGE) != 0 {
            return Number::NONE;
        }
        let word = self.memory.entry(frame, entry::ADDRESS);
        Number::from_raw((word >> OWNER_SHIFT) << THREAD_SHIFT)
    }
}
