//! The macro, the encoding and the dispatcher, through the in-process transport.

extern crate std;

use heapless::{String, Vec};
use serde::Serialize;

use super::*;
use crate::error::Error;
use crate::manifest::Badge;
use crate::message::{Incoming, Message, words_from_bytes};
use crate::tag::Tag;
use crate::{interface, payload};

mod asynchronous;
mod batch;
mod connect;
mod granted;
mod mishap;
mod promise;
mod ring;
mod rubbish;

#[payload]
#[derive(Clone, Debug, PartialEq, Eq)]
enum SampleError {
    Empty,
    TooMany { limit: u32 },
}

#[payload]
#[derive(Clone, Debug, PartialEq, Eq)]
struct Point {
    x: u32,
    y: u32,
}

type Text = String<2000>;

/// A service that does one of everything.
#[interface(version = 3, reserved(13, "gone", 14))]
trait Sample {
    /// Adds.
    #[method(1)]
    fn add(&mut self, left: u64, right: u64) -> u64;
    /// Counts characters.
    #[method(2)]
    fn count(&mut self, text: &str) -> Result<u32, SampleError>;
    /// Mixes widths.
    #[method(3)]
    fn mix(&mut self, flag: bool, small: u32, big: u64, negative: i16) -> (bool, u32, u64, i16);
    /// Sums bytes.
    #[method(4)]
    fn sum(&mut self, bytes: &[u8]) -> u32;
    /// Repeats a text.
    #[method(5)]
    fn repeat(&mut self, text: &str, times: u32) -> Text;
    /// Swaps.
    #[method(6)]
    fn swap(&mut self, point: Point, by_reference: &Point) -> (Point, u64);
    /// Tells who calls.
    #[method(7)]
    fn who(&mut self, caller: Caller, salt: u64) -> u64;
    /// Returns nothing.
    #[method(8)]
    fn nothing(&mut self);
    /// May answer later.
    #[method(9)]
    fn later(&mut self, now: bool, promise: Promise<Result<(u64, Point), SampleError>>);
    /// Takes more fixed arguments than registers hold.
    #[method(10)]
    fn wide(&mut self, a: (u128, u128, u128, u128), b: (u128, u128, u128, u128), c: u8) -> u128;
    /// Finds one of several.
    #[method(11)]
    fn find(&mut self, name: Option<&str>, list: Vec<u8, 4>) -> Option<u32>;
    /// Cannot answer in one message.
    #[method(12)]
    fn flood(&mut self) -> Vec<u8, 5000>;
    /// Is not answered.
    #[method(15, one_way)]
    fn note(&mut self, text: &str);
}

#[derive(Default)]
struct Server {
    notes: u32,
    promises: Vec<Promise<Result<(u64, Point), SampleError>>, 4>,
}

impl Sample for Server {
    fn add(&mut self, left: u64, right: u64) -> u64 {
        left.wrapping_add(right)
    }

    fn count(&mut self, text: &str) -> Result<u32, SampleError> {
        match text.chars().count() {
            0 => Err(SampleError::Empty),
            many if many > 3000 => Err(SampleError::TooMany { limit: 3000 }),
            some => Ok(u32::try_from(some).expect("it is small")),
        }
    }

    fn mix(&mut self, flag: bool, small: u32, big: u64, negative: i16) -> (bool, u32, u64, i16) {
        (!flag, !small, !big, !negative)
    }

    fn sum(&mut self, bytes: &[u8]) -> u32 {
        bytes.iter().map(|byte| u32::from(*byte)).sum()
    }

    fn repeat(&mut self, text: &str, times: u32) -> Text {
        let mut repeated = Text::new();
        for _ in 0..times {
            repeated.push_str(text).expect("it fits");
        }
        repeated
    }

    fn swap(&mut self, point: Point, by_reference: &Point) -> (Point, u64) {
        (
            Point {
                x: point.y,
                y: by_reference.x,
            },
            u64::from(by_reference.y),
        )
    }

    fn who(&mut self, caller: Caller, salt: u64) -> u64 {
        u64::from(caller.client()) ^ salt
    }

    fn nothing(&mut self) {}

    fn later(&mut self, now: bool, promise: Promise<Result<(u64, Point), SampleError>>) {
        if now {
            promise.answer(Ok((1, Point { x: 2, y: 3 })));
        } else {
            self.promises.push(promise).expect("there is room");
        }
    }

    fn wide(&mut self, a: (u128, u128, u128, u128), b: (u128, u128, u128, u128), c: u8) -> u128 {
        a.0 ^ a.1 ^ a.2 ^ a.3 ^ b.0 ^ b.1 ^ b.2 ^ b.3 ^ u128::from(c)
    }

    fn find(&mut self, name: Option<&str>, list: Vec<u8, 4>) -> Option<u32> {
        name.map(|name| u32::try_from(name.len().wrapping_add(list.len())).expect("it is small"))
    }

    fn flood(&mut self) -> Vec<u8, 5000> {
        core::iter::repeat_n(7, 5000).collect()
    }

    fn note(&mut self, text: &str) {
        self.notes += u32::try_from(text.len()).expect("it is short");
    }
}

type Way = Local<SampleInterface, Server>;

fn client() -> SampleClient<Way> {
    SampleClient::connect(Way::new(Server::default())).expect("the schemas are the same")
}

/// Sends a request of one's own making and returns the reply's status and length.
fn raw(tag: Tag, bytes: &[u8]) -> (u16, usize) {
    let mut way = Way::new(Server::default());
    let mut short = [0; Tag::REGISTER_BYTES];
    if tag.is_long() {
        way.write(bytes).expect("it fits");
    } else {
        short[..bytes.len()].copy_from_slice(bytes);
    }
    let reply = way
        .call(Message {
            tag,
            words: words_from_bytes(&short),
        })
        .expect("it answers");
    (reply.tag.method(), reply.tag.length())
}

fn raw_short(method: u16, bytes: &[u8]) -> u16 {
    raw(
        Tag::new(method, u16::try_from(bytes.len()).expect("it is short")),
        bytes,
    )
    .0
}

#[test]
fn every_method_gives_what_the_server_returns() {
    let mut client = client();
    assert_eq!(client.add(2, u64::MAX), Ok(1));
    assert_eq!(client.count("äöü"), Ok(3));
    assert_eq!(client.count(""), Err(Failure::Service(SampleError::Empty)));
    assert_eq!(client.mix(true, 1, 2, -3), Ok((false, !1, !2, 2)));
    assert_eq!(client.sum(&[255, 255, 1]), Ok(511));
    let (point, other) = (Point { x: 1, y: 2 }, Point { x: 300, y: 70_000 });
    assert_eq!(
        client.swap(point, &other),
        Ok((Point { x: 2, y: 300 }, 70_000))
    );
    assert_eq!(client.nothing(), Ok(()));
    assert_eq!(client.later(true), Ok((1, Point { x: 2, y: 3 })));
    assert_eq!(
        client.find(Some("ab"), Vec::from_slice(&[1, 2, 3]).unwrap()),
        Ok(Some(5))
    );
    assert_eq!(client.find(None, Vec::new()), Ok(None));
}

#[test]
fn badge_reaches_the_method_and_not_the_client() {
    let mut client = SampleClient::new(Way::new(Server::default()).with_badge(Badge::new(0xF0, 0)));
    assert_eq!(client.who(0x0F), Ok(0xFF));
}

#[test]
fn text_travels_in_registers_up_to_their_size_and_in_the_buffer_beyond() {
    let mut client = client();
    let text = core::str::from_utf8(&[b'x'; 4200]).unwrap();
    for length in [1, 125, 126, 127, 128, 129, 1000, 3000] {
        assert_eq!(
            client.count(&text[..length]),
            Ok(u32::try_from(length).unwrap())
        );
    }
    let limit = Failure::Service(SampleError::TooMany { limit: 3000 });
    assert_eq!(client.count(&text[..4094]), Err(limit));
    let too_long = Failure::Call(CallError::Request(EncodeError::TooLong));
    assert_eq!(client.count(&text[..4095]), Err(too_long));
    for times in [0, 1, 125, 126, 127, 2000] {
        assert_eq!(client.repeat("x", times).unwrap().len(), times as usize);
    }
}

#[test]
fn fixed_arguments_beyond_registers_travel_in_the_buffer() {
    let quad = (1, 2, 4, 8);
    assert_eq!(
        client().wide(quad, (16, 32, 64, u128::MAX), 128),
        Ok(u128::MAX ^ 0xFF)
    );
}

#[test]
fn reply_beyond_the_buffer_is_refused_by_name() {
    let error = CallError::Protocol(ProtocolError::ReplyTooLong);
    assert_eq!(client().flood(), Err(error));
}

#[test]
fn two_scalars_are_two_words_and_narrow_ones_are_packed() {
    let message = sent(|client| client.add(0x1122, 0x3344));
    assert_eq!(message.tag, Tag::new(1, 16));
    assert_eq!(message.words[..3], [0x1122, 0x3344, 0]);
    let message = sent(|client| client.mix(true, 0x0403_0201, 0xAABB, -2));
    assert_eq!(message.tag, Tag::new(3, 15));
    assert_eq!(
        message.words[..2],
        [0x00AA_BB04_0302_0101, 0x00FF_FE00_0000_0000]
    );
}

#[test]
fn bytes_are_those_of_postcard_with_fixed_integers() {
    #[derive(Serialize)]
    struct Request<'a> {
        text: &'a str,
        #[serde(with = "postcard::fixint::le")]
        times: u32,
    }
    let message = sent(|client| client.repeat("hello", 0x0102_0304));
    let mut expected = [0; Tag::REGISTER_BYTES];
    let request = Request {
        text: "hello",
        times: 0x0102_0304,
    };
    let length = postcard::to_slice(&request, &mut expected).unwrap().len();
    assert_eq!(message.tag, Tag::new(5, u16::try_from(length).unwrap()));
    assert_eq!(message.words, words_from_bytes(&expected));
}

#[test]
fn malformed_requests_get_the_exact_error() {
    let status = ProtocolError::into_raw;
    assert_eq!(raw_short(99, &[]), status(ProtocolError::UnknownMethod));
    assert_eq!(
        raw_short(u16::MAX, &[1; 128]),
        status(ProtocolError::UnknownMethod)
    );
    assert_eq!(raw_short(1, &[0; 15]), status(ProtocolError::Truncated));
    assert_eq!(raw_short(1, &[0; 17]), status(ProtocolError::TrailingBytes));
    assert_eq!(raw_short(1, &[0; 16]), error::status::OK);
    assert_eq!(raw_short(3, &[2; 15]), status(ProtocolError::BadBool));
    assert_eq!(raw_short(2, &[]), status(ProtocolError::Truncated));
    assert_eq!(raw_short(2, &[2, b'a']), status(ProtocolError::Truncated));
    assert_eq!(raw_short(2, &[1, 0xFF]), status(ProtocolError::BadUtf8));
    assert_eq!(
        raw_short(2, &[1, b'a', 0]),
        status(ProtocolError::TrailingBytes)
    );
    assert_eq!(raw_short(2, &[0xFF; 12]), status(ProtocolError::BadNumber));
    assert_eq!(raw_short(11, &[2]), status(ProtocolError::BadOption));
    assert_eq!(
        raw_short(11, &[0, 5, 0, 0, 0, 0, 0]),
        status(ProtocolError::BadValue)
    );
    assert_eq!(
        raw_short(METHOD_SCHEMA, &[0]),
        status(ProtocolError::TrailingBytes)
    );
}

#[test]
fn misplaced_messages_get_the_exact_error() {
    let status = ProtocolError::into_raw;
    let short = Tag::new(1, 16).with_long();
    assert_eq!(
        raw(short, &[0; 16]),
        (status(ProtocolError::NotInRegisters), 0)
    );
    let short = Tag::new(2, 2).with_long();
    assert_eq!(
        raw(short, &[1, b'a']),
        (status(ProtocolError::NotInRegisters), 0)
    );
    let long = Tag::new(1, 200).with_long();
    assert_eq!(
        raw(long, &[0; 200]),
        (status(ProtocolError::TrailingBytes), 0)
    );
    for method in [METHOD_SCHEMA, 1, 2] {
        let (tag, words) = (Tag::new(method, 0).with_capabilities(1), [0; 16]);
        let refused = Way::new(Server::default()).call(Message { tag, words });
        assert_eq!(refused, Err(CallError::Refused(Error::NoSlots)));
    }
}

#[test]
fn random_requests_are_answered() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut way = Way::new(Server::default());
    for _ in 0..100_000 {
        let mut words = [0; 16];
        words.fill_with(&mut next);
        words[0] &= next();
        let tag = Tag::from_raw((next() & 0xF_007F_000F) | ((next() & 0xFF) << 16));
        let reply = way.call(Message { tag, words });
        way.server().promises.clear();
        let is_refused = tag.method() == 9 || tag.capabilities() != 0;
        assert!(reply.is_ok_and(|reply| reply.tag.kind().is_some()) || is_refused);
    }
}

#[test]
fn nonsense_of_a_service_is_blamed_on_it() {
    let answer = |tag: Tag| SampleClient::new(Fake::replying(tag)).add(1, 2);
    let misbehavior = |what| Err(CallError::PeerMisbehavior(what));
    assert_eq!(answer(Tag::new(0, 8)), Ok(0));
    let truncated = Misbehavior::Malformed(ProtocolError::Truncated);
    assert_eq!(answer(Tag::new(0, 7)), misbehavior(truncated));
    let trailing = Misbehavior::Malformed(ProtocolError::TrailingBytes);
    assert_eq!(answer(Tag::new(0, 9)), misbehavior(trailing));
    assert_eq!(
        answer(Tag::new(1, 8)),
        misbehavior(Misbehavior::NoSuchError)
    );
    assert_eq!(
        answer(Tag::new(7, 0)),
        misbehavior(Misbehavior::UnknownStatus(7))
    );
    let signal = Tag::new(0, 8).with_kind(crate::tag::MessageKind::Signal);
    assert_eq!(answer(signal), misbehavior(Misbehavior::NoReply));
    let died = Tag::refusal(crate::error::Error::Died);
    assert_eq!(
        answer(died),
        Err(CallError::Refused(crate::error::Error::Died))
    );
    let unknown = Tag::new(ProtocolError::UnknownMethod.into_raw(), 0);
    assert_eq!(
        answer(unknown),
        Err(CallError::Protocol(ProtocolError::UnknownMethod))
    );
}

#[test]
fn one_way_method_is_done_and_a_call_of_it_answered_with_nothing() {
    let mut client = client();
    assert_eq!(client.note("abc"), Ok(()));
    assert_eq!(client.transport().server().notes, 3);
    assert_eq!(raw_short(15, &[1, b'a']), error::status::OK);
    assert_eq!(
        raw_short(15, &[2, b'a']),
        ProtocolError::Truncated.into_raw()
    );
}

#[test]
fn method_that_answers_is_not_done_one_way() {
    let mut way = Way::new(Server::default());
    for (method, notes) in [(15, 1), (2, 1), (METHOD_SCHEMA, 1), (99, 1), (15, 2)] {
        let mut bytes = [0; Tag::REGISTER_BYTES];
        bytes[..2].copy_from_slice(&[1, b'a']);
        let message = Message::from_bytes(method, 2, &bytes);
        assert_eq!(way.send(message), Ok(()));
        assert_eq!(way.server().notes, notes);
    }
}

/// Answers everything alike and keeps what was sent last.
#[derive(Default)]
struct Fake {
    reply: Incoming,
    sent: Message,
    buffer: HostBuffer,
}

impl Fake {
    fn replying(tag: Tag) -> Fake {
        Fake {
            reply: Incoming {
                tag,
                ..Incoming::default()
            },
            ..Fake::default()
        }
    }
}

impl Transport for Fake {
    type Buffer = HostBuffer;

    fn buffer(&mut self) -> &mut HostBuffer {
        &mut self.buffer
    }

    fn call(&mut self, request: Message) -> Result<Incoming, CallError> {
        self.sent = request;
        Ok(self.reply)
    }

    fn send(&mut self, message: Message) -> Result<(), CallError> {
        self.sent = message;
        Ok(())
    }
}

/// What a call puts into registers.
fn sent<R>(call: impl FnOnce(&mut SampleClient<&mut Fake>) -> R) -> Message {
    let mut fake = Fake::default();
    let _ = call(&mut SampleClient::new(&mut fake));
    fake.sent
}
