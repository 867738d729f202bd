//! A service inside the caller's own process: the transport for tests. It is there on the host only.

use core::cell::Cell;
use std::collections::VecDeque;

mod desk;
mod mishap;

use super::client::Transport;
use super::error::{CallError, ProtocolError};
use super::promise::{Desk, Ticket};
use super::server::{Caller, Dispatch, Replier};
use crate::manifest::{Badge, REPLIES_MAX};
use crate::message::{Incoming, LongBuffer, LongBufferError, LongWriter, Message};
use crate::tag::Tag;

pub use desk::Answer;
pub use mishap::Mishap;

use desk::HostDesk;

/// A message buffer in ordinary memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostBuffer([u8; Tag::BUFFER_BYTES]);

impl Default for HostBuffer {
    fn default() -> HostBuffer {
        HostBuffer([0; Tag::BUFFER_BYTES])
    }
}

impl LongWriter for HostBuffer {
    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), LongBufferError> {
        let end = offset.saturating_add(bytes.len());
        let place = self
            .0
            .get_mut(offset..end)
            .ok_or(LongBufferError::TooLong)?;
        place.copy_from_slice(bytes);
        Ok(())
    }
}

impl LongBuffer for HostBuffer {
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
///
/// A call that is not answered when its method returns fails with `Deferred`; its answer, when it
/// comes, is fetched by [`Local::take_answer`].
#[derive(Debug)]
pub struct Local<I, S> {
    interface: core::marker::PhantomData<I>,
    server: S,
    buffer: HostBuffer,
    badge: u64,
    places: usize,
    waiting: VecDeque<(Ticket, Caller)>,
    mishaps: VecDeque<Option<Mishap>>,
    /// Who waits since the last call, if somebody does.
    last: Option<Ticket>,
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
            places: REPLIES_MAX,
            waiting: VecDeque::new(),
            mishaps: VecDeque::new(),
            last: None,
        }
    }

    /// The same way, as the client with this badge.
    #[must_use]
    pub fn with_badge(mut self, badge: Badge) -> Local<I, S> {
        self.call_as(badge);
        self
    }

    /// The same way, with places for so many callers that wait for late answers.
    #[must_use]
    pub fn with_places(mut self, places: usize) -> Local<I, S> {
        self.places = places;
        self
    }

    /// The same way, on which the next calls and one-way messages go wrong as `script` says, one after
    /// the other, `None` being one that does not. Behind its end none does.
    #[must_use]
    pub fn with_mishaps(mut self, script: impl IntoIterator<Item = Option<Mishap>>) -> Local<I, S> {
        self.mishaps.extend(script);
        self
    }

    /// From here on, calls come from the client with this badge.
    pub const fn call_as(&mut self, badge: Badge) {
        self.badge = badge.into_raw();
    }

    /// The server.
    #[must_use]
    pub const fn server(&mut self) -> &mut S {
        &mut self.server
    }

    /// The late answer to the call that waits longest of those that were answered: a transport that
    /// gives it to whatever method is called. Nothing, if there is none.
    pub fn take_answer(&mut self) -> Option<Answer> {
        let desk = HostDesk::of_thread();
        for index in 0..self.waiting.len() {
            let answer = self
                .waiting
                .get(index)
                .and_then(|(ticket, _)| desk.take(*ticket));
            if answer.is_some() {
                self.waiting.remove(index);
                return answer;
            }
        }
        None
    }

    /// The calls of the client with this number that wait for late answers do not wait any longer: as
    /// if it had died, or its time were over.
    pub fn disconnect(&mut self, client: u8) {
        self.waiting.retain(|(ticket, caller)| {
            let stays = caller.client() != client;
            if !stays {
                HostDesk::of_thread().abandon(*ticket);
            }
            stays
        });
    }

    /// The message as the server gets it.
    const fn arrive(&self, Message { tag, words }: Message) -> Incoming {
        Incoming {
            tag,
            badge: self.badge,
            words,
        }
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

impl<I, S> Drop for Local<I, S> {
    fn drop(&mut self) {
        for (ticket, _) in &self.waiting {
            HostDesk::of_thread().abandon(*ticket);
        }
    }
}

impl<I: Dispatch<S>, S> Transport for Local<I, S> {
    type Buffer = HostBuffer;

    fn buffer(&mut self) -> &mut HostBuffer {
        &mut self.buffer
    }

    fn call(&mut self, request: Message) -> Result<Incoming, CallError> {
        let Some(mishap) = self.mishaps.pop_front().flatten() else {
            return self.serve(request);
        };
        if let Some(reply) = mishap.instead() {
            return Ok(reply);
        }
        let outcome = mishap.after(self.serve(request));
        if outcome != Err(CallError::Deferred) {
            self.give_up();
        }
        outcome
    }

    fn send(&mut self, message: Message) -> Result<(), CallError> {
        let mishap = self.mishaps.pop_front().flatten();
        if let Some(error) = mishap.and_then(Mishap::refusal) {
            return Err(CallError::Refused(error));
        }
        let request = self.arrive(message);
        I::tell(&mut self.server, request, &mut self.buffer);
        Ok(())
    }
}

impl<I: Dispatch<S>, S> Local<I, S> {
    /// Lets the server do what it is asked.
    fn serve(&mut self, request: Message) -> Result<Incoming, CallError> {
        self.last = None;
        let request = self.arrive(request);
        let desk = HostDesk::of_thread();
        self.waiting.retain(|(ticket, _)| desk.is_known(*ticket));
        let replier = Return {
            has_place: self.waiting.len() < self.places,
            kept: Cell::new(None),
        };
        let outcome = I::dispatch(&mut self.server, request, &mut self.buffer, replier);
        match outcome {
            Outcome::Reply(message) => Ok(arrive(message)),
            Outcome::Kept(ticket) => match desk.take(ticket) {
                Some(answer) => {
                    self.buffer.write(0, &answer.long)?;
                    Ok(arrive(answer.message))
                }
                None => {
                    self.last = Some(ticket);
                    self.waiting.push_back((ticket, Caller::of(&request)));
                    Err(CallError::Deferred)
                }
            },
        }
    }

    /// Whoever called last and waits for a late answer does not wait any longer.
    fn give_up(&mut self) {
        if let Some(ticket) = self.last.take() {
            HostDesk::of_thread().abandon(ticket);
            self.waiting.retain(|(waiting, _)| *waiting != ticket);
        }
    }
}

const fn arrive(Message { tag, words }: Message) -> Incoming {
    Incoming {
        tag,
        badge: 0,
        words,
    }
}

/// What became of a call.
enum Outcome {
    Reply(Message),
    Kept(Ticket),
}

/// Hands the reply back to the caller.
struct Return {
    has_place: bool,
    kept: Cell<Option<Ticket>>,
}

impl Replier for Return {
    type Next = Outcome;

    fn reply(self, reply: Message, _used_words: usize) -> Outcome {
        Outcome::Reply(reply)
    }

    fn keep(&self) -> Result<(&'static dyn Desk, Ticket), ProtocolError> {
        if !self.has_place {
            return Err(ProtocolError::NoPlace);
        }
        let desk = HostDesk::of_thread();
        let ticket = desk.admit();
        self.kept.set(Some(ticket));
        Ok((desk, ticket))
    }

    fn later(self) -> Outcome {
        match self.kept.get() {
            Some(ticket) => Outcome::Kept(ticket),
            None => Outcome::Reply(super::server::reply_protocol_error(
                ProtocolError::Unanswered,
            )),
        }
    }
}
