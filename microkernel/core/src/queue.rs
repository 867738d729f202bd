//! The queues of an endpoint: servers that wait, and senders in bands of priority.

use crate::kernel::Kernel;
use crate::list::List;
use crate::memory::{Fields, Memory};
use crate::object::{
    BANDS, CORES_MAX, Endpoint, Field, Gate, Number, Reply, Thread, context, core_state, endpoint,
    gate, reply, thread, wait,
};
use crate::timer::band_of;

/// Servers that wait at an endpoint on core 0; [`servers`] for the others.
const SERVERS: List<Endpoint, Thread> = List {
    head: endpoint::SERVERS,
    next: thread::NEXT,
    prev: thread::PREV,
};
/// Threads that wait to send through a gate.
pub(crate) const GATE_CALLERS: List<Gate, Thread> = List {
    head: gate::CALLERS,
    next: thread::GATE_NEXT,
    prev: thread::GATE_PREV,
};
/// Reply objects that hold a caller of a server.
pub(crate) const REPLIES: List<Thread, Reply> = List {
    head: thread::REPLIES,
    next: reply::NEXT,
    prev: reply::PREV,
};

impl<M: Memory + Copy> Kernel<M> {
    /// The list of servers that wait at `endpoint` on this core; those of a dying one are apart, so
    /// that no call finds them.
    fn servers(&self, endpoint: Number<Endpoint>) -> List<Endpoint, Thread> {
        let is_dead = self.memory.get(endpoint, endpoint::ID) == 0;
        let head = if is_dead {
            endpoint::DYING_SERVERS.at(self.core_index())
        } else {
            self.servers_field()
        };
        List { head, ..SERVERS }
    }

    /// This core's index; the mask is for the compiler, which then knows that it is small.
    #[inline(always)]
    fn core_index(&self) -> u64 {
        self.memory.get(self.core(), core_state::INDEX) & (CORES_MAX as u64).wrapping_sub(1)
    }

    /// Where a living endpoint has the servers that wait on this core.
    #[inline(always)]
    fn servers_field(&self) -> Field<Endpoint> {
        endpoint::SERVERS.at(self.core_index().wrapping_mul(2))
    }

    /// Where an endpoint has the server that took the last call on this core.
    #[inline(always)]
    pub(crate) fn taken_field(&self) -> Field<Endpoint> {
        endpoint::TAKEN.at(self.core_index().wrapping_mul(2))
    }

    /// The server that takes the next message at a living endpoint on this core; none if nobody
    /// receives.
    #[inline(always)]
    pub(crate) fn ready_server(&self, endpoint: Number<Endpoint>) -> Number<Thread> {
        self.memory.link(endpoint, self.servers_field())
    }

    /// Takes `server`, found by [`Kernel::ready_server`], from the front of its list. It still has
    /// its reason to wait, which [`Kernel::link_call`] takes away.
    #[inline(always)]
    pub(crate) fn take_server(&self, server: Number<Thread>, endpoint: Number<Endpoint>) {
        let next: Number<Thread> = self.memory.link(server, thread::NEXT);
        self.memory.set_link(endpoint, self.servers_field(), next);
        self.memory.set_link(endpoint, self.taken_field(), server);
        if !next.is_none() {
            self.memory.set(next, thread::PREV, 0);
        }
        self.memory.set(server, thread::NEXT, 0);
        self.forget_deadline(server);
    }

    /// The server that is next on this core, of a living or a dying endpoint.
    pub(crate) fn first_server(&self, endpoint: Number<Endpoint>) -> Number<Thread> {
        self.memory.link(endpoint, self.servers(endpoint).head)
    }

    /// `server` waits at `endpoint`, which lives.
    #[inline(always)]
    pub(crate) fn push_server(&self, server: Number<Thread>, endpoint: Number<Endpoint>) {
        let list = List {
            head: self.servers_field(),
            ..SERVERS
        };
        self.push(&list, endpoint, server);
        self.memory
            .set(server, thread::WAIT, wait::RECEIVE | endpoint.into_raw());
    }

    /// `server`, which waits at an endpoint, is taken out of its list.
    pub(crate) fn remove_server(&self, server: Number<Thread>) {
        let endpoint: Number<Endpoint> = self.memory.marked_link(server, thread::WAIT);
        self.remove(&self.servers(endpoint), endpoint, server);
        self.memory.set(server, thread::WAIT, 0);
    }

    /// `sender`, the current thread, waits behind the others of its band, with the context that it uses.
    pub(crate) fn enqueue_sender(
        &self,
        sender: Number<Thread>,
        gate: Number<Gate>,
        endpoint: Number<Endpoint>,
    ) {
        self.settle();
        let band = band_of(self.memory.get(self.payer(), context::PRIORITY));
        let (head, tail) = band_ends(band);
        let last: Number<Thread> = self.memory.link(endpoint, tail);
        self.memory.set_link(sender, thread::PREV, last);
        self.memory.set(sender, thread::NEXT, 0);
        if last.is_none() {
            self.memory.set_link(endpoint, head, sender);
        } else {
            self.memory.set_link(last, thread::NEXT, sender);
        }
        self.memory.set_link(endpoint, tail, sender);
        let waiting = self.memory.get(endpoint, endpoint::WAITING);
        self.memory
            .set(endpoint, endpoint::WAITING, waiting | 1 << band);
        self.memory.set(sender, thread::BAND, band);
        self.memory
            .set(sender, thread::WAIT, wait::SEND | endpoint.into_raw());
        self.memory.set_link(sender, thread::GATE, gate);
        self.push(&GATE_CALLERS, gate, sender);
    }

    /// The sender that is next at `endpoint`: of the highest band, the one that waits longest.
    #[inline(always)]
    pub(crate) fn first_sender(&self, endpoint: Number<Endpoint>) -> Number<Thread> {
        let waiting = self.memory.get(endpoint, endpoint::WAITING) & ((1 << BANDS) - 1);
        if waiting == 0 {
            return Number::NONE;
        }
        let band = u64::from(63_u32.wrapping_sub(waiting.leading_zeros()));
        self.memory.link(endpoint, band_ends(band).0)
    }

    /// The thread that is next to send through `gate`.
    pub(crate) fn first_through(&self, gate: Number<Gate>) -> Number<Thread> {
        self.memory.link(gate, gate::CALLERS)
    }

    /// Takes `sender` out of the queue of `endpoint`; it waits for nothing then.
    pub(crate) fn dequeue_sender(&self, sender: Number<Thread>, endpoint: Number<Endpoint>) {
        let band = self.memory.get(sender, thread::BAND) & (BANDS - 1);
        let (head, tail) = band_ends(band);
        let next: Number<Thread> = self.memory.link(sender, thread::NEXT);
        let prev: Number<Thread> = self.memory.link(sender, thread::PREV);
        if prev.is_none() {
            self.memory.set_link(endpoint, head, next);
        } else {
            self.memory.set_link(prev, thread::NEXT, next);
        }
        if next.is_none() {
            self.memory.set_link(endpoint, tail, prev);
        } else {
            self.memory.set_link(next, thread::PREV, prev);
        }
        if prev.is_none() && next.is_none() {
            let waiting = self.memory.get(endpoint, endpoint::WAITING);
            self.memory
                .set(endpoint, endpoint::WAITING, waiting & !(1 << band));
        }
        self.memory.set(sender, thread::NEXT, 0);
        self.memory.set(sender, thread::PREV, 0);
        self.memory.set(sender, thread::WAIT, 0);
        let gate: Number<Gate> = self.memory.link(sender, thread::GATE);
        self.remove(&GATE_CALLERS, gate, sender);
        self.memory.set(sender, thread::GATE, 0);
        self.end_help(self.memory.link(sender, thread::CONTEXT));
        // Who comes after it may rest, since only the first is woken when the server can go on.
        self.wake_helper(self.first_sender(endpoint));
    }

    /// `reply` holds `caller`, saved by `server`.
    pub(crate) fn link_reply(
        &self,
        reply: Number<Reply>,
        caller: Number<Thread>,
        server: Number<Thread>,
    ) {
        self.memory.set_link(reply, reply::CALLER, caller);
        self.memory.set_link(reply, reply::SERVER, server);
        self.memory.set(reply, reply::STALE, 0);
        self.memory.set_link(caller, thread::REPLY, reply);
        self.push(&REPLIES, server, reply);
    }

    /// `reply` holds `caller` no longer.
    pub(crate) fn unlink_reply(&self, reply: Number<Reply>, caller: Number<Thread>) {
        let server: Number<Thread> = self.memory.link(reply, reply::SERVER);
        self.remove(&REPLIES, server, reply);
        self.memory.set(reply, reply::CALLER, 0);
        self.memory.set(reply, reply::SERVER, 0);
        self.memory.set(caller, thread::REPLY, 0);
    }
}

/// First and last sender of a band.
fn band_ends(band: u64) -> (Field<Endpoint>, Field<Endpoint>) {
    (endpoint::BAND_HEAD.at(band), endpoint::BAND_TAIL.at(band))
}
