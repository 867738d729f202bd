//! Helping: a caller that meets a busy server lets it run on the caller's time.
//!
//! A thread that waits to send at an endpoint whose server serves somebody else keeps its context in
//! the run queue. When that context's turn comes, the thread at the end of what the sender waits for
//! runs *with its own context still its own* (`core_state::CONTEXT`), while the sender's
//! (`core_state::HELPER`) gives the priority and pays. So the server gets on as fast as its most
//! important caller would, and what it was lent goes back to whom it belongs.
//!
//! ```text
//!   helper waits: SEND ──▶ endpoint ── TAKEN ──▶ server ── REPLY ──▶ … ──▶ end, which can run
//! ```
//!
//! At most [`HELP_LIMIT`] links are followed; a longer way is counted, and the sender waits without
//! helping. A helper whose way ends at a thread that cannot run rests; the first of an endpoint is queued
//! again when that thread can ([`Kernel::wake_helpers`]), and the next when it waits no more.
//!
//! Every change of `CONTEXT` ends the help: the helper goes back to its queue, and finds anew whom to
//! help when its turn comes.

use ipc_abi::capability::Kind;

use crate::kernel::{Kernel, Outcome};
use crate::memory::{Fields, Memory};
use crate::object::{
    Context, Endpoint, Gate, Number, Thread, context, core_state, gate, state, thread, timed, wait,
};
use crate::timer::entry_of;

/// Links that are followed from a helper to whom it helps.
pub const HELP_LIMIT: u64 = 8;
/// Where the way from a thread leads.
enum Way {
    /// To a thread that can run.
    Ends(Number<Thread>),
    /// To a thread that cannot.
    Blocked,
    /// On and on.
    TooLong,
}

impl<M: Memory + Copy> Kernel<M> {
    /// The server that took the last call at `endpoint` on this core, if it still serves it: its
    /// caller came through a gate of the endpoint. (`TAKEN` and the gate may be gone: what stands at
    /// their places is only believed if it says the same.)
    pub(crate) fn busy_server(&self, endpoint: Number<Endpoint>) -> Option<Number<Thread>> {
        let server: Number<Thread> = self.memory.link(endpoint, self.taken_field());
        if server.is_none() || self.memory.kind(server.frame()) != Kind::Thread as u8 {
            return None;
        }
        (self.called_endpoint(server)? == endpoint).then_some(server)
    }

    /// The endpoint through which the caller of `server` came.
    fn called_endpoint(&self, server: Number<Thread>) -> Option<Number<Endpoint>> {
        let caller: Number<Thread> = self.memory.marked_link(server, thread::CALLER);
        if caller.is_none() {
            return None;
        }
        let gate: Number<Gate> =
            Number::from_raw(self.memory.get(caller, thread::SENT_THROUGH) >> 6);
        if gate.is_none() || self.memory.kind(gate.frame()) != Kind::Gate as u8 {
            return None;
        }
        let endpoint: Number<Endpoint> = self.memory.link(gate, gate::ENDPOINT);
        (!endpoint.is_none()).then_some(endpoint)
    }

    /// Follows what `first` waits for.
    #[inline(never)]
    fn way_from(&self, first: Number<Thread>) -> Way {
        let mut at = first;
        for _ in self.memory.at_most::<HELP_LIMIT>(0..HELP_LIMIT) {
            if self.memory.get(at, thread::WAIT) == 0 {
                break;
            }
            at = self.next_on_way(at);
            if at.is_none() {
                return Way::Blocked;
            }
        }
        if self.memory.get(at, thread::WAIT) != 0 {
            Way::TooLong
        } else if self.memory.get(at, thread::STATE) == state::LIVE {
            Way::Ends(at)
        } else {
            Way::Blocked
        }
    }

    /// The thread that has to act before `at`, which waits, can go on; none if it waits for no thread.
    #[inline(never)]
    fn next_on_way(&self, at: Number<Thread>) -> Number<Thread> {
        let waits = self.memory.get(at, thread::WAIT);
        match waits & wait::REASON {
            wait::REPLY | wait::SLOW_REPLY => Number::from_raw(waits),
            wait::SEND => self
                .busy_server(Number::from_raw(waits))
                .unwrap_or(Number::NONE),
            _ => Number::NONE,
        }
    }

    /// The current thread waits to send at `endpoint`, as was written down: its context helps the server
    /// there.
    #[inline(never)]
    pub(crate) fn block_and_help(&self, endpoint: Number<Endpoint>) {
        let context = self.current_context();
        if self.busy_server(endpoint).is_some() {
            self.make_ready_first(context);
        }
        self.switch_to_next();
    }

    /// `helper`, just taken from its queue, has to find whom it helps, which takes long: nobody runs
    /// until the way out does that. Answers success.
    #[cold]
    #[inline(never)]
    pub(crate) fn help_later(&self, helper: Number<Context>) -> Outcome {
        self.make_ready_first(helper);
        self.mark_pending();
        self.idle()
    }

    /// Nobody runs: the most important queued context is used, or helps. One that cannot help rests,
    /// and the way out comes back for the next.
    pub fn choose(&self) {
        let next = self.take_next();
        if next.is_none() {
            return;
        }
        if !self.run_or_help(next) {
            self.mark_pending();
        } else if self.memory.get(self.core(), core_state::DRAIN) != 0 {
            // Nobody paid when the timer was set: for dying objects it has to be set, too.
            self.want_slice();
        }
    }

    /// Uses `context`, which is in no queue: its thread runs, or helps. Answers whether somebody runs.
    #[inline(never)]
    fn run_or_help(&self, context: Number<Context>) -> bool {
        let thread: Number<Thread> = self.memory.link(context, context::RUNNING);
        let priority = self.memory.get(context, context::PRIORITY);
        if self.memory.get(thread, thread::WAIT) == 0 {
            self.use_context(context, thread, priority);
            return true;
        }
        if self.memory.get(context, context::BUDGET) != 0 && self.wait_for_refill(context) {
            return false;
        }
        if self.take_up(thread) {
            return false;
        }
        match self.way_from(thread) {
            Way::Ends(end) => self.help(context, end),
            Way::Blocked => false,
            Way::TooLong => {
                self.count_unhelped();
                false
            }
        }
    }

    /// If `waiting` waits to send where a server receives, that one takes the first message, or turns it
    /// away. Answers whether it was so: only behind messages that a server without time of its own turned
    /// away, which cannot go on by itself.
    #[inline(never)]
    fn take_up(&self, waiting: Number<Thread>) -> bool {
        let waits = self.memory.get(waiting, thread::WAIT);
        if waits & wait::REASON != wait::SEND {
            return false;
        }
        let endpoint: Number<Endpoint> = Number::from_raw(waits);
        let server = self.ready_server(endpoint);
        if server.is_none() {
            return false;
        }
        if let Some(context) = self.take_first_message(server, endpoint) {
            self.take_server(server, endpoint);
            self.resume_on(server, context);
        }
        true
    }

    /// `end` runs on the time of `helper`. Answers false if it has no context at all.
    fn help(&self, helper: Number<Context>, end: Number<Thread>) -> bool {
        let context: Number<Context> = self.memory.link(end, thread::CONTEXT);
        if context.is_none() {
            return false;
        }
        self.unqueue(context);
        let priority = self.memory.get(helper, context::PRIORITY);
        self.memory
            .set_link(self.core(), core_state::HELPER, helper);
        self.use_context(context, end, priority);
        self.note_payer(helper, priority);
        true
    }

    /// The helper, if there is one, helps no more: it goes back to the front of its queue.
    pub(crate) fn stop_helping(&self) {
        let helper: Number<Context> = self.memory.link(self.core(), core_state::HELPER);
        if helper.is_none() {
            return;
        }
        self.memory.set(self.core(), core_state::HELPER, 0);
        self.make_ready_first(helper);
        self.mark_time();
    }

    /// `context`, whose thread stops waiting to send, helps nobody any more.
    pub(crate) fn end_help(&self, context: Number<Context>) {
        if context.is_none() {
            return;
        }
        if self.memory.link(self.core(), core_state::HELPER) == context {
            self.memory.set(self.core(), core_state::HELPER, 0);
            self.mark_time();
        } else {
            self.unqueue(context);
        }
    }

    /// `server`, which serves somebody, can run: whoever waits to be served after that can help again.
    /// If its caller serves somebody too, the way out goes on with that.
    pub(crate) fn wake_helpers(&self, server: Number<Thread>) {
        let caller = self.wake_first_helper(server);
        if caller.is_none() || self.memory.get(caller, thread::CALLER) == 0 {
            return;
        }
        let count = self.memory.get(self.core(), core_state::WOKEN_COUNT);
        if count >= core_state::WOKEN_MAX {
            self.count_unhelped();
            return;
        }
        self.memory
            .set_link(self.core(), core_state::WOKEN.at(count), caller);
        self.memory
            .set(self.core(), core_state::WOKEN_COUNT, count.wrapping_add(1));
        // Not work, which may wait for the next way out.
        self.mark_time();
    }

    /// Wakes the helpers of one of the threads that [`Kernel::wake_helpers`] left for the way out, and
    /// of whom it serves in turn. Answers false if none is left. (The thread may be gone: what stands
    /// at its place is only believed if it is a thread.)
    pub fn wake_more(&self) -> bool {
        let count = self.memory.get(self.core(), core_state::WOKEN_COUNT);
        if count == 0 {
            return false;
        }
        let last = core_state::WOKEN.at(count.wrapping_sub(1));
        let mut at: Number<Thread> = self.memory.link(self.core(), last);
        self.memory.set(self.core(), last, 0);
        self.memory
            .set(self.core(), core_state::WOKEN_COUNT, count.wrapping_sub(1));
        if self.memory.kind(at.frame()) == Kind::Thread as u8 {
            for _ in self.memory.at_most::<HELP_LIMIT>(0..HELP_LIMIT) {
                at = self.wake_first_helper(at);
                if at.is_none() {
                    break;
                }
            }
            self.preempt();
        }
        true
    }

    /// Wakes who waits next for `server`. Answers whom it serves; none if nobody.
    #[inline(never)]
    fn wake_first_helper(&self, server: Number<Thread>) -> Number<Thread> {
        if let Some(endpoint) = self.called_endpoint(server) {
            self.wake_helper(self.first_sender(endpoint));
        }
        self.memory.marked_link(server, thread::CALLER)
    }

    fn count_unhelped(&self) {
        let count = self.memory.get(self.core(), core_state::UNHELPED);
        self.memory
            .set(self.core(), core_state::UNHELPED, count.wrapping_add(1));
    }

    /// The context of `sender`, if it rests, helps again.
    pub(crate) fn wake_helper(&self, sender: Number<Thread>) {
        if sender.is_none() {
            return;
        }
        let context: Number<Context> = self.memory.link(sender, thread::CONTEXT);
        if context.is_none() || self.memory.link(self.core(), core_state::HELPER) == context {
            return;
        }
        let is_queued = self.memory.get(context, context::QUEUED)
            | self.memory.get(entry_of(context), timed::SLOT);
        if is_queued == 0 {
            // Whether its budget allows it is looked at when its turn comes.
            self.enqueue_last(context);
        }
    }
}
