//! The calling side: what the clients that `#[interface]` makes are made of.

use super::error::{CallError, ConnectError, Misbehavior, ProtocolError, status};
use super::granted::{Arrived, count_of};
use super::payload::{EncodeOutcome, encode, used_words, with_bytes, with_bytes_beside};
use super::wire::{Decode, DecodeOwned, Encode, Reader};
use super::{Interface, METHOD_CLOSE, METHOD_SCHEMA, Schema};
use crate::error::Error;
use crate::message::{Incoming, LongBuffer, MESSAGE_WORDS, Message, bytes_from_words};
use crate::tag::{MessageKind, Tag};

/// A way to a service.
///
/// `userlib` has the one through the kernel (a gate); [`super::Local`] is one inside the process,
/// for tests.
pub trait Transport {
    /// Where long messages go.
    type Buffer: LongBuffer;

    /// Where long messages go.
    fn buffer(&mut self) -> &mut Self::Buffer;

    /// Sends `request` and waits for the reply.
    ///
    /// # Errors
    ///
    /// `Refused` if nothing came back; `Deferred`.
    fn call(&mut self, request: Message) -> Result<Incoming, CallError>;

    /// `call`, told that at most the first `used_words` words of the request are not zero: a
    /// constant, by which a transport may send faster.
    ///
    /// # Errors
    ///
    /// Those of `call`.
    #[inline(always)]
    fn call_short(&mut self, request: Message, used_words: usize) -> Result<Incoming, CallError> {
        let _ = used_words;
        self.call(request)
    }

    /// `call`, with a place for so many capabilities that come with the reply.
    ///
    /// # Errors
    ///
    /// Those of `call`; `NoSlots` if there is no such place, and nothing was sent.
    fn call_taking(&mut self, request: Message, count: usize) -> Result<Incoming, CallError> {
        let _ = (request, count);
        Err(CallError::Refused(Error::NoSlots))
    }

    /// Sends `message` and waits for nothing but that the service has it.
    ///
    /// # Errors
    ///
    /// `Refused` if it was not taken.
    fn send(&mut self, message: Message) -> Result<(), CallError>;
}

impl<T: Transport> Transport for &mut T {
    type Buffer = T::Buffer;

    #[inline(always)]
    fn buffer(&mut self) -> &mut T::Buffer {
        (**self).buffer()
    }

    #[inline(always)]
    fn call(&mut self, request: Message) -> Result<Incoming, CallError> {
        (**self).call(request)
    }

    #[inline(always)]
    fn call_short(&mut self, request: Message, used_words: usize) -> Result<Incoming, CallError> {
        (**self).call_short(request, used_words)
    }

    fn call_taking(&mut self, request: Message, count: usize) -> Result<Incoming, CallError> {
        (**self).call_taking(request, count)
    }

    fn send(&mut self, message: Message) -> Result<(), CallError> {
        (**self).send(message)
    }
}

/// Calls a method that has no error of its own.
///
/// # Errors
///
/// Why there is no answer.
#[inline(always)]
pub fn call<T: Transport, A: Encode, R: DecodeOwned>(
    transport: &mut T,
    method: u16,
    arguments: &A,
) -> Result<R, CallError> {
    let reply = exchange::<T, A, R>(transport, method, arguments)?;
    if let Some(answer) = read_fixed(reply.tag, || reply.words) {
        return answer;
    }
    if capabilities::<R>() != 0 {
        return read_taking(transport, &reply);
    }
    match classify(reply.tag)? {
        AnswerKind::Result => read(transport, reply),
        AnswerKind::Error => Err(CallError::PeerMisbehavior(Misbehavior::NoSuchError)),
    }
}

/// Calls a method that returns a `Result`: the inner one is the service's.
///
/// # Errors
///
/// Why there is no answer.
#[inline(always)]
pub fn call_fallible<T: Transport, A: Encode, R: DecodeOwned, E: DecodeOwned>(
    transport: &mut T,
    method: u16,
    arguments: &A,
) -> Result<Result<R, E>, CallError> {
    let reply = exchange::<T, A, R>(transport, method, arguments)?;
    if let Some(answer) = read_fixed(reply.tag, || reply.words) {
        return answer.map(Ok);
    }
    if capabilities::<R>() != 0 {
        return read_fallible_taking(transport, &reply);
    }
    match classify(reply.tag)? {
        AnswerKind::Result => read(transport, reply).map(Ok),
        AnswerKind::Error => read(transport, reply).map(Err),
    }
}

/// Tells a service something by a one-way method.
///
/// # Errors
///
/// Why the service did not take it.
#[inline(always)]
pub fn tell<T: Transport, A: Encode>(
    transport: &mut T,
    method: u16,
    arguments: &A,
) -> Result<(), CallError> {
    match encode(method, arguments, transport.buffer()) {
        EncodeOutcome::Message(message) => transport.send(message),
        EncodeOutcome::Refused(error) => Err(CallError::Request(error)),
    }
}

/// Ends the session that the transport leads to.
///
/// # Errors
///
/// `NoSession` if it is over already, `UnknownMethod` if it is none, or why there is no answer.
pub fn close_session<T: Transport>(transport: &mut T) -> Result<(), CallError> {
    call(transport, METHOD_CLOSE, &())
}

/// Asks the service for its schema and compares it with the interface's.
///
/// # Errors
///
/// `SchemaMismatch`, or why there is no answer.
pub fn check_schema<I: Interface, T: Transport>(transport: &mut T) -> Result<(), ConnectError> {
    let theirs = Schema::from_values(call(transport, METHOD_SCHEMA, &())?);
    if theirs == I::SCHEMA {
        return Ok(());
    }
    Err(ConnectError::SchemaMismatch {
        interface: I::NAME,
        ours: I::SCHEMA,
        theirs,
    })
}

#[inline(always)]
fn exchange<T: Transport, A: Encode, R: DecodeOwned>(
    transport: &mut T,
    method: u16,
    arguments: &A,
) -> Result<Incoming, CallError> {
    let request = match encode(method, arguments, transport.buffer()) {
        EncodeOutcome::Message(message) => message,
        EncodeOutcome::Refused(error) => return Err(CallError::Request(error)),
    };
    match capabilities::<R>() {
        0 => transport.call_short(request, used_words::<A>()),
        count => transport.call_taking(request, count),
    }
}

/// How many capabilities a result has.
const fn capabilities<R: DecodeOwned>() -> usize {
    <R as Decode<'static>>::CAPABILITIES
}

/// Reads the reply if it is what almost every reply is: a result of fixed size, in registers.
#[inline(always)]
pub(super) fn read_fixed<R: DecodeOwned>(
    tag: Tag,
    words: impl FnOnce() -> [u64; MESSAGE_WORDS],
) -> Option<Result<R, CallError>> {
    if capabilities::<R>() != 0 {
        return None;
    }
    let size = <R as Decode<'static>>::SIZE?;
    let expected = Tag::new(status::OK, u16::try_from(size).ok()?);
    if size > Tag::REGISTER_BYTES || tag != expected {
        return None;
    }
    let bytes = bytes_from_words(&words());
    Some(Reader::new(bytes.get(..size)?).all().map_err(malformed))
}

/// What a reply can be.
pub(super) enum AnswerKind {
    /// What the method returns.
    Result,
    /// The service's own error.
    Error,
}

/// Tells what a reply is.
#[inline(never)]
pub(super) fn classify(tag: Tag) -> Result<AnswerKind, CallError> {
    if let Some(error) = tag.error() {
        return Err(CallError::Refused(error));
    }
    if tag.kind() != Some(MessageKind::Message) {
        return Err(CallError::PeerMisbehavior(Misbehavior::NoReply));
    }
    match tag.method() {
        status::OK => Ok(AnswerKind::Result),
        status::SERVICE_ERROR => Ok(AnswerKind::Error),
        other => Err(match ProtocolError::from_raw(other) {
            Some(error) => CallError::Protocol(error),
            None => CallError::PeerMisbehavior(Misbehavior::UnknownStatus(other)),
        }),
    }
}

/// Reads a value without capabilities; there was no place for any.
fn read<T: Transport, R: DecodeOwned>(transport: &mut T, reply: Incoming) -> Result<R, CallError> {
    if reply.tag.capabilities() != 0 {
        return Err(malformed(ProtocolError::UnexpectedCapabilities));
    }
    with_bytes(&reply, transport.buffer(), |bytes| Reader::new(bytes).all()).map_err(malformed)
}

/// Reads the reply of a method that brings capabilities. Those that are not in the result are discarded.
fn read_taking<T: Transport, R: DecodeOwned>(
    transport: &mut T,
    reply: &Incoming,
) -> Result<R, CallError> {
    let arrived = Arrived::of(reply, transport.buffer().keeper());
    match classify(reply.tag)? {
        AnswerKind::Result => read_beside(transport, reply, &arrived),
        AnswerKind::Error => Err(CallError::PeerMisbehavior(Misbehavior::NoSuchError)),
    }
}

/// The same of a method that can fail.
fn read_fallible_taking<T: Transport, R: DecodeOwned, E: DecodeOwned>(
    transport: &mut T,
    reply: &Incoming,
) -> Result<Result<R, E>, CallError> {
    let arrived = Arrived::of(reply, transport.buffer().keeper());
    match classify(reply.tag)? {
        AnswerKind::Result => read_beside(transport, reply, &arrived).map(Ok),
        AnswerKind::Error => read_beside(transport, reply, &arrived).map(Err),
    }
}

/// Reads a value and claims its capabilities.
fn read_beside<T: Transport, R: DecodeOwned>(
    transport: &mut T,
    reply: &Incoming,
    arrived: &Arrived,
) -> Result<R, CallError> {
    let count = capabilities::<R>();
    if count_of(reply.tag) != count {
        return Err(malformed(ProtocolError::WrongCapabilities));
    }
    with_bytes_beside(reply, count, transport.buffer(), |bytes| {
        Reader::new(bytes).with_capabilities(arrived).all()
    })
    .map_err(malformed)
}

pub(super) fn malformed(error: ProtocolError) -> CallError {
    CallError::PeerMisbehavior(Misbehavior::Malformed(error))
}
