//! Interrupt lines: the GIC, version 2 or 3, of one core.
//!
//! Own registers rather than the `arm-gic` crate (0.10): its GICv2 driver never routes a shared
//! interrupt to a core (`GICD_ITARGETSR` is left at its reset value, which is nobody when there is
//! more than one core) and overwrites the priorities of three neighbours, and both of its drivers
//! are `&mut` values full of `unwrap`, where the kernel needs two registers on its interrupt path.
//!
//! All lines have one priority, are level-sensitive and go to the core that started. A line that
//! user space may own is masked until its holder lets it come; the timer's line belongs to the
//! kernel.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::board::{Board, GicVersion};
use crate::layout::DIRECT_MAP;
use crate::mmio::Registers;
use crate::register;

/// The first line that is not a core's own.
pub const FIRST_SHARED_LINE: u64 = 32;
/// The most lines: above are the numbers that mean "none".
const LINES_MAX: u64 = 1020;

// The distributor (GIC architecture IHI 0048, 4.3, and IHI 0069, 12.9).
const CONTROL: u64 = 0x000;
const TYPE: u64 = 0x004;
const GROUP: u64 = 0x080;
const SET_ENABLE: u64 = 0x100;
const CLEAR_ENABLE: u64 = 0x180;
const CLEAR_ACTIVE: u64 = 0x380;
const PRIORITY: u64 = 0x400;
const TARGETS: u64 = 0x800;
const ROUTE: u64 = 0x6000;
const WRITE_PENDING: u32 = 1 << 31;
/// Version 3: affinity routing and group 1, whatever the view of security.
const CONTROL_THREE: u32 = 1 << 4 | 1 << 1;

// The CPU interface of version 2.
const CORE_CONTROL: u64 = 0x00;
const CORE_MASK: u64 = 0x04;
const CORE_ACKNOWLEDGE: u64 = 0x0C;
const CORE_END: u64 = 0x10;

// The redistributor of version 3: a frame for itself, and one of the distributor's form.
const REDISTRIBUTOR_TYPE: u64 = 0x08;
const REDISTRIBUTOR_WAKER: u64 = 0x14;
const REDISTRIBUTOR_LINES: u64 = 0x1_0000;
const REDISTRIBUTOR_STRIDE: u64 = 0x2_0000;
const PROCESSOR_SLEEP: u32 = 1 << 1;
const CHILDREN_ASLEEP: u32 = 1 << 2;

/// The priority of every line, in each byte: in the middle, on the side of any view of security.
const PRIORITIES: u32 = 0xA0A0_A0A0;
/// How often a register is looked at that has to change.
const PATIENCE: u32 = 1 << 20;

static DISTRIBUTOR: AtomicU64 = AtomicU64::new(0);
static CORE: AtomicU64 = AtomicU64::new(0);
static IS_THREE: AtomicBool = AtomicBool::new(false);

/// An interrupt that was taken and has to be ended.
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

/// A GIC that cannot be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoRedistributor;

fn registers(address: &AtomicU64) -> Registers {
    // SAFETY: `set_up` stores the addresses of the distributor and of the CPU interface or
    // redistributor, which `layout::map_kernel` mapped as devices. A GIC without message-signalled
    // interrupts, which are off, writes no memory.
    unsafe { Registers::new(address.load(Ordering::Relaxed)) }
}

/// Switches the interrupt controller on, with every line but the timer's masked, and tells how many
/// lines there are.
pub(crate) fn set_up(board: &Board, timer_line: u64) -> Result<u64, NoRedistributor> {
    let gic = board.gic;
    DISTRIBUTOR.store(DIRECT_MAP | gic.distributor.start, Ordering::Relaxed);
    CORE.store(DIRECT_MAP | gic.cores.start, Ordering::Relaxed);
    IS_THREE.store(gic.version == GicVersion::Three, Ordering::Relaxed);
    let distributor = registers(&DISTRIBUTOR);
    let groups = u64::from(distributor.read(TYPE) & 0x1F).wrapping_add(1);
    let lines = groups.wrapping_mul(32).min(LINES_MAX);
    distributor.write(CONTROL, 0);
    match gic.version {
        GicVersion::Two => set_up_two(distributor, lines),
        GicVersion::Three => {
            let end = DIRECT_MAP | gic.cores.end;
            CORE.store(
                find_redistributor(end).ok_or(NoRedistributor)?,
                Ordering::Relaxed,
            );
            set_up_three(distributor, lines);
        }
    }
    enable(lines_of(timer_line), timer_line, SET_ENABLE);
    Ok(lines)
}

/// Masks the lines from `first` up to `end` of a distributor or redistributor.
fn reset_lines(registers: Registers, first: u64, end: u64, group: u32) {
    let mut line = first;
    while line < end {
        let word = (line / 32).wrapping_mul(4);
        registers.write(CLEAR_ENABLE.wrapping_add(word), !0);
        registers.write(CLEAR_ACTIVE.wrapping_add(word), !0);
        registers.write(GROUP.wrapping_add(word), group);
        for four in 0..8_u64 {
            let offset = line.wrapping_add(four.wrapping_mul(4));
            registers.write(PRIORITY.wrapping_add(offset), PRIORITIES);
        }
        line = line.wrapping_add(32);
    }
}

fn set_up_two(distributor: Registers, lines: u64) {
    // Group 0, or from the non-secure side, where the register reads as zero, group 1.
    reset_lines(distributor, 0, lines, 0);
    let this_core = distributor.read(TARGETS);
    let mut line = FIRST_SHARED_LINE;
    while line < lines {
        distributor.write(TARGETS.wrapping_add(line), this_core);
        line = line.wrapping_add(4);
    }
    distributor.write(CONTROL, 1);
    let core = registers(&CORE);
    core.write(CORE_MASK, 0xFF);
    core.write(CORE_CONTROL, 1);
}

fn set_up_three(distributor: Registers, lines: u64) {
    wait_while(distributor, CONTROL, WRITE_PENDING);
    distributor.write(CONTROL, CONTROL_THREE);
    wait_while(distributor, CONTROL, WRITE_PENDING);
    reset_lines(distributor, FIRST_SHARED_LINE, lines, !0);
    for line in FIRST_SHARED_LINE..lines {
        distributor.write_long(
            ROUTE.wrapping_add(line.wrapping_mul(8)),
            register::affinity(),
        );
    }
    wait_while(distributor, CONTROL, WRITE_PENDING);
    let redistributor = registers(&CORE);
    let waker = redistributor.read(REDISTRIBUTOR_WAKER);
    redistributor.write(REDISTRIBUTOR_WAKER, waker & !PROCESSOR_SLEEP);
    wait_while(redistributor, REDISTRIBUTOR_WAKER, CHILDREN_ASLEEP);
    reset_lines(own_lines(), 0, FIRST_SHARED_LINE, !0);
    register::set_up_interrupts();
}

fn wait_while(registers: Registers, offset: u64, bit: u32) {
    for _ in 0..PATIENCE {
        if registers.read(offset) & bit == 0 {
            return;
        }
    }
}

/// The address of this core's redistributor.
fn find_redistributor(end: u64) -> Option<u64> {
    /// The last one of its region.
    const LAST: u64 = 1 << 4;
    let affinity = register::affinity();
    let wanted = affinity & 0xFF_FFFF | (affinity >> 8) & 0xFF00_0000;
    let mut address = CORE.load(Ordering::Relaxed);
    while address < end {
        // SAFETY: inside the range of redistributors, which is mapped as a device.
        let kind = unsafe { Registers::new(address) }.read_long(REDISTRIBUTOR_TYPE);
        if kind >> 32 == wanted {
            return Some(address);
        }
        if kind & LAST != 0 {
            return None;
        }
        address = address.wrapping_add(REDISTRIBUTOR_STRIDE);
    }
    None
}

fn own_lines() -> Registers {
    let address = CORE
        .load(Ordering::Relaxed)
        .wrapping_add(REDISTRIBUTOR_LINES);
    // SAFETY: the second frame of this core's redistributor, which is mapped as a device.
    unsafe { Registers::new(address) }
}

/// The registers in which the line is enabled.
fn lines_of(line: u64) -> Registers {
    if line < FIRST_SHARED_LINE && IS_THREE.load(Ordering::Relaxed) {
        own_lines()
    } else {
        registers(&DISTRIBUTOR)
    }
}

fn enable(registers: Registers, line: u64, offset: u64) {
    let word = (line / 32).wrapping_mul(4);
    registers.write(offset.wrapping_add(word), 1 << (line % 32));
}

/// Stops a line from being delivered. A core's own lines are the kernel's.
pub fn mask_line(line: u64) {
    if (FIRST_SHARED_LINE..LINES_MAX).contains(&line) {
        enable(registers(&DISTRIBUTOR), line, CLEAR_ENABLE);
    }
}

/// Lets a line be delivered. A core's own lines are the kernel's.
pub fn unmask_line(line: u64) {
    if (FIRST_SHARED_LINE..LINES_MAX).contains(&line) {
        enable(registers(&DISTRIBUTOR), line, SET_ENABLE);
    }
}

/// Takes the most important pending interrupt; `None` if there is none any more.
pub fn take() -> Option<Taken> {
    let taken = Taken(if IS_THREE.load(Ordering::Relaxed) {
        register::acknowledge_interrupt()
    } else {
        u64::from(registers(&CORE).read(CORE_ACKNOWLEDGE))
    });
    if taken.line() < LINES_MAX {
        Some(taken)
    } else {
        None
    }
}

/// Drops the priority of an interrupt and deactivates it.
pub fn end(taken: Taken) {
    if IS_THREE.load(Ordering::Relaxed) {
        register::end_interrupt(taken.0);
    } else {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "read from the same 32-bit register"
        )]
        registers(&CORE).write(CORE_END, taken.0 as u32);
    }
}
