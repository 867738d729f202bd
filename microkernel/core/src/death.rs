//! A death is an event: whoever waits on something that goes away is woken and told.
//!
//! Each function here does a bounded part of taking one object out of everything that refers to it;
//! `destroy.rs` calls them until nothing is left.

use ipc_abi::debug::thread_flag::INCARNATION_SHIFT;
use ipc_abi::error::Error;

use crate::kernel::Kernel;
use crate::memory::{Fields, Memory};
use crate::message::HANDLE;
use crate::object::{
    CORES_MAX, Context, Endpoint, Gate, Notification, Number, Reply, Thread, context, core_state,
    endpoint, notification, reply, sending, special, state, thread, wait,
};

impl<M: Memory + Copy> Kernel<M> {
    /// Wakes `thread`, which waits for nothing any more (its links are undone), with `error`: on
    /// `context`. A thread whose fault nobody will answer stops instead.
    pub(crate) fn wake_refused(
        &self,
        thread: Number<Thread>,
        context: Number<Context>,
        error: Error,
    ) {
        if self.memory.get(thread, thread::SENDING) == sending::FAULT {
            self.memory.set(thread, thread::SENDING, sending::CALL);
            self.memory.set(thread, thread::STATE, state::STOPPED);
        } else {
            self.refuse_waiter(thread, error);
        }
        self.resume_on(thread, context);
    }

    /// Tells `thread`, whose message call waited, that it was refused. What it sent is not in its
    /// registers any more if it went by the fast path, so they are zero in any case.
    #[inline(never)]
    pub(crate) fn refuse_waiter(&self, thread: Number<Thread>, error: Error) {
        self.clear_words(thread, 0);
        self.refuse(thread, error);
    }

    /// Undoes whatever `thread`, which is not the current thread, waits for. It then waits for
    /// nothing and is in no queue. Returns the context that it holds, at rest; none if it has none.
    pub(crate) fn abandon_wait(&self, thread: Number<Thread>) -> Number<Context> {
        debug_assert!(thread != self.current());
        self.forget_deadline(thread);
        let waits = self.memory.get(thread, thread::WAIT);
        let held = self.memory.link(thread, thread::CONTEXT);
        let result = match waits & wait::REASON {
            wait::SEND => {
                self.dequeue_sender(thread, Number::from_raw(waits));
                held
            }
            wait::RECEIVE => {
                self.remove_server(thread);
                self.memory.link(thread, thread::OWN_CONTEXT)
            }
            wait::NOTIFICATION => {
                self.memory
                    .set(Number::from_raw(waits), notification::WAITER, 0);
                held
            }
            wait::REPLY | wait::SLOW_REPLY => {
                let server: Number<Thread> = Number::from_raw(waits);
                let lent = self.take_back(server);
                self.memory.set(server, thread::CALLER, 0);
                self.set_special(server, special::CALLER_GONE);
                lent
            }
            wait::SLEEP => held,
            wait::SAVED | wait::SAVED_FAULT => {
                let reply: Number<Reply> = Number::from_raw(waits);
                self.unlink_reply(reply, thread);
                self.memory.set(reply, reply::STALE, 1);
                held
            }
            _ => {
                if !held.is_none() {
                    self.unqueue(held);
                }
                held
            }
        };
        self.memory.set(thread, thread::WAIT, 0);
        result
    }

    /// Tells the caller that `server` serves that its server went away, and gives it its time back.
    pub(crate) fn lose_server(&self, server: Number<Thread>) {
        let caller: Number<Thread> = self.memory.marked_link(server, thread::CALLER);
        if caller.is_none() {
            return;
        }
        let lent = self.take_back(server);
        self.memory.set(server, thread::CALLER, 0);
        self.memory.set(caller, thread::WAIT, 0);
        let context = if lent.is_none() {
            self.own_idle_context(caller)
        } else {
            lent
        };
        self.tell_of_death(caller, context, server);
    }

    /// Wakes `caller`, whose links are undone, on `context`: nobody will answer, and which incarnation of
    /// the server would have.
    #[inline(never)]
    fn tell_of_death(
        &self,
        caller: Number<Thread>,
        context: Number<Context>,
        server: Number<Thread>,
    ) {
        let is_fault = self.memory.get(caller, thread::SENDING) == sending::FAULT;
        self.wake_refused(caller, context, Error::Died);
        if !is_fault {
            let incarnation = self.memory.get(server, thread::FLAGS) >> INCARNATION_SHIFT;
            self.set_register(caller, HANDLE, incarnation);
        }
    }

    /// Stops `thread`, which is not the current thread: what it waits for is abandoned, who waits for
    /// it is told. When it goes on, its call was refused with `Died`.
    pub(crate) fn stop_thread(&self, thread: Number<Thread>) {
        self.lose_server(thread);
        // Sleep is a function call, and ends as if it had lasted.
        let waits = self.memory.get(thread, thread::WAIT);
        let was_waiting = waits != 0 && waits != wait::SLEEP;
        let is_fault = self.memory.get(thread, thread::SENDING) == sending::FAULT;
        let context = self.abandon_wait(thread);
        if was_waiting && !is_fault {
            self.refuse_waiter(thread, Error::Died);
        }
        self.complete_frame(thread);
        self.rest_stopped(thread, context);
        self.preempt();
    }

    /// `thread`, which waits for nothing and serves nobody, is stopped; the context it held, if any,
    /// goes back.
    pub(crate) fn rest_stopped(&self, thread: Number<Thread>, held: Number<Context>) {
        self.memory.set(thread, thread::SENDING, sending::CALL);
        self.memory.set(thread, thread::STATE, state::STOPPED);
        self.memory.set(thread, thread::CONTEXT, 0);
        self.clear_special(thread, special::CALLER_GONE | special::OWN_TIME);
        if !held.is_none() {
            self.release_context(held);
        }
    }

    /// Takes `thread`, which was stopped and has no identity any more, out of everything that
    /// `stop_thread` and its table, space and buffer do not cover. Returns whether it is done; each step tells one caller
    /// that the thread saved.
    pub(crate) fn detach_thread(&self, thread: Number<Thread>) -> bool {
        let saved: Number<Reply> = self.memory.link(thread, thread::REPLIES);
        if !saved.is_none() {
            self.abandon_saved(saved);
            self.preempt();
            return false;
        }
        let own: Number<Context> = self.memory.link(thread, thread::OWN_CONTEXT);
        if !own.is_none() {
            self.memory.set(thread, thread::OWN_CONTEXT, 0);
            self.memory.set(own, context::OWNER, 0);
            if self.memory.link(own, context::RUNNING) == thread {
                self.memory.set(own, context::RUNNING, 0);
            }
        }
        let bound: Number<Notification> = self.memory.link(thread, thread::BOUND);
        if !bound.is_none() {
            self.memory.set(bound, notification::BOUND, 0);
            self.memory.set(thread, thread::BOUND, 0);
        }
        true
    }

    /// The caller that `reply` holds is told that nobody will answer.
    fn abandon_saved(&self, reply: Number<Reply>) {
        let caller: Number<Thread> = self.memory.link(reply, reply::CALLER);
        let server: Number<Thread> = self.memory.link(reply, reply::SERVER);
        self.unlink_reply(reply, caller);
        self.memory.set(caller, thread::WAIT, 0);
        let context = self.memory.link(caller, thread::CONTEXT);
        self.tell_of_death(caller, context, server);
    }

    /// A reply object goes away; so does the hope of the caller it holds.
    pub(crate) fn detach_reply(&self, reply: Number<Reply>) {
        if self.memory.get(reply, reply::CALLER) != 0 {
            self.abandon_saved(reply);
            self.preempt();
        }
    }

    /// Takes a context that goes away out of all that is not about who runs on it.
    fn retire_context(&self, context: Number<Context>) {
        let owner: Number<Thread> = self.memory.link(context, context::OWNER);
        if !owner.is_none() {
            self.memory.set(owner, thread::OWN_CONTEXT, 0);
            self.memory.set(context, context::OWNER, 0);
        }
        self.leave_allowance(context);
        let forget = |field| {
            if self.memory.link(self.core(), field) == context {
                self.memory.set(self.core(), field, 0);
                self.mark_time();
            }
        };
        forget(core_state::HELPER);
        forget(core_state::BILLED);
        forget(core_state::SLICE_CONTEXT);
    }

    /// A context goes away: whoever uses it goes on with its own, or waits until it gets one.
    pub(crate) fn detach_context(&self, context: Number<Context>) {
        self.retire_context(context);
        if context == self.current_context() {
            self.stop_helping();
            let user = self.current();
            if self.memory.get(user, thread::CALLER) != 0 {
                self.set_special(user, special::OWN_TIME);
            }
            self.memory.set(self.core(), core_state::CONTEXT, 0);
            self.continue_on_own(user);
            return;
        }
        self.unqueue(context);
        let user: Number<Thread> = self.memory.link(context, context::RUNNING);
        self.memory.set(context, context::RUNNING, 0);
        if user.is_none() || self.memory.link(user, thread::CONTEXT) != context {
            return;
        }
        if self.memory.get(user, thread::CALLER) != 0 {
            self.set_special(user, special::OWN_TIME);
        }
        let own = self.own_idle_context(user);
        self.memory.set_link(user, thread::CONTEXT, own);
        if !own.is_none() && self.is_runnable(user) {
            self.resume_on(user, own);
        }
        // Also if it only helped: whoever it helped is less important now.
        self.preempt();
    }

    /// Whether nothing refers to `endpoint` nor did: no gate, nobody who waits there, no server that
    /// took a call. Then its first unit is all of it that is not zero.
    #[inline(always)]
    pub(crate) fn is_idle(&self, endpoint: Number<Endpoint>) -> bool {
        const { assert!(CORES_MAX == 8) };
        let two = |core: u64| {
            let core = core.wrapping_mul(2);
            self.memory.get(endpoint, endpoint::SERVERS.at(core))
                | self.memory.get(endpoint, endpoint::TAKEN.at(core))
        };
        // Core by core rather than in a loop, which would take longer than everything else.
        self.memory.get(endpoint, endpoint::WAITING) == 0
            && self.memory.get(endpoint, endpoint::GATES) == 0
            && two(0) | two(1) | two(2) | two(3) | two(4) | two(5) | two(6) | two(7) == 0
    }

    /// An endpoint is dead from now on: the servers that wait there are set apart, so that no call
    /// finds them. Its identity is 0 already.
    pub(crate) fn kill_endpoint(&self, endpoint: Number<Endpoint>) {
        const CORES: u64 = CORES_MAX as u64;
        for index in self.memory.at_most::<CORES>(0..CORES) {
            let servers = endpoint::SERVERS.at(index.wrapping_mul(2));
            let first = self.memory.get(endpoint, servers);
            self.memory
                .set(endpoint, endpoint::DYING_SERVERS.at(index), first);
            self.memory.set(endpoint, servers, 0);
        }
    }

    /// Tells one thread that waits at a dead endpoint, and returns true; false if none waits.
    pub(crate) fn drain_endpoint(&self, endpoint: Number<Endpoint>) -> bool {
        let sender = self.first_sender(endpoint);
        let thread = if sender.is_none() {
            self.first_server(endpoint)
        } else {
            sender
        };
        self.drain_waiter(thread)
    }

    /// Tells one thread that waits to send through a dead gate, and returns true; false if none
    /// waits.
    pub(crate) fn drain_gate(&self, gate: Number<Gate>) -> bool {
        self.drain_waiter(self.first_through(gate))
    }

    /// Tells the thread that waits for a dead notification, and unbinds the thread it is bound to.
    pub(crate) fn detach_notification(&self, target: Number<Notification>) {
        let bound: Number<Thread> = self.memory.link(target, notification::BOUND);
        if !bound.is_none() {
            self.clear_special(bound, special::SIGNALLED);
            self.memory.set(bound, thread::BOUND, 0);
            self.memory.set(target, notification::BOUND, 0);
        }
        self.drain_waiter(self.memory.link(target, notification::WAITER));
    }

    fn drain_waiter(&self, thread: Number<Thread>) -> bool {
        if thread.is_none() {
            return false;
        }
        let context = self.abandon_wait(thread);
        self.wake_refused(thread, context, Error::Died);
        self.preempt();
        true
    }
}
