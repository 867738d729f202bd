//! The content of frames that hold nothing Rust knows: copied, zeroed.

use core::arch::asm;

use pecan_core::object::Frame;

use crate::bound::mark;
use crate::register::read_register;
use crate::window::frame_address;

/// Bytes of a frame.
pub(crate) const FRAME_BYTES: u64 = 4096;

/// The address of word `word` (cut to a frame) of a frame.
fn word_address(frame: Frame, word: u64) -> u64 {
    frame_address(frame) | (word & (FRAME_BYTES / 8).wrapping_sub(1)) << 3
}

/// Reads a word of user memory, which user code of other cores may write meanwhile: by assembly, so
/// that no Rust rule about races applies.
pub(crate) fn load(frame: Frame, word: u64) -> u64 {
    let value: u64;
    // SAFETY: a word of a frame of user memory, which the direct map covers.
    unsafe {
        asm!("ldr {}, [{}]", out(reg) value, in(reg) word_address(frame, word),
            options(nostack, readonly, preserves_flags));
    }
    value
}

/// Writes a word of user memory, as above.
pub(crate) fn store(frame: Frame, word: u64, value: u64) {
    // SAFETY: a word of a frame of user memory, which the direct map covers and where no Rust value
    // lies.
    unsafe {
        asm!("str {}, [{}]", in(reg) value, in(reg) word_address(frame, word),
            options(nostack, preserves_flags));
    }
}

/// Copies between two message buffers, which user code of other cores may write meanwhile: by
/// assembly, so that no Rust rule about races applies. Copies exactly `length` bytes. A function of its
/// own, so that `verification/` can prove its machine code.
#[inline(never)]
pub(crate) fn copy_message(from: Frame, to: Frame, length: u64) {
    // SAFETY: both are frames of user memory, which the direct map covers and where no Rust value
    // lies; `length` is cut to a frame.
    unsafe {
        asm!(
            "b 3f",
            "2:",
            mark!("32"),
            "ldp {a}, {b}, [{from}, #16]",
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
            "4:",
            mark!("15"),
            "ldr {a}, [{from}], #8",
            "subs {length}, {length}, #8",
            "str {a}, [{to}], #8",
            "b.pl 4b",
            "5: adds {length}, {length}, #7",
            "b.mi 7f",
            "6:",
            mark!("7"),
            "ldrb {a:w}, [{from}], #1",
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

/// Copies `bytes` bytes and up to 15 more to a lower address, for boot: both ranges lie in memory where
/// nothing is that Rust knows, and may overlap.
pub(crate) fn move_down(from: u64, to: u64, bytes: u64) {
    // SAFETY: the caller's memory. Each pair is read before anything at or above it is written.
    unsafe {
        asm!(
            "b 3f",
            "2:",
            "ldp {a}, {b}, [{from}], #16",
            "stp {a}, {b}, [{to}], #16",
            "3: cmp {from}, {end}",
            "b.lo 2b",
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            end = in(reg) from.wrapping_add(bytes),
            a = out(reg) _,
            b = out(reg) _,
            options(nostack),
        );
    }
}

/// Zeroes `bytes` bytes, a multiple of 4096, from a page-aligned kernel address of memory in which
/// nothing lies that Rust knows.
pub(crate) fn zero(address: u64, bytes: u64) {
    /// `DCZID_EL0`: `dc zva` is prohibited.
    const PROHIBITED: u64 = 1 << 4;
    /// Bytes of a block below which pairs are as good.
    const WORTH_IT: u64 = 64;
    let control = read_register!("dczid_el0");
    let block_bytes = 4 << (control & 0xF);
    if control & PROHIBITED == 0 && block_bytes >= WORTH_IT {
        zero_blocks(address, bytes, block_bytes);
    } else {
        zero_pairs(address, bytes);
    }
}

fn zero_blocks(address: u64, bytes: u64, block_bytes: u64) {
    // SAFETY: the caller's memory. A block is a power of two of at most 2048 bytes, so that two of
    // them divide a page.
    unsafe {
        asm!(
            "2:",
            mark!("32"),
            "dc zva, {at}",
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
            "2:",
            mark!("64"),
            "stp xzr, xzr, [{at}], #16",
            "stp xzr, xzr, [{at}], #16",
            "stp xzr, xzr, [{at}], #16",
            "stp xzr, xzr, [{at}], #16",
            "cmp {at}, {end}",
            "b.lo 2b",
            at = inout(reg) address => _,
            end = in(reg) address.wrapping_add(bytes),
            options(nostack),
        );
    }
}
