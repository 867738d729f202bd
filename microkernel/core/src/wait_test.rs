//! Facts about `wait` and `signal` as function calls, whose frames are light.

use ipc_abi::boot::FirstHandle;
use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Rights, ThreadState};
use ipc_abi::error::Error;
use ipc_abi::tag::MessageKind;
use ipc_abi::time::NEVER;

use crate::ipc_test::{FULL, state};
use crate::object::UNITS_PER_FRAME;
use crate::world::{Actor, World};

/// A notification and a gate to it with these bits.
fn signalled(world: &mut World, bits: u64) -> (u64, u64) {
    let target = world.notification();
    let gate = world.gate(target, bits);
    (target, gate)
}

fn assert_has_bits(world: &World, actor: Actor, bits: u64) {
    assert_eq!(world.tag(actor).kind(), Some(MessageKind::Signal));
    assert_eq!(world.register(actor.thread, 0), bits);
}

/// The current thread's table has a second chunk, in which this copies a capability.
fn copy_far(world: &World, handle: u64, slot: u64) -> u64 {
    let place = World::destination(slot);
    let copied = world.kernel().capability_copy(handle, place, 255);
    assert_eq!(copied, Ok(0));
    slot
}

fn extend(world: &mut World) {
    let frame = world.place() / UNITS_PER_FRAME;
    let (table, region) = (FirstHandle::Table as u64, FirstHandle::Memory as u64);
    let extended = world.kernel().table_extend(table, region, frame);
    assert_eq!(extended, Ok(0));
    world.leave();
}

#[test]
fn wait_takes_all_bits_that_are_there() {
    let mut world = World::new();
    let main = world.main();
    let (target, gate) = signalled(&mut world, 6);
    let more = world.gate(target, 9);
    for gate in [gate, more] {
        assert_eq!(world.kernel().signal(gate), Ok(0));
    }
    world.wait(target);
    assert_eq!(world.current(), main.thread);
    assert_has_bits(&world, main, 15);
    world.message(SystemCall::TryWait, target, FULL, 0);
    assert_eq!(world.refusal(main), Some(Error::WouldBlock));
}

#[test]
fn wait_takes_the_bits_of_a_bound_notification_too() {
    let mut world = World::new();
    let main = world.main();
    let (target, gate) = signalled(&mut world, 6);
    let bound = world.kernel().thread_bind(main.handle, target);
    assert_eq!(bound, Ok(0));
    assert_eq!(world.kernel().signal(gate), Ok(0));
    world.leave();
    world.wait(target);
    assert_has_bits(&world, main, 6);
}

#[test]
fn wait_refuses_a_bad_handle_and_a_second_waiter() {
    let mut world = World::new();
    let main = world.main();
    let (target, _) = signalled(&mut world, 1);
    let waiter = world.started(255);
    world.wait(0);
    assert_eq!(world.refusal(main), Some(Error::BadHandle));
    world.turn_to(waiter);
    world.wait(target);
    assert_eq!(world.current(), main.thread);
    world.wait(target);
    assert_eq!(world.refusal(main), Some(Error::InUse));
    assert_eq!(state(&world, waiter), ThreadState::Waiting as u64);
}

#[test]
fn wait_and_signal_need_their_rights() {
    let mut world = World::new();
    let main = world.main();
    let (target, gate) = signalled(&mut world, 1);
    for (slot, handle) in [(200, target), (201, gate)] {
        let place = World::destination(slot);
        let rights = u64::from(Rights::DESTROY.into_raw());
        let copied = world.kernel().capability_copy(handle, place, rights);
        assert_eq!(copied, Ok(0));
    }
    assert_eq!(world.kernel().signal(201), Err(Error::NoRight));
    world.wait(200);
    assert_eq!(world.refusal(main), Some(Error::NoRight));
}

#[test]
fn wait_and_signal_find_handles_in_later_chunks() {
    let mut world = World::new();
    let main = world.main();
    let (target, gate) = signalled(&mut world, 5);
    extend(&mut world);
    let (far_target, far_gate) = (copy_far(&world, target, 300), copy_far(&world, gate, 301));
    let waiter = world.started(255);
    world.turn_to(waiter);
    world.wait(far_target);
    assert_eq!(world.current(), main.thread);
    assert_eq!(state(&world, waiter), ThreadState::Waiting as u64);
    assert_eq!(world.function(|k| k.signal(far_gate).into()), Ok(0));
    assert_has_bits(&world, waiter, 5);
    assert_eq!(state(&world, waiter), ThreadState::Ready as u64);
}

#[test]
fn signal_refuses_a_bad_handle_and_a_dead_notification() {
    let mut world = World::new();
    let (target, gate) = signalled(&mut world, 1);
    assert_eq!(world.kernel().signal(0), Err(Error::BadHandle));
    assert_eq!(world.kernel().destroy(target), Ok(0));
    world.leave();
    assert_eq!(world.kernel().signal(gate), Err(Error::Died));
}

#[test]
fn whoever_a_signal_preempted_goes_on_when_the_waiter_blocks() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let (target, gate) = signalled(&mut world, 1);
    let waiter = world.started(255);
    let low = world.started(9);
    world.turn_to(waiter);
    world.wait(target);
    world.sleep(NEVER);
    assert_eq!(world.current(), low.thread);
    let signalled = world.function(|k| k.signal_quickly(low.thread, gate));
    assert_eq!(signalled, Ok(0));
    assert_eq!(world.current(), waiter.thread);
    assert_has_bits(&world, waiter, 1);
    world.message(SystemCall::Receive, endpoint, FULL, 0);
    assert_eq!(world.current(), low.thread);
}

#[test]
fn signal_to_a_waiter_of_the_same_priority_does_not_switch() {
    let mut world = World::new();
    let (target, gate) = signalled(&mut world, 1);
    let waiter = world.started(9);
    let other = world.started(9);
    world.sleep(NEVER);
    if world.current() != waiter.thread {
        world.kernel().r#yield().expect("it yields");
        world.leave();
    }
    world.wait(target);
    assert_eq!(world.current(), other.thread);
    let signalled = world.function(|k| k.signal_quickly(other.thread, gate));
    assert_eq!(signalled, Ok(0));
    assert_eq!(world.current(), other.thread);
    assert_has_bits(&world, waiter, 1);
}

#[test]
fn waiter_with_a_budget_does_not_run_beyond_it() {
    let mut world = World::new();
    let (target, gate) = signalled(&mut world, 1);
    let waiter = world.started(255);
    let low = world.started(9);
    let budget = 20_000;
    world.configure(waiter.context, 255, budget, 50 * budget);
    world.turn_to(waiter);
    world.wait(target);
    world.sleep(NEVER);
    assert_eq!(world.current(), low.thread);
    let signalled = world.function(|k| k.signal_quickly(low.thread, gate));
    assert_eq!(signalled, Ok(0));
    assert_eq!(world.current(), waiter.thread);
    world.pass(2 * budget);
    assert_eq!(world.current(), low.thread);
}

#[test]
fn signal_at_once_replaces_the_whole_message_of_whoever_waits_with_one() {
    let mut world = World::new();
    let (target, gate) = signalled(&mut world, 5);
    let waiter = world.started(255);
    let low = world.started(9);
    world.turn_to(waiter);
    world.message(SystemCall::Wait, target, FULL, 100);
    world.sleep(NEVER);
    assert_eq!(world.current(), low.thread);
    let signalled = world.function(|k| k.signal_quickly(low.thread, gate));
    assert_eq!(signalled, Ok(0));
    assert_has_bits(&world, waiter, 5);
    assert!((1..16).all(|index| world.register(waiter.thread, index) == 0));
}

#[test]
fn bit_that_is_signalled_twice_is_there() {
    let mut world = World::new();
    let main = world.main();
    let (target, gate) = signalled(&mut world, 6);
    let other = world.gate(target, 3);
    assert_eq!(world.kernel().thread_bind(main.handle, target), Ok(0));
    for gate in [gate, other] {
        assert_eq!(world.kernel().signal(gate), Ok(0));
        world.leave();
    }
    world.wait(target);
    assert_has_bits(&world, main, 7);
}

#[test]
fn signal_to_a_less_important_waiter_does_not_switch() {
    let mut world = World::new();
    let main = world.main();
    let (target, gate) = signalled(&mut world, 1);
    let waiter = world.started(9);
    world.sleep(world.now() + 1_000);
    world.wait(target);
    assert!(world.current().is_none());
    world.pass(1_100);
    assert_eq!(world.current(), main.thread);
    let signalled = world.function(|k| k.signal_quickly(main.thread, gate));
    assert_eq!(signalled, Ok(0));
    assert_eq!(world.current(), main.thread);
    assert_has_bits(&world, waiter, 1);
}

#[test]
fn interrupt_wakes_its_handler_while_nobody_runs() {
    const LINE: u64 = 40;
    let mut world = World::new();
    let main = world.main();
    let target = world.notification();
    let lines = FirstHandle::Irqs as u64;
    let irq =
        world.make(|kernel, region, place, to| kernel.create_irq(region, place, to, lines, LINE));
    assert_eq!(world.kernel().irq_bind(irq, target, 4), Ok(0));
    world.wait(target);
    assert!(world.current().is_none());
    world.interrupt(LINE);
    assert_eq!(world.current(), main.thread);
    assert_has_bits(&world, main, 4);
}

#[test]
fn waiter_with_a_budget_pays_from_the_signal_on() {
    let mut world = World::new();
    let (target, gate) = signalled(&mut world, 1);
    let waiter = world.started(200);
    let low = world.started(9);
    world.configure(waiter.context, 200, 20_000, 100_000);
    world.sleep(NEVER);
    world.wait(target);
    assert_eq!(world.current(), low.thread);
    let signalled = world.function(|k| k.signal_quickly(low.thread, gate));
    assert_eq!(signalled, Ok(0));
    assert_eq!(world.current(), waiter.thread);
    world.pass(20_001);
    assert_eq!(world.current(), low.thread);
}
