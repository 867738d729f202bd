//! Memory that a process reaches beyond its own image and heap: the boot package, and frames that it
//! maps for a moment to fill or read them.

#![expect(unsafe_code, reason = "reaching memory that was mapped a moment ago")]

use ipc_abi::boot::{PACKAGE_ADDRESS, PAGE_BYTES};
use ipc_abi::capability::{Access, Kind};
use ipc_abi::error::Error;

use crate::address;
use crate::counter::kernel_info;
use crate::environment::{Environment, EnvironmentError};
use crate::syscall;

/// Where a [`PageWindow`] maps its page: nothing else of a process is ever there.
const WINDOW_ADDRESS: u64 = 0x7D_0000_0000;

/// A place in the process's own address space where one frame at a time is mapped to be filled or
/// read. There is one: it is made from the environment.
#[derive(Debug)]
pub struct PageWindow {
    space: u32,
}

/// Why a frame was not filled or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowError {
    /// The frame could not be mapped: the error of `map`. `NeedMemory`: donate a frame to the
    /// process's own space, then repeat.
    Map(Error),
    /// The frame could not be unmapped: the error of `unmap`.
    Unmap(Error),
    /// The bytes stick out of the frame. Take fewer.
    OutOfRange,
}

impl PageWindow {
    /// Takes the window of the process, which must have the capability `space` to its own space.
    ///
    /// # Errors
    ///
    /// `Missing`, `WrongKind`.
    pub fn take(environment: &Environment) -> Result<PageWindow, EnvironmentError> {
        let space = environment.handle("space", Kind::AddressSpace)?;
        Ok(PageWindow { space })
    }

    /// Copies `bytes` to `offset` in `frame`, which is of mode *data*.
    ///
    /// # Errors
    ///
    /// `OutOfRange`, `Map`, `Unmap`.
    pub fn fill(&mut self, frame: u32, offset: u64, bytes: &[u8]) -> Result<(), WindowError> {
        let address = check_range(offset, bytes.len())?;
        self.with_mapped(frame, Access::READ_WRITE, || {
            let place = core::ptr::with_exposed_provenance_mut::<u8>(address);
            // SAFETY: `map` succeeded, so the page is writable memory and nothing else of this
            // process was there; the bytes end inside it (checked).
            unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        })
    }

    /// Copies from `offset` in `frame` to `bytes`.
    ///
    /// # Errors
    ///
    /// `OutOfRange`, `Map`, `Unmap`.
    pub fn read(&mut self, frame: u32, offset: u64, bytes: &mut [u8]) -> Result<(), WindowError> {
        let address = check_range(offset, bytes.len())?;
        self.with_mapped(frame, Access::READ, || {
            let place = core::ptr::with_exposed_provenance::<u8>(address);
            // SAFETY: `map` succeeded, so the page is readable memory and nothing else of this
            // process was there; the bytes end inside it (checked).
            unsafe { place.copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
        })
    }

    fn with_mapped(
        &mut self,
        frame: u32,
        access: Access,
        act: impl FnOnce(),
    ) -> Result<(), WindowError> {
        syscall::map(self.space, frame, WINDOW_ADDRESS, access).map_err(WindowError::Map)?;
        act();
        syscall::unmap(self.space, WINDOW_ADDRESS).map_err(WindowError::Unmap)
    }
}

/// The address of `offset` in the window, if `length` bytes fit from there.
fn check_range(offset: u64, length: usize) -> Result<usize, WindowError> {
    let end = offset
        .checked_add(length as u64)
        .ok_or(WindowError::OutOfRange)?;
    if end > PAGE_BYTES {
        return Err(WindowError::OutOfRange);
    }
    Ok(address::from_abi(WINDOW_ADDRESS + offset))
}

/// The boot package; `None` if there is none. Only the first process has it: only there is the
/// capability to all devices.
///
/// # Errors
///
/// `Missing`, `WrongKind` if this is not the first process.
pub fn package(environment: &Environment) -> Result<Option<&'static [u8]>, EnvironmentError> {
    environment.handle("devices", Kind::Region)?;
    let length = address::from_abi(kernel_info().package_bytes);
    if length == 0 {
        return Ok(None);
    }
    let start = core::ptr::with_exposed_provenance::<u8>(address::from_abi(PACKAGE_ADDRESS));
    // SAFETY: the kernel maps this many bytes there, read-only and for ever (`ipc_abi::boot`).
    Ok(Some(unsafe { core::slice::from_raw_parts(start, length) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_is_one_page() {
        let address = address::from_abi(WINDOW_ADDRESS);
        assert_eq!(check_range(0, 4096), Ok(address));
        assert_eq!(check_range(4096, 0), Ok(address + 4096));
        assert_eq!(check_range(1, 4096), Err(WindowError::OutOfRange));
        assert_eq!(check_range(u64::MAX, 2), Err(WindowError::OutOfRange));
    }
}
