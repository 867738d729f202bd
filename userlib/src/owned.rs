//! Ways in that came with messages, as transports.
//!
//! Nobody vouches for who is behind such a gate. So calls through it have a deadline, and it cannot be copied: its
//! slot belongs to it, and is empty when it is dropped.

use core::fmt;

use ipc_abi::error::Error;
use ipc_abi::interface::client::{check_schema, close_session};
use ipc_abi::interface::{CallError, ConnectError, Granted, Interface, METHOD_CLOSE, Transport};
use ipc_abi::message::{Incoming, Message};

use crate::buffer::MessageBuffer;
use crate::gate::{Gate, TimedGate};
use crate::time::{Deadline, Duration};

/// A way in to a service that speaks `I`, which came with a message: a transport that waits for each answer so long
/// and no longer. Then the call is refused with `TimedOut`, and an answer that still comes is dropped.
pub struct OwnedGate<I> {
    gate: Granted<I>,
    patience: Duration,
    buffer: MessageBuffer,
}

impl<I: Interface> OwnedGate<I> {
    /// Calls through `gate`, waiting so long for each answer.
    #[must_use]
    pub const fn new(gate: Granted<I>, patience: Duration) -> OwnedGate<I> {
        OwnedGate {
            gate,
            patience,
            buffer: MessageBuffer,
        }
    }

    /// A client of the service behind `gate`, which must speak the interface `I`: it is asked.
    ///
    /// # Errors
    ///
    /// Why it does not fit.
    pub fn connect(
        gate: Granted<I>,
        patience: Duration,
    ) -> Result<I::Client<OwnedGate<I>>, ConnectError> {
        let mut gate = OwnedGate::new(gate, patience);
        check_schema::<I, _>(&mut gate)?;
        Ok(I::client(gate))
    }

    /// The capability.
    pub fn into_granted(self) -> Granted<I> {
        self.gate
    }

    /// The way through it for one message.
    fn timed(&self) -> TimedGate {
        Gate::new(self.gate.handle()).until(Deadline::after(self.patience))
    }
}

impl<I> fmt::Debug for OwnedGate<I> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handle = self.gate.handle();
        write!(formatter, "OwnedGate({handle}, {:?})", self.patience)
    }
}

impl<I: Interface> Transport for OwnedGate<I> {
    type Buffer = MessageBuffer;

    fn buffer(&mut self) -> &mut MessageBuffer {
        &mut self.buffer
    }

    fn call(&mut self, request: Message) -> Result<Incoming, CallError> {
        self.timed().call(request)
    }

    fn call_taking(&mut self, request: Message, count: usize) -> Result<Incoming, CallError> {
        self.timed().call_taking(request, count)
    }

    /// Does not wait at all: there is no sending until a deadline.
    fn send(&mut self, message: Message) -> Result<(), CallError> {
        self.timed().send(message)
    }
}

/// A session that this process opened: an [`OwnedGate`] that ends it when it is dropped.
#[derive(Debug)]
pub struct SessionGate<I: Interface> {
    gate: OwnedGate<I>,
    end: End,
}

/// Whether a session is to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Due,
    Done,
}

impl<I: Interface> SessionGate<I> {
    /// Calls in the session of which `gate` is the gate, waiting so long for each answer.
    #[must_use]
    pub const fn new(gate: Granted<I>, patience: Duration) -> SessionGate<I> {
        SessionGate {
            gate: OwnedGate::new(gate, patience),
            end: End::Due,
        }
    }

    /// Ends the session and waits for that.
    ///
    /// # Errors
    ///
    /// `NoSession` if it was over, or why there is no answer.
    pub fn close(mut self) -> Result<(), CallError> {
        self.end = End::Done;
        close_session(&mut self.gate)
    }
}

impl<I: Interface> Drop for SessionGate<I> {
    /// Tells the service, and waits only if it is busy, as long as for an answer.
    fn drop(&mut self) {
        if self.end == End::Done {
            return;
        }
        let told = self.gate.send(Message::empty(METHOD_CLOSE));
        if told == Err(CallError::Refused(Error::WouldBlock)) {
            // A service that does not answer ends the session when this process ends.
            let _ = close_session(&mut self.gate);
        }
    }
}

impl<I: Interface> Transport for SessionGate<I> {
    type Buffer = MessageBuffer;

    fn buffer(&mut self) -> &mut MessageBuffer {
        self.gate.buffer()
    }

    fn call(&mut self, request: Message) -> Result<Incoming, CallError> {
        self.gate.call(request)
    }

    fn call_taking(&mut self, request: Message, count: usize) -> Result<Incoming, CallError> {
        self.gate.call_taking(request, count)
    }

    fn send(&mut self, message: Message) -> Result<(), CallError> {
        self.gate.send(message)
    }
}
