//! The ring of `ipc-abi`, the very code, on memory whose orderings can be taken away.

use std::sync::Arc;

use ipc_abi::message::{MESSAGE_WORDS, Message};
use ipc_abi::ring::{
    Completer, HEADER_WORDS, Received, RingMemory, RingWord, SLOTS_MIN, Slot, Submitter, Wake,
};
use ipc_abi::tag::Tag;
use loom::sync::atomic::{AtomicU64, Ordering, fence};
use loom::thread;

use super::protocol::Weak;

/// What orders one side's accesses: some of it can be missing.
#[derive(Clone, Copy)]
struct Orders {
    weak: Weak,
    /// The numbers of this side's release, acquire and fence.
    places: [usize; 3],
    has_fences: bool,
}

/// A word, as one side sees it.
struct Word {
    word: Arc<AtomicU64>,
    orders: Arc<Orders>,
}

impl RingWord for Word {
    fn load(&self) -> u64 {
        self.word.load(Ordering::Relaxed)
    }

    fn load_acquire(&self) -> u64 {
        let Orders { weak, places, .. } = *self.orders;
        self.word.load(weak.order(places[1], Ordering::Acquire))
    }

    fn store(&self, value: u64) {
        self.word.store(value, Ordering::Relaxed);
    }

    fn store_release(&self, value: u64) {
        let Orders { weak, places, .. } = *self.orders;
        self.word
            .store(value, weak.order(places[0], Ordering::Release));
    }
}

/// One side's view of the memory.
struct View {
    header: Box<[Word; HEADER_WORDS]>,
    submissions: Vec<Slot<Word>>,
    completions: Vec<Slot<Word>>,
    orders: Arc<Orders>,
}

impl RingMemory for View {
    type Word = Word;

    fn header(&self) -> &[Word; HEADER_WORDS] {
        &self.header
    }

    fn submissions(&self) -> &[Slot<Word>] {
        &self.submissions
    }

    fn completions(&self) -> &[Slot<Word>] {
        &self.completions
    }

    fn fence(&self) {
        let Orders {
            weak,
            places,
            has_fences,
        } = *self.orders;
        if has_fences && !weak.lacks(places[2]) {
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
    let header: [_; HEADER_WORDS] = std::array::from_fn(|_| Arc::new(AtomicU64::new(0)));
    let queue = || -> Vec<Slot<Arc<AtomicU64>>> {
        let slot = |_| std::array::from_fn(|_| Arc::new(AtomicU64::new(0)));
        (0..SLOTS_MIN).map(slot).collect()
    };
    let (submissions, completions) = (queue(), queue());
    let [client, server] = places.map(|places| {
        let orders = Arc::new(Orders {
            weak,
            places,
            has_fences,
        });
        let word = |word: &Arc<AtomicU64>| Word {
            word: Arc::clone(word),
            orders: Arc::clone(&orders),
        };
        let slot = |slot: &Slot<Arc<AtomicU64>>| slot.each_ref().map(word);
        View {
            header: Box::new(header.each_ref().map(word)),
            submissions: submissions.iter().map(slot).collect(),
            completions: completions.iter().map(slot).collect(),
            orders: Arc::clone(&orders),
        }
    });
    (Submitter::new(client), Completer::new(server))
}

/// What was received, whole.
fn read(received: &Received<'_, Word>) -> Message {
    let tag = received.tag();
    Message {
        tag,
        words: received.words(tag.length().div_ceil(8)),
    }
}

/// Answers what is there with `reply`; how many requests that were, each of which is whole.
fn answer(server: &mut Completer<View>, reply: &Message) -> u64 {
    let served = server.serve(1, |request, place| {
        assert_eq!(read(&request), message(7), "the request is whole");
        place.complete(reply, 1, 0)
    });
    served.expect("the client is honest")
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
        if answer(&mut server, &message(9)) != 0 {
            let _ = server.publish();
        }
    });
    let _ = client.submit(&message(7), 1).expect("there is room");
    let _ = client.publish();
    if client.look().expect("the server is honest") {
        let reply = client.take_expected(0).map(|reply| read(&reply));
        assert_eq!(reply, Some(message(9)), "the reply is whole");
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
        assert_eq!(answer(&mut server, &message(9)), 1, "it is published");
        server.publish()
    });
    let sleeps = client.sleep().expect("the server is honest");
    let wake = thread.join().expect("the server ends");
    assert!(!sleeps || wake == Wake::Needed, "nobody wakes the client");
}
