//! Facts about important callers of busy servers.

extern crate std;

use std::vec::Vec;

use ipc_abi::boot::FirstHandle;
use ipc_abi::call::{PlatformCount, SystemCall};
use ipc_abi::error::Error;
use ipc_abi::fault::FaultCause;
use ipc_abi::tag::MessageKind;
use ipc_abi::time::NEVER;

use crate::help::HELP_LIMIT;
use crate::ipc_test::FULL;
use crate::lend::CHAIN_LIMIT;
use crate::memory::Fields;
use crate::object::core_state::WOKEN_MAX;
use crate::object::{Context, Number, context};
use crate::world::{Actor, World};

pub(crate) const LOW: u64 = 40;
const MIDDLE: u64 = 100;
pub(crate) const HIGH: u64 = 200;
/// How long the main thread, more important than all, stays away.
const AWAY: u64 = 1_000;

/// A server of low priority that serves a client of low priority, a hog that is more important than
/// both, and the main thread, which is current.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) servers: Vec<Actor>,
    endpoints: Vec<u64>,
    pub(crate) low: Actor,
    pub(crate) middle: Actor,
    pub(crate) gate: u64,
    gates: Vec<u64>,
}

/// The main thread sleeps for a while.
pub(crate) fn away(world: &World) {
    world.sleep(world.now() + AWAY);
}

/// The main thread is back.
pub(crate) fn back(world: &World) {
    world.pass(AWAY + 64);
    assert_eq!(world.current(), world.main().thread);
}

/// A chain of `depth` servers, each of which calls the next, for a client of low priority.
pub(crate) fn scene(depth: usize) -> Scene {
    let mut world = World::new();
    let (mut servers, mut endpoints, mut gates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..depth {
        let endpoint = world.endpoint();
        let server = world.started(LOW + 10);
        away(&world);
        assert_eq!(world.current(), server.thread);
        world.message(SystemCall::Receive, endpoint, FULL, 0);
        back(&world);
        servers.push(server);
        endpoints.push(endpoint);
        gates.push(world.gate(endpoint, 1));
    }
    let gate = world.gate(endpoints[0], 2);
    let low = world.started(LOW);
    away(&world);
    for gate in &gates {
        world.message(SystemCall::Call, *gate, FULL, 7);
    }
    assert_eq!(world.current(), servers[depth - 1].thread);
    back(&world);
    let middle = world.started(MIDDLE);
    Scene {
        world,
        servers,
        endpoints,
        low,
        middle,
        gate,
        gates,
    }
}

impl Scene {
    fn context(&self, actor: Actor) -> Number<Context> {
        self.world.number_of(actor.context)
    }

    /// A client of high priority calls the first server while the main thread is away for good.
    pub(crate) fn important_call(&mut self, priority: u64) -> Actor {
        let high = self.world.started(priority);
        self.world.sleep(NEVER);
        assert_eq!(self.world.current(), high.thread);
        self.world.message(SystemCall::Call, self.gate, FULL, 20);
        high
    }

    /// As [`Scene::important_call`], and the main thread comes back after `ticks`.
    fn important_call_for(&mut self, ticks: u64) -> Actor {
        let high = self.world.started(HIGH);
        self.world.sleep(self.world.now() + ticks);
        assert_eq!(self.world.current(), high.thread);
        self.world.message(SystemCall::Call, self.gate, FULL, 20);
        high
    }

    /// `actor` runs, and `payer`'s context pays.
    pub(crate) fn assert_runs_for(&self, actor: Actor, payer: Actor) {
        assert_eq!(self.world.current(), actor.thread);
        assert_eq!(self.world.payer(), self.context(payer));
    }

    fn answer(&self, index: usize, first: u64) {
        let endpoint = self.endpoints[index];
        self.world
            .message(SystemCall::ReplyReceive, endpoint, FULL, first);
    }
}

#[test]
fn busy_server_runs_at_once_for_an_important_caller() {
    let mut s = scene(1);
    let high = s.important_call(HIGH);
    let server = s.servers[0];
    s.assert_runs_for(server, high);
    assert_eq!(s.world.kernel().current_context(), s.context(s.low));
    // Then it serves the important one, on its time; what it was lent went back.
    s.answer(0, 70);
    s.assert_runs_for(server, high);
    assert_eq!(s.world.kernel().current_context(), s.context(high));
    s.answer(0, 80);
    s.assert_runs_for(high, high);
    assert!(s.world.has_message(high, MessageKind::Message, 80, 0));
    s.world.sleep(NEVER);
    s.assert_runs_for(s.middle, s.middle);
    s.world.sleep(NEVER);
    s.assert_runs_for(s.low, s.low);
    assert!(s.world.has_message(s.low, MessageKind::Message, 70, 0));
}

/// How often nobody was helped because the chain is too long.
fn unhelped(world: &World) -> u64 {
    let platform = FirstHandle::Platform as u64;
    let count = PlatformCount::Unhelped as u64;
    world
        .kernel()
        .platform_inspect(platform, count)
        .expect("a count")
}

#[test]
fn chain_of_eight_is_helped_at_its_end() {
    let depth = usize::try_from(HELP_LIMIT).expect("eight");
    let mut s = scene(depth);
    let high = s.important_call(HIGH);
    s.assert_runs_for(s.servers[depth - 1], high);
    assert_eq!(unhelped(&s.world), 0);
    for index in (0..depth).rev() {
        s.assert_runs_for(s.servers[index], high);
        s.answer(index, 70);
    }
    s.answer(0, 80);
    s.assert_runs_for(high, high);
}

#[test]
fn chain_of_nine_is_not_helped_and_counted() {
    let depth = usize::try_from(HELP_LIMIT).expect("eight") + 1;
    let mut s = scene(depth);
    s.important_call(HIGH);
    s.assert_runs_for(s.middle, s.middle);
    assert_eq!(unhelped(&s.world), 1);
}

#[test]
fn server_that_waits_and_wakes_is_helped_again() {
    for depth in 1..=4 {
        let mut s = scene(depth);
        let target = s.world.notification();
        let bell = s.world.gate(target, 1);
        let high = s.important_call(HIGH);
        s.world.message(SystemCall::Wait, target, FULL, 0);
        s.assert_runs_for(s.middle, s.middle);
        s.world.kernel().signal(bell).expect("a signal");
        s.world.leave();
        s.assert_runs_for(s.servers[depth - 1], high);
        for index in (0..depth).rev() {
            s.answer(index, 70);
        }
        s.answer(0, 80);
        s.assert_runs_for(high, high);
    }
}

/// A chain of three, at the end of which the last server waits, and how often it was woken.
fn woken(times: u64) -> Scene {
    let mut s = scene(3);
    let target = s.world.notification();
    s.important_call(HIGH);
    s.world.message(SystemCall::Wait, target, FULL, 0);
    let kernel = s.world.kernel();
    for _ in 0..times {
        kernel.wake_helpers(s.servers[2].thread);
    }
    s
}

#[test]
fn the_way_out_is_left_eight_threads_and_counts_the_ninth() {
    let s = woken(WOKEN_MAX);
    assert_eq!(unhelped(&s.world), 0);
    s.world.leave();
    s.assert_runs_for(s.middle, s.middle);
    let s = woken(WOKEN_MAX + 1);
    assert_eq!(unhelped(&s.world), 1);
    s.world.leave();
}

#[test]
fn thread_that_dies_before_its_helpers_are_woken_is_passed_over() {
    let s = woken(1);
    let kernel = s.world.kernel();
    kernel.destroy(s.servers[1].handle).expect("destroyed");
    s.world.leave();
    assert_eq!(s.world.current(), s.servers[0].thread);
}

#[test]
fn helpers_are_woken_also_when_one_effect_is_all_that_was_left() {
    const LINE: u64 = 40;
    let mut s = scene(3);
    let target = s.world.notification();
    let irq = s.world.make(|kernel, region, place, to| {
        kernel.create_irq(region, place, to, FirstHandle::Irqs as u64, LINE)
    });
    s.world.kernel().irq_bind(irq, target, 1).expect("bound");
    s.world.leave();
    let high = s.important_call(HIGH);
    s.world.message(SystemCall::Wait, target, FULL, 0);
    s.assert_runs_for(s.middle, s.middle);
    // The last server is told, and the line is masked.
    s.world.kernel().destroy(target).expect("destroyed");
    s.world.leave();
    s.assert_runs_for(s.servers[2], high);
}

#[test]
fn next_helper_comes_when_the_first_gives_up() {
    let mut s = scene(1);
    let target = s.world.notification();
    let bell = s.world.gate(target, 1);
    let (first, second) = (s.world.started(HIGH), s.world.actor(HIGH - 1));
    s.world.sleep(NEVER);
    let when = s.world.now() + AWAY;
    s.world
        .message_until(SystemCall::CallUntil, s.gate, 20, when);
    s.assert_runs_for(s.servers[0], first);
    s.world.message(SystemCall::Wait, target, FULL, 0);
    s.assert_runs_for(s.middle, s.middle);
    s.world.start(second);
    s.world.message(SystemCall::Call, s.gate, FULL, 40);
    s.assert_runs_for(s.middle, s.middle);
    s.world.kernel().signal(bell).expect("a signal");
    s.world.leave();
    s.assert_runs_for(s.servers[0], first);
    s.world.pass(AWAY + 64);
    s.assert_runs_for(first, first);
    assert_eq!(s.world.refusal(first), Some(Error::TimedOut));
    s.world.sleep(NEVER);
    s.assert_runs_for(s.servers[0], second);
}

#[test]
fn helper_that_is_stopped_or_destroyed_helps_no_more() {
    for is_destroyed in [false, true] {
        let mut s = scene(1);
        let high = s.important_call_for(AWAY);
        s.assert_runs_for(s.servers[0], high);
        back(&s.world);
        let kernel = s.world.kernel();
        let answer = if is_destroyed {
            kernel.destroy(high.handle)
        } else {
            kernel.thread_stop(high.handle)
        };
        assert_eq!(answer, Ok(0));
        s.world.leave();
        s.world.sleep(NEVER);
        s.assert_runs_for(s.middle, s.middle);
        s.world.sleep(NEVER);
        s.assert_runs_for(s.servers[0], s.low);
        s.answer(0, 70);
        s.assert_runs_for(s.low, s.low);
        assert!(s.world.has_message(s.low, MessageKind::Message, 70, 0));
    }
}

#[test]
fn helper_whose_deadline_comes_helps_no_more() {
    let mut s = scene(1);
    let high = s.world.started(HIGH);
    s.world.sleep(NEVER);
    let when = s.world.now() + AWAY;
    s.world
        .message_until(SystemCall::CallUntil, s.gate, 20, when);
    s.assert_runs_for(s.servers[0], high);
    s.world.pass(AWAY - 1);
    s.assert_runs_for(s.servers[0], high);
    s.world.pass(64);
    s.assert_runs_for(high, high);
    assert_eq!(s.world.refusal(high), Some(Error::TimedOut));
    s.world.sleep(NEVER);
    s.world.sleep(NEVER);
    s.assert_runs_for(s.servers[0], s.low);
    s.answer(0, 70);
    s.assert_runs_for(s.low, s.low);
}

#[test]
fn second_helper_comes_after_the_first() {
    let mut s = scene(1);
    let server = s.servers[0];
    let other = s.important_call_for(AWAY);
    back(&s.world);
    let higher = s.important_call(HIGH + 40);
    s.assert_runs_for(server, higher);
    s.answer(0, 70);
    s.assert_runs_for(server, higher);
    s.answer(0, 80);
    s.assert_runs_for(higher, higher);
    s.world.sleep(NEVER);
    s.assert_runs_for(server, other);
    s.answer(0, 90);
    s.assert_runs_for(other, other);
    assert!(s.world.has_message(other, MessageKind::Message, 90, 0));
}

#[test]
fn helper_whose_budget_ends_helps_again_after_its_refill() {
    const BUDGET: u64 = 5_000;
    const PERIOD: u64 = 50_000;
    let mut s = scene(1);
    let high = s.world.actor(HIGH);
    s.world.configure(high.context, HIGH, BUDGET, PERIOD);
    s.world.start(high);
    s.world.sleep(NEVER);
    s.world.message(SystemCall::Call, s.gate, FULL, 20);
    s.assert_runs_for(s.servers[0], high);
    s.world.pass(BUDGET - 1);
    s.assert_runs_for(s.servers[0], high);
    s.world.pass(1);
    s.assert_runs_for(s.middle, s.middle);
    s.world.pass(PERIOD - BUDGET + 64);
    s.assert_runs_for(s.servers[0], high);
    s.answer(0, 70);
    s.answer(0, 80);
    s.assert_runs_for(high, high);
}

#[test]
fn helper_behind_others_of_its_priority_takes_turns() {
    let mut s = scene(1);
    let equal = s.world.started(HIGH);
    let high = s.world.started(HIGH);
    s.world.sleep(NEVER);
    s.assert_runs_for(equal, equal);
    s.world.kernel().r#yield().expect("a yield");
    s.world.leave();
    s.world.message(SystemCall::Call, s.gate, FULL, 20);
    s.assert_runs_for(s.servers[0], high);
    s.world.kernel().r#yield().expect("a yield");
    s.world.leave();
    s.assert_runs_for(equal, equal);
    s.world.kernel().r#yield().expect("a yield");
    s.world.leave();
    s.assert_runs_for(s.servers[0], high);
}

#[test]
fn helpers_that_are_turned_away_run_again() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let gate = world.gate(endpoint, 7);
    let server = world.started(100);
    let first = world.actor(110);
    let others: Vec<Actor> = (0..9).map(|_| world.actor(118)).collect();
    let reply = world.reply();
    world.sleep(NEVER);
    assert_eq!(world.current(), server.thread);
    world.start(first);
    assert_eq!(world.current(), first.thread);
    world.message(SystemCall::Call, gate, FULL, 1);
    assert_eq!(world.current(), server.thread);
    world.message(SystemCall::Receive, endpoint, FULL, 1);
    assert!(world.has_message(server, MessageKind::Message, 1, 7));
    for other in &others {
        world.start(*other);
        // Each of those who wait lends the server its turn.
        world.turn_to(*other);
        for word in 0..16 {
            world.set_register(other.thread, word, reply);
        }
        world.raw_message(SystemCall::Call, gate, FULL.with_capabilities(1), 0);
        assert_eq!(world.current(), server.thread);
    }
    world.message(SystemCall::ReplyReceive, endpoint, FULL, 9);
    for _ in 0..8 {
        let current = world.current();
        assert!(others.iter().any(|other| other.thread == current));
        world.sleep(NEVER);
    }
    assert_eq!(world.current(), first.thread);
    world.sleep(NEVER);
    assert_eq!(world.current(), server.thread);
    assert_eq!(world.refusal(server), Some(Error::Again));
}

#[test]
fn server_that_a_fault_stopped_is_not_helped() {
    let mut s = scene(1);
    away(&s.world);
    assert_eq!(s.world.current(), s.middle.thread);
    s.world.sleep(NEVER);
    s.assert_runs_for(s.servers[0], s.low);
    s.world.kernel().fault(FaultCause::Breakpoint, 0, 0);
    s.world.leave();
    back(&s.world);
    s.important_call(HIGH);
    assert!(s.world.current().is_none());
}

#[test]
fn server_whose_time_is_gone_is_not_helped() {
    let mut s = scene(1);
    let server = s.servers[0];
    for context in [server.context, s.low.context] {
        s.world.kernel().destroy(context).expect("it dies");
        s.world.leave();
    }
    s.important_call(HIGH);
    assert_eq!(s.world.current(), s.middle.thread);
}

#[test]
fn server_whose_callers_gate_is_gone_is_not_found() {
    let mut s = scene(1);
    let gate = s.world.gate(s.endpoints[0], 3);
    let called = s.gates[0];
    s.world.kernel().destroy(called).expect("it dies");
    s.world.leave();
    s.gate = gate;
    s.important_call(HIGH);
    assert_eq!(s.world.current(), s.middle.thread);
}

/// A chain longer than what is walked to find a lent context.
fn long_chain() -> Scene {
    scene(usize::try_from(CHAIN_LIMIT + 1).expect("seventeen"))
}

#[test]
fn time_at_the_end_of_a_long_chain_is_not_taken_back() {
    let s = long_chain();
    s.world
        .kernel()
        .thread_stop(s.low.handle)
        .expect("it stops");
    s.world.leave();
    away(&s.world);
    s.world.sleep(NEVER);
    let last = s.servers[s.servers.len() - 1];
    s.assert_runs_for(last, s.low);
}

#[test]
fn new_time_of_whoever_began_a_long_chain_waits_for_the_answer() {
    let mut s = long_chain();
    s.world.kernel().destroy(s.low.context).expect("it dies");
    s.world.leave();
    let time = FirstHandle::Time as u64;
    let context = s
        .world
        .make(|kernel, region, place, to| kernel.create_context(region, place, to, time, LOW));
    let given = s.world.kernel().thread_set_context(s.low.handle, context);
    assert_eq!(given, Ok(0));
    s.world.leave();
    let number: Number<Context> = s.world.number_of(context);
    let kernel = s.world.kernel();
    assert_eq!(kernel.memory.link(number, context::RUNNING), s.low.thread);
    assert_eq!(kernel.memory.get(number, context::QUEUED), 0);
}
