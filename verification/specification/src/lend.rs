//! Lending: a call takes the caller's time along.
//!
//! The caller's context runs the server, and whomever the server calls in turn; it comes back with the
//! reply, or when the server goes away. So along a chain of calls only the last thread holds anything. A
//! server that has a context of its own can go on with that when what it was lent ends or is taken back.

use crate::state::{Number, State, Wait};

/// How far a chain of calls is followed to find a lent context. Beyond that the lender has no time until
/// its context comes back by itself.
const CHAIN_LIMIT: u64 = 16;

impl State {
    /// The thread that a server serves.
    pub(crate) fn caller_of(&self, server: Number) -> Option<Number> {
        let is_caller =
            |wait: &Wait| matches!(wait, Wait::Reply { server: it, .. } if *it == server);
        self.threads
            .iter()
            .find(|(_, it)| is_caller(&it.wait))
            .map(|(number, _)| *number)
    }

    /// The running thread makes the call or fault that it sends one of `server`, which it gets the
    /// reply from; the server runs in its place, on the same time.
    pub(crate) fn hand_over(&mut self, server: Number) {
        if let Some(running) = self.running {
            self.thread(running.thread).context = None;
            self.run(server, running.context, running.helper);
        }
    }

    /// The running thread `server` stops running: what it was lent, if anything, is the answer, and held by
    /// nobody.
    pub(crate) fn take_lent(&mut self, server: Number) -> Option<Number> {
        let used = self.running.map(|running| running.context);
        self.stop_running();
        let lent = used.filter(|it| Some(*it) != self.threads[&server].own)?;
        self.thread(server).context = None;
        Some(lent)
    }

    /// The running thread `server` no longer serves: what it was lent goes back with `caller`, who can
    /// run again, or, if that is none, to whom it belongs. The server has yet to go on.
    pub(crate) fn hand_back(&mut self, server: Number, caller: Option<Number>) {
        let lent = self.take_lent(server);
        match (caller, lent) {
            (Some(caller), _) => {
                let context = lent.or_else(|| self.own_at_rest(caller));
                self.resume_on(caller, context);
            }
            (None, Some(lent)) => self.release_context(lent),
            (None, None) => {}
        }
    }

    /// `server`, which ran until now, goes on: with `context`; or with its own if that is none; or, if it
    /// has none, when it gets one.
    pub(crate) fn continue_on(&mut self, server: Number, context: Option<Number>) {
        match context.or(self.threads[&server].own) {
            Some(context) => {
                self.run(server, context, None);
                self.preempt();
            }
            None => {
                self.end_wait(server);
                self.thread(server).context = None;
                self.dispatch();
            }
        }
    }

    /// Nobody holds `context`: it is its owner's again, or that of the end of the chain of calls that its
    /// owner made, who goes on with it if it can run and holds nothing.
    pub(crate) fn release_context(&mut self, context: Number) {
        let Some(owner) = self.owner_of(context) else {
            return;
        };
        let Some(end) = self.chain_end(owner) else {
            return;
        };
        let is_waiting = self.current() != Some(end)
            && self.is_runnable(end)
            && self.threads[&end].context.is_none();
        if is_waiting {
            self.resume_on(end, Some(context));
        }
    }

    /// The server of whom a thread waits for the reply.
    fn server_of(&self, thread: Number) -> Option<Number> {
        match self.threads[&thread].wait {
            Wait::Reply { server, .. } => Some(server),
            Wait::Nothing
            | Wait::Send { .. }
            | Wait::Saved { .. }
            | Wait::Receive(_)
            | Wait::Notification(_)
            | Wait::Sleep => None,
        }
    }

    /// The last thread of the chain of calls that begins with `first`; none if it is too long.
    fn chain_end(&self, first: Number) -> Option<Number> {
        let mut end = first;
        for _ in 0..CHAIN_LIMIT {
            match self.server_of(end) {
                Some(server) => end = server,
                None => return Some(end),
            }
        }
        None
    }

    /// Whether a thread of the chain of calls that begins with `first` owns `context`.
    fn is_owned_along(&self, context: Number, first: Number) -> bool {
        let mut user = Some(first);
        for _ in 0..CHAIN_LIMIT {
            let Some(thread) = user else { return false };
            if self.threads[&thread].own == Some(context) {
                return true;
            }
            user = self.server_of(thread);
        }
        false
    }

    /// Takes back what `server` was lent by its caller, from whoever uses it now at the end of the calls
    /// that the server made, if that thread can go on with a context of its own. If not, it comes back
    /// when its user answers.
    pub(crate) fn take_back(&mut self, server: Number) -> Option<Number> {
        let user = self.chain_end(server)?;
        let used = self.threads[&user].context?;
        let own = self.own_at_rest(user)?;
        if self.is_owned_along(used, server) {
            return None;
        }
        if self.current() == Some(user) {
            self.stop_running();
            self.continue_on(user, None);
        } else {
            self.end_help(used);
            self.thread(user).context = Some(own);
            if self.is_runnable(user) {
                self.make_ready(own);
            }
        }
        Some(used)
    }
}
