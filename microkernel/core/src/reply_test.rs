//! Facts about answers and receivers that lack something: time, a caller, a window.

use ipc_abi::call::{SystemCall, Window};
use ipc_abi::capability::{Rights, ThreadState};
use ipc_abi::error::Error;
use ipc_abi::tag::{MessageKind, Tag};

use crate::ipc_test::{BADGE, FULL, Pair, pair, state};
use crate::memory::{Fields, Memory};
use crate::object::{Context, Frame, Number, Thread, context, thread};
use crate::world::{Actor, World};

/// A [`pair`] whose server has no time of its own.
fn passive() -> Pair {
    let p = pair();
    p.world.kernel().destroy(p.server.context).expect("it dies");
    p.world.leave();
    p
}

/// A passive server that serves `client`, while the main thread can run.
fn passive_and_busy() -> (Pair, Actor) {
    let mut p = passive();
    let client = p.world.started(255);
    p.world.turn_to(client);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    assert_eq!(p.world.current(), p.server.thread);
    (p, client)
}

#[test]
fn server_without_time_answers_only_where_it_receives_again() {
    let (mut p, client) = passive_and_busy();
    p.world.turn_to(p.client);
    let reply = p.world.reply();
    p.world.turn_to(p.server);
    p.world.message(SystemCall::Reply, 0, FULL, 1);
    assert_eq!(p.world.refusal(p.server), Some(Error::NoTime));
    assert_eq!(p.world.kernel().save_caller(reply), Err(Error::NoTime));
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 1);
    assert!(p.world.has_message(client, MessageKind::Message, 1, 0));
}

#[test]
fn caller_that_is_not_there_is_not_saved() {
    let mut p = pair();
    let reply = p.world.reply();
    assert_eq!(p.world.kernel().save_caller(reply), Err(Error::NoCaller));
    assert_eq!(p.world.kernel().save_caller(0), Err(Error::BadHandle));
}

#[test]
fn caller_that_is_served_on_the_servers_time_is_saved() {
    let mut world = World::new();
    let server = world.main();
    let endpoint = world.endpoint();
    let reply = world.reply();
    let gate = world.gate(endpoint, BADGE);
    let client = world.started(255);
    world.turn_to(client);
    world.message(SystemCall::Call, gate, FULL, 100);
    assert_eq!(world.current(), server.thread);
    world.kernel().destroy(client.context).expect("it dies");
    world.leave();
    world.message(SystemCall::Receive, endpoint, FULL, 0);
    assert_eq!(world.kernel().save_caller(reply), Ok(0));
    world.leave();
    assert_eq!(state(&world, client), ThreadState::Calling as u64);
    world.message(SystemCall::ReplyTo, reply, FULL, 900);
    assert!(world.has_message(client, MessageKind::Message, 900, 0));
}

#[test]
fn one_way_message_to_a_server_without_time_is_refused() {
    let p = passive();
    p.world.message(SystemCall::Send, p.gate, FULL, 100);
    assert_eq!(p.world.refusal(p.client), Some(Error::NoTime));
    assert_eq!(state(&p.world, p.server), ThreadState::Receiving as u64);
}

#[test]
fn queued_one_way_message_to_a_server_without_time_is_refused() {
    let (p, client) = passive_and_busy();
    p.world.turn_to(p.client);
    p.world.message(SystemCall::Send, p.gate, FULL, 200);
    p.world.turn_to(p.server);
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 1);
    assert_eq!(p.world.refusal(p.client), Some(Error::NoTime));
    assert!(p.world.has_message(client, MessageKind::Message, 1, 0));
    assert_eq!(state(&p.world, p.server), ThreadState::Receiving as u64);
}

#[test]
fn time_of_a_caller_that_stopped_goes_back_with_the_answer() {
    let (p, client) = passive_and_busy();
    p.world.turn_to(p.client);
    p.world
        .kernel()
        .thread_stop(client.handle)
        .expect("it stops");
    p.world.leave();
    p.world.turn_to(p.server);
    let lent: Number<Context> = p.world.number_of(client.context);
    assert_eq!(p.world.kernel().current_context(), lent);
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 1);
    assert_eq!(p.world.current(), p.client.thread);
    let runs: Number<Thread> = p.world.kernel().memory.link(lent, context::RUNNING);
    assert_eq!(runs, client.thread);
}

#[test]
fn time_of_a_caller_that_is_gone_stays_with_nobody() {
    let (p, client) = passive_and_busy();
    p.world.turn_to(p.client);
    let lent: Number<Context> = p.world.number_of(client.context);
    p.world.kernel().destroy(client.handle).expect("it dies");
    p.world.leave();
    p.world.turn_to(p.server);
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 1);
    let runs: Number<Thread> = p.world.kernel().memory.link(lent, context::RUNNING);
    assert!(runs.is_none());
    assert_eq!(state(&p.world, p.server), ThreadState::Receiving as u64);
}

#[test]
fn time_that_lost_its_owner_can_be_given_to_whom_it_was_lent() {
    let (p, client) = passive_and_busy();
    p.world.turn_to(p.client);
    p.world.kernel().destroy(client.handle).expect("it dies");
    p.world.leave();
    p.world.turn_to(p.server);
    let kernel = p.world.kernel();
    let given = kernel.thread_set_context(p.server.handle, client.context);
    assert_eq!(given, Ok(0));
    p.world.leave();
    assert_eq!(p.world.current(), p.server.thread);
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 1);
    assert_eq!(state(&p.world, p.server), ThreadState::Receiving as u64);
    assert_eq!(p.world.current(), p.client.thread);
}

/// Clients that wait to send a capability, for which the main thread has no window.
fn with_capabilities(count: usize) -> (World, Actor, u64) {
    let mut world = World::new();
    let server = world.main();
    let endpoint = world.endpoint();
    let gate = world.gate(endpoint, 5);
    for _ in 0..count {
        let client = world.started(255);
        world.turn_to(client);
        world.set_register(client.thread, 12, gate);
        let tag = Tag::new(1, 96).with_capabilities(1);
        world.raw_message(SystemCall::Call, gate, tag, 0);
    }
    world.turn_to(server);
    (world, server, endpoint)
}

#[test]
fn receiver_that_turns_everybody_away_waits() {
    let (world, server, endpoint) = with_capabilities(2);
    world.message(SystemCall::Receive, endpoint, FULL, 0);
    assert_eq!(state(&world, server), ThreadState::Receiving as u64);
}

#[test]
fn receiver_stops_turning_away_when_an_interrupt_waits() {
    let (world, server, endpoint) = with_capabilities(2);
    world.host.memory.quiet_runs.set(0);
    world.kernel().memory.set(server.thread, thread::PSTATE, 0);
    world.set_register(server.thread, 17, endpoint);
    world.kernel().message_call(SystemCall::Receive as u64);
    world.host.memory.quiet_runs.set(u64::MAX);
    world.leave();
    assert_eq!(world.refusal(server), Some(Error::Again));
    let count = |world: &World| world.kernel().first_sender(world.number_of(endpoint));
    assert!(!count(&world).is_none());
}

#[test]
fn call_of_an_unknown_number_is_refused() {
    let world = World::new();
    let main = world.main();
    for number in [18, 255, u64::MAX] {
        world.set_register(main.thread, 16, 0);
        world.kernel().message_call(number);
        world.leave();
        assert_eq!(world.refusal(main), Some(Error::BadArgument));
    }
}

#[test]
fn capabilities_need_a_gate_that_grants() {
    let p = pair();
    let weak = World::destination(200);
    let rights = u64::from(Rights::SEND.into_raw());
    let copied = p.world.kernel().capability_copy(p.gate, weak, rights);
    assert_eq!(copied, Ok(0));
    p.world.set_register(p.client.thread, 12, p.gate);
    let tag = Tag::new(1, 0).with_capabilities(1);
    p.world.raw_message(SystemCall::Call, 200, tag, 0);
    assert_eq!(p.world.refusal(p.client), Some(Error::NoRight));
}

/// The server gets a message buffer.
fn give_buffer(p: &mut Pair) {
    let frame = p
        .world
        .make(|kernel, region, place, to| kernel.create_frame(region, place, to));
    let given = p.world.kernel().thread_set_buffer(p.server.handle, frame);
    assert_eq!(given, Ok(0));
}

#[test]
fn long_message_arrives_in_the_buffer() {
    let mut p = pair();
    let tag = Tag::new(1, 200).with_long();
    let bare = p.world.started(255);
    p.world.turn_to(bare);
    p.world.message(SystemCall::Call, p.gate, tag, 0);
    assert_eq!(p.world.refusal(bare), Some(Error::NoBuffer));
    p.world.turn_to(p.client);
    give_buffer(&mut p);
    let kernel = p.world.kernel();
    let buffer = |actor: Actor| Frame(kernel.memory.get(actor.thread, thread::BUFFER));
    p.world.host.memory.scribble(buffer(p.client), 7);
    p.world.host.memory.scribble(buffer(p.server), 1);
    p.world.message(SystemCall::Call, p.gate, tag, 0);
    assert_eq!(p.world.current(), p.server.thread);
    assert!(p.world.tag(p.server).is_long());
    for word in 0..64 {
        let expected = if word < 25 { 7 } else { 1 };
        assert_eq!(kernel.memory.load_user(buffer(p.server), word), expected);
    }
}

#[test]
fn server_that_is_started_anew_knows_nothing_of_a_caller_that_went() {
    let mut p = pair();
    let client = p.world.started(255);
    p.world.turn_to(client);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    p.world.turn_to(p.client);
    for actor in [client, p.server] {
        p.world
            .kernel()
            .thread_stop(actor.handle)
            .expect("it stops");
        p.world.leave();
    }
    p.world.start(p.server);
    p.world.turn_to(p.server);
    p.world.message(SystemCall::Reply, 0, FULL, 1);
    assert_eq!(p.world.refusal(p.server), Some(Error::NoCaller));
}

#[test]
fn reply_needs_a_gate_that_grants_it_to_carry_capabilities() {
    let p = pair();
    let weak = World::destination(200);
    let rights = Rights::SEND.union(Rights::GRANT).into_raw();
    let copied = p
        .world
        .kernel()
        .capability_copy(p.gate, weak, u64::from(rights));
    assert_eq!(copied, Ok(0));
    let window = Window::new(201, 1).into_raw();
    p.world
        .message_with_window(SystemCall::Call, 200, FULL, 100, window);
    assert_eq!(p.world.current(), p.server.thread);
    p.world.set_register(p.server.thread, 12, p.gate);
    let tag = Tag::new(0, 0).with_capabilities(1);
    p.world
        .raw_message(SystemCall::ReplyReceive, p.endpoint, tag, 0);
    assert_eq!(p.world.refusal(p.server), Some(Error::NoRight));
    let place = World::destination(201);
    assert_eq!(p.world.kernel().capability_inspect(place), Ok(0));
}

#[test]
fn message_as_long_as_the_buffer_arrives() {
    let mut p = pair();
    give_buffer(&mut p);
    let kernel = p.world.kernel();
    let buffer = |actor: Actor| Frame(kernel.memory.get(actor.thread, thread::BUFFER));
    p.world.host.memory.scribble(buffer(p.client), 7);
    let tag = Tag::new(1, 4096).with_long();
    p.world.message(SystemCall::Call, p.gate, tag, 0);
    assert_eq!(p.world.current(), p.server.thread);
    assert_eq!(kernel.memory.load_user(buffer(p.server), 511), 7);
}
