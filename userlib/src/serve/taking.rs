//! Receiving capabilities with requests, and delivering them with replies.

use ipc_abi::error::Error;
use ipc_abi::interface::ProtocolError;
use ipc_abi::interface::promise::Gone;
use ipc_abi::interface::server::reply_protocol_error;
use ipc_abi::message::{Incoming, Message};

use super::Source;
use crate::gate::Endpoint;
use crate::keeper::{Native, Window};
use crate::syscall;

/// An endpoint at which capabilities come with requests.
#[derive(Clone, Copy)]
pub(super) struct Taking<'a> {
    endpoint: Endpoint,
    window: &'a Window<Native>,
}

impl<'a> Taking<'a> {
    pub(super) const fn new(endpoint: Endpoint, window: &'a Window<Native>) -> Taking<'a> {
        Taking { endpoint, window }
    }

    fn note(self, message: Incoming) -> Incoming {
        self.window.note(message.tag);
        message
    }
}

impl Source for Taking<'_> {
    fn receive(self) -> Incoming {
        let handle = self.endpoint.handle();
        self.note(syscall::receive(handle, self.window.open()))
    }

    fn try_receive(self) -> Incoming {
        let handle = self.endpoint.handle();
        self.note(syscall::try_receive(handle, self.window.open()))
    }

    fn reply(self, reply: Message) {
        Source::reply(self.endpoint, reply);
    }

    fn reply_receive(self, reply: Message, _used_words: usize) -> Incoming {
        let handle = self.endpoint.handle();
        self.note(syscall::reply_receive(handle, reply, self.window.open()))
    }

    fn deliver(self, reply: Message) -> Result<(), Gone> {
        Source::deliver(self.endpoint, reply)
    }
}

/// How a caller is answered.
pub(super) trait Answering {
    /// Answers.
    fn answer(&self, reply: Message) -> Result<(), Error>;
}

/// The current caller.
pub(super) struct Current;

impl Answering for Current {
    fn answer(&self, reply: Message) -> Result<(), Error> {
        syscall::reply(reply)
    }
}

/// A caller that was saved in this reply object: that it went away is told.
pub(super) struct Saved(pub(super) u32);

impl Answering for Saved {
    fn answer(&self, reply: Message) -> Result<(), Error> {
        syscall::reply_to(self.0, reply)
    }
}

/// Sends a reply that carries capabilities; if it cannot be sent, another that says so.
pub(super) fn deliver(caller: &impl Answering, reply: Message) -> Result<(), Gone> {
    let Err(error) = caller.answer(reply) else {
        return Ok(());
    };
    if error != Error::NoCaller && error != Error::Died {
        let refusal = if error == Error::NoRight {
            ProtocolError::MayNotTakeCapabilities
        } else if error == Error::NoBuffer {
            ProtocolError::NoBuffer
        } else {
            // A capability that the server does not have: its own mistake.
            ProtocolError::Unanswered
        };
        // Who is gone by now need not be told.
        let _ = caller.answer(reply_protocol_error(refusal));
    }
    Err(Gone)
}
