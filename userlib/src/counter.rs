//! Counters of the processor and facts of the kernel, which every process may read.

#![cfg_attr(
    target_os = "none",
    expect(
        unsafe_code,
        reason = "reading counters and the kernel information page"
    )
)]

use ipc_abi::boot::KernelInfo;

/// Reads `PMCCNTR_EL0`: processor cycles; under the emulator's instruction counting, instructions.
///
/// Nothing orders it against the instructions around it.
#[cfg(target_os = "none")]
#[inline(always)]
#[must_use]
pub fn read_cycles() -> u64 {
    let cycles;
    // SAFETY: reading the counter has no effect; the kernel lets every process read it. Memory is
    // not declared untouched, so that the compiler moves no access across.
    unsafe {
        core::arch::asm!("mrs {}, pmccntr_el0", out(reg) cycles, options(nostack, preserves_flags));
    }
    cycles
}

/// Reads `PMCCNTR_EL0` as the start of a measurement: gives up every register that a system call
/// takes, so that loading them comes after the reading and is measured.
#[cfg(target_os = "none")]
#[inline(always)]
#[must_use]
pub fn start_cycles() -> u64 {
    let cycles;
    // SAFETY: reading the counter has no effect; the kernel lets every process read it.
    unsafe {
        core::arch::asm!(
            "mrs {}, pmccntr_el0",
            lateout(reg) cycles,
            lateout("x0") _, lateout("x1") _, lateout("x2") _, lateout("x3") _, lateout("x4") _,
            lateout("x5") _, lateout("x6") _, lateout("x7") _, lateout("x8") _, lateout("x9") _,
            lateout("x10") _, lateout("x11") _, lateout("x12") _, lateout("x13") _,
            lateout("x14") _, lateout("x15") _, lateout("x16") _, lateout("x17") _,
            lateout("x18") _,
            options(nostack, preserves_flags),
        );
    }
    cycles
}

/// Reads `PMCCNTR_EL0` twice, with nothing between: the difference is what a reading costs.
#[cfg(target_os = "none")]
#[must_use]
pub fn read_cycles_twice() -> (u64, u64) {
    let (first, second);
    // SAFETY: reading the counter has no effect; the kernel lets every process read it.
    unsafe {
        core::arch::asm!(
            "mrs {}, pmccntr_el0",
            "mrs {}, pmccntr_el0",
            out(reg) first,
            out(reg) second,
            options(nostack, preserves_flags),
        );
    }
    (first, second)
}

/// Reads `CNTVCT_EL0`: ticks of [`KernelInfo::counter_hertz`].
#[cfg(target_os = "none")]
#[inline(always)]
#[must_use]
pub fn read_ticks() -> u64 {
    let ticks;
    // SAFETY: reading the counter has no effect; the kernel lets every process read it. `isb` keeps
    // it from being read early (Arm ARM DDI 0487, D12.2.2).
    unsafe {
        core::arch::asm!("isb", "mrs {}, cntvct_el0", out(reg) ticks, options(nostack));
    }
    ticks
}

/// Reads `CNTFRQ_EL0`: how often a second [`read_ticks`] counts, as [`KernelInfo::counter_hertz`].
#[cfg(target_os = "none")]
#[inline(always)]
#[must_use]
pub fn read_counter_hertz() -> u32 {
    let hertz: u64;
    // SAFETY: reading the register has no effect; the kernel lets every process read it.
    unsafe {
        core::arch::asm!("mrs {}, cntfrq_el0", out(reg) hertz,
            options(nomem, nostack, preserves_flags));
    }
    // Bits 63:32 are reserved (Arm ARM DDI 0487, CNTFRQ_EL0).
    u32::try_from(hertz).unwrap_or(u32::MAX)
}

/// There is no such counter on the host.
///
/// # Panics
///
/// Always.
#[cfg(not(target_os = "none"))]
#[must_use]
pub fn read_counter_hertz() -> u32 {
    panic!("no tick counter here");
}

/// There is no such counter on the host.
///
/// # Panics
///
/// Always.
#[cfg(not(target_os = "none"))]
#[must_use]
pub fn read_cycles() -> u64 {
    panic!("no cycle counter here");
}

/// There is no such counter on the host.
///
/// # Panics
///
/// Always.
#[cfg(not(target_os = "none"))]
#[must_use]
pub fn start_cycles() -> u64 {
    panic!("no cycle counter here");
}

/// There is no such counter on the host.
///
/// # Panics
///
/// Always.
#[cfg(not(target_os = "none"))]
#[must_use]
pub fn read_cycles_twice() -> (u64, u64) {
    panic!("no cycle counter here");
}

/// There is no such counter on the host.
///
/// # Panics
///
/// Always.
#[cfg(not(target_os = "none"))]
#[must_use]
pub fn read_ticks() -> u64 {
    panic!("no tick counter here");
}

/// Reads the kernel information page.
///
/// # Panics
///
/// If it is no such page: the kernel or whoever made this process is at fault.
#[cfg(target_os = "none")]
#[must_use]
pub fn kernel_info() -> KernelInfo {
    use crate::address;
    use ipc_abi::boot::{ABI_VERSION, INFO_ADDRESS, INFO_MAGIC};

    let page = core::ptr::with_exposed_provenance::<KernelInfo>(address::from_abi(INFO_ADDRESS));
    // SAFETY: every process has the page mapped there, read-only, and the kernel wrote it before it
    // started the first one (`ipc_abi::boot`); every bit pattern is a `KernelInfo`.
    let info = unsafe { page.read_volatile() };
    assert!(
        info.magic == INFO_MAGIC,
        "there is no kernel information page"
    );
    let version = info.abi_version;
    assert!(
        version == ABI_VERSION,
        "the kernel's ABI is version {version}, not {ABI_VERSION}"
    );
    info
}

/// There is no kernel on the host.
///
/// # Panics
///
/// Always.
#[cfg(not(target_os = "none"))]
#[must_use]
pub fn kernel_info() -> KernelInfo {
    panic!("there is no kernel here");
}
