//! Who runs.
//!
//! The right to use the core is a scheduling context, and a thread runs on the one that it *holds*. A
//! context is current, or wants the core ([`State::ready`]), or waits for a refill of its budget, or
//! rests. The one that *pays* is never less important than one that is ready, and those that are equally
//! important take turns.
//!
//! A context goes to the front of its equals when a more important one takes the core away from it, and
//! behind them when it comes to be ready, yields, or its turn is over.

use crate::state::{Band, Number, Running, State, Wait};

/// Priorities in a band, as a power of two.
const BAND_SHIFT: u32 = 5;

/// The band of a priority.
#[must_use]
pub const fn band_of(priority: u64) -> Band {
    priority >> BAND_SHIFT
}

impl State {
    /// The context whose priority counts and whose budget is used.
    #[must_use]
    pub fn payer(&self) -> Option<Number> {
        self.running.as_ref().map(Running::payer)
    }

    /// The band of the priority that counts.
    pub(crate) fn current_band(&self) -> Band {
        self.payer()
            .map_or(0, |payer| band_of(self.contexts[&payer].priority))
    }

    /// Whether the payer shares its priority with a context that is ready.
    pub(crate) fn is_shared(&self) -> bool {
        let first = self.ready.first().map(|it| self.contexts[it].priority);
        let payer = self.payer().map(|it| self.contexts[&it].priority);
        payer.is_some() && first == payer
    }

    /// Whether a thread would run if it had the core.
    pub(crate) fn is_runnable(&self, thread: Number) -> bool {
        let it = &self.threads[&thread];
        it.wait == Wait::Nothing && it.life == crate::state::Life::Live
    }

    /// The thread that owns a context.
    pub(crate) fn owner_of(&self, context: Number) -> Option<Number> {
        let is_owner = |thread: &crate::state::Thread| thread.own == Some(context);
        self.threads
            .iter()
            .find(|(_, it)| is_owner(it))
            .map(|(number, _)| *number)
    }

    /// The thread that holds a context.
    pub(crate) fn holder_of(&self, context: Number) -> Option<Number> {
        let is_holder = |thread: &crate::state::Thread| thread.context == Some(context);
        self.threads
            .iter()
            .find(|(_, it)| is_holder(it))
            .map(|(number, _)| *number)
    }

    /// Whether a context wants the core, or will when its budget is refilled.
    pub(crate) fn is_waiting_for_core(&self, context: Number) -> bool {
        self.ready.contains(&context) || self.contexts[&context].is_refilling
    }

    /// The context that a thread owns, if nobody else holds it and it rests.
    pub(crate) fn own_at_rest(&self, thread: Number) -> Option<Number> {
        let own = self.threads[&thread].own?;
        let is_current = self.running.is_some_and(|running| running.context == own);
        let is_lent = self.holder_of(own).is_some_and(|holder| holder != thread);
        (!is_current && !is_lent && !self.is_waiting_for_core(own)).then_some(own)
    }

    /// `context` becomes ready, behind its equals.
    pub(crate) fn enqueue_last(&mut self, context: Number) {
        let priority = self.contexts[&context].priority;
        let place = self
            .ready
            .partition_point(|it| self.contexts[it].priority >= priority);
        self.ready.insert(place, context);
    }

    /// `context` becomes ready, before its equals.
    pub(crate) fn enqueue_first(&mut self, context: Number) {
        let priority = self.contexts[&context].priority;
        let place = self
            .ready
            .partition_point(|it| self.contexts[it].priority > priority);
        self.ready.insert(place, context);
    }

    /// `context` does not want the core any more.
    pub(crate) fn unqueue(&mut self, context: Number) {
        self.ready.retain(|it| *it != context);
        self.context(context).is_refilling = false;
    }

    /// `context` becomes ready, unless its budget is used up: then it waits for the refill.
    pub(crate) fn make_ready(&mut self, context: Number) {
        if self.has_to_refill(context) {
            self.context(context).is_refilling = true;
        } else {
            self.enqueue_last(context);
        }
    }

    /// `thread` runs on `context`, which was at rest or is current.
    pub(crate) fn run(&mut self, thread: Number, context: Number, helper: Option<Number>) {
        self.end_wait(thread);
        self.thread(thread).context = Some(context);
        self.running = Some(Running {
            thread,
            context,
            helper,
        });
    }

    /// The running thread stops running; it still holds its context, which rests. Whoever helped it wants
    /// the core again.
    pub(crate) fn stop_running(&mut self) {
        self.stop_helping();
        self.running = None;
    }

    /// If somebody helps, that ends: the helper is ready again, and finds anew whom to help.
    pub(crate) fn stop_helping(&mut self) {
        let helper = self
            .running
            .as_mut()
            .and_then(|running| running.helper.take());
        if let Some(helper) = helper {
            self.enqueue_first(helper);
        }
    }

    /// The core goes to whoever is more important than the one who pays.
    pub(crate) fn preempt(&mut self) {
        let (Some(first), Some(running)) = (self.ready.first(), self.running) else {
            return self.dispatch();
        };
        if self.contexts[first].priority <= self.contexts[&running.payer()].priority {
            return;
        }
        if running.helper.is_none() {
            self.enqueue_first(running.context);
        } else {
            self.make_ready(running.context);
        }
        self.stop_running();
        self.dispatch();
    }

    /// If nobody runs and the first context that is ready is one whose thread can run, it does.
    pub(crate) fn dispatch(&mut self) {
        let (None, Some(&first)) = (self.running, self.ready.first()) else {
            return;
        };
        if let Some(thread) = self.holder_of(first).filter(|it| self.is_runnable(*it)) {
            self.ready.remove(0);
            self.run(thread, first, None);
        }
    }

    /// `yield`: the payer goes behind its equals, if it has any.
    pub(crate) fn rotate(&mut self) {
        let Some(running) = self.running else { return };
        let payer = running.payer();
        let priority = self.contexts[&payer].priority;
        if !self
            .ready
            .iter()
            .any(|it| self.contexts[it].priority == priority)
        {
            return;
        }
        if running.helper.is_some() {
            self.make_ready(running.context);
        }
        self.make_ready(payer);
        self.running = None;
        self.dispatch();
    }

    /// A thread waits for nothing any more.
    pub(crate) fn end_wait(&mut self, thread: Number) {
        let it = self.thread(thread);
        it.wait = Wait::Nothing;
        it.deadline = None;
        it.window = 0;
        it.sent_through = None;
    }

    /// `thread`, which waits for nothing any more, will run when it is its turn: on `context`, or on its
    /// own if that is none, or, if it has none, not before it gets one. If it is stopped, it only holds
    /// the context.
    pub(crate) fn resume_on(&mut self, thread: Number, context: Option<Number>) {
        self.end_wait(thread);
        let context = context.or_else(|| self.own_at_rest(thread));
        self.thread(thread).context = context;
        let Some(context) = context else { return };
        if self.caller_of(thread).is_some() {
            self.wake_helpers(thread);
        }
        if self.is_runnable(thread) {
            self.make_ready(context);
        }
    }
}
