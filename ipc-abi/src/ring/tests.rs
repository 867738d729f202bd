//! Both sides against each other; in `peer`, each against a peer that writes what it likes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::vec::Vec;

use super::*;
use crate::message::Message;
use crate::tag::Tag;

mod peer;

/// Memory of a ring on the host.
struct Memory {
    header: [AtomicU64; HEADER_WORDS],
    slots: Vec<Slot<AtomicU64>>,
}

fn memory(slots: Slots) -> Memory {
    let slots = (0..2 * slots.count())
        .map(|_| [const { AtomicU64::new(0) }; SLOT_WORDS])
        .collect();
    let header = [const { AtomicU64::new(0) }; HEADER_WORDS];
    Memory { header, slots }
}

impl Memory {
    fn view(&self) -> RingWords<'_> {
        RingWords::new(&self.header, &self.slots).expect("it is the memory of a ring")
    }

    /// Both sides.
    fn sides(&self) -> (Client<'_>, Server<'_>) {
        (Client::new(self.view()), Server::new(self.view()))
    }

    fn words(&self) -> impl Iterator<Item = &AtomicU64> {
        self.header.iter().chain(self.slots.iter().flatten())
    }

    fn word(&self, word: usize) -> &AtomicU64 {
        self.words().nth(word).expect("there is such a word")
    }
}

/// Writes a word as a peer may do.
fn set(memory: &Memory, word: usize, value: u64) {
    memory.word(word).store(value, Ordering::Relaxed);
}

/// Where a completion begins.
fn completion(slots: Slots, number: usize) -> usize {
    HEADER_WORDS + (slots.count() as usize + number) * SLOT_WORDS
}

/// What a server writes that completes the operation of a token with an empty message.
fn complete(memory: &Memory, slots: Slots, number: usize, token: u64) {
    set(memory, completion(slots, number), token << 32 | 7);
}

type Client<'a> = Submitter<RingWords<'a>>;
type Server<'a> = Completer<RingWords<'a>>;

fn slots(count: u32) -> Slots {
    Slots::new(count).expect("it is a number of slots")
}

/// A message of `bytes` bytes, each word of which is different.
fn message(method: u16, bytes: u16, seed: u64) -> Message {
    let mut words = [0; MESSAGE_WORDS];
    for (index, word) in (0..).zip(words.iter_mut().take(usize::from(bytes.div_ceil(8)))) {
        *word = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(index);
    }
    let tag = Tag::new(method, bytes);
    Message { tag, words }
}

fn used(message: &Message) -> usize {
    message.tag.length().div_ceil(8)
}

/// All that was received: what is behind the length is nobody's.
fn read(received: &Received<'_, AtomicU64>) -> Message {
    let tag = received.tag();
    Message {
        tag,
        words: received.words(tag.length().div_ceil(8)),
    }
}

/// Takes a completion: its token and reply.
fn take(client: &mut Client<'_>) -> Result<Option<(u32, Message)>, PeerMisbehavior> {
    client.look()?;
    Ok(client.take()?.map(|it| (it.token, read(&it.reply))))
}

/// Answers each request with itself; the requests.
fn echo(server: &mut Server<'_>, most: u64) -> Result<Vec<Message>, PeerMisbehavior> {
    let mut asked = Vec::new();
    server.serve(most, |request, place| {
        let message = read(&request);
        asked.push(message);
        place.complete(&message, used(&message), 0)
    })?;
    Ok(asked)
}

#[test]
fn number_of_slots_is_a_power_of_two_between_bounds() {
    for bad in [0, 1, 4, 7, 9, 33, 1023, 1025, 2048, u32::MAX] {
        assert_eq!(Slots::new(bad), None, "{bad}");
    }
    for good in [SLOTS_MIN, 32, SLOTS_MAX] {
        assert_eq!(slots(good).count(), good);
    }
    assert_eq!(slots(8).words(), 32 + 16 * 24);
}

#[test]
fn memory_of_another_number_of_slots_is_no_ring() {
    let header = [const { AtomicU64::new(0) }; HEADER_WORDS];
    let slots: Vec<Slot<AtomicU64>> = (0..2050)
        .map(|_| [const { AtomicU64::new(0) }; SLOT_WORDS])
        .collect();
    for good in [16, 64, 2048] {
        assert!(RingWords::new(&header, &slots[..good]).is_some(), "{good}");
    }
    for bad in [0, 1, 8, 15, 17, 18, 24, 2046, 2049, 2050] {
        assert!(RingWords::new(&header, &slots[..bad]).is_none(), "{bad}");
    }
}

#[test]
fn what_is_submitted_comes_and_what_is_completed_comes_back() {
    let slots = slots(8);
    let memory = memory(slots);
    let (mut client, mut server) = memory.sides();
    for round in 0..100_u64 {
        let count = round % 9;
        let mut sent = Vec::new();
        for index in 0..count {
            let request = message(5, (round * 7 % 129) as u16, round * 8 + index);
            let token = client
                .submit(&request, used(&request))
                .expect("there is room");
            sent.push((token, request));
        }
        assert_eq!(echo(&mut server, 9), Ok(Vec::new()), "nothing is published");
        let _ = client.publish();
        let mut asked = Vec::new();
        // Up to the end of the queue, then from its start.
        while asked.len() < sent.len() {
            asked.extend(echo(&mut server, 9).expect("the client is honest"));
        }
        assert!(asked.iter().eq(sent.iter().map(|(_, request)| request)));
        assert_eq!(echo(&mut server, 9), Ok(Vec::new()));
        assert_eq!(take(&mut client), Ok(None), "nothing is published");
        let _ = server.publish();
        for (token, reply) in &sent {
            assert_eq!(take(&mut client), Ok(Some((*token, *reply))));
            assert!(client.give_back(*token));
        }
        assert_eq!((take(&mut client), client.under_way()), (Ok(None), 0));
    }
}

#[test]
fn turn_is_no_longer_than_it_may_be() {
    let slots = slots(8);
    let memory = memory(slots);
    let (mut client, mut server) = memory.sides();
    for index in 0..8 {
        assert!(client.submit(&message(1, 8, index), 1).is_ok());
    }
    let _ = client.publish();
    for (most, count) in [(0, 0), (3, 3), (1, 1), (9, 4), (9, 0)] {
        let asked = echo(&mut server, most).expect("the client is honest");
        assert_eq!(asked.len(), count, "{most}");
    }
}

#[test]
fn expected_completion_is_taken_at_once_and_another_is_left() {
    let slots = slots(8);
    let memory = memory(slots);
    let (mut client, mut server) = memory.sides();
    let sent = [message(1, 8, 1), message(1, 128, 2)];
    let tokens = sent.map(|it| client.submit(&it, used(&it)).expect("there is room"));
    let _ = client.publish();
    assert!(echo(&mut server, 8).is_ok());
    let _ = server.publish();
    assert!(
        client.take_expected(tokens[0]).is_none(),
        "it has not looked"
    );
    assert_eq!(client.look(), Ok(true));
    for wrong in [tokens[1], 2, 1023, 1024, u32::MAX] {
        assert!(client.take_expected(wrong).is_none(), "{wrong}");
    }
    let first = client.take_expected(tokens[0]).map(|it| read(&it));
    assert_eq!(first, Some(sent[0]));
    assert_eq!(client.under_way(), 1);
    assert!(!client.give_back(tokens[0]), "it was given back");
    let second = client.take().expect("the server is honest");
    let second = second.map(|it| (it.token, read(&it.reply)));
    assert_eq!(second, Some((tokens[1], sent[1])));
    assert!(client.give_back(tokens[1]) && !client.give_back(tokens[1]));
    assert!(client.take_expected(tokens[1]).is_none(), "nothing is left");
}

#[test]
fn operations_may_end_in_any_order() {
    let slots = slots(8);
    let memory = memory(slots);
    let mut client = Client::new(memory.view());
    for count in 1..=100_u64 {
        let mut tokens: Vec<u32> = (0..8)
            .map(|_| client.submit(&message(1, 0, 0), 0).expect("there is room"))
            .collect();
        let mut all = tokens.clone();
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..8), "each is given out once");
        let _ = client.publish();
        tokens.rotate_left(usize::try_from(count % 8).expect("it is short"));
        for (number, token) in tokens.iter().enumerate() {
            complete(&memory, slots, number, u64::from(*token));
        }
        set(&memory, COMPLETED, count * 8);
        for token in tokens {
            assert_eq!(take(&mut client), Ok(Some((token, message(7, 0, 0)))));
            assert!(client.give_back(token));
        }
    }
}

#[test]
fn full_ring_refuses_and_loses_nothing() {
    for count in [SLOTS_MIN, SLOTS_MAX] {
        let slots = slots(count);
        let memory = memory(slots);
        let (mut client, mut server) = memory.sides();
        for index in 0..u64::from(count) {
            assert!(client.submit(&message(1, 8, index), 1).is_ok());
        }
        let again = message(1, 8, 0);
        assert_eq!(client.submit(&again, 1), Err(SubmitError::Full));
        let _ = client.publish();
        let asked = echo(&mut server, u64::MAX).expect("the client is honest");
        assert_eq!(asked.len(), count as usize);
        let _ = server.publish();
        // It stays full until a completion was taken and its token is given back.
        assert_eq!(client.submit(&again, 1), Err(SubmitError::Full));
        assert_eq!(take(&mut client), Ok(Some((0, asked[0]))));
        assert_eq!(client.submit(&again, 1), Err(SubmitError::Full));
        assert!(client.give_back(0));
        assert_eq!(client.submit(&again, 1), Ok(0));
        assert_eq!(client.submit(&again, 1), Err(SubmitError::Full));
    }
}

#[test]
fn closed_ring_takes_nothing_and_gives_what_it_kept() {
    let slots = slots(8);
    let memory = memory(slots);
    let (mut client, mut server) = memory.sides();
    let request = message(1, 8, 1);
    for _ in 0..3 {
        assert!(client.submit(&request, 1).is_ok());
    }
    let _ = client.publish();
    assert!(echo(&mut server, 8).is_ok());
    let _ = server.publish();
    assert_eq!(take(&mut client), Ok(Some((0, request))));
    client.close();
    assert_eq!(client.submit(&request, 1), Err(SubmitError::Full));
    for _ in 0..2 {
        assert!(client.take_expected(1).is_none());
        assert!(matches!(client.take(), Ok(None)));
        assert_eq!(client.look(), Ok(false), "what is there does not count");
        assert_eq!(client.sleep(), Ok(false), "nothing will come");
    }
    assert!(client.give_back(0) && !client.give_back(0));
    assert!(!client.give_back(1), "it has not ended");
    assert_eq!(client.submit(&request, 1), Err(SubmitError::Full));
}

#[test]
fn what_does_not_fit_in_registers_is_refused() {
    let slots = slots(8);
    let memory = memory(slots);
    let (mut client, mut server) = memory.sides();
    let bad = [
        Tag::new(1, 200).with_long(),
        Tag::new(1, 8).with_capabilities(1),
        Tag::refusal(crate::error::Error::Died),
    ]
    .map(|tag| Message {
        tag,
        ..Message::default()
    });
    for request in bad {
        assert_eq!(client.submit(&request, 0), Err(SubmitError::NotInRing));
    }
    assert_eq!(client.under_way(), 0);
    for reply in bad {
        let token = client.submit(&message(1, 0, 0), 0).expect("there is room");
        let _ = client.publish();
        let served = server.serve(1, |_, place| place.complete(&reply, 0, 33));
        assert_eq!(served, Ok(1));
        let _ = server.publish();
        assert_eq!(take(&mut client), Ok(Some((token, Message::empty(33)))));
        assert!(client.give_back(token));
    }
}

#[test]
fn older_message_does_not_show_behind_a_newer_one() {
    let slots = slots(8);
    let memory = memory(slots);
    let (mut client, mut server) = memory.sides();
    for _ in 0..8 {
        let old = message(1, 128, 77);
        let token = client.submit(&old, 16).expect("there is room");
        let _ = client.publish();
        assert_eq!(echo(&mut server, 8), Ok([old].to_vec()));
        let _ = server.publish();
        assert!(take(&mut client).is_ok());
        assert!(client.give_back(token));
    }
    let zeros = Message {
        tag: Tag::new(1, 40),
        ..Message::default()
    };
    assert_eq!(client.submit(&zeros, 2), Ok(0));
    let _ = client.publish();
    let served = server.serve(8, |request, place| {
        assert_eq!(read(&request), zeros);
        place.complete(&zeros, 3, 0)
    });
    assert_eq!(served, Ok(1));
    let _ = server.publish();
    assert_eq!(take(&mut client), Ok(Some((0, zeros))));
}

#[test]
fn what_is_kept_is_out_of_the_peers_reach() {
    let slots = slots(8);
    let memory = memory(slots);
    let (mut client, mut server) = memory.sides();
    let own: Slot<AtomicU64> = [const { AtomicU64::new(u64::MAX) }; SLOT_WORDS];
    let request = message(1, 20, 5);
    assert_eq!(client.submit(&request, 3), Ok(0));
    let _ = client.publish();
    assert!(echo(&mut server, 8).is_ok());
    let _ = server.publish();
    assert_eq!(client.look(), Ok(true));
    let taken = client.take().expect("the server is honest");
    taken.expect("it is there").reply.copy_to(&own);
    memory
        .words()
        .for_each(|word| word.store(u64::MAX, Ordering::Relaxed));
    assert_eq!(read(&Received::of(&own)), request);
}

#[test]
fn who_sleeps_is_signalled_once_for_a_batch() {
    let slots = slots(8);
    let memory = memory(slots);
    let (mut client, mut server) = memory.sides();
    let request = message(1, 0, 0);
    assert_eq!(server.sleep(), Ok(true));
    for _ in 0..3 {
        assert!(client.submit(&request, 0).is_ok());
    }
    assert_eq!(client.publish(), Wake::Needed);
    assert_eq!(client.publish(), Wake::NotNeeded, "nothing is new");
    server.wake();
    assert!(client.submit(&request, 0).is_ok());
    assert_eq!(client.publish(), Wake::NotNeeded, "it is awake");
    assert_eq!(server.sleep(), Ok(false), "there is work");
    assert!(client.submit(&request, 0).is_ok());
    assert_eq!(client.publish(), Wake::NotNeeded, "it did not go to sleep");
    assert_eq!(client.sleep(), Ok(true));
    assert!(echo(&mut server, 1).is_ok());
    assert_eq!(server.publish(), Wake::Needed);
    assert_eq!(server.publish(), Wake::NotNeeded);
    client.wake();
    assert_eq!(client.sleep(), Ok(false), "there is a completion");
}
