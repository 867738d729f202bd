//! Answering a caller: now, or later through a reply object.

use ipc_abi::capability::Rights;
use ipc_abi::error::Error;
use ipc_abi::fault::FaultReply;
use ipc_abi::tag::Tag;

use crate::kernel::{Answer, Kernel};
use crate::memory::{Fields, Memory};
use crate::object::{Number, Reply, Thread, context, reply, special, thread, wait};

impl<M: Memory + Copy> Kernel<M> {
    /// `reply`.
    pub(crate) fn reply(&self, server: Number<Thread>) -> Result<(), Error> {
        if self.memory.get(server, thread::OWN_CONTEXT) == 0 {
            return Err(Error::NoTime);
        }
        self.check_reply(server)?;
        let caller = self.answer_caller(server);
        self.accept(server);
        self.hand_back(server, caller);
        self.continue_on_own(server);
        Ok(())
    }

    /// Checks that the current thread's reply can be given.
    #[inline(always)]
    pub(crate) fn check_reply(&self, server: Number<Thread>) -> Result<(), Error> {
        let caller: Number<Thread> = self.memory.marked_link(server, thread::CALLER);
        if caller.is_none() {
            let special = self.memory.get(server, thread::SPECIAL);
            let is_gone = special & special::CALLER_GONE != 0;
            return if is_gone {
                Ok(())
            } else {
                Err(Error::NoCaller)
            };
        }
        let is_fault = self.memory.get(caller, thread::WAIT) & wait::REASON == wait::SLOW_REPLY;
        self.check_answer(server, caller, is_fault)
    }

    /// Checks that the message of `server` can answer `caller`, whose call or fault it was.
    #[inline(never)]
    pub(crate) fn check_answer(
        &self,
        server: Number<Thread>,
        caller: Number<Thread>,
        is_fault: bool,
    ) -> Result<(), Error> {
        let tag = self.tag_of(server);
        if is_fault {
            let is_plain = tag.into_raw() & Tag::SLOW_BITS == 0;
            let is_known = FaultReply::from_raw(tag.method()).is_some();
            return if is_plain && is_known {
                Ok(())
            } else {
                Err(Error::BadArgument)
            };
        }
        self.check_outgoing(server, tag, self.may_grant_reply(caller))
    }

    /// Gives the caller of `server` the reply, which was checked. Returns the caller, which waits no
    /// more; none if it is gone, and the reply with it.
    #[inline(always)]
    pub(crate) fn answer_caller(&self, server: Number<Thread>) -> Number<Thread> {
        let caller: Number<Thread> = self.memory.marked_link(server, thread::CALLER);
        if caller.is_none() {
            self.clear_special(server, special::CALLER_GONE);
            return Number::NONE;
        }
        let is_fault = self.memory.get(caller, thread::WAIT) & wait::REASON == wait::SLOW_REPLY;
        self.memory.set(server, thread::CALLER, 0);
        self.memory.set(caller, thread::WAIT, 0);
        self.forget_deadline(caller);
        self.give_answer(server, caller, is_fault);
        caller
    }

    /// Writes the reply into the registers of `caller`.
    pub(crate) fn give_answer(
        &self,
        server: Number<Thread>,
        caller: Number<Thread>,
        is_fault: bool,
    ) {
        let tag = self.tag_of(server);
        if is_fault {
            self.finish_fault(caller, server, tag);
        } else if tag.is_long() && self.memory.get(caller, thread::BUFFER) == 0 {
            self.refuse_waiter(caller, Error::NoBuffer);
        } else {
            self.deliver(server, caller, tag, 0);
        }
    }

    /// `reply_to`.
    pub(crate) fn reply_to(&self, server: Number<Thread>) -> Result<(), Error> {
        let reply = self.find_seldom::<Reply>(self.handle_of(server), Rights::WRITE)?;
        let caller: Number<Thread> = self.memory.link(reply, reply::CALLER);
        if caller.is_none() {
            let is_stale = self.memory.get(reply, reply::STALE) != 0;
            self.memory.set(reply, reply::STALE, 0);
            return Err(if is_stale {
                Error::Died
            } else {
                Error::NoCaller
            });
        }
        let is_fault = self.memory.get(caller, thread::WAIT) & wait::REASON == wait::SAVED_FAULT;
        self.check_answer(server, caller, is_fault)?;
        self.unlink_reply(reply, caller);
        self.memory.set(caller, thread::WAIT, 0);
        self.give_answer(server, caller, is_fault);
        self.accept(server);
        self.resume_on(caller, self.memory.link(caller, thread::CONTEXT));
        self.preempt();
        Ok(())
    }

    /// `save_caller`: the reply object `handle` takes the current caller, which gets its time back;
    /// the server goes on with its own.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `WRITE`), `InUse` if the object holds a caller, `NoTime` if the
    /// server owns no context, `NoCaller`, `Died` if the caller went away.
    pub fn save_caller(&self, handle: u64) -> Answer {
        let server = self.current();
        let reply = self.find_seldom::<Reply>(handle, Rights::WRITE)?;
        if self.memory.get(reply, reply::CALLER) != 0 {
            return Err(Error::InUse);
        }
        if self.memory.get(server, thread::OWN_CONTEXT) == 0 {
            return Err(Error::NoTime);
        }
        let caller: Number<Thread> = self.memory.marked_link(server, thread::CALLER);
        if caller.is_none() {
            let special = self.memory.get(server, thread::SPECIAL);
            if special & special::CALLER_GONE == 0 {
                return Err(Error::NoCaller);
            }
            self.clear_special(server, special::CALLER_GONE);
            self.hand_back(server, Number::NONE);
            self.continue_on_own(server);
            return Err(Error::Died);
        }
        let is_fault = self.memory.get(caller, thread::WAIT) & wait::REASON == wait::SLOW_REPLY;
        let reason = if is_fault {
            wait::SAVED_FAULT
        } else {
            wait::SAVED
        };
        self.memory.set(server, thread::CALLER, 0);
        self.memory
            .set(caller, thread::WAIT, reason | reply.into_raw());
        self.link_reply(reply, caller, server);
        let lent = self.take_lent(server);
        let context = if lent.is_none() {
            self.own_idle_context(caller)
        } else {
            lent
        };
        self.memory.set_link(caller, thread::CONTEXT, context);
        if !context.is_none() {
            self.memory.set_link(context, context::RUNNING, caller);
        }
        self.continue_on_own(server);
        Ok(0)
    }
}
