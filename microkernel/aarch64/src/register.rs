//! System registers: the values the kernel gives them, and the few it reads while it runs.
//!
//! [`set_up`] gives every system register that user code could reach its value; the table of them is
//! in `microkernel/README.md`, and a test compares the two.
//!
//! Registers and fields are those of the `aarch64-cpu` crate. It has no PSTATE.PAN, no performance
//! and activity monitors, no `CTR_EL0` and `DCZID_EL0` and no CPU interface of the GIC that can be
//! written: for these there are [`read_register`] and [`write_register`]. The values are
//! in `control.rs`.

use core::arch::asm;

use aarch64_cpu::asm::{barrier, wfi};
use aarch64_cpu::registers::{
    CNTFRQ_EL0, CNTKCTL_EL1, CNTV_CTL_EL0, CNTV_CVAL_EL0, CNTVCT_EL0, CPACR_EL1, ID_AA64DFR0_EL1,
    ID_AA64MMFR0_EL1, ID_AA64MMFR1_EL1, ID_AA64MMFR2_EL1, ID_AA64PFR0_EL1, MDSCR_EL1, MIDR_EL1,
    MPIDR_EL1, SCTLR_EL1, SP_EL0, TCR_EL1, TPIDR_EL0, TPIDRRO_EL0, TTBR0_EL1,
};
use tock_registers::interfaces::{ReadWriteable, Readable, Writeable};

use crate::control::{E0PD1, FLOATING_TRAPS, HAS_TIDCP, PMCR, SCTLR, SPAN, TIDCP};

/// What of `MPIDR_EL1` is the core's address.
const AFFINITY: u64 = MPIDR_EL1::Aff3::SET.value
    | MPIDR_EL1::Aff2::SET.value
    | MPIDR_EL1::Aff1::SET.value
    | MPIDR_EL1::Aff0::SET.value;

macro_rules! read_register {
    ($name:literal) => {{
        let value: u64;
        // SAFETY: reading this register has no effect.
        unsafe {
            core::arch::asm!(concat!("mrs {}, ", $name), out(reg) value, options(nomem, nostack, preserves_flags));
        }
        value
    }};
}

macro_rules! write_register {
    ($name:literal, $value:expr) => {{
        let value: u64 = $value;
        // SAFETY: the value changes no translation that is in use and nothing that Rust knows; the
        // line that calls this says what it does.
        unsafe {
            core::arch::asm!(concat!("msr ", $name, ", {}"), in(reg) value, options(nostack, preserves_flags));
        }
    }};
}

pub(crate) use {read_register, write_register};

/// Whether an interrupt (`I` or `F`) waits, masked as it is in the kernel: Arm ARM DDI 0487,
/// D24.2.76, `ISR_EL1`.
#[inline]
pub(crate) fn interrupt_pending() -> bool {
    const IRQ_OR_FIQ: u64 = 1 << 7 | 1 << 6;
    read_register!("isr_el1") & IRQ_OR_FIQ != 0
}

/// Gives every register its final value. Called once, on the kernel's own tables.
pub(crate) fn set_up() {
    let mut sctlr = SCTLR;
    // Not the named values of PAN, which the crate mistypes (0xb0010 for 0b0010).
    if ID_AA64MMFR1_EL1.is_set(ID_AA64MMFR1_EL1::PAN) {
        // Every entry to the kernel sets it (SPAN 0), and it is set now.
        sctlr &= !SPAN;
        write_register!("S3_0_C4_C2_3", 1 << 22); // PAN
    }
    if ID_AA64MMFR1_EL1.is_set(HAS_TIDCP) {
        sctlr |= TIDCP;
    }
    SCTLR_EL1.set(sctlr);
    if ID_AA64MMFR2_EL1.is_set(ID_AA64MMFR2_EL1::E0PD) {
        TCR_EL1.modify(E0PD1);
    }

    // Until a thread that may use floating point runs, everything of it traps.
    CPACR_EL1.set(FLOATING_TRAPS);
    // Virtual counter and counter frequency are readable; the physical counter and both timers are
    // not.
    CNTKCTL_EL1.write(CNTKCTL_EL1::EL0VCTEN::TrappedNone);
    // The debug communication channel traps; no breakpoint, no single step.
    MDSCR_EL1.write(MDSCR_EL1::TDCC::SET);
    // Debug exceptions are not locked out (OSLK).
    write_register!("oslar_el1", 0);
    // Nobody's thread pointer; read-only for user code, which all of it can read.
    TPIDRRO_EL0.set(0);
    TPIDR_EL0.set(0);
    SP_EL0.set(0);
    let monitor = ID_AA64DFR0_EL1.read(ID_AA64DFR0_EL1::PMUVer);
    if monitor != 0 && monitor != 0xF {
        // The cycle counter counts in user code and in the kernel, and nothing else counts;
        // PMCCNTR_EL0 is readable (CR) and no register of the monitor is writable (EN, SW are 0) or
        // otherwise readable (ER is 0).
        write_register!("pmccfiltr_el0", 0);
        write_register!("pmcntenclr_el0", !(1 << 31) & 0xFFFF_FFFF);
        write_register!("pmcntenset_el0", 1 << 31);
        write_register!("pmintenclr_el1", 0xFFFF_FFFF);
        write_register!("pmcr_el0", PMCR);
        write_register!("pmuserenr_el0", 1 << 2);
    }
    if ID_AA64PFR0_EL1.is_set(ID_AA64PFR0_EL1::AMU) {
        // The activity monitors trap.
        write_register!("S3_3_C13_C2_3", 0); // AMUSERENR_EL0
    }
    synchronize_context();
}

/// Makes writes of system registers take effect before the next instruction.
pub(crate) fn synchronize_context() {
    barrier::isb(barrier::SY);
}

/// Completes all memory accesses before the next instruction.
pub(crate) fn complete_accesses() {
    barrier::dsb(barrier::SY);
}

/// Writes the floating-point registers to the thread at `address`, whose they are. Neither this thread
/// nor its values are those of the user code that goes on, so the trap stays on.
pub(crate) fn save_floating(address: u64) {
    unsafe extern "C" {
        safe fn save_floating(address: u64);
    }
    save_floating(address);
}

/// The address of this core's object.
///
/// Not the crate's `TPIDR_EL1.get()`, which the compiler may not merge with another one or drop.
#[inline]
pub(crate) fn core_object() -> u64 {
    let address: u64;
    // SAFETY: reading this register has no effect, and it does not change after start.
    unsafe {
        asm!("mrs {}, tpidr_el1", out(reg) address,
            options(pure, nomem, nostack, preserves_flags));
    }
    address
}

/// Ticks of the counter per second.
pub(crate) fn counter_hertz() -> u64 {
    CNTFRQ_EL0.get()
}

/// Which processor this is.
pub(crate) fn processor() -> u64 {
    MIDR_EL1.get()
}

/// How this core is addressed by interrupts.
pub(crate) fn affinity() -> u64 {
    MPIDR_EL1.get() & AFFINITY
}

/// How many ASIDs there are.
pub(crate) fn asid_count() -> u64 {
    if ID_AA64MMFR0_EL1.matches_all(ID_AA64MMFR0_EL1::ASIDBits::Bits_16) {
        1 << 16
    } else {
        1 << 8
    }
}

/// The virtual counter.
#[inline]
pub(crate) fn counter() -> u64 {
    // It may be read early, but not before the exception that led here.
    CNTVCT_EL0.get()
}

/// Sets the virtual timer: it fires when the counter reaches `when`.
pub(crate) fn start_timer(when: u64) {
    CNTV_CVAL_EL0.set(when);
    CNTV_CTL_EL0.write(CNTV_CTL_EL0::ENABLE::SET);
    // The timer's output follows in finite time; nothing waits for it.
}

/// Switches the virtual timer off.
pub(crate) fn stop_timer() {
    CNTV_CTL_EL0.write(CNTV_CTL_EL0::ENABLE::CLEAR);
    // Its line must have fallen before the interrupt is ended.
    synchronize_context();
}

/// Leaves the user space that ran last for `root`, which has nothing: the core may walk the tables
/// that `TTBR0_EL1` names at any time, and those of the last space can be freed while it idles.
pub fn leave_user_space(root: u64) {
    TTBR0_EL1.set(root);
    synchronize_context();
}

/// Waits for an interrupt, which stays pending: interrupts are masked in the kernel.
pub fn wait_for_interrupt() {
    // Another core may wait for what this one stored.
    complete_accesses();
    wfi();
}
