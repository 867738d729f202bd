//! What both ends of a ring do alike: count what they publish, look what the other has published, and sleep.

use core::marker::PhantomData;

use super::memory::{RingMemory, RingWord};
use super::{HEADER_WORDS, PeerMisbehavior, Wake};

/// Which words an end writes, and which its peer.
pub(super) trait Words {
    /// Where it counts what it has published.
    const PUBLISHED: usize;
    /// Where it says that it sleeps.
    const SLEEPS: usize;
    /// Where its peer counts.
    const PEER_PUBLISHED: usize;
    /// Where its peer says that it sleeps.
    const PEER_SLEEPS: usize;
}

/// An end of a ring.
#[derive(Clone, Debug)]
pub(super) struct End<M, W> {
    pub(super) memory: M,
    /// How many messages it has written ever, and how many of them it has published.
    pub(super) written: u64,
    pub(super) published: u64,
    /// How many of the peer's it has taken ever, and how many it knows of.
    pub(super) taken: u64,
    pub(super) known: u64,
    words: PhantomData<W>,
}

impl<M: RingMemory, W: Words> End<M, W> {
    pub(super) const fn new(memory: M) -> End<M, W> {
        const {
            assert!(W::PUBLISHED < HEADER_WORDS && W::SLEEPS < HEADER_WORDS);
            assert!(W::PEER_PUBLISHED < HEADER_WORDS && W::PEER_SLEEPS < HEADER_WORDS);
        }
        End {
            memory,
            written: 0,
            published: 0,
            taken: 0,
            known: 0,
            words: PhantomData,
        }
    }

    /// A word of the header.
    #[inline(always)]
    #[expect(
        clippy::indexing_slicing,
        reason = "the places are constants; `new` has compared them with the length"
    )]
    fn word(&self, place: usize) -> &M::Word {
        &self.memory.header()[place]
    }

    /// Writes zero to the words that this end writes.
    pub(super) fn reset(&self) {
        self.word(W::SLEEPS).store(0);
        self.word(W::PUBLISHED).store_release(0);
    }

    /// Lets the peer see what was written; tells whether it must be signalled.
    #[inline(always)]
    pub(super) fn publish(&mut self) -> Wake {
        if self.published == self.written {
            return Wake::NotNeeded;
        }
        self.published = self.written;
        self.word(W::PUBLISHED).store_release(self.written);
        self.memory.fence();
        if self.word(W::PEER_SLEEPS).load() == 0 {
            Wake::NotNeeded
        } else {
            Wake::Needed
        }
    }

    /// How many messages there are that were not taken. There can be `possible` of them.
    ///
    /// # Errors
    ///
    /// `TooMany`.
    #[inline(always)]
    pub(super) fn look(&mut self, possible: u64) -> Result<u64, PeerMisbehavior> {
        let known = self.word(W::PEER_PUBLISHED).load_acquire();
        let new = known.wrapping_sub(self.taken);
        if new > possible {
            return Err(PeerMisbehavior::TooMany);
        }
        self.known = known;
        Ok(new)
    }

    /// Says that this end sleeps until it is signalled; whether it may: not if there is a message.
    ///
    /// # Errors
    ///
    /// `TooMany`.
    pub(super) fn sleep(&mut self, possible: u64) -> Result<bool, PeerMisbehavior> {
        self.word(W::SLEEPS).store(1);
        self.memory.fence();
        let is_there = self.look(possible)? != 0;
        if is_there {
            self.wake();
        }
        Ok(!is_there)
    }

    /// Says that this end does not sleep any more.
    pub(super) fn wake(&self) {
        self.word(W::SLEEPS).store(0);
    }
}
