//! A device that the process drives: its registers as a typed pointer, its interrupts as signals.

#![expect(unsafe_code, reason = "making the pointer to the registers")]

use core::ptr::NonNull;

use ipc_abi::error::Error;
use ipc_abi::manifest::{DEVICE_LINES_MAX, Name};
use ipc_abi::startup::{DeviceGrant, IrqGrant};
use safe_mmio::UniqueMmioPointer;

use crate::address;
use crate::syscall;

/// A device. There is one value for each device of a process.
#[derive(Debug)]
pub struct Device {
    name: Name,
    address: u64,
    bytes: u64,
    irqs: heapless::Vec<IrqGrant, DEVICE_LINES_MAX>,
}

/// Why a device's registers cannot be seen as a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceError {
    /// The type is longer than the registers. Use the type of this device.
    TooShort,
    /// The registers are not aligned as the type needs. Use the type of this device.
    Misaligned,
}

/// An interrupt line of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IrqLine {
    grant: IrqGrant,
}

impl Device {
    pub(crate) fn new(grant: &DeviceGrant) -> Device {
        Device {
            name: grant.name.clone(),
            address: grant.address,
            bytes: grant.bytes,
            irqs: grant.irqs.clone(),
        }
    }

    /// Its name on the board.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its interrupt lines.
    pub fn irqs(&self) -> impl Iterator<Item = IrqLine> {
        self.irqs.iter().map(|grant| IrqLine { grant: *grant })
    }

    /// Its registers, as `T` describes them with the fields of `safe_mmio`.
    ///
    /// # Errors
    ///
    /// `TooShort`, `Misaligned`.
    pub fn into_registers<T>(self) -> Result<UniqueMmioPointer<'static, T>, DeviceError> {
        if size_of::<T>() as u64 > self.bytes {
            return Err(DeviceError::TooShort);
        }
        let registers = address::from_abi(self.address);
        let registers = core::ptr::with_exposed_provenance_mut::<T>(registers);
        match NonNull::new(registers).filter(|registers| registers.is_aligned()) {
            // SAFETY: the registers are mapped as device memory for as long as the process lives
            // (`ipc_abi::startup`), they are long enough and aligned (checked), and this is their
            // only pointer: there is one `Device` for each device, and it is used up here.
            Some(registers) => Ok(unsafe { UniqueMmioPointer::new(registers) }),
            None => Err(DeviceError::Misaligned),
        }
    }
}

impl IrqLine {
    /// The bits by which it signals.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.grant.bits
    }

    /// Lets it come again.
    ///
    /// # Errors
    ///
    /// Those of `irq_acknowledge`.
    pub fn acknowledge(self) -> Result<(), Error> {
        syscall::irq_acknowledge(self.grant.handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(address: u64, bytes: u64) -> Device {
        Device {
            name: Name::new(),
            address,
            bytes,
            irqs: heapless::Vec::new(),
        }
    }

    #[test]
    fn registers_must_fit_the_type() {
        assert!(device(4096, 8).into_registers::<u64>().is_ok());
        let error = |device: Device| device.into_registers::<u64>().map(drop);
        assert_eq!(error(device(4096, 7)), Err(DeviceError::TooShort));
        assert_eq!(error(device(4100, 8)), Err(DeviceError::Misaligned));
        assert_eq!(error(device(0, 8)), Err(DeviceError::Misaligned));
    }
}
