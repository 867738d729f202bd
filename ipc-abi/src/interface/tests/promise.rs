//! Late answers, through the in-process transport.

use super::*;

type Later = Result<(u64, Point), Failure<SampleError>>;

const DEFERRED: Later = Err(Failure::Call(CallError::Deferred));
const POINT: Point = Point { x: 2, y: 3 };

/// The late answer that came first.
fn late(way: &mut Way) -> Option<Later> {
    let answer = way.take_answer()?;
    Some(SampleClient::new(answer).later(false))
}

/// Lets the client with this number ask for a late answer.
fn ask(way: &mut Way, client: u8) -> Later {
    way.call_as(Badge::new(client, 0));
    SampleClient::new(way).later(false)
}

fn promises(way: &mut Way) -> &mut Vec<Promise<Result<(u64, Point), SampleError>>, 4> {
    &mut way.server().promises
}

#[test]
fn late_answer_is_what_the_client_would_have_got_at_once() {
    let mut way = Way::new(Server::default());
    assert_eq!(ask(&mut way, 1), DEFERRED);
    assert_eq!(ask(&mut way, 2), DEFERRED);
    assert_eq!(late(&mut way), None);
    let promise = promises(&mut way).remove(1);
    assert_eq!(promise.caller().client(), 2);
    promise.answer(Ok((7, POINT)));
    assert_eq!(late(&mut way), Some(Ok((7, POINT))));
    let promise = promises(&mut way).remove(0);
    promise.answer(Err(SampleError::Empty));
    let refusal = Err(Failure::Service(SampleError::Empty));
    assert_eq!(late(&mut way), Some(refusal));
    assert_eq!(late(&mut way), None);
}

#[test]
fn promise_that_is_dropped_is_answered_with_unanswered() {
    let mut way = Way::new(Server::default());
    assert_eq!(ask(&mut way, 1), DEFERRED);
    promises(&mut way).clear();
    let unanswered = CallError::Protocol(ProtocolError::Unanswered);
    assert_eq!(late(&mut way), Some(Err(Failure::Call(unanswered))));
}

#[test]
fn answer_to_a_caller_that_is_gone_comes_back() {
    let mut way = Way::new(Server::default());
    assert_eq!(ask(&mut way, 1), DEFERRED);
    assert_eq!(ask(&mut way, 2), DEFERRED);
    way.disconnect(1);
    let gone = promises(&mut way).remove(0);
    assert!(gone.is_abandoned());
    assert_eq!(gone.try_answer(Ok((7, POINT))), Err(Ok((7, POINT))));
    let promise = promises(&mut way).remove(0);
    assert!(!promise.is_abandoned());
    assert_eq!(promise.try_answer(Ok((8, POINT))), Ok(()));
    assert_eq!(late(&mut way), Some(Ok((8, POINT))));
    assert_eq!(late(&mut way), None);
}

#[test]
fn one_caller_too_many_is_told_so() {
    let mut way = Way::new(Server::default()).with_places(2);
    assert_eq!(ask(&mut way, 1), DEFERRED);
    assert_eq!(ask(&mut way, 2), DEFERRED);
    let no_place = CallError::Protocol(ProtocolError::NoPlace);
    assert_eq!(ask(&mut way, 3), Err(Failure::Call(no_place)));
    assert_eq!(promises(&mut way).len(), 2, "its method was not called");
    way.disconnect(1);
    assert_eq!(ask(&mut way, 3), DEFERRED);
}

#[test]
fn promise_outlives_the_way_by_which_it_came() {
    let mut way = Way::new(Server::default());
    assert_eq!(ask(&mut way, 1), DEFERRED);
    let promise = promises(&mut way).remove(0);
    drop(way);
    assert!(promise.is_abandoned());
    promise.answer(Ok((7, POINT)));
}
