//! The server's side of a ring.

use super::memory::{
    RingMemory, load, load_acquire, read, read_token, store, store_release, write,
};
use super::{CLIENT_SLEEPS, COMPLETED, PeerMisbehavior, SERVER_SLEEPS, SUBMITTED, Slots, Wake};
use crate::message::Message;

/// The server's side of a ring.
#[derive(Clone, Debug)]
pub struct Completer<M> {
    memory: M,
    slots: Slots,
    /// How many requests it has taken ever, and how many it knows of.
    taken: u64,
    known: u64,
    /// How many it has completed ever, and how many of them it has published.
    completed: u64,
    published: u64,
}

/// What a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// By which the client knows the operation again: the server gives it back as it came.
    pub token: u32,
    /// The request. Its tag has no bit of the kernel; the words behind its length can be anything.
    pub message: Message,
}

impl<M: RingMemory> Completer<M> {
    /// Takes a side of a ring whose words that count are zero: see [`Completer::reset`].
    #[must_use]
    pub const fn new(memory: M, slots: Slots) -> Completer<M> {
        Completer {
            memory,
            slots,
            taken: 0,
            known: 0,
            completed: 0,
            published: 0,
        }
    }

    /// Writes zero to the words that this side counts in, when the other side has done so.
    pub fn reset(&mut self) {
        store(&self.memory, SERVER_SLEEPS, 0);
        store_release(&self.memory, COMPLETED, 0);
    }

    /// How many requests were taken and are not completed: never more than there are slots.
    #[inline(always)]
    #[must_use]
    pub const fn under_way(&self) -> u64 {
        self.taken.wrapping_sub(self.completed)
    }

    /// Takes the next request, if there is one.
    ///
    /// # Errors
    ///
    /// `TooMany`: the client has more operations under way than there are slots.
    #[inline(always)]
    pub fn take(&mut self) -> Result<Option<Request>, PeerMisbehavior> {
        if self.taken == self.known && !self.look()? {
            return Ok(None);
        }
        let slot = self.slots.submission(self.taken);
        let (token, message) = (read_token(&self.memory, slot), read(&self.memory, slot));
        self.taken = self.taken.wrapping_add(1);
        // A token that no ring has is given back cut, for its client to wonder about.
        let [a, b, c, d, ..] = token.to_le_bytes();
        let token = u32::from_le_bytes([a, b, c, d]);
        Ok(Some(Request { token, message }))
    }

    /// Looks how many requests there are; whether there is one.
    fn look(&mut self) -> Result<bool, PeerMisbehavior> {
        let known = load_acquire(&self.memory, SUBMITTED);
        if known.wrapping_sub(self.completed) > u64::from(self.slots.count())
            || known.wrapping_sub(self.taken) > u64::from(self.slots.count())
        {
            return Err(PeerMisbehavior::TooMany);
        }
        self.known = known;
        Ok(known != self.taken)
    }

    /// Completes an operation with a reply in registers, of which at most the first `used_words` words are
    /// not zero. The client sees it when [`Completer::publish`] was called.
    #[inline(always)]
    pub fn complete(&mut self, token: u32, reply: &Message, used_words: usize) {
        let slot = self.slots.completion(self.completed);
        write(&self.memory, slot, (token, reply), used_words);
        self.completed = self.completed.wrapping_add(1);
    }

    /// Lets the client see what was completed; tells whether it must be signalled.
    #[inline(always)]
    pub fn publish(&mut self) -> Wake {
        if self.published == self.completed {
            return Wake::NotNeeded;
        }
        self.published = self.completed;
        store_release(&self.memory, COMPLETED, self.completed);
        self.memory.fence();
        if load(&self.memory, CLIENT_SLEEPS) == 0 {
            Wake::NotNeeded
        } else {
            Wake::Needed
        }
    }

    /// Says that this side sleeps until it is signalled; whether it may: not if there is a request.
    ///
    /// # Errors
    ///
    /// `TooMany`.
    pub fn sleep(&mut self) -> Result<bool, PeerMisbehavior> {
        store(&self.memory, SERVER_SLEEPS, 1);
        self.memory.fence();
        let is_there = self.taken != self.known || self.look()?;
        if is_there {
            self.wake();
        }
        Ok(!is_there)
    }

    /// Says that this side does not sleep any more.
    pub fn wake(&mut self) {
        store(&self.memory, SERVER_SLEEPS, 0);
    }
}
