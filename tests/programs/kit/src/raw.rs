//! What the test programs need that Rust cannot say: system calls with every register chosen, and
//! memory that other threads write.
//!
//! The only unsafe code of the test programs. The rest of the kit keeps the promises: an address
//! that it reads or writes is mapped, readable or writable, and in nothing that Rust knows of.

#![expect(
    unsafe_code,
    reason = "registers and memory outside of what Rust knows"
)]

use core::arch::{asm, global_asm};

use ipc_abi::call::{SYSTEM_CALL_COUNT, SystemCall};

use crate::hog::{GAP_TICKS, STRETCHES};
use crate::raider::raid;
use crate::step::{END, STEP_BYTES, Step, status, word};

global_asm!(
    include_str!("agent.s"),
    include_str!("raider.s"),
    include_str!("hog.s"),
    RUNNING = const status::RUNNING,
    DONE = const status::DONE,
    STATUS = const word::STATUS * 8,
    ACTION = const word::ACTION * 8,
    TARGET = const word::TARGET * 8,
    POINTER = const word::POINTER * 8,
    FLAGS = const word::FLAGS * 8,
    CALLER_STACK = const word::CALLER_STACK * 8,
    FOUND = const word::FOUND * 8,
    STEP_BYTES = const STEP_BYTES,
    END = const END,
    CALLS = const SYSTEM_CALL_COUNT,
    STATE = const raid::STATE * 8,
    LEFT = const raid::LEFT * 8,
    DONE_CALLS = const raid::DONE * 8,
    OBJECT = const raid::OBJECT * 8,
    UNITS = const raid::UNITS * 8,
    CALL = const raid::CALL * 8,
    LINE = const raid::LINE * 8,
    SUCCESSES = const raid::SUCCESSES * 8,
    HINTS = const raid::HINTS * 8,
    REGISTERS = const raid::REGISTERS * 8,
    GAP = const GAP_TICKS,
    STRETCHES = const STRETCHES,
    SLEEP = const SystemCall::Sleep as u16,
    SIGNAL = const SystemCall::Signal as u16,
    LAST_MESSAGE_CALL = const SystemCall::WaitUntil as u16,
);

// SAFETY: `agent.s` defines these with these types.
unsafe extern "C" {
    fn do_step(step: *mut Step);
    static agent_code: u32;
    static agent_after: u32;
    static raider_code: u32;
    static watchdog_code: u32;
    static hog_code: u32;
    static sleeper_code: u32;
    static agent_code_end: u32;
}

/// The code of an agent, in this program: where it starts, and its bytes.
#[must_use]
pub(crate) fn agent_code_range() -> (u64, u64) {
    let start = &raw const agent_code as u64;
    (start, &raw const agent_code_end as u64 - start)
}

/// Where, from the start of its code, an agent goes on after an action.
#[must_use]
pub(crate) fn agent_after_offset() -> u64 {
    &raw const agent_after as u64 - agent_code_range().0
}

/// Where, from the start of the agents' code, a raider starts.
#[must_use]
pub(crate) fn raider_offset() -> u64 {
    &raw const raider_code as u64 - agent_code_range().0
}

/// Where, from the start of the agents' code, a watchdog starts.
#[must_use]
pub(crate) fn watchdog_offset() -> u64 {
    &raw const watchdog_code as u64 - agent_code_range().0
}

/// Where, from the start of the agents' code, a hog starts.
#[must_use]
pub(crate) fn hog_offset() -> u64 {
    &raw const hog_code as u64 - agent_code_range().0
}

/// Where, from the start of the agents' code, a sleeper starts.
#[must_use]
pub(crate) fn sleeper_offset() -> u64 {
    &raw const sleeper_code as u64 - agent_code_range().0
}

/// Does one step on this thread. `TPIDR_EL0` is this thread's own.
///
/// What the kernel does for the step may take from this program what it needs to run: that is the
/// caller's to avoid, and the harness's to notice.
pub(crate) fn perform(step: &mut Step) {
    let step: *mut Step = step;
    // SAFETY: `step` is exclusive and aligned; `do_step` keeps what the calling convention says.
    unsafe { do_step(step) };
}

/// This thread's pointer, `TPIDR_EL0`.
#[must_use]
pub(crate) fn thread_pointer() -> u64 {
    let pointer;
    // SAFETY: reads a register that EL0 may read.
    unsafe { asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nomem, nostack)) };
    pointer
}

/// Reads a word that others may write.
#[must_use]
pub(crate) fn read_word(address: u64) -> u64 {
    let pointer = address as *const u64;
    // SAFETY: the kit's promise: mapped, readable, aligned, unknown to Rust.
    unsafe { pointer.read_volatile() }
}

/// Writes a word that others may read.
pub(crate) fn write_word(address: u64, value: u64) {
    let pointer = address as *mut u64;
    // SAFETY: the kit's promise: mapped, writable, aligned, unknown to Rust.
    unsafe { pointer.write_volatile(value) };
}

/// Reads a register of a device.
#[must_use]
pub(crate) fn read_register(address: u64) -> u32 {
    let pointer = address as *const u32;
    // SAFETY: the kit's promise: mapped, readable, aligned, unknown to Rust.
    unsafe { pointer.read_volatile() }
}

/// Writes a register of a device.
pub(crate) fn write_register(address: u64, value: u32) {
    let pointer = address as *mut u32;
    // SAFETY: the kit's promise: mapped, writable, aligned, unknown to Rust.
    unsafe { pointer.write_volatile(value) };
}
