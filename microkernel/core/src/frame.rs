//! User frames: one 4 KiB piece of user memory or of a device each. The object is the frame's table
//! entry.
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
pub(crate) const PAGE_BITS: u64 = (1 << BUFFER_SHIFT) - 1;

/// Where the thread stands in that word.
const BUFFER_SHIFT: u32 = 28;
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
    /// but *data* if it is a device; `InUse` while it is mapped or a message buffer.
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
        if self.is_mapped(frame) || !self.buffer_owner(frame).is_none() {
            return Err(Error::InUse);
        }
        if is_code {
            self.memory
                .set_entry(frame, entry::SPACE, bits | user::CODE);
            self.leave(Effect::SynchronizeCode { frame });
        } else {
            self.memory
                .set_entry(frame, entry::SPACE, bits & !user::CODE);
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
        Ok(frame.0 << FRAME_SHIFT)
    }

    /// `thread_set_buffer`.
    ///
    /// # Errors
    ///
    /// Those of the handles of thread (right `WRITE`) and frame (rights `READ` and `WRITE`);
    /// `AccessDenied` for a device or code, `InUse` if it is another thread's buffer.
    pub fn thread_set_buffer(&self, thread: u64, frame: u64) -> Answer {
        let thread = self.find_seldom::<Thread>(thread, Rights::WRITE)?;
        let (frame, _) = self.find_frame(frame, Rights::READ.union(Rights::WRITE))?;
        if self.memory.entry(frame, entry::SPACE) & (user::CODE | user::DEVICE) != 0 {
            return Err(Error::AccessDenied);
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
        let owner = (thread.into_raw() >> THREAD_SHIFT) << BUFFER_SHIFT;
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
        let word = self.memory.entry(frame, entry::ADDRESS);
        Number::from_raw((word >> BUFFER_SHIFT) << THREAD_SHIFT)
    }
}
