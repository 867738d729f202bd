//! Facts about whoever helps: its time, its equals, and what it waits for.

use ipc_abi::call::SystemCall;
use ipc_abi::time::NEVER;

use crate::help_test::{HIGH, LOW, away, back, scene};
use crate::ipc_test::FULL;

#[test]
fn helper_that_has_no_budget_any_more_waits_for_no_refill() {
    let mut s = scene(1);
    let high = s.world.actor(HIGH);
    s.world.configure(high.context, HIGH, 5_000, 50_000);
    s.world.start(high);
    // It uses some, which would come back.
    away(&s.world);
    back(&s.world);
    s.world.configure(high.context, HIGH, 0, 0);
    s.world.sleep(NEVER);
    s.world.message(SystemCall::Call, s.gate, FULL, 20);
    s.assert_runs_for(s.servers[0], high);
}

#[test]
fn helper_goes_on_when_an_equal_waits_and_the_helped_becomes_more_important() {
    let mut s = scene(1);
    s.world.started(HIGH);
    let high = s.world.started(HIGH);
    s.world.sleep(NEVER);
    s.world.turn_to(high);
    s.world.message(SystemCall::Call, s.gate, FULL, 20);
    s.world.configure(s.low.context, HIGH + 40, 0, 0);
    s.assert_runs_for(s.servers[0], high);
}

#[test]
fn waiter_that_serves_an_important_caller_is_helped_from_the_signal_on() {
    let mut s = scene(1);
    let target = s.world.notification();
    let bell = s.world.gate(target, 1);
    let idler = s.world.started(LOW - 10);
    let high = s.important_call(HIGH);
    s.world.wait(target);
    s.assert_runs_for(s.middle, s.middle);
    s.world.sleep(NEVER);
    s.assert_runs_for(idler, idler);
    let signalled = s.world.function(|k| k.signal_quickly(idler.thread, bell));
    assert_eq!(signalled, Ok(0));
    s.assert_runs_for(s.servers[0], high);
}
