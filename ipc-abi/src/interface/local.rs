//! A service inside the caller's own process: the transport for tests.

use super::client::Transport;
use super::error::CallError;
use super::server::{Dispatch, Replier, is_one_way};
use crate::message::{Incoming, LongBuffer, LongBufferError, Message};
use crate::tag::Tag;

/// A message buffer in ordinary memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostBuffer([u8; Tag::BUFFER_BYTES]);

impl Default for HostBuffer {
    fn default() -> HostBuffer {
        HostBuffer([0; Tag::BUFFER_BYTES])
    }
}

impl LongBuffer for HostBuffer {
    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), LongBufferError> {
        let end = offset.saturating_add(bytes.len());
        let place = self
            .0
            .get_mut(offset..end)
            .ok_or(LongBufferError::TooLong)?;
        place.copy_from_slice(bytes);
        Ok(())
    }

    fn read<R>(
        &mut self,
        length: usize,
        reader: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, LongBufferError> {
        self.0
            .get(..length)
            .map(reader)
            .ok_or(LongBufferError::TooLong)
    }
}

/// Calls a server directly, through the same bytes that would travel through the kernel.
#[derive(Clone, Debug)]
pub struct Local<I, S> {
    interface: core::marker::PhantomData<I>,
    server: S,
    buffer: HostBuffer,
    badge: u64,
}

impl<I: Dispatch<S>, S> Local<I, S> {
    /// Makes a way to `server` with the badge 0.
    #[must_use]
    pub fn new(server: S) -> Local<I, S> {
        Local {
            interface: core::marker::PhantomData,
            server,
            buffer: HostBuffer::default(),
            badge: 0,
        }
    }

    /// The same way, as the client with this badge.
    #[must_use]
    pub fn with_badge(self, badge: u64) -> Local<I, S> {
        Local { badge, ..self }
    }

    /// The server.
    #[must_use]
    pub const fn server(&mut self) -> &mut S {
        &mut self.server
    }

    /// Puts `bytes` in the message buffer, for a request of one's own making.
    ///
    /// # Errors
    ///
    /// `TooLong`.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), LongBufferError> {
        self.buffer.write(0, bytes)
    }
}

impl<I: Dispatch<S>, S> Transport for Local<I, S> {
    type Buffer = HostBuffer;

    fn buffer(&mut self) -> &mut HostBuffer {
        &mut self.buffer
    }

    fn call(&mut self, request: Message) -> Result<Incoming, CallError> {
        let request = Incoming {
            tag: request.tag,
            badge: self.badge,
            words: request.words,
        };
        I::dispatch(&mut self.server, request, &mut self.buffer, Return)
    }

    fn send(&mut self, message: Message) -> Result<(), CallError> {
        if is_one_way::<I>(message.tag.method()) {
            // Nobody hears what comes of it.
            let _ = self.call(message);
        }
        Ok(())
    }
}

/// Hands the reply back to the caller.
struct Return;

impl Replier for Return {
    type Next = Result<Incoming, CallError>;

    fn reply(self, Message { tag, words }: Message, _used_words: usize) -> Self::Next {
        Ok(Incoming {
            tag,
            badge: 0,
            words,
        })
    }

    fn later(self) -> Self::Next {
        Err(CallError::Deferred)
    }
}
