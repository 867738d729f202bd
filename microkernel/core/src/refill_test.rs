//! Facts about refills: how they are joined, and who is charged when.

use ipc_abi::boot::FirstHandle;
use ipc_abi::call::SystemCall;
use ipc_abi::time::{BUDGET_TICKS_MIN, NEVER};

use crate::ipc_test::FULL;
use crate::memory::Fields;
use crate::object::context::REFILLS_MAX;
use crate::object::{Context, Number, context, notification, timed};
use crate::timer::entry_of;
use crate::world::{Actor, World};

const PERIOD: u64 = 100_000;
const BUDGET: u64 = 25_000;
const LINE: u64 = 40;

/// A thread with a budget, which runs, and one in the background; the main thread sleeps.
fn hog() -> (World, Actor, Actor) {
    let mut world = World::new();
    let hog = world.started(200);
    let background = world.started(1);
    world.configure(hog.context, 200, BUDGET, PERIOD);
    world.sleep(NEVER);
    assert_eq!(world.current(), hog.thread);
    (world, hog, background)
}

fn context_of(world: &World, actor: Actor) -> Number<Context> {
    world.number_of(actor.context)
}

fn refills(world: &World, actor: Actor) -> u64 {
    let context = context_of(world, actor);
    world.kernel().memory.get(context, context::REFILL_COUNT)
}

/// The current thread runs for `ticks`, and sleeps until `when`.
fn run_and_sleep(world: &World, ticks: u64, when: u64) {
    world.pass(ticks);
    world.sleep(when);
    let now = world.now();
    world.pass(when.saturating_sub(now) + 64);
}

#[test]
fn what_a_context_uses_is_told_while_it_runs() {
    let (world, hog, _) = hog();
    let used = || world.kernel().context_inspect(hog.context);
    let before = used().expect("its use");
    world.host.memory.pass(70);
    assert_eq!(used(), Ok(before + 70));
    world.pass(30);
    assert_eq!(used(), Ok(before + 100));
}

#[test]
fn refills_beyond_the_most_are_joined() {
    let (world, hog, _) = hog();
    let start = world.now();
    for stretch in 1..=REFILLS_MAX + 3 {
        run_and_sleep(&world, 500, start + stretch * 1_000);
        assert_eq!(world.current(), hog.thread);
        // The first holds what was not used yet.
        assert_eq!(refills(&world, hog), (stretch + 1).min(REFILLS_MAX));
    }
    // What is left of the budget, and nothing of what was used, is there to use.
    let used = world
        .kernel()
        .context_inspect(hog.context)
        .expect("its use");
    world.pass(BUDGET - used - 1);
    assert_eq!(world.current(), hog.thread);
    world.pass(1);
    assert_ne!(world.current(), hog.thread);
    // The first is gone, so there is room for what was used of it; the next is too small for a run.
    const { assert!(500 < BUDGET_TICKS_MIN) };
    assert_eq!(refills(&world, hog), REFILLS_MAX - 1);
}

#[test]
fn refill_that_is_too_small_for_a_run_is_joined_with_the_next() {
    let (world, hog, background) = hog();
    let start = world.now();
    run_and_sleep(&world, BUDGET - BUDGET_TICKS_MIN + 1, start + BUDGET);
    assert_eq!(refills(&world, hog), 1);
    assert_eq!(world.current(), background.thread);
    world.pass(start + PERIOD - 1 - world.now());
    assert_eq!(world.current(), background.thread);
    world.pass(64);
    assert_eq!(world.current(), hog.thread);
}

#[test]
fn budget_that_ends_while_somebody_more_important_comes_waits_for_its_refill() {
    let mut world = World::new();
    let high = world.started(220);
    let hog = world.started(200);
    world.started(1);
    let target = world.notification();
    let lines = FirstHandle::Irqs as u64;
    let irq =
        world.make(|kernel, region, place, to| kernel.create_irq(region, place, to, lines, LINE));
    assert_eq!(world.kernel().irq_bind(irq, target, 1), Ok(0));
    world.configure(hog.context, 200, BUDGET, PERIOD);
    world.sleep(NEVER);
    world.wait(target);
    assert_eq!(world.current(), hog.thread);
    world.host.memory.pass(BUDGET + 5);
    world.interrupt(LINE);
    assert_eq!(world.current(), high.thread);
    let hogs = context_of(&world, hog);
    let kernel = world.kernel();
    assert_eq!(kernel.memory.get(hogs, context::QUEUED), 0);
    assert_ne!(kernel.memory.get(entry_of(hogs), timed::SLOT), 0);
}

#[test]
fn gate_in_the_place_of_a_handler_that_is_gone_hears_nothing() {
    let mut world = World::new();
    let hog = world.started(200);
    let background = world.started(1);
    let (first, second) = (world.notification(), world.notification());
    let mut place = 0;
    let handler = world.make(|kernel, region, at, to| {
        place = at;
        kernel.create_gate(region, at, to, first, 4)
    });
    let set = world.kernel().context_set_handler(hog.context, handler);
    assert_eq!(set, Ok(0));
    assert_eq!(world.kernel().destroy(handler), Ok(0));
    world.leave();
    world.make(|kernel, region, _, to| kernel.create_gate(region, place, to, second, 4));
    world.configure(hog.context, 200, BUDGET, PERIOD);
    let heard = [world.number_of(first), world.number_of(second)];
    world.sleep(NEVER);
    world.pass(BUDGET + 1);
    assert_eq!(world.current(), background.thread);
    for target in heard {
        assert_eq!(world.kernel().memory.get(target, notification::BITS), 0);
    }
}

#[test]
fn helper_with_a_new_budget_waits_for_what_it_used_of_the_old() {
    let mut world = World::new();
    let main = world.main();
    let endpoint = world.endpoint();
    let gate = world.gate(endpoint, 1);
    let target = world.notification();
    let bell = world.gate(target, 1);
    let high = world.actor(200);
    world.configure(high.context, 200, BUDGET, PERIOD);
    let server = world.started(50);
    let low = world.started(40);
    world.started(1);
    world.sleep(world.now() + 10_000);
    world.message(SystemCall::Receive, endpoint, FULL, 0);
    assert_eq!(world.current(), low.thread);
    world.message(SystemCall::Call, gate, FULL, 7);
    assert_eq!(world.current(), server.thread);
    world.message(SystemCall::Wait, target, FULL, 0);
    world.pass(10_100);
    assert_eq!(world.current(), main.thread);
    world.start(high);
    world.sleep(world.now() + 5_000);
    world.pass(1_000);
    assert_eq!(world.current(), high.thread);
    // Its server waits: so does it, and helps nobody.
    world.message(SystemCall::Call, gate, FULL, 20);
    world.pass(5_100);
    assert_eq!(world.current(), main.thread);
    world.configure(high.context, 200, BUDGET, PERIOD);
    assert_eq!(world.kernel().signal(bell), Ok(0));
    world.leave();
    world.sleep(NEVER);
    assert_eq!(world.current(), server.thread);
    assert_eq!(world.payer(), context_of(&world, low));
    world.pass(PERIOD);
    assert_eq!(world.current(), server.thread);
    assert_eq!(world.payer(), context_of(&world, high));
}

#[test]
fn switch_that_takes_no_time_costs_no_refill() {
    let (world, hog, background) = hog();
    for _ in 0..3 {
        world.sleep(world.now() + 1_000);
        assert_eq!(world.current(), background.thread);
        while world.current() != hog.thread {
            world.pass(1);
        }
        assert_eq!(refills(&world, hog), 1);
    }
}
