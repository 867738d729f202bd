//! What both ends of a ring do alike: count what they publish, look what the other has published, and sleep.

use core::marker::PhantomData;

use super::memory::{RingMemory, load, load_acquire, store, store_release};
use super::{PeerMisbehavior, Slots, Wake};

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
    pub(super) slots: Slots,
    /// How many messages it has written ever, and how many of them it has published.
    written: u64,
    published: u64,
    /// How many of the peer's it has taken ever, and how many it knows of.
    taken: u64,
    known: u64,
    words: PhantomData<W>,
}

impl<M: RingMemory, W: Words> End<M, W> {
    pub(super) const fn new(memory: M, slots: Slots) -> End<M, W> {
        End {
            memory,
            slots,
            written: 0,
            published: 0,
            taken: 0,
            known: 0,
            words: PhantomData,
        }
    }

    /// Writes zero to the words that this end writes.
    pub(super) fn reset(&self) {
        store(&self.memory, W::SLEEPS, 0);
        store_release(&self.memory, W::PUBLISHED, 0);
    }

    /// How many messages it has written ever.
    #[inline(always)]
    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    /// How many messages it has written and not published.
    #[inline(always)]
    pub(super) const fn unpublished(&self) -> u64 {
        self.written.wrapping_sub(self.published)
    }

    /// How many of the peer's messages it has taken ever.
    #[inline(always)]
    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }

    /// One more was written.
    #[inline(always)]
    pub(super) const fn count_written(&mut self) {
        self.written = self.written.wrapping_add(1);
    }

    /// One more was taken.
    #[inline(always)]
    pub(super) const fn count_taken(&mut self) {
        self.taken = self.taken.wrapping_add(1);
    }

    /// Lets the peer see what was written; tells whether it must be signalled.
    #[inline(always)]
    pub(super) fn publish(&mut self) -> Wake {
        if self.published == self.written {
            return Wake::NotNeeded;
        }
        self.published = self.written;
        store_release(&self.memory, W::PUBLISHED, self.written);
        self.memory.fence();
        if load(&self.memory, W::PEER_SLEEPS) == 0 {
            Wake::NotNeeded
        } else {
            Wake::Needed
        }
    }

    /// Whether there is a message that was not taken. There can be `possible` of them.
    ///
    /// # Errors
    ///
    /// `TooMany`.
    #[inline(always)]
    pub(super) fn has_more(&mut self, possible: u64) -> Result<bool, PeerMisbehavior> {
        Ok(self.taken != self.known || self.look(possible)?)
    }

    fn look(&mut self, possible: u64) -> Result<bool, PeerMisbehavior> {
        let known = load_acquire(&self.memory, W::PEER_PUBLISHED);
        let new = known.wrapping_sub(self.taken);
        if new > possible {
            return Err(PeerMisbehavior::TooMany);
        }
        self.known = known;
        Ok(new != 0)
    }

    /// Says that this end sleeps until it is signalled; whether it may: not if there is a message.
    ///
    /// # Errors
    ///
    /// `TooMany`.
    pub(super) fn sleep(&mut self, possible: u64) -> Result<bool, PeerMisbehavior> {
        store(&self.memory, W::SLEEPS, 1);
        self.memory.fence();
        let is_there = self.has_more(possible)?;
        if is_there {
            self.wake();
        }
        Ok(!is_there)
    }

    /// Says that this end does not sleep any more.
    pub(super) fn wake(&self) {
        store(&self.memory, W::SLEEPS, 0);
    }
}
