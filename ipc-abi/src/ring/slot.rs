//! One slot: what a peer wrote into it, and what is written for the peer.

use super::memory::{RingWord, Slot};
use crate::message::{MESSAGE_WORDS, Message};
use crate::tag::Tag;

/// By how many bits the token is above the tag.
const TOKEN_SHIFT: u32 = 32;

// A tag of a message in registers has no bit where the token is.
const _: () = assert!(Tag::SLOW_BITS == u64::MAX << TOKEN_SHIFT);

/// Whether a message can be in a ring.
#[inline(always)]
pub(super) const fn fits(tag: Tag) -> bool {
    tag.into_raw() & Tag::SLOW_BITS == 0
}

/// What a peer wrote. It may go on writing: each word is read once, when it is asked for.
#[derive(Debug)]
pub struct Received<'a, W> {
    tag: Tag,
    slot: &'a Slot<W>,
}

impl<'a, W: RingWord> Received<'a, W> {
    /// What is in a slot, and its token, which can be any.
    #[inline(always)]
    pub(super) fn read(slot: &'a Slot<W>) -> (u32, Received<'a, W>) {
        let [first, ..] = slot;
        let first = first.load();
        let tag = Tag::from_raw(first & !Tag::SLOW_BITS);
        (token_of(first), Received { tag, slot })
    }

    /// What [`Received::copy_to`] has put in a slot.
    #[inline(always)]
    #[must_use]
    pub fn of(slot: &'a Slot<W>) -> Received<'a, W> {
        Received::read(slot).1
    }

    /// A message of no words with any tag, also of those that are the kernel's: what is said in place of a peer.
    #[inline(always)]
    #[must_use]
    pub const fn instead(tag: Tag, slot: &'a Slot<W>) -> Received<'a, W> {
        Received { tag, slot }
    }

    /// The tag. A peer's has no bit of the kernel.
    #[inline(always)]
    #[must_use]
    pub const fn tag(&self) -> Tag {
        self.tag
    }

    /// The words: the first `count` are read, now, and the others are zero. What is behind the tag's length can be
    /// anything.
    #[inline(always)]
    #[must_use]
    pub fn words(&self, count: usize) -> [u64; MESSAGE_WORDS] {
        let [_, places @ ..] = self.slot;
        let mut words = [0; MESSAGE_WORDS];
        for (word, place) in words.iter_mut().zip(places).take(count) {
            *word = place.load();
        }
        words
    }

    /// Copies it into a slot of one's own, out of the peer's reach.
    pub fn copy_to<V: RingWord>(&self, own: &Slot<V>) {
        let used = self.tag.length().div_ceil(8);
        let message = Message {
            tag: self.tag,
            words: self.words(used),
        };
        write(own, (0, &message), used);
    }
}

#[inline(always)]
const fn token_of(first: u64) -> u32 {
    let [_, _, _, _, a, b, c, d] = first.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Writes a message that fits, with its token. At most the first `used_words` of its words are not zero.
#[inline(always)]
pub(super) fn write<W: RingWord>(
    slot: &Slot<W>,
    (token, message): (u32, &Message),
    used_words: usize,
) {
    let [first, words @ ..] = slot;
    first.store(message.tag.into_raw() | u64::from(token).wrapping_shl(TOKEN_SHIFT));
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

/// Where the answer to a request goes.
#[derive(Debug)]
#[must_use = "a request is answered"]
pub struct Place<'a, W> {
    pub(super) token: u32,
    pub(super) slot: &'a Slot<W>,
}

impl<W: RingWord> Place<'_, W> {
    /// Completes the operation with a reply, of which at most the first `used_words` words are not zero; with
    /// `otherwise`, an empty one, if it does not fit. The client sees it when [`super::Completer::publish`] was called.
    #[inline(always)]
    pub fn complete(self, reply: &Message, used_words: usize, otherwise: u16) -> Completed {
        if fits(reply.tag) {
            write(self.slot, (self.token, reply), used_words);
        } else {
            write(self.slot, (self.token, &Message::empty(otherwise)), 0);
        }
        Completed(())
    }
}

/// That an operation was completed: only [`Place::complete`] makes one.
#[derive(Debug)]
pub struct Completed(());
