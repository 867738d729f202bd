//! The run queues of a core: one per priority, of contexts whose threads can run or help, and one bit
//! each that says whether it is empty.
//!
//! A context that is preempted comes first in its queue, and most are taken out again before anything
//! else happens to the queues. So it stays *ahead* of them (`core_state::AHEAD`), less important than
//! the current context and at least as important as all others that are queued; whatever looks at the
//! queues or adds to them puts it where it belongs first ([`Kernel::settle_ahead`]).

use crate::kernel::Kernel;
use crate::memory::{Fields, Memory};
use crate::object::{Context, Core, Field, Number, PRIORITIES, context, core_state};
use crate::timer::entry_of;

impl<M: Memory + Copy> Kernel<M> {
    /// Queues `context`, whose thread can run or helps, behind the others of its priority; or lets it
    /// wait for its refill.
    pub(crate) fn make_ready(&self, context: Number<Context>) {
        if self.memory.get(context, context::BUDGET) != 0 && self.wait_for_refill(context) {
            return;
        }
        self.enqueue_last(context);
    }

    /// The same, whatever is left of its budget.
    pub(crate) fn enqueue_last(&self, context: Number<Context>) {
        self.settle_ahead();
        let (head, tail) = self.queue_of(context);
        let last: Number<Context> = self.memory.link(self.core(), tail);
        self.memory.set_link(context, context::PREV, last);
        self.memory
            .set_link(context, context::NEXT, Number::<Context>::NONE);
        if last.is_none() {
            self.memory.set_link(self.core(), head, context);
        } else {
            self.memory.set_link(last, context::NEXT, context);
        }
        self.memory.set_link(self.core(), tail, context);
        self.mark_queued(context);
    }

    /// The context that is ahead of the queues goes where it belongs.
    #[inline(always)]
    pub(crate) fn settle_ahead(&self) {
        if self.memory.get(self.core(), core_state::AHEAD) != 0 {
            self.place_ahead();
        }
    }

    #[inline(never)]
    fn place_ahead(&self) {
        let ahead: Number<Context> = self.memory.link(self.core(), core_state::AHEAD);
        self.memory.set(self.core(), core_state::AHEAD, 0);
        self.enqueue_first(ahead);
    }

    /// Takes the context that is ahead of the queues; none if none is.
    #[inline(always)]
    pub(crate) fn take_ahead(&self) -> Number<Context> {
        let ahead: Number<Context> = self.memory.link(self.core(), core_state::AHEAD);
        if !ahead.is_none() {
            self.memory.set(self.core(), core_state::AHEAD, 0);
            self.memory.set(ahead, context::QUEUED, 0);
        }
        ahead
    }

    /// Lets `context`, just preempted and at least as important as all that are queued, be ahead of
    /// them. No other is.
    #[inline(always)]
    pub(crate) fn put_ahead(&self, context: Number<Context>) {
        self.memory
            .set_link(self.core(), core_state::AHEAD, context);
        self.memory.set(context, context::QUEUED, 1);
    }

    /// Queues `context` before the others of its priority: it was interrupted by a higher one.
    pub(crate) fn make_ready_first(&self, context: Number<Context>) {
        self.settle_ahead();
        self.enqueue_first(context);
    }

    fn enqueue_first(&self, context: Number<Context>) {
        let (head, tail) = self.queue_of(context);
        let first: Number<Context> = self.memory.link(self.core(), head);
        self.memory.set_link(context, context::NEXT, first);
        self.memory
            .set_link(context, context::PREV, Number::<Context>::NONE);
        if first.is_none() {
            self.memory.set_link(self.core(), tail, context);
        } else {
            self.memory.set_link(first, context::PREV, context);
        }
        self.memory.set_link(self.core(), head, context);
        self.mark_queued(context);
    }

    #[inline(always)]
    fn mark_queued(&self, context: Number<Context>) {
        self.memory.set(context, context::QUEUED, 1);
        let (word, bit) = ready_bit(self.memory.get(context, context::PRIORITY));
        let ready = self.memory.get(self.core(), word);
        self.memory.set(self.core(), word, ready | bit);
    }

    /// Takes `context` out of its run queue or wheel, if it is in one.
    pub(crate) fn unqueue(&self, context: Number<Context>) {
        if self.memory.get(context, context::BUDGET) != 0 {
            self.stop_timer(entry_of(context));
        }
        if self.memory.get(context, context::QUEUED) == 0 {
            return;
        }
        self.settle_ahead();
        let (head, tail) = self.queue_of(context);
        let next: Number<Context> = self.memory.link(context, context::NEXT);
        let prev: Number<Context> = self.memory.link(context, context::PREV);
        if prev.is_none() {
            self.memory.set_link(self.core(), head, next);
        } else {
            self.memory.set_link(prev, context::NEXT, next);
        }
        if next.is_none() {
            self.memory.set_link(self.core(), tail, prev);
        } else {
            self.memory.set_link(next, context::PREV, prev);
        }
        self.memory.set(context, context::NEXT, 0);
        self.memory.set(context, context::PREV, 0);
        self.memory.set(context, context::QUEUED, 0);
        if prev.is_none() && next.is_none() {
            self.clear_ready(self.memory.get(context, context::PRIORITY));
        }
    }

    /// The highest priority of which a context is queued.
    #[inline(always)]
    pub(crate) fn first_priority(&self) -> Option<u64> {
        let ready = |word| self.memory.get(self.core(), core_state::READY.at(word));
        // Word by word rather than in a loop: this is on the way of every thread that waits.
        let (last, bits) = match (ready(3), ready(2), ready(1), ready(0)) {
            (0, 0, 0, 0) => return None,
            (0, 0, 0, bits) => (63, bits),
            (0, 0, bits, _) => (127, bits),
            (0, bits, _, _) => (191, bits),
            (bits, _, _, _) => (255, bits),
        };
        Some(last ^ u64::from(bits.leading_zeros()))
    }

    /// Takes the first context of the queue of `priority`, which is not empty.
    #[inline(always)]
    pub(crate) fn take_first(&self, priority: u64) -> Number<Context> {
        let (head, tail) = queue_ends(priority);
        let first: Number<Context> = self.memory.link(self.core(), head);
        let next: Number<Context> = self.memory.link(first, context::NEXT);
        self.memory.set_link(self.core(), head, next);
        if next.is_none() {
            self.memory.set(self.core(), tail, 0);
            self.clear_ready(priority);
        } else {
            self.memory.set(next, context::PREV, 0);
            self.want_slice();
        }
        self.memory.set(first, context::NEXT, 0);
        self.memory.set(first, context::QUEUED, 0);
        first
    }

    #[inline(always)]
    fn clear_ready(&self, priority: u64) {
        let (word, bit) = ready_bit(priority);
        let ready = self.memory.get(self.core(), word);
        self.memory.set(self.core(), word, ready & !bit);
    }

    /// Takes the context that is first in its turn; none if nothing is queued.
    pub(crate) fn take_next(&self) -> Number<Context> {
        self.settle_ahead();
        match self.first_priority() {
            Some(priority) => self.take_first(priority),
            None => Number::NONE,
        }
    }

    #[inline(always)]
    fn queue_of(&self, context: Number<Context>) -> (Field<Core>, Field<Core>) {
        queue_ends(self.memory.get(context, context::PRIORITY))
    }
}

const PRIORITY_MASK: u64 = PRIORITIES - 1;

/// Where the queue of `priority` begins and ends.
#[inline(always)]
pub(crate) fn queue_ends(priority: u64) -> (Field<Core>, Field<Core>) {
    let priority = priority & PRIORITY_MASK;
    (
        core_state::QUEUE_HEAD.at(priority),
        core_state::QUEUE_TAIL.at(priority),
    )
}

/// Which word of the core, and which bit of it, says that contexts of `priority` are queued.
#[inline(always)]
fn ready_bit(priority: u64) -> (Field<Core>, u64) {
    let priority = priority & PRIORITY_MASK;
    (core_state::READY.at(priority / 64), 1 << (priority % 64))
}
