//! A service inside the caller's own process: the transport for tests. It is there on the host only.

use core::cell::{Cell, RefCell};
use std::boxed::Box;
use std::collections::{BTreeMap, VecDeque};
use std::vec::Vec;

use super::client::Transport;
use super::error::{CallError, ProtocolError};
use super::promise::{Desk, Gone, Ticket};
use super::server::{Caller, Dispatch, Replier};
use crate::manifest::{Badge, REPLIES_MAX};
use crate::message::{Incoming, LongBuffer, LongBufferError, LongWriter, Message};
use crate::tag::Tag;

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
                    self.waiting.push_back((ticket, Caller::of(&request)));
                    Err(CallError::Deferred)
                }
            },
        }
    }

    fn send(&mut self, message: Message) -> Result<(), CallError> {
        let request = self.arrive(message);
        I::tell(&mut self.server, request, &mut self.buffer);
        Ok(())
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

/// A late answer, as a transport: whatever is called gets it.
#[derive(Clone, Debug)]
pub struct Answer {
    message: Message,
    long: Vec<u8>,
    buffer: HostBuffer,
}

impl Transport for Answer {
    type Buffer = HostBuffer;

    fn buffer(&mut self) -> &mut HostBuffer {
        &mut self.buffer
    }

    fn call(&mut self, _request: Message) -> Result<Incoming, CallError> {
        self.buffer.write(0, &self.long)?;
        Ok(arrive(self.message))
    }

    fn send(&mut self, _message: Message) -> Result<(), CallError> {
        Ok(())
    }
}

/// Who waits in a thread of a test.
#[derive(Default)]
struct HostDesk {
    next: Cell<u64>,
    places: RefCell<BTreeMap<u64, Place>>,
}

enum Place {
    Waiting,
    Answered(Answer),
    Abandoned,
}

std::thread_local! {
    /// A promise may outlive the way by which it came, so this is for ever.
    static DESK: &'static HostDesk = Box::leak(Box::default());
}

impl HostDesk {
    fn of_thread() -> &'static HostDesk {
        DESK.with(|desk| *desk)
    }

    fn admit(&self) -> Ticket {
        let generation = self.next.get();
        self.next.set(generation.wrapping_add(1));
        self.places.borrow_mut().insert(generation, Place::Waiting);
        Ticket {
            place: 0,
            generation,
        }
    }

    fn is_known(&self, ticket: Ticket) -> bool {
        self.places.borrow().contains_key(&ticket.generation)
    }

    /// Takes the answer, if it is there.
    fn take(&self, ticket: Ticket) -> Option<Answer> {
        let mut places = self.places.borrow_mut();
        match places.remove(&ticket.generation)? {
            Place::Answered(answer) => Some(answer),
            other @ (Place::Waiting | Place::Abandoned) => {
                places.insert(ticket.generation, other);
                None
            }
        }
    }

    fn abandon(&self, ticket: Ticket) {
        let mut places = self.places.borrow_mut();
        match places.remove(&ticket.generation) {
            Some(Place::Waiting) => {
                places.insert(ticket.generation, Place::Abandoned);
            }
            Some(Place::Answered(_) | Place::Abandoned) | None => {}
        }
    }
}

impl Desk for HostDesk {
    fn answer(
        &self,
        ticket: Ticket,
        encode: &mut dyn FnMut(&mut dyn LongWriter) -> Message,
    ) -> Result<(), Gone> {
        let mut buffer = HostBuffer::default();
        let message = encode(&mut buffer);
        let mut places = self.places.borrow_mut();
        match places.remove(&ticket.generation) {
            Some(Place::Waiting) => {}
            Some(Place::Answered(_) | Place::Abandoned) | None => return Err(Gone),
        }
        let length = if message.tag.is_long() {
            message.tag.length()
        } else {
            0
        };
        let long = buffer.0.get(..length).unwrap_or_default().to_vec();
        let answer = Answer {
            message,
            long,
            buffer,
        };
        places.insert(ticket.generation, Place::Answered(answer));
        Ok(())
    }

    fn is_abandoned(&self, ticket: Ticket) -> bool {
        let places = self.places.borrow();
        !matches!(places.get(&ticket.generation), Some(Place::Waiting))
    }
}
