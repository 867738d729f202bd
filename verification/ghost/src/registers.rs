//! What user code finds in its registers, and in the system registers that are the kernel's to set.

use ipc_abi::call::SystemCall;
use ipc_abi::fault::PROGRAM_STATE;
use pecan_aarch64::crossing::{Entry, Exit};
use pecan_aarch64::exception::SVC_SYNDROME;
use pecan_core::kernel::Kernel;
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{Number, Thread, core_state, special, thread};

use crate::difference::Difference;

/// What user code may have in `SPSR_EL1`: program state, and the bit that steps; nothing that masks,
/// nothing that names another level.
pub(crate) const USER_STATE: u64 = PROGRAM_STATE | 1 << 21;
/// `CPACR_EL1.FPEN`: floating point does not trap.
const FLOATING: u64 = 3 << 20;
/// The registers that a call keeps.
const KEPT: core::ops::RangeInclusive<usize> = 19..=30;
/// The registers that a function call leaves zero.
const CLEARED: core::ops::RangeInclusive<usize> = 2..=18;

fn ensure(name: &'static str, expected: u64, found: u64) -> Result<(), Difference> {
    if expected == found {
        Ok(())
    } else {
        Err(Difference::Register {
            name,
            expected,
            found,
        })
    }
}

/// Compares the registers with what the thread that goes on must find.
///
/// # Errors
///
/// The first [`Difference`].
pub fn check<M: Memory + Copy>(
    kernel: Kernel<M>,
    entry: &Entry,
    exit: &Exit,
) -> Result<(), Difference> {
    let memory = kernel.memory;
    let current: Number<Thread> = Number::from_raw(exit.registers.thread);
    ensure("TTBR0_EL1", memory.get(current, thread::ROOT), exit.root)?;
    ensure("TPIDRRO_EL0", 0, exit.shared_pointer)?;
    let state = exit.registers.state;
    ensure("SPSR_EL1", state & USER_STATE, state)?;
    let owner = memory.get(kernel.core(), core_state::FLOATING_OWNER);
    let floating = if owner == current.into_raw() {
        FLOATING
    } else {
        0
    };
    ensure("CPACR_EL1.FPEN", floating, exit.access & FLOATING)?;
    let is_foreign = memory.get(current, thread::SPECIAL) & special::FOREIGN != 0;
    if is_function_call(entry) && entry.registers.thread == exit.registers.thread && !is_foreign {
        check_kept(entry, exit)?;
    }
    Ok(())
}

/// Whether the kernel was entered by a call that is a function: it answers in two registers.
fn is_function_call(entry: &Entry) -> bool {
    let call = entry.syndrome.wrapping_sub(SVC_SYNDROME);
    let functions = SystemCall::Signal as u64..ipc_abi::call::SYSTEM_CALL_COUNT as u64;
    entry.vector == Some(8) && functions.contains(&call)
}

/// Whether the kernel was entered by a call of which it saves only what it must, and only when another
/// thread goes on: a function, or `wait`.
pub(crate) fn is_light(entry: &Entry) -> bool {
    let wait = SVC_SYNDROME.wrapping_add(SystemCall::Wait as u64);
    is_function_call(entry) || entry.vector == Some(8) && entry.syndrome == wait
}

/// The caller of a function goes on behind its call, with what a function keeps.
fn check_kept(entry: &Entry, exit: &Exit) -> Result<(), Difference> {
    let (before, after) = (&entry.registers, &exit.registers);
    ensure("the program counter", before.counter, after.counter)?;
    ensure("the stack pointer", before.stack, after.stack)?;
    ensure("the thread pointer", before.pointer, after.pointer)?;
    for index in KEPT {
        ensure("a register that is kept", before.x[index], after.x[index])?;
    }
    for index in CLEARED.filter(|index| *index != 16) {
        ensure("a register that is cleared", 0, after.x[index])?;
    }
    Ok(())
}
