//! Methods that may wait: what they answer is what their sync forms do, to good requests and to bad ones.

use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::boxed::Box;
use std::vec::Vec as StdVec;

use super::super::asynchronous::{BATCH_BYTES, LongMemory, Reply, Request};
use super::super::error::status;
use super::*;
use crate::message::{LongBuffer, LongBufferError, LongWriter};

#[derive(Default, Clone, Debug)]
struct Memory(StdVec<u8>);

impl LongWriter for Memory {
    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), LongBufferError> {
        self.0.resize(self.0.len().max(offset + bytes.len()), 0);
        self.0[offset..offset + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

impl LongMemory for Memory {
    type Batch = Box<[u8; BATCH_BYTES]>;

    fn batch() -> Box<[u8; BATCH_BYTES]> {
        Box::new([0; BATCH_BYTES])
    }

    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A service of which one method waits.
#[interface(version = 1)]
trait Mixed {
    /// Takes its time.
    #[method(1)]
    fn count(&mut self, caller: Caller, text: &str) -> Result<u32, SampleError>;
    /// Has fixed width.
    #[method(2)]
    fn mix(&mut self, flag: bool, number: u32) -> (bool, u32);
    /// Answers at length.
    #[method(3)]
    fn repeat(&mut self, text: &str, times: u32) -> Text;
    /// Promises.
    #[method(4)]
    fn later(&mut self, point: &Point, promise: Promise<Result<Point, SampleError>>);
    /// Lists.
    #[method(5)]
    fn list(&mut self, limit: u32, batch: &mut Batch<'_, u32>) -> Result<(), SampleError>;
    /// Is not answered.
    #[method(6, one_way)]
    fn note(&mut self, text: &str);
    /// Cannot answer in one message.
    #[method(7)]
    fn flood(&mut self) -> Vec<u8, 5000>;
}

struct Server;

fn count(client: u8, text: &str) -> Result<u32, SampleError> {
    let count = u32::try_from(text.chars().count()).expect("it is short");
    if count == 0 {
        Err(SampleError::Empty)
    } else {
        Ok(count + u32::from(client))
    }
}

fn repeat(text: &str, times: u32) -> Text {
    let mut repeated = Text::new();
    for _ in 0..times {
        if repeated.push_str(text).is_err() {
            break;
        }
    }
    repeated
}

fn turn(point: &Point) -> Result<Point, SampleError> {
    match point {
        Point { x: 0, y: 0 } => Err(SampleError::TooMany { limit: 0 }),
        Point { x, y } => Ok(Point { x: *y, y: *x }),
    }
}

fn list(limit: u32, batch: &mut Batch<'_, u32>) -> Result<(), SampleError> {
    if limit == 0 {
        return Err(SampleError::Empty);
    }
    for number in u32::try_from(batch.position()).unwrap_or(limit)..limit {
        if batch.push(&number, u64::from(number) + 1).is_err() {
            break;
        }
    }
    Ok(())
}

impl Mixed for Server {
    fn count(&mut self, caller: Caller, text: &str) -> Result<u32, SampleError> {
        count(caller.client(), text)
    }

    fn mix(&mut self, flag: bool, number: u32) -> (bool, u32) {
        (!flag, !number)
    }

    fn repeat(&mut self, text: &str, times: u32) -> Text {
        repeat(text, times)
    }

    fn later(&mut self, point: &Point, promise: Promise<Result<Point, SampleError>>) {
        promise.answer(turn(point));
    }

    fn list(&mut self, limit: u32, batch: &mut Batch<'_, u32>) -> Result<(), SampleError> {
        list(limit, batch)
    }

    fn note(&mut self, _text: &str) {}

    fn flood(&mut self) -> Vec<u8, 5000> {
        core::iter::repeat_n(7, 5000).collect()
    }
}

/// Waits once.
async fn wait() {
    let mut has_waited = false;
    core::future::poll_fn(|_| {
        if core::mem::replace(&mut has_waited, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

impl AsyncMixed for Server {
    async fn count(&self, caller: Caller, text: &str) -> Result<u32, SampleError> {
        wait().await;
        count(caller.client(), text)
    }

    async fn mix(&self, flag: bool, number: u32) -> (bool, u32) {
        (!flag, !number)
    }

    async fn repeat(&self, text: &str, times: u32) -> Text {
        wait().await;
        repeat(text, times)
    }

    async fn later(&self, point: &Point) -> Result<Point, SampleError> {
        wait().await;
        turn(point)
    }

    async fn list(&self, limit: u32, batch: &mut Batch<'_, u32>) -> Result<(), SampleError> {
        wait().await;
        list(limit, batch)
    }

    async fn note(&self, _text: &str) {}

    async fn flood(&self) -> Vec<u8, 5000> {
        core::iter::repeat_n(7, 5000).collect()
    }
}

/// What travels back: the tag, the words, and what is in the buffer.
type Travels = (Tag, [u64; 16], StdVec<u8>);

fn long_part(tag: Tag, buffer: &mut HostBuffer) -> StdVec<u8> {
    let length = if tag.is_long() { tag.length() } else { 0 };
    buffer.read(length, <[u8]>::to_vec).expect("it is there")
}

fn ask_sync(tag: Tag, bytes: &[u8]) -> Travels {
    let badge = Badge::new(3, 0);
    let mut way = Local::<MixedInterface, _>::new(Server).with_badge(badge);
    let (words, long) = split(tag, bytes);
    way.write(long).expect("it fits");
    let reply = way.call(Message { tag, words }).expect("it answers");
    let long = long_part(reply.tag, way.buffer());
    (reply.tag, reply.words, long)
}

/// The same, and how often the method waited.
fn ask_async(tag: Tag, bytes: &[u8]) -> (Travels, u32) {
    let (words, long) = split(tag, bytes);
    let mut buffer = HostBuffer::default();
    buffer.write(0, long).expect("it fits");
    let incoming = Incoming {
        tag,
        badge: Badge::new(3, 0).into_raw(),
        words,
    };
    let (reply, waits): (Reply<Memory>, u32) = match Request::copy(&incoming, &mut buffer) {
        Ok(request) => run(MixedInterface::answer(&Server, request)),
        Err(error) => (Reply::protocol_error(error), 0),
    };
    let mut buffer = HostBuffer::default();
    let message = reply.write_to(&mut buffer);
    let long = long_part(message.tag, &mut buffer);
    ((message.tag, message.words, long), waits)
}

fn run<T>(future: impl Future<Output = T>) -> (T, u32) {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for waits in 0.. {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return (value, waits);
        }
    }
    unreachable!("it ends");
}

fn split(tag: Tag, bytes: &[u8]) -> ([u64; 16], &[u8]) {
    if tag.is_long() {
        return ([0; 16], bytes);
    }
    let mut short = [0; Tag::REGISTER_BYTES];
    short[..bytes.len()].copy_from_slice(bytes);
    (words_from_bytes(&short), &[])
}

fn tag(method: u16, bytes: &[u8]) -> Tag {
    Tag::new(method, u16::try_from(bytes.len()).expect("it is short"))
}

/// Asks both, which must answer the same; tells the status and how often the async form waited.
fn ask(tag: Tag, bytes: &[u8]) -> (u16, u32) {
    let (answer, waits) = ask_async(tag, bytes);
    assert_eq!(answer, ask_sync(tag, bytes), "{tag:?} {bytes:?}");
    (answer.0.method(), waits)
}

#[test]
fn answers_are_those_of_the_sync_form() {
    assert_eq!(ask(tag(1, b"\x02hi"), b"\x02hi"), (status::OK, 1));
    assert_eq!(ask(tag(1, b"\0"), b"\0"), (status::SERVICE_ERROR, 1));
    assert_eq!(ask(tag(2, &[1, 5, 0, 0, 0]), &[1, 5, 0, 0, 0]), (0, 0));
    for times in [1, 126, 127, 255] {
        let request = [1, b'x', times, 0, 0, 0];
        assert_eq!(ask(tag(3, &request), &request), (0, 1));
    }
    assert_eq!(ask(tag(4, &[1, 2]), &[1, 2]), (0, 1));
    assert_eq!(ask(tag(4, &[0, 0]), &[0, 0]), (status::SERVICE_ERROR, 1));
    let mut request = [0; 12];
    request[8..10].copy_from_slice(&[0xFF, 0xFF]);
    assert_eq!(ask(tag(5, &request), &request), (0, 1));
    assert_eq!(ask(tag(5, &[0; 12]), &[0; 12]), (status::SERVICE_ERROR, 1));
    assert_eq!(ask(tag(6, b"\x01x"), b"\x01x"), (0, 0));
    let too_long = ProtocolError::ReplyTooLong.into_raw();
    assert_eq!(ask(tag(7, &[]), &[]), (too_long, 0));
}

#[test]
fn long_text_is_borrowed_across_an_await() {
    let mut text = StdVec::from([0xE8, 0x07]);
    text.resize(2 + 1000, b'x');
    assert_eq!(ask(tag(1, &text).with_long(), &text), (0, 1));
}

#[test]
fn bad_requests_get_the_errors_of_the_sync_form() {
    let refused = |tag: Tag, bytes: &[u8], error: ProtocolError| {
        assert_eq!(ask(tag, bytes), (error.into_raw(), 0));
    };
    refused(tag(8, &[]), &[], ProtocolError::UnknownMethod);
    refused(tag(2, &[1, 5]), &[1, 5], ProtocolError::Truncated);
    refused(tag(2, &[9; 4]), &[9; 4], ProtocolError::Truncated);
    refused(tag(2, &[9; 5]), &[9; 5], ProtocolError::BadBool);
    refused(tag(2, &[9; 6]), &[9; 6], ProtocolError::TrailingBytes);
    refused(tag(1, &[5, 1]), &[5, 1], ProtocolError::Truncated);
    refused(tag(1, &[1, 0xFF]), &[1, 0xFF], ProtocolError::BadUtf8);
    refused(tag(5, &[0; 11]), &[0; 11], ProtocolError::Truncated);
    refused(tag(7, &[1]), &[1], ProtocolError::TrailingBytes);
    let (answer, waits) = ask_async(tag(2, &[1; 5]).with_capabilities(1), &[1; 5]);
    let unexpected = ProtocolError::UnexpectedCapabilities.into_raw();
    assert_eq!((answer.0.method(), waits), (unexpected, 0));
    let in_buffer = ProtocolError::NotInRegisters;
    refused(tag(1, b"\x02hi").with_long(), b"\x02hi", in_buffer);
    refused(
        tag(2, &[0; 200]).with_long(),
        &[0; 200],
        ProtocolError::TrailingBytes,
    );
    let long = [0xFF; 200];
    refused(tag(1, &long).with_long(), &long, ProtocolError::BadNumber);
}

#[test]
fn every_short_request_gets_the_same_from_both() {
    // Each byte of the alphabet is something else to some decoder.
    const ALPHABET: [u8; 6] = [0, 1, 2, b'x', 0x80, 0xFF];
    for method in 1..9 {
        for number in 0..6_usize.pow(4) {
            let bytes = [0, 1, 2, 3].map(|place| ALPHABET[number / 6_usize.pow(place) % 6]);
            for length in 0..=4 {
                ask(tag(method, &bytes[..length]), &bytes[..length]);
            }
        }
    }
}
