//! Who runs: run queues of scheduling contexts, one queue per priority and core.
//!
//! A context is *current* (`core_state::CONTEXT`), *queued* (its `RUNNING` thread can run, or helps),
//! waiting for a *refill* of its budget (`budget.rs`), or at rest (its `RUNNING` thread waits, or is
//! stopped). The fast path moves the current context from caller to server and back without a store,
//! so the current context's `RUNNING` and its thread's `CONTEXT` are stale until [`Kernel::settle`]
//! writes them, which every switch to another context does first.
//!
//! ```text
//!            make_ready                 switch_to
//!  at rest ─────────────▶ queued ───────────────────▶ current
//!     ▲   ╲               ▲  │ unqueue                   │ │
//!     │    ▼ no budget    │  │                           │ │ budget used up
//!     │    refill ────────┘  │                           │ └──────────────▶ refill
//!     └──────────────────────┴───────── settle ──────────┘
//! ```
//!
//! The *payer* is the context whose priority counts and whose budget is used: the current one, or
//! that of a caller who helps (`help.rs`).

use crate::kernel::{Answer, Kernel, Outcome};
use crate::memory::{Fields, Memory};
use crate::object::{Context, Number, Thread, context, core_state, state, thread, timed};
use crate::run_queue::queue_ends;
use crate::timer::{OFF, entry_of};

impl<M: Memory + Copy> Kernel<M> {
    /// The context that is being used; none when idle.
    #[must_use]
    #[inline(always)]
    pub fn current_context(&self) -> Number<Context> {
        self.memory.link(self.core(), core_state::CONTEXT)
    }

    /// Whether `thread` could run if it had time.
    #[must_use]
    #[inline(always)]
    pub fn is_runnable(&self, thread: Number<Thread>) -> bool {
        self.memory.get(thread, thread::WAIT) == 0
            && self.memory.get(thread, thread::STATE) == state::LIVE
    }

    /// Writes down who runs on the current context.
    #[inline(always)]
    pub(crate) fn settle(&self) {
        let context = self.current_context();
        let thread = self.current();
        if !context.is_none() && !thread.is_none() {
            self.attach(thread, context);
        }
    }

    /// Lets `thread` hold `context`.
    #[inline(always)]
    pub(crate) fn attach(&self, thread: Number<Thread>, context: Number<Context>) {
        self.memory.set_link(thread, thread::CONTEXT, context);
        self.memory.set_link(context, context::RUNNING, thread);
    }

    /// The context that pays: whose priority counts, and whose budget is used.
    #[inline(always)]
    pub(crate) fn payer(&self) -> Number<Context> {
        let helper: Number<Context> = self.memory.link(self.core(), core_state::HELPER);
        if helper.is_none() {
            self.current_context()
        } else {
            helper
        }
    }

    /// The timer may have to be set now that `payer` of `priority` pays: for a budget, or the wheels
    /// of bands that did not count until now.
    #[inline(always)]
    pub(crate) fn note_payer(&self, payer: Number<Context>, priority: u64) {
        let calm = self.memory.get(self.core(), core_state::CALM);
        if self.memory.get(payer, context::BUDGET) != 0 || priority < calm {
            self.mark_time();
        }
    }

    /// Leaves the current context at rest (its thread waits, or holds it no longer) and uses the
    /// most important queued one, or idles. Answers success, for callers to hand on.
    pub(crate) fn switch_to_next(&self) -> Outcome {
        if self.use_ahead() {
            return self.done();
        }
        if self.memory.get(self.core(), core_state::HELPER) != 0 {
            return self.stop_and_switch();
        }
        match self.first_priority() {
            Some(priority) => self.switch_to_first(priority),
            None => self.idle(),
        }
    }

    /// Uses the context that is ahead of the queues, if one is: then nobody helps.
    #[inline(always)]
    fn use_ahead(&self) -> bool {
        let ahead = self.take_ahead();
        if ahead.is_none() {
            return false;
        }
        let thread: Number<Thread> = self.memory.link(ahead, context::RUNNING);
        self.use_context(ahead, thread, self.memory.get(ahead, context::PRIORITY));
        true
    }

    /// [`Kernel::block`] of a thread that makes a system call, where who was preempted last goes on at
    /// once.
    #[inline(always)]
    pub(crate) fn block_caller(&self, caller: Number<Thread>) -> Outcome {
        self.attach(caller, self.current_context());
        if self.use_ahead() {
            return Outcome::DONE;
        }
        self.switch_to_next()
    }

    /// The same for a thread that was helped: the way out chooses who runs.
    #[cold]
    #[inline(never)]
    fn stop_and_switch(&self) -> Outcome {
        self.stop_helping();
        self.mark_pending();
        self.idle()
    }

    /// Nothing can run.
    pub(crate) fn idle(&self) -> Outcome {
        self.memory.set(self.core(), core_state::CONTEXT, 0);
        self.memory.set(self.core(), core_state::CURRENT, 0);
        self.mark_time();
        self.done()
    }

    /// Uses the first context of the queue of `priority`, which is not empty.
    #[inline(always)]
    fn switch_to_first(&self, priority: u64) -> Outcome {
        let next = self.take_first(priority);
        let thread: Number<Thread> = self.memory.link(next, context::RUNNING);
        if self.memory.get(thread, thread::WAIT) != 0 {
            return self.help_later(next);
        }
        self.use_context(next, thread, priority);
        self.done()
    }

    /// `thread` runs on `context`, which is in no queue and has this `priority`.
    #[inline(always)]
    pub(crate) fn use_context(
        &self,
        context: Number<Context>,
        thread: Number<Thread>,
        priority: u64,
    ) {
        self.memory
            .set_link(self.core(), core_state::CONTEXT, context);
        self.memory
            .set_link(self.core(), core_state::CURRENT, thread);
        self.note_payer(context, priority);
    }

    /// The current thread waits: rests its context and lets another run.
    #[inline]
    pub(crate) fn block(&self) -> Outcome {
        self.settle();
        self.switch_to_next()
    }

    /// Lets a queued context of higher priority than the payer's run.
    pub fn preempt(&self) {
        self.settle_ahead();
        let Some(first) = self.first_priority() else {
            return;
        };
        let payer = self.payer();
        if payer.is_none() {
            self.switch_to_next();
            return;
        }
        let priority = self.memory.get(payer, context::PRIORITY);
        if first > priority {
            self.settle();
            let current = self.current_context();
            if self.memory.get(self.core(), core_state::HELPER) == 0 {
                self.make_ready_first(current);
                self.switch_to_first(first);
            } else {
                // The refill of what its thread was lent may have come: that may be first now.
                self.make_ready(current);
                self.stop_and_switch();
            }
        } else if first == priority {
            self.want_slice();
        }
    }

    /// `yield`.
    ///
    /// # Errors
    ///
    /// None.
    pub fn r#yield(&self) -> Answer {
        self.rotate().into()
    }

    /// Puts the payer behind the others of its priority.
    #[inline(always)]
    pub fn rotate(&self) -> Outcome {
        let current = self.current_context();
        if current.is_none() {
            return Outcome::DONE;
        }
        let is_helped = self.memory.get(self.core(), core_state::HELPER) != 0;
        if is_helped || self.memory.get(current, context::BUDGET) != 0 {
            return self.rotate_payer();
        }
        let (head, tail) = queue_ends(self.memory.get(current, context::PRIORITY));
        let next: Number<Context> = self.memory.link(self.core(), head);
        if next.is_none() {
            return Outcome::DONE;
        }
        let thread: Number<Thread> = self.memory.link(next, context::RUNNING);
        if self.memory.get(next, context::BUDGET) | self.memory.get(thread, thread::WAIT) != 0 {
            return self.rotate_payer();
        }
        self.attach(self.current(), current);
        // The first of the queue goes, the current one comes last: the queue stays as full.
        let second: Number<Context> = self.memory.link(next, context::NEXT);
        if second.is_none() {
            self.memory.set_link(self.core(), head, current);
            self.memory.set(current, context::PREV, 0);
        } else {
            let last: Number<Context> = self.memory.link(self.core(), tail);
            self.memory.set_link(self.core(), head, second);
            self.memory.set(second, context::PREV, 0);
            self.memory.set_link(last, context::NEXT, current);
            self.memory.set_link(current, context::PREV, last);
        }
        self.memory.set_link(self.core(), tail, current);
        self.memory.set(current, context::NEXT, 0);
        self.memory.set(current, context::QUEUED, 1);
        self.memory.set(next, context::NEXT, 0);
        self.memory.set(next, context::QUEUED, 0);
        self.memory.set_link(self.core(), core_state::CONTEXT, next);
        self.memory
            .set_link(self.core(), core_state::CURRENT, thread);
        self.want_slice();
        Outcome::DONE
    }

    /// The same in any case.
    #[cold]
    #[inline(never)]
    fn rotate_payer(&self) -> Outcome {
        let payer = self.payer();
        if payer.is_none() {
            return self.done();
        }
        let priority = self.memory.get(payer, context::PRIORITY);
        if self.memory.get(self.core(), queue_ends(priority).0) == 0 {
            return self.done();
        }
        self.settle();
        let current = self.current_context();
        if payer != current {
            self.memory.set(self.core(), core_state::HELPER, 0);
            self.make_ready(current);
        }
        self.make_ready(payer);
        self.switch_to_next();
        self.want_slice();
        self.done()
    }

    /// `thread`, which waited for a notification, goes on at once in place of `running`, if it is the
    /// usual case: more important, and nothing else about either. Answers whether it does.
    ///
    /// The current context is the most important of those that can run: so it is when a call or an
    /// interrupt begins.
    #[inline(always)]
    pub(crate) fn switch_at_once(&self, running: Number<Thread>, thread: Number<Thread>) -> bool {
        let context: Number<Context> = self.memory.link(thread, thread::CONTEXT);
        let current = self.current_context();
        let others = self.memory.get(self.core(), core_state::HELPER)
            | self.memory.get(self.core(), core_state::AHEAD);
        if running.is_none() || context.is_none() || others != 0 {
            return false;
        }
        let priority = self.memory.get(context, context::PRIORITY);
        let less = self.memory.get(current, context::PRIORITY);
        let unusual = self.memory.get(context, context::BUDGET)
            | self.memory.get(thread, thread::SPECIAL)
            | self.memory.get(thread, thread::CALLER);
        let calm = self.memory.get(self.core(), core_state::CALM);
        // Whoever waits for a notification is alive.
        let is_usual = unusual == 0 && priority > less && less >= calm;
        if !is_usual {
            return false;
        }
        self.memory.set(thread, thread::WAIT, 0);
        self.attach(running, current);
        self.put_ahead(current);
        self.memory
            .set_link(self.core(), core_state::CONTEXT, context);
        self.memory
            .set_link(self.core(), core_state::CURRENT, thread);
        true
    }

    /// Another context of the running priority waits: a slice begins, unless one runs.
    #[inline(always)]
    pub(crate) fn want_slice(&self) {
        if self.memory.get(self.core(), core_state::SLICE) == 0 {
            self.mark_time();
        }
    }

    /// When the slice of the payer, which has this `priority`, ends; [`OFF`] if it has the priority
    /// to itself. A slice begins when it is first asked for.
    pub(crate) fn slice_of(&self, payer: Number<Context>, priority: u64, now: u64) -> u64 {
        let slice = self.memory.get(self.core(), core_state::SLICE);
        if slice != 0 {
            return slice;
        }
        let is_shared = self.memory.get(self.core(), queue_ends(priority).0) != 0;
        let is_draining = self.memory.get(self.core(), core_state::DRAIN) != 0;
        if !is_shared && !is_draining {
            return OFF;
        }
        let end = now.wrapping_add(self.memory.get(self.core(), core_state::SLICE_TICKS));
        self.memory.set(self.core(), core_state::SLICE, end);
        self.memory
            .set_link(self.core(), core_state::SLICE_CONTEXT, payer);
        end
    }

    /// Ends the slice if it is over: its context goes behind the others of its priority. A context
    /// that came to run meanwhile gets a slice of its own first.
    pub(crate) fn end_slice(&self, now: u64) {
        let slice = self.memory.get(self.core(), core_state::SLICE);
        if slice == 0 || now < slice {
            return;
        }
        self.memory.set(self.core(), core_state::SLICE, 0);
        let whose: Number<Context> = self.memory.link(self.core(), core_state::SLICE_CONTEXT);
        if whose == self.payer() {
            self.rotate_payer();
        }
    }

    /// Lets `thread`, which no longer waits, run when its turn comes: on `context`, or, if that is
    /// none, on its own, or, if it has none, not before it gets one. A stopped thread only keeps the context.
    pub(crate) fn resume_on(&self, thread: Number<Thread>, context: Number<Context>) {
        self.memory.set(thread, thread::WAIT, 0);
        self.forget_deadline(thread);
        let context = if context.is_none() {
            self.own_idle_context(thread)
        } else {
            context
        };
        self.memory.set_link(thread, thread::CONTEXT, context);
        if context.is_none() {
            return;
        }
        self.memory.set_link(context, context::RUNNING, thread);
        if self.memory.get(thread, thread::CALLER) != 0 {
            self.mark_own_time(thread, context);
            self.wake_helpers(thread);
        }
        if self.is_runnable(thread) {
            self.make_ready(context);
        }
    }

    /// The context that `thread` owns, if nobody uses it: not current, not queued, not lent.
    pub(crate) fn own_idle_context(&self, thread: Number<Thread>) -> Number<Context> {
        let own: Number<Context> = self.memory.link(thread, thread::OWN_CONTEXT);
        if own.is_none() || own == self.current_context() {
            return Number::NONE;
        }
        let running: Number<Thread> = self.memory.link(own, context::RUNNING);
        let is_queued = self.memory.get(own, context::QUEUED)
            | self.memory.get(entry_of(own), timed::SLOT)
            != 0;
        if !is_queued && (running == thread || running.is_none()) {
            own
        } else {
            Number::NONE
        }
    }
}
