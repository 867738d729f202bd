//! Facts about budgets: what a context may use, what becomes of a chain of calls when it is used up,
//! and what an allowance has left.

extern crate std;

use std::vec::Vec;

use ipc_abi::boot::FirstHandle;
use ipc_abi::call::SystemCall;
use ipc_abi::error::Error;
use ipc_abi::tag::MessageKind;
use ipc_abi::time::{BUDGET_TICKS_MIN, NEVER, PERIOD_TICKS_MAX, SHARE_WHOLE, TimeGrant, share_of};
use proptest::prelude::*;

use crate::host::SLICE_TICKS;
use crate::ipc_test::FULL;
use crate::memory::Fields;
use crate::object::{Context, Number, core_state, notification};
use crate::world::{Actor, World};

const TIME: u64 = FirstHandle::Time as u64;
const PERIOD: u64 = 100_000;
const BUDGET: u64 = 25_000;

/// The number of an actor's context.
fn context_of(world: &World, actor: Actor) -> Number<Context> {
    world.number_of(actor.context)
}

/// A stretch of time, and who paid for it.
type Stretch = (u64, u64, Number<Context>);

/// Lets ticks pass without a look at the invariants; who paid when.
fn trace(world: &World, ticks: u64, found: &mut Vec<Stretch>) {
    let kernel = world.kernel();
    let end = world.now() + ticks;
    loop {
        let armed = kernel.memory.get(kernel.core(), core_state::ARMED);
        let (from, to) = (world.now(), armed.min(end).max(world.now()));
        found.push((from, to, world.payer()));
        world.host.memory.pass(to - from);
        if armed > end {
            return;
        }
        kernel.timer_fired();
        world.host.drain_all();
    }
}

/// What a context paid for in `[from, to)`.
fn used_between(found: &[Stretch], context: Number<Context>, from: u64, to: u64) -> u64 {
    let paid = found.iter().filter(|stretch| stretch.2 == context);
    paid.map(|stretch| stretch.1.min(to).saturating_sub(stretch.0.max(from)))
        .sum()
}

/// The most that a context paid for in any window of `period`: such a window begins or ends with a
/// stretch.
fn most_used(found: &[Stretch], context: Number<Context>, period: u64) -> u64 {
    let windows = found.iter().filter(|stretch| stretch.2 == context);
    let windows = windows.flat_map(|stretch| [stretch.0, stretch.1.saturating_sub(period)]);
    let used = windows.map(|from| used_between(found, context, from, from + period));
    used.max().unwrap_or(0)
}

/// What the current thread does next.
#[derive(Clone, Copy, Debug)]
enum Act {
    Run(u64),
    Sleep(u64),
    Yield,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (1..60_000_u64).prop_map(Act::Run),
        (1..3000_u64).prop_map(Act::Run),
        (1..90_000_u64).prop_map(Act::Sleep),
        Just(Act::Yield),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Three contexts with budgets and two without, at three priorities, do whatever they want.
    #[test]
    fn no_window_holds_more_than_the_budget(
        acts in proptest::collection::vec(act(), 1..150),
        budgets in proptest::collection::vec(BUDGET_TICKS_MIN..40_000_u64, 3),
        period in 40_000..120_000_u64,
    ) {
        let mut world = World::new();
        let priorities = [120, 200, 120, 200, 120];
        let actors = priorities.map(|priority| world.started(priority));
        for (actor, budget) in actors.iter().zip(&budgets) {
            let kernel = world.kernel();
            let priority = kernel.memory.get(context_of(&world, *actor), crate::object::context::PRIORITY);
            // More than there is of the core is refused: so much is not given to all three.
            let budget = (*budget).min(period / 4);
            world.configure(actor.context, priority, budget, period);
        }
        let numbers: Vec<_> = actors.iter().map(|actor| context_of(&world, *actor)).collect();
        world.sleep(NEVER);
        let mut found = Vec::new();
        for act in acts {
            match act {
                _ if world.current().is_none() => trace(&world, 1000, &mut found),
                Act::Run(ticks) => trace(&world, ticks, &mut found),
                Act::Sleep(ticks) => world.sleep(world.now() + ticks),
                Act::Yield => {
                    world.kernel().r#yield().expect("a yield");
                    world.leave();
                }
            }
        }
        for (number, budget) in numbers.iter().zip(&budgets) {
            let budget = (*budget).min(period / 4);
            let most = most_used(&found, *number, period);
            prop_assert!(most <= budget, "{most} of {budget} in one period of {period}");
        }
    }
}

/// A background thread, so that somebody can always look.
fn background(world: &mut World) -> Actor {
    world.started(1)
}

/// What a context used so far.
fn used(world: &World, actor: Actor) -> u64 {
    world
        .kernel()
        .context_inspect(actor.context)
        .expect("its use")
}

#[test]
fn hog_gets_its_share_and_no_more() {
    let mut world = World::new();
    let hog = world.started(200);
    background(&mut world);
    world.configure(hog.context, 200, BUDGET, PERIOD);
    world.sleep(NEVER);
    let mut found = Vec::new();
    trace(&world, 100 * PERIOD, &mut found);
    let used = used(&world, hog);
    assert!(used.abs_diff(100 * BUDGET) <= BUDGET, "{used}");
    assert!(most_used(&found, context_of(&world, hog), PERIOD) <= BUDGET);
}

#[test]
fn nobody_is_starved_of_a_guaranteed_budget() {
    let mut world = World::new();
    let hogs: Vec<Actor> = (0..8)
        .map(|index| world.started(250 - 30 * index))
        .collect();
    background(&mut world);
    for (hog, priority) in hogs.iter().zip((0..8).map(|index| 250 - 30 * index)) {
        world.configure(hog.context, priority, PERIOD / 10, PERIOD);
    }
    world.sleep(NEVER);
    let mut found = Vec::new();
    trace(&world, 100 * PERIOD, &mut found);
    for hog in hogs {
        let used = used(&world, hog);
        assert!(used.abs_diff(10 * PERIOD) <= PERIOD / 10, "{used}");
    }
}

#[test]
fn unlimited_hog_starves_whom_it_may() {
    let mut world = World::new();
    let above = world.started(100);
    world.configure(above.context, 100, BUDGET, PERIOD);
    world.started(90);
    let below = world.started(80);
    world.configure(below.context, 80, BUDGET, PERIOD);
    world.sleep(NEVER);
    trace(&world, 10 * PERIOD, &mut Vec::new());
    assert_eq!(used(&world, below), 0);
    assert!(used(&world, above) >= 9 * BUDGET);
}

#[test]
fn budget_and_period_have_limits() {
    let mut world = World::new();
    let context = world.actor(3).context;
    let kernel = world.kernel();
    let configure = |priority, budget, period| {
        kernel.context_configure(context, TIME, priority, budget, period)
    };
    for (priority, budget, period) in [
        (3, BUDGET_TICKS_MIN - 1, PERIOD),
        (3, 0, PERIOD),
        (3, BUDGET, 0),
        (3, PERIOD + 1, PERIOD),
        (3, BUDGET, PERIOD_TICKS_MAX + 1),
        (256, BUDGET, PERIOD),
        (256, 0, 0),
        (u64::MAX, 0, 0),
    ] {
        assert_eq!(configure(priority, budget, period), Err(Error::OutOfRange));
    }
    for (priority, budget, period) in [
        (255, BUDGET_TICKS_MIN, PERIOD_TICKS_MAX),
        (3, PERIOD, PERIOD),
        (0, PERIOD_TICKS_MAX, PERIOD_TICKS_MAX),
        (0, 0, 0),
    ] {
        assert_eq!(configure(priority, budget, period), Ok(0));
        world.leave();
    }
}

/// An allowance of a quarter of the core, and a context made from it.
fn quarter(world: &mut World) -> (u64, u64) {
    let grant = TimeGrant {
        priority: 100,
        unlimited: 50,
        share: SHARE_WHOLE / 4,
    };
    let grant = grant.into_raw();
    let time = world
        .make(|kernel, region, place, to| kernel.allowance_split(region, place, to, TIME, grant));
    let context =
        world.make(|kernel, region, place, to| kernel.create_context(region, place, to, time, 50));
    (time, context)
}

#[test]
fn share_of_an_allowance_is_all_that_its_contexts_get() {
    let mut world = World::new();
    let (time, context) = quarter(&mut world);
    let kernel = world.kernel();
    let over = PERIOD / 4 + 1;
    assert!(share_of(over, PERIOD) > SHARE_WHOLE / 4);
    let refused = kernel.context_configure(context, time, 100, over, PERIOD);
    assert_eq!(refused, Err(Error::Exhausted));
    let given = kernel.context_configure(context, time, 100, PERIOD / 4, PERIOD);
    assert_eq!(given, Ok(0));
    world.leave();
    let other =
        world.make(|kernel, region, place, to| kernel.create_context(region, place, to, time, 50));
    let kernel = world.kernel();
    let least = |handle| kernel.context_configure(handle, time, 100, BUDGET_TICKS_MIN, PERIOD);
    assert_eq!(least(other), Err(Error::Exhausted));
    let above = kernel.context_configure(context, time, 101, BUDGET, PERIOD);
    assert_eq!(above, Err(Error::OutOfRange));
    let unlimited = kernel.context_configure(context, time, 51, 0, 0);
    assert_eq!(unlimited, Err(Error::OutOfRange));
    // The context's own share counts as free when it is configured anew; what it leaves is left.
    assert_eq!(least(context), Ok(0));
    world.leave();
    assert_eq!(least(other), Ok(0));
    world.leave();
    let foreign = kernel.context_configure(context, TIME, 50, 0, 0);
    assert_eq!(foreign, Err(Error::BadArgument));
}

#[test]
fn share_comes_back_with_whatever_took_it() {
    let mut world = World::new();
    let whole = world.actor(3).context;
    let all = |world: &World| {
        let kernel = world.kernel();
        let answer = kernel.context_configure(whole, TIME, 3, PERIOD, PERIOD);
        if answer.is_ok() {
            world.leave();
            world.configure(whole, 3, 0, 0);
        }
        answer
    };
    assert_eq!(all(&world), Ok(0));
    let other = world.actor(3).context;
    world.configure(other, 3, BUDGET_TICKS_MIN, PERIOD_TICKS_MAX);
    assert_eq!(all(&world), Err(Error::Exhausted));
    world.kernel().destroy(other).expect("destroyed");
    world.leave();
    assert_eq!(all(&world), Ok(0));
    let (time, context) = quarter(&mut world);
    assert_eq!(all(&world), Err(Error::Exhausted));
    let kernel = world.kernel();
    assert_eq!(
        kernel.context_configure(context, time, 9, BUDGET, PERIOD),
        Ok(0)
    );
    world.leave();
    world.kernel().destroy(time).expect("destroyed");
    world.leave();
    assert_eq!(all(&world), Ok(0));
    assert_eq!(world.kernel().context_inspect(context), Err(Error::Stale));
}

/// A client with a budget that has called a server, which runs; the background runs otherwise.
struct Chain {
    world: World,
    client: Actor,
    server: Actor,
    background: Actor,
    endpoint: u64,
    gate: u64,
    heard: u64,
}

fn chain(is_passive: bool) -> Chain {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let gate = world.gate(endpoint, 9);
    let heard = world.notification();
    let handler = world.gate(heard, 4);
    let server = world.started(200);
    let client = world.started(150);
    let background = background(&mut world);
    world.configure(client.context, 150, BUDGET, PERIOD);
    let kernel = world.kernel();
    kernel
        .context_set_handler(client.context, handler)
        .expect("a handler");
    world.leave();
    world.sleep(NEVER);
    assert_eq!(world.current(), server.thread);
    world.message(SystemCall::Receive, endpoint, FULL, 0);
    assert_eq!(world.current(), client.thread);
    if is_passive {
        world.kernel().destroy(server.context).expect("destroyed");
        world.leave();
    }
    world.message(SystemCall::Call, gate, FULL, 7);
    assert_eq!(world.current(), server.thread);
    Chain {
        world,
        client,
        server,
        background,
        endpoint,
        gate,
        heard,
    }
}

/// The signals of the chain's handler.
fn heard(chain: &Chain) -> u64 {
    let target = chain.world.number_of(chain.heard);
    chain.world.kernel().memory.get(target, notification::BITS)
}

#[test]
fn server_goes_on_with_its_own_time_when_its_clients_ends() {
    let c = chain(false);
    c.world.pass(BUDGET - 1);
    let lent = context_of(&c.world, c.client);
    assert_eq!(c.world.kernel().current_context(), lent);
    assert_eq!(heard(&c), 0);
    c.world.pass(1);
    assert_eq!(c.world.current(), c.server.thread);
    let own = context_of(&c.world, c.server);
    assert_eq!(c.world.kernel().current_context(), own);
    assert_eq!(heard(&c), 4);
    c.world
        .message(SystemCall::ReplyReceive, c.endpoint, FULL, 70);
    assert_eq!(c.world.current(), c.background.thread);
    c.world.pass(PERIOD - BUDGET - 64);
    assert_eq!(c.world.current(), c.background.thread);
    c.world.pass(128);
    assert_eq!(c.world.current(), c.client.thread);
    assert!(c.world.has_message(c.client, MessageKind::Message, 70, 0));
}

#[test]
fn server_without_time_waits_for_its_clients_refill() {
    let c = chain(true);
    c.world.pass(BUDGET);
    assert_eq!(c.world.current(), c.background.thread);
    assert_eq!(heard(&c), 4);
    c.world.pass(PERIOD - BUDGET + 64);
    assert_eq!(c.world.current(), c.server.thread);
    c.world
        .message(SystemCall::ReplyReceive, c.endpoint, FULL, 70);
    assert_eq!(c.world.current(), c.client.thread);
    assert!(c.world.has_message(c.client, MessageKind::Message, 70, 0));
}

#[test]
fn refill_that_comes_during_help_counts_when_the_helper_is_preempted() {
    let mut c = chain(true);
    c.world.pass(BUDGET);
    let between = c.world.started(100);
    c.world.sleep(c.world.now() + 2 * PERIOD);
    assert_eq!(c.world.current(), c.background.thread);
    c.world.message(SystemCall::Call, c.gate, FULL, 9);
    assert_eq!(c.world.current(), c.server.thread);
    assert_eq!(c.world.payer(), context_of(&c.world, c.background));
    c.world.pass(2 * PERIOD + 64);
    assert_eq!(c.world.current(), c.server.thread);
    assert_eq!(c.world.payer(), context_of(&c.world, c.client));
    c.world.pass(BUDGET);
    assert_eq!(c.world.current(), between.thread);
}

#[test]
fn refill_that_comes_during_help_counts_when_the_helper_gives_way() {
    let mut c = chain(true);
    c.world.pass(BUDGET);
    c.world.started(1);
    assert_eq!(c.world.current(), c.background.thread);
    c.world.message(SystemCall::Call, c.gate, FULL, 9);
    c.world.turn_to(c.server);
    assert_eq!(c.world.payer(), context_of(&c.world, c.background));
    c.world.host.memory.pass(PERIOD);
    c.world.kernel().r#yield().expect("a yield");
    c.world.leave();
    assert_eq!(c.world.current(), c.server.thread);
    assert_eq!(c.world.payer(), context_of(&c.world, c.client));
}

#[test]
fn whoever_can_help_again_runs_when_a_budget_ends() {
    const WAIT: u64 = 1_000;
    let mut c = chain(true);
    let endpoint = c.world.endpoint();
    let gate = c.world.gate(endpoint, 1);
    let last = c.world.started(220);
    c.world.message(SystemCall::Receive, endpoint, FULL, 0);
    c.world.kernel().destroy(last.context).expect("destroyed");
    c.world.leave();
    assert_eq!(c.world.current(), c.server.thread);
    // The server gives up, but its time stays with whom it called.
    let when = c.world.now() + WAIT;
    c.world.message_until(SystemCall::CallUntil, gate, 9, when);
    c.world.pass(WAIT + 64);
    assert_eq!(c.world.current(), last.thread);
    let helper = c.world.started(200);
    assert_eq!(c.world.current(), helper.thread);
    c.world.message(SystemCall::Call, c.gate, FULL, 9);
    assert_eq!(c.world.current(), last.thread);
    let own = c
        .world
        .make(|kernel, region, place, to| kernel.create_context(region, place, to, TIME, 50));
    let given = c.world.kernel().thread_set_context(last.handle, own);
    assert_eq!(given, Ok(0));
    c.world.leave();
    c.world.pass(BUDGET);
    assert_eq!(c.world.current(), c.server.thread);
    assert_eq!(c.world.payer(), context_of(&c.world, helper));
}

#[test]
fn handler_that_is_gone_hears_nothing() {
    let c = chain(false);
    c.world.kernel().destroy(c.heard).expect("destroyed");
    c.world.leave();
    c.world.pass(BUDGET);
    assert_eq!(c.world.current(), c.server.thread);
}

#[test]
fn what_was_used_is_not_forgotten_by_a_new_budget() {
    let mut world = World::new();
    let hog = world.started(200);
    background(&mut world);
    world.configure(hog.context, 200, BUDGET, PERIOD);
    world.sleep(NEVER);
    let mut found = Vec::new();
    for _ in 0..20 {
        trace(&world, BUDGET + 10, &mut found);
        world.configure(hog.context, 200, BUDGET, PERIOD);
    }
    assert!(most_used(&found, context_of(&world, hog), PERIOD) <= BUDGET);
}

#[test]
fn slice_is_not_shortened_by_who_gives_way_at_its_end() {
    let mut world = World::new();
    let (first, second) = (world.started(100), world.started(100));
    world.sleep(NEVER);
    assert_eq!(world.current(), first.thread);
    world.pass(SLICE_TICKS - 1);
    world.kernel().r#yield().expect("a yield");
    world.leave();
    assert_eq!(world.current(), second.thread);
    world.pass(SLICE_TICKS - 1);
    assert_eq!(world.current(), second.thread);
    world.pass(2);
    assert_eq!(world.current(), first.thread);
}
