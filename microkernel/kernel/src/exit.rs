//! The way out: performs what is pending and finds the thread that goes on.

use pecan_aarch64::crossing::Moment;
use pecan_aarch64::direct_map::{DirectMap, this_core};
use pecan_aarch64::effect::{perform, perform_quickly};
use pecan_aarch64::hook::pause;
use pecan_aarch64::register::{leave_user_space, wait_for_interrupt};
use pecan_aarch64::window::object_address;
use pecan_core::kernel::{Effect, Kernel};
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{core_state, machine, pending};

use crate::user::take_interrupt;

/// Performs effects, takes dying objects a little further apart, and waits for an interrupt while
/// nothing can run. Returns the address of the thread that goes on.
///
/// This is the usual case, one effect of a quick kind; everything else is in [`settle`]. It saves no
/// register and calls nothing, which is most of what it would cost.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn leave() -> u64 {
    let kernel = this_core();
    let field = |field| kernel.memory.get(kernel.core(), field);
    let current = kernel.current();
    let is_usual = field(core_state::EFFECT_COUNT) == 1
        && field(core_state::DRAIN) == 0
        && field(core_state::PENDING) == pending::WORK;
    if !is_usual || current.is_none() {
        return settle();
    }
    let word = |index| field(core_state::EFFECTS.at(index));
    let effect = Effect::from_words([word(0), word(1), word(2), word(3)]);
    if !effect.is_some_and(perform_quickly) {
        return settle();
    }
    kernel
        .memory
        .set(kernel.core(), core_state::EFFECT_COUNT, 0);
    kernel.memory.set(kernel.core(), core_state::PENDING, 0);
    object_address(current.into_raw())
}

#[inline(never)]
extern "C" fn settle() -> u64 {
    let kernel = this_core();
    loop {
        look_for_interrupt(kernel);
        if kernel.current().is_none() {
            leave_user_space(kernel.memory.get(kernel.machine(), machine::NULL_ROOT));
        }
        settle_once(kernel);
        look_for_interrupt(kernel);
        if kernel.current().is_none() {
            kernel.choose();
        }
        let current = kernel.current();
        let left = kernel.memory.get(kernel.core(), core_state::PENDING);
        if !current.is_none() && left & (pending::TIME | pending::TIMER) == 0 {
            return object_address(current.into_raw());
        }
        // With nothing to run, dying objects go on dying, helpers are tried one by one, an interrupt
        // may come between any two rounds, and only when all is done the core sleeps.
        if kernel.memory.get(kernel.core(), core_state::PENDING) == 0 {
            pause(Moment::Sleep);
            wait_for_interrupt();
        }
    }
}

/// One round of what is pending, an interrupt that waits being taken between any two parts. Dying
/// objects that are left mark the core as pending again, so that a later exit goes on: a round is
/// bounded, however much there is.
fn settle_once(kernel: Kernel<DirectMap>) {
    let what = kernel.memory.get(kernel.core(), core_state::PENDING);
    if what == 0 {
        return;
    }
    kernel.memory.set(kernel.core(), core_state::PENDING, 0);
    kernel.take_effects(perform_quickly, perform);
    look_for_interrupt(kernel);
    if what & pending::TIMER != 0 {
        kernel.timer_fired();
        look_for_interrupt(kernel);
    }
    kernel.drain();
    look_for_interrupt(kernel);
    while kernel.wake_more() {
        look_for_interrupt(kernel);
    }
    kernel.settle_time();
    look_for_interrupt(kernel);
    kernel.take_effects(perform_quickly, perform);
}

fn look_for_interrupt(kernel: Kernel<DirectMap>) {
    if kernel.memory.interrupt_pending() {
        take_interrupt(kernel);
    }
}
