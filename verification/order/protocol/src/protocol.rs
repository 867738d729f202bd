//! The protocols: [`MODELS`]. Each is a function that one of its orderings can be taken from.
//!
//! Quiescence is not here: what goes wrong without its acknowledgement is a load that is delayed past a
//! later store, which `loom` does not do. The litmus tests of `design.toml` have it.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use loom::thread;

use crate::{ring, wait};

/// Which ordering of a model is missing.
#[derive(Clone, Copy)]
pub(crate) struct Weak(Option<usize>);

impl Weak {
    /// None.
    pub(crate) const NOTHING: Weak = Weak(None);

    /// The one with this number.
    pub(crate) const fn at(place: usize) -> Weak {
        Weak(Some(place))
    }

    /// An ordering, or `Relaxed` where it is missing.
    pub(crate) fn order(self, place: usize, strong: Ordering) -> Ordering {
        if self.0 == Some(place) {
            Ordering::Relaxed
        } else {
            strong
        }
    }

    /// Whether this one is missing.
    pub(crate) fn lacks(self, place: usize) -> bool {
        self.0 == Some(place)
    }

    /// A full barrier (`dmb ish`), or none where it is missing.
    fn barrier(self, place: usize) {
        if self.0 != Some(place) {
            fence(Ordering::SeqCst);
        }
    }
}

/// A protocol.
pub(crate) struct Model {
    /// What it is for.
    pub(crate) name: &'static str,
    /// Its orderings, by their numbers.
    pub(crate) orderings: &'static [&'static str],
    /// Runs it once; panics if it goes wrong.
    pub(crate) check: fn(Weak),
}

/// All of them.
pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "an object is complete when its identity is seen",
        orderings: &["release of the identity", "acquire of the identity"],
        check: publication,
    },
    Model {
        name: "what a lock guards is seen by its next holder, and by one at a time",
        orderings: &["acquire", "release"],
        check: lock,
    },
    Model {
        name: "no mail is lost, and at most one interrupt is under way",
        orderings: &[
            "barrier of the sender",
            "barrier of the receiver",
            "acquire of the mail",
            "release of the mail",
        ],
        check: mailbox,
    },
    Model {
        name: "a core that goes to sleep looks again",
        orderings: &["barrier of the sender", "barrier before sleep"],
        check: sleep,
    },
    Model {
        name: "what is seen in a ring is whole",
        orderings: &[
            "release of the request",
            "acquire of the request",
            "release of the reply",
            "acquire of the reply",
        ],
        check: ring::whole,
    },
    Model {
        name: "a server that sleeps at a ring is woken",
        orderings: &["fence of the client", "fence of the server"],
        check: ring::server_is_woken,
    },
    Model {
        name: "a client that sleeps at a ring is woken",
        orderings: &["fence of the server", "fence of the client"],
        check: ring::client_is_woken,
    },
    Model {
        name: "what a lock of a process guards is seen by its next holder, who is woken",
        orderings: &[
            "acquire of a free lock",
            "acquire of a lock that is handed over",
            "release",
            "waking of who waits",
        ],
        check: wait::lock,
    },
    Model {
        name: "who waits for a condition is woken when it comes",
        orderings: &["entry before the lock is given back", "waking of who waits"],
        check: wait::queue,
    },
    Model {
        name: "what somebody is woken for is seen",
        orderings: &["acquire of who was woken", "release of who wakes"],
        check: wait::woken,
    },
];

const ID: u64 = 7;

fn publication(weak: Weak) {
    let object = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let writer = Arc::clone(&object);
    let thread = thread::spawn(move || {
        writer.1.store(1, Ordering::Relaxed);
        writer.0.store(ID, weak.order(0, Ordering::Release));
    });
    if object.0.load(weak.order(1, Ordering::Acquire)) == ID {
        assert_eq!(object.1.load(Ordering::Relaxed), 1, "the body is there");
    }
    thread.join().expect("the writer ends");
}

fn lock(weak: Weak) {
    let shared = Arc::new((AtomicBool::new(false), AtomicU64::new(0)));
    let other = Arc::clone(&shared);
    let increment = move |shared: &(AtomicBool, AtomicU64)| {
        let acquire = weak.order(0, Ordering::Acquire);
        if shared.0.swap(true, acquire) {
            return 0;
        }
        let value = shared.1.load(Ordering::Relaxed);
        shared.1.store(value + 1, Ordering::Relaxed);
        shared.0.store(false, weak.order(1, Ordering::Release));
        1
    };
    let thread = thread::spawn(move || increment(&other));
    let mine = increment(&shared);
    let theirs = thread.join().expect("the other ends");
    assert_eq!(
        shared.1.load(Ordering::Relaxed),
        mine + theirs,
        "no increment is lost"
    );
}

/// The receiver's core: mail, what it says, and whether an interrupt is under way.
struct Mailbox {
    mail: AtomicU64,
    letter: AtomicU64,
    is_sent: AtomicBool,
}

fn mailbox(weak: Weak) {
    let core = Arc::new(Mailbox {
        mail: AtomicU64::new(0),
        letter: AtomicU64::new(0),
        is_sent: AtomicBool::new(true),
    });
    let sender = Arc::clone(&core);
    let thread = thread::spawn(move || {
        sender.letter.store(1, Ordering::Relaxed);
        sender.mail.fetch_or(1, weak.order(3, Ordering::Release));
        weak.barrier(0);
        // Whether an interrupt has to be sent.
        !sender.is_sent.load(Ordering::Relaxed)
    });
    // An interrupt that was sent before is taken.
    core.is_sent.store(false, Ordering::Relaxed);
    weak.barrier(1);
    let mail = core.mail.swap(0, weak.order(2, Ordering::Acquire));
    if mail != 0 {
        assert_eq!(
            core.letter.load(Ordering::Relaxed),
            1,
            "the letter is there"
        );
    }
    let is_announced = thread.join().expect("the sender ends");
    assert!(
        mail != 0 || is_announced,
        "mail is found, or announced again"
    );
}

fn sleep(weak: Weak) {
    let core = Arc::new((AtomicU64::new(0), AtomicBool::new(false)));
    let sender = Arc::clone(&core);
    let thread = thread::spawn(move || {
        sender.0.store(1, Ordering::Relaxed);
        weak.barrier(0);
        sender.1.load(Ordering::Relaxed)
    });
    core.1.store(true, Ordering::Relaxed);
    weak.barrier(1);
    let mail = core.0.load(Ordering::Relaxed);
    let is_woken = thread.join().expect("the sender ends");
    assert!(mail == 1 || is_woken, "nobody sleeps over mail");
}
