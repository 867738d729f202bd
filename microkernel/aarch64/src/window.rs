//! Addresses in the kernel's windows: where objects, frames and physical memory are.

use core::arch::asm;
use core::ptr::with_exposed_provenance_mut;

use pecan_core::object::Frame;

use crate::layout::DIRECT_MAP;

/// The address of the object `number`.
#[inline]
#[must_use]
pub fn object_address(number: u64) -> u64 {
    DIRECT_MAP | (number << 6)
}

/// Where a physical address of memory is.
#[inline]
pub(crate) const fn physical_address(address: u64) -> u64 {
    DIRECT_MAP | address
}

/// The address of a frame.
#[inline]
#[must_use]
pub fn frame_address(frame: Frame) -> u64 {
    DIRECT_MAP | (frame.0 << 12)
}

/// The pointer to a kernel address, which is no address of anything that Rust made.
#[inline]
pub(crate) fn pointer<T>(address: u64) -> *mut T {
    with_exposed_provenance_mut(to_usize(address))
}

/// The same number: addresses have 64 bits here.
#[inline]
pub(crate) const fn to_usize(number: u64) -> usize {
    const { assert!(usize::BITS == u64::BITS) };
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    {
        number as usize
    }
}

/// A constant that the compiler cannot see through. Known to it, the base of a window would be merged
/// with every field's offset into constants of three instructions each; unknown, it is one register,
/// and a field is one instruction with an offset.
#[inline]
pub(crate) fn opaque<const BASE: u64>() -> u64 {
    let base: u64;
    // SAFETY: no instruction: the constant goes in and comes out of a register.
    unsafe {
        asm!("/* {} */", inlateout(reg) BASE => base,
            options(pure, nomem, nostack, preserves_flags));
    }
    base
}
