//! The GIC, version 2 or 3, made ready for one core; and the CPU interface of version 3.
//!
//! Own code rather than the `arm-gic` crate, and own access to memory rather than `tock-registers`:
//! `docs/decisions/0008-the-gic-driver-is-its-own.md`.
//!
//! All lines have one priority, are level-sensitive and go to the core that started.

use crate::board::{Board, GicVersion, Range};
use crate::interrupt::{self, FIRST_SHARED_LINE, LINES_MAX};
use crate::layout::DIRECT_MAP;
use crate::mmio::Registers;
use crate::register::{self, read_register, write_register};

// The distributor (GIC architecture IHI 0048, 4.3, and IHI 0069, 12.9).
const CONTROL: u64 = 0x000;
const TYPE: u64 = 0x004;
const GROUP: u64 = 0x080;
pub(crate) const SET_ENABLE: u64 = 0x100;
pub(crate) const CLEAR_ENABLE: u64 = 0x180;
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
/// On; what ends an interrupt drops its priority, and what deactivates it is apart.
const CORE_CONTROL_TWO: u32 = 1 << 9 | 1;

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

/// No redistributor has this core's affinity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoRedistributor;

/// Switches the interrupt controller on, with every line but the timer's masked, and tells how many
/// lines there are.
pub(crate) fn set_up(board: &Board) -> Result<u64, NoRedistributor> {
    let gic = board.gic;
    let distributor = at(DIRECT_MAP | gic.distributor.start);
    let groups = u64::from(distributor.read(TYPE) & 0x1F).wrapping_add(1);
    let lines = groups.wrapping_mul(32).min(LINES_MAX);
    distributor.write(CONTROL, 0);
    let own_lines = match gic.version {
        GicVersion::Two => {
            set_up_two(distributor, at(DIRECT_MAP | gic.cores.start), lines);
            distributor
        }
        GicVersion::Three => {
            let redistributor = find_redistributor(gic.cores).ok_or(NoRedistributor)?;
            let own_lines = at(redistributor.wrapping_add(REDISTRIBUTOR_LINES));
            set_up_three(distributor, at(redistributor), lines);
            reset_lines(own_lines, 0, FIRST_SHARED_LINE, !0);
            set_up_interface_three();
            own_lines
        }
    };
    let core = (gic.version == GicVersion::Two).then_some(DIRECT_MAP | gic.cores.start);
    interrupt::set_addresses(DIRECT_MAP | gic.distributor.start, core);
    own_lines.write(SET_ENABLE, 1 << (board.timer_line % 32));
    Ok(lines)
}

fn at(address: u64) -> Registers {
    // SAFETY: only `set_up` and what it calls come here, with addresses inside the ranges of the GIC,
    // which `layout::map_kernel` mapped as devices. Nothing tells the GIC to write memory.
    unsafe { Registers::new(address) }
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

fn set_up_two(distributor: Registers, core: Registers, lines: u64) {
    // Group 0, or from the non-secure side, where the register reads as zero, group 1.
    reset_lines(distributor, 0, lines, 0);
    // The targets of a core's own lines are that core.
    let this_core = distributor.read(TARGETS);
    let mut line = FIRST_SHARED_LINE;
    while line < lines {
        distributor.write(TARGETS.wrapping_add(line), this_core);
        line = line.wrapping_add(4);
    }
    distributor.write(CONTROL, 1);
    core.write(CORE_MASK, 0xFF);
    core.write(CORE_CONTROL, CORE_CONTROL_TWO);
}

fn set_up_three(distributor: Registers, redistributor: Registers, lines: u64) {
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
    let waker = redistributor.read(REDISTRIBUTOR_WAKER);
    redistributor.write(REDISTRIBUTOR_WAKER, waker & !PROCESSOR_SLEEP);
    wait_while(redistributor, REDISTRIBUTOR_WAKER, CHILDREN_ASLEEP);
}

fn wait_while(registers: Registers, offset: u64, bit: u32) {
    for _ in 0..PATIENCE {
        if registers.read(offset) & bit == 0 {
            return;
        }
    }
}

/// The address of this core's redistributor.
fn find_redistributor(range: Range) -> Option<u64> {
    /// The last one of its region.
    const LAST: u64 = 1 << 4;
    let affinity = register::affinity();
    let wanted = affinity & 0xFF_FFFF | (affinity >> 8) & 0xFF00_0000;
    let mut address = DIRECT_MAP | range.start;
    while address < DIRECT_MAP | range.end {
        let kind = at(address).read_long(REDISTRIBUTOR_TYPE);
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

/// Switches the CPU interface of version 3 on: system registers, every priority, group 1.
fn set_up_interface_three() {
    write_register!("S3_0_C12_C12_5", read_register!("S3_0_C12_C12_5") | 1); // ICC_SRE_EL1.SRE
    register::synchronize_context(); // the others exist from here on
    write_register!("S3_0_C4_C6_0", 0xFF); // ICC_PMR_EL1
    write_register!("S3_0_C12_C12_3", 0); // ICC_BPR1_EL1
    write_register!("S3_0_C12_C12_4", 1 << 1); // ICC_CTLR_EL1.EOImode: end is drop alone
    write_register!("S3_0_C12_C12_7", 1); // ICC_IGRPEN1_EL1
    register::synchronize_context();
}

/// Takes the most important pending interrupt of version 3 (`ICC_IAR1_EL1`).
pub(crate) fn acknowledge_three() -> u64 {
    let value = read_register!("S3_0_C12_C12_0");
    // What the device does next must not be read before the interrupt counts as taken
    // (GIC architecture IHI 0069, 4.1.1).
    register::complete_accesses();
    value
}

/// Drops the priority of an interrupt of version 3 (`ICC_EOIR1_EL1`).
pub(crate) fn drop_three(value: u64) {
    write_register!("S3_0_C12_C12_1", value);
}

/// Deactivates a line of version 3 (`ICC_DIR_EL1`).
pub(crate) fn deactivate_three(line: u64) {
    write_register!("S3_0_C12_C11_1", line);
    register::synchronize_context();
}
