//! Performs what `pecan_core` leaves for the machine: [`perform`].
//!
//! Barriers. Every exit ends in `eret`, which is a context synchronization event, and the kernel
//! itself uses no user translation and no user code; so what user code must see only needs to be
//! complete (`dsb`) before, and no `isb` follows (Arm ARM DDI 0487, B2.3.12 and K12.5).

use core::arch::asm;

use pecan_core::kernel::Effect;
use pecan_core::object::Frame;

use crate::direct_map::frame_address;
use crate::{firmware, interrupt, timer};

/// Bytes of a frame.
pub(crate) const FRAME_BYTES: u64 = 4096;

/// Performs one effect.
#[inline]
pub fn perform(effect: Effect) {
    if perform_quickly(effect) {
        return;
    }
    match effect {
        Effect::ZeroFrame { frame } => zero(frame_address(frame), FRAME_BYTES),
        Effect::SynchronizeCode { frame } => synchronize_code(frame_address(frame), FRAME_BYTES),
        Effect::PowerOff => firmware::power_off(),
        Effect::Reset => firmware::reset(),
        Effect::InvalidatePage { .. }
        | Effect::InvalidateSpace { .. }
        | Effect::MaskLine { .. }
        | Effect::UnmaskLine { .. }
        | Effect::StartSlice => {}
    }
}

/// Performs an effect of the quick kinds, which need no function call; tells whether it is one.
#[inline]
#[must_use]
pub fn perform_quickly(effect: Effect) -> bool {
    match effect {
        Effect::InvalidatePage { asid, address } => invalidate_page(asid, address),
        Effect::InvalidateSpace { asid } => invalidate_space(asid),
        Effect::MaskLine { line } => interrupt::mask_line(line),
        Effect::UnmaskLine { line } => interrupt::unmask_line(line),
        Effect::StartSlice => timer::start_slice(),
        Effect::ZeroFrame { .. }
        | Effect::SynchronizeCode { .. }
        | Effect::PowerOff
        | Effect::Reset => return false,
    }
    true
}

/// Makes stores to page tables visible to the table walk. An entry that was invalid is in no TLB,
/// so nothing else is needed.
#[inline]
pub(crate) fn publish_tables() {
    // SAFETY: a barrier.
    unsafe { asm!("dsb ishst", options(nostack, preserves_flags)) }
}

/// Forgets one page: stores to tables first (`ishst`), then the entry on every core, waiting until
/// it is done (`ish`). The last level is enough (`vale1is`): when a table leaves the tree, `pecan_core`
/// asks for the whole space.
#[inline]
fn invalidate_page(asid: u64, address: u64) {
    const PAGE_BITS: u64 = (1 << 44) - 1;
    let operand = asid << 48 | (address >> 12) & PAGE_BITS;
    // SAFETY: forgetting translations of user space changes nothing that Rust knows.
    unsafe {
        asm!("dsb ishst", "tlbi vale1is, {}", "dsb ish", in(reg) operand,
            options(nostack, preserves_flags));
    }
}

/// Forgets everything with an ASID, as above.
#[inline]
fn invalidate_space(asid: u64) {
    // SAFETY: forgetting translations of user space changes nothing that Rust knows.
    unsafe {
        asm!("dsb ishst", "tlbi aside1is, {}", "dsb ish", in(reg) asid << 48,
            options(nostack, preserves_flags));
    }
}

/// Copies between two message buffers, which user code of other cores may write meanwhile: by
/// assembly, so that no Rust rule about races applies. Copies exactly `length` bytes.
#[inline]
pub(crate) fn copy_message(from: Frame, to: Frame, length: u64) {
    // SAFETY: both are frames of user memory, which the direct map covers and where no Rust value
    // lies; `length` is cut to a frame.
    unsafe {
        asm!(
            "b 3f",
            "2: ldp {a}, {b}, [{from}, #16]",
            "ldp {c}, {d}, [{from}, #32]",
            "stp {a}, {b}, [{to}, #16]",
            "stp {c}, {d}, [{to}, #32]",
            "ldp {a}, {b}, [{from}, #48]",
            "ldp {c}, {d}, [{from}, #64]",
            "stp {a}, {b}, [{to}, #48]",
            "stp {c}, {d}, [{to}, #64]",
            "ldp {a}, {b}, [{from}, #80]",
            "ldp {c}, {d}, [{from}, #96]",
            "stp {a}, {b}, [{to}, #80]",
            "stp {c}, {d}, [{to}, #96]",
            "ldp {a}, {b}, [{from}, #112]",
            "ldp {c}, {d}, [{from}], #128",
            "stp {a}, {b}, [{to}, #112]",
            "stp {c}, {d}, [{to}], #128",
            "3: subs {length}, {length}, #128",
            "b.hs 2b",
            "adds {length}, {length}, #120",
            "b.mi 5f",
            "4: ldr {a}, [{from}], #8",
            "subs {length}, {length}, #8",
            "str {a}, [{to}], #8",
            "b.pl 4b",
            "5: adds {length}, {length}, #7",
            "b.mi 7f",
            "6: ldrb {a:w}, [{from}], #1",
            "subs {length}, {length}, #1",
            "strb {a:w}, [{to}], #1",
            "b.pl 6b",
            "7:",
            from = inout(reg) frame_address(from) => _,
            to = inout(reg) frame_address(to) => _,
            length = inout(reg) length.min(FRAME_BYTES) => _,
            a = out(reg) _,
            b = out(reg) _,
            c = out(reg) _,
            d = out(reg) _,
            options(nostack),
        );
    }
}

/// Zeroes `bytes` bytes, a multiple of 4096, from a page-aligned kernel address of memory in which
/// nothing lies that Rust knows.
pub(crate) fn zero(address: u64, bytes: u64) {
    /// `DCZID_EL0`: `dc zva` is prohibited.
    const PROHIBITED: u64 = 1 << 4;
    let control: u64;
    // SAFETY: reading this register has no effect.
    unsafe { asm!("mrs {}, dczid_el0", out(reg) control, options(nomem, nostack, preserves_flags)) }
    if control & PROHIBITED == 0 {
        zero_blocks(address, bytes, 4 << (control & 0xF));
    } else {
        zero_pairs(address, bytes);
    }
}

fn zero_blocks(address: u64, bytes: u64, block_bytes: u64) {
    // SAFETY: the caller's memory. A block is a power of two of at most 2048 bytes, so that two of
    // them divide a page.
    unsafe {
        asm!(
            "2: dc zva, {at}",
            "add {at}, {at}, {block}",
            "dc zva, {at}",
            "add {at}, {at}, {block}",
            "cmp {at}, {end}",
            "b.lo 2b",
            at = inout(reg) address => _,
            block = in(reg) block_bytes,
            end = in(reg) address.wrapping_add(bytes),
            options(nostack),
        );
    }
}

fn zero_pairs(address: u64, bytes: u64) {
    // SAFETY: the caller's memory.
    unsafe {
        asm!(
            "2: stp xzr, xzr, [{at}], #16",
            "stp xzr, xzr, [{at}], #16",
            "cmp {at}, {end}",
            "b.lo 2b",
            at = inout(reg) address => _,
            end = in(reg) address.wrapping_add(bytes),
            options(nostack),
        );
    }
}

/// Makes what was written to `bytes` bytes from a kernel address executable: their lines to the point of unification (`dc cvau`),
/// complete (`dsb`), then no instruction cache keeps anything older, whatever its address aliases
/// (`ic ialluis`), complete. The smallest line (`CTR_EL0.DminLine`) sets the step.
pub(crate) fn synchronize_code(address: u64, bytes: u64) {
    let control: u64;
    // SAFETY: reading this register has no effect.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) control, options(nomem, nostack, preserves_flags)) }
    let line: u64 = 4 << ((control >> 16) & 0xF);
    // SAFETY: cache maintenance changes no content.
    unsafe {
        asm!(
            "2: dc cvau, {at}",
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
