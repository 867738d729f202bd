//! The serving side of methods that may wait: what the dispatchers for `Async…` traits are made of.
//!
//! `#[interface]` makes a second trait from `trait Adder`: `AsyncAdder`, whose methods take `&self` and are
//! `async`. A call of one is a future that has its request in memory of its own, so what the method borrows from
//! it lives as long as the method does, and its reply too, so that nothing that is sent meanwhile spoils it. Who
//! polls these futures, and where the callers wait, is up to `userlib::executor`.

use core::future::Future;
use core::ops::DerefMut;

use super::Interface;
pub use super::batch::BATCH_BYTES;
use super::batch::{Contents, Sent};
use super::error::ProtocolError;
use super::payload::with_bytes;
use super::server::{self, Caller, reply_protocol_error};
use super::wire::{Decode, Encode, Reader};
use crate::manifest::Badge;
use crate::message::{Incoming, LongBuffer, LongBufferError, LongWriter, Message};
use crate::tag::Tag;

/// Hands requests to a server `S` whose methods may wait: implemented by an interface's marker type for every
/// `S` that implements the `Async…` form of its trait.
pub trait AsyncDispatch<S>: Interface {
    /// Lets `server` do what `request` asks; what it answers.
    fn answer<M: LongMemory>(server: &S, request: Request<M>) -> impl Future<Output = Reply<M>>;
}

/// Memory of a task's own, for messages that do not fit in registers.
pub trait LongMemory: Default + LongWriter {
    /// Memory for a part of a list.
    type Batch: DerefMut<Target = [u8; BATCH_BYTES]>;

    /// Memory for a part of a list, all zero.
    fn batch() -> Self::Batch;

    /// What was written.
    fn bytes(&self) -> &[u8];
}

/// A request in memory of its own.
#[derive(Clone, Debug)]
pub struct Request<M> {
    tag: Tag,
    badge: u64,
    short: [u8; Tag::REGISTER_BYTES],
    long: M,
}

impl<M: LongMemory> Request<M> {
    /// Copies a request, whose long part is in `buffer`.
    ///
    /// # Errors
    ///
    /// `UnexpectedCapabilities`, `NotInRegisters`, `NoBuffer`, `Truncated`.
    pub fn copy<B: LongBuffer>(
        request: &Incoming,
        buffer: &mut B,
    ) -> Result<Request<M>, ProtocolError> {
        if request.tag.capabilities() != 0 {
            return Err(ProtocolError::UnexpectedCapabilities);
        }
        let mut copy = Request {
            tag: request.tag,
            badge: request.badge,
            short: [0; Tag::REGISTER_BYTES],
            long: M::default(),
        };
        with_bytes(request, buffer, |bytes| {
            match copy.short.get_mut(..bytes.len()) {
                Some(place) => place.copy_from_slice(bytes),
                None => copy.long.write(0, bytes)?,
            }
            Ok(())
        })?;
        Ok(copy)
    }

    /// The number of the method that is asked for.
    #[must_use]
    pub const fn method(&self) -> u16 {
        self.tag.method()
    }

    /// Who asks.
    #[must_use]
    pub const fn caller(&self) -> Caller {
        Caller::new(Badge::from_raw(self.badge))
    }

    /// Reads the arguments, which borrow from the request.
    ///
    /// # Errors
    ///
    /// What is wrong with them: the same that [`server::with_request`] tells.
    pub fn read<'a, A: Decode<'a>>(&'a self) -> Result<A, ProtocolError> {
        let length = self.tag.length();
        match A::SIZE {
            Some(size) if size <= Tag::REGISTER_BYTES && length < size => {
                return Err(ProtocolError::Truncated);
            }
            Some(size) if size <= Tag::REGISTER_BYTES && length > size => {
                return Err(ProtocolError::TrailingBytes);
            }
            Some(_) | None => {}
        }
        let bytes = if self.tag.is_long() {
            self.long.bytes()
        } else {
            self.short.get(..length).ok_or(ProtocolError::Truncated)?
        };
        Reader::new(bytes).all()
    }
}

/// A reply in memory of its own.
#[derive(Clone, Debug)]
pub struct Reply<M> {
    message: Message,
    long: M,
}

impl<M: LongMemory> Reply<M> {
    /// The reply that carries what a method returned.
    #[must_use]
    pub fn new<T: Encode>(value: &T) -> Reply<M> {
        let mut long = M::default();
        let message = server::reply(value, &mut long);
        Reply { message, long }
    }

    /// The reply that carries a service's own error.
    #[must_use]
    pub fn service_error<T: Encode>(error: &T) -> Reply<M> {
        let mut long = M::default();
        let message = server::reply_service_error(error, &mut long);
        Reply { message, long }
    }

    /// The reply that refuses a request.
    #[must_use]
    pub fn protocol_error(error: ProtocolError) -> Reply<M> {
        Reply {
            message: reply_protocol_error(error),
            long: M::default(),
        }
    }

    /// The reply that carries a part of a list.
    #[must_use]
    pub fn batch(closed: Result<Contents, ProtocolError>, bytes: &[u8; BATCH_BYTES]) -> Reply<M> {
        match closed {
            Ok(contents) => Reply::new(&Sent { contents, bytes }),
            Err(error) => Reply::protocol_error(error),
        }
    }

    /// The message, whose long part is put in `buffer`; a refusal if it does not go in there.
    pub fn write_to<B: LongWriter + ?Sized>(&self, buffer: &mut B) -> Message {
        if !self.message.tag.is_long() {
            return self.message;
        }
        match buffer.write(0, self.long.bytes()) {
            Ok(()) => self.message,
            Err(LongBufferError::NoBuffer) => reply_protocol_error(ProtocolError::NoBuffer),
            Err(LongBufferError::TooLong) => reply_protocol_error(ProtocolError::ReplyTooLong),
        }
    }
}
