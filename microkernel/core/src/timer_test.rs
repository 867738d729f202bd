//! The timing wheels against a list, and who pays for the sleepers of others.

extern crate std;

use std::vec::Vec;

use ipc_abi::boot::FirstHandle;
use ipc_abi::call::Place;
use ipc_abi::time::NEVER;
use proptest::prelude::*;

use crate::host::HostMachine;
use crate::memory::{Fields, Memory};
use crate::object::{UNITS_PER_FRAME, core_state, thread, wait};
use crate::timer::{GRANULE_SHIFT, TIMER_STEPS};
use crate::world::{Actor, World};

/// How many threads sleep in the random test.
const ACTORS: usize = 20;

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// An actor, if it is awake, sleeps for some ticks.
    Sleep(usize, u64),
    /// An actor is stopped and goes on.
    Wake(usize),
    /// Ticks pass.
    Pass(u64),
}

/// Times of every magnitude.
fn ticks() -> impl Strategy<Value = u64> {
    (0..40_u32, 0..=u64::MAX).prop_map(|(bits, value)| value & ((1 << bits) - 1))
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0..ACTORS, ticks()).prop_map(|(index, ticks)| Act::Sleep(index, ticks)),
        1 => (0..ACTORS).prop_map(Act::Wake),
        2 => ticks().prop_map(Act::Pass),
    ]
}

/// Lets ticks pass at once, and the timer fire then until it is set for later.
fn jump(world: &World, ticks: u64) {
    let kernel = world.kernel();
    world.host.memory.pass(ticks);
    while kernel.memory.get(kernel.core(), core_state::ARMED) <= world.now() {
        kernel.timer_fired();
        world.leave();
    }
}

/// Whether an actor sleeps.
fn is_asleep(world: &World, actor: Actor) -> bool {
    world.kernel().memory.get(actor.thread, thread::WAIT) == wait::SLEEP
}

/// Whether `when` has come: the granule in which it has passed begins.
fn has_come(when: u64, now: u64) -> bool {
    when.div_ceil(1 << GRANULE_SHIFT) <= now >> GRANULE_SHIFT
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// After each interrupt exactly those sleep whose time has not come.
    #[test]
    fn wheel_wakes_everybody_in_its_granule(acts in proptest::collection::vec(act(), 1..120)) {
        let mut world = World::new();
        let actors: Vec<Actor> = (0..ACTORS).map(|_| world.started(255)).collect();
        let mut until = [0_u64; ACTORS];
        for act in acts {
            match act {
                Act::Sleep(index, ticks) if !is_asleep(&world, actors[index]) => {
                    world.turn_to(actors[index]);
                    until[index] = world.now() + ticks;
                    world.sleep(until[index]);
                    world.turn_to(world.main());
                }
                Act::Sleep(..) => {}
                Act::Wake(index) => {
                    let handle = actors[index].handle;
                    world.turn_to(world.main());
                    world.kernel().thread_stop(handle).expect("it stops");
                    world.leave();
                    world.kernel().thread_resume(handle).expect("it goes on");
                    world.leave();
                    until[index] = 0;
                }
                Act::Pass(ticks) => jump(&world, ticks),
            }
            for (actor, when) in actors.iter().zip(until) {
                let is_late = is_asleep(&world, *actor) && has_come(when, world.now());
                let is_early = !is_asleep(&world, *actor) && when > world.now();
                prop_assert!(!is_late && !is_early, "until {when}, now {}", world.now());
            }
        }
    }
}

/// How many sleep in the test of many.
const SLEEPERS: u64 = 10_000;
/// Frames for them: half of one for each thread, an eighth for each context.
const FRAMES: u64 = SLEEPERS / 2 + SLEEPERS / 8 + 512;

/// A machine on which many threads of low priority are ready, and the first process's is current.
fn crowded() -> HostMachine {
    let host = HostMachine::new(FRAMES);
    host.boot().expect("it boots");
    let kernel = host.kernel();
    let memory = FirstHandle::Memory as u64;
    let region = kernel.region_inspect(memory).expect("a region");
    let end = (region & ((1 << 34) - 1)) + (region >> 34);
    let first = end - SLEEPERS / 2 - SLEEPERS / 8;
    let contexts = (first + SLEEPERS / 2) * UNITS_PER_FRAME;
    let slot = ipc_abi::boot::FIRST_FREE_SLOT;
    let place = |slot| Place::new(FirstHandle::Table as u32, slot).into_raw();
    let (table, space) = (FirstHandle::Table as u64, FirstHandle::Space as u64);
    let time = FirstHandle::Time as u64;
    let (thread, context) = (u64::from(slot), u64::from(slot) + 1);
    for index in 0..SLEEPERS {
        let at = first * UNITS_PER_FRAME + index * 32;
        let done = kernel.create_thread(memory, at, place(slot), table, space);
        assert_eq!(done, Ok(0));
        let at = contexts + index * 8;
        let done = kernel.create_context(memory, at, place(slot + 1), time, 10);
        assert_eq!(done, Ok(0));
        assert_eq!(kernel.thread_set_context(thread, context), Ok(0));
        assert_eq!(kernel.thread_start(thread, 0x1000, 0x2000, 0), Ok(0));
        host.drain_all();
        for slot in [slot, slot + 1] {
            assert_eq!(kernel.capability_delete(place(slot)), Ok(0));
        }
    }
    host
}

/// The timer, if it is set for less than `end`, fires; how many contexts of low priority became ready.
fn fire(host: &HostMachine, end: u64) -> Option<u64> {
    let kernel = host.kernel();
    let armed = kernel.memory.get(kernel.core(), core_state::ARMED);
    if armed > end {
        return None;
    }
    host.memory.pass(armed.saturating_sub(kernel.memory.now()));
    let before = queued(host);
    kernel.timer_fired();
    let woken = queued(host) - before;
    host.drain_all();
    Some(woken)
}

/// How many contexts are queued with the priority of the sleepers, or current.
fn queued(host: &HostMachine) -> u64 {
    let kernel = host.kernel();
    let mut at = kernel
        .memory
        .link(kernel.core(), core_state::QUEUE_HEAD.at(10));
    let mut count = u64::from(!kernel.current().is_none());
    while !at.is_none() {
        count += 1;
        at = kernel.memory.link(at, crate::object::context::NEXT);
    }
    count
}

#[test]
fn ten_thousand_sleepers_cost_the_important_nothing() {
    const SPREAD: u64 = 1 << 20;
    let host = crowded();
    let kernel = host.kernel();
    let main = kernel.current();
    assert_eq!(kernel.sleep(1 << 24), Ok(0));
    host.drain_all();
    // Each falls asleep in its turn, for a time of the next 2^20 ticks.
    let start = kernel.memory.now() + (1 << 25);
    for index in 0..SLEEPERS {
        assert_ne!(kernel.current(), main);
        let when = start + index.wrapping_mul(0x9E37_79B9_7F4A_7C15) % SPREAD;
        assert_eq!(kernel.sleep(when), Ok(0));
        host.drain_all();
    }
    assert!(kernel.current().is_none());
    while kernel.current() != main {
        assert!(fire(&host, NEVER).is_some());
    }
    // While an important thread runs, no interrupt comes for all those whose time has come.
    assert_eq!(fire(&host, start + 2 * SPREAD), None);
    host.memory.pass(start + SPREAD - kernel.memory.now());
    assert_eq!(kernel.r#yield(), Ok(0));
    host.drain_all();
    assert_eq!(queued(&host), 1);
    // An important sleeper is served at once among them, and each interrupt wakes only a few.
    let when = kernel.memory.now() + 5_000;
    assert_eq!(kernel.sleep(when), Ok(0));
    host.drain_all();
    let (mut woken, mut fired) = (0, 0);
    while kernel.current() != main {
        let count = fire(&host, NEVER).expect("a timer");
        assert!(count <= TIMER_STEPS);
        woken += count;
        fired += 1;
    }
    assert!(fired * TIMER_STEPS >= woken);
    assert!(kernel.memory.now() <= when + (1 << GRANULE_SHIFT));
    // In the end all wake.
    assert_eq!(kernel.sleep(NEVER), Ok(0));
    host.drain_all();
    while kernel.memory.get(kernel.core(), core_state::TIMED) != 0 {
        assert!(fire(&host, NEVER).is_some());
    }
    assert_eq!(queued(&host), SLEEPERS);
    kernel
        .check_all(host.memory.frames())
        .expect("the invariants hold");
}

#[test]
fn timer_of_a_lonely_sleeper_is_set_for_its_granule_however_long_nobody_slept() {
    let world = World::new();
    world.host.memory.pass(1 << 30);
    let when = (1 << 30) + (5 << GRANULE_SHIFT);
    world.sleep(when);
    let kernel = world.kernel();
    let armed = kernel.memory.get(kernel.core(), core_state::ARMED);
    assert_eq!(armed, when);
}

#[test]
fn timer_that_is_stopped_leaves_those_whose_slots_are_alike() {
    // What the map has in different words, at the same place: 8 levels further.
    for levels in [[0, 8], [8, 16], [0, 16]] {
        let mut world = World::new();
        let actors = [(); 3].map(|()| world.started(255));
        let base = world.now() >> GRANULE_SHIFT;
        let [first, second, stopped] = actors;
        for (actor, level) in [(first, levels[0]), (second, levels[1]), (stopped, 1)] {
            world.turn_to(actor);
            world.sleep((base + (3 << (3 * level))) << GRANULE_SHIFT);
        }
        assert_eq!(world.kernel().thread_stop(stopped.handle), Ok(0));
        world.leave();
        jump(&world, (4 << (3 * levels[0])) << GRANULE_SHIFT);
        assert!(!is_asleep(&world, first) && is_asleep(&world, second));
    }
}

#[test]
fn timer_that_joins_others_which_are_due_does_not_make_them_late() {
    let mut world = World::new();
    let (late, other) = (world.started(40), world.started(40));
    world.sleep(2 << GRANULE_SHIFT);
    assert_eq!(world.current(), late.thread);
    world.sleep(320 << GRANULE_SHIFT);
    world.pass(200);
    assert_eq!(world.current(), world.main().thread);
    world.pass((576 << GRANULE_SHIFT) - world.now());
    world.sleep(NEVER);
    assert_eq!(world.current(), other.thread);
    world.sleep(world.now() + 100_000);
    world.pass(1 << GRANULE_SHIFT);
    assert_eq!(world.current(), late.thread);
}

#[test]
fn timer_of_the_important_takes_nothing_unimportant_out_of_the_wheels() {
    let mut world = World::new();
    let (low, high) = (world.started(40), world.started(255));
    world.sleep(3 << GRANULE_SHIFT);
    for (actor, granules) in [(high, 6), (low, 4)] {
        assert_eq!(world.current(), actor.thread);
        world.sleep(granules << GRANULE_SHIFT);
    }
    jump(&world, 3 << GRANULE_SHIFT);
    assert_eq!(world.current(), world.main().thread);
    jump(&world, 4 << GRANULE_SHIFT);
    assert!(is_asleep(&world, low) && !is_asleep(&world, high));
}
