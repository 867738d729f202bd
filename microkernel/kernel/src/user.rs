//! What interrupts user code: its own faults, interrupt lines, asynchronous errors.

use ipc_abi::fault::FaultCause;
use pecan_aarch64::bound::mark_preemption_point;
use pecan_aarch64::direct_map::{DirectMap, this_core};
use pecan_aarch64::exception::decode_fault;
use pecan_aarch64::{interrupt, timer};
use pecan_core::kernel::Kernel;
use pecan_core::memory::Fields;
use pecan_core::object::{special, thread};

/// A synchronous exception of user code that is no system call.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn user_exception(syndrome: u64, fault_address: u64) {
    let kernel = this_core();
    let fault = decode_fault(syndrome, fault_address);
    if fault.advance != 0 {
        let current = kernel.current();
        if kernel.memory.get(current, thread::SPECIAL) & special::FOREIGN != 0 {
            return kernel.fault(FaultCause::ForeignCall, 0, syndrome);
        }
        let counter = kernel
            .memory
            .get(current, thread::PC)
            .wrapping_sub(fault.advance);
        kernel.memory.set(current, thread::PC, counter);
    }
    if matches!(fault.cause, FaultCause::SingleStep) {
        return kernel.end_step(syndrome);
    }
    kernel.fault(fault.cause, fault.address, syndrome);
}

/// An asynchronous error: the thread that it hit may not have caused it, so it is reported, no more.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn user_serror(syndrome: u64) {
    this_core().fault(FaultCause::SystemError, 0, syndrome);
}

/// An interrupt arrived while user code ran.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn interrupt_arrived() {
    take_first(this_core());
}

/// Takes one interrupt, if there still is one.
#[inline(never)]
pub(crate) fn take_interrupt(kernel: Kernel<DirectMap>) {
    take_first(kernel);
}

/// The same. A device's interrupt needs no stack on the way to who wakes.
#[inline(always)]
fn take_first(kernel: Kernel<DirectMap>) {
    mark_preemption_point();
    match interrupt::take() {
        None => {}
        Some(line) if line == timer::line() => take_timer(kernel),
        Some(line) => kernel.interrupt(line),
    }
}

/// The timer's interrupt came.
#[inline(never)]
fn take_timer(kernel: Kernel<DirectMap>) {
    timer::stop();
    interrupt::deactivate(timer::line());
    kernel.note_timer();
}
