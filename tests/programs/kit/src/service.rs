//! The service of the program `victim`: methods with every sort of argument, and what it takes to
//! see whether somebody did it harm.

use heapless::String;
use ipc_abi::{interface, payload};

/// The most bytes of a text.
pub const TEXT_BYTES: usize = 200;

/// A text.
pub type Text = String<TEXT_BYTES>;

/// Serves whoever calls, and keeps a secret.
#[interface(version = 1)]
pub trait Victim {
    /// Where the secret is.
    #[method(1)]
    fn secret(&mut self) -> Secret;

    /// Whether everything is as it was when the program started: its secret and its capabilities.
    #[method(2)]
    fn is_unharmed(&mut self) -> bool;

    /// Adds two numbers; wraps around.
    #[method(3)]
    fn add(&mut self, left: u64, right: u64) -> u64;

    /// Gives a text back.
    ///
    /// # Errors
    ///
    /// `TooLong`.
    #[method(4)]
    fn echo(&mut self, text: &str) -> Result<Text, VictimError>;

    /// Counts the bytes that are set in a mask, if there is one.
    #[method(5)]
    fn count(&mut self, bytes: &[u8], mask: Option<u8>) -> u32;

    /// Turns by a quarter, or back.
    #[method(6)]
    fn turn(&mut self, direction: Direction, is_left: bool) -> Direction;

    /// Switches the machine off, if `password` is [`PASSWORD`]: for whoever has no such right.
    #[method(7)]
    fn finish(&mut self, password: u64);
}

/// What no random message says.
pub const PASSWORD: u64 = 0x7E57_15D0_4E0F_F60D;

/// Where the secret is.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secret {
    /// The address at which its owner sees it.
    pub address: u64,
    /// The physical address of its frame.
    pub physical: u64,
    /// The owner's handle of the frame.
    pub handle: u64,
    /// The first frame of the region from which it was made.
    pub region: u64,
    /// Its first word.
    pub word: u64,
}

/// Where one can turn.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Up.
    North,
    /// Right.
    East,
    /// Down.
    South,
    /// Left.
    West,
}

/// Why a method was not done.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VictimError {
    /// The text is longer than [`TEXT_BYTES`].
    TooLong,
}
