//! The ring: messages to a service and back through shared memory, many with one signal.
//!
//! A ring has two queues of as many slots, a power of two: *submissions* from the client, *completions* from
//! the server. Each message is one of at most [`Tag::REGISTER_BYTES`] bytes without capabilities, and bears the *token* of its
//! operation: a number below the number of slots that the client chooses and the server gives back.
//!
//! ```text
//!               tail           submissions            head
//!   Submitter ------> [ ][ ][tag, token, words][ ] ------> Completer
//!             <------ [ ][ ][tag, token, words][ ] <------
//!               head           completions            tail
//! ```
//!
//! | word | written by | what |
//! |---|---|---|
//! | 0 | client | how many submissions it has published ever, modulo 2^64 |
//! | 8 | client | not 0: it sleeps until it is signalled |
//! | 16 | server | how many completions it has published ever |
//! | 24 | server | not 0: it sleeps until it is signalled |
//! | [`HEADER_WORDS`] on | client | submissions, [`SLOT_WORDS`] each: the tag, the token, the message |
//! | then | server | completions, the same |
//!
//! **The peer may write anything at any time.** What it does is a [`PeerMisbehavior`] or a message that is
//! decoded as strictly as any other; nothing else of this side depends on it:
//!
//! - Each side keeps what it wrote itself, and reads a word of the peer's once, into its own memory, before it
//!   looks at it.
//! - The client has no more operations under way than there are slots, so it need not know what the server has
//!   read, and no completion of an honest server lacks a place. A client that submits more than that is found out when the
//!   server looks at the count; one that lies about it overwrites what is its own.
//! - A completion whose token is not under way is misbehavior.
//!
//! **Who sleeps is woken.** Who wants to sleep says so, then looks once more; who publishes something does so,
//! then looks whether the other sleeps; between the two steps of each is a sequentially consistent fence, so at least one
//! sees the other. `verification/order` tries every interleaving.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

mod completer;
mod end;
mod memory;
mod submitter;
#[cfg(test)]
mod tests;
mod token;

pub use completer::{Completer, Request};
pub use memory::{RingMemory, RingWord};
pub use submitter::Submitter;

use crate::tag::Tag;

/// The fewest slots of a queue.
pub const SLOTS_MIN: u32 = 8;
/// The most slots of a queue.
pub const SLOTS_MAX: u32 = 1024;
/// Words before the first slot: a cache line for each word that one side writes.
pub const HEADER_WORDS: usize = 32;
/// Words of a slot: the tag, the token, the message; whole cache lines.
pub const SLOT_WORDS: usize = 24;

/// Where the client counts what it has published.
const SUBMITTED: usize = 0;
/// Where the client says that it sleeps.
const CLIENT_SLEEPS: usize = 8;
/// Where the server counts what it has published.
const COMPLETED: usize = 16;
/// Where the server says that it sleeps.
const SERVER_SLEEPS: usize = 24;

// The tag, the token, the message.
const _: () = assert!(2 + Tag::REGISTER_BYTES / 8 <= SLOT_WORDS);

/// How many slots the queues of a ring have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots(u32);

impl Slots {
    /// `None` unless `count` is a power of two from [`SLOTS_MIN`] to [`SLOTS_MAX`].
    #[must_use]
    pub const fn new(count: u32) -> Option<Slots> {
        if count.is_power_of_two() && count >= SLOTS_MIN && count <= SLOTS_MAX {
            Some(Slots(count))
        } else {
            None
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.0
    }

    /// How many words of memory the ring takes.
    #[must_use]
    pub const fn words(self) -> usize {
        HEADER_WORDS.wrapping_add((self.0 as usize).wrapping_mul(2 * SLOT_WORDS))
    }

    /// The first word of the slot for the submission with this count.
    #[inline(always)]
    const fn submission(self, count: u64) -> usize {
        HEADER_WORDS.wrapping_add(self.place(count).wrapping_mul(SLOT_WORDS))
    }

    /// The first word of the slot for the completion with this count.
    #[inline(always)]
    const fn completion(self, count: u64) -> usize {
        let place = self.place(count).wrapping_add(self.0 as usize);
        HEADER_WORDS.wrapping_add(place.wrapping_mul(SLOT_WORDS))
    }

    #[inline(always)]
    const fn place(self, count: u64) -> usize {
        let [a, b, c, d, ..] = count.to_le_bytes();
        (u32::from_le_bytes([a, b, c, d]) & self.0.wrapping_sub(1)) as usize
    }
}

/// Whether somebody must be signalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Wake {
    /// The peer looks by itself.
    NotNeeded,
    /// The peer sleeps: signal it.
    Needed,
}

/// What a peer did that no honest one does. The ring must not be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerMisbehavior {
    /// It says that it published more than there can be.
    TooMany,
    /// It completed an operation that is not under way.
    UnknownToken,
}

/// Why an operation was not submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitError {
    /// As many are under way as there are slots. Take completions first.
    Full,
    /// The message is long or brings capabilities. Make a call instead.
    NotInRing,
}
