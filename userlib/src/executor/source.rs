//! The loop of a server with tasks: that of `serve`, which lets them go on whenever it would receive.

use ipc_abi::error::Error;
use ipc_abi::interface::promise::Gone;
use ipc_abi::message::{Incoming, Message};
use ipc_abi::tag::Tag;

use super::pool::{Next, Pool};
use super::waiting::WAITING;
use super::{AsyncEvents, Tasks};
use crate::gate::Endpoint;
use crate::serve::{Ears, Fault, FaultAnswer, Source};
use crate::time::Deadline;

/// A source of messages that can be waited for until a deadline.
pub(super) trait TimedSource: Source {
    fn receive_until(self, deadline: Deadline) -> Incoming;
}

impl TimedSource for Endpoint {
    fn receive_until(self, deadline: Deadline) -> Incoming {
        Endpoint::receive_until(self, deadline)
    }
}

/// Receives, and lets tasks go on until there is something.
pub(super) struct Turns<'p, 'a, E> {
    source: E,
    pool: &'p Pool<'a>,
}

impl<'p, 'a, E> Turns<'p, 'a, E> {
    pub(super) const fn new(source: E, pool: &'p Pool<'a>) -> Turns<'p, 'a, E> {
        Turns { source, pool }
    }
}

impl<E: Copy> Clone for Turns<'_, '_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E: Copy> Copy for Turns<'_, '_, E> {}

impl<E: TimedSource> Source for Turns<'_, '_, E> {
    fn receive(self) -> Incoming {
        loop {
            let message = match self.pool.turn() {
                Next::Look => self.source.try_receive(),
                Next::Receive(Some(deadline)) => self.source.receive_until(deadline),
                Next::Receive(None) => self.source.receive(),
            };
            let is_nothing = message.tag == Tag::refusal(Error::WouldBlock)
                || message.tag == Tag::refusal(Error::TimedOut);
            if !is_nothing {
                return message;
            }
        }
    }

    fn try_receive(self) -> Incoming {
        self.pool.turn();
        self.source.try_receive()
    }

    fn reply(self, reply: Message) {
        self.source.reply(reply);
    }

    fn deliver(self, reply: Message) -> Result<(), Gone> {
        self.source.deliver(reply)
    }

    fn reply_receive(self, reply: Message, used_words: usize) -> Incoming {
        if self.pool.is_quiet() {
            return self.source.reply_receive(reply, used_words);
        }
        self.source.reply(reply);
        self.receive()
    }
}

/// How events reach the tasks and the server.
pub(super) struct TaskEars<'p, 'a, E> {
    pool: &'p Pool<'a>,
    events: &'a E,
}

impl<'p, 'a, E> TaskEars<'p, 'a, E> {
    pub(super) const fn new(pool: &'p Pool<'a>, events: &'a E) -> TaskEars<'p, 'a, E> {
        TaskEars { pool, events }
    }
}

impl<'a, S, E: AsyncEvents> Ears<Tasks<'a, S>> for TaskEars<'_, 'a, E> {
    fn signal(&self, _tasks: &mut Tasks<'a, S>, bits: u64) {
        WAITING.raise(bits);
    }

    fn disconnect(&self, _tasks: &mut Tasks<'a, S>, client: u8) {
        self.pool.disconnect(client);
        self.events.on_disconnect(client);
    }

    fn fault(&self, _tasks: &mut Tasks<'a, S>, fault: Fault) -> FaultAnswer {
        self.events.on_fault(fault)
    }
}
