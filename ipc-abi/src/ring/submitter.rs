//! The client's side of a ring.

use super::memory::{
    RingMemory, fits, load, load_acquire, read_into, read_token, store, store_release, write,
};
use super::token::Tokens;
use super::{
    CLIENT_SLEEPS, COMPLETED, PeerMisbehavior, SERVER_SLEEPS, SUBMITTED, Slots, SubmitError, Wake,
};
use crate::message::Message;

/// The client's side of a ring.
#[derive(Clone, Debug)]
pub struct Submitter<M> {
    memory: M,
    slots: Slots,
    tokens: Tokens,
    /// How many it has submitted ever, and how many of them it has published.
    submitted: u64,
    published: u64,
    /// How many completions it has taken ever, and how many it knows of.
    taken: u64,
    known: u64,
}

impl<M: RingMemory> Submitter<M> {
    /// Takes a side of a ring whose words that count are zero: see [`Submitter::reset`].
    #[must_use]
    pub fn new(memory: M, slots: Slots) -> Submitter<M> {
        Submitter {
            memory,
            slots,
            tokens: Tokens::new(slots),
            submitted: 0,
            published: 0,
            taken: 0,
            known: 0,
        }
    }

    /// Writes zero to the words that this side counts in. Before the other side is asked to do the same.
    pub fn reset(&mut self) {
        store(&self.memory, CLIENT_SLEEPS, 0);
        store_release(&self.memory, SUBMITTED, 0);
    }

    /// How many operations were submitted whose completion was not taken.
    #[must_use]
    pub const fn under_way(&self) -> u32 {
        self.tokens.under_way()
    }

    /// Submits a request, of which at most the first `used_words` words are not zero; tells its token. The
    /// server sees it when [`Submitter::publish`] was called.
    ///
    /// # Errors
    ///
    /// `Full`, `NotInRing`; then nothing happened.
    #[inline(always)]
    pub fn submit(&mut self, request: &Message, used_words: usize) -> Result<u32, SubmitError> {
        if !fits(request.tag) {
            return Err(SubmitError::NotInRing);
        }
        let token = self.tokens.take().ok_or(SubmitError::Full)?;
        let slot = self.slots.submission(self.submitted);
        write(&self.memory, slot, (token, request), used_words);
        self.submitted = self.submitted.wrapping_add(1);
        Ok(token)
    }

    /// Lets the server see what was submitted; tells whether it must be signalled.
    #[inline(always)]
    pub fn publish(&mut self) -> Wake {
        if self.published == self.submitted {
            return Wake::NotNeeded;
        }
        self.published = self.submitted;
        store_release(&self.memory, SUBMITTED, self.submitted);
        self.memory.fence();
        if load(&self.memory, SERVER_SLEEPS) == 0 {
            Wake::NotNeeded
        } else {
            Wake::Needed
        }
    }

    /// Takes the next completion, if there is one: its reply goes to `replies`, at the place of its token, which is
    /// kept until [`Submitter::give_back`]. The reply's tag has no bit of the kernel; words behind its length are
    /// left alone.
    ///
    /// # Errors
    ///
    /// `TooMany`, `UnknownToken`.
    #[inline(always)]
    pub fn take(&mut self, replies: &mut [Message]) -> Result<Option<u32>, PeerMisbehavior> {
        if self.taken == self.known && !self.look()? {
            return Ok(None);
        }
        let slot = self.slots.completion(self.taken);
        let token = self.tokens.end(read_token(&self.memory, slot));
        let token = token.ok_or(PeerMisbehavior::UnknownToken)?;
        self.taken = self.taken.wrapping_add(1);
        if let Some(reply) = replies.get_mut(token as usize) {
            read_into(&self.memory, slot, reply);
        }
        Ok(Some(token))
    }

    /// Whether an operation has ended, and its token was not given back.
    #[inline(always)]
    #[must_use]
    pub fn has_ended(&self, token: u32) -> bool {
        self.tokens.has_ended(token, self.slots)
    }

    /// Gives back the token of a completion that was taken: another operation may get it. Nothing happens to one
    /// that is under way.
    #[inline(always)]
    pub fn give_back(&mut self, token: u32) {
        self.tokens.give_back(token, self.slots);
    }

    /// Looks how many completions there are; whether there is one.
    fn look(&mut self) -> Result<bool, PeerMisbehavior> {
        let known = load_acquire(&self.memory, COMPLETED);
        let new = known.wrapping_sub(self.taken);
        let unpublished = self.submitted.wrapping_sub(self.published);
        let possible = u64::from(self.tokens.under_way()).wrapping_sub(unpublished);
        if new > possible {
            return Err(PeerMisbehavior::TooMany);
        }
        self.known = known;
        Ok(new != 0)
    }

    /// Says that this side sleeps until it is signalled; whether it may: not if there is a completion.
    ///
    /// # Errors
    ///
    /// `TooMany`.
    pub fn sleep(&mut self) -> Result<bool, PeerMisbehavior> {
        store(&self.memory, CLIENT_SLEEPS, 1);
        self.memory.fence();
        let is_there = self.taken != self.known || self.look()?;
        if is_there {
            self.wake();
        }
        Ok(!is_there)
    }

    /// Says that this side does not sleep any more.
    pub fn wake(&mut self) {
        store(&self.memory, CLIENT_SLEEPS, 0);
    }
}
