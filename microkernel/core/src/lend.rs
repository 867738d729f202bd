//! Lending time: the context of a caller goes to its server with the call and comes back with the
//! reply, or when the server goes away.
//!
//! A thread uses the context that its caller *lent* it, or its *own*. Along a chain of calls from a
//! context's owner, only the last thread can run, and it uses the context; the fast path writes
//! nothing of this down, so who lent what is found by walking the chain ([`CHAIN_LIMIT`] links).

use crate::kernel::Kernel;
use crate::memory::{Fields, Memory};
use crate::object::{Context, Number, Thread, context, core_state, special, thread, wait};

/// How many links of a chain of calls are followed to find a lent context. Further ones leave the
/// lender without time until the context comes back by itself.
pub const CHAIN_LIMIT: u64 = 16;

impl<M: Memory + Copy> Kernel<M> {
    /// Makes `server` serve `caller`, for a reply of the kind `reason`.
    #[inline(always)]
    pub(crate) fn link_call(&self, caller: Number<Thread>, server: Number<Thread>, reason: u64) {
        // With the marks of the server's link word, so that the fast path finds the very same word.
        let link = self.memory.get(server, thread::LINK) & !wait::REASON;
        self.memory.set(caller, thread::WAIT, reason | link);
        self.memory.set(
            server,
            thread::CALLER,
            self.memory.get(caller, thread::LINK),
        );
        self.memory.set(server, thread::WAIT, 0);
    }

    /// `next` goes on with the current context.
    #[inline(always)]
    pub(crate) fn run_in_place_of_current(&self, next: Number<Thread>) {
        self.memory.set_link(self.core(), core_state::CURRENT, next);
    }

    /// Takes from `server`, the current thread, the context that it uses and does not own; none if it
    /// uses its own.
    pub(crate) fn take_lent(&self, server: Number<Thread>) -> Number<Context> {
        self.stop_helping();
        let current = self.current_context();
        if current == self.memory.link(server, thread::OWN_CONTEXT) {
            self.clear_special(server, special::OWN_TIME);
            return Number::NONE;
        }
        self.memory.set(self.core(), core_state::CONTEXT, 0);
        current
    }

    /// `server`, the current thread, no longer serves: what it was lent goes back with `caller`, who
    /// can run again, or, if that is none, to its owner.
    pub(crate) fn hand_back(&self, server: Number<Thread>, caller: Number<Thread>) {
        let lent = self.take_lent(server);
        if !caller.is_none() {
            let context = if lent.is_none() {
                self.own_idle_context(caller)
            } else {
                lent
            };
            self.resume_on(caller, context);
        } else if !lent.is_none() {
            self.release_context(lent);
        }
    }

    /// The current thread `server` goes on with `context`; with its own if that is none; or, if it has
    /// none, when it gets one.
    pub(crate) fn continue_on(&self, server: Number<Thread>, context: Number<Context>) {
        let context = if context.is_none() {
            self.memory.link(server, thread::OWN_CONTEXT)
        } else {
            context
        };
        if context.is_none() {
            self.memory.set(server, thread::CONTEXT, 0);
            self.switch_to_next();
            return;
        }
        self.stop_helping();
        self.mark_own_time(server, context);
        let used = self.current_context();
        if used != context {
            if !used.is_none() {
                self.memory.set_link(used, context::RUNNING, server);
            }
            let priority = self.memory.get(context, context::PRIORITY);
            self.use_context(context, server, priority);
            self.attach(server, context);
        }
        self.preempt();
    }

    /// `thread` goes on with `context`. If that is its own while it serves a caller, the fast path must
    /// not give it away with the answer.
    pub(crate) fn mark_own_time(&self, thread: Number<Thread>, context: Number<Context>) {
        let is_own = context == self.memory.link(thread, thread::OWN_CONTEXT);
        if is_own && self.memory.get(thread, thread::CALLER) != 0 {
            self.set_special(thread, special::OWN_TIME);
        }
    }

    /// [`Kernel::continue_on`] its own context.
    pub(crate) fn continue_on_own(&self, server: Number<Thread>) {
        self.continue_on(server, Number::NONE);
    }

    /// Nobody uses `context` any more, which is in no queue: it goes back to its owner, or to the end
    /// of the chain of calls that its owner made; who runs on it if it can run and has no other.
    pub(crate) fn release_context(&self, context: Number<Context>) {
        let owner: Number<Thread> = self.memory.link(context, context::OWNER);
        self.memory.set_link(context, context::RUNNING, owner);
        if owner.is_none() {
            return;
        }
        let Some(end) = self.chain_end(owner) else {
            return;
        };
        let held: Number<Context> = self.memory.link(end, thread::CONTEXT);
        if end != self.current() && self.is_runnable(end) && held.is_none() {
            self.resume_on(end, context);
        }
    }

    /// The last thread of the chain of calls that begins with `first`; `None` if the chain is longer
    /// than [`CHAIN_LIMIT`].
    fn chain_end(&self, first: Number<Thread>) -> Option<Number<Thread>> {
        let mut end = first;
        // Hidden from the compiler, which would write the body as often.
        let links = core::hint::black_box(CHAIN_LIMIT);
        for _ in self.memory.at_most::<CHAIN_LIMIT>(0..links) {
            let waits = self.memory.get(end, thread::WAIT);
            let reason = waits & wait::REASON;
            if reason != wait::REPLY && reason != wait::SLOW_REPLY {
                return Some(end);
            }
            end = Number::from_raw(waits);
        }
        None
    }

    /// Whether a thread of the chain of calls that begins with `first` owns `context`.
    fn is_owned_along(&self, context: Number<Context>, first: Number<Thread>) -> bool {
        let mut user = first;
        // Hidden from the compiler, which would write the body as often.
        let links = core::hint::black_box(CHAIN_LIMIT);
        for _ in self.memory.at_most::<CHAIN_LIMIT>(0..links) {
            if self.memory.link(user, thread::OWN_CONTEXT) == context {
                return true;
            }
            let waits = self.memory.get(user, thread::WAIT);
            let reason = waits & wait::REASON;
            if reason != wait::REPLY && reason != wait::SLOW_REPLY {
                return false;
            }
            user = Number::from_raw(waits);
        }
        false
    }

    /// Takes back the context that flowed into `server` from its caller, from whoever uses it now at
    /// the end of the chain of calls that `server` made, if that thread can go on with a context of
    /// its own. None if not, and the context comes back when its user answers.
    pub(crate) fn take_back(&self, server: Number<Thread>) -> Number<Context> {
        let Some(user) = self.chain_end(server) else {
            return Number::NONE;
        };
        let is_current = user == self.current();
        let used: Number<Context> = if is_current {
            self.current_context()
        } else {
            self.memory.link(user, thread::CONTEXT)
        };
        let own = self.own_idle_context(user);
        if used.is_none() || own.is_none() || self.is_owned_along(used, server) {
            return Number::NONE;
        }
        if self.memory.get(user, thread::CALLER) != 0 {
            self.set_special(user, special::OWN_TIME);
        }
        if is_current {
            self.stop_helping();
            self.memory.set(self.core(), core_state::CONTEXT, 0);
            self.continue_on_own(user);
        } else {
            self.end_help(used);
            self.attach(user, own);
            if self.is_runnable(user) {
                self.make_ready(own);
            }
        }
        used
    }

    /// Keeps `thread` off the fast path for the reasons `bits`.
    #[inline(always)]
    pub(crate) fn set_special(&self, thread: Number<Thread>, bits: u64) {
        let special = self.memory.get(thread, thread::SPECIAL);
        self.memory.set(thread, thread::SPECIAL, special | bits);
    }

    /// Takes the reasons `bits` away.
    #[inline(always)]
    pub(crate) fn clear_special(&self, thread: Number<Thread>, bits: u64) {
        let special = self.memory.get(thread, thread::SPECIAL);
        if special & bits != 0 {
            self.memory.set(thread, thread::SPECIAL, special & !bits);
        }
    }
}
