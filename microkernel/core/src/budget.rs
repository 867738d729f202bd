//! Budgets: how many ticks a scheduling context may use in each period.
//!
//! A budget is a *sporadic server*: what is used comes back one period after the stretch of use
//! began. A context has at most [`REFILLS_MAX`] refills, each a time and an amount, oldest first,
//! whose amounts add up to the budget; it can run while the first one's time has come. Because a
//! stretch that begins at *t* comes back at *t* + period, and takes as long to use again as it took
//! to use, no window of one period holds more than the budget. Where refills would be too many or
//! too small they are joined, at the later of their times.
//! (B. Sprunt, L. Sha, J. Lehoczky, "Aperiodic task scheduling for hard-real-time systems", 1989;
//! M. Stanovich et al., "Defects of the POSIX sporadic server and how to correct them", RTAS 2010.)
//!
//! Who pays is looked at on the way out of the kernel ([`Kernel::settle_time`]), if a context with a
//! budget pays or paid; a context without one costs nothing.
//!
//! When the budget ends in the middle of a chain of calls, a thread that owns another context goes on
//! with that, and the lender has its own back; any other thread waits for the refill. The context's
//! handler gets a signal.

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;
use ipc_abi::time::{BUDGET_TICKS_MIN, PERIOD_TICKS_MAX, share_of};

use crate::kernel::{Answer, Kernel};
use crate::memory::{Fields, Memory};
use crate::object::context::REFILLS_MAX;
use crate::object::{
    Allowance, Context, Field, Gate, Notification, Number, PRIORITIES, allowance, context,
    core_state, gate, notification, pending, timed,
};
use crate::timer::{OFF, band_of, entry_of};

/// Where refill `place` of the ring stands: its time; its amount is the word after.
const fn refill_at(place: u64) -> Field<Context> {
    context::REFILLS.at((place & (REFILLS_MAX - 1)).wrapping_mul(2))
}

/// The word after that.
const fn amount_at(place: u64) -> Field<Context> {
    context::REFILLS.at((place & (REFILLS_MAX - 1)).wrapping_mul(2).wrapping_add(1))
}

/// The calls.
impl<M: Memory + Copy> Kernel<M> {
    /// `context_configure`.
    ///
    /// # Errors
    ///
    /// Those of the handles (right `WRITE`); `BadArgument` if the allowance is not the one that the
    /// context was made from; `OutOfRange` for a priority above what it allows (without a budget:
    /// above what it allows without), for a budget below [`BUDGET_TICKS_MIN`] or above the period, and
    /// for a period above [`PERIOD_TICKS_MAX`]; `Exhausted` if the allowance's share is too small.
    pub fn context_configure(
        &self,
        handle: u64,
        allowance: u64,
        priority: u64,
        budget: u64,
        period: u64,
    ) -> Answer {
        let context = self.find_seldom::<Context>(handle, Rights::WRITE)?;
        let allowance = self.find_seldom::<Allowance>(allowance, Rights::WRITE)?;
        if self.memory.link(context, context::ALLOWANCE) != allowance {
            return Err(Error::BadArgument);
        }
        let share = self.check_grant(allowance, priority, budget, period)?;
        let left = self.memory.get(allowance, allowance::COUNT);
        let left = left.wrapping_add(self.memory.get(context, context::SHARE));
        if share > left {
            return Err(Error::Exhausted);
        }
        self.memory
            .set(allowance, allowance::COUNT, left.wrapping_sub(share));
        self.memory.set(context, context::SHARE, share);
        self.reconfigure(context, priority, budget, period);
        Ok(0)
    }

    /// Checks priority, budget and period against an allowance; answers the share that they take.
    pub(crate) fn check_grant(
        &self,
        allowance: Number<Allowance>,
        priority: u64,
        budget: u64,
        period: u64,
    ) -> Result<u64, Error> {
        let is_unlimited = budget == 0 && period == 0;
        let field = if is_unlimited {
            allowance::UNLIMITED
        } else {
            allowance::LIMIT
        };
        let is_sound = is_unlimited
            || budget >= BUDGET_TICKS_MIN && budget <= period && period <= PERIOD_TICKS_MAX;
        if priority > self.memory.get(allowance, field) || !is_sound {
            return Err(Error::OutOfRange);
        }
        Ok(if is_unlimited {
            0
        } else {
            share_of(budget, period)
        })
    }

    /// Gives a context another priority and budget, wherever it is. What it used under the old one
    /// comes back no earlier.
    fn reconfigure(&self, context: Number<Context>, priority: u64, budget: u64, period: u64) {
        let now = self.memory.now();
        if self.memory.link(self.core(), core_state::BILLED) == context {
            self.charge(context, now);
        }
        let waits = self.memory.get(context, context::QUEUED)
            | self.memory.get(entry_of(context), timed::SLOT);
        self.unqueue(context);
        let count = self.memory.get(context, context::REFILL_COUNT);
        let first = if count == 0 {
            now
        } else {
            let last = self
                .memory
                .get(context, context::REFILL_FIRST)
                .wrapping_add(count)
                .wrapping_sub(1);
            self.memory.get(context, refill_at(last)).max(now)
        };
        let count = u64::from(budget != 0);
        self.memory
            .set(context, context::PRIORITY, priority & (PRIORITIES - 1));
        self.memory.set(context, context::BUDGET, budget);
        self.memory.set(context, context::PERIOD, period);
        self.memory.set(context, context::REFILL_FIRST, 0);
        self.memory.set(context, context::REFILL_COUNT, count);
        self.memory.set(context, refill_at(0), first);
        self.memory.set(context, amount_at(0), budget);
        if waits != 0 {
            self.make_ready(context);
        }
        self.preempt();
        self.mark_time();
    }

    /// `context_set_handler`: the gate gets a signal whenever the budget is used up.
    ///
    /// # Errors
    ///
    /// Those of the handles (context: right `WRITE`; gate: right `SIGNAL`).
    pub fn context_set_handler(&self, handle: u64, gate: u64) -> Answer {
        let context = self.find_seldom::<Context>(handle, Rights::WRITE)?;
        let gate = self.find_seldom::<Gate>(gate, Rights::SIGNAL)?;
        self.memory.set_link(context, context::HANDLER, gate);
        self.memory.set(
            context,
            context::HANDLER_ID,
            self.memory.get(gate, gate::ID),
        );
        Ok(0)
    }

    /// `context_inspect`: the ticks used since the context got a budget.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `READ`).
    pub fn context_inspect(&self, handle: u64) -> Answer {
        let context = self.find_seldom::<Context>(handle, Rights::READ)?;
        let used = self.memory.get(context, context::USED);
        if self.memory.link(self.core(), core_state::BILLED) != context {
            return Ok(used);
        }
        let started = self.memory.get(self.core(), core_state::STARTED);
        Ok(used.wrapping_add(self.memory.now().wrapping_sub(started)))
    }
}

/// Refills.
impl<M: Memory + Copy> Kernel<M> {
    /// When the first refill of a context with a budget comes.
    fn first_refill(&self, context: Number<Context>) -> u64 {
        let first = self.memory.get(context, context::REFILL_FIRST);
        self.memory.get(context, refill_at(first))
    }

    /// If the first refill of `context` has not come, lets the context wait for it, and answers true.
    #[inline(never)]
    pub(crate) fn wait_for_refill(&self, context: Number<Context>) -> bool {
        let when = self.first_refill(context);
        if when <= self.memory.now() {
            return false;
        }
        let band = band_of(self.memory.get(context, context::PRIORITY));
        self.start_timer(entry_of(context), when, band);
        true
    }

    /// The first refill of `context` came.
    pub(crate) fn refilled(&self, context: Number<Context>) {
        self.make_ready(context);
    }

    /// When a context that began to run at `started` has used up what it may.
    pub(crate) fn budget_end(&self, context: Number<Context>, started: u64) -> u64 {
        let first = self.memory.get(context, context::REFILL_FIRST);
        let mut end = started;
        let count = self.memory.get(context, context::REFILL_COUNT);
        for index in self
            .memory
            .at_most::<REFILLS_MAX>(0..count.min(REFILLS_MAX))
        {
            let place = first.wrapping_add(index);
            if self.memory.get(context, refill_at(place)) > end {
                break;
            }
            end = end.wrapping_add(self.memory.get(context, amount_at(place)));
        }
        end
    }

    /// The billed `context` ran until `now`: what it used comes back a period after it began.
    pub(crate) fn charge(&self, context: Number<Context>, now: u64) {
        let started = self.memory.get(self.core(), core_state::STARTED);
        self.memory.set(self.core(), core_state::BILLED, 0);
        let used = now.wrapping_sub(started);
        let total = self.memory.get(context, context::USED).wrapping_add(used);
        self.memory.set(context, context::USED, total);
        let budget = self.memory.get(context, context::BUDGET);
        if used == 0 || budget == 0 {
            return;
        }
        let used = used.min(budget);
        self.take_from_refills(context, used);
        let period = self.memory.get(context, context::PERIOD);
        self.add_refill(context, started.wrapping_add(period), used);
        self.join_small_refills(context);
        let is_queued = self.memory.get(context, context::QUEUED) != 0;
        if is_queued && self.first_refill(context) > now {
            self.unqueue(context);
            self.make_ready(context);
        }
    }

    /// Takes `used` ticks, at most the budget, out of the first refills.
    #[inline(never)]
    fn take_from_refills(&self, context: Number<Context>, used: u64) {
        let mut left = used;
        for _ in self.memory.at_most::<REFILLS_MAX>(0..REFILLS_MAX) {
            let first = self.memory.get(context, context::REFILL_FIRST);
            let count = self.memory.get(context, context::REFILL_COUNT);
            if count == 0 || left == 0 {
                return;
            }
            let amount = self.memory.get(context, amount_at(first));
            if amount > left {
                self.memory
                    .set(context, amount_at(first), amount.wrapping_sub(left));
                return;
            }
            left = left.wrapping_sub(amount);
            self.drop_first_refill(context);
        }
    }

    fn drop_first_refill(&self, context: Number<Context>) {
        let first = self.memory.get(context, context::REFILL_FIRST);
        let count = self.memory.get(context, context::REFILL_COUNT);
        self.memory.set(context, refill_at(first), 0);
        self.memory.set(context, amount_at(first), 0);
        self.memory.set(
            context,
            context::REFILL_FIRST,
            first.wrapping_add(1) & (REFILLS_MAX - 1),
        );
        self.memory
            .set(context, context::REFILL_COUNT, count.wrapping_sub(1));
    }

    /// Adds a refill behind the others, none of which is later; joins the last one if there is no
    /// room.
    #[inline(never)]
    fn add_refill(&self, context: Number<Context>, when: u64, amount: u64) {
        let first = self.memory.get(context, context::REFILL_FIRST);
        let count = self.memory.get(context, context::REFILL_COUNT);
        let is_full = count == REFILLS_MAX;
        let count = if is_full {
            count
        } else {
            count.wrapping_add(1)
        };
        let last = first.wrapping_add(count).wrapping_sub(1);
        let joined = self.memory.get(context, amount_at(last));
        let amount = if is_full {
            joined.wrapping_add(amount)
        } else {
            amount
        };
        self.memory.set(context, context::REFILL_COUNT, count);
        self.memory.set(context, refill_at(last), when);
        self.memory.set(context, amount_at(last), amount);
    }

    /// Joins the first refills until the first is worth a run.
    #[inline(never)]
    fn join_small_refills(&self, context: Number<Context>) {
        for _ in self.memory.at_most::<REFILLS_MAX>(0..REFILLS_MAX) {
            let first = self.memory.get(context, context::REFILL_FIRST);
            let amount = self.memory.get(context, amount_at(first));
            if self.memory.get(context, context::REFILL_COUNT) <= 1 || amount >= BUDGET_TICKS_MIN {
                return;
            }
            let next = first.wrapping_add(1);
            let joined = self
                .memory
                .get(context, amount_at(next))
                .wrapping_add(amount);
            self.memory.set(context, amount_at(next), joined);
            self.drop_first_refill(context);
        }
    }
}

/// Who pays.
impl<M: Memory + Copy> Kernel<M> {
    /// On the way out: bills who paid until now, finds who pays from now on, and sets the timer. If
    /// that one's budget is used up, another pays: then `PENDING` says so, and the way out comes again.
    #[inline(never)]
    pub fn settle_time(&self) {
        let pending = self.memory.get(self.core(), core_state::PENDING);
        self.memory
            .set(self.core(), core_state::PENDING, pending & !pending::TIME);
        // A slice that it wants begins when it is taken from its queue.
        self.settle_ahead();
        let now = self.memory.now();
        let payer = self.payer();
        let billed: Number<Context> = self.memory.link(self.core(), core_state::BILLED);
        if !billed.is_none() {
            let started = self.memory.get(self.core(), core_state::STARTED);
            let end = self.budget_end(billed, started);
            if billed == payer && now < end {
                return self.arm(now, end);
            }
            self.charge(billed, now);
        }
        if payer.is_none() || self.memory.get(payer, context::BUDGET) == 0 {
            return self.arm(now, OFF);
        }
        if self.first_refill(payer) > now {
            self.exhaust(payer);
            return self.mark_time();
        }
        self.memory.set_link(self.core(), core_state::BILLED, payer);
        self.memory.set(self.core(), core_state::STARTED, now);
        self.arm(now, self.budget_end(payer, now));
    }

    /// The payer's budget is used up: who runs on it goes on with its own context, or waits.
    fn exhaust(&self, payer: Number<Context>) {
        let user = self.current();
        if payer != self.current_context() {
            self.memory.set(self.core(), core_state::HELPER, 0);
            self.make_ready(payer);
        } else if self.own_idle_context(user).is_none() {
            self.settle();
            self.make_ready(payer);
            self.switch_to_next();
        } else {
            self.memory.set(self.core(), core_state::CONTEXT, 0);
            self.continue_on_own(user);
            self.release_context(payer);
        }
        self.preempt();
        self.tell_handler(payer);
    }

    /// Signals the gate that wants to know that the budget of `context` is used up.
    fn tell_handler(&self, context: Number<Context>) {
        let gate: Number<Gate> = self.memory.link(context, context::HANDLER);
        if gate.is_none() || self.memory.kind(gate.frame()) != Kind::Gate as u8 {
            return;
        }
        if self.memory.get(gate, gate::ID) != self.memory.get(context, context::HANDLER_ID) {
            return;
        }
        let target: Number<Notification> = self.memory.link(gate, gate::NOTIFICATION);
        if !target.is_none() && self.memory.get(target, notification::ID) != 0 {
            self.raise(target, self.memory.get(gate, gate::BADGE));
        }
    }
}

/// The end of contexts.
impl<M: Memory + Copy> Kernel<M> {
    /// A context that dies gives its share back.
    pub(crate) fn leave_allowance(&self, context: Number<Context>) {
        let allowance: Number<Allowance> = self.memory.link(context, context::ALLOWANCE);
        if allowance.is_none() {
            return;
        }
        self.remove(&crate::allowance::CONTEXTS, allowance, context);
        let left = self.memory.get(allowance, allowance::COUNT);
        let share = self.memory.get(context, context::SHARE);
        self.memory
            .set(allowance, allowance::COUNT, left.wrapping_add(share));
        self.memory.set(context, context::ALLOWANCE, 0);
    }
}
