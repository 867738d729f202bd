//! Facts about messages, replies, signals and deaths.

extern crate std;

use std::vec::Vec;

use ipc_abi::call::{SystemCall, Window};
use ipc_abi::capability::{Kind, Rights, ThreadState};
use ipc_abi::error::Error;
use ipc_abi::tag::{MessageKind, Tag};

use crate::world::{Actor, World};

/// A tag of a full message in registers.
pub(crate) const FULL: Tag = Tag::new(3, 128);

/// A server that waits at an endpoint, a gate to it, and the main thread current.
pub(crate) struct Pair {
    pub(crate) world: World,
    pub(crate) server: Actor,
    pub(crate) client: Actor,
    pub(crate) endpoint: u64,
    pub(crate) gate: u64,
}

pub(crate) const BADGE: u64 = 0x1234_5678_9ABC_DEF0;

pub(crate) fn pair() -> Pair {
    pair_with(Window::new(0, 0))
}

/// [`pair`], with a window of the server for capabilities.
pub(crate) fn pair_with(window: Window) -> Pair {
    let mut world = World::new();
    let client = world.main();
    let endpoint = world.endpoint();
    let gate = world.gate(endpoint, BADGE);
    let server = world.started(255);
    world.turn_to(server);
    world.message_with_window(SystemCall::Receive, endpoint, FULL, 0, window.into_raw());
    assert_eq!(world.current(), client.thread);
    Pair {
        world,
        server,
        client,
        endpoint,
        gate,
    }
}

pub(crate) fn state(world: &World, actor: Actor) -> u64 {
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
    let base = 200;
    let Pair {
        mut world,
        server,
        client,
        gate,
        ..
    } = pair_with(Window::new(base, 2));
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
fn messages_behind_those_that_were_turned_away_are_taken() {
    let mut p = pair();
    let senders: Vec<Actor> = (0..12).map(|_| p.world.started(255)).collect();
    assert_eq!(
        p.world.function(|k| k.destroy(p.server.context).into()),
        Ok(0)
    );
    p.world.turn_to(p.client);
    p.world.message(SystemCall::Call, p.gate, FULL, 0);
    for (index, sender) in senders.iter().enumerate() {
        p.world.turn_to(*sender);
        // The server declares no window: only the last message can be taken.
        let count = u64::from(index != senders.len() - 1);
        p.world.set_register(sender.thread, 12, p.gate);
        let first = p.gate.wrapping_sub(12);
        p.world.message(
            SystemCall::Call,
            p.gate,
            FULL.with_capabilities(count),
            first,
        );
    }
    p.world.turn_to(p.server);
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 0);
    p.world.turn_to(p.server);
    let (last, others) = senders.split_last().expect("a sender");
    assert!(
        others
            .iter()
            .all(|it| p.world.refusal(*it) == Some(Error::NoSlots))
    );
    assert_eq!(state(&p.world, *last), ThreadState::Calling as u64);
    assert!(
        p.world
            .has_message(p.server, MessageKind::Message, p.gate - 12, BADGE)
    );
}

#[test]
fn four_capabilities_are_taken() {
    let p = pair_with(Window::new(200, 4));
    for word in 12..16 {
        p.world.set_register(p.client.thread, word, p.gate);
    }
    let tag = Tag::new(1, 96).with_capabilities(4);
    p.world.raw_message(SystemCall::Call, p.gate, tag, 0);
    assert_eq!(p.world.current(), p.server.thread);
    for word in 12..16 {
        assert_eq!(p.world.register(p.server.thread, word), 188 + word);
    }
}

#[test]
fn polling_receiver_takes_a_signal_that_waits() {
    let mut world = World::new();
    let main = world.main();
    let (endpoint, target) = (world.endpoint(), world.notification());
    let bell = world.gate(target, 6);
    assert_eq!(world.kernel().thread_bind(main.handle, target), Ok(0));
    assert_eq!(world.kernel().signal(bell), Ok(0));
    world.message(SystemCall::TryReceive, endpoint, FULL, 0);
    assert_eq!(world.tag(main).kind(), Some(MessageKind::Signal));
    assert_eq!(world.register(main.thread, 0), 6);
}
