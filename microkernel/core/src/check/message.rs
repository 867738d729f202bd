//! Who waits for whom, and who runs.

use ipc_abi::capability::Kind;

use super::{Checked, Tallies, Tally, ensure};
use crate::create::{ENDPOINT_GATES, NOTIFICATION_GATES};
use crate::irq::IRQS;
use crate::kernel::Kernel;
use crate::list::List;
use crate::memory::{Fields, Memory};
use crate::object::{
    BANDS, CORES_MAX, Context, Endpoint, Field, Gate, Irq, Notification, Number, PRIORITIES, Reply,
    Thread, context, core_state, endpoint, gate, irq, machine, notification, reply, thread, wait,
};
use crate::queue::{GATE_CALLERS, REPLIES};

impl<M: Memory + Copy> Kernel<M> {
    /// What a thread waits for knows it, and so do the threads around it in a chain of calls.
    pub(super) fn check_waiting(&self, thread: Number<Thread>, tallies: &mut Tallies) -> Checked {
        let at = thread.into_raw();
        self.count_member(thread, thread::GATE, &mut tallies.gate_callers);
        self.check_list(&REPLIES, thread, reply::SERVER, &mut tallies.replies)?;
        let caller: Number<Thread> = self.memory.link(thread, thread::CALLER);
        if !caller.is_none() {
            let is_thread = self.is_object(caller.into_raw(), Kind::Thread);
            ensure(is_thread, "a caller is a thread", at)?;
            let waits = self.memory.get(caller, thread::WAIT);
            let reason = waits & wait::REASON;
            let is_waiting = reason == wait::REPLY || reason == wait::SLOW_REPLY;
            let is_paired = is_waiting && Number::from_raw(waits) == thread;
            ensure(is_paired, "a caller waits for the reply of its server", at)?;
        }
        let waits = self.memory.get(thread, thread::WAIT);
        let number = Number::<()>::from_raw(waits).into_raw();
        match waits & wait::REASON {
            0 => ensure(waits == 0, "a thread that waits says why", at)?,
            wait::REPLY | wait::SLOW_REPLY => {
                let is_thread = self.is_object(number, Kind::Thread);
                ensure(is_thread, "a reply comes from a thread", at)?;
                let served: Number<Thread> =
                    self.memory.link(Number::from_raw(number), thread::CALLER);
                ensure(
                    served == thread,
                    "a server serves who waits for its reply",
                    at,
                )?;
            }
            wait::SAVED | wait::SAVED_FAULT => self.check_saved(thread, number)?,
            wait::SEND => self.check_in_endpoint(at, number, &mut tallies.senders)?,
            wait::RECEIVE => self.check_in_endpoint(at, number, &mut tallies.servers)?,
            wait::NOTIFICATION => {
                let is_notification = self.is_object(number, Kind::Notification);
                ensure(is_notification, "a thread waits for a notification", at)?;
                let target: Number<Notification> = Number::from_raw(number);
                let waiter: Number<Thread> = self.memory.link(target, notification::WAITER);
                ensure(
                    waiter == thread,
                    "a notification knows who waits for it",
                    at,
                )?;
            }
            _ => ensure(false, "a thread waits for a known reason", at)?,
        }
        self.check_time(thread)
    }

    fn check_saved(&self, thread: Number<Thread>, number: u64) -> Checked {
        let at = thread.into_raw();
        ensure(
            self.is_object(number, Kind::Reply),
            "a caller is saved in a reply object",
            at,
        )?;
        let reply: Number<Reply> = Number::from_raw(number);
        let caller: Number<Thread> = self.memory.link(reply, reply::CALLER);
        let holder: Number<Reply> = self.memory.link(thread, thread::REPLY);
        ensure(
            caller == thread && holder == reply,
            "a reply object knows its caller",
            at,
        )
    }

    fn check_in_endpoint(&self, at: u64, number: u64, tally: &mut Tally) -> Checked {
        tally.members = tally.members.wrapping_add(1);
        ensure(
            self.is_object(number, Kind::Endpoint),
            "a queue is an endpoint's",
            at,
        )
    }

    /// A thread that can run and has time is current, or its context is queued.
    fn check_time(&self, thread: Number<Thread>) -> Checked {
        let at = thread.into_raw();
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
        let is_queued = self.memory.get(context, context::QUEUED) == 1;
        ensure(
            running == thread && is_queued,
            "a thread that can run is queued",
            at,
        )
    }

    pub(super) fn check_endpoint(
        &self,
        endpoint: Number<Endpoint>,
        tallies: &mut Tallies,
    ) -> Checked {
        let at = endpoint.into_raw();
        let is_dying = self.memory.get(endpoint, endpoint::ID) == 0;
        self.check_list(
            &ENDPOINT_GATES,
            endpoint,
            gate::ENDPOINT,
            &mut tallies.endpoint_gates,
        )?;
        for core in 0..CORES_MAX as u64 {
            let alive = endpoint::SERVERS.at(core);
            let dying = endpoint::DYING_SERVERS.at(core);
            let unused = if is_dying { alive } else { dying };
            let is_unused = self.memory.get(endpoint, unused) == 0;
            ensure(is_unused, "only a dying endpoint has its servers apart", at)?;
            for head in [alive, dying] {
                let list = List {
                    head,
                    next: thread::NEXT,
                    prev: thread::PREV,
                };
                self.check_queue(&list, endpoint, wait::RECEIVE, &mut tallies.servers)?;
            }
        }
        for band in 0..BANDS {
            self.check_band(endpoint, band, tallies)?;
        }
        Ok(())
    }

    /// A list of threads of an endpoint: each waits for `reason`.
    fn check_queue(
        &self,
        list: &List<Endpoint, Thread>,
        endpoint: Number<Endpoint>,
        reason: u64,
        tally: &mut Tally,
    ) -> Checked {
        self.check_list(list, endpoint, thread::WAIT, tally)?;
        let mut element: Number<Thread> = self.memory.link(endpoint, list.head);
        while !element.is_none() {
            let found = self.memory.get(element, thread::WAIT) & wait::REASON;
            ensure(
                found == reason,
                "a queue holds who waits in it",
                element.into_raw(),
            )?;
            element = self.memory.link(element, list.next);
        }
        Ok(())
    }

    fn check_band(&self, endpoint: Number<Endpoint>, band: u64, tallies: &mut Tallies) -> Checked {
        let at = endpoint.into_raw();
        let head = endpoint::BAND_HEAD.at(band);
        let list = List {
            head,
            next: thread::NEXT,
            prev: thread::PREV,
        };
        self.check_queue(&list, endpoint, wait::SEND, &mut tallies.senders)?;
        let mut last: Number<Thread> = Number::NONE;
        let mut element: Number<Thread> = self.memory.link(endpoint, head);
        while !element.is_none() {
            let named = self.memory.get(element, thread::BAND);
            ensure(named == band, "a sender knows its band", element.into_raw())?;
            last = element;
            element = self.memory.link(element, thread::NEXT);
        }
        let tail: Number<Thread> = self.memory.link(endpoint, endpoint::BAND_TAIL.at(band));
        ensure(tail == last, "a band ends with its tail", at)?;
        let is_noted = self.memory.get(endpoint, endpoint::WAITING) & 1 << band != 0;
        ensure(
            is_noted != last.is_none(),
            "WAITING says which bands are not empty",
            at,
        )
    }

    pub(super) fn check_gate(&self, gate: Number<Gate>, tallies: &mut Tallies) -> Checked {
        let at = gate.into_raw();
        self.check_list(&GATE_CALLERS, gate, thread::GATE, &mut tallies.gate_callers)?;
        let endpoint: Number<Endpoint> = self.memory.link(gate, gate::ENDPOINT);
        let null = self.memory.link(self.machine(), machine::NULL_ENDPOINT);
        let notification = self.memory.get(gate, gate::NOTIFICATION);
        if self.memory.get(gate, gate::ID) == 0 {
            return Ok(());
        }
        if notification != 0 {
            let is_notification = self.is_object(notification, Kind::Notification);
            let is_only = is_notification && endpoint == null;
            ensure(is_only, "a gate to a notification leads to no endpoint", at)?;
            self.count_member(gate, gate::NOTIFICATION, &mut tallies.notification_gates);
        } else if endpoint != null {
            let is_endpoint = self.is_object(endpoint.into_raw(), Kind::Endpoint);
            ensure(is_endpoint, "a gate leads to an endpoint", at)?;
            self.count_member(gate, gate::ENDPOINT, &mut tallies.endpoint_gates);
        }
        Ok(())
    }

    pub(super) fn check_notification(
        &self,
        target: Number<Notification>,
        tallies: &mut Tallies,
    ) -> Checked {
        let at = target.into_raw();
        self.check_list(
            &NOTIFICATION_GATES,
            target,
            gate::NOTIFICATION,
            &mut tallies.notification_gates,
        )?;
        self.check_list(&IRQS, target, irq::NOTIFICATION, &mut tallies.irqs)?;
        let waiter: Number<Thread> = self.memory.link(target, notification::WAITER);
        if !waiter.is_none() {
            let waits = self.memory.get(waiter, thread::WAIT);
            let is_paired = waits == wait::NOTIFICATION | at;
            ensure(is_paired, "who waits for a notification says so", at)?;
        }
        let bound: Number<Thread> = self.memory.link(target, notification::BOUND);
        if !bound.is_none() {
            let is_thread = self.is_object(bound.into_raw(), Kind::Thread);
            ensure(is_thread, "a notification is bound to a thread", at)?;
            let back: Number<Notification> = self.memory.link(bound, thread::BOUND);
            ensure(back == target, "a bound thread names its notification", at)?;
        }
        Ok(())
    }

    pub(super) fn check_reply_object(
        &self,
        reply: Number<Reply>,
        tallies: &mut Tallies,
    ) -> Checked {
        let at = reply.into_raw();
        self.count_member(reply, reply::SERVER, &mut tallies.replies);
        let caller: Number<Thread> = self.memory.link(reply, reply::CALLER);
        let server = self.memory.get(reply, reply::SERVER);
        ensure(
            caller.is_none() == (server == 0),
            "a saved caller has a server",
            at,
        )?;
        if caller.is_none() {
            return Ok(());
        }
        ensure(
            self.is_object(server, Kind::Thread),
            "a server is a thread",
            at,
        )?;
        let is_thread = self.is_object(caller.into_raw(), Kind::Thread);
        ensure(is_thread, "a saved caller is a thread", at)?;
        let waits = self.memory.get(caller, thread::WAIT);
        let reason = waits & wait::REASON;
        let is_saved = reason == wait::SAVED || reason == wait::SAVED_FAULT;
        let is_paired = is_saved && Number::from_raw(waits) == reply;
        ensure(is_paired, "a saved caller waits for its reply object", at)
    }

    pub(super) fn check_irq(&self, irq: Number<Irq>, tallies: &mut Tallies) -> Checked {
        self.count_member(irq, irq::NOTIFICATION, &mut tallies.irqs);
        let line = self.memory.get(irq, irq::LINE);
        let user: Number<Irq> = self.memory.link(self.machine(), machine::IRQS.at(line));
        ensure(
            user == irq,
            "the machine knows the interrupt of a line",
            irq.into_raw(),
        )
    }

    pub(super) fn check_context(&self, context: Number<Context>, tallies: &mut Tallies) -> Checked {
        let at = context.into_raw();
        let priority = self.memory.get(context, context::PRIORITY);
        ensure(priority < PRIORITIES, "a priority is below 256", at)?;
        let is_queued = self.memory.get(context, context::QUEUED);
        ensure(is_queued <= 1, "QUEUED is 0 or 1", at)?;
        tallies.contexts.members = tallies.contexts.members.wrapping_add(is_queued);
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
        Ok(())
    }

    /// What the core runs, and its run queues.
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
        }
        let owner: Number<Thread> = self.memory.link(self.core, core_state::FLOATING_OWNER);
        if !owner.is_none() {
            let is_thread = self.is_object(owner.into_raw(), Kind::Thread);
            let is_alive = is_thread && self.memory.get(owner, thread::ID) != 0;
            ensure(
                is_alive,
                "floating-point registers are a living thread's",
                at,
            )?;
        }
        for priority in 0..PRIORITIES {
            self.check_run_queue(priority, &mut tallies.contexts)?;
        }
        Ok(())
    }

    fn check_run_queue(&self, priority: u64, tally: &mut Tally) -> Checked {
        let head: Field<_> = core_state::QUEUE_HEAD.at(priority);
        let mut last: Number<Context> = Number::NONE;
        let mut element: Number<Context> = self.memory.link(self.core, head);
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
            let running: Number<Thread> = self.memory.link(element, context::RUNNING);
            ensure(
                self.is_runnable(running),
                "a queued context's thread can run",
                at,
            )?;
            tally.reached = tally.reached.wrapping_add(1);
            last = element;
            element = self.memory.link(element, context::NEXT);
        }
        let tail: Number<Context> = self
            .memory
            .link(self.core, core_state::QUEUE_TAIL.at(priority));
        ensure(tail == last, "a run queue ends with its tail", priority)?;
        let word = self
            .memory
            .get(self.core, core_state::READY.at(priority / 64));
        let is_noted = word & 1 << (priority % 64) != 0;
        ensure(
            is_noted != last.is_none(),
            "READY says which queues are not empty",
            priority,
        )
    }
}
