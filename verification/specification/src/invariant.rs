//! What always holds between two events, as code: [`State::check_all`].
//!
//! The machine code proofs assume the invariants of the kernel's own fields, which say these things and
//! more; here are those that have a meaning.

use alloc::collections::BTreeSet;

use ipc_abi::capability::{Access, Kind};

use crate::capability::UNITS_PER_FRAME;
use crate::state::{FrameLife, Life, Number, State, Wait};

/// A rule that does not hold, and for which object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: &'static str,
    /// The object.
    pub number: Number,
}

type Checked = Result<(), Violation>;

fn ensure(holds: bool, rule: &'static str, number: Number) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(Violation { rule, number })
    }
}

impl State {
    /// Checks what always holds after a way out.
    ///
    /// # Errors
    ///
    /// The first [`Violation`].
    pub fn check_all(&self) -> Checked {
        self.check_core()?;
        for number in self.threads.keys() {
            self.check_thread(*number)?;
        }
        self.check_queues()?;
        self.check_contexts()?;
        self.check_authority()?;
        self.check_memory()
    }

    fn check_core(&self) -> Checked {
        let Some(running) = self.running else {
            return ensure(
                self.ready.is_empty(),
                "the core idles if nobody is ready",
                0,
            );
        };
        let thread = running.thread;
        ensure(self.is_runnable(thread), "who runs can run", thread)?;
        let held = self.threads[&thread].context;
        ensure(
            held == Some(running.context),
            "who runs holds its context",
            thread,
        )?;
        let priority = |context: &Number| self.contexts[context].priority;
        let paid = priority(&running.payer());
        let first = self.ready.first().map_or(0, priority);
        ensure(first <= paid, "nobody more important is ready", thread)?;
        let is_current = |it: &Number| *it == running.context || *it == running.payer();
        ensure(
            !self.ready.iter().any(is_current),
            "a current context is not ready",
            thread,
        )
    }

    fn check_contexts(&self) -> Checked {
        let priority = |context: &Number| self.contexts[context].priority;
        ensure(
            self.ready.is_sorted_by_key(|it| 255 - priority(it)),
            "by importance",
            0,
        )?;
        let different: BTreeSet<&Number> = self.ready.iter().collect();
        ensure(
            different.len() == self.ready.len(),
            "a context is ready once",
            0,
        )?;
        for (number, it) in &self.contexts {
            let threads = self.threads.values();
            let holders = threads
                .clone()
                .filter(|it| it.context == Some(*number))
                .count();
            ensure(holders <= 1, "one thread holds a context", *number)?;
            let owners = threads.filter(|it| it.own == Some(*number)).count();
            ensure(owners <= 1, "one thread owns a context", *number)?;
            let sum: u64 = it.refills.iter().map(|(_, amount)| amount).sum();
            ensure(sum == it.budget, "refills add up to the budget", *number)?;
            ensure(
                it.refills.is_sorted_by_key(|(when, _)| *when),
                "refills are in order",
                *number,
            )?;
            let waits = self.ready.contains(number);
            ensure(!(waits && it.is_refilling), "ready or refilling", *number)?;
            if let Some(holder) = self.holder_of(*number).filter(|_| waits) {
                let sends = matches!(self.threads[&holder].wait, Wait::Send { .. });
                let wants = self.is_runnable(holder) || sends;
                ensure(wants, "a ready context's thread can run or help", *number)?;
            }
            ensure(!waits || holders == 1, "a ready context is held", *number)?;
        }
        Ok(())
    }

    fn check_thread(&self, number: Number) -> Checked {
        let it = &self.threads[&number];
        match it.wait {
            Wait::Nothing | Wait::Sleep => {}
            Wait::Send { endpoint, gate, .. } => {
                let queue = &self.endpoints[&endpoint].senders;
                ensure(queue.contains(&number), "a sender is in its queue", number)?;
                ensure(
                    self.gates.contains_key(&gate),
                    "a sender's gate is there",
                    number,
                )?;
            }
            Wait::Receive(endpoint) => {
                let queue = &self.endpoints[&endpoint].servers;
                ensure(queue.contains(&number), "a server is in its queue", number)?;
            }
            Wait::Reply { server, .. } => {
                ensure(
                    self.threads.contains_key(&server),
                    "a server is there",
                    number,
                )?;
                let only = self.caller_of(server) == Some(number);
                ensure(only, "a server has one caller", number)?;
            }
            Wait::Saved { reply, .. } => {
                let is_held = self
                    .replies
                    .get(&reply)
                    .is_some_and(|it| it.server.is_some());
                ensure(is_held, "a saved caller has a server", number)?;
            }
            Wait::Notification(target) => {
                let only = self.waiter_for(target) == Some(number);
                ensure(only, "a notification has one waiter", number)?;
            }
        }
        let is_idle = matches!(it.wait, Wait::Receive(_) | Wait::Reply { .. });
        ensure(
            !is_idle || it.context.is_none(),
            "time travels with the call",
            number,
        )?;
        let waits = it.wait != Wait::Nothing;
        ensure(
            waits || it.deadline.is_none(),
            "a deadline is that of a wait",
            number,
        )?;
        ensure(
            it.life == Life::Live || !waits,
            "who waits was started",
            number,
        )?;
        let is_dead = it.id.is_none();
        let has_nothing = it.table.is_none() && it.space.is_none() && it.buffer.is_none();
        ensure(
            !is_dead || has_nothing && it.life == Life::Stopped,
            "the dead do nothing",
            number,
        )
    }

    fn check_queues(&self) -> Checked {
        for (number, it) in &self.endpoints {
            let endpoint = *number;
            let is_there = |wait: Wait| match wait {
                Wait::Send { endpoint: it, .. } | Wait::Receive(it) => it == endpoint,
                Wait::Nothing
                | Wait::Reply { .. }
                | Wait::Saved { .. }
                | Wait::Notification(_)
                | Wait::Sleep => false,
            };
            let mut all = it.senders.iter().chain(&it.servers);
            let waits = all.all(|it| is_there(self.threads[it].wait));
            ensure(waits, "who is in a queue waits there", endpoint)?;
        }
        Ok(())
    }

    /// Every capability names an identity that was given out, slot 0 is empty, and no two living objects
    /// have the same identity.
    fn check_authority(&self) -> Checked {
        for (number, it) in &self.tables {
            ensure(!it.slots.contains_key(&0), "slot 0 is empty", *number)?;
            let known = it.slots.values().all(|it| it.id < self.next_id);
            ensure(known, "an identity was given out", *number)?;
            let last = it.slots.keys().next_back().copied().unwrap_or(0);
            ensure(
                it.slots.is_empty() || last < self.slot_count(*number),
                "slots",
                *number,
            )?;
        }
        let mut identities = BTreeSet::new();
        for (kind, numbers) in self.numbers() {
            for number in numbers {
                let is_new = self
                    .identity(kind, number)
                    .is_none_or(|id| identities.insert(id));
                ensure(is_new, "an identity is one object's", number)?;
            }
        }
        Ok(())
    }

    /// No page is writable and executable, through any alias; what is mapped exists; both ends of a
    /// mapping agree.
    fn check_memory(&self) -> Checked {
        for (frame, it) in self.frames.iter() {
            for (space, address) in &it.mapped {
                let mapping = self
                    .spaces
                    .get(space)
                    .and_then(|it| it.mappings.get(address));
                let agrees = mapping.is_some_and(|it| it.frame == *frame);
                ensure(agrees, "a frame knows where it is mapped", *frame)?;
            }
            let is_mapped = !it.mapped.is_empty();
            let is_there = !matches!(it.life, FrameLife::Quarantined(..));
            ensure(
                !is_mapped || is_there,
                "nothing in quarantine is mapped",
                *frame,
            )?;
            ensure(
                !(it.is_code && it.given.is_some()),
                "no device reads code",
                *frame,
            )?;
        }
        for (number, space) in &self.spaces {
            for (address, it) in &space.mappings {
                let frame = self.frames.get(&it.frame);
                let place = (*number, *address);
                let agrees = frame.is_some_and(|it| it.mapped.contains(&place));
                ensure(agrees, "a mapping's frame knows it", *number)?;
                let is_code = frame.is_some_and(|it| it.is_code);
                let wanted = if is_code {
                    Access::READ_EXECUTE
                } else {
                    Access::READ_WRITE
                };
                let is_allowed = it.access == Access::READ || it.access == wanted && it.may_write;
                ensure(
                    is_allowed,
                    "code is not written and data not executed",
                    *number,
                )?;
            }
        }
        Ok(())
    }

    /// All objects by kind.
    fn numbers(&self) -> [(Kind, alloc::vec::Vec<Number>); 13] {
        let of = |keys: &mut dyn Iterator<Item = &Number>| keys.copied().collect();
        [
            (Kind::Region, of(&mut self.regions.keys())),
            (Kind::Allowance, of(&mut self.allowances.keys())),
            (Kind::Platform, of(&mut self.platforms.keys())),
            (
                Kind::Frame,
                self.frames.keys().map(|it| it * UNITS_PER_FRAME).collect(),
            ),
            (Kind::AddressSpace, of(&mut self.spaces.keys())),
            (Kind::CapTable, of(&mut self.tables.keys())),
            (Kind::Thread, of(&mut self.threads.keys())),
            (Kind::SchedulingContext, of(&mut self.contexts.keys())),
            (Kind::Endpoint, of(&mut self.endpoints.keys())),
            (Kind::Gate, of(&mut self.gates.keys())),
            (Kind::Notification, of(&mut self.notifications.keys())),
            (Kind::Reply, of(&mut self.replies.keys())),
            (Kind::Irq, of(&mut self.irqs.keys())),
        ]
    }
}
