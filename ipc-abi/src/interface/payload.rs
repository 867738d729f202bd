//! Where the bytes of a message are: in registers if they fit there, else in the message buffer.

use super::error::{EncodeError, ProtocolError};
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
struct SpillingSink<'a, B: ?Sized> {
    short: [u8; Tag::REGISTER_BYTES],
    position: usize,
    buffer: &'a mut B,
}

impl<'a, B: LongWriter + ?Sized> SpillingSink<'a, B> {
    const fn new(buffer: &'a mut B) -> SpillingSink<'a, B> {
        SpillingSink {
            short: [0; Tag::REGISTER_BYTES],
            position: 0,
            buffer,
        }
    }

    /// How many bytes were put: more than [`Tag::REGISTER_BYTES`] if they are in the buffer.
    const fn length(&self) -> usize {
        self.position
    }

    /// The bytes, if they are in registers.
    const fn short(&self) -> &[u8; Tag::REGISTER_BYTES] {
        &self.short
    }

    fn put_long(&mut self, bytes: &[u8], end: usize) -> Result<(), EncodeError> {
        if end > Tag::BUFFER_BYTES {
            return Err(EncodeError::TooLong);
        }
        if let Some(short) = self.short.get(..self.position) {
            self.buffer.write(0, short)?;
        }
        self.buffer.write(self.position, bytes)?;
        self.position = end;
        Ok(())
    }
}

impl<B: LongWriter + ?Sized> Sink for SpillingSink<'_, B> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let end = self.position.saturating_add(bytes.len());
        match self.short.get_mut(self.position..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.position = end;
                Ok(())
            }
            None => self.put_long(bytes, end),
        }
    }
}

/// What became of a value that was to be sent.
pub(super) enum EncodeOutcome {
    /// The message that carries it.
    Message(Message),
    /// It could not be encoded.
    Refused(EncodeError),
}

/// How many words of a message that carries a `T` can differ from zero, at most.
#[inline(always)]
pub(super) const fn used_words<T: Encode>() -> usize {
    match T::SIZE {
        Some(size) if size <= Tag::REGISTER_BYTES => size.div_ceil(8),
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
        Some(size) if size <= Tag::REGISTER_BYTES => {
            let mut sink = ShortSink::new();
            match value.encode(&mut sink) {
                Ok(()) => {
                    let length = u16::try_from(size).unwrap_or(u16::MAX);
                    let bytes = sink.into_bytes();
                    EncodeOutcome::Message(Message::from_bytes(method, length, &bytes))
                }
                Err(error) => EncodeOutcome::Refused(error),
            }
        }
        Some(_) | None => encode_any(method, value, buffer),
    }
}

#[inline(never)]
fn encode_any<T: Encode, B: LongWriter + ?Sized>(
    method: u16,
    value: &T,
    buffer: &mut B,
) -> EncodeOutcome {
    let mut sink = SpillingSink::new(buffer);
    if let Err(error) = value.encode(&mut sink) {
        return EncodeOutcome::Refused(error);
    }
    let length = sink.length();
    let Ok(bytes) = u16::try_from(length) else {
        return EncodeOutcome::Refused(EncodeError::TooLong);
    };
    EncodeOutcome::Message(if length <= Tag::REGISTER_BYTES {
        Message::from_bytes(method, bytes, sink.short())
    } else {
        Message {
            tag: Tag::new(method, bytes).with_long(),
            ..Message::default()
        }
    })
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
    let length = message.tag.length();
    if message.tag.is_long() {
        if length <= Tag::REGISTER_BYTES {
            return Err(ProtocolError::NotInRegisters);
        }
        return buffer.read(length, reader)?;
    }
    let bytes = bytes_from_words(&message.words);
    reader(bytes.get(..length).ok_or(ProtocolError::Truncated)?)
}
