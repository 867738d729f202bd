//! The service of whatever is a stream of bytes: what files, pipes and connections have in common.

use crate::interface::Promise;
use crate::{interface, payload};

/// A stream of bytes. Each direction is by itself.
#[interface(version = 1)]
pub trait Stream {
    /// Gives the next bytes, at least one and at most `most`, which is at most [`CHUNK_BYTES`], as soon as there is
    /// one; none at the end, or if `most` is 0. Refusals: `TooMuch`, `Busy`, `Broken`.
    #[method(1)]
    fn read(&mut self, most: u32, promise: Promise<Result<Chunk, StreamError>>);

    /// Takes bytes from the front of `bytes`, of which there are at most [`CHUNK_BYTES`], and tells how many: at
    /// least one if there is one.
    ///
    /// # Errors
    ///
    /// `TooMuch`, `Busy`, `Closed`, `Broken`.
    #[method(2)]
    fn write(&mut self, bytes: &[u8]) -> Result<u32, StreamError>;

    /// Answers when what was written has come to where it goes.
    ///
    /// # Errors
    ///
    /// `Closed`, `Broken`.
    #[method(3)]
    fn flush(&mut self) -> Result<(), StreamError>;
}

/// The most bytes of one `read` or `write`.
pub const CHUNK_BYTES: usize = 2048;
/// Bytes that were read.
pub type Chunk = heapless::Vec<u8, CHUNK_BYTES>;

/// Why a stream did not do what it was asked.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// More than [`CHUNK_BYTES`]. Ask in pieces.
    TooMuch,
    /// Somebody else reads, or there is no room now. Ask again later.
    Busy,
    /// Nothing more can be written: nobody reads it.
    Closed,
    /// What is behind the stream has failed. Open it anew.
    Broken,
}
