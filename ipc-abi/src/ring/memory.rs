//! The memory that both sides see, as words.

use crate::message::{MESSAGE_WORDS, Message};
use crate::tag::Tag;

use super::MESSAGE;

/// Words of memory that a peer reads and writes at the same time.
///
/// `userlib` has the one on mapped frames; tests have arrays of atomics. A word past the end reads as 0, and a
/// store there is lost: callers stay inside by construction.
pub trait RingMemory {
    /// Reads a word.
    fn load(&self, word: usize) -> u64;
    /// Reads a word; what its writer stored before is seen by what follows.
    fn load_acquire(&self, word: usize) -> u64;
    /// Writes a word.
    fn store(&self, word: usize, value: u64);
    /// Writes a word, behind everything before.
    fn store_release(&self, word: usize, value: u64);
    /// A sequentially consistent fence.
    fn fence(&self);
}

impl<M: RingMemory> RingMemory for &M {
    fn load(&self, word: usize) -> u64 {
        (**self).load(word)
    }

    fn load_acquire(&self, word: usize) -> u64 {
        (**self).load_acquire(word)
    }

    fn store(&self, word: usize, value: u64) {
        (**self).store(word, value);
    }

    fn store_release(&self, word: usize, value: u64) {
        (**self).store_release(word, value);
    }

    fn fence(&self) {
        (**self).fence();
    }
}

/// Whether a message can be in a ring.
#[inline(always)]
pub(super) const fn fits(tag: Tag) -> bool {
    tag.into_raw() & Tag::SLOW_BITS == 0
}

/// Writes a message with its token into the slot that begins at `slot`. At most the first `used_words` of its words
/// are not zero.
#[inline(always)]
pub(super) fn write<M: RingMemory>(
    memory: &M,
    slot: usize,
    (token, message): (u32, &Message),
    used_words: usize,
) {
    memory.store(slot, message.tag.into_raw());
    memory.store(slot.wrapping_add(1), u64::from(token));
    let first = slot.wrapping_add(MESSAGE);
    for (word, value) in (first..).zip(message.words.iter().take(used_words)) {
        memory.store(word, *value);
    }
    // What the message was said not to use, but its length covers: an older message is still there.
    for word in used_words..message.tag.length().div_ceil(8) {
        memory.store(first.wrapping_add(word), 0);
    }
}

/// Reads the slot that begins at `slot`, each word once: the token and the message. The tag can be anything but for
/// its kernel's bits, which are 0; the words behind its length are 0.
#[inline(always)]
pub(super) fn read<M: RingMemory>(memory: &M, slot: usize) -> (u64, Message) {
    let raw = memory.load(slot) & !Tag::SLOW_BITS;
    let tag = Tag::from_raw(raw);
    let token = memory.load(slot.wrapping_add(1));
    let mut words = [0; MESSAGE_WORDS];
    let used = tag.length().div_ceil(8);
    for (word, place) in (slot.wrapping_add(MESSAGE)..).zip(words.iter_mut().take(used)) {
        *place = memory.load(word);
    }
    (token, Message { tag, words })
}
