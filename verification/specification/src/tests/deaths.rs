//! Who is told when something goes, and when its place is free.

use ipc_abi::call::SystemCall;
use ipc_abi::error::Error;
use ipc_abi::tag::Tag;

use super::{MAIN, MEMORY, SPACE, Stage, TABLE, TIME};
use crate::event::{Event, Inputs};
use crate::state::{Life, Wait};
use crate::step::Step;

#[test]
fn a_dead_capability_stays_dead_when_its_place_is_used_again() {
    let mut stage = Stage::new();
    let endpoint = stage.make(SystemCall::CreateEndpoint, &[]);
    let number = stage.number(endpoint);
    assert_eq!(stage.call(SystemCall::Destroy, &[endpoint]), Ok(0));
    assert!(
        !stage
            .state
            .has_object(ipc_abi::capability::Kind::Endpoint, number)
    );
    let (_, place) = stage.slot();
    let again = stage.call(SystemCall::CreateEndpoint, &[MEMORY, number, place]);
    assert_eq!(again, Ok(0));
    stage.message(SystemCall::Receive, endpoint, Tag::default(), 0);
    assert_eq!(stage.refusal(MAIN), Some(Error::Stale));
    assert_eq!(
        stage.call(SystemCall::Destroy, &[endpoint]),
        Err(Error::Stale)
    );
}

#[test]
fn nobody_destroys_what_it_runs_with() {
    let mut stage = Stage::new();
    for handle in [TABLE, SPACE] {
        assert_eq!(
            stage.call(SystemCall::Destroy, &[handle]),
            Err(Error::Itself)
        );
    }
}

#[test]
fn whoever_waits_at_a_dead_endpoint_is_told_in_some_later_step() {
    let mut stage = Stage::new();
    let endpoint = stage.make(SystemCall::CreateEndpoint, &[]);
    let gate = stage.make(SystemCall::CreateGate, &[endpoint, 5]);
    let waiting = stage.actor(200);
    stage.message(SystemCall::Call, gate, Tag::default(), 0);
    assert_eq!(stage.running(), MAIN);
    stage.state.thread(MAIN).registers.x[0] = endpoint;
    let destroy = Event::SystemCall(SystemCall::Destroy as u16);
    stage.state.step(destroy, &Inputs::default());
    assert_eq!(stage.state.steps(), [Step::Tell(waiting.thread)]);
    assert!(matches!(
        stage.state.threads[&waiting.thread].wait,
        Wait::Send { .. }
    ));
    stage.state.take(Step::Tell(waiting.thread));
    assert_eq!(stage.running(), waiting.thread);
    assert_eq!(stage.refusal(waiting.thread), Some(Error::Died));
    stage.message(SystemCall::Call, gate, Tag::default(), 0);
    assert_eq!(stage.refusal(waiting.thread), Some(Error::Died));
}

#[test]
fn a_kernel_that_forgets_to_tell_is_allowed_to_for_now_and_one_that_tells_nobody_is_not_done() {
    let mut stage = Stage::new();
    let endpoint = stage.make(SystemCall::CreateEndpoint, &[]);
    let gate = stage.make(SystemCall::CreateGate, &[endpoint, 5]);
    stage.actor(200);
    stage.message(SystemCall::Call, gate, Tag::default(), 0);
    stage.state.thread(MAIN).registers.x[0] = endpoint;
    let destroy = Event::SystemCall(SystemCall::Destroy as u16);
    let mut kernel = stage.state.clone();
    kernel.step(destroy, &Inputs::default());
    stage.state.step(destroy, &Inputs::default());
    assert_eq!(stage.state.follow(&kernel), Ok(0));
    assert_eq!(stage.state.steps().len(), 1);
    let number = stage.state.endpoints.keys().next().copied();
    kernel.endpoints.clear();
    let difference = stage
        .state
        .follow(&kernel)
        .expect_err("it is not buried with a waiter");
    assert_eq!((difference.field, difference.number), ("endpoints", number));
}

#[test]
fn who_waits_for_the_reply_of_a_thread_that_goes_learns_its_incarnation() {
    let mut stage = Stage::new();
    let endpoint = stage.make(SystemCall::CreateEndpoint, &[]);
    let gate = stage.make(SystemCall::CreateGate, &[endpoint, 5]);
    let server = stage.actor(200);
    stage.message(SystemCall::Receive, endpoint, Tag::default(), 0);
    stage.state.thread(server.thread).flags = 42 << 32;
    let killer = stage.actor(150);
    stage.message(SystemCall::Call, gate, Tag::default(), 0);
    assert_eq!(stage.running(), server.thread);
    stage.call(SystemCall::Sleep, &[5]).expect("it sleeps");
    assert_eq!(stage.running(), MAIN);
    assert_eq!(stage.call(SystemCall::Destroy, &[server.handle]), Ok(0));
    assert_eq!(stage.refusal(killer.thread), Some(Error::Died));
    assert_eq!(stage.x(killer.thread, 17), 42);
}

#[test]
fn threads_stop_with_their_space_and_its_frames_are_free() {
    let mut stage = Stage::new();
    let root = stage.free_frame();
    let space = stage.make(SystemCall::CreateSpace, &[super::ASIDS, root]);
    let asid = stage.state.spaces[&stage.number(space)].asid;
    let handle = stage.make(SystemCall::CreateThread, &[TABLE, space]);
    let thread = stage.number(handle);
    let donated = stage.free_frame();
    assert_eq!(
        stage.call(SystemCall::SpaceDonate, &[space, MEMORY, donated]),
        Ok(0)
    );
    assert_eq!(stage.call(SystemCall::Reclaim, &[MEMORY, donated]), Ok(0));
    assert_eq!(stage.state.threads[&thread].life, Life::Stopped);
    assert!(stage.state.is_free(root) && stage.state.is_free(donated));
    assert_eq!(stage.call(SystemCall::Destroy, &[space]), Err(Error::Stale));
    let root = stage.free_frame();
    let space = stage.make(SystemCall::CreateSpace, &[super::ASIDS, root]);
    assert_eq!(stage.state.spaces[&stage.number(space)].asid, asid);
}

#[test]
fn what_was_made_from_an_allowance_of_time_goes_with_it() {
    let mut stage = Stage::new();
    let grant = 50 | 50 << 8 | 1000 << 16;
    let part = stage.make(SystemCall::AllowanceSplit, &[TIME, grant]);
    let below = stage.make(SystemCall::AllowanceSplit, &[part, 10 << 16]);
    let context = stage.make(SystemCall::CreateContext, &[part, 50]);
    let above = stage.slot().1;
    let number = stage.free_frame() * 64;
    let refused = stage.call(
        SystemCall::CreateContext,
        &[MEMORY, number, above, part, 51],
    );
    assert_eq!(refused, Err(Error::OutOfRange));
    assert_eq!(stage.call(SystemCall::Destroy, &[part]), Ok(0));
    for handle in [below, context] {
        assert_eq!(
            stage.call(SystemCall::Destroy, &[handle]),
            Err(Error::Stale)
        );
    }
    assert_eq!(stage.state.share_left(super::OWN_TIME), 1 << 20);
}

#[test]
fn stopping_abandons_a_wait_and_starting_anew_forgets_the_call() {
    let mut stage = Stage::new();
    let bits = stage.make(SystemCall::CreateNotification, &[]);
    let actor = stage.actor(200);
    stage.message(SystemCall::Wait, bits, Tag::default(), 0);
    assert_eq!(stage.call(SystemCall::ThreadStop, &[actor.handle]), Ok(0));
    assert_eq!(
        stage.call(SystemCall::ThreadStop, &[actor.handle]),
        Err(Error::NotStarted)
    );
    assert_eq!(stage.refusal(actor.thread), Some(Error::Died));
    let start = [actor.handle, 0x50, 0x60, 1];
    assert_eq!(stage.call(SystemCall::ThreadStart, &start), Ok(0));
    assert_eq!(
        (stage.running(), stage.x(actor.thread, 16)),
        (actor.thread, 0)
    );
    let stopped = stage.call(SystemCall::ThreadStop, &[actor.handle]);
    assert_eq!(stopped, Err(Error::Itself));
}

#[test]
fn whoever_reclaims_hears_of_it_also_if_the_death_lets_somebody_else_run() {
    let mut stage = Stage::new();
    let target = stage.make(SystemCall::CreateNotification, &[]);
    let waiting = stage.actor(200);
    stage.message(SystemCall::Wait, target, Tag::default(), 0);
    assert_eq!(stage.running(), MAIN);
    let frame = stage.number(target) / 64;
    assert_eq!(stage.call(SystemCall::Reclaim, &[MEMORY, frame]), Ok(0));
    assert_eq!(stage.running(), waiting.thread);
    assert_eq!(stage.refusal(waiting.thread), Some(Error::Died));
}
