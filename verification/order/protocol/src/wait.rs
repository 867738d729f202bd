//! How the threads of a process wait for each other: the lock and the queue of `userlib`, the very code, on
//! words whose orderings can be taken away, and with wakings that can be.

use loom::sync::Notify;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use userlib::sync::protocol::{Lock, Queue, Threads, Word};

use super::protocol::Weak;

/// A word, some of whose orderings can be missing: that of a lock that is free, of one that is handed over or
/// of a thread that is woken, and of who gives or wakes.
struct Shared {
    word: AtomicU64,
    weak: Weak,
    places: [usize; 3],
}

impl Shared {
    fn new(weak: Weak, places: [usize; 3]) -> Shared {
        Shared {
            word: AtomicU64::new(0),
            weak,
            places,
        }
    }

    fn replace(&self, from: u64, to: u64, success: Ordering) -> bool {
        self.word
            .compare_exchange(from, to, success, Ordering::Relaxed)
            .is_ok()
    }
}

impl Word for Shared {
    fn load(&self) -> u64 {
        self.word.load(Ordering::Relaxed)
    }

    fn load_acquire(&self) -> u64 {
        self.word
            .load(self.weak.order(self.places[1], Ordering::Acquire))
    }

    fn exchange(&self, from: u64, to: u64) -> bool {
        self.replace(from, to, Ordering::Relaxed)
    }

    fn exchange_acquire(&self, from: u64, to: u64) -> bool {
        let acquire = self.weak.order(self.places[0], Ordering::Acquire);
        self.replace(from, to, acquire)
    }

    fn exchange_release(&self, from: u64, to: u64) -> bool {
        let release = self.weak.order(self.places[2], Ordering::Release);
        self.replace(from, to, release)
    }
}

/// Two threads, each with its view of both, which sleep at notifications.
#[derive(Clone, Copy)]
struct Pair {
    me: u8,
    beds: &'static [Notify; 2],
    is_deaf: bool,
}

impl Pair {
    /// Both views; with `is_deaf`, nobody is woken.
    fn new(is_deaf: bool) -> [Pair; 2] {
        let beds = keep([0, 1].map(|_| Notify::new()));
        [0, 1].map(|me| Pair { me, beds, is_deaf })
    }
}

impl Threads for Pair {
    fn current(&self) -> Option<u8> {
        Some(self.me)
    }

    fn sleep(&self, me: u8) {
        self.beds[usize::from(me)].wait();
    }

    fn wake(&self, thread: u8) {
        if !self.is_deaf {
            self.beds[usize::from(thread)].notify();
        }
    }

    fn relax(&self) {
        thread::yield_now();
    }
}

/// Keeps something for ever: `loom` cannot drop its objects any more when it has found that nobody goes on.
fn keep<T>(it: T) -> &'static T {
    Box::leak(Box::new(it))
}

/// The place of an ordering that no twin lacks.
const KEPT: usize = usize::MAX;

/// What the lock guards is seen by its next holder, and who waits for it gets it.
pub(crate) fn lock(weak: Weak) {
    let shared = keep((Lock::new(Shared::new(weak, [0, 1, 2])), AtomicU64::new(0)));
    let [mine, theirs] = Pair::new(weak.lacks(3));
    let increment = |shared: &(Lock<Shared>, AtomicU64), threads: &Pair| {
        shared.0.lock(threads);
        let value = shared.1.load(Ordering::Relaxed);
        shared.1.store(value + 1, Ordering::Relaxed);
        shared.0.unlock(threads);
    };
    let thread = thread::spawn(move || increment(shared, &theirs));
    increment(shared, &mine);
    thread.join().expect("the other ends");
    assert_eq!(shared.1.load(Ordering::Relaxed), 2, "no increment is lost");
}

/// Who waits for a condition is woken when it comes: it is in the queue before it lets go of the lock.
pub(crate) fn queue(weak: Weak) {
    let kept = || Shared::new(Weak::NOTHING, [KEPT; 3]);
    let shared = keep((Lock::new(kept()), Queue::new(kept()), AtomicU64::new(0)));
    let [mine, theirs] = Pair::new(false);
    let is_deaf = weak.lacks(1);
    let thread = thread::spawn(move || {
        shared.0.lock(&theirs);
        shared.2.store(1, Ordering::Relaxed);
        shared.0.unlock(&theirs);
        if !is_deaf {
            shared.1.wake_one(&theirs);
        }
    });
    let (lock, queue, condition) = shared;
    lock.lock(&mine);
    while condition.load(Ordering::Relaxed) == 0 {
        if !weak.lacks(0) {
            queue.enter(mine.me);
        }
        lock.unlock(&mine);
        if weak.lacks(0) {
            queue.enter(mine.me);
        }
        while queue.is_in(mine.me) {
            mine.sleep(mine.me);
        }
        lock.lock(&mine);
    }
    lock.unlock(&mine);
    thread.join().expect("the other ends");
}

/// What was done before somebody was woken is seen by who was, and who gives up knows whether it was.
pub(crate) fn woken(weak: Weak) {
    let queue = Queue::new(Shared::new(weak, [KEPT, 0, 1]));
    let shared = keep((queue, AtomicU64::new(0)));
    let [mine, theirs] = Pair::new(false);
    shared.0.enter(mine.me);
    let thread = thread::spawn(move || {
        shared.1.store(7, Ordering::Relaxed);
        shared.0.wake_all(&theirs);
    });
    if !shared.0.leave(mine.me) {
        let seen = shared.1.load(Ordering::Relaxed);
        assert_eq!(seen, 7, "what it was woken for is there");
    }
    thread.join().expect("the other ends");
}
