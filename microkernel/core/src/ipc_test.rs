//! Facts about messages, replies, signals and deaths.

extern crate std;

use ipc_abi::call::{SystemCall, Window};
use ipc_abi::capability::{Kind, Rights, ThreadState};
use ipc_abi::error::Error;
use ipc_abi::fault::{FaultCause, FaultReply};
use ipc_abi::tag::{MessageKind, Tag};

use crate::world::{Actor, World};

/// A tag of a full message in registers.
const FULL: Tag = Tag::new(3, 128);

/// A server that waits at an endpoint, a gate to it, and the main thread current.
struct Pair {
    world: World,
    server: Actor,
    client: Actor,
    endpoint: u64,
    gate: u64,
}

const BADGE: u64 = 0x1234_5678_9ABC_DEF0;

fn pair() -> Pair {
    let mut world = World::new();
    let client = world.main();
    let endpoint = world.endpoint();
    let gate = world.gate(endpoint, BADGE);
    let server = world.started(255);
    world.turn_to(server);
    world.message(SystemCall::Receive, endpoint, FULL, 0);
    assert_eq!(world.current(), client.thread);
    Pair {
        world,
        server,
        client,
        endpoint,
        gate,
    }
}

fn state(world: &World, actor: Actor) -> u64 {
    world
        .kernel()
        .thread_inspect(actor.handle)
        .expect("a thread")
}

#[test]
fn call_gives_the_server_all_sixteen_words_and_the_badge() {
    let p = pair();
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    assert_eq!(p.world.current(), p.server.thread);
    assert!(
        p.world
            .has_message(p.server, MessageKind::Message, 100, BADGE)
    );
}

#[test]
fn reply_gives_the_caller_all_sixteen_words_and_no_badge() {
    let p = pair();
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 500);
    assert_eq!(p.world.current(), p.client.thread);
    assert!(p.world.has_message(p.client, MessageKind::Message, 500, 0));
    assert_eq!(state(&p.world, p.server), ThreadState::Receiving as u64);
}

#[test]
fn queued_calls_are_received_in_order() {
    let mut p = pair();
    let second = p.world.started(255);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    p.world.turn_to(second);
    p.world.message(SystemCall::Call, p.gate, FULL, 200);
    p.world.turn_to(p.server);
    assert!(
        p.world
            .has_message(p.server, MessageKind::Message, 100, BADGE)
    );
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 0);
    p.world.turn_to(p.server);
    assert!(
        p.world
            .has_message(p.server, MessageKind::Message, 200, BADGE)
    );
}

#[test]
fn more_important_caller_is_received_first() {
    let mut p = pair();
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    let low = p.world.actor(10);
    let high = p.world.actor(200);
    for actor in [low, high] {
        p.world.start(actor);
    }
    let other = p.world.notification();
    p.world.message(SystemCall::Wait, other, FULL, 0);
    assert_eq!(p.world.current(), high.thread);
    p.world.message(SystemCall::Call, p.gate, FULL, 300);
    assert_eq!(p.world.current(), low.thread);
    p.world.message(SystemCall::Call, p.gate, FULL, 200);
    assert!(p.world.current().is_none());
}

#[test]
fn server_runs_with_the_priority_of_its_caller() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let gate = world.gate(endpoint, 1);
    let server = world.started(20);
    let client = world.started(90);
    let idle = world.notification();
    world.message(SystemCall::Wait, idle, FULL, 0);
    assert_eq!(world.current(), client.thread);
    world.message(SystemCall::Call, gate, FULL, 0);
    assert_eq!(world.current(), server.thread);
    assert_eq!(world.current_priority(), 20);
    world.message(SystemCall::Receive, endpoint, FULL, 0);
    assert_eq!(world.current(), server.thread);
    assert_eq!(world.current_priority(), 90);
    world.message(SystemCall::ReplyReceive, endpoint, FULL, 7);
    assert_eq!(world.current(), client.thread);
    assert_eq!(world.current_priority(), 90);
}

#[test]
fn tag_that_only_the_kernel_may_write_is_refused() {
    for kind in [
        MessageKind::OneWay,
        MessageKind::Signal,
        MessageKind::Fault,
        MessageKind::Refusal,
    ] {
        let p = pair();
        p.world
            .message(SystemCall::Call, p.gate, FULL.with_kind(kind), 100);
        assert_eq!(p.world.refusal(p.client), Some(Error::BadArgument));
        assert_eq!(state(&p.world, p.server), ThreadState::Receiving as u64);
    }
}

#[test]
fn refused_call_leaves_the_message_where_it_was() {
    let p = pair();
    p.world.message(SystemCall::Call, 0, FULL, 100);
    assert_eq!(p.world.refusal(p.client), Some(Error::BadHandle));
    assert!((0..16).all(|i| p.world.register(p.client.thread, i) == 100 + i));
}

#[test]
fn gate_without_the_right_to_send_is_refused() {
    let mut p = pair();
    let slot = p.world.slot();
    let rights = u64::from(Rights::GRANT.into_raw());
    p.world
        .kernel()
        .capability_copy(p.gate, World::destination(slot), rights)
        .expect("a copy");
    p.world.message(SystemCall::Call, slot, FULL, 0);
    assert_eq!(p.world.refusal(p.client), Some(Error::NoRight));
}

#[test]
fn polling_forms_refuse_to_wait() {
    let mut p = pair();
    let lonely = p.world.endpoint();
    let gate = p.world.gate(lonely, 0);
    for (call, handle) in [
        (SystemCall::TryCall, gate),
        (SystemCall::TrySend, gate),
        (SystemCall::TryReceive, lonely),
    ] {
        p.world.message(call, handle, FULL, 0);
        assert_eq!(
            p.world.refusal(p.client),
            Some(Error::WouldBlock),
            "{}",
            call.name()
        );
    }
    let quiet = p.world.notification();
    p.world.message(SystemCall::TryWait, quiet, FULL, 0);
    assert_eq!(p.world.refusal(p.client), Some(Error::WouldBlock));
}

#[test]
fn one_way_message_lets_the_sender_go_on() {
    let p = pair();
    p.world.message(SystemCall::Send, p.gate, FULL, 100);
    assert_eq!(p.world.current(), p.client.thread);
    assert_eq!(p.world.tag(p.client), Tag::default());
    p.world.turn_to(p.server);
    assert!(
        p.world
            .has_message(p.server, MessageKind::OneWay, 100, BADGE)
    );
    p.world.message(SystemCall::Reply, 0, FULL, 0);
    assert_eq!(p.world.refusal(p.server), Some(Error::NoCaller));
}

#[test]
fn queued_one_way_message_releases_its_sender_when_received() {
    let mut p = pair();
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    let sender = p.world.started(255);
    p.world.turn_to(sender);
    p.world.message(SystemCall::Send, p.gate, FULL, 200);
    assert_eq!(state(&p.world, sender), ThreadState::Sending as u64);
    p.world.turn_to(p.server);
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 0);
    assert!(
        p.world
            .has_message(p.server, MessageKind::OneWay, 200, BADGE)
    );
    assert_eq!(state(&p.world, sender), ThreadState::Ready as u64);
}

#[test]
fn server_that_did_not_answer_cannot_receive() {
    let p = pair();
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    p.world.message(SystemCall::Receive, p.endpoint, FULL, 0);
    assert_eq!(p.world.refusal(p.server), Some(Error::CallerWaits));
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 1);
    assert!(p.world.has_message(p.client, MessageKind::Message, 1, 0));
}

#[test]
fn call_that_is_refused_after_it_waited_has_no_words() {
    let mut p = pair();
    let killer = p.world.started(255);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    // The fast path leaves none of what the caller sent behind.
    for index in 0..16 {
        p.world.set_register(p.client.thread, index, 0xBAD);
    }
    p.world.turn_to(killer);
    p.world
        .kernel()
        .thread_stop(p.server.handle)
        .expect("it stops");
    p.world.leave();
    assert_eq!(p.world.refusal(p.client), Some(Error::Died));
    assert!((0..16).all(|index| p.world.register(p.client.thread, index) == 0));
}

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

#[test]
fn polling_receiver_that_turns_everybody_away_does_not_wait() {
    let mut world = World::new();
    let server = world.main();
    let endpoint = world.endpoint();
    let gate = world.gate(endpoint, 5);
    let client = world.started(255);
    let given = world.reply();
    world.turn_to(client);
    world.set_register(client.thread, 12, given);
    let tag = Tag::new(1, 96).with_capabilities(1);
    world.raw_message(SystemCall::Call, gate, tag, 0);
    assert_eq!(world.current(), server.thread);
    world.message(SystemCall::TryReceive, endpoint, FULL, 0);
    assert_eq!(world.refusal(server), Some(Error::WouldBlock));
    assert_eq!(world.refusal(client), Some(Error::NoSlots));
}

#[test]
fn capabilities_arrive_in_the_window() {
    let mut world = World::new();
    let client = world.main();
    let endpoint = world.endpoint();
    let gate = world.gate(endpoint, 5);
    let server = world.started(255);
    world.turn_to(server);
    let base = 200;
    let window = Window::new(base, 2).into_raw();
    world.message_with_window(SystemCall::Receive, endpoint, FULL, 0, window);
    let (one, two) = (world.notification(), world.reply());
    world.set_register(client.thread, 12, one);
    world.set_register(client.thread, 13, two);
    world.raw_message(
        SystemCall::Call,
        gate,
        Tag::new(1, 96).with_capabilities(2),
        0,
    );
    assert_eq!(world.current(), server.thread);
    assert_eq!(world.tag(server).capabilities(), 2);
    assert_eq!(world.register(server.thread, 12), u64::from(base));
    assert_eq!(world.register(server.thread, 13), u64::from(base) + 1);
    for (offset, kind) in [(0, Kind::Notification), (1, Kind::Reply)] {
        let place = World::destination(u64::from(base) + offset);
        let found = world.kernel().capability_inspect(place).expect("a slot");
        assert_eq!(found & 0xFF, kind as u64);
    }
}

#[test]
fn call_with_more_capabilities_than_the_window_takes_is_refused() {
    let p = pair();
    p.world.set_register(p.client.thread, 12, p.gate);
    p.world.raw_message(
        SystemCall::Call,
        p.gate,
        Tag::new(1, 0).with_capabilities(1),
        0,
    );
    assert_eq!(p.world.refusal(p.client), Some(Error::NoSlots));
    assert_eq!(state(&p.world, p.server), ThreadState::Receiving as u64);
}

#[test]
fn more_than_four_capabilities_are_refused() {
    let p = pair();
    for count in [5, 6, 7] {
        let tag = Tag::new(1, 0).with_capabilities(count);
        p.world.raw_message(SystemCall::Call, p.gate, tag, 0);
        assert_eq!(p.world.refusal(p.client), Some(Error::BadArgument));
    }
}

#[test]
fn reply_whose_capability_does_not_fit_arrives_with_the_true_count() {
    let p = pair();
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    p.world.set_register(p.server.thread, 12, p.gate);
    let tag = Tag::new(0, 0).with_capabilities(1);
    p.world
        .raw_message(SystemCall::ReplyReceive, p.endpoint, tag, 0);
    assert_eq!(p.world.current(), p.client.thread);
    assert_eq!(p.world.tag(p.client).capabilities(), 1);
    assert_eq!(p.world.register(p.client.thread, 12), 0);
}

#[test]
fn long_message_without_a_buffer_is_refused() {
    let p = pair();
    p.world
        .message(SystemCall::Call, p.gate, Tag::new(1, 1000).with_long(), 0);
    assert_eq!(p.world.refusal(p.client), Some(Error::NoBuffer));
}

#[test]
fn message_longer_than_the_buffer_is_refused() {
    let p = pair();
    p.world
        .message(SystemCall::Call, p.gate, Tag::new(1, 4097).with_long(), 0);
    assert_eq!(p.world.refusal(p.client), Some(Error::TooLong));
}

#[test]
fn long_reply_to_a_caller_without_a_buffer_does_not_trouble_the_server() {
    let mut p = pair();
    let lonely = p.world.started(255);
    p.world.turn_to(lonely);
    p.world.message(SystemCall::Call, p.gate, FULL, 0);
    p.world.turn_to(p.server);
    let frame = p
        .world
        .make(|kernel, region, place, to| kernel.create_frame(region, place, to));
    p.world
        .kernel()
        .thread_set_buffer(p.server.handle, frame)
        .expect("a buffer");
    p.world.message(
        SystemCall::ReplyReceive,
        p.endpoint,
        Tag::new(0, 200).with_long(),
        0,
    );
    assert_eq!(p.world.refusal(lonely), Some(Error::NoBuffer));
    assert_eq!(state(&p.world, p.server), ThreadState::Receiving as u64);
}

#[test]
fn saved_caller_is_answered_later() {
    let mut p = pair();
    let reply = p.world.reply();
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    p.world.kernel().save_caller(reply).expect("saved");
    p.world.leave();
    assert_eq!(p.world.kernel().save_caller(reply), Err(Error::InUse));
    p.world.message(SystemCall::TryReceive, p.endpoint, FULL, 0);
    assert_eq!(p.world.refusal(p.server), Some(Error::WouldBlock));
    p.world.message(SystemCall::ReplyTo, reply, FULL, 900);
    assert_eq!(p.world.tag(p.server), Tag::default());
    p.world.turn_to(p.client);
    assert!(p.world.has_message(p.client, MessageKind::Message, 900, 0));
    p.world.turn_to(p.server);
    p.world.message(SystemCall::ReplyTo, reply, FULL, 901);
    assert_eq!(p.world.refusal(p.server), Some(Error::NoCaller));
}

#[test]
fn saved_caller_that_dies_makes_the_reply_stale_once() {
    let mut p = pair();
    let reply = p.world.reply();
    let client = p.world.started(255);
    p.world.turn_to(client);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    p.world.turn_to(p.server);
    p.world.kernel().save_caller(reply).expect("saved");
    p.world.leave();
    p.world.kernel().destroy(client.handle).expect("destroyed");
    p.world.leave();
    p.world.turn_to(p.server);
    p.world.message(SystemCall::ReplyTo, reply, FULL, 0);
    assert_eq!(p.world.refusal(p.server), Some(Error::Died));
    p.world.message(SystemCall::ReplyTo, reply, FULL, 0);
    assert_eq!(p.world.refusal(p.server), Some(Error::NoCaller));
}

#[test]
fn answer_to_a_caller_that_stopped_is_dropped() {
    let mut p = pair();
    let client = p.world.started(255);
    p.world.turn_to(client);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    p.world.turn_to(p.server);
    p.world
        .kernel()
        .thread_stop(client.handle)
        .expect("stopped");
    p.world.leave();
    p.world.turn_to(p.server);
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 7);
    assert_eq!(state(&p.world, p.server), ThreadState::Receiving as u64);
    p.world
        .kernel()
        .thread_resume(client.handle)
        .expect("resumed");
    p.world.leave();
    assert_eq!(p.world.refusal(client), Some(Error::Died));
}

#[test]
fn answer_to_an_earlier_call_is_never_taken_for_a_later_one() {
    let mut p = pair();
    let client = p.world.started(255);
    p.world.turn_to(client);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    p.world.turn_to(p.client);
    p.world
        .kernel()
        .thread_stop(client.handle)
        .expect("stopped");
    p.world
        .kernel()
        .thread_resume(client.handle)
        .expect("resumed");
    p.world.leave();
    p.world.turn_to(client);
    assert_eq!(p.world.refusal(client), Some(Error::Died));
    p.world.message(SystemCall::Call, p.gate, FULL, 200);
    p.world.turn_to(p.server);
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 1);
    p.world.turn_to(p.server);
    assert!(
        p.world
            .has_message(p.server, MessageKind::Message, 200, BADGE)
    );
    assert_eq!(state(&p.world, client), ThreadState::Calling as u64);
}

#[test]
fn caller_of_a_server_that_dies_is_told_and_gets_its_time_back() {
    let mut p = pair();
    let other = p.world.started(255);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    p.world.turn_to(other);
    p.world
        .kernel()
        .destroy(p.server.handle)
        .expect("destroyed");
    p.world.leave();
    p.world.turn_to(p.client);
    assert_eq!(p.world.refusal(p.client), Some(Error::Died));
}

#[test]
fn server_that_dies_in_the_middle_of_a_chain_strands_nobody() {
    let mut p = pair();
    let endpoint = p.world.endpoint();
    let gate = p.world.gate(endpoint, 2);
    let last = p.world.started(255);
    p.world.turn_to(last);
    p.world.message(SystemCall::Receive, endpoint, FULL, 0);
    p.world.turn_to(p.client);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    assert_eq!(p.world.current(), p.server.thread);
    p.world.message(SystemCall::Call, gate, FULL, 200);
    assert_eq!(p.world.current(), last.thread);
    p.world
        .kernel()
        .destroy(p.server.handle)
        .expect("destroyed");
    p.world.leave();
    p.world.turn_to(p.client);
    assert_eq!(p.world.refusal(p.client), Some(Error::Died));
    p.world.turn_to(last);
    p.world.message(SystemCall::ReplyReceive, endpoint, FULL, 0);
    assert_eq!(state(&p.world, last), ThreadState::Receiving as u64);
}

#[test]
fn everybody_at_an_endpoint_that_dies_is_told() {
    let mut p = pair();
    let (queue, sink) = (p.world.endpoint(), p.world.endpoint());
    let gate = p.world.gate(queue, 0);
    let sender = p.world.started(255);
    p.world.turn_to(sender);
    p.world.message(SystemCall::Call, gate, FULL, 0);
    let receiver = p.world.started(255);
    p.world.turn_to(receiver);
    p.world.message(SystemCall::Receive, sink, FULL, 0);
    p.world.turn_to(p.client);
    for endpoint in [queue, sink] {
        p.world.kernel().destroy(endpoint).expect("destroyed");
        p.world.leave();
    }
    assert_eq!(p.world.refusal(sender), Some(Error::Died));
    assert_eq!(p.world.refusal(receiver), Some(Error::Died));
    p.world.turn_to(p.client);
    p.world.message(SystemCall::Call, gate, FULL, 0);
    assert_eq!(p.world.refusal(p.client), Some(Error::Died));
}

#[test]
fn only_senders_through_a_gate_that_dies_are_told() {
    let mut p = pair();
    let queue = p.world.endpoint();
    let gates = [p.world.gate(queue, 1), p.world.gate(queue, 2)];
    let senders = [p.world.started(255), p.world.started(255)];
    for (sender, gate) in senders.iter().zip(gates) {
        p.world.turn_to(*sender);
        p.world.message(SystemCall::Call, gate, FULL, 0);
    }
    p.world.turn_to(p.client);
    p.world.kernel().destroy(gates[0]).expect("destroyed");
    p.world.leave();
    assert_eq!(p.world.refusal(senders[0]), Some(Error::Died));
    assert_eq!(state(&p.world, senders[1]), ThreadState::Sending as u64);
    p.world.turn_to(p.client);
    p.world.message(SystemCall::Call, gates[0], FULL, 0);
    assert_eq!(p.world.refusal(p.client), Some(Error::Stale));
}

#[test]
fn signals_merge_until_somebody_looks() {
    let mut p = pair();
    let target = p.world.notification();
    let (one, two) = (p.world.gate(target, 0b01), p.world.gate(target, 0b10));
    for gate in [one, two, one] {
        p.world.kernel().signal(gate).expect("a signal");
    }
    p.world.message(SystemCall::Wait, target, FULL, 9);
    assert_eq!(p.world.tag(p.client).kind(), Some(MessageKind::Signal));
    assert_eq!(p.world.register(p.client.thread, 0), 0b11);
    assert_eq!(p.world.register(p.client.thread, 15), 0);
    p.world.message(SystemCall::TryWait, target, FULL, 0);
    assert_eq!(p.world.refusal(p.client), Some(Error::WouldBlock));
}

#[test]
fn second_waiter_is_refused() {
    let mut p = pair();
    let target = p.world.notification();
    let waiter = p.world.started(255);
    p.world.turn_to(waiter);
    p.world.message(SystemCall::Wait, target, FULL, 0);
    p.world.turn_to(p.client);
    p.world.message(SystemCall::Wait, target, FULL, 0);
    assert_eq!(p.world.refusal(p.client), Some(Error::InUse));
    p.world.kernel().destroy(target).expect("destroyed");
    p.world.leave();
    assert_eq!(p.world.refusal(waiter), Some(Error::Died));
}

#[test]
fn receive_also_sees_the_bound_notification() {
    let mut p = pair();
    let target = p.world.notification();
    let gate = p.world.gate(target, 8);
    p.world
        .kernel()
        .thread_bind(p.server.handle, target)
        .expect("bound");
    p.world.kernel().signal(gate).expect("a signal");
    p.world.leave();
    p.world.turn_to(p.server);
    assert_eq!(p.world.tag(p.server).kind(), Some(MessageKind::Signal));
    assert_eq!(p.world.register(p.server.thread, 0), 8);
    p.world.turn_to(p.client);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    p.world.turn_to(p.server);
    p.world.message(SystemCall::Receive, p.endpoint, FULL, 0);
    assert!(
        p.world
            .has_message(p.server, MessageKind::Message, 100, BADGE)
    );
    p.world.kernel().signal(gate).expect("a signal");
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 0);
    p.world.turn_to(p.server);
    assert_eq!(p.world.tag(p.server).kind(), Some(MessageKind::Signal));
}

#[test]
fn signal_lets_a_more_important_waiter_run_at_once() {
    let mut world = World::new();
    let target = world.notification();
    let gate = world.gate(target, 1);
    let waiter = world.started(255);
    world.turn_to(waiter);
    world.message(SystemCall::Wait, target, FULL, 0);
    let low = world.started(9);
    let idle = world.notification();
    world.message(SystemCall::Wait, idle, FULL, 0);
    assert_eq!(world.current(), low.thread);
    world.kernel().signal(gate).expect("a signal");
    world.leave();
    assert_eq!(world.current(), waiter.thread);
}

#[test]
fn slice_end_lets_the_next_of_the_same_priority_run() {
    let mut world = World::new();
    let main = world.main();
    let other = world.started(255);
    assert_eq!(world.current(), main.thread);
    world.kernel().slice_end();
    world.leave();
    assert_eq!(world.current(), other.thread);
    world.kernel().slice_end();
    world.leave();
    assert_eq!(world.current(), main.thread);
}

#[test]
fn fault_is_a_call_whose_answer_resumes() {
    let mut p = pair();
    let victim = p.world.actor(255);
    p.world
        .kernel()
        .thread_set_handler(victim.handle, p.gate)
        .expect("a handler");
    p.world.start(victim);
    p.world.turn_to(victim);
    p.world
        .kernel()
        .fault(FaultCause::DataAbort, 0xBAD, 0x9200_0045);
    p.world.leave();
    assert_eq!(p.world.current(), p.server.thread);
    assert_eq!(p.world.tag(p.server).kind(), Some(MessageKind::Fault));
    let words = [
        FaultCause::DataAbort as u64,
        0x1000,
        0xBAD,
        0x9200_0045,
        0x2000,
        0,
        7,
        0,
    ];
    for (index, word) in (0..).zip(words) {
        assert_eq!(p.world.register(p.server.thread, index), word);
    }
    assert_eq!(p.world.register(p.server.thread, 17), BADGE);
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, Tag::new(9, 0), 0);
    assert_eq!(p.world.refusal(p.server), Some(Error::BadArgument));
    let tag = Tag::new(FaultReply::ContinueAt as u16, 8);
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, tag, 0x5000);
    p.world.turn_to(victim);
    assert_eq!(p.world.register(victim.thread, 0), 7);
    assert_eq!(state(&p.world, victim), ThreadState::Ready as u64);
}

#[test]
fn fault_without_a_handler_stops_the_thread() {
    let mut p = pair();
    let victim = p.world.started(255);
    p.world.turn_to(victim);
    p.world
        .kernel()
        .fault(FaultCause::UndefinedInstruction, 0, 0);
    p.world.leave();
    assert_eq!(state(&p.world, victim), ThreadState::Stopped as u64);
}

#[test]
fn thread_whose_fault_handler_dies_stops() {
    let mut p = pair();
    let victim = p.world.actor(255);
    let queue = p.world.endpoint();
    let gate = p.world.gate(queue, 0);
    p.world
        .kernel()
        .thread_set_handler(victim.handle, gate)
        .expect("a handler");
    p.world.start(victim);
    p.world.turn_to(victim);
    p.world.kernel().fault(FaultCause::Alignment, 0, 0);
    p.world.leave();
    assert_eq!(state(&p.world, victim), ThreadState::Faulted as u64);
    p.world.kernel().destroy(queue).expect("destroyed");
    p.world.leave();
    assert_eq!(state(&p.world, victim), ThreadState::Stopped as u64);
}

#[test]
fn current_thread_cannot_stop_or_destroy_itself() {
    let p = pair();
    let kernel = p.world.kernel();
    assert_eq!(kernel.thread_stop(p.client.handle), Err(Error::Itself));
    assert_eq!(kernel.destroy(p.client.handle), Err(Error::Itself));
}

#[test]
fn destroyed_context_of_a_busy_server_leaves_it_on_its_own() {
    let mut p = pair();
    let client = p.world.started(255);
    p.world.turn_to(client);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    assert_eq!(p.world.current(), p.server.thread);
    p.world.kernel().destroy(client.context).expect("destroyed");
    p.world.leave();
    p.world.turn_to(p.server);
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 5);
    assert!(p.world.has_message(client, MessageKind::Message, 5, 0));
    p.world.turn_to(p.client);
    let time = ipc_abi::boot::FirstHandle::Time as u64;
    let fresh = p
        .world
        .make(|kernel, region, place, to| kernel.create_context(region, place, to, time, 255));
    p.world
        .kernel()
        .thread_set_context(client.handle, fresh)
        .expect("a new context");
    p.world.leave();
    p.world.turn_to(client);
}

#[test]
fn time_that_a_dead_server_owned_does_not_go_to_its_caller() {
    let mut p = pair();
    let endpoint = p.world.endpoint();
    let gate = p.world.gate(endpoint, 2);
    let last = p.world.started(255);
    p.world.turn_to(last);
    p.world.message(SystemCall::Receive, endpoint, FULL, 0);
    let client = p.world.started(255);
    p.world.turn_to(client);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    p.world.kernel().destroy(client.context).expect("destroyed");
    p.world.leave();
    p.world.turn_to(p.server);
    p.world.message(SystemCall::Call, gate, FULL, 200);
    p.world.turn_to(p.client);
    p.world
        .kernel()
        .destroy(p.server.handle)
        .expect("destroyed");
    p.world.leave();
    assert_eq!(p.world.refusal(client), Some(Error::Died));
    for _ in 0..8 {
        assert_ne!(p.world.current(), client.thread, "it has no time");
        p.world.kernel().r#yield().expect("yield");
        p.world.leave();
    }
}
