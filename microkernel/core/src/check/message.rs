//! Who waits for whom.

use ipc_abi::capability::Kind;

use super::{Checked, Tallies, Tally, ensure};
use crate::create::{ENDPOINT_GATES, NOTIFICATION_GATES};
use crate::irq::IRQS;
use crate::kernel::Kernel;
use crate::list::List;
use crate::memory::{Fields, Memory};
use crate::object::{
    BANDS, CORES_MAX, Endpoint, Gate, Irq, LIGHT, Notification, Number, Reply, Thread, endpoint,
    gate, irq, machine, notification, reply, sending, state, thread, wait,
};
use crate::queue::{GATE_CALLERS, REPLIES};

impl<M: Memory + Copy> Kernel<M> {
    /// What a thread waits for knows it, and so do the threads around it in a chain of calls.
    pub(super) fn check_waiting(&self, thread: Number<Thread>, tallies: &mut Tallies) -> Checked {
        let at = thread.into_raw();
        self.count_member(thread, thread::GATE, &mut tallies.gate_callers);
        self.check_list(&REPLIES, thread, reply::SERVER, &mut tallies.replies)?;
        let caller: Number<Thread> = self.memory.marked_link(thread, thread::CALLER);
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
                let served: Number<Thread> = self
                    .memory
                    .marked_link(Number::from_raw(number), thread::CALLER);
                ensure(
                    served == thread,
                    "a server serves who waits for its reply",
                    at,
                )?;
                let is_fault = waits & wait::REASON == wait::SLOW_REPLY;
                let sends = self.memory.get(thread, thread::SENDING);
                let program_state = self.memory.get(thread, thread::PSTATE);
                let is_whole = sends == sending::FAULT && program_state & LIGHT == 0;
                ensure(is_whole || !is_fault, "a fault has a whole frame", at)?;
            }
            wait::SLEEP => ensure(number == 0, "a thread sleeps for nothing", at)?,
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
        self.check_time(thread, tallies)
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
            let alive = endpoint::SERVERS.at(core.wrapping_mul(2));
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
            let is_live = self.memory.get(waiter, thread::STATE) == state::LIVE;
            ensure(is_live, "who waits for a notification is alive", at)?;
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
        let is_alive = self.memory.get(irq, irq::ID) != 0;
        // One that dies gives its line back at once.
        ensure(
            (user == irq) == is_alive,
            "the machine knows the interrupt of a line",
            irq.into_raw(),
        )
    }
}
