//! Where the bytes of a message are: in registers if they fit there, else in the message buffer.

use super::error::{EncodeError, ProtocolError};
use super::granted::{BYTES_BESIDE, Handles};
use super::wire::{Encode, Sink};
use crate::message::{Incoming, LongBuffer, LongWriter, MESSAGE_WORDS, Message, bytes_from_words};
use crate::tag::Tag;

/// The bytes of a message that surely fits in registers.
struct ShortSink {
    bytes: [u8; Tag::REGISTER_BYTES],
    position: usize,
}

impl ShortSink {
    #[inline(always)]
    const fn new() -> ShortSink {
        ShortSink {
            bytes: [0; Tag::REGISTER_BYTES],
            position: 0,
        }
    }

    /// All bytes; those behind the last that was put are zero.
    #[inline(always)]
    const fn into_bytes(self) -> [u8; Tag::REGISTER_BYTES] {
        self.bytes
    }
}

impl Sink for ShortSink {
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let end = self.position.saturating_add(bytes.len());
        let place = self
            .bytes
            .get_mut(self.position..end)
            .ok_or(EncodeError::TooLong)?;
        place.copy_from_slice(bytes);
        self.position = end;
        Ok(())
    }
}

/// The bytes of a message that starts out in registers and moves to the message buffer when it
/// does not fit.
///
/// In registers they are put where they go at once, a word at a time: copying them from a place to the next
/// costs more than all else.
struct SpillingSink<'a, B: ?Sized> {
    words: &'a mut [u64; MESSAGE_WORDS],
    /// The bytes that do not fill a word yet; those behind them are zero.
    begun: u64,
    position: usize,
    /// How many bytes go in registers.
    limit: usize,
    buffer: &'a mut B,
}

impl<B: LongWriter + ?Sized> SpillingSink<'_, B> {
    /// By how many bits the next byte is above the first of its word, in the lowest six bits: what is
    /// above them does not matter to `wrapping_shl` and `wrapping_shr`.
    #[inline(always)]
    const fn shift(&self) -> u32 {
        (self.position.to_le_bytes()[0] as u32).wrapping_mul(8)
    }

    /// Puts the last word down, which may not be full.
    #[inline(always)]
    fn finish(&mut self) {
        if let Some(word) = self.words.get_mut(self.position / 8) {
            *word = self.begun;
        }
    }

    #[inline(always)]
    fn put_short(&mut self, bytes: &[u8]) {
        let shift = self.shift();
        let mut begun = self.begun;
        let places = self.words.get_mut(self.position / 8..).unwrap_or_default();
        let chunks = bytes.chunks_exact(8);
        let rest = chunks.remainder();
        for (place, chunk) in places.iter_mut().zip(chunks) {
            let value = chunk
                .first_chunk()
                .map_or(0, |chunk| u64::from_le_bytes(*chunk));
            *place = begun | value.wrapping_shl(shift);
            // The bytes that did not fit: 64 less `shift` to the right, which is none if `shift` is 0.
            begun = (value >> 1).wrapping_shr(!shift);
        }
        self.begun = begun;
        let whole = bytes.len().wrapping_sub(rest.len());
        self.position = self.position.wrapping_add(whole);
        for byte in rest {
            self.put_byte(*byte);
        }
    }

    #[inline(always)]
    fn put_byte(&mut self, byte: u8) {
        self.begun |= u64::from(byte).wrapping_shl(self.shift());
        if self.position % 8 == 7 {
            self.finish();
            self.begun = 0;
        }
        self.position = self.position.wrapping_add(1);
    }

    #[inline(never)]
    fn put_long(&mut self, bytes: &[u8], end: usize) -> Result<(), EncodeError> {
        if end > Tag::BUFFER_BYTES {
            return Err(EncodeError::TooLong);
        }
        if self.position <= self.limit {
            self.finish();
            let short = bytes_from_words(self.words);
            let short = short.get(..self.position).ok_or(EncodeError::TooLong)?;
            self.buffer.write(0, short)?;
            *self.words = [0; MESSAGE_WORDS];
            self.begun = 0;
        }
        self.buffer.write(self.position, bytes)?;
        self.position = end;
        Ok(())
    }
}

impl<B: LongWriter + ?Sized> Sink for SpillingSink<'_, B> {
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let end = self.position.saturating_add(bytes.len());
        if end > self.limit {
            return self.put_long(bytes, end);
        }
        self.put_short(bytes);
        Ok(())
    }
}

/// What became of a value that was to be sent.
pub(super) enum EncodeOutcome {
    /// The message that carries it.
    Message(Message),
    /// It could not be encoded.
    Refused(EncodeError),
}

/// How many bytes of a message go in registers that carries so many capabilities.
#[inline(always)]
pub(super) const fn register_bytes(capabilities: usize) -> usize {
    if capabilities == 0 {
        Tag::REGISTER_BYTES
    } else {
        BYTES_BESIDE
    }
}

/// How many words of a message that carries a `T` can differ from zero, at most.
#[inline(always)]
pub(super) const fn used_words<T: Encode>() -> usize {
    match T::SIZE {
        Some(size) if size <= Tag::REGISTER_BYTES && T::CAPABILITIES == 0 => size.div_ceil(8),
        Some(_) | None => MESSAGE_WORDS,
    }
}

/// Makes the message that carries `value`.
#[inline(always)]
pub(super) fn encode<T: Encode, B: LongWriter + ?Sized>(
    method: u16,
    value: &T,
    buffer: &mut B,
) -> EncodeOutcome {
    match T::SIZE {
        Some(size) if size <= register_bytes(T::CAPABILITIES) => {
            let mut sink = ShortSink::new();
            match value.encode(&mut sink) {
                Ok(()) => {
                    let length = u16::try_from(size).unwrap_or(u16::MAX);
                    let bytes = sink.into_bytes();
                    let message = Message::from_bytes(method, length, &bytes);
                    EncodeOutcome::Message(with_capabilities(message, value))
                }
                Err(error) => EncodeOutcome::Refused(error),
            }
        }
        Some(_) | None => {
            // Hidden from the compiler, which would call a function that clears memory byte by byte.
            let mut words = [core::hint::black_box(0); MESSAGE_WORDS];
            match encode_any(method, value, buffer, &mut words) {
                Ok(tag) => EncodeOutcome::Message(with_capabilities(Message { tag, words }, value)),
                Err(error) => EncodeOutcome::Refused(error),
            }
        }
    }
}

/// The message with the capabilities of `value`, if it has any.
#[inline(always)]
fn with_capabilities<T: Encode>(message: Message, value: &T) -> Message {
    if T::CAPABILITIES == 0 {
        return message;
    }
    let mut handles = Handles::default();
    value.list_handles(&mut handles);
    handles.add_to(message)
}

/// Writes `value` into the words, which are zero, or into the buffer; tells the tag.
#[inline(never)]
fn encode_any<T: Encode, B: LongWriter + ?Sized>(
    method: u16,
    value: &T,
    buffer: &mut B,
    words: &mut [u64; MESSAGE_WORDS],
) -> Result<Tag, EncodeError> {
    let mut sink = SpillingSink {
        words,
        begun: 0,
        position: 0,
        limit: register_bytes(T::CAPABILITIES),
        buffer,
    };
    value.encode(&mut sink)?;
    let length = u16::try_from(sink.position).map_err(|_| EncodeError::TooLong)?;
    let tag = Tag::new(method, length);
    if usize::from(length) > register_bytes(T::CAPABILITIES) {
        return Ok(tag.with_long());
    }
    sink.finish();
    Ok(tag)
}

/// Lends the bytes of a message, wherever they are, to `reader`.
///
/// # Errors
///
/// `NotInRegisters`, `NoBuffer`, or what `reader` says.
pub(super) fn with_bytes<B: LongBuffer, R>(
    message: &Incoming,
    buffer: &mut B,
    reader: impl FnOnce(&[u8]) -> Result<R, ProtocolError>,
) -> Result<R, ProtocolError> {
    with_bytes_beside(message, 0, buffer, reader)
}

/// [`with_bytes`] of a message with which so many capabilities came.
///
/// # Errors
///
/// `NotInBuffer`, and those of `with_bytes`.
#[inline(always)]
pub(super) fn with_bytes_beside<B: LongBuffer, R>(
    message: &Incoming,
    capabilities: usize,
    buffer: &mut B,
    reader: impl FnOnce(&[u8]) -> Result<R, ProtocolError>,
) -> Result<R, ProtocolError> {
    let length = message.tag.length();
    let limit = register_bytes(capabilities);
    if message.tag.is_long() {
        if length <= limit {
            return Err(ProtocolError::NotInRegisters);
        }
        return buffer.read(length, reader)?;
    }
    if length > limit {
        return Err(ProtocolError::NotInBuffer);
    }
    let words = buffer.words(message, length.div_ceil(8));
    let bytes = ShiftedBytes::new(&words);
    reader(bytes.get(length).ok_or(ProtocolError::Truncated)?)
}

/// The bytes of words, so that not the first but the second is aligned as a word is: many a request begins
/// with a text, whose length is a byte, and a text is looked through word by word.
#[repr(C, align(8))]
struct ShiftedBytes([[u8; 8]; MESSAGE_WORDS + 1]);

impl ShiftedBytes {
    /// Where the first byte is.
    const OFFSET: usize = 7;

    #[inline(always)]
    fn new(words: &[u64; MESSAGE_WORDS]) -> ShiftedBytes {
        let mut places = [[0; 8]; MESSAGE_WORDS + 1];
        let mut before = 0;
        for (place, word) in places.iter_mut().zip(words) {
            *place = (before >> 8 | word << 56).to_le_bytes();
            before = *word;
        }
        if let Some(last) = places.last_mut() {
            *last = (before >> 8).to_le_bytes();
        }
        ShiftedBytes(places)
    }

    /// The first `length` bytes; `None` if there are not so many.
    #[inline(always)]
    fn get(&self, length: usize) -> Option<&[u8]> {
        let bytes = self.0.as_flattened().get(ShiftedBytes::OFFSET..)?;
        bytes.get(..length)
    }
}

#[cfg(test)]
#[path = "payload_test.rs"]
mod tests;
