//! The ring of `ipc-abi`, the very code, on memory whose orderings can be taken away.

use std::sync::Arc;

use ipc_abi::message::{MESSAGE_WORDS, Message};
use ipc_abi::ring::{Completer, RingMemory, RingWord, SLOTS_MIN, Slots, Submitter, Wake};
use ipc_abi::tag::Tag;
use loom::sync::atomic::{AtomicU64, Ordering, fence};
use loom::thread;

use super::protocol::Weak;

/// A word, as one side sees it: some of its orderings can be missing.
struct Word {
    word: Arc<AtomicU64>,
    weak: Weak,
    places: [usize; 3],
}

impl RingWord for Word {
    fn load(&self) -> u64 {
        self.word.load(Ordering::Relaxed)
    }

    fn load_acquire(&self) -> u64 {
        self.word
            .load(self.weak.order(self.places[1], Ordering::Acquire))
    }

    fn store(&self, value: u64) {
        self.word.store(value, Ordering::Relaxed);
    }

    fn store_release(&self, value: u64) {
        self.word
            .store(value, self.weak.order(self.places[0], Ordering::Release));
    }
}

/// One side's view of the memory.
struct View {
    words: Vec<Word>,
    weak: Weak,
    /// The numbers of this side's release, acquire and fence.
    places: [usize; 3],
    has_fences: bool,
}

impl RingMemory for View {
    type Word = Word;

    fn words(&self) -> &[Word] {
        &self.words
    }

    fn fence(&self) {
        if self.has_fences && !self.weak.lacks(self.places[2]) {
            fence(Ordering::SeqCst);
        }
    }
}

/// The place of an ordering that no twin lacks.
const KEPT: usize = usize::MAX;

fn sides(
    weak: Weak,
    places: [[usize; 3]; 2],
    has_fences: bool,
) -> (Submitter<View>, Completer<View>) {
    let slots = Slots::new(SLOTS_MIN).expect("it is a number of slots");
    let words = (0..slots.words()).map(|_| Arc::new(AtomicU64::new(0)));
    let words: Vec<Arc<AtomicU64>> = words.collect();
    let [client, server] = places.map(|places| {
        let word = |word: &Arc<AtomicU64>| Word {
            word: Arc::clone(word),
            weak,
            places,
        };
        View {
            words: words.iter().map(word).collect(),
            weak,
            places,
            has_fences,
        }
    });
    (Submitter::new(client, slots), Completer::new(server, slots))
}

fn message(value: u64) -> Message {
    let mut words = [0; MESSAGE_WORDS];
    words[0] = value;
    let tag = Tag::new(1, 8);
    Message { tag, words }
}

/// A request that the server sees is whole, and so is the reply that the client sees.
///
/// The fences, which who publishes passes before he looks whether the other sleeps, are left out: they would
/// hide a missing release.
pub(crate) fn whole(weak: Weak) {
    let (mut client, mut server) = sides(weak, [[0, 3, KEPT], [2, 1, KEPT]], false);
    let thread = thread::spawn(move || {
        if let Some(request) = server.take().expect("the client is honest") {
            assert_eq!(request.message, message(7), "the request is whole");
            server.complete(request.token, &message(9), 1);
            let _ = server.publish();
        }
    });
    let _ = client.submit(&message(7), 1).expect("there is room");
    let _ = client.publish();
    let mut replies = [Message::default(); SLOTS_MIN as usize];
    if let Some(token) = client.take(&mut replies).expect("the server is honest") {
        assert_eq!(replies[token as usize], message(9), "the reply is whole");
    }
    thread.join().expect("the server ends");
}

/// A server that goes to sleep has seen what the client published, or the client knows that it sleeps.
pub(crate) fn server_is_woken(weak: Weak) {
    let (mut client, mut server) = sides(weak, [[KEPT, KEPT, 0], [KEPT, KEPT, 1]], true);
    let thread = thread::spawn(move || server.sleep().expect("the client is honest"));
    let _ = client.submit(&message(7), 1).expect("there is room");
    let wake = client.publish();
    let sleeps = thread.join().expect("the server ends");
    assert!(!sleeps || wake == Wake::Needed, "nobody wakes the server");
}

/// The same for a client that waits for its completion.
pub(crate) fn client_is_woken(weak: Weak) {
    let (mut client, mut server) = sides(weak, [[KEPT, KEPT, 1], [KEPT, KEPT, 0]], true);
    let _ = client.submit(&message(7), 1).expect("there is room");
    let _ = client.publish();
    let thread = thread::spawn(move || {
        let request = server
            .take()
            .expect("the client is honest")
            .expect("it is published");
        server.complete(request.token, &message(9), 1);
        server.publish()
    });
    let sleeps = client.sleep().expect("the server is honest");
    let wake = thread.join().expect("the server ends");
    assert!(!sleeps || wake == Wake::Needed, "nobody wakes the client");
}
