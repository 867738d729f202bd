//! Helping: who waits behind a busy server lets it run on the waiting one's time.
//!
//! The context of a thread that waits to send stays ready while the endpoint's server is busy. When its
//! turn comes, the thread that has to act first runs *on what it holds*, but with the priority and the
//! budget of the one who waits. Every change of who runs ends that, and the helper looks anew when its
//! turn comes.
//!
//! A helper whose way ends at a thread that cannot run rests. The first sender of an endpoint is ready
//! again when the server can run, the next one when that one waits no more.

use crate::state::{Number, State, Target, Wait};

/// Calls that are followed from a helper to whom it helps.
const HELP_LIMIT: u64 = 8;
/// Threads whose helpers wait to be woken at most; more are counted as unhelped.
const WOKEN_MAX: usize = 8;

/// Where the way from a thread that waits leads.
enum Way {
    /// To a thread that can run.
    Ends(Number),
    /// To one that cannot.
    Blocked,
    /// Further than is followed.
    TooLong,
}

impl State {
    /// The endpoint through which the caller of `server` came. A gate that was destroyed leads nowhere; one
    /// that was made in its place counts as the same.
    fn called_endpoint(&self, server: Number) -> Option<Number> {
        let caller = self.caller_of(server)?;
        let (gate, _) = self.threads[&caller].sent_through?;
        match self.gates.get(&gate)?.target {
            Target::Endpoint(endpoint) => Some(endpoint),
            Target::Notification(_) | Target::Nowhere => None,
        }
    }

    /// The thread that took the last call at `endpoint`, if it still serves one that came that way.
    fn busy_server(&self, endpoint: Number) -> Option<Number> {
        let server = self.endpoints[&endpoint].taken?;
        let is_busy =
            self.threads.contains_key(&server) && self.called_endpoint(server) == Some(endpoint);
        is_busy.then_some(server)
    }

    /// The thread that has to act before `thread`, which waits, can go on.
    fn next_on_way(&self, thread: Number) -> Option<Number> {
        match self.threads[&thread].wait {
            Wait::Reply { server, .. } => Some(server),
            Wait::Send { endpoint, .. } => self.busy_server(endpoint),
            Wait::Nothing
            | Wait::Saved { .. }
            | Wait::Receive(_)
            | Wait::Notification(_)
            | Wait::Sleep => None,
        }
    }

    fn way_from(&self, first: Number) -> Way {
        let mut at = first;
        for _ in 0..HELP_LIMIT {
            if self.threads[&at].wait == Wait::Nothing {
                break;
            }
            match self.next_on_way(at) {
                Some(next) => at = next,
                None => return Way::Blocked,
            }
        }
        if self.threads[&at].wait != Wait::Nothing {
            Way::TooLong
        } else if self.is_runnable(at) {
            Way::Ends(at)
        } else {
            Way::Blocked
        }
    }

    /// The running thread waits to send at `endpoint`: its context helps the server there, if it is busy.
    pub(crate) fn block_and_help(&mut self, endpoint: Number) {
        let Some(running) = self.running else { return };
        if self.busy_server(endpoint).is_some() {
            self.enqueue_first(running.context);
        }
        self.stop_running();
        self.dispatch();
    }

    /// Nobody runs: the first context that is ready is used, or helps, or rests if it can do neither.
    /// And so on until somebody runs or none is ready.
    pub(crate) fn choose(&mut self) {
        while self.running.is_none() && !self.ready.is_empty() {
            let context = self.ready.remove(0);
            let Some(thread) = self.holder_of(context) else {
                continue;
            };
            if self.threads[&thread].wait == Wait::Nothing {
                self.run(thread, context, None);
            } else if self.has_to_refill(context) {
                self.context(context).is_refilling = true;
            } else {
                self.help(context, thread);
            }
        }
    }

    /// Whoever `sender` waits for runs on the time of `helper`. Where a server receives nobody is waited
    /// for: the message is taken, or turned away.
    fn help(&mut self, helper: Number, sender: Number) {
        if self.take_up(sender) {
            return;
        }
        match self.way_from(sender) {
            Way::Ends(end) => {
                if let Some(context) = self.threads[&end].context {
                    self.unqueue(context);
                    self.run(end, context, Some(helper));
                }
            }
            Way::Blocked => {}
            Way::TooLong => self.unhelped += 1,
        }
    }

    /// `context`, whose thread waits to send no more, helps nobody.
    pub(crate) fn end_help(&mut self, context: Number) {
        match &mut self.running {
            Some(running) if running.helper == Some(context) => running.helper = None,
            _ => self.unqueue(context),
        }
    }

    /// `server`, which serves somebody, can run: the first who waits behind its caller can help again.
    /// If the caller serves somebody too, the way out goes on there.
    pub(crate) fn wake_helpers(&mut self, server: Number) {
        let Some(caller) = self.wake_first_helper(server) else {
            return;
        };
        if self.caller_of(caller).is_none() {
            return;
        }
        if self.woken.len() >= WOKEN_MAX {
            self.unhelped += 1;
        } else {
            self.woken.push(caller);
        }
    }

    /// Wakes the helpers of the threads that were left for the way out, and of those that they serve in
    /// turn.
    pub(crate) fn wake_more(&mut self) {
        while let Some(thread) = self.woken.pop() {
            let mut at = self.threads.contains_key(&thread).then_some(thread);
            for _ in 0..HELP_LIMIT {
                at = at.and_then(|thread| self.wake_first_helper(thread));
            }
            self.preempt();
            self.dispatch();
        }
    }

    /// Wakes who is next behind the caller of `server`: the answer is that caller.
    fn wake_first_helper(&mut self, server: Number) -> Option<Number> {
        if let Some(endpoint) = self.called_endpoint(server) {
            self.wake_helper(endpoint);
        }
        self.caller_of(server)
    }

    /// The context of the first sender of `endpoint`, if it rests, helps again.
    pub(crate) fn wake_helper(&mut self, endpoint: Number) {
        let sender = self.endpoints[&endpoint].senders.first();
        let Some(context) = sender.and_then(|it| self.threads[it].context) else {
            return;
        };
        let helps = self
            .running
            .is_some_and(|running| running.helper == Some(context));
        if !helps && !self.is_waiting_for_core(context) {
            self.enqueue_last(context);
        }
    }
}
