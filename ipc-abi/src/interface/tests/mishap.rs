//! What clients make of calls that go wrong, through the in-process transport.

use super::*;
use crate::error::Error;

type Sum = Result<u64, CallError>;

/// What a call of `add` and the next bring when the first goes wrong so.
fn add_twice(mishap: Mishap) -> (Sum, Sum) {
    let way = Way::new(Server::default()).with_mishaps([Some(mishap)]);
    let mut client = SampleClient::new(way);
    (client.add(2, 3), client.add(2, 3))
}

#[test]
fn each_mishap_is_one_error_and_the_next_call_is_as_any_other() {
    let malformed = Misbehavior::Malformed(ProtocolError::Truncated);
    let no_place = ProtocolError::NoPlace;
    for (mishap, error) in [
        (Mishap::DiesBefore(2), CallError::Refused(Error::Died)),
        (Mishap::DiesAfter(2), CallError::Refused(Error::Died)),
        (Mishap::Slow, CallError::Refused(Error::TimedOut)),
        (
            Mishap::Refused(Error::NoSlots),
            CallError::Refused(Error::NoSlots),
        ),
        (Mishap::Protocol(no_place), CallError::Protocol(no_place)),
        (Mishap::Malformed, CallError::PeerMisbehavior(malformed)),
        (
            Mishap::Status(7),
            CallError::PeerMisbehavior(Misbehavior::UnknownStatus(7)),
        ),
    ] {
        assert_eq!(add_twice(mishap), (Err(error), Ok(5)), "{mishap:?}");
    }
}

#[test]
fn server_that_dies_tells_its_incarnation() {
    let mut way = Way::new(Server::default()).with_mishaps([Some(Mishap::DiesBefore(7))]);
    let reply = way.call(Message::empty(8)).expect("the kernel answers");
    assert_eq!((reply.tag, reply.badge), (Tag::refusal(Error::Died), 7));
}

#[test]
fn script_says_which_call_goes_wrong_and_whether_the_server_hears_of_it() {
    let script = [
        None,
        Some(Mishap::Slow),
        Some(Mishap::Refused(Error::WouldBlock)),
        Some(Mishap::DiesBefore(0)),
        Some(Mishap::DiesAfter(0)),
    ];
    let way = Way::new(Server::default()).with_mishaps(script);
    let mut client = SampleClient::new(way);
    let refused = |error| Err(CallError::Refused(error));
    assert_eq!(client.note("a"), Ok(()));
    assert_eq!(client.note("a"), refused(Error::TimedOut));
    assert_eq!(client.note("a"), refused(Error::WouldBlock));
    assert_eq!(client.note("a"), refused(Error::Died));
    assert_eq!(client.note("a"), Ok(()), "nobody hears what comes after");
    assert_eq!(client.note("a"), Ok(()));
    assert_eq!(client.transport().server().notes, 3);
}

#[test]
fn caller_that_loses_a_late_answer_does_not_wait_for_it() {
    let mut way = Way::new(Server::default()).with_mishaps([Some(Mishap::Slow)]);
    let slow = Err(Failure::Call(CallError::Refused(Error::TimedOut)));
    assert_eq!(SampleClient::new(&mut way).later(false), slow);
    let promise = way.server().promises.remove(0);
    assert!(promise.is_abandoned());
    drop(promise);
    assert!(way.take_answer().is_none());
    let deferred = Err(Failure::Call(CallError::Deferred));
    assert_eq!(SampleClient::new(&mut way).later(false), deferred);
}

#[test]
fn long_reply_that_is_cut_short_is_blamed_on_the_service() {
    let way = Way::new(Server::default()).with_mishaps([Some(Mishap::Malformed)]);
    let found = SampleClient::new(way).repeat("x", 1000);
    let truncated = Misbehavior::Malformed(ProtocolError::Truncated);
    assert_eq!(found, Err(CallError::PeerMisbehavior(truncated)));
    // A reply with nothing in it gets a byte.
    let way = Way::new(Server::default()).with_mishaps([Some(Mishap::Malformed)]);
    let trailing = Misbehavior::Malformed(ProtocolError::TrailingBytes);
    let found = SampleClient::new(way).nothing();
    assert_eq!(found, Err(CallError::PeerMisbehavior(trailing)));
}
