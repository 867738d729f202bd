//! Time: budgets, deadlines, turns.
//!
//! A budget is a *sporadic server*: what a context uses comes back one period after that stretch of use
//! began. Its refills, each a time and an amount, are in order of time and add up to the budget; it can
//! run while the first one's time has come. Refills that are too many or too small are joined, at the
//! later of their times, so that no window of one period holds more than the budget.
//!
//! Who pays is settled whenever that changes: then the one who paid is charged, and one who has nothing to
//! pay with is replaced. That a budget has ended is noticed when the timer fires or anything else makes the
//! kernel look, and not before its time; likewise deadlines and refills, up to eight of them at a time,
//! and only those of the bands that are at least as important as who pays.

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;
use ipc_abi::time::{BUDGET_TICKS_MIN, NEVER};

use crate::capability::Answer;
use crate::send::Patience;
use crate::state::{Band, Context, Deadline, Message, Number, State, Ticks, Wait};

/// The most refills of a context.
const REFILLS_MAX: usize = 8;
/// The register of a deadline.
const DEADLINE: usize = 20;

impl State {
    /// Whether a context has a budget and nothing of it can be used now.
    pub(crate) fn has_to_refill(&self, context: Number) -> bool {
        self.contexts[&context]
            .refills
            .first()
            .is_some_and(|(when, _)| *when > self.now)
    }

    /// `context_configure`: what was used under the old budget comes back no earlier.
    pub(crate) fn context_configure(
        &mut self,
        handle: u64,
        [allowance, priority, budget, period]: [u64; 4],
    ) -> Answer {
        let context = self.find(handle, Kind::SchedulingContext, Rights::WRITE)?;
        let allowance = self.find(allowance, Kind::Allowance, Rights::WRITE)?;
        if self.contexts[&context].allowance != Some(allowance) {
            return Err(Error::BadArgument);
        }
        let share = self.check_time_grant(allowance, priority, budget, period)?;
        let old = self.contexts[&context].share;
        if share > self.share_left(allowance) + old {
            return Err(Error::Exhausted);
        }
        self.give_share(allowance, old, share);
        if self.billed.is_some_and(|(billed, _)| billed == context) {
            self.charge();
        }
        let was_waiting = self.is_waiting_for_core(context);
        self.unqueue(context);
        let now = self.now;
        let it = self.context(context);
        let first = it.refills.last().map_or(now, |(when, _)| now.max(*when));
        it.refills.clear();
        if budget != 0 {
            it.refills.push((first, budget));
        }
        (it.priority, it.budget, it.period, it.share) = (priority, budget, period, share);
        if was_waiting {
            self.make_ready(context);
        }
        self.preempt();
        Ok(0)
    }

    /// `context_set_handler`.
    pub(crate) fn context_set_handler(&mut self, handle: u64, gate: u64) -> Answer {
        let context = self.find(handle, Kind::SchedulingContext, Rights::WRITE)?;
        let gate = self.find(gate, Kind::Gate, Rights::SIGNAL)?;
        let link = self.identity(Kind::Gate, gate).map(|id| (gate, id));
        self.context(context).handler = link;
        Ok(0)
    }

    /// `context_inspect`.
    pub(crate) fn context_inspect(&self, handle: u64) -> Answer {
        let context = self.find(handle, Kind::SchedulingContext, Rights::READ)?;
        let used = self.contexts[&context].used;
        Ok(match self.billed {
            Some((billed, since)) if billed == context => used + (self.now - since),
            Some(_) | None => used,
        })
    }

    /// Charges the context that pays with what it used until now.
    fn charge(&mut self) {
        let Some((context, since)) = self.billed.take() else {
            return;
        };
        let used = self.now - since;
        let it = self.context(context);
        it.used += used;
        if used == 0 || it.budget == 0 {
            return;
        }
        take_from_refills(it, used.min(it.budget));
        add_refill(it, since + it.period, used.min(it.budget));
        join_small_refills(it);
        if self.ready.contains(&context) && self.has_to_refill(context) {
            self.unqueue(context);
            self.make_ready(context);
        }
    }

    /// When a context that pays since a time has used up what it may.
    fn budget_end(&self, context: Number, since: Ticks) -> Ticks {
        let mut end = since;
        for (when, amount) in &self.contexts[&context].refills {
            if *when > end {
                break;
            }
            end += amount;
        }
        end
    }

    /// Whether who pays has changed, or has used its budget up, and that is to be settled.
    pub(crate) fn is_unsettled(&self) -> bool {
        let payer = self.payer().filter(|it| self.contexts[it].budget != 0);
        self.billed.map(|(billed, _)| billed) != payer || self.is_budget_over()
    }

    /// Whether the budget of who pays is used up.
    pub(crate) fn is_budget_over(&self) -> bool {
        self.billed
            .is_some_and(|(context, since)| self.now >= self.budget_end(context, since))
    }

    /// Settles who pays from now on: a context with something to pay with, or one without a budget.
    pub(crate) fn settle(&mut self) {
        if !self.is_unsettled() {
            return;
        }
        self.charge();
        let payer = self.payer().filter(|it| self.contexts[it].budget != 0);
        match payer {
            Some(payer) if self.has_to_refill(payer) => self.exhaust(payer),
            Some(payer) => self.billed = Some((payer, self.now)),
            None => {}
        }
    }

    /// The payer's budget is used up: who runs on it goes on with its own context, or waits.
    fn exhaust(&mut self, payer: Number) {
        let Some(running) = self.running else { return };
        let user = running.thread;
        if running.helper.is_some() {
            self.running = Some(crate::state::Running {
                helper: None,
                ..running
            });
            self.make_ready(payer);
        } else if self.own_at_rest(user).is_none() {
            self.running = None;
            self.make_ready(payer);
        } else {
            self.running = None;
            self.continue_on(user, None);
            self.release_context(payer);
        }
        self.preempt();
        self.signal_through(self.contexts[&payer].handler);
    }

    /// The turn of the one who pays is over: it goes behind its equals. A turn of another is forgotten.
    pub(crate) fn end_slice(&mut self) {
        if let Some(slice) = self.slice.filter(|slice| self.now >= slice.end) {
            self.slice = None;
            if slice.context.is_some() && slice.context == self.payer() {
                self.rotate();
            }
        }
    }
}

/// Deadlines.
impl State {
    /// The deadline of a message call, unless it has passed.
    fn deadline_of(&self, thread: Number) -> Result<Ticks, Error> {
        let when = self.threads[&thread].registers.x[DEADLINE];
        if when <= self.now {
            Err(Error::TimedOut)
        } else {
            Ok(when)
        }
    }

    /// A thread, which may wait now, does so until a time. From [`NEVER`] on there is no deadline.
    fn set_deadline(&mut self, thread: Number, when: Ticks, band: Band) {
        if when < NEVER && self.threads[&thread].wait != Wait::Nothing {
            self.thread(thread).deadline = Some(Deadline { when, band });
        }
    }

    /// `call_until`.
    pub(crate) fn call_until(&mut self, caller: Number) -> Result<(), Error> {
        let band = self.current_band();
        let deadline = self.deadline_of(caller)?;
        self.send(caller, Message::Call, Patience::Waits)?;
        self.set_deadline(caller, deadline, band);
        Ok(())
    }

    /// `receive_until`: what is there is taken in any case.
    pub(crate) fn receive_until(&mut self, server: Number) -> Result<(), Error> {
        let band = self.current_band();
        let Ok(deadline) = self.deadline_of(server) else {
            return late(self.receive(server, Patience::Refuses));
        };
        self.receive(server, Patience::Waits)?;
        self.set_deadline(server, deadline, band);
        Ok(())
    }

    /// `wait_until`: what is there is taken in any case.
    pub(crate) fn wait_until(&mut self, waiter: Number) -> Result<(), Error> {
        let band = self.current_band();
        let Ok(deadline) = self.deadline_of(waiter) else {
            return late(self.try_wait(waiter));
        };
        self.wait_or_refuse(waiter)?;
        self.set_deadline(waiter, deadline, band);
        Ok(())
    }

    /// `sleep`: a time that has passed is over at once, and [`NEVER`] is when somebody stops the thread.
    pub(crate) fn sleep(&mut self, sleeper: Number, when: Ticks) {
        if when > self.now {
            let band = self.current_band();
            self.thread(sleeper).wait = Wait::Sleep;
            self.set_deadline(sleeper, when, band);
            self.stop_running();
            self.dispatch();
        }
    }

    /// The deadline of a thread came.
    pub(crate) fn time_out(&mut self, thread: Number) {
        let is_asleep = self.threads[&thread].wait == Wait::Sleep;
        let context = self.abandon_wait(thread);
        if is_asleep {
            self.resume_on(thread, context);
        } else {
            self.wake_refused(thread, context, Error::TimedOut);
        }
    }
}

/// The refusal of a call that was too late to wait.
fn late(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::WouldBlock) => Err(Error::TimedOut),
        other => other,
    }
}

/// Takes ticks, at most the budget, out of the first refills.
fn take_from_refills(context: &mut Context, used: Ticks) {
    let mut left = used;
    while let Some((_, amount)) = context.refills.first_mut() {
        if *amount > left {
            *amount -= left;
            return;
        }
        left -= *amount;
        context.refills.remove(0);
        if left == 0 {
            return;
        }
    }
}

/// Adds a refill behind the others, or joins it to the last if there are too many.
fn add_refill(context: &mut Context, when: Ticks, amount: Ticks) {
    let is_full = context.refills.len() == REFILLS_MAX;
    match context.refills.last_mut() {
        Some(last) if is_full => *last = (when, last.1 + amount),
        Some(_) | None => context.refills.push((when, amount)),
    }
}

/// Joins the first refills until the first is worth a run.
fn join_small_refills(context: &mut Context) {
    while context.refills.len() > 1 && context.refills[0].1 < BUDGET_TICKS_MIN {
        let (_, amount) = context.refills.remove(0);
        context.refills[0].1 += amount;
    }
}
