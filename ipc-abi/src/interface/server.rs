//! The serving side: what the dispatchers that `#[interface]` makes are made of.

use super::batch::{BATCH_BYTES, Contents, Sent};
use super::error::{EncodeError, ProtocolError, status};
use super::granted::{Arrived, count_of};
use super::payload::{EncodeOutcome, encode, used_words, with_bytes, with_bytes_beside};
use super::promise::{Desk, Encoder, Gone, Promise, Ticket};
use super::wire::{Decode, Encode, Reader};
use super::{Interface, METHOD_RING, METHOD_RING_TURN, METHOD_SCHEMA};
use crate::manifest::{Badge, SessionId};
use crate::message::{Incoming, LongBuffer, LongWriter, Message};
use crate::tag::Tag;

/// Hands requests to a server `S`: implemented by an interface's marker type for every `S` that
/// implements its trait.
pub trait Dispatch<S>: Interface {
    /// Lets `server` answer `request`, which is a call.
    fn dispatch<B: LongBuffer, R: Replier>(
        server: &mut S,
        request: Incoming,
        buffer: &mut B,
        replier: R,
    ) -> R::Next;

    /// Tells `server` what came one way. It is dropped if it is not for a method that nobody waits for,
    /// because nobody would hear the answer, or if it is malformed.
    fn tell<B: LongBuffer>(server: &mut S, request: Incoming, buffer: &mut B);

    /// The client with this process number died: what its interface keeps for it goes.
    fn disconnect(server: &mut S, client: u8) {
        let _ = (server, client);
    }
}

/// What a dispatcher does when a method has returned: it sends the reply and, in a server's loop,
/// receives the next request, so that each method's reply has instructions of its own. All that ends in
/// one of these is inlined, so that the next request stays in registers.
pub trait Replier {
    /// What comes of it.
    type Next;

    /// Sends `reply`, of which at most the first `used_words` words are not zero.
    fn reply(self, reply: Message, used_words: usize) -> Self::Next;

    /// Gives the caller a place to wait for a late answer, before its method is called.
    ///
    /// # Errors
    ///
    /// `NoPlace`.
    fn keep(&self) -> Result<(&'static dyn Desk, Ticket), ProtocolError>;

    /// Sends nothing: the caller was kept, or has its answer.
    fn later(self) -> Self::Next;

    /// Whether a reply to the caller can carry capabilities at all, before a method is called that brings some.
    ///
    /// # Errors
    ///
    /// `NotInRing`.
    fn can_deliver(&self) -> Result<(), ProtocolError>;

    /// Sends a reply with capabilities and tells whether the caller has it; if it may not take any, it is told
    /// so. [`Replier::later`] comes next.
    ///
    /// # Errors
    ///
    /// `Gone`: the caller has no capabilities.
    fn deliver(&self, reply: Message) -> Result<(), Gone>;

    /// Opens the server's side of the ring with the caller of `request`; whatever was under way in it is
    /// forgotten.
    ///
    /// # Errors
    ///
    /// `NoRing`.
    fn open_ring(&self, request: &Incoming) -> Result<(), ProtocolError> {
        let _ = request;
        Err(ProtocolError::NoRing)
    }

    /// Lets `server` complete all that the caller of `request` has published in its ring.
    ///
    /// # Errors
    ///
    /// `NoRing`: there is none, or it is not open.
    fn serve_ring<I: Dispatch<S>, S>(
        &self,
        server: &mut S,
        request: &Incoming,
    ) -> Result<(), ProtocolError> {
        let _ = (server, request);
        Err(ProtocolError::NoRing)
    }
}

/// Memory for a part of a list.
pub const EMPTY_BATCH: [u8; BATCH_BYTES] = [0; BATCH_BYTES];

/// Who calls: an argument of this type does not travel in the message, the kernel vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    badge: Badge,
}

impl Caller {
    /// Who calls through the gate with this badge.
    #[inline(always)]
    #[must_use]
    pub const fn new(badge: Badge) -> Caller {
        Caller { badge }
    }

    /// Who sent `request`.
    #[inline(always)]
    #[must_use]
    pub const fn of(request: &Incoming) -> Caller {
        Caller::new(Badge::from_raw(request.badge))
    }

    /// The number of the client's process.
    #[must_use]
    pub const fn client(self) -> u8 {
        self.badge.client()
    }

    /// Whether `system.toml` gives the client the permission with this number.
    #[must_use]
    pub const fn has_permission(self, permission: u32) -> bool {
        self.badge.has_permission(permission)
    }

    /// The session in which it calls, if it calls through the gate of one. There it has no permissions: whatever
    /// opened the session looked at them.
    #[must_use]
    pub const fn session(self) -> Option<SessionId> {
        self.badge.session()
    }
}

/// Makes the promise to answer the caller of `request`.
///
/// # Errors
///
/// `NoPlace`.
pub fn promise<T, R: Replier>(
    request: &Incoming,
    replier: &R,
    encode: Encoder<T>,
) -> Result<Promise<T>, ProtocolError> {
    let place = replier.keep()?;
    Ok(Promise::new(place, Caller::of(request), encode))
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
            let words = buffer.words(request, size.div_ceil(8));
            let bytes = crate::message::bytes_from_words(&words);
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

/// [`with_request`] for a method that takes so many capabilities, or brings some: the kinds are checked before it
/// is called, and what it does not take is discarded.
///
/// # Errors
///
/// What is wrong with the request.
pub fn with_capabilities<B: LongBuffer, R>(
    request: &Incoming,
    buffer: &mut B,
    count: usize,
    method: impl FnOnce(Reader<'_>) -> Result<R, ProtocolError>,
) -> Result<R, ProtocolError> {
    let arrived = Arrived::of(request, buffer.keeper());
    match count_of(request.tag) {
        came if came == count => {}
        _ if count == 0 => return Err(ProtocolError::UnexpectedCapabilities),
        _ => return Err(ProtocolError::WrongCapabilities),
    }
    with_bytes_beside(request, count, buffer, |bytes| {
        method(Reader::new(bytes).with_capabilities(&arrived))
    })
}

/// How many capabilities a list of arguments has.
#[must_use]
pub const fn capabilities_of_arguments<'a, A: Decode<'a>>() -> usize {
    A::CAPABILITIES
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

/// What every interface is asked beside the methods of its trait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// For its schema: it has to be told.
    Schema,
    /// For the ring: it is open.
    Ring,
    /// For what is in the ring: it has to be served.
    RingTurn,
}

/// Reads a request for no method of the trait.
///
/// # Errors
///
/// `UnknownMethod`, `NoRing`, or what is wrong with the request.
#[inline(never)]
pub fn read_own_request<B: LongBuffer, R: Replier>(
    request: &Incoming,
    buffer: &mut B,
    replier: &R,
) -> Result<Own, ProtocolError> {
    let own = match request.tag.method() {
        METHOD_SCHEMA => Own::Schema,
        METHOD_RING => Own::Ring,
        METHOD_RING_TURN => Own::RingTurn,
        _ => return Err(ProtocolError::UnknownMethod),
    };
    with_request(request, buffer, Some(0), |reader| reader.all::<()>())?;
    if own == Own::Ring {
        replier.open_ring(request)?;
    }
    Ok(own)
}

/// Answers with the schema of `I`.
#[inline(always)]
pub fn answer_schema<I: Interface, B: LongBuffer, R: Replier>(
    buffer: &mut B,
    replier: R,
) -> R::Next {
    answer(&I::SCHEMA.into_values(), buffer, replier)
}

/// How many bytes a list of arguments takes, if that is always the same.
#[inline(always)]
#[must_use]
pub const fn size_of_arguments<'a, A: Decode<'a>>() -> Option<usize> {
    A::SIZE
}

/// Answers with what a method returned.
#[inline(always)]
pub fn answer<T: Encode, B: LongBuffer, R: Replier>(
    value: &T,
    buffer: &mut B,
    replier: R,
) -> R::Next {
    replier.reply(reply(value, buffer), used_words::<T>())
}

/// Answers with what a method returned that has capabilities. Those that the caller does not get are taken back
/// by whoever keeps them.
pub fn answer_granting<T: Encode, B: LongBuffer, R: Replier>(
    value: T,
    buffer: &mut B,
    replier: R,
) -> R::Next {
    let message = reply(&value, buffer);
    let has_all = count_of(message.tag) == T::CAPABILITIES;
    if replier.deliver(message) == Ok(()) && has_all {
        value.settle();
    } else {
        drop(value);
    }
    replier.later()
}

/// Answers with a part of a list.
#[inline(always)]
pub fn answer_batch<B: LongBuffer, R: Replier>(
    closed: Result<Contents, ProtocolError>,
    bytes: &[u8; BATCH_BYTES],
    buffer: &mut B,
    replier: R,
) -> R::Next {
    match closed {
        Ok(contents) => answer(&Sent { contents, bytes }, buffer, replier),
        Err(error) => answer_protocol_error(error, replier),
    }
}

/// Answers with a service's own error.
#[inline(always)]
pub fn answer_service_error<T: Encode, B: LongBuffer, R: Replier>(
    error: &T,
    buffer: &mut B,
    replier: R,
) -> R::Next {
    replier.reply(reply_service_error(error, buffer), used_words::<T>())
}

/// Refuses a request.
#[inline(always)]
pub fn answer_protocol_error<R: Replier>(error: ProtocolError, replier: R) -> R::Next {
    replier.reply(reply_protocol_error(error), 0)
}

/// The reply that carries what a method returned.
#[inline(always)]
#[must_use]
pub fn reply<R: Encode, B: LongWriter + ?Sized>(value: &R, buffer: &mut B) -> Message {
    reply_with(status::OK, value, buffer)
}

/// The reply that carries a service's own error.
#[inline(always)]
#[must_use]
pub fn reply_service_error<E: Encode, B: LongWriter + ?Sized>(
    error: &E,
    buffer: &mut B,
) -> Message {
    reply_with(status::SERVICE_ERROR, error, buffer)
}

/// The reply that refuses a request.
#[inline(always)]
#[must_use]
pub const fn reply_protocol_error(error: ProtocolError) -> Message {
    Message::empty(error.into_raw())
}

#[inline(always)]
fn reply_with<R: Encode, B: LongWriter + ?Sized>(
    status: u16,
    value: &R,
    buffer: &mut B,
) -> Message {
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
