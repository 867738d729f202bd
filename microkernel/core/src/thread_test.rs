//! Facts about what a thread in the wrong state is refused, and about slices and timers that nobody
//! needs any more.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::ThreadState;
use ipc_abi::error::Error;
use ipc_abi::tag::MessageKind;
use ipc_abi::time::NEVER;

use crate::host::SLICE_TICKS;
use crate::ipc_test::{FULL, pair, state};
use crate::memory::Fields;
use crate::object::{core_state, pending, thread};
use crate::timer::GRANULE_SHIFT;
use crate::world::World;

#[test]
fn thread_is_started_when_it_has_time_and_does_not_run() {
    let mut world = World::new();
    let actor = world.actor(255);
    let start = |world: &World| world.kernel().thread_start(actor.handle, 0x1000, 0x2000, 7);
    assert_eq!(state(&world, actor), ThreadState::New as u64);
    let resumed = world.kernel().thread_resume(actor.handle);
    assert_eq!(resumed, Err(Error::NotStarted));
    world.kernel().destroy(actor.context).expect("it dies");
    world.leave();
    assert_eq!(start(&world), Err(Error::NoTime));
    let other = world.started(255);
    let again = world.kernel().thread_start(other.handle, 0x1000, 0x2000, 7);
    assert_eq!(again, Err(Error::NotStopped));
}

#[test]
fn context_that_runs_and_has_an_owner_is_given_to_nobody() {
    let mut world = World::new();
    let actor = world.actor(255);
    world.kernel().destroy(actor.context).expect("it dies");
    world.leave();
    let main = world.main();
    let given = world
        .kernel()
        .thread_set_context(actor.handle, main.context);
    assert_eq!(given, Err(Error::InUse));
}

#[test]
fn notification_is_bound_to_one_thread_and_tells_what_it_has() {
    let mut p = pair();
    let (target, other) = (p.world.notification(), p.world.notification());
    let gate = p.world.gate(target, 8);
    assert_eq!(p.world.kernel().signal(gate), Ok(0));
    let bind = |thread, target| {
        let answer = p.world.kernel().thread_bind(thread, target);
        p.world.leave();
        answer
    };
    assert_eq!(bind(p.server.handle, target), Ok(0));
    assert_eq!(bind(p.client.handle, target), Err(Error::InUse));
    assert_eq!(bind(p.server.handle, other), Err(Error::InUse));
    p.world.turn_to(p.server);
    assert_eq!(p.world.tag(p.server).kind(), Some(MessageKind::Signal));
    assert_eq!(p.world.register(p.server.thread, 0), 8);
}

#[test]
fn thread_without_time_is_bound_to_nothing() {
    let mut world = World::new();
    let actor = world.actor(255);
    let target = world.notification();
    world.kernel().destroy(actor.context).expect("it dies");
    world.leave();
    let bound = world.kernel().thread_bind(actor.handle, target);
    assert_eq!(bound, Err(Error::NoTime));
}

#[test]
fn call_goes_to_the_first_of_two_servers() {
    let mut p = pair();
    let second = p.world.started(255);
    p.world.turn_to(second);
    p.world.message(SystemCall::Receive, p.endpoint, FULL, 0);
    p.world.message(SystemCall::Call, p.gate, FULL, 100);
    assert_eq!(p.world.current(), second.thread);
    assert_eq!(state(&p.world, p.server), ThreadState::Receiving as u64);
}

#[test]
fn nobody_yields_on_an_idle_core() {
    let world = World::new();
    world.sleep(NEVER);
    assert!(world.current().is_none());
    assert_eq!(world.kernel().r#yield(), Ok(0));
    world.leave();
    assert!(world.current().is_none());
}

#[test]
fn slice_of_a_context_that_died_ends_on_an_idle_core() {
    let mut world = World::new();
    let main = world.main();
    let other = world.started(255);
    world.kernel().destroy(main.context).expect("it dies");
    world.leave();
    assert_eq!(world.current(), other.thread);
    world.sleep(NEVER);
    world.pass(2 * SLICE_TICKS);
    assert!(world.current().is_none());
    let kernel = world.kernel();
    assert_eq!(kernel.memory.get(kernel.core(), core_state::SLICE), 0);
}

#[test]
fn sleepers_that_an_interrupt_left_wake_at_the_next_way_out() {
    let mut world = World::new();
    let when = world.now() + 10_000;
    let sleepers = [world.started(255), world.started(255), world.started(255)];
    for sleeper in sleepers {
        world.turn_to(sleeper);
        world.sleep(when);
    }
    world.host.memory.pass(10_000 + (1 << GRANULE_SHIFT));
    world.host.memory.quiet_runs.set(0);
    world.kernel().timer_fired();
    world.host.memory.quiet_runs.set(u64::MAX);
    let awake = |world: &World| {
        let is_awake = |it| state(world, it) == ThreadState::Ready as u64;
        sleepers.into_iter().filter(|&it| is_awake(it)).count()
    };
    assert_ne!(awake(&world), 3);
    world.leave();
    world.pass(0);
    assert_eq!(awake(&world), 3);
}

#[test]
fn timer_that_fired_is_left_to_the_way_out() {
    let world = World::new();
    let kernel = world.kernel();
    kernel.note_timer();
    let pending = kernel.memory.get(kernel.core(), core_state::PENDING);
    assert_ne!(pending & pending::TIMER, 0);
    world.leave();
}

#[test]
fn slice_goes_on_when_the_timer_fires_for_somebody_else() {
    let mut world = World::new();
    let main = world.main();
    let sleeper = world.started(255);
    world.turn_to(sleeper);
    world.sleep(world.now() + 10_000);
    world.started(255);
    assert_eq!(world.current(), main.thread);
    world.pass(10_000 + (1 << GRANULE_SHIFT));
    assert_eq!(state(&world, sleeper), ThreadState::Ready as u64);
    assert_eq!(world.current(), main.thread);
}

#[test]
fn sleeper_of_a_far_future_stays_in_the_wheel() {
    for far in [20, 40, 60] {
        let mut world = World::new();
        let sleepers = [(1 << far, world.started(255)), (10_000, world.started(255))];
        for (until, sleeper) in sleepers {
            world.turn_to(sleeper);
            world.sleep(world.now() + until);
        }
        world.pass(10_000 + (1 << GRANULE_SHIFT));
        assert_eq!(state(&world, sleepers[1].1), ThreadState::Ready as u64);
        let kernel = world.kernel();
        assert_ne!(kernel.memory.get(kernel.core(), core_state::TIMED), 0);
    }
}

#[test]
fn thread_that_is_stopped_between_two_instructions_keeps_its_registers() {
    let mut world = World::new();
    let other = world.started(255);
    world.turn_to(other);
    let kernel = world.kernel();
    for index in 0..31 {
        world.set_register(other.thread, index, 100 + index);
    }
    kernel.memory.set(other.thread, thread::PSTATE, 1 << 28);
    kernel.r#yield().expect("yield");
    world.leave();
    assert_eq!(kernel.thread_stop(other.handle), Ok(0));
    world.leave();
    assert!((0..31).all(|index| kernel.thread_read(other.handle, index) == Ok(100 + index)));
    assert_eq!(kernel.memory.get(other.thread, thread::PSTATE), 1 << 28);
}

#[test]
fn thread_that_is_stopped_in_a_function_call_has_its_answer_and_nothing_of_before() {
    let mut world = World::new();
    let other = world.started(255);
    world.turn_to(other);
    for index in 0..19 {
        world.set_register(other.thread, index, 100 + index);
    }
    assert_eq!(world.function(|k| k.r#yield().into()), Ok(0));
    let kernel = world.kernel();
    assert_eq!(kernel.thread_stop(other.handle), Ok(0));
    world.leave();
    assert!((0..19).all(|index| kernel.thread_read(other.handle, index) == Ok(0)));
    assert_eq!(kernel.memory.get(other.thread, thread::PSTATE), 0);
}
