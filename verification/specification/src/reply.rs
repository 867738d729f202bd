//! Answering: at once, or later through a reply object.
//!
//! A reply goes to the thread that waits for it and to nobody else: when that one goes away, the reply is
//! dropped.

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;
use ipc_abi::fault::FaultReply;
use ipc_abi::tag::Tag;

use crate::capability::Answer;
use crate::state::{Message, Number, State, Wait};

impl State {
    /// `reply`: it needs time of its own to go on.
    pub(crate) fn reply(&mut self, server: Number) -> Result<(), Error> {
        if self.threads[&server].own.is_none() {
            return Err(Error::NoTime);
        }
        self.check_reply(server)?;
        let caller = self.answer_caller(server);
        self.accept(server);
        self.hand_back(server, caller);
        self.continue_on(server, None);
        Ok(())
    }

    /// Checks that the running thread can give a reply: to its caller, or to one that went away.
    pub(crate) fn check_reply(&self, server: Number) -> Result<(), Error> {
        match self.caller_of(server) {
            Some(caller) => self.check_answer(server, caller),
            None if self.threads[&server].is_caller_gone => Ok(()),
            None => Err(Error::NoCaller),
        }
    }

    /// Checks that the message of `server` can answer `caller`: a fault takes a method that it knows and
    /// nothing that needs the kernel's help.
    fn check_answer(&self, server: Number, caller: Number) -> Result<(), Error> {
        let tag = self.tag_of(server);
        if !self.is_faulted(caller) {
            return self.check_outgoing(server, tag, self.may_grant_reply(caller));
        }
        let is_plain = tag.into_raw() & Tag::SLOW_BITS == 0;
        match FaultReply::from_raw(tag.method()) {
            Some(_) if is_plain => Ok(()),
            Some(_) | None => Err(Error::BadArgument),
        }
    }

    /// Gives the caller of `server` the reply, which was checked: the answer is that caller, which waits
    /// no more; none if it went away.
    pub(crate) fn answer_caller(&mut self, server: Number) -> Option<Number> {
        let caller = self.caller_of(server);
        match caller {
            Some(caller) => self.give_answer(server, caller),
            None => self.thread(server).is_caller_gone = false,
        }
        caller
    }

    /// Writes the reply into the registers of `caller`, which waits no more. One without a buffer for a
    /// long reply learns that; the server is not troubled.
    fn give_answer(&mut self, server: Number, caller: Number) {
        let tag = self.tag_of(server);
        if self.is_faulted(caller) {
            self.finish_fault(caller, server, tag);
        } else if tag.is_long() && self.threads[&caller].buffer.is_none() {
            self.refuse_waiter(caller, Error::NoBuffer);
        } else {
            self.deliver(server, caller, tag, 0);
        }
        self.end_wait(caller);
    }

    /// `reply_to`. That a saved caller went away is told once.
    pub(crate) fn reply_to(&mut self, server: Number) -> Result<(), Error> {
        let reply = self.find(self.handle_of(server), Kind::Reply, Rights::WRITE)?;
        let Some(caller) = self.saved_in(reply) else {
            let it = self.reply_object(reply);
            let was_stale = core::mem::take(&mut it.is_stale);
            return Err(if was_stale {
                Error::Died
            } else {
                Error::NoCaller
            });
        };
        self.check_answer(server, caller)?;
        self.reply_object(reply).server = None;
        self.give_answer(server, caller);
        self.accept(server);
        self.resume_on(caller, self.threads[&caller].context);
        self.preempt();
        Ok(())
    }

    /// The caller that a reply object holds.
    pub(crate) fn saved_in(&self, reply: Number) -> Option<Number> {
        let is_saved = |wait: &Wait| matches!(wait, Wait::Saved { reply: it, .. } if *it == reply);
        self.threads
            .iter()
            .find(|(_, it)| is_saved(&it.wait))
            .map(|(number, _)| *number)
    }

    /// `save_caller`: the caller has its time back, and the server goes on with its own; also with
    /// `Died`, which says that the caller went away.
    pub(crate) fn save_caller(&mut self, server: Number, handle: u64) -> Answer {
        let reply = self.find(handle, Kind::Reply, Rights::WRITE)?;
        if self.saved_in(reply).is_some() {
            return Err(Error::InUse);
        }
        if self.threads[&server].own.is_none() {
            return Err(Error::NoTime);
        }
        let Some(caller) = self.caller_of(server) else {
            if !self.threads[&server].is_caller_gone {
                return Err(Error::NoCaller);
            }
            self.thread(server).is_caller_gone = false;
            self.hand_back(server, None);
            self.continue_on(server, None);
            return Err(Error::Died);
        };
        if let Wait::Reply { what, .. } = self.threads[&caller].wait {
            self.save(server, caller, reply, what);
        }
        Ok(0)
    }

    fn save(&mut self, server: Number, caller: Number, reply: Number, what: Message) {
        self.thread(caller).wait = Wait::Saved { reply, what };
        let it = self.reply_object(reply);
        it.server = Some(server);
        it.is_stale = false;
        let lent = self.take_lent(server);
        let context = lent.or_else(|| self.own_at_rest(caller));
        self.thread(caller).context = context;
        self.continue_on(server, None);
    }
}
