//! Priorities, budgets, deadlines, helping.

use ipc_abi::call::SystemCall;
use ipc_abi::error::Error;
use ipc_abi::tag::Tag;

use super::{MAIN, Stage, TIME};
use crate::event::Event;

#[test]
fn equals_take_turns_and_the_more_important_do_not_wait() {
    let mut stage = Stage::new();
    let equal = stage.actor(100);
    assert_eq!(stage.running(), MAIN);
    assert_eq!(stage.call(SystemCall::Yield, &[]), Ok(0));
    assert_eq!(stage.running(), equal.thread);
    assert_eq!(stage.call(SystemCall::Yield, &[]), Ok(0));
    let above = stage.actor(101);
    assert_eq!(stage.running(), above.thread);
    assert_eq!(stage.call(SystemCall::Yield, &[]), Ok(0));
    assert_eq!(stage.running(), above.thread);
}

#[test]
fn a_deadline_that_passed_is_refused_and_one_that_comes_wakes() {
    let mut stage = Stage::new();
    let endpoint = stage.make(SystemCall::CreateEndpoint, &[]);
    let gate = stage.make(SystemCall::CreateGate, &[endpoint, 5]);
    let actor = stage.actor(200);
    stage.now = 1000;
    for call in [SystemCall::CallUntil, SystemCall::ReceiveUntil] {
        stage.state.thread(actor.thread).registers.x[20] = 1000;
        let handle = if call == SystemCall::CallUntil {
            gate
        } else {
            endpoint
        };
        stage.message(call, handle, Tag::default(), 0);
        assert_eq!(stage.refusal(actor.thread), Some(Error::TimedOut));
    }
    stage.state.thread(actor.thread).registers.x[20] = 2000;
    stage.message(SystemCall::CallUntil, gate, Tag::default(), 0);
    stage.now = 1999;
    stage.event(Event::Timer);
    assert_eq!(stage.running(), MAIN, "never before its time");
    stage.now = 2000;
    stage.event(Event::Timer);
    assert_eq!(stage.running(), actor.thread);
    assert_eq!(stage.refusal(actor.thread), Some(Error::TimedOut));
    assert!(
        stage.state.endpoints[&stage.number(endpoint)]
            .senders
            .is_empty()
    );
}

#[test]
fn sleepers_of_lower_bands_trouble_nobody() {
    let mut stage = Stage::new();
    let low = stage.actor(10);
    stage.let_run(low.thread);
    assert_eq!(stage.call(SystemCall::Sleep, &[50]), Ok(0));
    assert_eq!(stage.state.running, None);
    stage.now = 10;
    stage.event(Event::Timer);
    assert_eq!(stage.state.running, None);
    stage.now = 60;
    stage.event(Event::Timer);
    assert_eq!(stage.running(), low.thread);
}

#[test]
fn a_context_that_used_its_budget_waits_for_the_refill() {
    let mut stage = Stage::new();
    let actor = stage.actor(50);
    let configure = |stage: &mut Stage, budget, period| {
        let arguments = [actor.context, TIME, 150, budget, period];
        stage.call(SystemCall::ContextConfigure, &arguments)
    };
    assert_eq!(configure(&mut stage, 1000, 5000), Err(Error::OutOfRange));
    assert_eq!(configure(&mut stage, 5001, 5000), Err(Error::OutOfRange));
    assert_eq!(configure(&mut stage, 2000, 5000), Ok(0));
    assert_eq!(stage.running(), actor.thread);
    stage.now = 1999;
    stage.event(Event::Timer);
    assert_eq!(stage.running(), actor.thread);
    stage.now = 2000;
    stage.event(Event::Timer);
    assert_eq!(stage.running(), MAIN);
    assert_eq!(
        stage.call(SystemCall::ContextInspect, &[actor.context]),
        Ok(2000)
    );
    stage.now = 4999;
    stage.event(Event::Timer);
    assert_eq!(
        stage.running(),
        MAIN,
        "a period after the use began, and not before"
    );
    stage.now = 5000;
    stage.event(Event::Timer);
    assert_eq!(stage.running(), actor.thread);
}

#[test]
fn who_waits_behind_a_busy_server_lends_it_priority() {
    let mut stage = Stage::new();
    let endpoint = stage.make(SystemCall::CreateEndpoint, &[]);
    let gate = stage.make(SystemCall::CreateGate, &[endpoint, 5]);
    let server = stage.actor(120);
    stage.message(SystemCall::Receive, endpoint, Tag::default(), 0);
    stage.message(SystemCall::Call, gate, Tag::default(), 0);
    assert_eq!(stage.running(), server.thread);
    let hog = stage.actor(150);
    assert_eq!(stage.running(), hog.thread);
    let caller = stage.actor(200);
    stage.message(SystemCall::Call, gate, Tag::default(), 0);
    let running = stage.state.running.expect("somebody runs");
    assert_eq!(running.thread, server.thread);
    assert_eq!(running.helper, Some(stage.number(caller.context)));
    stage.message(SystemCall::ReplyReceive, endpoint, Tag::default(), 0);
    let running = stage.state.running.expect("somebody runs");
    assert_eq!((running.thread, running.helper), (server.thread, None));
    assert_eq!(running.context, stage.number(caller.context));
}
