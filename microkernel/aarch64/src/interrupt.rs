//! Interrupt lines while the system runs: taken, ended, masked and let come.
//!
//! A line that user space may own is masked until it is bound. When it comes, its priority is dropped
//! at once, so that others can come, but it stays *active*, and so cannot come again, until its holder
//! acknowledges it, which deactivates it. The lines below [`FIRST_SHARED_LINE`], with the timer's,
//! belong to the kernel. `gic.rs` made the controller ready.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::gic::{CLEAR_ENABLE, SET_ENABLE, acknowledge_three, deactivate_three, drop_three};
use crate::mmio::Registers;

/// The first line that is not a core's own.
pub const FIRST_SHARED_LINE: u64 = 32;
/// The most lines: above are the numbers that mean "none".
pub(crate) const LINES_MAX: u64 = 1020;

// The CPU interface of version 2.
const CORE_ACKNOWLEDGE: u64 = 0x0C;
const CORE_END: u64 = 0x10;
const CORE_DEACTIVATE: u64 = 0x1000;

static DISTRIBUTOR: AtomicU64 = AtomicU64::new(0);
static CORE: AtomicU64 = AtomicU64::new(0);
static IS_THREE: AtomicBool = AtomicBool::new(false);

/// An interrupt that was taken, and whose priority has to be dropped.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Taken(u64);

impl Taken {
    /// Its line.
    #[must_use]
    pub const fn line(&self) -> u64 {
        self.0 & 0x3FF
    }
}

/// Remembers where the distributor is, and the CPU interface if that is in memory.
pub(crate) fn set_addresses(distributor: u64, core: Option<u64>) {
    DISTRIBUTOR.store(distributor, Ordering::Relaxed);
    CORE.store(core.unwrap_or(0), Ordering::Relaxed);
    IS_THREE.store(core.is_none(), Ordering::Relaxed);
}

fn registers(address: &AtomicU64) -> Registers {
    // SAFETY: `set_addresses` got the addresses of the distributor and of the CPU interface, which
    // `layout::map_kernel` mapped as devices. A GIC without message-signalled interrupts, which are
    // off, writes no memory.
    unsafe { Registers::new(address.load(Ordering::Relaxed)) }
}

/// Writes the bit of `line` in one of the distributor's registers that enable or mask.
fn write_bit(offset: u64, line: u64) {
    if (FIRST_SHARED_LINE..LINES_MAX).contains(&line) {
        let word = (line / 32).wrapping_mul(4);
        registers(&DISTRIBUTOR).write(offset.wrapping_add(word), 1 << (line % 32));
    }
}

/// Stops a line from being delivered. A core's own lines are the kernel's.
pub fn mask_line(line: u64) {
    write_bit(CLEAR_ENABLE, line);
}

/// Lets a line be delivered. A core's own lines are the kernel's.
pub fn unmask_line(line: u64) {
    write_bit(SET_ENABLE, line);
}

/// Takes the most important pending interrupt; `None` if there is none any more.
pub fn take() -> Option<Taken> {
    let taken = Taken(if IS_THREE.load(Ordering::Relaxed) {
        acknowledge_three()
    } else {
        u64::from(registers(&CORE).read(CORE_ACKNOWLEDGE))
    });
    if taken.line() < LINES_MAX {
        Some(taken)
    } else {
        None
    }
}

/// Drops the priority of an interrupt: others can come, it cannot until it is deactivated.
#[inline]
pub fn drop_priority(taken: Taken) {
    if IS_THREE.load(Ordering::Relaxed) {
        drop_three(taken.0);
    } else {
        write_core(CORE_END, taken.0);
    }
}

/// Deactivates a line that came: it can come again.
pub fn deactivate(line: u64) {
    if IS_THREE.load(Ordering::Relaxed) {
        deactivate_three(line);
    } else {
        write_core(CORE_DEACTIVATE, line);
    }
}

/// Writes a register of the CPU interface of version 2.
#[inline]
fn write_core(offset: u64, value: u64) {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the registers have 32 bits"
    )]
    registers(&CORE).write(offset, value as u32);
}
