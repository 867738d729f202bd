//! Capabilities to gates, endpoints and notifications, as values.

use ipc_abi::call::Window;
use ipc_abi::error::Error;
use ipc_abi::interface::{CallError, Transport};
use ipc_abi::message::{Incoming, MESSAGE_WORDS, Message};

use crate::buffer::MessageBuffer;
use crate::keeper::KEEPER;
use crate::syscall;
use crate::time::Deadline;

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

    fn call_taking(&mut self, request: Message, count: usize) -> Result<Incoming, CallError> {
        KEEPER.call_taking(count, |window| {
            syscall::call_with_window(self.handle, request, window)
        })
    }

    #[inline(always)]
    fn send(&mut self, message: Message) -> Result<(), CallError> {
        syscall::send(self.handle, message).map_err(CallError::Refused)
    }
}

impl Gate {
    /// The same way in, for clients that wait for answers until `deadline` only: then a method fails
    /// with the refusal `TimedOut`. What the server does with the request is its own affair; an
    /// answer that still comes is dropped. What is sent one way is refused with `WouldBlock` if the
    /// server is not receiving.
    #[must_use]
    pub const fn until(self, deadline: Deadline) -> TimedGate {
        TimedGate {
            gate: self,
            deadline,
        }
    }
}

/// A way in to a service with a deadline: the transport of clients that do not wait for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedGate {
    gate: Gate,
    deadline: Deadline,
}

impl Transport for TimedGate {
    type Buffer = MessageBuffer;

    fn buffer(&mut self) -> &mut MessageBuffer {
        self.gate.buffer()
    }

    fn call(&mut self, request: Message) -> Result<Incoming, CallError> {
        let (handle, ticks) = (self.gate.handle, self.deadline.ticks());
        Ok(syscall::call_until(handle, request, Window::NONE, ticks))
    }

    fn call_taking(&mut self, request: Message, count: usize) -> Result<Incoming, CallError> {
        let (handle, ticks) = (self.gate.handle, self.deadline.ticks());
        KEEPER.call_taking(count, |window| {
            syscall::call_until(handle, request, window, ticks)
        })
    }

    /// Does not wait at all: there is no sending until a deadline.
    fn send(&mut self, message: Message) -> Result<(), CallError> {
        syscall::try_send(self.gate.handle, message).map_err(CallError::Refused)
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

    /// Receives a message that comes before `deadline`, else the refusal `TimedOut`; takes no
    /// capabilities.
    #[must_use]
    pub fn receive_until(self, deadline: Deadline) -> Incoming {
        syscall::receive_until(self.handle, Window::NONE, deadline.ticks())
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

    /// Waits for signals until `deadline` and takes them.
    ///
    /// # Errors
    ///
    /// `TimedOut`, and those of `wait`.
    pub fn wait_until(self, deadline: Deadline) -> Result<u64, Error> {
        syscall::wait_until(self.handle, deadline.ticks())
    }
}
