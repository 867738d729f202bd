//! The client's side of a ring.

use super::end::{End, Words};
use super::memory::{RingMemory, slot_for};
use super::slot::{Received, fits, write};
use super::token::Tokens;
use super::{
    CLIENT_SLEEPS, COMPLETED, PeerMisbehavior, SERVER_SLEEPS, SUBMITTED, SubmitError, Wake,
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

/// A completion, in the order in which the server made them.
#[derive(Debug)]
pub struct Taken<'a, W> {
    /// The operation's. It is kept until [`Submitter::give_back`].
    pub token: u32,
    /// What came.
    pub reply: Received<'a, W>,
}

impl<M: RingMemory> Submitter<M> {
    /// Takes a side of a ring whose words that count are zero: see [`Submitter::reset`].
    #[must_use]
    pub fn new(memory: M) -> Submitter<M> {
        let tokens = Tokens::new(memory.submissions().len());
        Submitter {
            end: End::new(memory),
            tokens,
        }
    }

    /// Writes zero to the words that this side counts in. Before the other side is asked to do the same.
    pub fn reset(&mut self) {
        self.end.reset();
    }

    /// How many operations were submitted whose completion was not taken.
    #[must_use]
    pub const fn under_way(&self) -> u64 {
        self.end.written.wrapping_sub(self.end.taken)
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
        let queue = self.end.memory.submissions();
        let (number, slot) = slot_for(queue, self.end.written).ok_or(SubmitError::Full)?;
        // Who takes completions in the order of submissions finds this token free.
        let token = self.tokens.take(number).ok_or(SubmitError::Full)?;
        write(slot, (token, request), used_words);
        self.end.written = self.end.written.wrapping_add(1);
        Ok(token)
    }

    /// Lets the server see what was submitted; tells whether it must be signalled.
    #[inline(always)]
    pub fn publish(&mut self) -> Wake {
        self.end.publish()
    }

    /// Takes the next completion if it is that of this operation, and one that [`Submitter::look`] has seen. Its token
    /// is free again.
    #[inline(always)]
    pub fn take_expected(&mut self, token: u32) -> Option<Received<'_, M::Word>> {
        if self.end.taken == self.end.known {
            return None;
        }
        let (_, slot) = slot_for(self.end.memory.completions(), self.end.taken)?;
        let (found, reply) = Received::read(slot);
        if found != token || !self.tokens.end_and_give_back(token) {
            return None;
        }
        self.end.taken = self.end.taken.wrapping_add(1);
        Some(reply)
    }

    /// Looks what was completed; whether something was that is not taken. In a closed ring nothing is.
    ///
    /// # Errors
    ///
    /// `TooMany`.
    pub fn look(&mut self) -> Result<bool, PeerMisbehavior> {
        if self.tokens.is_closed() {
            return Ok(false);
        }
        Ok(self.end.look(self.possible())? != 0)
    }

    /// Takes the next completion of those that [`Submitter::look`] has seen, if there is one.
    ///
    /// # Errors
    ///
    /// `UnknownToken`.
    pub fn take(&mut self) -> Result<Option<Taken<'_, M::Word>>, PeerMisbehavior> {
        if self.end.taken == self.end.known {
            return Ok(None);
        }
        let queue = self.end.memory.completions();
        let Some((_, slot)) = slot_for(queue, self.end.taken) else {
            return Ok(None);
        };
        let (token, reply) = Received::read(slot);
        if !self.tokens.end(token) {
            return Err(PeerMisbehavior::UnknownToken);
        }
        self.end.taken = self.end.taken.wrapping_add(1);
        Ok(Some(Taken { token, reply }))
    }

    /// Gives back the token of a completion that was taken by [`Submitter::take`]: another operation may get it.
    /// Whether it was; nothing happens to another.
    pub fn give_back(&mut self, token: u32) -> bool {
        self.tokens.give_back(token)
    }

    /// Ends the use of the ring: nothing can be submitted any more, and nothing is taken. What was taken stays until it is
    /// given back.
    pub fn close(&mut self) {
        self.end.known = self.end.taken;
        self.tokens.close();
    }

    /// How many completions there can be that were not taken: as many as were published and are under way.
    #[inline(always)]
    const fn possible(&self) -> u64 {
        self.end.published.wrapping_sub(self.end.taken)
    }

    /// Says that this side sleeps until it is signalled; whether it may: not if there is a completion, nor in a closed
    /// ring, where none will come.
    ///
    /// # Errors
    ///
    /// `TooMany`.
    pub fn sleep(&mut self) -> Result<bool, PeerMisbehavior> {
        if self.tokens.is_closed() {
            return Ok(false);
        }
        let possible = self.possible();
        self.end.sleep(possible)
    }

    /// Says that this side does not sleep any more.
    pub fn wake(&mut self) {
        self.end.wake();
    }
}
