//! What the kernel wrote and what reached it since it was looked at the last time.

use core::sync::atomic::{AtomicU64, Ordering};

use pecan_core::object::Frame;

use super::set_now;
use crate::crossing::{Arrival, Written};
use crate::register;
use crate::window::to_usize;

/// A list that forgets what there is no room for, and says so.
struct Log<const WORDS: usize> {
    count: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl<const WORDS: usize> Log<WORDS> {
    const fn new() -> Log<WORDS> {
        Log {
            count: AtomicU64::new(0),
            words: [const { AtomicU64::new(0) }; WORDS],
        }
    }

    fn add(&self, word: u64) {
        let count = self.count.load(Ordering::Relaxed);
        if let Some(place) = self.words.get(to_usize(count)) {
            place.store(word, Ordering::Relaxed);
        }
        self.count.store(count.wrapping_add(1), Ordering::Relaxed);
    }

    /// The last word that was noted.
    fn last(&self) -> Option<u64> {
        let count = self.count.load(Ordering::Relaxed);
        let place = self.words.get(to_usize(count.checked_sub(1)?))?;
        Some(place.load(Ordering::Relaxed))
    }

    /// Hands what was noted to `see` and forgets it; whether it is all.
    fn take(&self, mut see: impl FnMut(u64)) -> bool {
        let count = to_usize(self.count.load(Ordering::Relaxed));
        for word in self.words.iter().take(count) {
            see(word.load(Ordering::Relaxed));
        }
        self.count.store(0, Ordering::Relaxed);
        count <= WORDS
    }
}

/// Marks a frame in the log of what was written.
const ENTRY_MARK: u64 = 1 << 63;

static WRITTEN: Log<8192> = Log::new();
static ARRIVED: Log<512> = Log::new();

/// Notes that a word of an object is written.
pub(crate) fn note_object(number: u64) {
    if WRITTEN.last() != Some(number) {
        WRITTEN.add(number);
    }
}

/// Notes that the kind or the entry of a frame is written.
pub(crate) fn note_entry(frame: Frame) {
    if WRITTEN.last() != Some(frame.0 | ENTRY_MARK) {
        WRITTEN.add(frame.0 | ENTRY_MARK);
    }
}

/// Notes that an interrupt is taken: time goes on.
pub(crate) fn note_arrival(line: u64) {
    let now = register::counter();
    set_now(now);
    ARRIVED.add(line);
    ARRIVED.add(now);
}

/// Hands what was written since the last time to `see`; whether it is all.
pub fn take_written(mut see: impl FnMut(Written)) -> bool {
    WRITTEN.take(|word| {
        see(if word & ENTRY_MARK == 0 {
            Written::Object(word)
        } else {
            Written::Entry(Frame(word & !ENTRY_MARK))
        });
    })
}

/// Hands what arrived since the last time to `see`, in its order; whether it is all.
pub fn take_arrivals(mut see: impl FnMut(Arrival)) -> bool {
    let mut line = None;
    ARRIVED.take(|word| match line.take() {
        None => line = Some(word),
        Some(line) => see(Arrival { line, now: word }),
    })
}
