//! Facts about answers that come late, signals, faults and deaths.

extern crate std;

use ipc_abi::boot::FirstHandle;
use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Rights, ThreadState};
use ipc_abi::debug::thread_flag;
use ipc_abi::error::Error;
use ipc_abi::fault::{FaultCause, FaultReply};
use ipc_abi::tag::{MessageKind, Tag};

use crate::host::SLICE_TICKS;
use crate::ipc_test::{BADGE, FULL, pair, state};
use crate::object::{Endpoint, Number, UNITS_PER_FRAME};
use crate::world::World;

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
    const INCARNATION: u64 = 7;
    let mut p = pair();
    let other = p.world.started(255);
    let flags = INCARNATION << thread_flag::INCARNATION_SHIFT;
    p.world.set_flags(p.server, flags);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    p.world.turn_to(other);
    p.world
        .kernel()
        .destroy(p.server.handle)
        .expect("destroyed");
    p.world.leave();
    p.world.turn_to(p.client);
    assert_eq!(p.world.refusal(p.client), Some(Error::Died));
    assert_eq!(p.world.register(p.client.thread, 17), INCARNATION);
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
    world.pass(SLICE_TICKS);
    world.leave();
    assert_eq!(world.current(), other.thread);
    world.pass(SLICE_TICKS);
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
    let time = FirstHandle::Time as u64;
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

#[test]
fn gate_that_dies_does_not_lead_to_an_endpoint_that_is_gone() {
    let mut world = World::new();
    let main = world.main();
    let (endpoint, target) = (world.endpoint(), world.notification());
    let (gate, bell) = (world.gate(endpoint, 1), world.gate(target, 2));
    let (server, served, waiting) = (world.started(255), world.started(255), world.started(255));
    world.turn_to(server);
    world.message(SystemCall::Receive, endpoint, FULL, 0);
    world.turn_to(served);
    world.message(SystemCall::Call, gate, FULL, 0);
    world.turn_to(waiting);
    world.message(SystemCall::Call, gate, FULL, 0);
    world.turn_to(server);
    world.wait(target);
    world.turn_to(main);
    let kernel = world.kernel();
    let place: Number<Endpoint> = kernel.find(endpoint, Rights::NONE).expect("an endpoint");
    // No way out of the kernel comes to the gate: as if much were dying before it.
    assert_eq!(kernel.destroy(gate), Ok(0));
    assert_eq!(kernel.destroy(endpoint), Ok(0));
    let memory = FirstHandle::Memory as u64;
    let to = World::destination(200);
    let first = place.frame().0 * UNITS_PER_FRAME;
    if kernel.create_frame(memory, first, to).is_ok() {
        world.host.memory.scribble(place.frame(), 7);
    }
    assert_eq!(kernel.signal(bell), Ok(0));
    world.leave();
    assert_eq!(world.refusal(waiting), Some(Error::Died));
}
