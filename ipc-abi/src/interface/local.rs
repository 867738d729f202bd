//! A service inside the caller's own process: the transport for tests. It is there on the host only.

use core::cell::Cell;
use std::collections::VecDeque;

mod desk;
mod mishap;
mod pass;
mod rubbish;
mod table;

use super::client::Transport;
use super::error::{CallError, ProtocolError};
use super::granted::{CAPABILITIES_MAX, Granted, Keeper, count_of};
use super::promise::{Desk, Gone, Ticket};
use super::server::{Caller, Dispatch, Replier, reply_protocol_error};
use crate::capability::Rights;
use crate::error::Error;
use crate::manifest::{Badge, REPLIES_MAX};
use crate::message::{Incoming, LongBuffer, LongBufferError, LongWriter, Message};
use crate::tag::Tag;

pub use desk::Answer;
pub use mishap::Mishap;
pub use rubbish::send_rubbish;
pub use table::{HostCapability, HostTable};

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

    fn keeper(&self) -> Option<&'static dyn Keeper> {
        Some(HostTable::of_thread())
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
    rights: Rights,
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
            rights: Rights::ALL,
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

    /// The same way, through a gate with these rights: with `GRANT` capabilities can be sent, with `GRANT_REPLY`
    /// replies can bring some.
    #[must_use]
    pub const fn with_rights(mut self, rights: Rights) -> Local<I, S> {
        self.rights = rights;
        self
    }

    /// The way through a gate that the server gave away: what is called through it comes with its badge.
    pub fn through<'a, K>(&'a mut self, gate: &'a Granted<K>) -> Through<'a, I, S> {
        let handle = gate.handle();
        Through {
            local: self,
            handle,
        }
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

    /// The client with this number dies: its calls that wait for late answers do not wait any longer, and what the
    /// interface keeps for it goes.
    pub fn disconnect(&mut self, client: u8) {
        I::disconnect(&mut self.server, client);
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
        self.call_taking(request, 0)
    }

    fn call_taking(&mut self, request: Message, count: usize) -> Result<Incoming, CallError> {
        let Some(mishap) = self.mishaps.pop_front().flatten() else {
            return self.serve(request, count);
        };
        if let Some(reply) = mishap.instead() {
            return Ok(reply);
        }
        let outcome = mishap.after(self.serve(request, count));
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
        let message = self.pass(message).map_err(CallError::Refused)?;
        let request = self.arrive(message);
        I::tell(&mut self.server, request, &mut self.buffer);
        pass::clear(&request);
        Ok(())
    }
}

/// A way to a server through a gate that it gave away.
#[derive(Debug)]
pub struct Through<'a, I, S> {
    local: &'a mut Local<I, S>,
    handle: u32,
}

impl<I: Dispatch<S>, S> Through<'_, I, S> {
    /// Lets `act` call as who holds the gate.
    fn with_badge<R>(
        &mut self,
        act: impl FnOnce(&mut Local<I, S>) -> Result<R, CallError>,
    ) -> Result<R, CallError> {
        let found = HostTable::of_thread().find(self.handle);
        let gate = found.ok_or(CallError::Refused(Error::BadHandle))?;
        if !gate.is_live {
            return Err(CallError::Refused(Error::Stale));
        }
        let before = (self.local.badge, self.local.rights);
        (self.local.badge, self.local.rights) = (gate.badge.into_raw(), gate.rights);
        let outcome = act(self.local);
        (self.local.badge, self.local.rights) = before;
        outcome
    }
}

impl<I: Dispatch<S>, S> Transport for Through<'_, I, S> {
    type Buffer = HostBuffer;

    fn buffer(&mut self) -> &mut HostBuffer {
        &mut self.local.buffer
    }

    fn call(&mut self, request: Message) -> Result<Incoming, CallError> {
        self.with_badge(|local| local.call(request))
    }

    fn call_taking(&mut self, request: Message, count: usize) -> Result<Incoming, CallError> {
        self.with_badge(|local| local.call_taking(request, count))
    }

    fn send(&mut self, message: Message) -> Result<(), CallError> {
        self.with_badge(|local| local.send(message))
    }
}

impl<I: Dispatch<S>, S> Local<I, S> {
    /// What the client sends, with copies of its capabilities.
    fn pass(&self, message: Message) -> Result<Message, Error> {
        let places = if I::TAKES_CAPABILITIES {
            CAPABILITIES_MAX
        } else {
            0
        };
        pass::check_sent(&message, self.rights, places)?;
        pass::copy_all(message, places)
    }

    /// Lets the server do what it is asked, by a client with so many places for capabilities.
    fn serve(&mut self, request: Message, window: usize) -> Result<Incoming, CallError> {
        self.last = None;
        let request = self.pass(request).map_err(CallError::Refused)?;
        let request = self.arrive(request);
        let desk = HostDesk::of_thread();
        self.waiting.retain(|(ticket, _)| desk.is_known(*ticket));
        let replier = Return {
            has_place: self.waiting.len() < self.places,
            kept: Cell::new(None),
            window,
            rights: self.rights,
            delivered: Cell::new(None),
        };
        let outcome = I::dispatch(&mut self.server, request, &mut self.buffer, replier);
        pass::clear(&request);
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
    window: usize,
    rights: Rights,
    /// What was delivered, as the client has it.
    delivered: Cell<Option<Message>>,
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
        match (self.delivered.get(), self.kept.get()) {
            (Some(reply), _) => Outcome::Reply(reply),
            (None, Some(ticket)) => Outcome::Kept(ticket),
            (None, None) => Outcome::Reply(reply_protocol_error(ProtocolError::Unanswered)),
        }
    }

    fn can_deliver(&self) -> Result<(), ProtocolError> {
        Ok(())
    }

    fn deliver(&self, reply: Message) -> Result<(), Gone> {
        if count_of(reply.tag) != 0 && !self.rights.contains(Rights::GRANT_REPLY) {
            let refusal = reply_protocol_error(ProtocolError::MayNotTakeCapabilities);
            self.delivered.set(Some(refusal));
            return Err(Gone);
        }
        let copied = pass::copy_all(reply, self.window);
        let reply = copied.unwrap_or(reply_protocol_error(ProtocolError::Unanswered));
        self.delivered.set(Some(reply));
        copied.map(drop).map_err(|_| Gone)
    }
}
