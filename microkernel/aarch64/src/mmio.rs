//! Device registers: one load or store each, of exactly the width asked.
//!
//! A plain volatile access may be compiled to an addressing mode that a hypervisor cannot emulate
//! (Arm ARM DDI 0487, D24.2.40, "ISV"), so the instruction is written out.

use core::arch::asm;

/// The registers of a device, from a kernel address that `layout::map_kernel` mapped as a device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers(u64);

impl Registers {
    /// Names the registers at `address`.
    ///
    /// # Safety
    ///
    /// `address` and what follows it up to the last offset used are mapped as device memory, and
    /// whatever the owner writes there has no effect on memory that Rust knows.
    pub(crate) const unsafe fn new(address: u64) -> Registers {
        Registers(address)
    }

    /// Reads 32 bits.
    pub(crate) fn read(self, offset: u64) -> u32 {
        let address = self.0.wrapping_add(offset);
        let value: u32;
        // SAFETY: a register of the device, by the promise made to `new`.
        unsafe {
            asm!("ldr {value:w}, [{address}]", value = out(reg) value, address = in(reg) address,
                options(nostack, preserves_flags));
        }
        value
    }

    /// Writes 32 bits.
    pub(crate) fn write(self, offset: u64, value: u32) {
        let address = self.0.wrapping_add(offset);
        // SAFETY: a register of the device, by the promise made to `new`.
        unsafe {
            asm!("str {value:w}, [{address}]", value = in(reg) value, address = in(reg) address,
                options(nostack, preserves_flags));
        }
    }

    /// Reads 64 bits.
    pub(crate) fn read_long(self, offset: u64) -> u64 {
        let address = self.0.wrapping_add(offset);
        let value: u64;
        // SAFETY: a register of the device, by the promise made to `new`.
        unsafe {
            asm!("ldr {value}, [{address}]", value = out(reg) value, address = in(reg) address,
                options(nostack, preserves_flags));
        }
        value
    }

    /// Writes 64 bits.
    pub(crate) fn write_long(self, offset: u64, value: u64) {
        let address = self.0.wrapping_add(offset);
        // SAFETY: a register of the device, by the promise made to `new`.
        unsafe {
            asm!("str {value}, [{address}]", value = in(reg) value, address = in(reg) address,
                options(nostack, preserves_flags));
        }
    }
}
