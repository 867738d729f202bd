//! Marks in the machine code: how often a loop goes round, and where the kernel can be interrupted.
//!
//! A mark is no instruction. It is an entry in a section of the ELF file that is not loaded,
//! `.bounds`: an address and a number. From them and the code, `./x check` computes the longest path
//! of each entry. The number is how often the place is reached, at most, each time that its loop is
//! entered; 0 is a preemption point. Bit 63 tells the bound of a place that only some rounds reach.

use core::arch::asm;

/// The assembly of a mark of its own, for a loop that is assembly: `mark!("64")`.
macro_rules! mark {
    ($bound:literal) => {
        concat!(
            "77: .pushsection .bounds, \"\", @progbits\n",
            ".quad 77b, ",
            $bound,
            "\n.popsection"
        )
    };
}
pub(crate) use mark;

/// Marks a round of a loop that has at most `BOUND` of them.
#[inline(always)]
pub(crate) fn mark_round<const BOUND: u64>() {
    // SAFETY: no instruction.
    unsafe {
        asm!("77: .pushsection .bounds, \"\", @progbits", ".quad 77b, {}", ".popsection",
            const BOUND, options(nomem, nostack, preserves_flags));
    }
}

/// Marks a place in a loop that is reached at most `BOUND` times each time that the loop is entered.
/// All places with the same `NUMBER` in it share one bound.
#[inline(always)]
pub(crate) fn mark_seldom<const NUMBER: u64, const BOUND: u64>() {
    // SAFETY: no instruction.
    unsafe {
        asm!("77: .pushsection .bounds, \"\", @progbits", ".quad 77b, {} << 32 | {} | 1 << 63",
            ".popsection", const NUMBER, const BOUND, options(nomem, nostack, preserves_flags));
    }
}

/// Marks a preemption point: an interrupt that came before is taken right after it.
#[inline(always)]
pub fn mark_preemption_point() {
    // SAFETY: no instruction.
    unsafe {
        asm!(
            "77: .pushsection .bounds, \"\", @progbits",
            ".quad 77b, 0",
            ".popsection",
            options(nomem, nostack, preserves_flags)
        );
    }
}
