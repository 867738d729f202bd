//! Debug registers: those of the thread that goes on, loaded when it or the one before has any.
//!
//! They act in EL0 only: `ipc_abi::debug` lets no other value through, `MDSCR_EL1.KDE` is 0, and debug
//! exceptions are masked in the kernel. So the kernel writes them at leisure, and the `eret` that
//! follows puts them in force.

use aarch64_cpu::registers::{ID_AA64DFR0_EL1, MDSCR_EL1};
use pecan_core::kernel::Kernel;
use pecan_core::memory::Fields;
use pecan_core::object::{Number, Thread, core_state, flag, thread};
use tock_registers::interfaces::{Readable, Writeable};

use crate::direct_map::{DirectMap, this_core};
use crate::register::write_register;

/// `MDSCR_EL1` of a thread without debug registers: the debug communication channel traps.
const QUIET: u64 = MDSCR_EL1::TDCC::SET.value;

/// Tells `pecan_core` how many debug registers the processor has.
pub(crate) fn set_up(kernel: Kernel<DirectMap>) {
    let breakpoints = ID_AA64DFR0_EL1.read(ID_AA64DFR0_EL1::BRPs).wrapping_add(1);
    let watchpoints = ID_AA64DFR0_EL1.read(ID_AA64DFR0_EL1::WRPs).wrapping_add(1);
    for (field, count) in [
        (core_state::BREAKPOINTS, breakpoints),
        (core_state::WATCHPOINTS, watchpoints),
    ] {
        kernel.memory.set(kernel.core(), field, count);
    }
}

/// Gives the processor the debug registers of the thread at `address`, which goes on.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn switch_debug_registers(address: u64) {
    let kernel = this_core();
    let next: Number<Thread> = Number::from_raw(address >> 6);
    let flags = kernel.memory.get(next, thread::FLAGS);
    if flags & flag::STEPPING != 0 {
        MDSCR_EL1.set(QUIET | MDSCR_EL1::SS::SET.value);
    } else if flags & flag::WATCHED != 0 {
        load(kernel, next);
        MDSCR_EL1.set(QUIET | MDSCR_EL1::MDE::SET.value);
    } else {
        MDSCR_EL1.set(QUIET);
    }
}

/// Writes address and control of those among the named registers that the processor has.
macro_rules! load_pairs {
    ($count:ident, $word:ident: $($index:literal $address:literal $control:literal,)*) => {$(
        if $index >= $count {
            return;
        }
        write_register!($address, $word($index * 2));
        write_register!($control, $word($index * 2 + 1));
    )*};
}

fn load(kernel: Kernel<DirectMap>, next: Number<Thread>) {
    load_breakpoints(kernel, next);
    load_watchpoints(kernel, next);
}

fn load_breakpoints(kernel: Kernel<DirectMap>, next: Number<Thread>) {
    let count = kernel.memory.get(kernel.core(), core_state::BREAKPOINTS);
    let word = |at| kernel.memory.get(next, thread::BREAKPOINT.at(at));
    load_pairs!(count, word:
        0 "dbgbvr0_el1" "dbgbcr0_el1",
        1 "dbgbvr1_el1" "dbgbcr1_el1",
        2 "dbgbvr2_el1" "dbgbcr2_el1",
        3 "dbgbvr3_el1" "dbgbcr3_el1",
        4 "dbgbvr4_el1" "dbgbcr4_el1",
        5 "dbgbvr5_el1" "dbgbcr5_el1",
    );
}

fn load_watchpoints(kernel: Kernel<DirectMap>, next: Number<Thread>) {
    let count = kernel.memory.get(kernel.core(), core_state::WATCHPOINTS);
    let word = |at| kernel.memory.get(next, thread::WATCHPOINT.at(at));
    load_pairs!(count, word:
        0 "dbgwvr0_el1" "dbgwcr0_el1",
        1 "dbgwvr1_el1" "dbgwcr1_el1",
        2 "dbgwvr2_el1" "dbgwcr2_el1",
        3 "dbgwvr3_el1" "dbgwcr3_el1",
    );
}
