//! A side against a peer that writes what it likes.

use super::*;

#[test]
fn client_that_counts_wrongly_is_found_out() {
    let slots = slots(8);
    for count in [9, 10, u64::MAX, 1 << 63] {
        let memory = memory(slots);
        let mut server = Server::new(memory.view());
        set(&memory, SUBMITTED, count);
        let found = echo(&mut server, 8);
        assert_eq!(found, Err(PeerMisbehavior::TooMany), "{count}");
        assert_eq!(server.sleep(), Err(PeerMisbehavior::TooMany), "{count}");
    }
    // Back, and one more than there are slots.
    for count in [1, 11] {
        let memory = memory(slots);
        let mut server = Server::new(memory.view());
        set(&memory, SUBMITTED, 2);
        assert_eq!(echo(&mut server, 8).map(|asked| asked.len()), Ok(2));
        set(&memory, SUBMITTED, count);
        let found = echo(&mut server, 8);
        assert_eq!(found, Err(PeerMisbehavior::TooMany), "{count}");
    }
}

#[test]
fn server_that_counts_wrongly_is_found_out() {
    let slots = slots(8);
    for count in [3, 8, u64::MAX] {
        let memory = memory(slots);
        let mut client = Client::new(memory.view());
        let request = message(1, 0, 0);
        assert!(client.submit(&request, 0).is_ok() && client.submit(&request, 0).is_ok());
        let _ = client.publish();
        // This one the server cannot know of.
        assert!(client.submit(&request, 0).is_ok());
        set(&memory, COMPLETED, count);
        assert_eq!(client.look(), Err(PeerMisbehavior::TooMany), "{count}");
        assert_eq!(client.sleep(), Err(PeerMisbehavior::TooMany), "{count}");
    }
}

#[test]
fn completion_of_what_is_not_under_way_is_found_out() {
    let slots = slots(8);
    let unknown = Err(PeerMisbehavior::UnknownToken);
    for token in [1, 7, 8, 63, 1023, 1024, u64::from(u32::MAX)] {
        let memory = memory(slots);
        let mut client = Client::new(memory.view());
        assert_eq!(client.submit(&message(1, 0, 0), 0), Ok(0));
        let _ = client.publish();
        complete(&memory, slots, 0, token);
        set(&memory, COMPLETED, 1);
        assert_eq!(client.look(), Ok(true));
        let wanted = u32::try_from(token).expect("it has 32 bits");
        assert!(client.take_expected(wanted).is_none(), "{token}");
        assert_eq!(take(&mut client), unknown, "{token}");
    }
    // The same one twice: kept, and given back meanwhile.
    for is_given_back in [false, true] {
        let memory = memory(slots);
        let mut client = Client::new(memory.view());
        for _ in 0..2 {
            assert!(client.submit(&message(1, 0, 0), 0).is_ok());
        }
        let _ = client.publish();
        complete(&memory, slots, 0, 0);
        complete(&memory, slots, 1, 0);
        set(&memory, COMPLETED, 2);
        assert!(matches!(take(&mut client), Ok(Some((0, _)))));
        assert!(!is_given_back || client.give_back(0));
        assert!(client.take_expected(0).is_none());
        assert_eq!(take(&mut client), unknown);
    }
}

#[test]
fn tag_of_a_peer_has_no_bit_of_the_kernel_and_no_length_beyond_registers() {
    let slots = slots(8);
    let memory = memory(slots);
    let mut server = Server::new(memory.view());
    for word in 0..SLOT_WORDS {
        set(&memory, HEADER_WORDS + word, u64::MAX);
    }
    set(&memory, SUBMITTED, 1);
    let served = server.serve(1, |request, place| {
        assert_eq!(request.tag().into_raw() & Tag::SLOW_BITS, 0);
        assert_eq!(request.tag().length(), Tag::REGISTER_BYTES);
        assert_eq!(request.words(MESSAGE_WORDS), [u64::MAX; MESSAGE_WORDS]);
        assert_eq!(request.words(usize::MAX), [u64::MAX; MESSAGE_WORDS]);
        place.complete(&message(0, 0, 0), 0, 0)
    });
    assert_eq!(served, Ok(1));
    // The token goes back as it came.
    let written = memory.word(completion(slots, 0)).load(Ordering::Relaxed);
    assert_eq!(written, u64::from(u32::MAX) << 32);
}

#[test]
fn random_peer_stops_nobody() {
    let slots = slots(8);
    let memory = memory(slots);
    let mut seed = 0x5EED_u64;
    let mut next = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    for _ in 0..2000 {
        let (mut client, mut server) = memory.sides();
        memory
            .words()
            .for_each(|word| word.store(0, Ordering::Relaxed));
        for _ in 0..50 {
            let word = usize::try_from(next()).expect("it is short") % slots.words();
            let value = if next() % 2 == 0 {
                next() % 12
            } else {
                next() << 31 ^ next()
            };
            set(&memory, word, value);
            let request = message(1, (next() % 129) as u16, next());
            let _ = client.submit(&request, used(&request));
            let _ = client.publish();
            let _ = echo(&mut server, next() % 10);
            let _ = server.publish();
            let wanted = u32::try_from(next() % 9).expect("it is short");
            let _ = client.take_expected(wanted).map(|it| read(&it));
            if let Ok(Some((token, _))) = take(&mut client) {
                client.give_back(token);
            }
            client.give_back(u32::try_from(next()).expect("it is short"));
            assert!(client.under_way() <= 8);
        }
    }
}
