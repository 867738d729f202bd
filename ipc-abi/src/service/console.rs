//! The console's service: text to the screen, lines from the keyboard.

use crate::interface::Promise;
use crate::{interface, payload};

/// Text to the screen, lines from the keyboard. Any number of clients write; one at a time reads.
#[interface(version = 2)]
pub trait Console {
    /// Puts text on the screen; each LF ends a line. A line that is being edited stays below it.
    /// At most [`WRITE_BYTES`].
    ///
    /// # Errors
    ///
    /// `TextTooLong`.
    #[method(1)]
    fn write(&mut self, text: &[u8]) -> Result<(), ConsoleError>;

    /// Lets a person enter a line behind `prompt` (at most [`PROMPT_BYTES`]), and answers when it is
    /// complete. A cancelled line is empty. Refusals: `PromptTooLong`, `Busy`.
    #[method(2)]
    fn read_line(&mut self, prompt: &str, promise: Promise<Result<LineText, ConsoleError>>);

    /// What came over the line, and what was lost.
    #[method(3)]
    fn statistics(&mut self) -> Statistics;
}

/// Why the console did not do what it was asked.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleError {
    /// The text is longer than [`WRITE_BYTES`]. Write it in pieces.
    TextTooLong,
    /// The prompt is longer than [`PROMPT_BYTES`]. Shorten it.
    PromptTooLong,
    /// Somebody else reads. Try again when they have their line.
    Busy,
}

/// The most bytes of a line that a person enters.
pub const LINE_BYTES: usize = 240;
/// The most bytes of a prompt.
pub const PROMPT_BYTES: usize = 32;
/// The most bytes of one `write`; longer text is written in pieces.
pub const WRITE_BYTES: usize = 2048;

/// A line that a person entered, without its end.
pub type LineText = heapless::String<LINE_BYTES>;
/// What stands before the line that is being entered.
pub type PromptText = heapless::String<PROMPT_BYTES>;

/// What came over the console's line, and what was lost.
#[payload]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Bytes that came without an error.
    pub bytes: u64,
    /// Times that the device lost bytes because nobody took them in time.
    pub overruns: u64,
    /// Breaks.
    pub breaks: u64,
    /// Bytes without their stop bit.
    pub framing_errors: u64,
    /// Bytes with wrong parity.
    pub parity_errors: u64,
    /// Bytes typed ahead for which there was no room.
    pub input_lost: u64,
    /// Bytes of output that a transmitter that stands still did not take.
    pub output_lost: u64,
}
