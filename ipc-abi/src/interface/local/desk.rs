//! Who waits for late answers in a thread of a test, and those answers.

use core::cell::{Cell, RefCell};
use std::boxed::Box;
use std::collections::BTreeMap;
use std::vec::Vec;

use super::{HostBuffer, arrive};
use crate::interface::client::Transport;
use crate::interface::error::CallError;
use crate::interface::promise::{Desk, Gone, Ticket};
use crate::message::{Incoming, LongWriter, Message};

/// A late answer, as a transport: whatever is called gets it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) message: Message,
    pub(super) long: Vec<u8>,
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
pub(super) struct HostDesk {
    next: Cell<u64>,
    places: RefCell<BTreeMap<u64, Place>>,
}

enum Place {
    Waiting,
    Answered(Box<Answer>),
    Abandoned,
}

std::thread_local! {
    /// A promise may outlive the way by which it came, so this is for ever.
    static DESK: &'static HostDesk = Box::leak(Box::default());
}

impl HostDesk {
    pub(super) fn of_thread() -> &'static HostDesk {
        DESK.with(|desk| *desk)
    }

    pub(super) fn admit(&self) -> Ticket {
        let generation = self.next.get();
        self.next.set(generation.wrapping_add(1));
        self.places.borrow_mut().insert(generation, Place::Waiting);
        Ticket {
            place: 0,
            generation,
        }
    }

    pub(super) fn is_known(&self, ticket: Ticket) -> bool {
        self.places.borrow().contains_key(&ticket.generation)
    }

    /// Takes the answer, if it is there.
    pub(super) fn take(&self, ticket: Ticket) -> Option<Answer> {
        let mut places = self.places.borrow_mut();
        match places.remove(&ticket.generation)? {
            Place::Answered(answer) => Some(*answer),
            other @ (Place::Waiting | Place::Abandoned) => {
                places.insert(ticket.generation, other);
                None
            }
        }
    }

    pub(super) fn abandon(&self, ticket: Ticket) {
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
        places.insert(ticket.generation, Place::Answered(Box::new(answer)));
        Ok(())
    }

    fn is_abandoned(&self, ticket: Ticket) -> bool {
        let places = self.places.borrow();
        !matches!(places.get(&ticket.generation), Some(Place::Waiting))
    }
}
