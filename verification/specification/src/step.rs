//! Steps: what the kernel does later, on a way out.
//!
//! An event leaves consequences: who waited for what died is to be told, what was mapped to be unmapped,
//! a time has come. Each is a step, which may be taken on any later way out, in any order; a way out takes
//! a few, so that none takes long. Two things are not left for later: whoever can run, runs
//! ([`State::choose`]), and who pays is settled ([`State::settle`]).
//!
//! ```text
//!   event ──▶ some steps ──▶ helpers woken, accounts settled, somebody chosen ──▶ user code
//! ```

use alloc::vec::Vec;

use ipc_abi::capability::Kind;

use crate::capability::CHUNK_SLOTS;
use crate::schedule::band_of;
use crate::state::{Address, Band, Frame, FrameLife, Grant, Number, Slice, State, Wait};

/// Something that the kernel may do on a way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The deadline of a thread has come.
    Expire(Number),
    /// The first refill of a context has come.
    Refill(Number),
    /// A thread that waits at a dead endpoint, or to send through a dead gate, is told.
    Tell(Number),
    /// The caller in a reply object, saved by a thread that is gone, is told.
    TellSaved(Number),
    /// A thread whose table died loses it, and stops.
    LoseTable(Number),
    /// A thread whose space died loses it, and stops.
    LoseSpace(Number),
    /// An interrupt of a notification that died is delivered no more.
    Detach(Number),
    /// What was made from an allowance of time that died dies too: a context or an allowance.
    Spread(Kind, Number),
    /// A message buffer whose frame died is none any more.
    LoseBuffer(Number),
    /// A mapping goes: its frame died, or its space did and nothing can use it.
    Unmap(Number, Address),
    /// Nothing uses a dead space any more: its identifier is free, its translations are forgotten.
    Retire(Number),
    /// A frame of such a space is free again.
    GiveBack(Number, Frame),
    /// The last frame of slots of a dead table that no thread uses is free again.
    FreeSlots(Number),
    /// The last so many frames that are left of a dead large frame are free again.
    FreeTails(Frame, u64),
    /// A dead frame that a device may still reach is unmapped.
    Quarantine(Frame),
    /// Nothing refers to a dead object: its place is free.
    Bury(Kind, Number),
    /// The frame that `reclaim` was asked for is free, and it says so.
    Freed,
}

impl Step {
    /// Whether it is that a time has come.
    #[must_use]
    pub const fn is_timer(&self) -> bool {
        matches!(self, Step::Expire(_) | Step::Refill(_))
    }
}

impl State {
    /// The steps that may be taken now, but for [`Step::FreeTails`], whose argument is a choice (where
    /// the large frame may be buried, which is the same at once), and [`Step::Freed`].
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        self.add_timer_steps(self.lowest_band(), &mut steps);
        self.add_thread_steps(&mut steps);
        self.add_object_steps(&mut steps);
        self.add_frame_steps(&mut steps);
        steps
    }

    /// The lowest band whose times are looked at.
    pub(crate) fn lowest_band(&self) -> Band {
        self.payer()
            .map_or(0, |payer| band_of(self.contexts[&payer].priority))
    }

    /// What comes due at the times of the band `lowest` and those above.
    pub(crate) fn add_timer_steps(&self, lowest: Band, steps: &mut Vec<Step>) {
        for (number, it) in &self.threads {
            let is_due = |it: crate::state::Deadline| it.when <= self.now && it.band >= lowest;
            if it.deadline.is_some_and(is_due) {
                steps.push(Step::Expire(*number));
            }
        }
        for (number, it) in &self.contexts {
            let is_asked = band_of(it.priority) >= lowest;
            if it.is_refilling && is_asked && !self.has_to_refill(*number) {
                steps.push(Step::Refill(*number));
            }
        }
    }

    fn add_thread_steps(&self, steps: &mut Vec<Step>) {
        let is_dead = |endpoint: Number| self.endpoints[&endpoint].id.is_none();
        for (number, it) in &self.threads {
            let is_told = match it.wait {
                Wait::Send { endpoint, gate, .. } => {
                    is_dead(endpoint) || self.gates[&gate].id.is_none()
                }
                Wait::Receive(endpoint) => is_dead(endpoint),
                Wait::Nothing
                | Wait::Reply { .. }
                | Wait::Saved { .. }
                | Wait::Notification(_)
                | Wait::Sleep => false,
            };
            if is_told {
                steps.push(Step::Tell(*number));
            }
            if it
                .table
                .is_some_and(|table| self.tables[&table].id.is_none())
            {
                steps.push(Step::LoseTable(*number));
            }
            if it
                .space
                .is_some_and(|space| self.spaces[&space].id.is_none())
            {
                steps.push(Step::LoseSpace(*number));
            }
            if it.buffer.is_some_and(|frame| !self.is_frame_live(frame)) {
                steps.push(Step::LoseBuffer(*number));
            }
        }
    }

    fn add_object_steps(&self, steps: &mut Vec<Step>) {
        for (number, it) in &self.replies {
            if it
                .server
                .is_some_and(|server| self.threads[&server].id.is_none())
            {
                steps.push(Step::TellSaved(*number));
            }
        }
        for (number, it) in &self.irqs {
            if it
                .target
                .is_some_and(|(target, _)| self.notifications[&target].id.is_none())
            {
                steps.push(Step::Detach(*number));
            }
        }
        let is_dead = |allowance: Number| self.allowances[&allowance].id.is_none();
        for (number, it) in &self.contexts {
            if it.allowance.is_some_and(is_dead) {
                steps.push(Step::Spread(Kind::SchedulingContext, *number));
            }
        }
        for (number, it) in &self.allowances {
            if parent_of(&it.grant).is_some_and(is_dead) {
                steps.push(Step::Spread(Kind::Allowance, *number));
            }
        }
        self.add_burials(steps);
    }

    /// The dead objects to which nothing refers.
    fn add_burials(&self, steps: &mut Vec<Step>) {
        for kind in Kind::ALL {
            for number in self.dead(*kind) {
                if self.is_forgotten(*kind, number) {
                    steps.push(Step::Bury(*kind, number));
                }
            }
        }
    }

    /// The dead objects of a kind, but for frames.
    fn dead(&self, kind: Kind) -> Vec<Number> {
        fn of<'a, T: 'a>(
            map: impl IntoIterator<Item = (&'a Number, T)>,
            is_dead: impl Fn(T) -> bool,
        ) -> Vec<Number> {
            let dead = map
                .into_iter()
                .filter_map(|(number, it)| is_dead(it).then_some(*number));
            dead.collect()
        }
        match kind {
            Kind::Region => of(&self.regions, |it| it.id.is_none()),
            Kind::Allowance => of(&self.allowances, |it| it.id.is_none()),
            Kind::Platform => of(&self.platforms, Option::is_none),
            Kind::Frame => Vec::new(),
            Kind::AddressSpace => of(&self.spaces, |it| it.id.is_none()),
            Kind::CapTable => of(&self.tables, |it| it.id.is_none()),
            Kind::Thread => of(&self.threads, |it| it.id.is_none()),
            Kind::SchedulingContext => of(&self.contexts, |it| it.id.is_none()),
            Kind::Endpoint => of(&self.endpoints, |it| it.id.is_none()),
            Kind::Gate => of(&self.gates, |it| it.id.is_none()),
            Kind::Notification => of(&self.notifications, |it| it.id.is_none()),
            Kind::Reply => of(&self.replies, |it| it.id.is_none()),
            Kind::Irq => of(&self.irqs, |it| it.id.is_none()),
        }
    }

    /// Whether nothing refers to a dead object any more.
    fn is_forgotten(&self, kind: Kind, number: Number) -> bool {
        let dead = Some(number);
        match kind {
            Kind::Endpoint => {
                let it = &self.endpoints[&number];
                it.senders.is_empty() && it.servers.is_empty()
            }
            Kind::Gate => !self
                .threads
                .values()
                .any(|it| matches!(it.wait, Wait::Send { gate, .. } if gate == number)),
            Kind::Notification => !self
                .irqs
                .values()
                .any(|it| it.target.is_some_and(|(it, _)| it == number)),
            Kind::Thread => !self.replies.values().any(|it| it.server == dead),
            Kind::CapTable => {
                self.tables[&number].chunks.is_empty()
                    && !self.threads.values().any(|it| it.table == dead)
            }
            Kind::AddressSpace => {
                let it = &self.spaces[&number];
                it.asid.is_none() && it.mappings.is_empty() && it.remains.is_empty()
            }
            Kind::Allowance => {
                !self.contexts.values().any(|it| it.allowance == dead)
                    && !self
                        .allowances
                        .values()
                        .any(|it| parent_of(&it.grant) == dead)
            }
            Kind::Region
            | Kind::Platform
            | Kind::Frame
            | Kind::SchedulingContext
            | Kind::Reply
            | Kind::Irq => true,
        }
    }

    fn add_frame_steps(&self, steps: &mut Vec<Step>) {
        for (number, it) in &self.spaces {
            if it.id.is_none() && it.asid.is_none() {
                steps.extend(
                    it.mappings
                        .keys()
                        .map(|address| Step::Unmap(*number, *address)),
                );
                steps.extend(
                    it.remains
                        .iter()
                        .map(|frame| Step::GiveBack(*number, *frame)),
                );
            } else if it.id.is_none() && !self.threads.values().any(|it| it.space == Some(*number))
            {
                steps.push(Step::Retire(*number));
            }
        }
        for (number, it) in &self.tables {
            let is_used = || self.threads.values().any(|it| it.table == Some(*number));
            if it.id.is_none() && !it.chunks.is_empty() && !is_used() {
                steps.push(Step::FreeSlots(*number));
            }
        }
        for (number, it) in self.frames.iter() {
            if it.life != FrameLife::Dying {
                continue;
            }
            steps.extend(
                it.mapped
                    .iter()
                    .map(|(space, address)| Step::Unmap(*space, *address)),
            );
            if it.mapped.is_empty() && self.buffer_owner(*number).is_none() {
                steps.push(if it.given.is_some() {
                    Step::Quarantine(*number)
                } else {
                    Step::Bury(Kind::Frame, *number)
                });
            }
        }
    }

    /// A way out that takes every step that may be taken, as a kernel with nothing else to do would.
    pub fn finish(&mut self) {
        while let Some(step) = self.steps().first() {
            self.take(*step);
            self.dispatch();
        }
        if self.reclaimed.is_some() {
            self.take(Step::Freed);
        }
        self.preempt();
        loop {
            self.wake_more();
            if self.is_unsettled() {
                self.settle();
            } else if self.running.is_none() && !self.ready.is_empty() {
                self.choose();
            } else {
                break;
            }
        }
        if self.is_shared() && self.slice.is_none() {
            let end = self.now + self.machine.slice_ticks;
            let context = self.payer();
            self.slice = Some(Slice { context, end });
        }
    }

    /// Takes a step, which may be taken.
    pub fn take(&mut self, step: Step) {
        match step {
            Step::Expire(thread) => self.time_out(thread),
            Step::Refill(context) => {
                self.context(context).is_refilling = false;
                self.make_ready(context);
            }
            Step::Tell(thread) => self.tell(thread),
            Step::TellSaved(reply) => self.abandon_saved(reply),
            Step::LoseTable(thread) => {
                self.thread(thread).table = None;
                self.stop_any(thread);
            }
            Step::LoseSpace(thread) => {
                self.thread(thread).space = None;
                self.stop_any(thread);
            }
            Step::Detach(irq) => {
                let it = self.irq(irq);
                (it.target, it.is_pending) = (None, false);
            }
            Step::Spread(kind, number) => self.kill(kind, number),
            Step::LoseBuffer(thread) => self.thread(thread).buffer = None,
            Step::Unmap(space, address) => self.remove_mapping(space, address),
            Step::Retire(space) => self.retire(space),
            Step::GiveBack(space, frame) => {
                self.space(space).remains.remove(&frame);
            }
            Step::FreeSlots(table) => {
                let it = self.table(table);
                it.chunks.pop();
                it.slots.split_off(&(CHUNK_SLOTS * it.chunks.len() as u64));
            }
            Step::FreeTails(frame, count) => self.frame(frame).freed += count,
            Step::Quarantine(frame) => self.quarantine(frame),
            Step::Bury(kind, number) => self.bury(kind, number),
            Step::Freed => self.tell_freed(),
        }
    }

    fn tell(&mut self, thread: Number) {
        let (Wait::Send { endpoint, .. } | Wait::Receive(endpoint)) = self.threads[&thread].wait
        else {
            return;
        };
        self.tell_waiter(thread);
        self.close_if_deserted(endpoint);
    }

    /// Stops a thread that may be running.
    fn stop_any(&mut self, thread: Number) {
        if self.current() == Some(thread) {
            self.stop_running();
        }
        self.stop_thread(thread);
    }

    fn tell_freed(&mut self) {
        let reclaimed = self.reclaimed.take();
        if let Some((thread, _)) = reclaimed.filter(|(_, frame)| self.is_free(*frame)) {
            self.thread(thread).registers.x[0] = 0;
        }
    }

    fn bury(&mut self, kind: Kind, number: Number) {
        match kind {
            Kind::Region => drop(self.regions.remove(&number)),
            Kind::Allowance => drop(self.allowances.remove(&number)),
            Kind::Platform => drop(self.platforms.remove(&number)),
            Kind::Frame => drop(self.frames.remove(&number)),
            Kind::AddressSpace => drop(self.spaces.remove(&number)),
            Kind::CapTable => drop(self.tables.remove(&number)),
            Kind::Thread => drop(self.threads.remove(&number)),
            Kind::SchedulingContext => drop(self.contexts.remove(&number)),
            Kind::Endpoint => drop(self.endpoints.remove(&number)),
            Kind::Gate => drop(self.gates.remove(&number)),
            Kind::Notification => drop(self.notifications.remove(&number)),
            Kind::Reply => drop(self.replies.remove(&number)),
            Kind::Irq => drop(self.irqs.remove(&number)),
        }
    }
}

/// The allowance that one of time was split off.
fn parent_of(grant: &Grant) -> Option<Number> {
    match grant {
        Grant::Time { parent, .. } => *parent,
        Grant::Numbers { .. } => None,
    }
}
