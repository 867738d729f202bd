//! Following a kernel: which of the allowed ways out did it take?
//!
//! The specification leaves open which [`Step`]s a way out takes, and in which order. Whoever compares a
//! kernel with it has the state before an event and the state that the kernel shows after it: so the
//! steps that the kernel took are those whose outcome it shows. [`State::follow`] takes them, and what every
//! way out has to do, and says where the two differ if they do.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use ipc_abi::capability::Kind;
use ipc_abi::error::Error;
use ipc_abi::tag::Tag;

use crate::message::TAG;
use crate::state::{Band, FrameLife, Number, SharedMap, State, Wait};
use crate::step::Step;

/// Rounds of accounts and choices of one way out: each but the last ends with a context that waits for its
/// refill or rests.
const ROUNDS_MAX: usize = 64;

/// The first thing in which a kernel differs from what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The map or field of [`State`].
    pub field: &'static str,
    /// The object, if it is a map.
    pub number: Option<Number>,
}

/// In which order threads are woken for which nothing else says so.
#[derive(Clone, Copy)]
enum Order {
    /// As they are going to run.
    Turn,
    /// As they waited.
    Arrival,
    /// The other way round.
    ArrivalReversed,
}

impl State {
    /// Takes the steps of one way out that `observed`, the state of a kernel after it, shows; wakes helpers,
    /// settles accounts and chooses who runs, as every way out does; and compares. Answers how many steps
    /// were taken: whoever drives a kernel knows when none is too few.
    ///
    /// # Errors
    ///
    /// The first [`Difference`]; the state is then what came nearest.
    pub fn follow(&mut self, observed: &State) -> Result<usize, Difference> {
        let steps = self.steps();
        let is_dying = !steps.iter().all(Step::is_timer);
        if steps.is_empty() && self.reclaimed.is_none() {
            self.go_on(observed);
            self.follow_slice(observed);
            return self.compare(observed).map(|()| 0);
        }
        let before = self.clone();
        let mut result = Ok(0);
        for order in [Order::Turn, Order::Arrival, Order::ArrivalReversed] {
            self.clone_from(&before);
            let taken = self.take_shown(observed, order);
            self.go_on(observed);
            if is_dying {
                self.begin_slice(observed);
            }
            self.follow_slice(observed);
            result = self.compare(observed).map(|()| taken);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Takes the steps of a way out on which a further event came: those that `observed`, the state after
    /// that event, shows. Nothing is compared.
    pub fn follow_part(&mut self, observed: &State) {
        let is_dying = !self.steps().iter().all(Step::is_timer);
        self.take_shown(observed, Order::Turn);
        self.go_on(observed);
        if is_dying {
            self.begin_slice(observed);
        }
        self.follow_slice(observed);
    }

    /// Takes the steps that the kernel took: times that have come first. Answers how many.
    fn take_shown(&mut self, observed: &State, order: Order) -> usize {
        let mut taken = 0;
        // Who runs may change on the way; what is due was decided before.
        let lowest = self.lowest_band();
        while let Some(step) = self.next_timer_step(observed, order, lowest) {
            self.take(step);
            taken += 1;
        }
        self.preempt();
        while let Some(step) = self.next_step(observed, order) {
            self.take(step);
            self.dispatch();
            taken += 1;
        }
        self.reclaimed = None;
        taken
    }

    /// What every way out does.
    fn go_on(&mut self, observed: &State) {
        self.dispatch();
        for _ in 0..ROUNDS_MAX {
            self.wake_more();
            if self.has_to_settle(observed) {
                self.settle();
            } else if self.running.is_none() && !self.ready.is_empty() {
                self.choose();
            } else {
                break;
            }
        }
    }

    /// Whether accounts are to be settled: in any case if another pays; if a budget is over, when the
    /// kernel noticed.
    fn has_to_settle(&self, observed: &State) -> bool {
        let has_noticed = observed.billed != self.billed;
        self.is_unsettled() && (!self.is_budget_over() || has_noticed)
    }

    /// A turn begins when the payer shares its priority. (Also when something dies, so that the kernel
    /// comes back: [`State::begin_slice`] alone.)
    fn follow_slice(&mut self, observed: &State) {
        if self.is_shared() {
            self.begin_slice(observed);
        }
    }

    fn begin_slice(&mut self, observed: &State) {
        let (None, Some(slice)) = (self.slice, observed.slice) else {
            return;
        };
        let is_known = slice
            .context
            .is_some_and(|it| self.payer() == Some(it) || self.ready.contains(&it));
        if is_known && slice.end == self.now + self.machine.slice_ticks {
            self.slice = Some(slice);
        }
    }

    fn next_timer_step(&self, observed: &State, order: Order, lowest: Band) -> Option<Step> {
        let mut steps = Vec::new();
        self.add_timer_steps(lowest, &mut steps);
        steps.retain(|step| self.is_shown(*step, observed));
        self.first_of(steps, observed, order)
    }

    fn next_step(&self, observed: &State, order: Order) -> Option<Step> {
        let mut steps = self.steps();
        steps.retain(|step| !step.is_timer());
        self.add_choices(observed, &mut steps);
        steps.retain(|step| self.is_shown(*step, observed));
        self.first_of(steps, observed, order)
    }

    /// The steps whose arguments are a choice.
    fn add_choices(&self, observed: &State, steps: &mut Vec<Step>) {
        let large = self
            .frames
            .iter()
            .filter(|(_, it)| it.life == FrameLife::Dying && it.is_large);
        for (frame, it) in large {
            let shown = observed.frames.get(frame).map_or(it.freed, |it| it.freed);
            if shown > it.freed {
                steps.push(Step::FreeTails(*frame, shown - it.freed));
            }
        }
        if self.reclaimed.is_some_and(|(_, frame)| self.is_free(frame)) {
            steps.push(Step::Freed);
        }
    }

    /// The step that comes first among those that the kernel took.
    fn first_of(&self, steps: Vec<Step>, observed: &State, order: Order) -> Option<Step> {
        let key = |step: &Step| match order {
            Order::Turn => observed.turn_of(*step),
            Order::Arrival | Order::ArrivalReversed => self.arrival_of(*step),
        };
        match order {
            Order::Turn | Order::Arrival => steps.into_iter().min_by_key(key),
            Order::ArrivalReversed => steps.into_iter().max_by_key(key),
        }
    }

    /// When the thread that a step wakes has its turn: 0 for who runs.
    fn turn_of(&self, step: Step) -> usize {
        let context = if let Step::Expire(thread) | Step::Tell(thread) = step {
            self.threads.get(&thread).and_then(|it| it.context)
        } else if let Step::Refill(context) = step {
            Some(context)
        } else {
            return 0;
        };
        if context == self.running.map(|running| running.context) {
            return 0;
        }
        let place = self.ready.iter().position(|it| Some(*it) == context);
        place.map_or(usize::MAX, |place| place + 1)
    }

    /// When the thread that a step wakes came to the queue in which it waits.
    fn arrival_of(&self, step: Step) -> usize {
        let Step::Tell(thread) = step else { return 0 };
        let (Wait::Send { endpoint, .. } | Wait::Receive(endpoint)) = self.threads[&thread].wait
        else {
            return 0;
        };
        let it = &self.endpoints[&endpoint];
        let queue = it.senders.iter().chain(it.servers.iter().rev());
        queue.take_while(|it| **it != thread).count()
    }

    /// Whether `observed` is a state in which a step was taken.
    fn is_shown(&self, step: Step, observed: &State) -> bool {
        let thread = |thread: Number| observed.threads.get(&thread);
        let space = |space: Number| observed.spaces.get(&space);
        match step {
            Step::Expire(number) => self.has_ended(observed, number, Error::TimedOut),
            Step::Tell(number) => self.has_ended(observed, number, Error::Died),
            Step::Refill(context) => observed
                .contexts
                .get(&context)
                .is_none_or(|it| !it.is_refilling),
            Step::TellSaved(reply) => observed
                .replies
                .get(&reply)
                .is_none_or(|it| it.server.is_none()),
            Step::LoseTable(number) => thread(number).is_none_or(|it| it.table.is_none()),
            Step::LoseSpace(number) => thread(number).is_none_or(|it| it.space.is_none()),
            Step::LoseBuffer(number) => thread(number).is_none_or(|it| it.buffer.is_none()),
            Step::Detach(irq) => observed.irqs.get(&irq).is_none_or(|it| it.target.is_none()),
            Step::Spread(kind, number) => observed.identity(kind, number).is_none(),
            Step::Unmap(number, address) => {
                space(number).is_none_or(|it| !it.mappings.contains_key(&address))
            }
            Step::Retire(number) => space(number).is_none_or(|it| it.asid.is_none()),
            Step::GiveBack(number, frame) => {
                space(number).is_none_or(|it| !it.remains.contains(&frame))
            }
            Step::FreeSlots(table) => {
                let left = observed.tables.get(&table).map_or(0, |it| it.chunks.len());
                left < self.tables[&table].chunks.len()
            }
            Step::Quarantine(frame) => observed
                .frames
                .get(&frame)
                .is_none_or(|it| it.life != FrameLife::Dying),
            Step::Bury(Kind::Frame, frame) => !observed.frames.contains_key(&frame),
            Step::Bury(kind, number) => !observed.has_object(kind, number),
            Step::Freed => self
                .reclaimed
                .is_some_and(|(number, _)| thread(number).is_some_and(|it| it.registers.x[0] == 0)),
            Step::FreeTails(..) => true,
        }
    }

    /// Whether the wait of a thread has ended, with an error if it was a message call.
    fn has_ended(&self, observed: &State, thread: Number, error: Error) -> bool {
        let Some(it) = observed.threads.get(&thread) else {
            return true;
        };
        let before = &self.threads[&thread];
        let is_told = it.registers.x[TAG] == Tag::refusal(error).into_raw();
        let is_silent = before.wait == Wait::Sleep || self.is_faulted(thread);
        it.wait != before.wait && (is_told || is_silent)
    }
}

/// Comparing.
impl State {
    /// Compares with the state of a kernel, but for the time.
    ///
    /// # Errors
    ///
    /// The first [`Difference`].
    pub fn compare(&self, observed: &State) -> Result<(), Difference> {
        map("regions", &self.regions, &observed.regions)?;
        map("allowances", &self.allowances, &observed.allowances)?;
        map("platforms", &self.platforms, &observed.platforms)?;
        shared("frames", &self.frames, &observed.frames)?;
        map("spaces", &self.spaces, &observed.spaces)?;
        map("tables", &self.tables, &observed.tables)?;
        map("threads", &self.threads, &observed.threads)?;
        map("contexts", &self.contexts, &observed.contexts)?;
        map("endpoints", &self.endpoints, &observed.endpoints)?;
        map("gates", &self.gates, &observed.gates)?;
        map(
            "notifications",
            &self.notifications,
            &observed.notifications,
        )?;
        map("replies", &self.replies, &observed.replies)?;
        map("irqs", &self.irqs, &observed.irqs)?;
        map("unmade", &self.unmade, &observed.unmade)?;
        field("reserved", self.reserved == observed.reserved)?;
        field("running", self.running == observed.running)?;
        field("ready", self.ready == observed.ready)?;
        field("woken", self.woken == observed.woken)?;
        field("slice", self.slice == observed.slice)?;
        field("billed", self.billed == observed.billed)?;
        field("unhelped", self.unhelped == observed.unhelped)?;
        field("next_id", self.next_id == observed.next_id)?;
        field(
            "a shared priority has a turn",
            !self.is_shared() || self.slice.is_some(),
        )
    }
}

fn field(field: &'static str, is_equal: bool) -> Result<(), Difference> {
    if is_equal {
        Ok(())
    } else {
        Err(Difference {
            field,
            number: None,
        })
    }
}

fn map<T: PartialEq>(
    field: &'static str,
    expected: &BTreeMap<Number, T>,
    observed: &BTreeMap<Number, T>,
) -> Result<(), Difference> {
    if expected == observed {
        Ok(())
    } else {
        Err(first(field, expected.iter(), observed.iter()))
    }
}

fn shared<T: Clone + PartialEq>(
    field: &'static str,
    expected: &SharedMap<T>,
    observed: &SharedMap<T>,
) -> Result<(), Difference> {
    if expected == observed {
        Ok(())
    } else {
        Err(first(field, expected.iter(), observed.iter()))
    }
}

/// The first object in which two maps differ.
fn first<'a, T: PartialEq + 'a>(
    field: &'static str,
    expected: impl Iterator<Item = (&'a Number, &'a T)>,
    observed: impl Iterator<Item = (&'a Number, &'a T)>,
) -> Difference {
    let (expected, observed): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (expected.collect(), observed.collect());
    let mut numbers = expected.keys().chain(observed.keys());
    let number = numbers
        .find(|it| expected.get(*it) != observed.get(*it))
        .map(|it| **it);
    Difference { field, number }
}
