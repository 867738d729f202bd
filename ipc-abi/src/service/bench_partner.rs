//! What the bench program's partner understands: typed methods, and modes of raw messages.
//!
//! The partner is a process of its own, so that calls to it cross address spaces. It serves
//! [`Partner`]; after [`Partner::enter`] it serves raw messages in a [`mode`] until one comes with the
//! method [`LEAVE`], which it answers with an empty message before it serves [`Partner`] again.

use crate::interface;
use crate::interface::Promise;

/// What the bench program calls.
#[interface(version = 1)]
pub trait Partner {
    /// Adds two numbers; wraps around. This is the call of the typed figure.
    #[method(1)]
    fn add(&mut self, left: u64, right: u64) -> u64;

    /// Goes into a [`mode`]; answers first, with what it was given, or 0 for a mode that it does
    /// not know.
    #[method(2)]
    fn enter(&mut self, mode: u64, promise: Promise<u64>);

    /// Answers, then yields `count` times.
    #[method(3)]
    fn take_turns(&mut self, count: u64, promise: Promise<u64>);

    /// How many yields of the last [`Partner::take_turns`] are done.
    #[method(4)]
    fn turns_taken(&mut self) -> u64;

    /// Does nothing. This is the operation of the figure of rings.
    #[method(6)]
    fn do_nothing(&mut self);

    /// How many bytes the text has, and its first byte above them: bits 31:8. This is the call of the
    /// figure with a text.
    #[method(5)]
    fn measure_text(&mut self, text: &str) -> u32;
}

/// How the partner serves raw messages.
pub mod mode {
    /// Answers a call with an empty message, whatever came.
    pub const EMPTY: u64 = 1;
    /// Answers a call with the first four words that came.
    pub const WORDS_4: u64 = 2;
    /// Answers a call with the sixteen words that came.
    pub const WORDS_16: u64 = 3;
    /// Answers a long message of [`super::LONG_BYTES`] with what came.
    pub const LONG: u64 = 4;
    /// Takes one capability with a call of method [`super::MEASURED`]; deletes it at one of method
    /// [`super::CLEAN`]. Answers with empty messages.
    pub const CAPABILITY: u64 = 5;
    /// Takes a notification and a gate with the first call. Then waits for the notification and
    /// signals the gate, until [`super::STOP_BIT`] comes; deletes both.
    pub const PING_PONG: u64 = 6;
    /// Lets threads whose faults come here go on behind the instruction that faulted.
    pub const FAULT: u64 = 7;
    /// Takes a notification with the first call. Then waits for it and, woken, reads the counter
    /// before anything else; tells the reading as the first word of the answer to the next call. Until
    /// [`super::STOP_BIT`] comes; deletes the notification.
    pub const WAKE: u64 = 8;
}

/// The method of a raw message that is measured.
pub const MEASURED: u16 = 0;
/// In [`mode::LONG`]: how long the messages are.
pub const LONG_BYTES: u16 = 1024;
/// In [`mode::CAPABILITY`]: delete what came.
pub const CLEAN: u16 = 1;
/// In every mode but [`mode::PING_PONG`] and [`mode::WAKE`]: go back to [`Partner`].
pub const LEAVE: u16 = 2;

/// In [`mode::PING_PONG`] and [`mode::WAKE`]: the bit of a ping and of a pong.
pub const BALL_BIT: u64 = 1 << 0;
/// In [`mode::PING_PONG`] and [`mode::WAKE`]: the bit that ends it.
pub const STOP_BIT: u64 = 1 << 1;
