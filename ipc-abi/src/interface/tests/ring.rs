//! Methods over a ring, in memory of the host: the same dispatcher, and the client that the macro makes for rings.

use std::sync::atomic::{AtomicU64, Ordering};

use super::super::ring::{Reply, serve};
use super::*;
use crate::message::MESSAGE_WORDS;
use crate::ring::{
    Completer, HEADER_WORDS, RingWords, SLOT_WORDS, SLOTS_MIN, Slot, SubmitError, Submitter,
};
use crate::tag::MessageKind;

/// The memory of a ring.
struct Memory {
    header: [AtomicU64; HEADER_WORDS],
    slots: [Slot<AtomicU64>; 2 * SLOTS_MIN as usize],
}

/// Both sides of a ring, and the server.
struct Pair<'a> {
    memory: &'a Memory,
    submitter: Submitter<RingWords<'a>>,
    completer: Completer<RingWords<'a>>,
    server: Server,
}

const fn memory() -> Memory {
    Memory {
        header: [const { AtomicU64::new(0) }; HEADER_WORDS],
        slots: [const { [const { AtomicU64::new(0) }; SLOT_WORDS] }; 2 * SLOTS_MIN as usize],
    }
}

impl<'a> Pair<'a> {
    fn new(memory: &'a Memory) -> Pair<'a> {
        let words = RingWords::new(&memory.header, &memory.slots);
        let words = words.expect("it is the memory of a ring");
        Pair {
            memory,
            submitter: Submitter::new(words),
            completer: Completer::new(words),
            server: Server::default(),
        }
    }

    /// Lets the server answer everything as the client 5 asks it.
    fn serve(&mut self) -> u64 {
        let _ = self.submitter.publish();
        let mut served = 0;
        loop {
            let badge = Badge::new(5, 0).into_raw();
            let (completer, server) = (&mut self.completer, &mut self.server);
            match serve::<SampleInterface, _, _>(completer, server, badge, u64::MAX) {
                Ok(0) => break,
                Ok(count) => served += count,
                Err(misbehavior) => panic!("the client is honest: {misbehavior:?}"),
            }
        }
        let _ = self.completer.publish();
        self.submitter.look().expect("the server is honest");
        served
    }

    /// What the next operation brought.
    fn take<R>(&mut self, ticket: Ticket<R>) -> R {
        let reply = self.submitter.take_expected(ticket.token());
        ticket.read(reply.expect("it is the next"))
    }

    /// Serves one operation.
    fn ask<R>(&mut self, submit: impl FnOnce(&mut SampleRing<&mut Self>) -> R) -> R {
        let submitted = submit(&mut SampleRing::new(&mut *self));
        self.serve();
        submitted
    }
}

impl RingTransport for Pair<'_> {
    fn submit(&mut self, request: &Message, used_words: usize) -> Result<u32, RingError> {
        let submitted = self.submitter.submit(request, used_words);
        submitted.map_err(|error| match error {
            SubmitError::Full => RingError::Full,
            SubmitError::NotInRing => RingError::Request(EncodeError::TooLong),
        })
    }
}

#[test]
fn methods_bring_over_a_ring_what_they_bring_by_a_call() {
    let memory = memory();
    let mut pair = Pair::new(&memory);
    let mut ring = SampleRing::new(&mut pair);
    let sum = ring.add(20, 22).expect("there is room");
    let count = ring.count("five!").expect("there is room");
    let empty = ring.count("").expect("there is room");
    let mixed = ring.mix(true, 1, 2, -3).expect("there is room");
    let who = ring.who(1).expect("there is room");
    let told = ring.note("a note").expect("there is room");
    assert_eq!(pair.serve(), 6);
    assert_eq!(pair.take(sum), Ok(42));
    assert_eq!(pair.take(count), Ok(5));
    assert_eq!(pair.take(empty), Err(Failure::Service(SampleError::Empty)));
    assert_eq!(pair.take(mixed), Ok((false, !1, !2, 2)));
    assert_eq!(pair.take(who), Ok(5 ^ 1));
    assert_eq!(pair.take(told), Ok(()));
    assert_eq!(pair.server.notes, 6, "the characters of the note");
}

#[test]
fn message_that_is_a_byte_too_long_does_not_go_over_a_ring() {
    let memory = memory();
    let mut pair = Pair::new(&memory);
    let text = "t".repeat(Tag::REGISTER_BYTES - 1);
    // The length takes a byte, or two from 128 on.
    let longest = pair.ask(|ring| ring.count(&text[1..]));
    let longest = pair.take(longest.expect("it fits"));
    assert_eq!(longest, Ok(126));
    let fits = pair.ask(|ring| ring.count(&text)).expect("it fits");
    assert_eq!(pair.take(fits), Ok(127));
    let long = "t".repeat(Tag::REGISTER_BYTES);
    let refused = pair
        .ask(|ring| ring.count(&long))
        .map(|ticket| ticket.token());
    assert_eq!(refused, Err(RingError::Request(EncodeError::NoBuffer)));
    // Nor does an answer.
    for (times, expected) in [(127, None), (128, Some(ProtocolError::NoBuffer))] {
        let ticket = pair.ask(|ring| ring.repeat("x", times)).expect("it fits");
        let brought = pair.take(ticket);
        match expected {
            None => assert_eq!(brought.map(|text| text.len()), Ok(127)),
            Some(error) => assert_eq!(brought, Err(CallError::Protocol(error))),
        }
    }
}

#[test]
fn what_does_not_go_over_rings_is_refused_by_name() {
    let memory = memory();
    let mut pair = Pair::new(&memory);
    let cases = [
        (9, 1, ProtocolError::NotInRing),
        (METHOD_RING, 0, ProtocolError::NoRing),
        (METHOD_RING_TURN, 0, ProtocolError::NoRing),
        (1000, 0, ProtocolError::UnknownMethod),
        (1, 15, ProtocolError::Truncated),
        (1, 17, ProtocolError::TrailingBytes),
    ];
    for (method, length, expected) in cases {
        let request = Message {
            tag: Tag::new(method, length),
            words: [0; MESSAGE_WORDS],
        };
        let token = pair.submit(&request, 0).expect("there is room");
        assert_eq!(pair.serve(), 1);
        let reply = pair.submitter.take_expected(token).expect("it is there");
        assert_eq!(reply.tag(), Tag::new(expected.into_raw(), 0), "{method}");
    }
}

#[test]
fn ring_that_is_full_says_so() {
    let memory = memory();
    let mut pair = Pair::new(&memory);
    let mut ring = SampleRing::new(&mut pair);
    let tickets: std::vec::Vec<_> = (0..u64::from(SLOTS_MIN))
        .map(|left| ring.add(left, 1).expect("there is room"))
        .collect();
    let refused = ring.add(1, 1).map(|ticket| ticket.token());
    assert_eq!(refused, Err(RingError::Full));
    assert_eq!(pair.serve(), u64::from(SLOTS_MIN));
    for (left, ticket) in (0..).zip(tickets) {
        assert_eq!(pair.take(ticket), Ok(left + 1));
    }
}

/// What the client reads when the server's first completion has this tag and words.
fn read_answer<R>(
    submit: impl FnOnce(&mut SampleRing<&mut Pair<'_>>) -> Result<Ticket<R>, RingError>,
    tag: u64,
    word: u64,
) -> R {
    let memory = memory();
    let mut pair = Pair::new(&memory);
    let ticket = pair.ask(submit).expect("there is room");
    let [first, words @ ..] = &pair.memory.slots[SLOTS_MIN as usize];
    first.store(tag, Ordering::Relaxed);
    for place in words {
        place.store(word, Ordering::Relaxed);
    }
    pair.take(ticket)
}

#[test]
fn answers_that_are_none_are_the_servers_misbehavior() {
    let misbehavior = CallError::PeerMisbehavior;
    let malformed = |error| misbehavior(Misbehavior::Malformed(error));
    let cases = [
        (0, malformed(ProtocolError::Truncated)),
        (9 << 16, malformed(ProtocolError::TrailingBytes)),
        (0xFFFF << 16, malformed(ProtocolError::TrailingBytes)),
        (8 << 16 | 1, misbehavior(Misbehavior::NoSuchError)),
        (2, misbehavior(Misbehavior::UnknownStatus(2))),
        (16, CallError::Protocol(ProtocolError::UnknownMethod)),
    ];
    for (tag, expected) in cases {
        let read = read_answer(|ring| ring.add(1, 2), tag, u64::MAX);
        assert_eq!(read, Err(expected), "{tag:x}");
    }
    let read = read_answer(|ring| ring.add(1, 2), 8 << 16, 77);
    assert_eq!(read, Ok(77));
    let read = read_answer(|ring| ring.count("x"), 1 << 16 | 1, 9);
    let expected = malformed(ProtocolError::BadValue);
    assert_eq!(read, Err(Failure::Call(expected)));
}

#[test]
fn what_does_not_come_is_told_by_a_tag() {
    let memory = memory();
    let mut pair = Pair::new(&memory);
    let slot = [const { AtomicU64::new(0) }; SLOT_WORDS];
    let cases = [
        (
            Tag::refusal(crate::error::Error::Died),
            CallError::Refused(crate::error::Error::Died),
        ),
        (
            Tag::default().with_kind(MessageKind::OneWay),
            CallError::PeerMisbehavior(Misbehavior::NoReply),
        ),
    ];
    for (tag, expected) in cases {
        let nothing = pair.ask(|ring| ring.nothing()).expect("there is room");
        assert_eq!(nothing.read(Reply::instead(tag, &slot)), Err(expected));
        let count = pair.ask(|ring| ring.count("x")).expect("there is room");
        let read = count.read(Reply::instead(tag, &slot));
        assert_eq!(read, Err(Failure::Call(expected)));
    }
}
