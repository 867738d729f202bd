//! The serving side: what the dispatchers that `#[interface]` makes are made of.

use super::error::{EncodeError, ProtocolError, status};
use super::wire::{Decode, Encode, EncodeOutcome, Reader, encode, with_bytes};
use super::{Interface, METHOD_SCHEMA};
use crate::message::{Incoming, LongBuffer, Message};
use crate::tag::{MessageKind, Tag};

/// Hands requests to a server `S`: implemented by an interface's marker type for every `S` that
/// implements its trait.
pub trait Dispatch<S>: Interface {
    /// Lets `server` answer `request`, which is a call or a one-way message.
    fn dispatch<B: LongBuffer>(server: &mut S, request: Incoming, buffer: &mut B) -> Outcome;
}

/// What a dispatcher leaves to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Send this reply.
    Reply(Message),
    /// Send nothing: the server keeps the caller and answers later.
    Later,
}

/// What a method returns that may answer later.
///
/// A server that returns `Later` has saved its caller, and answers with what the interface's
/// `<method>_reply` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deferrable<T> {
    /// The answer.
    Now(T),
    /// There is none yet.
    Later,
}

/// Who calls: an argument of this type does not travel in the message, the kernel vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The badge of the gate through which the call came.
    pub badge: u64,
}

impl Caller {
    /// Who sent `request`.
    #[inline(always)]
    #[must_use]
    pub const fn of(request: &Incoming) -> Caller {
        Caller {
            badge: request.badge,
        }
    }
}

/// Lends the request's bytes to `method`, which takes the arguments of `size` bytes (if that is
/// always the same) from them and calls the server.
///
/// # Errors
///
/// What is wrong with the request.
#[inline(always)]
pub fn with_request<B: LongBuffer, R>(
    request: &Incoming,
    buffer: &mut B,
    size: Option<usize>,
    method: impl FnOnce(Reader<'_>) -> Result<R, ProtocolError>,
) -> Result<R, ProtocolError> {
    match size {
        Some(size) if size <= Tag::REGISTER_BYTES => {
            let bytes = crate::message::bytes_from_words(&request.words);
            let body = Tag::from_raw(request.tag.into_raw() & !0xFFFF);
            let expected = Tag::new(0, u16::try_from(size).unwrap_or(u16::MAX));
            match bytes.get(..size) {
                Some(bytes) if body == expected => method(Reader::new(bytes)),
                Some(_) | None => Err(misfit(request.tag, size)),
            }
        }
        Some(_) | None => {
            if request.tag.capabilities() != 0 {
                return Err(ProtocolError::UnexpectedCapabilities);
            }
            with_bytes(request, buffer, |bytes| method(Reader::new(bytes)))
        }
    }
}

/// Tells why a request is not the `size` bytes in registers that it should be.
#[inline(never)]
fn misfit(tag: Tag, size: usize) -> ProtocolError {
    if tag.capabilities() != 0 {
        ProtocolError::UnexpectedCapabilities
    } else if tag.is_long() && tag.length() <= Tag::REGISTER_BYTES {
        ProtocolError::NotInRegisters
    } else if tag.length() < size {
        ProtocolError::Truncated
    } else {
        ProtocolError::TrailingBytes
    }
}

/// Answers what every interface answers alike: its schema hash, and unknown methods.
#[inline(never)]
pub fn dispatch_common<I: Interface, B: LongBuffer>(request: Incoming, buffer: &mut B) -> Outcome {
    if request.tag.method() != METHOD_SCHEMA {
        return Outcome::Reply(reply_protocol_error(ProtocolError::UnknownMethod));
    }
    let result = with_request(&request, buffer, Some(0), |reader| reader.all::<()>());
    Outcome::Reply(match result {
        Ok(()) => reply(&I::SCHEMA_HASH, buffer),
        Err(error) => reply_protocol_error(error),
    })
}

/// How many bytes a list of arguments takes, if that is always the same.
#[inline(always)]
#[must_use]
pub const fn size_of_arguments<'a, A: Decode<'a>>() -> Option<usize> {
    A::SIZE
}

/// The reply that carries what a method returned.
#[inline(always)]
#[must_use]
pub fn reply<R: Encode, B: LongBuffer>(value: &R, buffer: &mut B) -> Message {
    reply_with(status::OK, value, buffer)
}

/// The reply that carries a service's own error.
#[inline(always)]
#[must_use]
pub fn reply_service_error<E: Encode, B: LongBuffer>(error: &E, buffer: &mut B) -> Message {
    reply_with(status::SERVICE_ERROR, error, buffer)
}

/// The reply that refuses a request.
#[inline(always)]
#[must_use]
pub const fn reply_protocol_error(error: ProtocolError) -> Message {
    Message::empty(error.into_raw())
}

#[inline(always)]
fn reply_with<R: Encode, B: LongBuffer>(status: u16, value: &R, buffer: &mut B) -> Message {
    match encode(status, value, buffer) {
        EncodeOutcome::Message(message) => message,
        EncodeOutcome::Refused(EncodeError::TooLong) => {
            reply_protocol_error(ProtocolError::ReplyTooLong)
        }
        EncodeOutcome::Refused(EncodeError::NoBuffer) => {
            reply_protocol_error(ProtocolError::NoBuffer)
        }
        EncodeOutcome::Refused(EncodeError::Unencodable) => {
            reply_protocol_error(ProtocolError::ReplyUnencodable)
        }
    }
}

/// Takes the kernel's mark of a one-way message off a tag: the dispatcher does not care.
#[inline(always)]
#[must_use]
pub const fn without_kind(request: Incoming) -> Incoming {
    Incoming {
        tag: request.tag.with_kind(MessageKind::Message),
        ..request
    }
}
