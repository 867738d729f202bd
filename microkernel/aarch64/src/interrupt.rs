//! Interrupt lines while the system runs: taken, ended, masked and let come.
//!
//! A line that user space may own is masked until it is bound. When it comes, its priority is dropped
//! at once, so that others can come, but it stays *active*, and so cannot come again, until its holder
//! acknowledges it, which deactivates it. The lines below [`FIRST_SHARED_LINE`], with the timer's,
//! belong to the kernel. `gic.rs` made the controller ready.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::gic::{CLEAR_ENABLE, SET_ENABLE, acknowledge_three, deactivate_three, drop_three};
use crate::hook;
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
/// The CPU interface of version 2; 0 with version 3, which has it in system registers.
static CORE: AtomicU64 = AtomicU64::new(0);

/// Remembers where the distributor is, and the CPU interface if that is in memory.
pub(crate) fn set_addresses(distributor: u64, core: Option<u64>) {
    DISTRIBUTOR.store(distributor, Ordering::Relaxed);
    CORE.store(core.unwrap_or(0), Ordering::Relaxed);
}

#[inline(always)]
fn registers(address: u64) -> Registers {
    // SAFETY: `set_addresses` got the addresses of the distributor and of the CPU interface, which
    // `layout::map_kernel` mapped as devices. A GIC without message-signalled interrupts, which are
    // off, writes no memory.
    unsafe { Registers::new(address) }
}

/// Writes the bit of `line` in one of the distributor's registers that enable or mask.
fn write_bit(offset: u64, line: u64) {
    if (FIRST_SHARED_LINE..LINES_MAX).contains(&line) {
        let word = (line / 32).wrapping_mul(4);
        let distributor = DISTRIBUTOR.load(Ordering::Relaxed);
        registers(distributor).write(offset.wrapping_add(word), 1 << (line % 32));
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

/// Takes the most important pending interrupt and drops its priority: others can come, it cannot
/// until it is deactivated. Tells its line; `None` if there is none any more.
#[inline(always)]
pub fn take() -> Option<u64> {
    let core = core_interface();
    let taken = match core {
        Some(core) => u64::from(core.read(CORE_ACKNOWLEDGE)),
        None => acknowledge_three(),
    };
    let line = taken & 0x3FF;
    if line >= LINES_MAX {
        return None;
    }
    match core {
        Some(core) => write_core(core, CORE_END, taken),
        None => drop_three(taken),
    }
    hook::note_arrival(line);
    Some(line)
}

/// Deactivates a line that came: it can come again.
pub fn deactivate(line: u64) {
    match core_interface() {
        Some(core) => write_core(core, CORE_DEACTIVATE, line),
        None => deactivate_three(line),
    }
}

/// The CPU interface of version 2; `None` with version 3.
#[inline(always)]
fn core_interface() -> Option<Registers> {
    let address = CORE.load(Ordering::Relaxed);
    (address != 0).then(|| registers(address))
}

/// Writes a register of the CPU interface of version 2.
#[inline(always)]
fn write_core(core: Registers, offset: u64, value: u64) {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the registers have 32 bits"
    )]
    core.write(offset, value as u32);
}
