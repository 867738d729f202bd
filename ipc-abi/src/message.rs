//! A message outside the kernel: sixteen words and a tag.

use crate::interface::granted::Keeper;
use crate::tag::Tag;

/// Words of a message that travel in registers: `x0`–`x15`.
pub const MESSAGE_WORDS: usize = Tag::REGISTER_BYTES / 8;

/// What travels in `x0`–`x16`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Register `x16`.
    pub tag: Tag,
    /// Registers `x0`–`x15`; words behind the tag's length are zero.
    pub words: [u64; MESSAGE_WORDS],
}

impl Message {
    /// Makes a message of `length` bytes, which are the first in `bytes`; the rest must be zero.
    #[inline(always)]
    #[must_use]
    pub fn from_bytes(method: u16, length: u16, bytes: &[u8; Tag::REGISTER_BYTES]) -> Message {
        Message {
            tag: Tag::new(method, length),
            words: words_from_bytes(bytes),
        }
    }

    /// Makes an empty message.
    #[inline(always)]
    #[must_use]
    pub const fn empty(method: u16) -> Message {
        Message {
            tag: Tag::new(method, 0),
            words: [0; MESSAGE_WORDS],
        }
    }

    /// How many of the words can differ from zero, by the tag.
    #[inline(always)]
    #[must_use]
    pub const fn used_words(&self) -> usize {
        if self.tag.capabilities() != 0 {
            MESSAGE_WORDS
        } else if self.tag.is_long() {
            0
        } else {
            self.tag.length().div_ceil(8)
        }
    }
}

/// A message as it arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// Register `x16`.
    pub tag: Tag,
    /// Register `x17`: the badge of the gate it came through; 0 in a reply. With the refusal `Died`, the
    /// incarnation of the server that did not answer; 0 if there was none.
    pub badge: u64,
    /// Registers `x0`–`x15`.
    pub words: [u64; MESSAGE_WORDS],
}

/// The words as the bytes that they carry.
#[inline(always)]
#[must_use]
pub fn bytes_from_words(words: &[u64; MESSAGE_WORDS]) -> [u8; Tag::REGISTER_BYTES] {
    let mut bytes = [0; Tag::REGISTER_BYTES];
    for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// The bytes as the words that carry them.
#[inline(always)]
#[must_use]
pub fn words_from_bytes(bytes: &[u8; Tag::REGISTER_BYTES]) -> [u64; MESSAGE_WORDS] {
    let mut words = [0; MESSAGE_WORDS];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        if let Some(chunk) = chunk.first_chunk() {
            *word = u64::from_le_bytes(*chunk);
        }
    }
    words
}

/// A place to write messages that do not fit in registers.
pub trait LongWriter {
    /// Copies `bytes` to `offset`.
    ///
    /// # Errors
    ///
    /// What is wrong with the buffer.
    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), LongBufferError>;
}

/// A place for messages that do not fit in registers.
///
/// In a process it is the message buffer, from which everything is copied, because the kernel
/// writes there; on the host it is ordinary memory.
pub trait LongBuffer: LongWriter {
    /// The first `used_words` words of `message`, which is in registers. What came by a ring is in its slot, and is
    /// read from there.
    #[inline(always)]
    fn words(&self, message: &Incoming, used_words: usize) -> [u64; MESSAGE_WORDS] {
        let _ = used_words;
        message.words
    }

    /// Lends a copy of the first `length` bytes to `reader`.
    ///
    /// # Errors
    ///
    /// What is wrong with the buffer; then `reader` is not called.
    fn read<R>(
        &mut self,
        length: usize,
        reader: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, LongBufferError>;

    /// Who has the slots into which capabilities come; `None` where none can come.
    fn keeper(&self) -> Option<&'static dyn Keeper> {
        None
    }
}

/// Why a long message cannot be written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongBufferError {
    /// The thread has no message buffer. Give it one, or send at most [`Tag::REGISTER_BYTES`].
    NoBuffer,
    /// The message sticks out of the buffer. Send at most [`Tag::BUFFER_BYTES`].
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_byte_of_a_message_is_the_low_byte_of_x0() {
        let mut bytes = [0; Tag::REGISTER_BYTES];
        bytes[0] = 0x11;
        bytes[9] = 0x22;
        let message = Message::from_bytes(7, 10, &bytes);
        assert_eq!(message.words[..2], [0x11, 0x2200]);
        assert_eq!(bytes_from_words(&message.words), bytes);
    }

    #[test]
    fn used_words_cover_the_length_and_the_capabilities() {
        let used = |tag| {
            let words = [0; MESSAGE_WORDS];
            Message { tag, words }.used_words()
        };
        for (length, words) in [(0, 0), (1, 1), (8, 1), (9, 2), (128, 16), (u16::MAX, 16)] {
            assert_eq!(used(Tag::new(1, length)), words);
        }
        assert_eq!(used(Tag::new(1, 8).with_capabilities(1)), MESSAGE_WORDS);
        assert_eq!(used(Tag::new(1, 4096).with_long()), 0);
    }
}
