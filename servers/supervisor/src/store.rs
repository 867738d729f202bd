//! What the supervisor has to give: frames and slots, and the objects made of them.
//!
//! Everything made for one purpose is noted in one [`Holdings`], through which it all comes back.
//! Invariant: a frame of memory is free in [`Frames`], or in exactly one `Holdings`, or lost.

use alloc::vec::Vec;
use core::fmt::{self, Display};

use ipc_abi::boot::{FirstHandle, PAGE_BYTES};
use ipc_abi::capability::{Access, Kind};
use ipc_abi::error::Error;

use crate::frames::Frames;
use crate::kernel::{Handle, Kernel, Object, Refused};
use crate::slots::Slots;

/// The region of all memory.
pub const MEMORY: Handle = FirstHandle::Memory as Handle;
/// The region of all devices.
pub const DEVICES: Handle = FirstHandle::Devices as Handle;
/// Slots that the table gets when it is extended.
const EXTENSION_SLOTS: u32 = 256;
/// The most steps that taking one frame back may need: the kernel takes one object or mapping apart
/// in a few, and a space has at most 2^27 pages, none of which is mapped so often in practice.
const RECLAIM_STEPS_MAX: u32 = 1 << 20;
/// The most frames that one mapping needs: two tables, a shadow, a frame of records.
const DONATIONS_MAX: usize = 4;

/// Why something could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MakeError {
    /// No frame is free.
    NoMemory,
    /// The kernel refused.
    Refused(Refused),
    /// The program of the manifest lies outside the package.
    BadPackage,
    /// The process is given more than its start-up block can name.
    TooMuch,
}

impl From<Refused> for MakeError {
    fn from(refused: Refused) -> MakeError {
        MakeError::Refused(refused)
    }
}

impl Display for MakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MakeError::NoMemory => f.write_str("no memory is left"),
            MakeError::Refused(refused) => write!(f, "the kernel refuses {refused}"),
            MakeError::BadPackage => f.write_str("its program lies outside the package"),
            MakeError::TooMuch => f.write_str("its start-up block is too long"),
        }
    }
}

/// What was made for one purpose.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    frames: Vec<u64>,
    devices: Vec<u64>,
    slots: Vec<Handle>,
    pools: Vec<Pool>,
}

impl Holdings {
    /// How many frames of memory it takes.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames.len() as u64
    }
}

/// A frame that holds objects of one kind.
#[derive(Clone, Copy, Debug)]
struct Pool {
    kind: Kind,
    frame: u64,
    used_bytes: u64,
}

/// Frames, slots, and the kernel that makes objects of them.
pub struct Store<K> {
    /// The kernel.
    pub kernel: K,
    /// The frames that nobody has.
    pub frames: Frames,
    slots: Slots,
}

impl<K: Kernel> Store<K> {
    /// Starts with these frames and slots.
    pub const fn new(kernel: K, frames: Frames, slots: Slots) -> Store<K> {
        Store {
            kernel,
            frames,
            slots,
        }
    }

    /// Takes a frame.
    ///
    /// # Errors
    ///
    /// `NoMemory`.
    pub fn take_frame(&mut self, holdings: &mut Holdings) -> Result<u64, MakeError> {
        let frame = self.frames.take().ok_or(MakeError::NoMemory)?;
        holdings.frames.push(frame);
        Ok(frame)
    }

    /// Takes a slot of the supervisor's table, which grows if it has to.
    ///
    /// # Errors
    ///
    /// `NoMemory`, `Refused`.
    pub fn take_slot(&mut self, holdings: &mut Holdings) -> Result<Handle, MakeError> {
        let slot = self.take_free_slot()?;
        holdings.slots.push(slot);
        Ok(slot)
    }

    fn take_free_slot(&mut self) -> Result<Handle, MakeError> {
        if let Some(slot) = self.slots.take() {
            return Ok(slot);
        }
        let frame = self.frames.take().ok_or(MakeError::NoMemory)?;
        if let Err(refused) = self.kernel.extend_table(frame) {
            self.frames.give_back(frame);
            return Err(refused.into());
        }
        self.slots.extend(EXTENSION_SLOTS);
        self.slots.take().ok_or(MakeError::NoMemory)
    }

    /// Empties a slot that `holdings` has and no longer needs.
    ///
    /// # Errors
    ///
    /// `Refused`.
    pub fn drop_slot(&mut self, holdings: &mut Holdings, slot: Handle) -> Result<(), MakeError> {
        self.kernel.delete(slot)?;
        holdings.slots.retain(|held| *held != slot);
        self.slots.give_back(slot);
        Ok(())
    }

    /// Makes an object of memory; objects of one kind share frames with those of the same holdings.
    ///
    /// # Errors
    ///
    /// `NoMemory`, `Refused`.
    pub fn make(&mut self, holdings: &mut Holdings, object: Object) -> Result<Handle, MakeError> {
        let slot = self.take_slot(holdings)?;
        let (kind, bytes) = (object.kind(), object.bytes());
        let has_room =
            |pool: &&mut Pool| pool.kind == kind && pool.used_bytes + bytes <= PAGE_BYTES;
        let address = match holdings.pools.iter_mut().find(has_room) {
            Some(pool) => {
                let address = pool.frame * PAGE_BYTES + pool.used_bytes;
                pool.used_bytes += bytes;
                address
            }
            None => {
                let frame = self.take_frame(holdings)?;
                holdings.pools.push(Pool {
                    kind,
                    frame,
                    used_bytes: bytes,
                });
                frame * PAGE_BYTES
            }
        };
        self.kernel.create(MEMORY, number(address), slot, object)?;
        Ok(slot)
    }

    /// Makes a frame of memory that starts with `bytes`.
    ///
    /// # Errors
    ///
    /// `NoMemory`, `Refused`.
    pub fn make_filled(
        &mut self,
        holdings: &mut Holdings,
        bytes: &[u8],
    ) -> Result<Handle, MakeError> {
        if bytes.is_empty() {
            return self.make(holdings, Object::Frame);
        }
        let slot = self.take_slot(holdings)?;
        let frame = self.take_frame(holdings)?;
        self.kernel
            .create_filled(number(frame * PAGE_BYTES), slot, bytes)?;
        Ok(slot)
    }

    /// Makes a frame of device registers.
    ///
    /// # Errors
    ///
    /// `NoMemory`, `Refused`.
    pub fn make_device(
        &mut self,
        holdings: &mut Holdings,
        address: u64,
    ) -> Result<Handle, MakeError> {
        let slot = self.take_slot(holdings)?;
        self.kernel
            .create(DEVICES, number(address), slot, Object::Frame)?;
        holdings.devices.push(address / PAGE_BYTES);
        Ok(slot)
    }

    /// Maps a frame; gives the space what it needs for that.
    ///
    /// # Errors
    ///
    /// `NoMemory`, `Refused`.
    pub fn map(
        &mut self,
        holdings: &mut Holdings,
        space: Handle,
        frame: Handle,
        page: (u64, Access),
    ) -> Result<(), MakeError> {
        let (address, access) = page;
        for _ in 0..DONATIONS_MAX {
            match self.kernel.map(space, frame, address, access) {
                Err(refused) if refused.error == Error::NeedMemory => {
                    self.donate(holdings, space)?;
                }
                other => return Ok(other?),
            }
        }
        Ok(self.kernel.map(space, frame, address, access)?)
    }

    /// Gives a frame to the pool of a space.
    ///
    /// # Errors
    ///
    /// `NoMemory`, `Refused`.
    pub fn donate(&mut self, holdings: &mut Holdings, space: Handle) -> Result<(), MakeError> {
        let frame = self.take_frame(holdings)?;
        Ok(self.kernel.donate(space, frame)?)
    }

    /// Takes everything back; tells how many frames did not come.
    pub fn release(&mut self, holdings: Holdings) -> u64 {
        for slot in holdings.slots {
            match self.kernel.delete(slot) {
                Ok(()) => self.slots.give_back(slot),
                // What should have come there was not made: the slot is empty already.
                Err(refused) if refused.error == Error::BadHandle => self.slots.give_back(slot),
                Err(_) => {}
            }
        }
        let mut lost = 0;
        for frame in holdings.devices {
            lost += u64::from(!self.reclaim(DEVICES, frame));
        }
        for frame in holdings.frames {
            if self.reclaim(MEMORY, frame) {
                self.frames.give_back(frame);
            } else {
                self.frames.count_lost();
                lost += 1;
            }
        }
        lost
    }

    /// Takes a frame of `region` back, whatever it holds; whether that went well.
    pub fn reclaim(&mut self, region: Handle, frame: u64) -> bool {
        for _ in 0..RECLAIM_STEPS_MAX {
            match self.kernel.reclaim(region, frame) {
                Ok(()) => return true,
                Err(refused) if refused.error == Error::Again => {}
                Err(_) => return false,
            }
        }
        false
    }
}

/// The object number of what is at a physical address.
const fn number(address: u64) -> u64 {
    address / 64
}
