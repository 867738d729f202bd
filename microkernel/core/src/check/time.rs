//! Who runs, who pays, and what happens when.

use ipc_abi::capability::Kind;

use super::{Checked, Tallies, Tally, ensure};
use crate::allowance::{CHILDREN, CONTEXTS};
use crate::kernel::Kernel;
use crate::list::List;
use crate::memory::{Fields, Memory};
use crate::object::context::REFILLS_MAX;
use crate::object::{
    Allowance, BANDS, Context, Field, Number, PRIORITIES, Thread, Timed, allowance, context,
    core_state, pending, special, thread, timed, wait,
};
use crate::timer::{MAP_WORDS, OFF, SLOTS, band_of, entry_of, mark_of};

/// Threads and contexts.
impl<M: Memory + Copy> Kernel<M> {
    /// A thread that can run and has time is current, or its context is queued or waits for a refill.
    /// A thread has a deadline exactly if it waits with one.
    pub(super) fn check_time(&self, thread: Number<Thread>, tallies: &mut Tallies) -> Checked {
        let at = thread.into_raw();
        let is_timed = self.memory.get(entry_of(thread), timed::SLOT) != 0;
        let special = self.memory.get(thread, thread::SPECIAL);
        let is_waiting = self.memory.get(thread, thread::WAIT) != 0;
        ensure(
            is_timed == (special & special::DEADLINE != 0) && (is_waiting || !is_timed),
            "a thread with a deadline waits",
            at,
        )?;
        tallies.timers.members = tallies.timers.members.wrapping_add(u64::from(is_timed));
        if thread == self.current() {
            return ensure(self.is_runnable(thread), "the current thread can run", at);
        }
        let context: Number<Context> = self.memory.link(thread, thread::CONTEXT);
        if !self.is_runnable(thread) || context.is_none() {
            return Ok(());
        }
        let is_context = self.is_object(context.into_raw(), Kind::SchedulingContext);
        ensure(is_context, "a thread runs on a context", at)?;
        let running: Number<Thread> = self.memory.link(context, context::RUNNING);
        let is_queued = self.memory.get(context, context::QUEUED) == 1
            || self.memory.get(entry_of(context), timed::SLOT) != 0;
        ensure(
            running == thread && is_queued,
            "a thread that can run is queued",
            at,
        )
    }

    pub(super) fn check_context(&self, context: Number<Context>, tallies: &mut Tallies) -> Checked {
        let at = context.into_raw();
        let priority = self.memory.get(context, context::PRIORITY);
        ensure(priority < PRIORITIES, "a priority is below 256", at)?;
        let is_queued = self.memory.get(context, context::QUEUED);
        ensure(is_queued <= 1, "QUEUED is 0 or 1", at)?;
        tallies.contexts.members = tallies.contexts.members.wrapping_add(is_queued);
        self.count_member(context, context::ALLOWANCE, &mut tallies.allowance_contexts);
        let owner: Number<Thread> = self.memory.link(context, context::OWNER);
        if !owner.is_none() {
            let is_thread = self.is_object(owner.into_raw(), Kind::Thread);
            ensure(is_thread, "a context's owner is a thread", at)?;
            let own: Number<Context> = self.memory.link(owner, thread::OWN_CONTEXT);
            ensure(own == context, "the owner of a context knows it", at)?;
        }
        let running: Number<Thread> = self.memory.link(context, context::RUNNING);
        let is_current = context == self.current_context();
        if !running.is_none() && !is_current {
            let is_thread = self.is_object(running.into_raw(), Kind::Thread);
            ensure(is_thread, "who runs on a context is a thread", at)?;
        }
        if self.memory.get(entry_of(context), timed::SLOT) != 0 {
            tallies.timers.members = tallies.timers.members.wrapping_add(1);
            let is_budgeted = self.memory.get(context, context::BUDGET) != 0;
            ensure(
                is_budgeted && is_queued == 0 && self.is_wanted(context),
                "a context that waits for a refill is wanted",
                at,
            )?;
        }
        self.check_refills(context)
    }

    /// Whether the thread of `context` would use its time: it can run, or helps whom it waits for.
    fn is_wanted(&self, context: Number<Context>) -> bool {
        let running: Number<Thread> = self.memory.link(context, context::RUNNING);
        if running.is_none() {
            return false;
        }
        let waits = self.memory.get(running, thread::WAIT) & wait::REASON;
        self.is_runnable(running) || waits == wait::SEND
    }

    /// The refills add up to the budget, and are in order.
    fn check_refills(&self, context: Number<Context>) -> Checked {
        let at = context.into_raw();
        let budget = self.memory.get(context, context::BUDGET);
        let count = self.memory.get(context, context::REFILL_COUNT);
        let is_sound = count <= REFILLS_MAX && (count == 0) == (budget == 0);
        ensure(is_sound, "a context with a budget has refills", at)?;
        let first = self.memory.get(context, context::REFILL_FIRST);
        let (mut sum, mut last) = (0_u64, 0);
        for index in 0..count {
            let place = first.wrapping_add(index) & (REFILLS_MAX - 1);
            let when = context::REFILLS.at(place.wrapping_mul(2));
            let amount = context::REFILLS.at(place.wrapping_mul(2).wrapping_add(1));
            let when = self.memory.get(context, when);
            ensure(when >= last, "refills are in order", at)?;
            last = when;
            sum = sum.wrapping_add(self.memory.get(context, amount));
        }
        ensure(sum == budget, "refills add up to the budget", at)
    }

    /// What was made from an allowance of time knows it, and the shares add up.
    pub(super) fn check_time_allowance(
        &self,
        allowance: Number<Allowance>,
        tallies: &mut Tallies,
    ) -> Checked {
        let at = allowance.into_raw();
        let priority = self.memory.get(allowance, allowance::LIMIT);
        let unlimited = self.memory.get(allowance, allowance::UNLIMITED);
        let is_ordered = unlimited <= priority && priority < PRIORITIES;
        ensure(is_ordered, "a priority is below 256", at)?;
        self.check_list(
            &CONTEXTS,
            allowance,
            context::ALLOWANCE,
            &mut tallies.allowance_contexts,
        )?;
        self.check_list(
            &CHILDREN,
            allowance,
            allowance::PARENT,
            &mut tallies.allowance_children,
        )?;
        self.count_member(
            allowance,
            allowance::PARENT,
            &mut tallies.allowance_children,
        );
        let mut sum = self.memory.get(allowance, allowance::COUNT);
        let mut context: Number<Context> = self.memory.link(allowance, allowance::CONTEXTS);
        while !context.is_none() {
            sum = sum.wrapping_add(self.memory.get(context, context::SHARE));
            context = self.memory.link(context, context::ALLOWANCE_NEXT);
        }
        let mut child: Number<Allowance> = self.memory.link(allowance, allowance::CHILDREN);
        while !child.is_none() {
            sum = sum.wrapping_add(self.memory.get(child, allowance::SHARE));
            child = self.memory.link(child, allowance::NEXT);
        }
        let share = self.memory.get(allowance, allowance::SHARE);
        ensure(sum == share, "the shares of an allowance add up", at)
    }
}

/// The way out.
impl<M: Memory + Copy> Kernel<M> {
    /// What holds when user code goes on, or the core sleeps: nobody more important is queued, no
    /// helper is to be woken, and the timer fires no later than something has to happen.
    ///
    /// # Errors
    ///
    /// The first rule that does not hold.
    pub fn check_leaving(&self) -> Checked {
        let field = |field| self.memory.get(self.core(), field);
        let at = self.current().into_raw();
        let left = field(core_state::PENDING);
        ensure(
            left & (pending::TIME | pending::TIMER) == 0,
            "the way out looked at the time",
            at,
        )?;
        ensure(
            field(core_state::EFFECT_COUNT) == 0,
            "the way out performed what was left",
            at,
        )?;
        let is_drained = field(core_state::DRAIN) == 0;
        ensure(
            is_drained || left & pending::WORK != 0,
            "the next way out goes on with dying objects",
            at,
        )?;
        ensure(
            field(core_state::WOKEN_COUNT) == 0,
            "the way out woke the helpers",
            at,
        )?;
        let payer = self.payer();
        let priority = if payer.is_none() {
            None
        } else {
            Some(self.memory.get(payer, context::PRIORITY))
        };
        let first = self.first_priority();
        ensure(
            first <= priority,
            "nobody more important than who runs is queued",
            at,
        )?;
        self.check_timer(priority, first == priority || !is_drained)
    }

    /// The timer is set for the end of the slice and of the budget, and for the wheels that count.
    fn check_timer(&self, priority: Option<u64>, is_sliced: bool) -> Checked {
        let field = |field| self.memory.get(self.core(), field);
        let armed = field(core_state::ARMED);
        let at = self.current().into_raw();
        for band in priority.map_or(0, band_of)..BANDS {
            let is_set = armed <= self.next_event(band) || armed <= self.first_time(band);
            ensure(is_set, "the timer is set for the wheels", band)?;
        }
        if priority.is_none() {
            return Ok(());
        }
        let slice = field(core_state::SLICE);
        ensure(
            !is_sliced || slice != 0 && armed <= slice,
            "the timer is set for the end of the slice",
            at,
        )?;
        let billed: Number<Context> = self.memory.link(self.core(), core_state::BILLED);
        let is_in_time =
            billed.is_none() || armed <= self.budget_end(billed, field(core_state::STARTED));
        ensure(is_in_time, "the timer is set for the end of the budget", at)
    }
}

/// Wheels.
impl<M: Memory + Copy> Kernel<M> {
    /// The first time of all entries of a wheel, [`OFF`] if it is empty. Its first slot may begin
    /// before: who fires in between looks there, too.
    fn first_time(&self, band: u64) -> u64 {
        let mut first = OFF;
        for slot in 0..SLOTS {
            let index = band.wrapping_mul(SLOTS).wrapping_add(slot);
            let head = core_state::WHEEL.at(index);
            let mut element: Number<Timed> = self.memory.link(self.core(), head);
            while !element.is_none() {
                first = first.min(self.memory.get(element, timed::WHEN));
                element = self.memory.link(element, timed::NEXT);
            }
        }
        first
    }
}

/// The core.
impl<M: Memory + Copy> Kernel<M> {
    /// What the core runs, its run queues, and its wheels.
    pub(super) fn check_core(&self, tallies: &mut Tallies) -> Checked {
        let current = self.current();
        let context = self.current_context();
        let at = current.into_raw();
        ensure(
            current.is_none() == context.is_none(),
            "a thread runs on a context",
            at,
        )?;
        if !current.is_none() {
            ensure(
                self.is_object(at, Kind::Thread),
                "the current thread is one",
                at,
            )?;
            let is_context = self.is_object(context.into_raw(), Kind::SchedulingContext);
            ensure(is_context, "the current context is one", at)?;
            let is_queued = self.memory.get(context, context::QUEUED);
            ensure(is_queued == 0, "the current context is not queued", at)?;
            let serves = self.memory.get(current, thread::CALLER) != 0;
            let is_own = context == self.memory.link(current, thread::OWN_CONTEXT);
            let special = self.memory.get(current, thread::SPECIAL);
            let is_marked = special & special::OWN_TIME != 0;
            ensure(
                is_marked || !serves || !is_own,
                "who serves on its own time says so",
                at,
            )?;
        }
        let owner: Number<Thread> = self.memory.link(self.core(), core_state::FLOATING_OWNER);
        if !owner.is_none() {
            let is_thread = self.is_object(owner.into_raw(), Kind::Thread);
            let is_alive = is_thread && self.memory.get(owner, thread::ID) != 0;
            ensure(
                is_alive,
                "floating-point registers are a living thread's",
                at,
            )?;
        }
        self.check_payer()?;
        for priority in 0..PRIORITIES {
            self.check_run_queue(priority, &mut tallies.contexts)?;
        }
        self.check_ahead(&mut tallies.contexts)?;
        for band in 0..BANDS {
            self.check_wheel(band, &mut tallies.timers)?;
        }
        Ok(())
    }

    /// Who helps waits to send; who pays is billed if it has a budget, once the way out saw it.
    fn check_payer(&self) -> Checked {
        let helper: Number<Context> = self.memory.link(self.core(), core_state::HELPER);
        let at = helper.into_raw();
        if !helper.is_none() {
            let is_context = self.is_object(at, Kind::SchedulingContext);
            ensure(is_context, "a helper is a context", at)?;
            let sender: Number<Thread> = self.memory.link(helper, context::RUNNING);
            let waits = self.memory.get(sender, thread::WAIT) & wait::REASON;
            let is_apart = self.memory.get(helper, context::QUEUED) == 0
                && helper != self.current_context()
                && !self.current_context().is_none();
            ensure(
                waits == wait::SEND && is_apart,
                "who helps waits to send",
                at,
            )?;
        }
        if self.memory.get(self.core(), core_state::PENDING) & pending::TIME != 0 {
            return Ok(());
        }
        let payer = self.payer();
        let billed: Number<Context> = self.memory.link(self.core(), core_state::BILLED);
        let is_budgeted = !payer.is_none() && self.memory.get(payer, context::BUDGET) != 0;
        let expected = if is_budgeted { payer } else { Number::NONE };
        ensure(billed == expected, "who has a budget is billed", at)
    }

    fn check_run_queue(&self, priority: u64, tally: &mut Tally) -> Checked {
        let head: Field<_> = core_state::QUEUE_HEAD.at(priority);
        let mut last: Number<Context> = Number::NONE;
        let mut element: Number<Context> = self.memory.link(self.core(), head);
        while !element.is_none() {
            let at = element.into_raw();
            let is_right = self.is_object(at, Kind::SchedulingContext)
                && self.memory.get(element, context::QUEUED) == 1
                && self.memory.get(element, context::PRIORITY) == priority;
            ensure(is_right, "a run queue holds contexts of its priority", at)?;
            let back: Number<Context> = self.memory.link(element, context::PREV);
            ensure(
                back == last,
                "a queued context leads back to the one before",
                at,
            )?;
            ensure(
                self.is_wanted(element),
                "a queued context's thread can run, or helps",
                at,
            )?;
            tally.reached = tally.reached.wrapping_add(1);
            last = element;
            element = self.memory.link(element, context::NEXT);
        }
        let tail: Number<Context> = self
            .memory
            .link(self.core(), core_state::QUEUE_TAIL.at(priority));
        ensure(tail == last, "a run queue ends with its tail", priority)?;
        let word = self
            .memory
            .get(self.core(), core_state::READY.at(priority / 64));
        let is_noted = word & 1 << (priority % 64) != 0;
        ensure(
            is_noted != last.is_none(),
            "READY says which queues are not empty",
            priority,
        )
    }

    /// The context ahead of the queues is a queued one, whose thread can run, less important than who
    /// pays and at least as important as all in the queues.
    fn check_ahead(&self, tally: &mut Tally) -> Checked {
        let ahead: Number<Context> = self.memory.link(self.core(), core_state::AHEAD);
        if ahead.is_none() {
            return Ok(());
        }
        let at = ahead.into_raw();
        tally.reached = tally.reached.wrapping_add(1);
        let is_queued = self.is_object(at, Kind::SchedulingContext)
            && self.memory.get(ahead, context::QUEUED) == 1
            && self.memory.get(ahead, context::NEXT) == 0
            && self.memory.get(ahead, context::PREV) == 0;
        ensure(is_queued, "what is ahead of the queues is in none", at)?;
        let running: Number<Thread> = self.memory.link(ahead, context::RUNNING);
        ensure(
            !running.is_none() && self.is_runnable(running),
            "what is ahead of the queues can run",
            at,
        )?;
        let priority = self.memory.get(ahead, context::PRIORITY);
        let is_helped = self.memory.get(self.core(), core_state::HELPER) != 0;
        ensure(!is_helped, "nobody helps while a context is ahead", at)?;
        let is_first = self.first_priority().is_none_or(|first| first <= priority);
        let payer = self.payer();
        let is_less = !payer.is_none() && priority < self.memory.get(payer, context::PRIORITY);
        ensure(
            is_first && is_less,
            "what is ahead is between who pays and the queues",
            at,
        )
    }

    fn check_wheel(&self, band: u64, tally: &mut Tally) -> Checked {
        let mut is_empty = true;
        for slot in 0..SLOTS {
            let index = band.wrapping_mul(SLOTS).wrapping_add(slot);
            let list: List<_, Timed> = List {
                head: core_state::WHEEL.at(index),
                next: timed::NEXT,
                prev: timed::PREV,
            };
            let mut last: Number<Timed> = Number::NONE;
            let mut element: Number<Timed> = self.memory.link(self.core(), list.head);
            while !element.is_none() {
                let at = element.into_raw();
                let mark = self.memory.get(element, timed::SLOT);
                ensure(mark == mark_of(band, slot), "an entry knows its slot", at)?;
                let back: Number<Timed> = self.memory.link(element, timed::PREV);
                ensure(back == last, "an entry leads back to the one before", at)?;
                tally.reached = tally.reached.wrapping_add(1);
                last = element;
                element = self.memory.link(element, timed::NEXT);
            }
            let word = band.wrapping_mul(MAP_WORDS).wrapping_add(slot / 64);
            let map = self.memory.get(self.core(), core_state::WHEEL_MAP.at(word));
            let is_noted = map & 1 << (slot % 64) != 0;
            ensure(
                is_noted != last.is_none(),
                "the map says which slots are not empty",
                index,
            )?;
            is_empty &= last.is_none();
        }
        let timed = self.memory.get(self.core(), core_state::TIMED);
        ensure(
            (timed & 1 << band == 0) == is_empty,
            "TIMED says which wheels are not empty",
            band,
        )
    }
}
