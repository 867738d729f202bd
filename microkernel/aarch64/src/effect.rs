//! Performs what `pecan_core` leaves for the machine: [`perform`].
//!
//! Barriers. Every exit ends in `eret`, which is a context synchronization event, and the kernel
//! itself uses no user translation and no user code; so what user code must see only needs to be
//! complete (`dsb`) before, and no `isb` follows (Arm ARM DDI 0487, B2.3.12 and K12.5).

use core::arch::asm;

use aarch64_cpu::asm::barrier;
use pecan_core::kernel::Effect;

use crate::cache::{clean, clean_and_invalidate, synchronize_code};
use crate::crossing::Moment;
use crate::frame::{FRAME_BYTES, zero};
use crate::window::{frame_address, physical_address};
use crate::{firmware, hook, interrupt, timer};

/// Performs one effect that [`perform_quickly`] does not.
#[inline]
pub fn perform(effect: Effect) {
    match effect {
        Effect::ZeroFrame { frame } => zero(frame_address(frame), FRAME_BYTES),
        Effect::SynchronizeCode { frame } => synchronize_code(frame_address(frame), FRAME_BYTES),
        Effect::Clean { address, bytes } => clean(physical_address(address), bytes),
        Effect::CleanInvalidate { address, bytes } => {
            clean_and_invalidate(physical_address(address), bytes);
        }
        Effect::PowerOff => {
            hook::pause(Moment::End);
            firmware::power_off()
        }
        Effect::Reset => firmware::reset(),
        Effect::InvalidatePage { .. }
        | Effect::InvalidateSpace { .. }
        | Effect::MaskLine { .. }
        | Effect::UnmaskLine { .. }
        | Effect::EndLine { .. }
        | Effect::SetTimer { .. } => {}
    }
}

/// Performs an effect of the quick kinds; tells whether it is one.
#[inline(never)]
#[must_use]
pub fn perform_quickly(effect: Effect) -> bool {
    match effect {
        Effect::InvalidatePage { asid, address } => invalidate_page(asid, address),
        Effect::InvalidateSpace { asid } => invalidate_space(asid),
        Effect::MaskLine { line } => interrupt::mask_line(line),
        Effect::UnmaskLine { line } => interrupt::unmask_line(line),
        Effect::EndLine { line } => interrupt::deactivate(line),
        Effect::SetTimer { when } => timer::start(when),
        Effect::ZeroFrame { .. }
        | Effect::SynchronizeCode { .. }
        | Effect::Clean { .. }
        | Effect::CleanInvalidate { .. }
        | Effect::PowerOff
        | Effect::Reset => return false,
    }
    true
}

/// Makes stores to page tables visible to the table walk. An entry that was invalid is in no TLB,
/// so nothing else is needed.
#[inline]
pub(crate) fn publish_tables() {
    barrier::dsb(barrier::ISHST);
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
