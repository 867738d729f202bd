//! The memory that both sides see, as words.

use core::sync::atomic::{AtomicU64, Ordering, fence};

use super::SLOT_WORDS;
use crate::message::Message;
use crate::tag::Tag;

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

/// The words of a ring: as many as [`super::Slots::words`] says. What is past the end reads as 0, and stores
/// there are lost; both sides stay inside by construction.
///
/// `userlib` has the memory on mapped frames; tests have arrays of atomics.
pub trait RingMemory {
    /// A word.
    type Word: RingWord;

    /// The words.
    fn words(&self) -> &[Self::Word];

    /// A sequentially consistent fence.
    fn fence(&self);
}

impl RingMemory for &[AtomicU64] {
    type Word = AtomicU64;

    #[inline(always)]
    fn words(&self) -> &[AtomicU64] {
        self
    }

    #[inline(always)]
    fn fence(&self) {
        fence(Ordering::SeqCst);
    }
}

/// Reads a word of the header.
#[inline(always)]
pub(super) fn load<M: RingMemory>(memory: &M, word: usize) -> u64 {
    memory.words().get(word).map_or(0, RingWord::load)
}

/// [`load`], after which what was published is seen.
#[inline(always)]
pub(super) fn load_acquire<M: RingMemory>(memory: &M, word: usize) -> u64 {
    memory.words().get(word).map_or(0, RingWord::load_acquire)
}

/// Writes a word of the header.
#[inline(always)]
pub(super) fn store<M: RingMemory>(memory: &M, word: usize, value: u64) {
    if let Some(word) = memory.words().get(word) {
        word.store(value);
    }
}

/// [`store`], which publishes what was written before.
#[inline(always)]
pub(super) fn store_release<M: RingMemory>(memory: &M, word: usize, value: u64) {
    if let Some(word) = memory.words().get(word) {
        word.store_release(value);
    }
}

/// Whether a message can be in a ring.
#[inline(always)]
pub(super) const fn fits(tag: Tag) -> bool {
    tag.into_raw() & Tag::SLOW_BITS == 0
}

/// The words of the slot that begins at `first`.
#[inline(always)]
fn slot<M: RingMemory>(memory: &M, first: usize) -> Option<&[M::Word; SLOT_WORDS]> {
    memory.words().get(first..)?.first_chunk()
}

/// Writes a message with its token into the slot that begins at `first`. At most the first `used_words` of its words
/// are not zero.
#[inline(always)]
pub(super) fn write<M: RingMemory>(
    memory: &M,
    first: usize,
    (token, message): (u32, &Message),
    used_words: usize,
) {
    let Some([tag, place, words @ ..]) = slot(memory, first) else {
        return;
    };
    tag.store(message.tag.into_raw());
    place.store(u64::from(token));
    for (word, value) in words.iter().zip(message.words.iter().take(used_words)) {
        word.store(*value);
    }
    // What the message was said not to use, but its length covers: an older message is still there.
    for word in words
        .iter()
        .take(message.tag.length().div_ceil(8))
        .skip(used_words)
    {
        word.store(0);
    }
}

/// Reads the token of the slot that begins at `first`.
#[inline(always)]
pub(super) fn read_token<M: RingMemory>(memory: &M, first: usize) -> u64 {
    slot(memory, first).map_or(u64::MAX, |[_, token, ..]| token.load())
}

/// Reads the message of the slot that begins at `first`, each word once. The tag can be anything but for its
/// kernel's bits, which are 0. The words behind its length can be anything, too: nobody looks at them.
#[inline(always)]
pub(super) fn read<M: RingMemory>(memory: &M, first: usize) -> Message {
    let Some([tag, _, words @ ..]) = slot(memory, first) else {
        return Message::default();
    };
    Message {
        tag: Tag::from_raw(tag.load() & !Tag::SLOW_BITS),
        // Not zeroed first, which costs more than all the rest.
        words: core::array::from_fn(|index| words.get(index).map_or(0, RingWord::load)),
    }
}

/// Reads as [`read`] into `message`, and no word behind the length.
#[inline(always)]
pub(super) fn read_into<M: RingMemory>(memory: &M, first: usize, message: &mut Message) {
    if let Some([tag, _, words @ ..]) = slot(memory, first) {
        message.tag = Tag::from_raw(tag.load() & !Tag::SLOW_BITS);
        let used = message.tag.length().div_ceil(8);
        for (place, word) in message.words.iter_mut().zip(words).take(used) {
            *place = word.load();
        }
    }
}
