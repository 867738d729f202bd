//! Rings with a peer that writes what it likes: the service of the program `ring-peer`, and the pen.

use heapless::String;
use ipc_abi::interface::{Caller, Promise};
use ipc_abi::ring::{HEADER_WORDS, SLOT_WORDS, Slots};
use ipc_abi::startup::{RingGrant, RingSide};
use ipc_abi::{interface, payload};
use userlib::Environment;

use crate::raw;

/// The most bytes of a text.
pub const SHORT_BYTES: usize = 60;

/// A text that fits in a message in registers.
pub type ShortText = String<SHORT_BYTES>;

/// Serves by calls and by rings, and does what it is told.
#[interface(version = 1)]
pub trait Peer {
    /// Adds two numbers; wraps around.
    #[method(1)]
    fn add(&mut self, left: u64, right: u64) -> u64;

    /// Gives a text back.
    ///
    /// # Errors
    ///
    /// `TooLong`.
    #[method(2)]
    fn echo(&mut self, text: &str) -> Result<ShortText, PeerError>;

    /// Answers by a promise, which does not go over rings.
    #[method(3)]
    fn promise(&mut self, promise: Promise<u64>);

    /// Writes a word of the ring with the caller.
    ///
    /// # Errors
    ///
    /// `NoSuchWord`.
    #[method(4)]
    fn scribble(&mut self, caller: Caller, word: u32, value: u64) -> Result<(), PeerError>;

    /// Uses its own ring with `ring-target` for so many rounds. Whoever calls meanwhile waits.
    #[method(5, one_way)]
    fn begin(&mut self, rounds: u32);

    /// How many rounds it did, and how many operations brought in them what they should not.
    #[method(6)]
    fn count(&mut self) -> (u32, u32);
}

/// Why a method was not done.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerError {
    /// The text is longer than [`SHORT_BYTES`].
    TooLong,
    /// The caller has no ring, or that has no such word.
    NoSuchWord,
}

/// A way to write into a ring what nobody should.
#[derive(Clone, Debug)]
pub struct Pen {
    grant: RingGrant,
    slots: Slots,
}

impl Pen {
    /// For the ring with the service `name` of which this process is the client.
    #[must_use]
    pub fn of_client(environment: &Environment, name: &str) -> Option<Pen> {
        Pen::find(environment, |grant| {
            grant.side == RingSide::Client && grant.name == name
        })
    }

    /// For the ring with whoever calls, of which this process is the server.
    #[must_use]
    pub fn of_server(environment: &Environment, client: u8) -> Option<Pen> {
        Pen::find(environment, |grant| {
            grant.side == RingSide::Server && grant.peer == client
        })
    }

    fn find(environment: &Environment, is_it: impl Fn(&RingGrant) -> bool) -> Option<Pen> {
        let mut grants = environment.startup().rings.iter();
        let grant = grants.find(|grant| is_it(grant))?.clone();
        let slots = Slots::new(u32::from(grant.slots))?;
        Some(Pen { grant, slots })
    }

    /// How many words there are.
    #[must_use]
    pub const fn words(&self) -> usize {
        self.slots.words()
    }

    /// Where a submission begins.
    #[must_use]
    pub const fn submission(&self, number: usize) -> usize {
        HEADER_WORDS + number * SLOT_WORDS
    }

    /// Where a completion begins.
    #[must_use]
    pub const fn completion(&self, number: usize) -> usize {
        HEADER_WORDS + (self.slots.count() as usize + number) * SLOT_WORDS
    }

    /// Writes a word; whether it is there.
    pub fn write(&mut self, word: usize, value: u64) -> bool {
        let is_there = word < self.words();
        if is_there {
            raw::write_word(self.grant.address + 8 * word as u64, value);
        }
        is_there
    }
}
