//! Faults on purpose: for shells that show what a crash looks like, and for measurements.
//!
//! Each raises a fault of the current thread; what comes of it is its fault handler's affair. If the
//! handler lets the thread go on behind the instruction, the function returns.

#![cfg_attr(
    target_os = "none",
    expect(unsafe_code, reason = "instructions that fault")
)]

/// Executes an undefined instruction.
#[cfg(target_os = "none")]
#[inline(always)]
pub fn provoke_undefined() {
    // SAFETY: the instruction has no effect but its exception (Arm ARM DDI 0487, C6.2.457).
    unsafe { core::arch::asm!("udf #0", options(nostack)) };
}

/// Loads from address 0, where nothing is mapped.
#[cfg(target_os = "none")]
#[inline(always)]
pub fn provoke_null() {
    // SAFETY: the load goes to no register, so whatever is there is not used.
    unsafe {
        core::arch::asm!("ldr xzr, [{}]", in(reg) 0_u64, options(nostack, readonly));
    }
}

/// Loads from an address, whatever is there.
#[cfg(target_os = "none")]
#[inline(always)]
pub fn provoke_load(address: u64) {
    // SAFETY: the load goes to no register, so whatever is there is not used.
    unsafe {
        core::arch::asm!("ldr xzr, [{}]", in(reg) address, options(nostack, readonly));
    }
}

/// There is no fault handler on the host.
///
/// # Panics
///
/// Always.
#[cfg(not(target_os = "none"))]
pub fn provoke_load(address: u64) {
    panic!("no load from {address:#x} here");
}

/// Uses a floating-point register: a fault of a thread that is not configured for it.
#[cfg(target_os = "none")]
#[inline(always)]
pub fn use_floating() {
    // SAFETY: `fmov d0, xzr`: programs are built without floating point, so nothing is in `v0`.
    unsafe { core::arch::asm!(".inst 0x9E6703E0", options(nomem, nostack, preserves_flags)) };
}

/// There is no fault handler on the host.
///
/// # Panics
///
/// Always.
#[cfg(not(target_os = "none"))]
pub fn use_floating() {
    panic!("no thread to be configured here");
}

/// There is no fault handler on the host.
///
/// # Panics
///
/// Always.
#[cfg(not(target_os = "none"))]
pub fn provoke_undefined() {
    panic!("no undefined instruction here");
}

/// There is no fault handler on the host.
///
/// # Panics
///
/// Always.
#[cfg(not(target_os = "none"))]
pub fn provoke_null() {
    panic!("no load from address 0 here");
}
