//! The memory that both sides see, as words.

use core::sync::atomic::{AtomicU64, Ordering, fence};

use super::{HEADER_WORDS, SLOT_WORDS, SLOTS_MAX, Slots};

/// A word of memory that a peer reads and writes at the same time.
pub trait RingWord {
    /// Reads it.
    fn load(&self) -> u64;
    /// Reads it; what its writer stored before is seen by what follows.
    fn load_acquire(&self) -> u64;
    /// Writes it.
    fn store(&self, value: u64);
    /// Writes it, behind everything before.
    fn store_release(&self, value: u64);
}

impl RingWord for AtomicU64 {
    #[inline(always)]
    fn load(&self) -> u64 {
        AtomicU64::load(self, Ordering::Relaxed)
    }

    #[inline(always)]
    fn load_acquire(&self) -> u64 {
        AtomicU64::load(self, Ordering::Acquire)
    }

    #[inline(always)]
    fn store(&self, value: u64) {
        AtomicU64::store(self, value, Ordering::Relaxed);
    }

    #[inline(always)]
    fn store_release(&self, value: u64) {
        AtomicU64::store(self, value, Ordering::Release);
    }
}

/// The words of a slot.
pub type Slot<W> = [W; SLOT_WORDS];

/// The memory of a ring: two queues of as many slots, which is a number that [`Slots`] can be.
pub trait RingMemory {
    /// A word.
    type Word: RingWord;

    /// The words before the slots.
    fn header(&self) -> &[Self::Word; HEADER_WORDS];

    /// The slots of what the client asks.
    fn submissions(&self) -> &[Slot<Self::Word>];

    /// The slots of what the server answers.
    fn completions(&self) -> &[Slot<Self::Word>];

    /// A sequentially consistent fence.
    fn fence(&self);
}

/// The memory of a ring that somebody has put there.
#[derive(Clone, Copy, Debug)]
pub struct RingWords<'a> {
    header: &'a [AtomicU64; HEADER_WORDS],
    submissions: &'a [Slot<AtomicU64>],
    completions: &'a [Slot<AtomicU64>],
}

impl<'a> RingWords<'a> {
    /// The ring with this header and these slots, first those of submissions; `None` unless they are twice a number
    /// that [`Slots`] can be.
    #[must_use]
    pub fn new(
        header: &'a [AtomicU64; HEADER_WORDS],
        slots: &'a [Slot<AtomicU64>],
    ) -> Option<RingWords<'a>> {
        let (submissions, completions) = slots.split_at_checked(slots.len() / 2)?;
        Slots::new(u32::try_from(submissions.len()).ok()?)?;
        let is_even = submissions.len() == completions.len();
        is_even.then_some(RingWords {
            header,
            submissions,
            completions,
        })
    }
}

impl RingMemory for RingWords<'_> {
    type Word = AtomicU64;

    #[inline(always)]
    fn header(&self) -> &[AtomicU64; HEADER_WORDS] {
        self.header
    }

    #[inline(always)]
    fn submissions(&self) -> &[Slot<AtomicU64>] {
        self.submissions
    }

    #[inline(always)]
    fn completions(&self) -> &[Slot<AtomicU64>] {
        self.completions
    }

    #[inline(always)]
    fn fence(&self) {
        fence(Ordering::SeqCst);
    }
}

/// The slot of a queue for the message with this count, and its number; `None` if there are no slots.
#[inline(always)]
pub(super) fn slot_for<W>(queue: &[Slot<W>], count: u64) -> Option<(u32, &Slot<W>)> {
    let number = number_for(queue, count);
    Some((number, queue.get(number as usize)?))
}

/// The slots of a queue from the one for the message with this count on: `length`, or those to its end.
#[inline(always)]
pub(super) fn run<W>(queue: &[Slot<W>], count: u64, length: u64) -> &[Slot<W>] {
    let number = number_for(queue, count) as usize;
    let behind = queue.get(number..).unwrap_or_default();
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    behind.get(..length).unwrap_or(behind)
}

/// A queue has a power of two of slots, at most [`SLOTS_MAX`].
#[inline(always)]
fn number_for<W>(queue: &[Slot<W>], count: u64) -> u32 {
    low_half(count) & low_half(queue.len().wrapping_sub(1) as u64) & SLOTS_MAX.wrapping_sub(1)
}

#[inline(always)]
const fn low_half(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
