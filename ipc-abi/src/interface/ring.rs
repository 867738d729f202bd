//! Methods over a ring: what the ring clients that `#[interface]` makes are made of.
//!
//! `AdderRing<T>` has the methods of the trait that bring one answer at once, over a [`RingTransport`]. Each submits
//! an operation and gives a [`Ticket`]; what it brings is taken later, in any order. The server sees no difference to a
//! call. Lists, late answers and messages of more than [`crate::tag::Tag::REGISTER_BYTES`] do not go over rings.

use core::fmt;
use core::sync::atomic::AtomicU64;

use super::client::{AnswerKind, classify, malformed, read_fixed};
use super::error::{CallError, EncodeError, Misbehavior, ProtocolError};
use super::payload::{EncodeOutcome, encode, used_words, with_bytes};
use super::promise::{self, Desk};
use super::server::{Dispatch, Replier};
use super::wire::{DecodeOwned, Encode, Reader};
use crate::message::{Incoming, LongBuffer, LongBufferError, LongWriter, MESSAGE_WORDS, Message};
use crate::ring::{Completed, Completer, PeerMisbehavior, Place, Received, RingMemory, RingWord};

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
    read: fn(Reply<'_>) -> R,
}

/// What came by a ring: in its slot, or where it was kept.
pub type Reply<'a> = Received<'a, AtomicU64>;

impl<R> Ticket<R> {
    /// The ticket of the operation with this token, and how to read its reply: for ring clients.
    #[inline(always)]
    pub const fn new(token: u32, read: fn(Reply<'_>) -> R) -> Ticket<R> {
        Ticket { token, read }
    }

    /// Its token.
    #[inline(always)]
    #[must_use]
    pub const fn token(&self) -> u32 {
        self.token
    }

    /// Reads what came: for transports. If nothing will come, the tag is a refusal or no reply's.
    #[inline(always)]
    pub fn read(self, reply: Reply<'_>) -> R {
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
            RingError::PeerMisbehavior(PeerMisbehavior::Unfinished) => "Unfinished",
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
    read: fn(Reply<'_>) -> R,
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
pub fn read<R: DecodeOwned>(reply: Reply<'_>) -> Result<R, CallError> {
    match read_at_once(&reply) {
        Some(answer) => answer,
        None => read_closely(reply),
    }
}

#[cold]
#[inline(never)]
fn read_closely<R: DecodeOwned>(reply: Reply<'_>) -> Result<R, CallError> {
    match classify(reply.tag())? {
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
    reply: Reply<'_>,
) -> Result<Result<R, E>, CallError> {
    match read_at_once(&reply) {
        Some(answer) => answer.map(Ok),
        None => read_fallible_closely(reply),
    }
}

#[cold]
#[inline(never)]
fn read_fallible_closely<R: DecodeOwned, E: DecodeOwned>(
    reply: Reply<'_>,
) -> Result<Result<R, E>, CallError> {
    match classify(reply.tag())? {
        AnswerKind::Result => decode(reply).map(Ok),
        AnswerKind::Error => decode(reply).map(Err),
    }
}

/// Reads the reply if it is what almost every reply is: a result of fixed size.
#[inline(always)]
fn read_at_once<R: DecodeOwned>(reply: &Reply<'_>) -> Option<Result<R, CallError>> {
    let size = <R as super::wire::Decode<'static>>::SIZE?;
    read_fixed(reply.tag(), || reply.words(size.div_ceil(8)))
}

#[inline(never)]
fn decode<R: DecodeOwned>(reply: Reply<'_>) -> Result<R, CallError> {
    let message = Incoming {
        tag: reply.tag(),
        ..Incoming::default()
    };
    with_bytes(&message, &mut InSlot(reply), |bytes| {
        Reader::new(bytes).all()
    })
    .map_err(malformed)
}

/// Lets `server` answer requests in a ring that the client with this badge submits: at most so many, as
/// [`Completer::serve`] says.
///
/// # Errors
///
/// What the client did wrong.
#[inline(always)]
pub fn serve<I: Dispatch<S>, S, M: RingMemory>(
    completer: &mut Completer<M>,
    server: &mut S,
    badge: u64,
    most: u64,
) -> Result<u64, PeerMisbehavior> {
    completer.serve(most, |request, place| {
        // The words are read from the slot when it is known how many are wanted.
        let incoming = Incoming {
            tag: request.tag(),
            badge,
            words: [0; MESSAGE_WORDS],
        };
        I::dispatch(server, incoming, &mut InSlot(request), InRing { place })
    })
}

/// Answers into a ring.
struct InRing<'a, W> {
    place: Place<'a, W>,
}

impl<W: RingWord> Replier for InRing<'_, W> {
    type Next = Completed;

    #[inline(always)]
    fn reply(self, reply: Message, used_words: usize) -> Completed {
        let otherwise = ProtocolError::NotInRing.into_raw();
        self.place.complete(&reply, used_words, otherwise)
    }

    fn keep(&self) -> Result<(&'static dyn Desk, promise::Ticket), ProtocolError> {
        Err(ProtocolError::NotInRing)
    }

    fn can_deliver(&self) -> Result<(), ProtocolError> {
        Err(ProtocolError::NotInRing)
    }

    fn deliver(&self, _reply: Message) -> Result<(), promise::Gone> {
        Err(promise::Gone)
    }

    fn later(self) -> Completed {
        self.reply(Message::empty(ProtocolError::NotInRing.into_raw()), 0)
    }
}

/// A message that came by a ring: short, and in its slot.
#[derive(Debug)]
struct InSlot<'a, W>(Received<'a, W>);

impl<W> LongWriter for InSlot<'_, W> {
    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), LongBufferError> {
        NoBuffer.write(offset, bytes)
    }
}

impl<W: RingWord> LongBuffer for InSlot<'_, W> {
    #[inline(always)]
    fn words(&self, _message: &Incoming, used_words: usize) -> [u64; MESSAGE_WORDS] {
        self.0.words(used_words)
    }

    fn read<R>(
        &mut self,
        length: usize,
        reader: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, LongBufferError> {
        NoBuffer.read(length, reader)
    }
}

/// A message buffer that nothing fits in: a ring has none.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoBuffer;

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
