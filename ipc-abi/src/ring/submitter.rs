//! The client's side of a ring.

use super::end::{End, Words};
use super::memory::{RingMemory, fits, read_into, read_token, write};
use super::token::Tokens;
use super::{
    CLIENT_SLEEPS, COMPLETED, PeerMisbehavior, SERVER_SLEEPS, SUBMITTED, Slots, SubmitError, Wake,
};
use crate::message::Message;

/// The client's side of a ring.
#[derive(Clone, Debug)]
pub struct Submitter<M> {
    end: End<M, ClientWords>,
    tokens: Tokens,
}

#[derive(Clone, Copy, Debug)]
struct ClientWords;

impl Words for ClientWords {
    const PUBLISHED: usize = SUBMITTED;
    const SLEEPS: usize = CLIENT_SLEEPS;
    const PEER_PUBLISHED: usize = COMPLETED;
    const PEER_SLEEPS: usize = SERVER_SLEEPS;
}

impl<M: RingMemory> Submitter<M> {
    /// Takes a side of a ring whose words that count are zero: see [`Submitter::reset`].
    #[must_use]
    pub fn new(memory: M, slots: Slots) -> Submitter<M> {
        Submitter {
            end: End::new(memory, slots),
            tokens: Tokens::new(slots),
        }
    }

    /// Writes zero to the words that this side counts in. Before the other side is asked to do the same.
    pub fn reset(&mut self) {
        self.end.reset();
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
        let slot = self.end.slots.submission(self.end.written());
        write(&self.end.memory, slot, (token, request), used_words);
        self.end.count_written();
        Ok(token)
    }

    /// Lets the server see what was submitted; tells whether it must be signalled.
    #[inline(always)]
    pub fn publish(&mut self) -> Wake {
        self.end.publish()
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
        let possible = self.possible();
        if !self.end.has_more(possible)? {
            return Ok(None);
        }
        let slot = self.end.slots.completion(self.end.taken());
        let token = self.tokens.end(read_token(&self.end.memory, slot));
        let token = token.ok_or(PeerMisbehavior::UnknownToken)?;
        self.end.count_taken();
        if let Some(reply) = replies.get_mut(token as usize) {
            read_into(&self.end.memory, slot, reply);
        }
        Ok(Some(token))
    }

    /// Whether an operation has ended, and its token was not given back.
    #[inline(always)]
    #[must_use]
    pub fn has_ended(&self, token: u32) -> bool {
        self.tokens.has_ended(token, self.end.slots)
    }

    /// Gives back the token of a completion that was taken: another operation may get it. Nothing happens to one
    /// that is under way.
    #[inline(always)]
    pub fn give_back(&mut self, token: u32) {
        self.tokens.give_back(token, self.end.slots);
    }

    /// How many completions there can be that were not taken: as many as were published and are under way.
    #[inline(always)]
    fn possible(&self) -> u64 {
        u64::from(self.tokens.under_way()).wrapping_sub(self.end.unpublished())
    }

    /// Says that this side sleeps until it is signalled; whether it may: not if there is a completion.
    ///
    /// # Errors
    ///
    /// `TooMany`.
    pub fn sleep(&mut self) -> Result<bool, PeerMisbehavior> {
        let possible = self.possible();
        self.end.sleep(possible)
    }

    /// Says that this side does not sleep any more.
    pub fn wake(&mut self) {
        self.end.wake();
    }
}
