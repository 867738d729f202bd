//! System registers: the values the kernel gives them, and the few it reads while it runs.
//!
//! [`set_up`] gives every system register that user code could reach its value; the table of them is
//! in `microkernel/README.md`, and a test compares the two.

use core::arch::asm;

use crate::translation::{DEVICE, NORMAL};

/// `MAIR_EL1`: normal write-back memory, and devices without gathering, reordering or early
/// acknowledgement (0).
pub(crate) const MAIR: u64 = 0xFF << (8 * NORMAL) | 0x00 << (8 * DEVICE);

/// `TCR_EL1` but for IPS and AS, which depend on the core: 39 bits for user space (T0SZ 25), 48 for
/// the kernel (T1SZ 16), 4 KiB granules, walks in write-back inner-shareable memory, the ASID in
/// `TTBR0_EL1` (A1 is 0).
pub(crate) const TRANSLATION_CONTROL: u64 =
    25 | 1 << 8 | 1 << 10 | 3 << 12 | 16 << 16 | 1 << 24 | 1 << 26 | 3 << 28 | 2 << 30;
/// `TCR_EL1.E0PD1`: user code cannot even probe kernel addresses.
const E0PD1: u64 = 1 << 56;

/// `SCTLR_EL1` bits that are 1 on a core without the features that define them: nTLSMD, LSMAOE,
/// SPAN, EIS, TSCXT, EOS. EIS and EOS: exception entry and return synchronize.
pub(crate) const MMU_OFF_SCTLR: u64 = 1 << 29 | 1 << 28 | SPAN | 1 << 22 | 1 << 20 | 1 << 11;
/// With MMU, caches and the stack alignment check on.
pub(crate) const EARLY_SCTLR: u64 = MMU_OFF_SCTLR | 1 | 1 << 2 | 1 << 3 | 1 << 12;
const SPAN: u64 = 1 << 23;
/// Traps what is defined by the implementation (FEAT_TIDCP1).
const TIDCP: u64 = 1 << 63;
/// What the kernel runs with: also no writable page is executable (WXN), the user stack pointer is
/// checked (SA0), and of what user code may be given nothing is: UMA, DZE, UCT, nTWI, nTWE, UCI are
/// 0, so `daif`, `dc zva`, `ctr_el0`, `wfi`, `wfe` and cache maintenance trap.
const SCTLR: u64 = EARLY_SCTLR | 1 << 19 | 1 << 4 | 1 << 7 | 1 << 8;

/// `PMCR_EL0`: count, 64 bits of cycle counter, event and cycle counters from zero.
pub(crate) const EARLY_PMCR: u64 = PMCR | 1 << 1 | 1 << 2;
const PMCR: u64 = 1 | 1 << 6;

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

/// Whether the field of four bits at `shift` of an identification register is not zero.
const fn has(register: u64, shift: u32) -> bool {
    (register >> shift) & 0xF != 0
}

/// Gives every register its final value. Called once, on the kernel's own tables.
pub(crate) fn set_up() {
    let features = read_register!("id_aa64pfr0_el1");
    let memory1 = read_register!("id_aa64mmfr1_el1");
    let memory2 = read_register!("id_aa64mmfr2_el1");
    let debug = read_register!("id_aa64dfr0_el1");

    let mut sctlr = SCTLR;
    if has(memory1, 20) {
        // PAN: every entry to the kernel sets it (SPAN 0), and it is set now.
        sctlr &= !SPAN;
        write_register!("S3_0_C4_C2_3", 1 << 22); // PAN
    }
    if has(memory1, 52) {
        sctlr |= TIDCP;
    }
    write_register!("sctlr_el1", sctlr);
    if has(memory2, 60) {
        write_register!("tcr_el1", read_register!("tcr_el1") | E0PD1);
    }

    // Floating point, SVE and SME trap (FPEN, ZEN, SMEN 0); so do trace registers (TTA).
    write_register!("cpacr_el1", 1 << 28);
    // Virtual counter and counter frequency are readable (EL0VCTEN); the physical counter and both
    // timers are not.
    write_register!("cntkctl_el1", 1 << 1);
    // The debug communication channel traps (TDCC); no breakpoint, no single step.
    write_register!("mdscr_el1", 1 << 12);
    // Nobody's thread pointer; read-only for user code, which all of it can read.
    write_register!("tpidrro_el0", 0);
    write_register!("tpidr_el0", 0);
    write_register!("sp_el0", 0);
    let monitor = (debug >> 8) & 0xF;
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
    if has(features, 44) {
        // The activity monitors trap.
        write_register!("S3_3_C13_C2_3", 0); // AMUSERENR_EL0
    }
    synchronize_context();
}

/// Makes writes of system registers take effect before the next instruction.
pub(crate) fn synchronize_context() {
    // SAFETY: a barrier.
    unsafe { asm!("isb", options(nostack, preserves_flags)) }
}

/// Completes all memory accesses before the next instruction.
pub(crate) fn complete_accesses() {
    // SAFETY: a barrier.
    unsafe { asm!("dsb sy", options(nostack, preserves_flags)) }
}

/// The address of this core's object.
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
    read_register!("cntfrq_el0")
}

/// Which processor this is.
pub(crate) fn processor() -> u64 {
    read_register!("midr_el1")
}

/// How this core is addressed by interrupts.
pub(crate) fn affinity() -> u64 {
    read_register!("mpidr_el1") & 0xFF_00FF_FFFF
}

/// How many ASIDs there are.
pub(crate) fn asid_count() -> u64 {
    if (read_register!("id_aa64mmfr0_el1") >> 4) & 0xF == 2 {
        1 << 16
    } else {
        1 << 8
    }
}

/// Sets the virtual timer to `ticks` from now.
pub(crate) fn start_timer(ticks: u64) {
    write_register!("cntv_tval_el0", ticks);
    write_register!("cntv_ctl_el0", 1);
    // The timer's output follows in finite time; nothing waits for it.
}

/// Switches the virtual timer off.
pub(crate) fn stop_timer() {
    write_register!("cntv_ctl_el0", 0);
    // Its line must have fallen before the interrupt is ended.
    synchronize_context();
}

/// Waits for an interrupt, which stays pending: interrupts are masked in the kernel.
pub fn wait_for_interrupt() {
    // Another core may wait for what this one stored.
    complete_accesses();
    // SAFETY: a hint.
    unsafe { asm!("wfi", options(nostack, preserves_flags)) }
}
