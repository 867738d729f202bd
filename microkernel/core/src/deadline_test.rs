//! Facts about deadlines and sleep.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::ThreadState;
use ipc_abi::error::Error;
use ipc_abi::tag::MessageKind;
use ipc_abi::time::NEVER;

use crate::ipc_test::{BADGE, FULL, Pair, pair, state};
use crate::memory::Fields;
use crate::object::{core_state, special, thread};
use crate::timer::GRANULE_SHIFT;
use crate::world::{Actor, World};

const SOON: u64 = 10_007;
const GRANULE: u64 = 1 << GRANULE_SHIFT;

/// Nothing of a deadline is left: no mark, and no wheel has an entry.
fn assert_no_timer(world: &World, actor: Actor) {
    let kernel = world.kernel();
    let marks = kernel.memory.get(actor.thread, thread::SPECIAL);
    assert_eq!(marks & special::DEADLINE, 0);
    assert_eq!(kernel.memory.get(kernel.core(), core_state::TIMED), 0);
}

/// `waiter` waits until `when`, and is refused then: never before, at most a granule later.
fn assert_times_out(world: &World, waiter: Actor, waiting: ThreadState, when: u64) {
    world.pass(when - 1 - world.now());
    assert_eq!(state(world, waiter), waiting as u64);
    world.pass(GRANULE);
    assert_eq!(state(world, waiter), ThreadState::Ready as u64);
    assert_eq!(world.refusal(waiter), Some(Error::TimedOut));
    assert!((0..16).all(|index| world.register(waiter.thread, index) == 0));
    assert_no_timer(world, waiter);
}

/// A client beside the main thread that calls the pair's server with a deadline.
fn calling(p: &mut Pair) -> (Actor, u64) {
    let client = p.world.started(255);
    p.world.turn_to(client);
    let when = p.world.now() + SOON;
    p.world
        .message_until(SystemCall::CallUntil, p.gate, 7, when);
    (client, when)
}

#[test]
fn sleep_lasts_until_its_time() {
    let mut world = World::new();
    let main = world.main();
    let sleeper = world.started(255);
    world.turn_to(sleeper);
    let when = world.now() + SOON;
    world.sleep(when);
    assert_eq!(world.current(), main.thread);
    world.pass(SOON - 1);
    assert_ne!(state(&world, sleeper), ThreadState::Ready as u64);
    world.pass(GRANULE);
    assert_eq!(state(&world, sleeper), ThreadState::Ready as u64);
    assert_no_timer(&world, sleeper);
}

#[test]
fn timer_that_is_set_for_a_deadline_that_went_serves_a_later_one() {
    let mut world = World::new();
    let first = world.started(255);
    world.turn_to(first);
    world.sleep(world.now() + SOON);
    world.kernel().thread_stop(first.handle).expect("stopped");
    world.leave();
    assert_no_timer(&world, first);
    let sleeper = world.started(255);
    world.turn_to(sleeper);
    let armed = || {
        let kernel = world.kernel();
        kernel.memory.get(kernel.core(), core_state::ARMED)
    };
    let before = armed();
    world.sleep(world.now() + 3 * SOON);
    assert_eq!(armed(), before);
    world.pass(3 * SOON - 1);
    assert_ne!(state(&world, sleeper), ThreadState::Ready as u64);
    world.pass(GRANULE);
    assert_eq!(state(&world, sleeper), ThreadState::Ready as u64);
    assert_no_timer(&world, sleeper);
}

#[test]
fn sleep_until_the_past_or_now_is_none() {
    let world = World::new();
    let main = world.main();
    for when in [0, world.now() - 1, world.now()] {
        world.sleep(when);
        assert_eq!(world.current(), main.thread);
    }
    assert_no_timer(&world, main);
}

#[test]
fn sleeper_without_end_can_be_stopped_and_goes_on() {
    let mut world = World::new();
    let main = world.main();
    for when in [NEVER - 1, NEVER, u64::MAX] {
        let sleeper = world.started(255);
        world.turn_to(sleeper);
        world.sleep(when);
        world.pass(1 << 22);
        assert_eq!(world.current(), main.thread);
        world.kernel().thread_stop(sleeper.handle).expect("stopped");
        world.leave();
        assert_no_timer(&world, sleeper);
        world
            .kernel()
            .thread_resume(sleeper.handle)
            .expect("resumed");
        world.leave();
        assert_eq!(state(&world, sleeper), ThreadState::Ready as u64);
        world.kernel().destroy(sleeper.handle).expect("destroyed");
        world.leave();
    }
}

#[test]
fn call_that_is_served_times_out_and_its_answer_is_dropped() {
    let mut p = pair();
    let (client, when) = calling(&mut p);
    p.world.turn_to(p.client);
    assert_times_out(&p.world, client, ThreadState::Calling, when);
    p.world.turn_to(p.server);
    assert!(
        p.world
            .has_message(p.server, MessageKind::Message, 7, BADGE)
    );
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 70);
    assert_eq!(state(&p.world, p.server), ThreadState::Receiving as u64);
    assert_eq!(p.world.refusal(client), Some(Error::TimedOut));
}

#[test]
fn call_that_is_queued_times_out() {
    let mut p = pair();
    p.world.message(SystemCall::Call, p.gate, FULL, 1);
    let client = p.world.current();
    assert_eq!(client, p.server.thread);
    p.world.message(SystemCall::Reply, 0, FULL, 1);
    p.world.turn_to(p.client);
    let (client, when) = calling(&mut p);
    p.world.turn_to(p.client);
    assert_times_out(&p.world, client, ThreadState::Sending, when);
}

#[test]
fn caller_that_was_saved_times_out_and_its_reply_is_stale() {
    let mut p = pair();
    let reply = p.world.reply();
    let (client, when) = calling(&mut p);
    p.world.turn_to(p.server);
    p.world.kernel().save_caller(reply).expect("saved");
    p.world.leave();
    p.world.turn_to(p.client);
    assert_times_out(&p.world, client, ThreadState::Calling, when);
    p.world.turn_to(p.server);
    p.world.message(SystemCall::ReplyTo, reply, FULL, 1);
    assert_eq!(p.world.refusal(p.server), Some(Error::Died));
}

#[test]
fn caller_that_timed_out_is_not_saved() {
    let mut p = pair();
    let reply = p.world.reply();
    let (_, when) = calling(&mut p);
    p.world.turn_to(p.client);
    p.world.pass(when + GRANULE - p.world.now());
    p.world.turn_to(p.server);
    let saved = p.world.kernel().save_caller(reply);
    p.world.leave();
    assert_eq!(saved, Err(Error::Died));
}

#[test]
fn receive_and_wait_time_out() {
    for call in [SystemCall::ReceiveUntil, SystemCall::WaitUntil] {
        let mut world = World::new();
        let (waiting, target) = if call == SystemCall::WaitUntil {
            (ThreadState::Waiting, world.notification())
        } else {
            (ThreadState::Receiving, world.endpoint())
        };
        let main = world.main();
        let waiter = world.started(255);
        world.turn_to(waiter);
        let when = world.now() + SOON;
        world.message_until(call, target, 7, when);
        assert_eq!(world.current(), main.thread);
        assert_times_out(&world, waiter, waiting, when);
    }
}

#[test]
fn what_comes_in_time_leaves_no_timer() {
    let mut p = pair();
    let (client, when) = calling(&mut p);
    p.world.turn_to(p.server);
    p.world
        .message(SystemCall::ReplyReceive, p.endpoint, FULL, 70);
    assert!(p.world.has_message(client, MessageKind::Message, 70, 0));
    assert_no_timer(&p.world, client);
    p.world.turn_to(p.client);
    p.world.pass(when + GRANULE - p.world.now());
    assert!(p.world.has_message(client, MessageKind::Message, 70, 0));

    let target = p.world.notification();
    let gate = p.world.gate(target, 2);
    let waiter = p.world.started(255);
    p.world.turn_to(waiter);
    let when = p.world.now() + SOON;
    p.world
        .message_until(SystemCall::WaitUntil, target, 7, when);
    p.world.turn_to(p.client);
    p.world.kernel().signal(gate).expect("a signal");
    p.world.leave();
    assert_eq!(p.world.tag(waiter).kind(), Some(MessageKind::Signal));
    assert_no_timer(&p.world, waiter);
}

/// With a deadline, `wait` is a message call: a signal replaces all that the waiter has in the registers
/// of the message, which `wait` as a function leaves to its caller.
#[test]
fn signal_in_time_replaces_the_whole_message() {
    let mut world = World::new();
    let target = world.notification();
    let gate = world.gate(target, 2);
    let waiter = world.started(255);
    world.turn_to(waiter);
    let when = world.now() + SOON;
    world.message_until(SystemCall::WaitUntil, target, 7, when);
    assert_ne!(world.register(waiter.thread, 1), 0, "its message is there");
    world.kernel().signal(gate).expect("a signal");
    world.leave();
    assert_eq!(world.register(waiter.thread, 0), 2);
    for index in (1..16).chain(17..19) {
        assert_eq!(world.register(waiter.thread, index), 0, "x{index}");
    }
    assert_eq!(world.tag(waiter).kind(), Some(MessageKind::Signal));
}

#[test]
fn receiver_with_a_deadline_serves_whoever_comes_in_time() {
    let mut world = World::new();
    let main = world.main();
    let endpoint = world.endpoint();
    let gate = world.gate(endpoint, BADGE);
    let server = world.started(255);
    world.turn_to(server);
    let when = world.now() + SOON;
    world.message_until(SystemCall::ReceiveUntil, endpoint, 7, when);
    assert_eq!(world.current(), main.thread);
    world.message(SystemCall::Call, gate, FULL, 5);
    assert!(world.has_message(server, MessageKind::Message, 5, BADGE));
    assert_no_timer(&world, server);
}

#[test]
fn deadline_that_has_passed_takes_only_what_is_there() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let gate = world.gate(endpoint, BADGE);
    let target = world.notification();
    let signal = world.gate(target, 2);
    let main = world.main();
    let past = world.now();
    for (call, handle) in [
        (SystemCall::CallUntil, gate),
        (SystemCall::ReceiveUntil, endpoint),
        (SystemCall::WaitUntil, target),
    ] {
        world.message_until(call, handle, 7, past);
        assert_eq!(world.refusal(main), Some(Error::TimedOut));
        assert_eq!(world.current(), main.thread);
    }
    world.kernel().signal(signal).expect("a signal");
    world.leave();
    world.message_until(SystemCall::WaitUntil, target, 7, past);
    assert_eq!(world.tag(main).kind(), Some(MessageKind::Signal));
    let client = world.started(255);
    world.turn_to(client);
    world.message(SystemCall::Call, gate, FULL, 5);
    world.turn_to(main);
    world.message_until(SystemCall::ReceiveUntil, endpoint, 7, past);
    assert!(world.has_message(main, MessageKind::Message, 5, BADGE));
}

#[test]
fn deadline_from_never_on_is_none() {
    for never in [NEVER, u64::MAX] {
        let mut p = pair();
        let client = p.world.started(255);
        p.world.turn_to(client);
        p.world
            .message_until(SystemCall::CallUntil, p.gate, 7, never);
        assert_no_timer(&p.world, client);
        p.world.turn_to(p.client);
        p.world.pass(1 << 22);
        assert_eq!(state(&p.world, client), ThreadState::Calling as u64);
    }
}
