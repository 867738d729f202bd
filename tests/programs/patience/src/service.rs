//! What the server and its guests are asked.

use heapless::String;
use ipc_abi::interface::{Caller, Promise};
use ipc_abi::{interface, payload};

/// The most bytes of a word.
pub(crate) const WORD_BYTES: usize = 1000;

/// Waits for all sorts of things.
#[interface(version = 1)]
pub(crate) trait Patience {
    /// Sleeps, then tells the sum of the bytes of `word`.
    #[method(1)]
    fn nap(&mut self, caller: Caller, milliseconds: u64, word: &[u8]) -> u64;
    /// Waits until the door is opened; tells the number of who passes.
    #[method(2)]
    fn pass(&mut self, caller: Caller, promise: Promise<u64>);
    /// Lets everybody pass who waits at the door.
    #[method(3)]
    fn open(&mut self);
    /// Tells how it is.
    #[method(4)]
    fn look(&mut self) -> Look;
    /// Sleeps and tells nobody.
    #[method(5, one_way)]
    fn doze(&mut self, milliseconds: u64);
    /// Lets the device interrupt and waits for it; whether the interrupt was that of the device.
    #[method(6)]
    fn interrupt(&mut self) -> bool;
}

/// How the server is.
#[payload]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Visits that were begun.
    pub(crate) begun: u32,
    /// Visits that last.
    pub(crate) inside: u32,
    /// Visits that were cut off.
    pub(crate) dropped: u32,
    /// Clients that died.
    pub(crate) deaths: u32,
    /// The client whose sleep was over last; 0 for none.
    pub(crate) last_awake: u8,
}

/// Goes on errands.
#[interface(version = 1)]
pub(crate) trait Guest {
    /// Goes on an errand, from which it may come back much later.
    #[method(1, one_way)]
    fn go(&mut self, errand: Errand);
    /// What the last errand brought: a number, or the name of an error.
    #[method(2)]
    fn outcome(&mut self) -> Outcome;
}

/// What a guest is to do.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Sleep at the server, with a word of so many bytes of this value.
    Nap {
        /// How long.
        milliseconds: u64,
        /// The bytes.
        byte: u8,
        /// How many.
        length: u16,
    },
    /// Wait at the door.
    Pass,
    /// Wait at the door, but not longer than so.
    PassWithin {
        /// How long.
        milliseconds: u64,
    },
}

/// What an errand brought.
pub(crate) type Outcome = String<24>;
