//! Cache maintenance by line: for devices that read and write memory, and for code that was written.

use core::arch::asm;

use crate::bound::mark;
use crate::register::read_register;

/// Does `dc $operation` to every line, of the smallest size (`CTR_EL0.DminLine`), that has one of
/// `bytes` bytes, at most a frame's, from a kernel address; complete (`dsb sy`) for devices, too,
/// before it returns. A line has 16 bytes at least (Arm ARM DDI 0487, `CTR_EL0`).
macro_rules! maintain_lines {
    ($operation:literal, $address:expr, $bytes:expr) => {{
        let line: u64 = 4 << ((read_register!("ctr_el0") >> 16) & 0xF);
        // SAFETY: cache maintenance to the point of coherency changes no content that the core sees.
        unsafe {
            asm!(
                "2:",
                mark!("257"),
                concat!("dc ", $operation, ", {at}"),
                "add {at}, {at}, {line}",
                "cmp {at}, {end}",
                "b.lo 2b",
                "dsb sy",
                at = inout(reg) $address & !line.wrapping_sub(1) => _,
                line = in(reg) line,
                end = in(reg) $address.wrapping_add($bytes),
                options(nostack),
            );
        }
    }};
}

/// Writes lines back to memory, where devices read them.
pub(crate) fn clean(address: u64, bytes: u64) {
    maintain_lines!("cvac", address, bytes);
}

/// The same, and the caches forget them: what devices wrote is read next.
pub(crate) fn clean_and_invalidate(address: u64, bytes: u64) {
    maintain_lines!("civac", address, bytes);
}

/// Makes what was written to `bytes` bytes from a kernel address executable: their lines to the point of unification (`dc cvau`),
/// complete (`dsb`), then no instruction cache keeps anything older, whatever its address aliases
/// (`ic ialluis`), complete. The smallest line (`CTR_EL0.DminLine`) sets the step.
pub(crate) fn synchronize_code(address: u64, bytes: u64) {
    let control = read_register!("ctr_el0");
    let line: u64 = 4 << ((control >> 16) & 0xF);
    // SAFETY: cache maintenance changes no content.
    unsafe {
        asm!(
            "2:",
            mark!("128"),
            "dc cvau, {at}",
            "add {at}, {at}, {line}",
            "dc cvau, {at}",
            "add {at}, {at}, {line}",
            "cmp {at}, {end}",
            "b.lo 2b",
            "dsb ish",
            "ic ialluis",
            "dsb ish",
            at = inout(reg) address => _,
            line = in(reg) line,
            end = in(reg) address.wrapping_add(bytes),
            options(nostack),
        );
    }
}
