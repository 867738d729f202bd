//! How values become bytes: postcard, with integers of fixed width, least significant byte first.
//!
//! Arguments and results whose written type is an integer, `f32`, `f64`, `bool`, `&str`, `&[u8]`,
//! `()` or a tuple of these are encoded here; every other type goes through its own `Serialize` in
//! plain postcard, as [`Serialized`]. Either way the bytes are what postcard makes of a struct with
//! these fields, the integers marked `postcard::fixint::le`.

use serde::{Deserialize, Serialize};

use super::error::{EncodeError, ProtocolError};
use super::granted::{Arrived, Handles, Keeper};
use crate::capability::Description;

/// Where encoded bytes go.
pub trait Sink {
    /// Appends `bytes`.
    ///
    /// # Errors
    ///
    /// `TooLong`, `NoBuffer`.
    fn put(&mut self, bytes: &[u8]) -> Result<(), EncodeError>;
}

/// Something that can be written into a message.
pub trait Encode {
    /// How many bytes it takes, if that is always the same.
    const SIZE: Option<usize>;
    /// How many capabilities it has, which travel beside the bytes.
    const CAPABILITIES: usize = 0;

    /// Appends it to `sink`.
    ///
    /// # Errors
    ///
    /// `TooLong`, `NoBuffer`, `Unencodable`.
    fn encode<S: Sink>(&self, sink: &mut S) -> Result<(), EncodeError>;

    /// Adds its capabilities to `handles`.
    fn list_handles(&self, handles: &mut Handles) {
        let _ = handles;
    }

    /// It was sent: the receiver has copies of its capabilities.
    fn settle(self)
    where
        Self: Sized,
    {
    }
}

/// Something that can be read from a message, borrowing from it.
pub trait Decode<'a>: Sized {
    /// How many bytes it takes, if that is always the same.
    const SIZE: Option<usize>;
    /// How many capabilities it has, which travel beside the bytes.
    const CAPABILITIES: usize = 0;

    /// Takes it from `reader`.
    ///
    /// # Errors
    ///
    /// What is wrong with the bytes.
    fn decode(reader: &mut Reader<'a>) -> Result<Self, ProtocolError>;
}

/// Something that can be read from a message and keeps nothing of it.
pub trait DecodeOwned: for<'a> Decode<'a> {}

impl<T: for<'a> Decode<'a>> DecodeOwned for T {}

/// The bytes of a message that were not read yet, and its capabilities.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
    arrived: Option<&'a Arrived>,
}

impl<'a> Reader<'a> {
    /// Starts to read.
    #[inline(always)]
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader {
            rest: bytes,
            arrived: None,
        }
    }

    /// The same, of a message with which capabilities came.
    pub(super) const fn with_capabilities(self, arrived: &'a Arrived) -> Reader<'a> {
        Reader {
            arrived: Some(arrived),
            ..self
        }
    }

    /// Takes the next capability, if it is one that `accepts` is content with.
    pub(super) fn take_capability(
        &mut self,
        accepts: fn(Description) -> bool,
    ) -> Result<(u32, &'static dyn Keeper), ProtocolError> {
        let arrived = self.arrived.ok_or(ProtocolError::WrongCapabilities)?;
        arrived.claim(accepts)
    }

    /// Reads everything as one value.
    ///
    /// # Errors
    ///
    /// What is wrong with the bytes; `TrailingBytes` if some are left.
    #[inline(always)]
    pub fn all<T: Decode<'a>>(mut self) -> Result<T, ProtocolError> {
        let value = T::decode(&mut self)?;
        if self.rest.is_empty() {
            Ok(value)
        } else {
            Err(ProtocolError::TrailingBytes)
        }
    }

    #[inline(always)]
    fn take<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], ProtocolError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(ProtocolError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Takes as many bytes as the count before them says.
    #[inline]
    fn take_counted(&mut self) -> Result<&'a [u8], ProtocolError> {
        let count = match self.rest.split_first() {
            Some((count @ ..0x80, rest)) => {
                self.rest = rest;
                usize::from(*count)
            }
            Some(_) | None => self.take_postcard()?,
        };
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(ProtocolError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline(never)]
    /// Takes all bytes that are left.
    pub(super) const fn take_rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.rest = &[];
        rest
    }

    pub(super) fn take_postcard<T: Deserialize<'a>>(&mut self) -> Result<T, ProtocolError> {
        let (value, rest) = postcard::take_from_bytes(self.rest).map_err(decode_error)?;
        self.rest = rest;
        Ok(value)
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "postcard's other errors are of encoding, or tell of a value that its type refused"
)]
fn decode_error(error: postcard::Error) -> ProtocolError {
    match error {
        postcard::Error::DeserializeUnexpectedEnd => ProtocolError::Truncated,
        postcard::Error::DeserializeBadVarint => ProtocolError::BadNumber,
        postcard::Error::DeserializeBadBool => ProtocolError::BadBool,
        postcard::Error::DeserializeBadChar => ProtocolError::BadCharacter,
        postcard::Error::DeserializeBadUtf8 => ProtocolError::BadUtf8,
        postcard::Error::DeserializeBadOption => ProtocolError::BadOption,
        _ => ProtocolError::BadValue,
    }
}

macro_rules! numbers {
    ($($number:ident)*) => {$(
        impl Encode for $number {
            const SIZE: Option<usize> = Some(size_of::<$number>());

            #[inline(always)]
            fn encode<S: Sink>(&self, sink: &mut S) -> Result<(), EncodeError> {
                sink.put(&self.to_le_bytes())
            }
        }

        impl Decode<'_> for $number {
            const SIZE: Option<usize> = Some(size_of::<$number>());

            #[inline(always)]
            fn decode(reader: &mut Reader<'_>) -> Result<$number, ProtocolError> {
                Ok($number::from_le_bytes(reader.take()?))
            }
        }
    )*};
}

numbers!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64);

impl Encode for bool {
    const SIZE: Option<usize> = Some(1);

    #[inline(always)]
    fn encode<S: Sink>(&self, sink: &mut S) -> Result<(), EncodeError> {
        sink.put(&[u8::from(*self)])
    }
}

impl Decode<'_> for bool {
    const SIZE: Option<usize> = Some(1);

    #[inline(always)]
    fn decode(reader: &mut Reader<'_>) -> Result<bool, ProtocolError> {
        match reader.take()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(ProtocolError::BadBool),
        }
    }
}

impl Encode for &str {
    const SIZE: Option<usize> = None;

    #[inline]
    fn encode<S: Sink>(&self, sink: &mut S) -> Result<(), EncodeError> {
        self.as_bytes().encode(sink)
    }
}

impl<'a> Decode<'a> for &'a str {
    const SIZE: Option<usize> = None;

    #[inline]
    fn decode(reader: &mut Reader<'a>) -> Result<&'a str, ProtocolError> {
        core::str::from_utf8(reader.take_counted()?).map_err(|_| ProtocolError::BadUtf8)
    }
}

impl Encode for &[u8] {
    const SIZE: Option<usize> = None;

    #[inline]
    fn encode<S: Sink>(&self, sink: &mut S) -> Result<(), EncodeError> {
        put_count(self.len(), sink)?;
        sink.put(self)
    }
}

impl<'a> Decode<'a> for &'a [u8] {
    const SIZE: Option<usize> = None;

    #[inline]
    fn decode(reader: &mut Reader<'a>) -> Result<&'a [u8], ProtocolError> {
        reader.take_counted()
    }
}

/// Writes how many bytes follow, as postcard does: seven bits a byte, the least significant first, the
/// top bit set in all but the last.
#[inline]
fn put_count<S: Sink>(count: usize, sink: &mut S) -> Result<(), EncodeError> {
    let low = |rest: usize| rest.to_le_bytes()[0] & 0x7F;
    let mut rest = count;
    while rest > 0x7F {
        sink.put(&[low(rest) | 0x80])?;
        rest >>= 7;
    }
    sink.put(&[low(rest)])
}

const fn add(left: Option<usize>, right: Option<usize>) -> Option<usize> {
    match (left, right) {
        (Some(left), Some(right)) => left.checked_add(right),
        (Some(_) | None, None) | (None, Some(_)) => None,
    }
}

macro_rules! tuples {
    ($(($($name:ident)*))*) => {$(
        impl<$($name: Encode),*> Encode for ($($name,)*) {
            const SIZE: Option<usize> = {
                let size = Some(0);
                $(let size = add(size, $name::SIZE);)*
                size
            };
            const CAPABILITIES: usize = 0_usize$(.saturating_add($name::CAPABILITIES))*;

            #[inline(always)]
            #[expect(non_snake_case, reason = "the field is named as its type")]
            fn encode<Z: Sink>(&self, sink: &mut Z) -> Result<(), EncodeError> {
                let ($($name,)*) = self;
                $($name.encode(sink)?;)*
                Ok(())
            }

            #[inline(always)]
            #[expect(non_snake_case, reason = "the field is named as its type")]
            fn list_handles(&self, handles: &mut Handles) {
                let ($($name,)*) = self;
                $($name.list_handles(handles);)*
            }

            #[inline(always)]
            #[expect(non_snake_case, reason = "the field is named as its type")]
            fn settle(self) {
                let ($($name,)*) = self;
                $($name.settle();)*
            }
        }

        impl<'a, $($name: Decode<'a>),*> Decode<'a> for ($($name,)*) {
            const SIZE: Option<usize> = {
                let size = Some(0);
                $(let size = add(size, $name::SIZE);)*
                size
            };
            const CAPABILITIES: usize = 0_usize$(.saturating_add($name::CAPABILITIES))*;

            #[inline(always)]
            fn decode(reader: &mut Reader<'a>) -> Result<Self, ProtocolError> {
                Ok(($($name::decode(reader)?,)*))
            }
        }
    )*};
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) }

impl Encode for () {
    const SIZE: Option<usize> = Some(0);

    #[inline(always)]
    fn encode<S: Sink>(&self, _sink: &mut S) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl Decode<'_> for () {
    const SIZE: Option<usize> = Some(0);

    #[inline(always)]
    fn decode(_reader: &mut Reader<'_>) -> Result<(), ProtocolError> {
        Ok(())
    }
}

/// A value that is encoded by its own `Serialize`, in plain postcard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serialized<T>(pub T);

impl<T: Serialize> Encode for Serialized<T> {
    const SIZE: Option<usize> = None;

    fn encode<S: Sink>(&self, sink: &mut S) -> Result<(), EncodeError> {
        encode_with_postcard(&self.0, sink)
    }
}

impl<'a, T: Deserialize<'a>> Decode<'a> for Serialized<T> {
    const SIZE: Option<usize> = None;

    fn decode(reader: &mut Reader<'a>) -> Result<Serialized<T>, ProtocolError> {
        reader.take_postcard().map(Serialized)
    }
}

/// Hands postcard's bytes to a sink and remembers why it refused.
struct Flavor<'a, S> {
    sink: &'a mut S,
    refusal: Option<EncodeError>,
}

impl<S: Sink> postcard::ser_flavors::Flavor for Flavor<'_, S> {
    type Output = ();

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.sink.put(bytes).map_err(|error| {
            self.refusal = Some(error);
            postcard::Error::SerializeBufferFull
        })
    }

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

pub(super) fn encode_with_postcard<T: Serialize + ?Sized, S: Sink>(
    value: &T,
    sink: &mut S,
) -> Result<(), EncodeError> {
    let output = Flavor {
        sink,
        refusal: None,
    };
    let mut serializer = postcard::Serializer { output };
    match value.serialize(&mut serializer) {
        Ok(()) => Ok(()),
        Err(_) => Err(serializer
            .output
            .refusal
            .unwrap_or(EncodeError::Unencodable)),
    }
}
