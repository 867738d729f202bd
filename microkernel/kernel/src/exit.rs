//! The way out: performs what is pending and finds the thread that goes on.

use pecan_aarch64::direct_map::{DirectMap, object_address, this_core};
use pecan_aarch64::effect::perform;
use pecan_aarch64::register::wait_for_interrupt;
use pecan_core::kernel::Kernel;
use pecan_core::memory::Fields;
use pecan_core::object::core_state;

use crate::user::take_interrupt;

/// Performs effects, takes dying objects a little further apart, and waits for an interrupt while
/// nothing can run. Returns the address of the thread that goes on.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn leave() -> u64 {
    let kernel = this_core();
    loop {
        settle(kernel);
        let current = kernel.current();
        if !current.is_none() {
            return object_address(current.into_raw());
        }
        // With nothing to run, dying objects go on dying; only then the core sleeps.
        if kernel.memory.get(kernel.core, core_state::PENDING) == 0 {
            wait_for_interrupt();
            take_interrupt(kernel);
        }
    }
}

/// One round of what is pending. Dying objects that are left mark the core as pending again, so
/// that a later exit goes on: a round is bounded, however much there is.
fn settle(kernel: Kernel<DirectMap>) {
    if kernel.memory.get(kernel.core, core_state::PENDING) == 0 {
        return;
    }
    kernel.memory.set(kernel.core, core_state::PENDING, 0);
    kernel.take_effects(perform);
    kernel.drain();
    kernel.take_effects(perform);
}
