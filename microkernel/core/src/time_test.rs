//! Facts about scheduling contexts that are destroyed, given away, or come late.

use ipc_abi::call::SystemCall;
use ipc_abi::error::Error;
use ipc_abi::fault::FaultCause;
use ipc_abi::tag::MessageKind;
use ipc_abi::time::NEVER;

use crate::host::SLICE_TICKS;
use crate::ipc_test::{BADGE, FULL, pair};
use crate::memory::Fields;
use crate::object::{core_state, irq};
use crate::timer::OFF;
use crate::world::{Actor, World};

/// A server without a context of its own that waits at the endpoint it returns.
fn passive(world: &mut World, main: Actor) -> (Actor, u64) {
    let endpoint = world.endpoint();
    let server = world.started(255);
    world.turn_to(server);
    world.message(SystemCall::Receive, endpoint, FULL, 0);
    world.turn_to(main);
    world.kernel().destroy(server.context).expect("destroyed");
    world.leave();
    (server, endpoint)
}

#[test]
fn context_that_another_thread_uses_is_not_given_away() {
    let mut world = World::new();
    let main = world.main();
    let (_, endpoint) = passive(&mut world, main);
    let (other, _) = passive(&mut world, main);
    let gate = world.gate(endpoint, 9);
    let client = world.started(255);
    world.turn_to(client);
    world.message(SystemCall::Call, gate, FULL, 5);
    world.turn_to(main);
    world.kernel().destroy(client.handle).expect("destroyed");
    world.leave();
    let kernel = world.kernel();
    let given = kernel.thread_set_context(other.handle, client.context);
    assert_eq!(given, Err(Error::InUse));
    let notification = world.notification();
    let bound = world.kernel().thread_bind(other.handle, notification);
    assert_eq!(bound, Err(Error::NoTime));
}

#[test]
fn thread_that_gets_a_context_while_it_waits_runs_on_it() {
    let mut world = World::new();
    let main = world.main();
    let target = world.notification();
    let gate = world.gate(target, 1);
    let waiter = world.started(255);
    world.turn_to(waiter);
    world.message(SystemCall::Wait, target, FULL, 0);
    world.turn_to(main);
    world.kernel().destroy(waiter.context).expect("destroyed");
    world.leave();
    let time = ipc_abi::boot::FirstHandle::Time as u64;
    let fresh =
        world.make(|kernel, region, place, to| kernel.create_context(region, place, to, time, 255));
    world
        .kernel()
        .thread_set_context(waiter.handle, fresh)
        .expect("a new context");
    world.leave();
    world.kernel().signal(gate).expect("a signal");
    world.leave();
    world.turn_to(waiter);
    assert_eq!(world.tag(waiter).kind(), Some(MessageKind::Signal));
}

#[test]
fn caller_whose_time_is_gone_does_not_strand_a_passive_server() {
    let mut world = World::new();
    let main = world.main();
    let (server, endpoint) = passive(&mut world, main);
    let gate = world.gate(endpoint, BADGE);
    let clients = [world.started(255), world.started(255), world.started(255)];
    for (client, first) in clients.iter().zip([10, 20, 30]) {
        world.turn_to(*client);
        world.message(SystemCall::Call, gate, FULL, first);
        if first == 10 {
            world.turn_to(main);
        }
    }
    world.turn_to(main);
    world
        .kernel()
        .destroy(clients[1].context)
        .expect("destroyed");
    world.leave();
    world.turn_to(server);
    world.message(SystemCall::ReplyReceive, endpoint, FULL, 0);
    world.turn_to(server);
    assert!(world.has_message(server, MessageKind::Message, 30, BADGE));
    assert_eq!(world.refusal(clients[1]), Some(Error::Died));
}

#[test]
fn server_that_a_fault_stopped_can_be_made_to_let_its_caller_go() {
    let mut p = pair();
    let client = p.world.started(255);
    p.world.turn_to(client);
    p.world.message(SystemCall::Call, p.gate, FULL, 1);
    p.world.turn_to(p.server);
    p.world.kernel().fault(FaultCause::DataAbort, 0, 0);
    p.world.leave();
    p.world.turn_to(p.client);
    p.world
        .kernel()
        .thread_stop(p.server.handle)
        .expect("its caller is told");
    p.world.leave();
    assert_eq!(p.world.refusal(client), Some(Error::Died));
    let again = p.world.kernel().thread_stop(p.server.handle);
    assert_eq!(again, Err(Error::NotStarted));
}

#[test]
fn signal_of_no_bits_wakes_nobody() {
    let mut world = World::new();
    let main = world.main();
    let target = world.notification();
    let gate = world.gate(target, 0);
    let waiter = world.started(255);
    world.turn_to(waiter);
    world.message(SystemCall::Wait, target, FULL, 0);
    world.turn_to(main);
    world.kernel().signal(gate).expect("a signal");
    world.leave();
    let state = world.kernel().thread_inspect(waiter.handle);
    assert_eq!(state, Ok(ipc_abi::capability::ThreadState::Waiting as u64));
}

#[test]
fn interrupt_whose_notification_is_gone_stays_masked() {
    let mut world = World::new();
    let lines = ipc_abi::boot::FirstHandle::Irqs as u64;
    let handle =
        world.make(|kernel, region, place, to| kernel.create_irq(region, place, to, lines, 40));
    let target = world.notification();
    world
        .kernel()
        .irq_bind(handle, target, 1)
        .expect("it is bound");
    world.leave();
    world.kernel().interrupt(40);
    world.leave();
    world.kernel().destroy(target).expect("destroyed");
    world.leave();
    world.host.performed.borrow_mut().clear();
    world
        .kernel()
        .irq_acknowledge(handle)
        .expect("acknowledged");
    world.leave();
    assert!(world.host.performed.borrow().is_empty());
    let number = world.number_of(handle);
    assert_eq!(world.kernel().memory.get(number, irq::PENDING), 0);
}

#[test]
fn what_dies_goes_on_dying_at_the_end_of_a_slice() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    for _ in 0..8 {
        world.gate(endpoint, 1);
    }
    let kernel = world.kernel();
    kernel.destroy(endpoint).expect("destroyed");
    world.host.leave_kernel();
    assert_ne!(kernel.memory.get(kernel.core(), core_state::DRAIN), 0);
    assert_ne!(kernel.memory.get(kernel.core(), core_state::SLICE), 0);
    assert_ne!(kernel.memory.get(kernel.core(), core_state::ARMED), OFF);
    world.leave();
}

#[test]
fn slice_that_began_before_everybody_waited_still_ends() {
    let mut world = World::new();
    let targets = [world.notification(), world.notification()];
    let numbers = targets.map(|target| world.number_of(target));
    let (first, second) = (world.started(100), world.started(100));
    world.sleep(NEVER);
    assert_eq!(world.current(), first.thread);
    world.message_until(SystemCall::WaitUntil, targets[0], 0, world.now() + 1000);
    assert_eq!(world.current(), second.thread);
    world.message(SystemCall::Wait, targets[1], FULL, 0);
    assert!(world.current().is_none());
    // The timer is set for a deadline that does not come to pass, and then for nothing.
    world.kernel().raise(numbers[0], 1);
    world.leave();
    world.message(SystemCall::Wait, targets[0], FULL, 0);
    world.pass(2000);
    for number in numbers {
        world.kernel().raise(number, 1);
        world.leave();
    }
    assert_eq!(world.current(), first.thread);
    world.pass(SLICE_TICKS);
    assert_eq!(world.current(), second.thread);
}

#[test]
fn refill_that_comes_when_its_context_is_preempted_keeps_its_place() {
    let budget = 20_031;
    let mut world = World::new();
    let high = world.started(200);
    let one = world.actor(100);
    world.configure(one.context, 100, budget, budget);
    world.start(one);
    world.started(100);
    world.sleep(NEVER);
    world.sleep(20_032);
    assert_eq!(world.current(), one.thread);
    world.pass(budget);
    assert_eq!(world.current(), high.thread);
    world.sleep(NEVER);
    assert_eq!(world.current(), one.thread);
}

#[test]
fn whoever_yields_pays_for_what_it_used_alone() {
    let mut world = World::new();
    let main = world.main();
    let one = world.actor(255);
    world.configure(one.context, 255, 20_000, 100_000);
    world.start(one);
    world.turn_to(one);
    world.pass(1_000);
    world.kernel().r#yield().expect("a yield");
    world.leave();
    assert_eq!(world.current(), main.thread);
    world.pass(1_000);
    assert_eq!(world.kernel().context_inspect(one.context), Ok(1_000));
}

#[test]
fn caller_whose_time_a_sleeping_server_holds_waits_for_it() {
    let mut world = World::new();
    let main = world.main();
    let (server, endpoint) = passive(&mut world, main);
    let gate = world.gate(endpoint, BADGE);
    let target = world.notification();
    let client = world.started(255);
    world.turn_to(client);
    world.message_until(SystemCall::CallUntil, gate, 7, world.now() + 10_000);
    assert_eq!(world.current(), server.thread);
    world.message(SystemCall::Wait, target, FULL, 0);
    world.pass(10_064);
    assert_eq!(world.refusal(client), Some(Error::TimedOut));
    world.sleep(NEVER);
    assert!(world.current().is_none());
}
