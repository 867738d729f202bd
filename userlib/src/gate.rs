//! Capabilities to gates, endpoints and notifications, as values.

use ipc_abi::call::Window;
use ipc_abi::error::Error;
use ipc_abi::interface::{CallError, Transport};
use ipc_abi::message::{Incoming, MESSAGE_WORDS, Message};

use crate::buffer::MessageBuffer;
use crate::syscall;

/// A way in to a service: the transport of its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    handle: u32,
    buffer: MessageBuffer,
}

impl Gate {
    /// The gate that `handle` names.
    #[must_use]
    pub const fn new(handle: u32) -> Gate {
        Gate {
            handle,
            buffer: MessageBuffer,
        }
    }

    /// Its handle.
    #[must_use]
    pub const fn handle(self) -> u32 {
        self.handle
    }
}

impl Transport for Gate {
    type Buffer = MessageBuffer;

    #[inline(always)]
    fn buffer(&mut self) -> &mut MessageBuffer {
        &mut self.buffer
    }

    #[inline(always)]
    fn call(&mut self, request: Message) -> Result<Incoming, CallError> {
        Ok(syscall::call_short(self.handle, request, MESSAGE_WORDS))
    }

    #[inline(always)]
    fn call_short(&mut self, request: Message, used_words: usize) -> Result<Incoming, CallError> {
        Ok(syscall::call_short(self.handle, request, used_words))
    }
}

/// Where a server receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    handle: u32,
}

impl Endpoint {
    /// The endpoint that `handle` names.
    #[must_use]
    pub const fn new(handle: u32) -> Endpoint {
        Endpoint { handle }
    }

    /// Its handle.
    #[must_use]
    pub const fn handle(self) -> u32 {
        self.handle
    }

    /// Receives a message; takes no capabilities.
    #[inline(always)]
    #[must_use]
    pub fn receive(self) -> Incoming {
        syscall::receive(self.handle, Window::NONE)
    }

    /// Answers the current caller and receives the next message; takes no capabilities.
    #[inline(always)]
    #[must_use]
    pub fn reply_receive(self, reply: Message) -> Incoming {
        syscall::reply_receive(self.handle, reply, Window::NONE)
    }

    /// `reply_receive` with a reply of which at most the first `used_words` words, a constant, are
    /// not zero.
    #[inline(always)]
    #[must_use]
    pub fn reply_receive_short(self, reply: Message, used_words: usize) -> Incoming {
        syscall::reply_receive_short(self.handle, reply, used_words)
    }
}

/// Where signals arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification {
    handle: u32,
}

impl Notification {
    /// The notification that `handle` names.
    #[must_use]
    pub const fn new(handle: u32) -> Notification {
        Notification { handle }
    }

    /// Its handle.
    #[must_use]
    pub const fn handle(self) -> u32 {
        self.handle
    }

    /// Waits for signals and takes them.
    ///
    /// # Errors
    ///
    /// Those of `wait`.
    pub fn wait(self) -> Result<u64, Error> {
        syscall::wait(self.handle)
    }
}

/// A reply object: a place for one caller that is answered later.
#[derive(Debug, PartialEq, Eq)]
pub struct ReplyPlace {
    handle: u32,
}

impl ReplyPlace {
    /// The place that `handle` names.
    #[must_use]
    pub const fn new(handle: u32) -> ReplyPlace {
        ReplyPlace { handle }
    }

    /// Keeps the caller that is being served; its method then returns `Deferrable::Later`.
    ///
    /// # Errors
    ///
    /// `InUse` if a caller is kept already; those of `save_caller`.
    pub fn keep(&mut self) -> Result<(), Error> {
        syscall::save_caller(self.handle)
    }

    /// Answers the caller that was kept.
    ///
    /// # Errors
    ///
    /// `NoCaller` if none is kept, or it died; those of `reply_to`.
    pub fn answer(&mut self, reply: Message) -> Result<(), Error> {
        syscall::reply_to(self.handle, reply)
    }
}
