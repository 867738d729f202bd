//! The ring: messages to a service and back through shared memory, many with one signal.
//!
//! A ring has two queues of as many slots, a power of two: *submissions* from the client, *completions* from
//! the server. A message has at most [`REGISTER_BYTES`](crate::tag::Tag::REGISTER_BYTES) bytes and no
//! capabilities, and bears the *token* of its operation: a number below the number of slots that the client
//! chooses and the server gives back. The server completes operations in the order in which they were submitted;
//! the client relies on no order, but is fastest with that one.
//!
//! ```text
//!               tail           submissions            head
//!   Submitter ------> [ ][ ][token and tag, words][ ] ------> Completer
//!             <------ [ ][ ][token and tag, words][ ] <------
//!               head           completions            tail
//! ```
//!
//! | word | written by | what |
//! |---|---|---|
//! | 0 | client | how many submissions it has published ever, modulo 2^64 |
//! | 8 | client | not 0: it sleeps until it is signalled |
//! | 16 | server | how many completions it has published ever |
//! | 24 | server | not 0: it sleeps until it is signalled |
//! | [`HEADER_WORDS`] on | client | submissions, [`SLOT_WORDS`] each: a word of token and tag, the words of the message |
//! | then | server | completions, the same |
//!
//! The tag of a message that fits in registers has 32 bits; the token is above them.
//!
//! **The peer may write anything at any time.** What it does is a [`PeerMisbehavior`] or a message that is
//! decoded as strictly as any other; nothing else of this side depends on it:
//!
//! - Each side keeps what it wrote itself, and copies a word of the peer's before it looks at it: of a message
//!   the word of token and tag, then as many words as are wanted.
//! - The client has no more operations under way than there are slots, so it need not know what the server has
//!   read, and no completion of an honest server lacks a place. A client that submits more than that is found out when the
//!   server looks at the count; one that lies about it overwrites what is its own.
//! - A completion whose token is not under way is misbehavior.
//!
//! **Who sleeps is woken.** Who wants to sleep says so, then looks once more; who publishes something does so,
//! then looks whether the other sleeps; between the two steps of each is a sequentially consistent fence, so at least one
//! sees the other. `verification/order` tries every interleaving. A client that waits for a batch does not sleep so: it
//! calls the server ([`METHOD_RING_TURN`](crate::interface::METHOD_RING_TURN)), which answers when it has completed
//! everything, and by whose death the call ends.

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
mod slot;
mod submitter;
#[cfg(test)]
mod tests;
mod token;

pub use completer::Completer;
pub use memory::{RingMemory, RingWord, RingWords, Slot};
pub use slot::{Completed, Place, Received};
pub use submitter::{Submitter, Taken};

use crate::message::MESSAGE_WORDS;

/// The fewest slots of a queue.
pub const SLOTS_MIN: u32 = 8;
/// The most slots of a queue.
pub const SLOTS_MAX: u32 = 1024;
/// Words before the first slot: a cache line for each word that one side writes.
pub const HEADER_WORDS: usize = 32;
/// Words of a slot: token and tag, the message; whole cache lines.
pub const SLOT_WORDS: usize = 24;

/// Where the client counts what it has published.
const SUBMITTED: usize = 0;
/// Where the client says that it sleeps.
const CLIENT_SLEEPS: usize = 8;
/// Where the server counts what it has published.
const COMPLETED: usize = 16;
/// Where the server says that it sleeps.
const SERVER_SLEEPS: usize = 24;

// Token and tag, the message.
const _: () = assert!(MESSAGE_WORDS < SLOT_WORDS);

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
    /// It says that all is completed, and it is not.
    Unfinished,
}

/// Why an operation was not submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitError {
    /// As many are under way as there are slots. Take completions first.
    Full,
    /// The message is long or brings capabilities. Make a call instead.
    NotInRing,
}
