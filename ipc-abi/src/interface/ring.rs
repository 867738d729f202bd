//! Methods over a ring: what the ring clients that `#[interface]` makes are made of.
//!
//! `AdderRing<T>` has the methods of the trait that bring one answer at once, over a [`RingTransport`]. Each submits
//! an operation and gives a [`Ticket`]; what it brings is taken later, in any order. The server sees no difference to a
//! call. Lists, late answers and messages of more than [`crate::tag::Tag::REGISTER_BYTES`] do not go over rings.

use core::fmt;

use super::client::{AnswerKind, classify, malformed, read_fixed};
use super::error::{CallError, EncodeError, Misbehavior};
use super::payload::{EncodeOutcome, encode, used_words, with_bytes};
use super::wire::{DecodeOwned, Encode, Reader};
use crate::message::{Incoming, LongBuffer, LongBufferError, LongWriter, Message};
use crate::ring::PeerMisbehavior;

/// A way to a service by a ring.
pub trait RingTransport {
    /// Submits a request, of which at most the first `used_words` words are not zero; tells its token.
    ///
    /// # Errors
    ///
    /// Why it was not submitted.
    fn submit(&mut self, request: &Message, used_words: usize) -> Result<u32, RingError>;
}

impl<T: RingTransport> RingTransport for &mut T {
    #[inline(always)]
    fn submit(&mut self, request: &Message, used_words: usize) -> Result<u32, RingError> {
        (**self).submit(request, used_words)
    }
}

/// An operation that was submitted, which brings an `R`: what the method of the ordinary client returns.
///
/// It keeps a slot of the ring until what it brings is taken; who forgets it has a slot less.
#[derive(Debug)]
#[must_use = "an operation keeps a slot of the ring until what it brings is taken"]
pub struct Ticket<R> {
    token: u32,
    read: fn(Result<&Message, CallError>) -> R,
}

impl<R> Ticket<R> {
    /// The ticket of the operation with this token, and how to read its reply: for ring clients.
    #[inline(always)]
    pub const fn new(token: u32, read: fn(Result<&Message, CallError>) -> R) -> Ticket<R> {
        Ticket { token, read }
    }

    /// Its token.
    #[must_use]
    pub const fn token(&self) -> u32 {
        self.token
    }

    /// Reads what came, or tells why nothing will come: for transports.
    #[inline(always)]
    pub fn read(self, reply: Result<&Message, CallError>) -> R {
        (self.read)(reply)
    }
}

/// Why an operation was not submitted, or what it brings will not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingError {
    /// As many operations are under way as the ring has slots. Take what some of them brought first.
    Full,
    /// The request does not fit into a slot, or cannot be encoded. Make a call instead.
    Request(EncodeError),
    /// The other side broke the rules of rings. The ring is closed; the service is to blame.
    PeerMisbehavior(PeerMisbehavior),
    /// The ring is closed: the service died, or misbehaved. Open it again.
    Closed,
}

impl RingError {
    /// The name of what went wrong.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            RingError::Full => "Full",
            RingError::Request(EncodeError::TooLong | EncodeError::NoBuffer) => "NotInRing",
            RingError::Request(EncodeError::Unencodable) => "Unencodable",
            RingError::PeerMisbehavior(PeerMisbehavior::TooMany) => "TooMany",
            RingError::PeerMisbehavior(PeerMisbehavior::UnknownToken) => "UnknownToken",
            RingError::Closed => "Closed",
        }
    }
}

impl fmt::Display for RingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Submits a call of a method.
///
/// # Errors
///
/// Why it was not submitted.
#[inline(always)]
pub fn submit<T: RingTransport, A: Encode, R>(
    transport: &mut T,
    method: u16,
    arguments: &A,
    read: fn(Result<&Message, CallError>) -> R,
) -> Result<Ticket<R>, RingError> {
    match encode(method, arguments, &mut NoBuffer) {
        EncodeOutcome::Message(request) => {
            let token = transport.submit(&request, used_words::<A>())?;
            Ok(Ticket::new(token, read))
        }
        EncodeOutcome::Refused(error) => Err(RingError::Request(error)),
    }
}

/// Reads the reply of a method that has no error of its own.
///
/// # Errors
///
/// Why there is no answer.
#[inline(always)]
pub fn read<R: DecodeOwned>(reply: Result<&Message, CallError>) -> Result<R, CallError> {
    let reply = reply?;
    if let Some(answer) = read_fixed(reply.tag, &reply.words) {
        return answer;
    }
    match classify(reply.tag)? {
        AnswerKind::Result => decode(reply),
        AnswerKind::Error => Err(CallError::PeerMisbehavior(Misbehavior::NoSuchError)),
    }
}

/// Reads the reply of a method that returns a `Result`: the inner one is the service's.
///
/// # Errors
///
/// Why there is no answer.
#[inline(always)]
pub fn read_fallible<R: DecodeOwned, E: DecodeOwned>(
    reply: Result<&Message, CallError>,
) -> Result<Result<R, E>, CallError> {
    let reply = reply?;
    if let Some(answer) = read_fixed(reply.tag, &reply.words) {
        return answer.map(Ok);
    }
    match classify(reply.tag)? {
        AnswerKind::Result => decode(reply).map(Ok),
        AnswerKind::Error => decode(reply).map(Err),
    }
}

#[inline(never)]
fn decode<R: DecodeOwned>(reply: &Message) -> Result<R, CallError> {
    let incoming = Incoming {
        tag: reply.tag,
        badge: 0,
        words: reply.words,
    };
    with_bytes(&incoming, &mut NoBuffer, |bytes| Reader::new(bytes).all()).map_err(malformed)
}

/// A message buffer that nothing fits in: a ring has none.
#[derive(Clone, Copy, Debug)]
pub struct NoBuffer;

impl LongWriter for NoBuffer {
    fn write(&mut self, _offset: usize, _bytes: &[u8]) -> Result<(), LongBufferError> {
        Err(LongBufferError::NoBuffer)
    }
}

impl LongBuffer for NoBuffer {
    fn read<R>(
        &mut self,
        _length: usize,
        _reader: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, LongBufferError> {
        Err(LongBufferError::NoBuffer)
    }
}
