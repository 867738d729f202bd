//! What the bench program's partner understands: raw messages in fast loops, and one typed service.
//!
//! The partner is a process of its own. It starts in [`mode::CONTROL`]; a call whose method is one of
//! [`mode`] is answered by an empty reply, after which the partner serves in that mode. In a mode, a
//! call of method [`MEASURED`] is the measured one; any other is the next change of mode.

use crate::interface;

/// The method of the call that is measured.
pub const MEASURED: u16 = 0;

/// How the partner serves: the method of the call that changes it.
pub mod mode {
    /// Answers nothing but changes of mode.
    pub const CONTROL: u16 = 0x100;
    /// Answers an empty message with an empty one.
    pub const WORDS_0: u16 = 0x101;
    /// Answers four words with four words.
    pub const WORDS_4: u16 = 0x102;
    /// Answers sixteen words with sixteen words.
    pub const WORDS_16: u16 = 0x103;
    /// Answers a long message with a long message of the same length.
    pub const LONG: u16 = 0x104;
    /// Takes one capability, and answers with an empty message. A call of method [`super::CLEAN`]
    /// makes it delete the capability.
    pub const CAPABILITY: u16 = 0x105;
    /// Waits for the notification that came as the first capability and signals the gate that came
    /// as the second, until bit [`super::STOP_BIT`] is set.
    pub const PING_PONG: u16 = 0x106;
    /// Yields word 0 times, then goes back to [`CONTROL`], where a call is answered with the number
    /// of yields in word 0.
    pub const YIELD: u16 = 0x107;
    /// Lets threads that fault go on behind the instruction.
    pub const FAULT: u16 = 0x108;
}

/// In [`mode::CAPABILITY`]: delete what came.
pub const CLEAN: u16 = 1;
/// In [`mode::PING_PONG`]: the bit that ends it.
pub const STOP_BIT: u64 = 1 << 1;
/// In [`mode::PING_PONG`]: the bit of a ping and of a pong.
pub const BALL_BIT: u64 = 1 << 0;

/// What the typed figure calls.
#[interface(version = 1)]
pub trait Adder {
    /// Adds two numbers; wraps around.
    #[method(1)]
    fn add(&mut self, left: u64, right: u64) -> u64;
}
