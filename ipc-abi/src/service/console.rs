//! The console's service: text to the screen, lines from the keyboard.

use serde::{Deserialize, Serialize};

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
