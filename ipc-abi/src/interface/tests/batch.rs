//! Lists, through the in-process transport.

use std::vec::Vec;

use super::super::batch::BATCH_BYTES;
use super::*;

/// Lists.
#[interface(version = 1)]
trait Lists {
    /// Counts up to `limit`.
    #[method(1)]
    fn count(&mut self, limit: u32, batch: &mut Batch<'_, u32>);
    /// Lists texts of this length.
    #[method(2)]
    fn texts(
        &mut self,
        caller: Caller,
        text: &str,
        times: u64,
        batch: &mut Batch<'_, Text>,
    ) -> Result<(), SampleError>;
    /// Finds one number in ten, and takes its time.
    #[method(3)]
    fn tens(&mut self, points: &Point, sum: heapless::Vec<u8, 4>, batch: &mut Batch<'_, u32>);
    /// Lists something that cannot be sent.
    #[method(4)]
    fn impossible(&mut self, batch: &mut Batch<'_, heapless::Vec<u8, 5000>>);
}

#[derive(Default)]
struct Lister {
    requests: u32,
}

impl Lists for Lister {
    fn count(&mut self, limit: u32, batch: &mut Batch<'_, u32>) {
        self.requests += 1;
        let first = u32::try_from(batch.position()).unwrap_or(u32::MAX);
        for number in first..limit {
            if batch.push(&number, u64::from(number) + 1).is_err() {
                return;
            }
        }
    }

    fn texts(
        &mut self,
        _caller: Caller,
        text: &str,
        times: u64,
        batch: &mut Batch<'_, Text>,
    ) -> Result<(), SampleError> {
        self.requests += 1;
        if batch.position() == 3 {
            return Err(SampleError::Empty);
        }
        let text = Text::try_from(text).expect("it fits");
        for number in batch.position()..times {
            if batch.push(&text, number + 1) == Err(Full) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn tens(&mut self, points: &Point, sum: heapless::Vec<u8, 4>, batch: &mut Batch<'_, u32>) {
        self.requests += 1;
        let position = u32::try_from(batch.position()).expect("it is small");
        if position.is_multiple_of(10) {
            batch
                .push(
                    &(points.x + position + sum.iter().map(|it| u32::from(*it)).sum::<u32>()),
                    0,
                )
                .expect("it is the first");
        }
        if position < 25 {
            batch.pause(u64::from(position) + 5);
        }
    }

    fn impossible(&mut self, batch: &mut Batch<'_, heapless::Vec<u8, 5000>>) {
        let item = core::iter::repeat_n(7, 5000).collect();
        assert_eq!(batch.push(&item, 1), Err(Full));
        assert_eq!(
            batch.push(&heapless::Vec::new(), 2),
            Err(Full),
            "and no other"
        );
    }
}

type ListWay = Local<ListsInterface, Lister>;

fn way() -> ListWay {
    Local::new(Lister::default())
}

#[test]
fn list_is_as_long_as_it_is() {
    let mut way = way();
    // Each number below 128 takes a byte, the others two, those from 16384 on three.
    let last = 128 + (BATCH_BYTES - 128) / 2;
    let last = u32::try_from(last).unwrap();
    for (limit, requests) in [(0, 1), (1, 1), (last, 1), (last + 1, 2), (20_000, 11)] {
        way.server().requests = 0;
        let mut client = ListsClient::new(&mut way);
        let numbers: Result<Vec<u32>, CallError> = client.count(limit).collect();
        assert_eq!(numbers, Ok((0..limit).collect()));
        assert_eq!(way.server().requests, requests, "for {limit} numbers");
    }
}

#[test]
fn list_that_nobody_wants_to_the_end_is_not_fetched_to_the_end() {
    let mut way = way();
    let mut client = ListsClient::new(&mut way);
    assert_eq!(client.count(20_000).take(3).count(), 3);
    assert_eq!(way.server().requests, 1);
}

#[test]
fn arguments_come_with_each_batch_and_an_error_ends_the_list() {
    let mut way = way();
    let mut client = ListsClient::new(&mut way);
    // Two texts fit in a message, so the third batch starts at 4.
    let text = core::str::from_utf8(&[b'x'; 2000]).unwrap();
    let lengths: Vec<usize> = client.texts(text, 6).map(|it| it.unwrap().len()).collect();
    assert_eq!(lengths, [2000; 6]);
    // Three fit: the second batch is refused.
    let mut texts = client.texts(&text[..1300], 6);
    for _ in 0..3 {
        assert!(texts.next().is_some_and(|it| it.is_ok()));
    }
    let refusal = Failure::Service(SampleError::Empty);
    assert_eq!(texts.next(), Some(Err(refusal)));
    assert_eq!(texts.next(), None);
}

#[test]
fn list_goes_on_after_a_pause_even_if_nothing_was_found() {
    let mut way = way();
    let point = Point { x: 1, y: 0 };
    let sum = heapless::Vec::from_slice(&[2, 3]).unwrap();
    let mut client = ListsClient::new(&mut way);
    let found: Result<Vec<u32>, CallError> = client.tens(&point, sum).collect();
    assert_eq!(found, Ok(std::vec![6, 16, 26]));
    assert_eq!(way.server().requests, 6);
}

#[test]
fn item_that_does_not_fit_alone_is_refused_by_name() {
    let mut way = way();
    let mut client = ListsClient::new(&mut way);
    let mut items = client.impossible();
    let error = CallError::Protocol(ProtocolError::ReplyTooLong);
    assert_eq!(items.next(), Some(Err(error)));
    assert_eq!(items.next(), None);
}

/// What a client makes of this reply to its request for a list of numbers.
fn list_of(reply: &[u8]) -> Vec<Result<u32, CallError>> {
    let mut bytes = [0; Tag::REGISTER_BYTES];
    bytes[..reply.len()].copy_from_slice(reply);
    let length = u16::try_from(reply.len()).unwrap();
    let mut fake = Fake::replying(Tag::new(error::status::OK, length));
    fake.reply.words = words_from_bytes(&bytes);
    ListsClient::new(fake).count(9).take(5).collect()
}

#[test]
fn nonsense_in_a_list_is_blamed_on_the_service() {
    let reply = |next: u8, is_last: u8, count: u8, items: &[u8]| {
        let mut bytes = std::vec![next, 0, 0, 0, 0, 0, 0, 0, is_last, count, 0];
        bytes.extend(items);
        list_of(&bytes)
    };
    let misbehavior = |what| Err(CallError::PeerMisbehavior(what));
    let malformed = |error| misbehavior(Misbehavior::Malformed(error));
    assert_eq!(reply(2, 1, 2, &[7, 8]), [Ok(7), Ok(8)]);
    assert_eq!(reply(0, 1, 0, &[]), []);
    assert_eq!(reply(0, 0, 1, &[7]), [misbehavior(Misbehavior::NoProgress)]);
    let truncated = malformed(ProtocolError::Truncated);
    assert_eq!(reply(2, 1, 2, &[7]), [Ok(7), truncated]);
    let trailing = malformed(ProtocolError::TrailingBytes);
    assert_eq!(reply(2, 1, 1, &[7, 8]), [Ok(7), trailing]);
    assert_eq!(reply(2, 1, 0, &[7]), [trailing]);
    assert_eq!(reply(2, 2, 1, &[7]), [malformed(ProtocolError::BadBool)]);
    assert_eq!(list_of(&[0; 10]), [truncated]);
    // It advances once, then answers the same again.
    let found = reply(2, 0, 1, &[7]);
    assert_eq!(found, [Ok(7), misbehavior(Misbehavior::NoProgress)]);
}
