//! What goes wrong with a call, because a test wants it to.

use crate::error::Error;
use crate::interface::error::{CallError, ProtocolError};
use crate::interface::server::reply_protocol_error;
use crate::message::{Incoming, Message};
use crate::tag::Tag;

use super::arrive;

/// What goes wrong with a call, or with a one-way message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The server dies before it does anything: the refusal `Died`, with its incarnation.
    DiesBefore(u32),
    /// The server does all, and dies before it answers: the same refusal.
    DiesAfter(u32),
    /// The server is slow: the refusal `TimedOut`. What it does is done, and its answer is dropped.
    Slow,
    /// The kernel refuses, and the server hears nothing.
    Refused(Error),
    /// The service understands nothing, and does nothing.
    Protocol(ProtocolError),
    /// The reply is one byte too short, or too long if it was empty.
    Malformed,
    /// The reply has a status that may mean nothing.
    Status(u16),
}

impl Mishap {
    /// What the caller gets if the server hears nothing of the call.
    pub(super) fn instead(self) -> Option<Incoming> {
        match self {
            Mishap::DiesBefore(incarnation) => Some(died(incarnation)),
            Mishap::Refused(error) => Some(refused(error)),
            Mishap::Protocol(error) => Some(arrive(reply_protocol_error(error))),
            Mishap::DiesAfter(_) | Mishap::Slow | Mishap::Malformed | Mishap::Status(_) => None,
        }
    }

    /// What the caller gets instead of what the server answered.
    pub(super) fn after(self, outcome: Result<Incoming, CallError>) -> Result<Incoming, CallError> {
        match self {
            Mishap::DiesBefore(_) | Mishap::Refused(_) | Mishap::Protocol(_) => outcome,
            Mishap::DiesAfter(incarnation) => Ok(died(incarnation)),
            Mishap::Slow => Ok(refused(Error::TimedOut)),
            Mishap::Malformed => outcome.map(spoil),
            Mishap::Status(status) => Ok(arrive(Message::empty(status))),
        }
    }

    /// What the sender of a one-way message gets, if it is not taken: what happens later, nobody hears.
    pub(super) const fn refusal(self) -> Option<Error> {
        match self {
            Mishap::DiesBefore(_) => Some(Error::Died),
            Mishap::Slow => Some(Error::TimedOut),
            Mishap::Refused(error) => Some(error),
            Mishap::DiesAfter(_) | Mishap::Protocol(_) | Mishap::Malformed | Mishap::Status(_) => {
                None
            }
        }
    }
}

/// What a caller gets from the kernel when a server dies over its call.
fn died(incarnation: u32) -> Incoming {
    Incoming {
        badge: u64::from(incarnation),
        ..refused(Error::Died)
    }
}

fn refused(error: Error) -> Incoming {
    Incoming {
        tag: Tag::refusal(error),
        ..Incoming::default()
    }
}

/// The reply one byte shorter, or longer if it is empty.
fn spoil(reply: Incoming) -> Incoming {
    let length = match reply.tag.length() {
        0 => 1,
        length => length.saturating_sub(1),
    };
    let length = u16::try_from(length).unwrap_or(u16::MAX);
    let short = Tag::new(reply.tag.method(), length);
    let tag = if reply.tag.is_long() {
        short.with_long()
    } else {
        short
    };
    Incoming { tag, ..reply }
}
