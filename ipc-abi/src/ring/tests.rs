//! Both sides against each other, and each against a peer that writes what it likes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::vec::Vec;

use super::*;
use crate::message::{MESSAGE_WORDS, Message};

/// Memory of a ring on the host.
fn memory(slots: Slots) -> Vec<AtomicU64> {
    (0..slots.words()).map(|_| AtomicU64::new(0)).collect()
}

/// Writes a word as a peer may do.
fn set(memory: &[AtomicU64], word: usize, value: u64) {
    memory[word].store(value, Ordering::Relaxed);
}

type Client<'a> = Submitter<&'a [AtomicU64]>;
type Server<'a> = Completer<&'a [AtomicU64]>;

/// Takes a completion: its token and reply.
fn take(client: &mut Client<'_>) -> Result<Option<(u32, Message)>, PeerMisbehavior> {
    let mut replies = [Message::default(); SLOTS_MAX as usize];
    let token = client.take(&mut replies)?;
    Ok(token.map(|token| (token, replies[token as usize])))
}

/// Takes a request; what is behind its length is nobody's.
fn receive(server: &mut Server<'_>) -> Result<Option<Request>, PeerMisbehavior> {
    let request = server.take()?;
    Ok(request.map(|mut request| {
        let used = used(&request.message);
        request.message.words[used..].fill(0);
        request
    }))
}

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
fn what_is_submitted_comes_and_what_is_completed_comes_back() {
    let slots = slots(8);
    let words = memory(slots);
    let (mut client, mut server) = (Client::new(&words, slots), Server::new(&words, slots));
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
        assert_eq!(receive(&mut server), Ok(None), "nothing was published");
        let _ = client.publish();
        for (token, request) in &sent {
            let (token, message) = (*token, *request);
            assert_eq!(receive(&mut server), Ok(Some(Request { token, message })));
        }
        assert_eq!(receive(&mut server), Ok(None));
        assert_eq!(take(&mut client), Ok(None));
        // The other way round: operations may end in any order.
        for (token, request) in sent.iter().rev() {
            server.complete(*token, request, used(request));
        }
        let _ = server.publish();
        for (token, reply) in sent.iter().rev() {
            let (token, reply) = (*token, *reply);
            assert_eq!(take(&mut client), Ok(Some((token, reply))));
            client.give_back(token);
        }
        assert_eq!((take(&mut client), client.under_way()), (Ok(None), 0));
    }
}

#[test]
fn full_ring_refuses_and_loses_nothing() {
    for count in [SLOTS_MIN, SLOTS_MAX] {
        let slots = slots(count);
        let words = memory(slots);
        let mut client = Client::new(&words, slots);
        let mut server = Server::new(&words, slots);
        for index in 0..u64::from(count) {
            let request = message(1, 8, index);
            assert!(client.submit(&request, 1).is_ok());
        }
        assert_eq!(client.submit(&message(1, 8, 0), 1), Err(SubmitError::Full));
        let _ = client.publish();
        let mut taken = Vec::new();
        while let Ok(Some(request)) = receive(&mut server) {
            taken.push(request);
        }
        assert_eq!(taken.len(), count as usize);
        assert_eq!(server.under_way(), u64::from(count));
        // It stays full until a completion was taken.
        assert_eq!(client.submit(&message(1, 8, 0), 1), Err(SubmitError::Full));
        server.complete(taken[3].token, &taken[3].message, 1);
        let _ = server.publish();
        assert_eq!(client.submit(&message(1, 8, 0), 1), Err(SubmitError::Full));
        assert_eq!(
            take(&mut client).map(|found| found.map(|(token, _)| token)),
            Ok(Some(taken[3].token))
        );
        assert_eq!(client.submit(&message(1, 8, 0), 1), Err(SubmitError::Full));
        client.give_back(taken[3].token);
        assert_eq!(client.submit(&message(1, 8, 0), 1), Ok(taken[3].token));
    }
}

#[test]
fn what_does_not_fit_in_registers_is_refused() {
    let slots = slots(8);
    let words = memory(slots);
    let mut client = Client::new(&words, slots);
    for tag in [
        Tag::new(1, 200).with_long(),
        Tag::new(1, 8).with_capabilities(1),
        Tag::refusal(crate::error::Error::Died),
    ] {
        let request = Message {
            tag,
            ..Message::default()
        };
        assert_eq!(client.submit(&request, 0), Err(SubmitError::NotInRing));
    }
    assert_eq!(client.under_way(), 0);
}

#[test]
fn older_message_does_not_show_behind_a_newer_one() {
    let slots = slots(8);
    let words = memory(slots);
    let (mut client, mut server) = (Client::new(&words, slots), Server::new(&words, slots));
    for _ in 0..8 {
        let old = message(1, 128, 77);
        let token = client.submit(&old, 16).expect("there is room");
        let _ = client.publish();
        assert!(receive(&mut server).is_ok());
        server.complete(token, &old, 16);
        let _ = server.publish();
        assert!(take(&mut client).is_ok());
        client.give_back(token);
    }
    let zeros = Message {
        tag: Tag::new(1, 40),
        ..Message::default()
    };
    let token = client.submit(&zeros, 2).expect("there is room");
    let _ = client.publish();
    let message = zeros;
    assert_eq!(receive(&mut server), Ok(Some(Request { token, message })));
}

#[test]
fn who_sleeps_is_signalled_once_for_a_batch() {
    let slots = slots(8);
    let words = memory(slots);
    let (mut client, mut server) = (Client::new(&words, slots), Server::new(&words, slots));
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
    let first = receive(&mut server).expect("honest").expect("there");
    server.complete(first.token, &request, 0);
    assert_eq!(server.publish(), Wake::Needed);
    assert_eq!(server.publish(), Wake::NotNeeded);
    client.wake();
    assert_eq!(client.sleep(), Ok(false), "there is a completion");
}

#[test]
fn client_that_counts_wrongly_is_found_out() {
    let slots = slots(8);
    for count in [9, 10, u64::MAX, 1 << 63] {
        let words = memory(slots);
        let mut server = Server::new(&words, slots);
        set(&words, SUBMITTED, count);
        assert_eq!(
            receive(&mut server),
            Err(PeerMisbehavior::TooMany),
            "{count}"
        );
        assert_eq!(server.sleep(), Err(PeerMisbehavior::TooMany), "{count}");
    }
    // Back, and more than there are slots while others are under way.
    for count in [1, 11] {
        let words = memory(slots);
        let mut server = Server::new(&words, slots);
        set(&words, SUBMITTED, 2);
        assert!(receive(&mut server).is_ok() && receive(&mut server).is_ok());
        set(&words, SUBMITTED, count);
        assert_eq!(
            receive(&mut server),
            Err(PeerMisbehavior::TooMany),
            "{count}"
        );
    }
}

#[test]
fn server_that_counts_wrongly_is_found_out() {
    let slots = slots(8);
    for count in [3, 8, u64::MAX] {
        let words = memory(slots);
        let mut client = Client::new(&words, slots);
        let request = message(1, 0, 0);
        assert!(client.submit(&request, 0).is_ok() && client.submit(&request, 0).is_ok());
        let _ = client.publish();
        // This one the server cannot know of.
        assert!(client.submit(&request, 0).is_ok());
        set(&words, COMPLETED, count);
        assert_eq!(take(&mut client), Err(PeerMisbehavior::TooMany), "{count}");
    }
}

#[test]
fn completion_of_what_is_not_under_way_is_found_out() {
    let slots = slots(8);
    for token in [1, 7, 8, 63, 64, 1 << 32, u64::MAX] {
        let words = memory(slots);
        let mut client = Client::new(&words, slots);
        assert_eq!(client.submit(&message(1, 0, 0), 0), Ok(0));
        let _ = client.publish();
        set(&words, slots.completion(0) + 1, token);
        set(&words, COMPLETED, 1);
        assert_eq!(
            take(&mut client),
            Err(PeerMisbehavior::UnknownToken),
            "{token}"
        );
    }
    // The same one twice.
    let words = memory(slots);
    let mut client = Client::new(&words, slots);
    for _ in 0..2 {
        assert!(client.submit(&message(1, 0, 0), 0).is_ok());
    }
    let _ = client.publish();
    set(&words, COMPLETED, 2);
    assert!(matches!(take(&mut client), Ok(Some((0, _)))));
    assert_eq!(take(&mut client), Err(PeerMisbehavior::UnknownToken));
}

#[test]
fn tag_of_a_peer_has_no_bit_of_the_kernel_and_no_length_beyond_registers() {
    let slots = slots(8);
    let words = memory(slots);
    let mut server = Server::new(&words, slots);
    for word in 0..SLOT_WORDS {
        set(&words, slots.submission(0) + word, u64::MAX);
    }
    set(&words, SUBMITTED, 1);
    let request = server
        .take()
        .expect("it counts well")
        .expect("one is there");
    assert_eq!(request.message.tag.into_raw() & Tag::SLOW_BITS, 0);
    assert_eq!(request.message.tag.length(), Tag::REGISTER_BYTES);
    assert_eq!(request.message.words, [u64::MAX; MESSAGE_WORDS]);
    assert_eq!(request.token, u32::MAX);
}

#[test]
fn random_peer_stops_nobody() {
    let slots = slots(8);
    let words = memory(slots);
    let mut seed = 0x5EED_u64;
    let mut next = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    for _ in 0..2000 {
        let mut client = Client::new(&words, slots);
        let mut server = Server::new(&words, slots);
        words
            .iter()
            .for_each(|word| word.store(0, Ordering::Relaxed));
        for _ in 0..50 {
            let word = usize::try_from(next()).expect("it is short") % slots.words();
            let value = if next() % 2 == 0 {
                next() % 12
            } else {
                next() << 31 ^ next()
            };
            set(&words, word, value);
            let request = message(1, (next() % 129) as u16, next());
            let _ = client.submit(&request, used(&request));
            let _ = client.publish();
            if let Ok(Some(request)) = receive(&mut server) {
                server.complete(request.token, &request.message, 16);
            }
            let _ = server.publish();
            if let Ok(Some((token, _))) = take(&mut client) {
                client.give_back(token);
            }
            client.give_back(u32::try_from(next()).expect("it is short"));
            assert!(client.under_way() <= 8 && server.under_way() <= 8);
        }
    }
}
