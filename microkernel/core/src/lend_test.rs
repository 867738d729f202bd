//! Facts about the time of servers, when callers and servers stop or lose it.

use ipc_abi::call::SystemCall;
use ipc_abi::error::Error;
use ipc_abi::fault::FaultCause;
use ipc_abi::tag::MessageKind;

use crate::ipc_test::{BADGE, FULL, Pair, pair};
use crate::memory::Fields;
use crate::object::{core_state, special, thread};
use crate::world::{Actor, World};

#[test]
fn thread_that_stopped_by_a_fault_waits_like_any_other() {
    let mut world = World::new();
    let waiter = world.started(255);
    let notification = world.notification();
    world.turn_to(waiter);
    world.kernel().fault(FaultCause::Breakpoint, 0, 0);
    world.leave();
    world.start(waiter);
    world.turn_to(waiter);
    world.message(SystemCall::Wait, notification, FULL, 0);
    world.kernel().thread_stop(waiter.handle).expect("it stops");
    world.leave();
    assert_eq!(world.refusal(waiter), Some(Error::Died));
}

/// A server that a fault stopped while it serves the client of a [`pair`]; a third thread is current.
fn stopped_by_a_fault() -> (Pair, Actor) {
    let mut p = pair();
    let other = p.world.started(255);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    assert_eq!(p.world.current(), p.server.thread);
    p.world.kernel().fault(FaultCause::Breakpoint, 0, 0);
    p.world.leave();
    p.world.turn_to(other);
    (p, other)
}

#[test]
fn server_that_a_fault_stopped_goes_on_with_the_time_of_its_caller() {
    let (p, _) = stopped_by_a_fault();
    p.world
        .kernel()
        .thread_resume(p.server.handle)
        .expect("it goes on");
    p.world.leave();
    p.world.turn_to(p.server);
    let client_time = p.world.number_of(p.client.context);
    assert_eq!(p.world.kernel().current_context(), client_time);
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 1);
    p.world.turn_to(p.client);
    assert!(p.world.has_message(p.client, MessageKind::Message, 1, 0));
    assert_eq!(p.world.kernel().current_context(), client_time);
}

#[test]
fn server_that_is_started_anew_tells_its_caller() {
    let (p, _) = stopped_by_a_fault();
    p.world.start(p.server);
    assert_eq!(p.world.refusal(p.client), Some(Error::Died));
    p.world.turn_to(p.client);
    p.world.turn_to(p.server);
    let own = p.world.number_of(p.server.context);
    assert_eq!(p.world.kernel().current_context(), own);
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 1);
    assert_eq!(p.world.refusal(p.server), Some(Error::NoCaller));
}

/// The fast path must not see a server that serves on its own time: it would give that away.
fn expect_off_the_fast_path(world: &World, server: Actor) {
    let special = world.kernel().memory.get(server.thread, thread::SPECIAL);
    assert_ne!(special & special::OWN_TIME, 0);
}

fn expect_on_the_fast_path(world: &World, thread: Actor) {
    let special = world.kernel().memory.get(thread.thread, thread::SPECIAL);
    assert_eq!(special & special::OWN_TIME, 0);
}

#[test]
fn thread_that_serves_nobody_is_not_marked_when_its_time_dies() {
    let mut world = World::new();
    let one = world.started(255);
    world.turn_to(one);
    world.kernel().destroy(one.context).expect("it dies");
    world.leave();
    expect_on_the_fast_path(&world, one);
}

#[test]
fn last_server_of_a_chain_that_loses_its_first_says_that_it_serves_on_its_own_time() {
    let mut world = World::new();
    let main = world.main();
    let ends = [(); 2].map(|()| world.endpoint());
    let gates = ends.map(|endpoint| world.gate(endpoint, BADGE));
    let servers = ends.map(|endpoint| {
        let server = world.started(255);
        world.turn_to(server);
        world.message(SystemCall::Receive, endpoint, FULL, 0);
        server
    });
    let client = world.started(255);
    world.turn_to(client);
    for gate in gates {
        world.message(SystemCall::Call, gate, FULL, 1);
    }
    let [_, last] = servers;
    assert_eq!(world.current(), last.thread);
    world.turn_to(main);
    expect_on_the_fast_path(&world, last);
    world.kernel().thread_stop(client.handle).expect("it stops");
    world.leave();
    expect_off_the_fast_path(&world, last);
    let own = world.number_of(last.context);
    world.turn_to(last);
    assert_eq!(world.kernel().current_context(), own);
}

#[test]
fn caller_whose_time_died_in_the_queue_is_served_on_the_time_of_its_server() {
    let mut world = World::new();
    let server = world.main();
    let endpoint = world.endpoint();
    let gate = world.gate(endpoint, BADGE);
    let client = world.started(255);
    world.turn_to(client);
    world.message(SystemCall::Call, gate, FULL, 100);
    world.turn_to(server);
    world.kernel().destroy(client.context).expect("it dies");
    world.leave();
    world.message(SystemCall::Receive, endpoint, FULL, 0);
    assert!(world.has_message(server, MessageKind::Message, 100, BADGE));
    expect_off_the_fast_path(&world, server);
    world.message(SystemCall::Reply, 0, FULL, 1);
    assert!(world.has_message(client, MessageKind::Message, 1, 0));
    assert_eq!(world.current(), server.thread);
}

#[test]
fn server_that_destroys_the_time_of_its_caller_says_that_it_serves_on_its_own() {
    let p = pair();
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    assert_eq!(p.world.current(), p.server.thread);
    p.world.kernel().destroy(p.client.context).expect("it dies");
    p.world.leave();
    assert_eq!(p.world.current(), p.server.thread);
    let own = p.world.number_of(p.server.context);
    assert_eq!(p.world.kernel().current_context(), own);
    expect_off_the_fast_path(&p.world, p.server);
}

#[test]
fn server_in_the_middle_of_a_chain_that_lost_its_time_goes_on_with_its_own() {
    let mut p = pair();
    let inner = p.world.endpoint();
    let inner_gate = p.world.gate(inner, BADGE);
    let last = p.world.started(255);
    p.world.turn_to(last);
    p.world.message(SystemCall::Receive, inner, FULL, 0);
    p.world.turn_to(p.client);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    p.world.message(SystemCall::Call, inner_gate, FULL, 200);
    assert_eq!(p.world.current(), last.thread);
    p.world.kernel().destroy(p.client.context).expect("it dies");
    p.world.leave();
    p.world.turn_to(last);
    p.world.message(SystemCall::ReplyReceive, inner, FULL, 2);
    p.world.turn_to(p.server);
    expect_off_the_fast_path(&p.world, p.server);
}

#[test]
fn caller_that_stops_leaves_the_time_of_a_server_further_on_to_it() {
    let mut world = World::new();
    let client = world.main();
    let mut server = || {
        let (actor, endpoint) = (world.started(255), world.endpoint());
        (actor, endpoint, world.gate(endpoint, BADGE))
    };
    let [first, second, third, last] = [server(), server(), server(), server()];
    for (actor, endpoint, _) in [first, second, third, last] {
        world.turn_to(actor);
        world.message(SystemCall::Receive, endpoint, FULL, 0);
    }
    world.turn_to(client);
    for (_, _, gate) in [first, second, third] {
        world.message(SystemCall::Call, gate, FULL, 100);
    }
    let stop = |actor: Actor| {
        world.kernel().thread_stop(actor.handle).expect("it stops");
        world.leave();
    };
    stop(client);
    assert_eq!(world.current(), third.0.thread);
    let own = world.number_of(third.0.context);
    assert_eq!(world.kernel().current_context(), own);
    world.message(SystemCall::Call, last.2, FULL, 200);
    assert_eq!(world.current(), last.0.thread);
    stop(first.0);
    assert_eq!(world.current(), last.0.thread);
    assert_eq!(world.kernel().current_context(), own);
    world.message(SystemCall::ReplyReceive, last.1, FULL, 1);
    assert_eq!(world.current(), third.0.thread);
    assert_eq!(world.kernel().current_context(), own);
}

#[test]
fn server_that_waits_to_send_when_its_time_dies_is_served_on_its_own() {
    let mut p = pair();
    let inner = p.world.endpoint();
    let inner_gate = p.world.gate(inner, BADGE);
    let (last, other) = (p.world.started(255), p.world.started(255));
    p.world.turn_to(last);
    p.world.message(SystemCall::Receive, inner, FULL, 0);
    p.world.turn_to(other);
    p.world.message(SystemCall::Call, inner_gate, FULL, 100);
    p.world.turn_to(p.client);
    p.world.message(SystemCall::Call, p.gate, FULL, 200);
    assert_eq!(p.world.current(), p.server.thread);
    // `last` is busy: the server waits to send on the time of its client.
    p.world.message(SystemCall::Call, inner_gate, FULL, 300);
    p.world.turn_to(last);
    p.world.kernel().destroy(p.client.context).expect("it dies");
    p.world.leave();
    expect_off_the_fast_path(&p.world, p.server);
    p.world.message(SystemCall::ReplyReceive, inner, FULL, 1);
    p.world.turn_to(last);
    assert!(p.world.has_message(last, MessageKind::Message, 300, BADGE));
    p.world.message(SystemCall::ReplyReceive, inner, FULL, 2);
    p.world.turn_to(p.server);
    let own = p.world.number_of(p.server.context);
    assert_eq!(p.world.kernel().current_context(), own);
    expect_off_the_fast_path(&p.world, p.server);
}

#[test]
fn thread_that_serves_nobody_on_its_own_time_may_take_the_fast_path() {
    let mut p = pair();
    let target = p.world.notification();
    let bell = p.world.gate(target, 1);
    let bound = p.world.kernel().thread_bind(p.server.handle, target);
    assert_eq!(bound, Ok(0));
    assert_eq!(p.world.kernel().signal(bell), Ok(0));
    p.world.leave();
    p.world.turn_to(p.server);
    p.world.message(SystemCall::TryReceive, p.endpoint, FULL, 0);
    assert_eq!(p.world.refusal(p.server), Some(Error::WouldBlock));
    let marks = |it: Actor| p.world.kernel().memory.get(it.thread, thread::SPECIAL);
    assert_eq!(marks(p.server), 0);
    p.world.turn_to(p.client);
    p.world.message(SystemCall::Send, p.gate, FULL, 0);
    p.world.turn_to(p.server);
    p.world.message(SystemCall::Receive, p.endpoint, FULL, 0);
    assert_eq!(marks(p.server), 0);
}

#[test]
fn server_whose_caller_serves_nobody_leaves_no_helpers_for_later() {
    let mut p = pair();
    let target = p.world.notification();
    let bell = p.world.gate(target, 1);
    let other = p.world.started(255);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    p.world.turn_to(p.server);
    p.world.message(SystemCall::Wait, target, FULL, 0);
    assert_eq!(p.world.current(), other.thread);
    let kernel = p.world.kernel();
    assert_eq!(kernel.signal(bell), Ok(0));
    let left = kernel.memory.get(kernel.core(), core_state::WOKEN_COUNT);
    assert_eq!(left, 0);
    p.world.leave();
}
