//! The server's side of a ring.

use super::end::{End, Words};
use super::memory::{RingMemory, read, read_token, write};
use super::{CLIENT_SLEEPS, COMPLETED, PeerMisbehavior, SERVER_SLEEPS, SUBMITTED, Slots, Wake};
use crate::message::Message;

/// The server's side of a ring.
#[derive(Clone, Debug)]
pub struct Completer<M> {
    end: End<M, ServerWords>,
}

#[derive(Clone, Copy, Debug)]
struct ServerWords;

impl Words for ServerWords {
    const PUBLISHED: usize = COMPLETED;
    const SLEEPS: usize = SERVER_SLEEPS;
    const PEER_PUBLISHED: usize = SUBMITTED;
    const PEER_SLEEPS: usize = CLIENT_SLEEPS;
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
            end: End::new(memory, slots),
        }
    }

    /// Writes zero to the words that this side counts in, when the other side has done so.
    pub fn reset(&mut self) {
        self.end.reset();
    }

    /// How many requests were taken and are not completed: never more than there are slots.
    #[inline(always)]
    #[must_use]
    pub const fn under_way(&self) -> u64 {
        self.end.taken().wrapping_sub(self.end.written())
    }

    /// How many requests there can be that were not taken: as many as there are slots for what is not
    /// completed.
    #[inline(always)]
    const fn possible(&self) -> u64 {
        (self.end.slots.count() as u64).wrapping_sub(self.under_way())
    }

    /// Takes the next request, if there is one.
    ///
    /// # Errors
    ///
    /// `TooMany`: the client has more operations under way than there are slots.
    #[inline(always)]
    pub fn take(&mut self) -> Result<Option<Request>, PeerMisbehavior> {
        let possible = self.possible();
        if !self.end.has_more(possible)? {
            return Ok(None);
        }
        let memory = &self.end.memory;
        let slot = self.end.slots.submission(self.end.taken());
        let (token, message) = (read_token(memory, slot), read(memory, slot));
        self.end.count_taken();
        // A token that no ring has is given back cut, for its client to wonder about.
        let [a, b, c, d, ..] = token.to_le_bytes();
        let token = u32::from_le_bytes([a, b, c, d]);
        Ok(Some(Request { token, message }))
    }

    /// Completes an operation with a reply in registers, of which at most the first `used_words` words are
    /// not zero. The client sees it when [`Completer::publish`] was called.
    #[inline(always)]
    pub fn complete(&mut self, token: u32, reply: &Message, used_words: usize) {
        let slot = self.end.slots.completion(self.end.written());
        write(&self.end.memory, slot, (token, reply), used_words);
        self.end.count_written();
    }

    /// Lets the client see what was completed; tells whether it must be signalled.
    #[inline(always)]
    pub fn publish(&mut self) -> Wake {
        self.end.publish()
    }

    /// Says that this side sleeps until it is signalled; whether it may: not if there is a request.
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
