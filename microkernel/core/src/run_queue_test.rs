//! Facts about who goes on after a thread that a signal woke at once.

extern crate std;

use crate::memory::Fields;
use crate::object::{Context, Number, core_state};
use crate::world::{Actor, World};

const LOW: u64 = 100;
const MIDDLE: u64 = 150;
const HIGH: u64 = 200;

/// Two threads of low priority of which the first runs; one of middle and one of high priority that
/// wait for notifications, and gates to those.
struct Scene {
    world: World,
    first: Actor,
    second: Actor,
    middle: Actor,
    high: Actor,
    notifications: [u64; 2],
    gates: [u64; 2],
}

fn scene() -> Scene {
    let mut world = World::new();
    let notifications = [world.notification(), world.notification()];
    let gates = notifications.map(|target| world.gate(target, 1));
    let high = world.started(HIGH);
    let middle = world.started(MIDDLE);
    let first = world.started(LOW);
    let second = world.started(LOW);
    world.sleep(u64::MAX);
    assert_eq!(world.current(), high.thread);
    world.wait(notifications[1]);
    assert_eq!(world.current(), middle.thread);
    world.wait(notifications[0]);
    assert_eq!(world.current(), first.thread);
    Scene {
        world,
        first,
        second,
        middle,
        high,
        notifications,
        gates,
    }
}

impl Scene {
    fn signal(&self, index: usize) {
        let gate = self.gates[index];
        let answer = self
            .world
            .function(|kernel| kernel.signal_quickly(kernel.current(), gate));
        assert_eq!(answer, Ok(0));
    }

    fn ahead(&self) -> Number<Context> {
        let kernel = self.world.kernel();
        kernel.memory.link(kernel.core(), core_state::AHEAD)
    }

    fn assert_runs(&self, actor: Actor) {
        assert_eq!(self.world.current(), actor.thread);
    }

    /// The first thread wakes the middle one, which runs, and the first one is ahead of the queues.
    fn wake_middle(&self) {
        self.signal(0);
        self.assert_runs(self.middle);
        assert_eq!(self.ahead(), self.world.number_of(self.first.context));
    }

    /// The middle thread waits again.
    fn rest_middle(&self) {
        self.world.wait(self.notifications[0]);
    }
}

#[test]
fn preempted_thread_goes_on_before_others_of_its_priority() {
    let s = scene();
    s.wake_middle();
    s.rest_middle();
    s.assert_runs(s.first);
    assert!(s.ahead().is_none());
    assert_eq!(s.world.register(s.middle.thread, 0), 0);
}

#[test]
fn preempted_threads_go_on_in_turn() {
    let s = scene();
    s.wake_middle();
    s.signal(1);
    s.assert_runs(s.high);
    s.world.wait(s.notifications[1]);
    s.assert_runs(s.middle);
    s.rest_middle();
    s.assert_runs(s.first);
}

#[test]
fn preempted_thread_that_goes_is_not_ahead_any_more() {
    for way in 0..3 {
        let s = scene();
        s.wake_middle();
        let (thread, context) = (s.first.handle, s.first.context);
        let answer = s.world.function(|kernel| match way {
            0 => kernel.thread_stop(thread).into(),
            1 => kernel.destroy_quickly(thread),
            _ => kernel.destroy_quickly(context),
        });
        answer.expect("it goes");
        s.assert_runs(s.middle);
        s.rest_middle();
        s.assert_runs(s.second);
    }
}

#[test]
fn preempted_thread_that_becomes_more_important_goes_on_at_once() {
    let s = scene();
    s.wake_middle();
    s.world.configure(s.first.context, HIGH - 1, 0, 0);
    s.assert_runs(s.first);
}

#[test]
fn thread_that_becomes_more_important_meanwhile_goes_first() {
    let s = scene();
    s.wake_middle();
    s.world.configure(s.second.context, LOW + 1, 0, 0);
    s.rest_middle();
    s.assert_runs(s.second);
}

#[test]
fn yield_of_who_preempted_lets_only_its_equals_run() {
    let s = scene();
    s.wake_middle();
    s.world.function(|kernel| kernel.rotate()).expect("yield");
    s.assert_runs(s.middle);
    s.rest_middle();
    s.assert_runs(s.first);
    s.world.function(|kernel| kernel.rotate()).expect("yield");
    s.assert_runs(s.second);
}
