//! Death: how objects go, and who is told.
//!
//! To destroy an object is to forget its identity: from then on no capability finds it. What must not use
//! it any more is stopped at once; what merely refers to it (who waits there, what is mapped, what was
//! made from it) is told or undone in [`crate::step`]s; and when nothing refers to it, its place is free.
//!
//! Whoever waits for something that goes is woken with `Died`. A thread whose fault nobody will answer
//! stops instead.

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::debug::thread_flag::INCARNATION_SHIFT;
use ipc_abi::error::Error;

use crate::capability::{Answer, UNITS_PER_FRAME};
use crate::message::HANDLE;
use crate::region::{FrameUse, LARGE_FRAMES};
use crate::state::{Frame, FrameLife, Grant, Life, Number, Slice, State, Target, UserFrame, Wait};

impl State {
    /// `destroy`: not what the running thread is or runs with.
    pub(crate) fn destroy(&mut self, handle: u64) -> Answer {
        let capability = self.capability_here(handle)?;
        if !capability.rights.contains(Rights::DESTROY) {
            return Err(Error::NoRight);
        }
        if !self.is_live(&capability) {
            return Err(Error::Stale);
        }
        if self.is_own(capability.kind, capability.number) {
            return Err(Error::Itself);
        }
        self.kill(capability.kind, capability.number);
        Ok(0)
    }

    /// `reclaim`: one object in the frame is destroyed, if one still lives. `Again` unless the frame is
    /// free when that is done, which is a step: [`crate::step::Step::Freed`].
    pub(crate) fn reclaim(&mut self, region: u64, frame: Frame) -> Answer {
        let region = self.find(region, Kind::Region, Rights::WRITE)?;
        self.check_covers(region, frame)?;
        // Who is told of the death may run then.
        let caller = self.current();
        let victim = match self.use_of(frame) {
            FrameUse::Free => return Ok(0),
            FrameUse::Reserved => return Err(Error::OutOfRange),
            FrameUse::User(head) => {
                self.release_from_device(head)?;
                Some((Kind::Frame, head * UNITS_PER_FRAME))
            }
            FrameUse::Unmade(head) => {
                self.abandon_large(head);
                None
            }
            FrameUse::Slots(table) => Some((Kind::CapTable, table)),
            FrameUse::Space(space) => Some((Kind::AddressSpace, space)),
            FrameUse::Objects(kind) => self.victim_in(kind, frame)?,
        };
        if let Some((kind, number)) = victim {
            if self.is_own(kind, number) {
                return Err(Error::Itself);
            }
            if self.identity(kind, number).is_some() {
                self.kill(kind, number);
            }
        }
        self.reclaimed = caller.map(|thread| (thread, frame));
        Err(Error::Again)
    }

    /// The next living object of a frame that holds objects of `kind`; the running thread's own are left
    /// to the last, and refused.
    fn victim_in(&self, kind: Kind, frame: Frame) -> Result<Option<(Kind, Number)>, Error> {
        let first = frame * UNITS_PER_FRAME;
        let units = first..first + UNITS_PER_FRAME;
        let mut living = units
            .filter(|it| self.identity(kind, *it).is_some())
            .peekable();
        let has_living = living.peek().is_some();
        match living.find(|it| !self.is_own(kind, *it)) {
            Some(number) => Ok(Some((kind, number))),
            None if has_living => Err(Error::Itself),
            None => Ok(None),
        }
    }

    /// Makes a large frame that is not all there one that dies.
    fn abandon_large(&mut self, head: Frame) {
        let taken = self.unmade.remove(&head).unwrap_or(0);
        let frame = UserFrame {
            life: FrameLife::Dying,
            is_large: true,
            freed: LARGE_FRAMES - taken,
            ..UserFrame::new(FrameLife::Dying)
        };
        self.frames.insert(head, alloc::rc::Rc::new(frame));
    }

    /// Whether the running thread is, or runs with, an object.
    fn is_own(&self, kind: Kind, number: Number) -> bool {
        let Some(current) = self.current() else {
            return false;
        };
        let it = &self.threads[&current];
        let number = Some(number);
        kind == Kind::Thread && number == Some(current)
            || kind == Kind::CapTable && number == it.table
            || kind == Kind::AddressSpace && number == it.space
    }

    /// Destroys a living object.
    pub(crate) fn kill(&mut self, kind: Kind, number: Number) {
        match kind {
            Kind::Region => self.region(number).id = None,
            Kind::Platform => {
                self.platforms.insert(number, None);
            }
            Kind::Frame => self.frame(number / UNITS_PER_FRAME).life = FrameLife::Dying,
            Kind::AddressSpace => self.space(number).id = None,
            Kind::CapTable => self.table(number).id = None,
            Kind::Gate => self.gate(number).id = None,
            Kind::Endpoint => {
                self.endpoint(number).id = None;
                self.close_if_deserted(number);
            }
            Kind::Allowance => self.kill_allowance(number),
            Kind::Thread => self.kill_thread(number),
            Kind::SchedulingContext => self.kill_context(number),
            Kind::Notification => self.kill_notification(number),
            Kind::Reply => {
                self.reply_object(number).id = None;
                self.abandon_saved(number);
            }
            Kind::Irq => {
                let it = self.irq(number);
                (it.id, it.target, it.is_pending) = (None, None, false);
            }
        }
    }

    /// The gates of a dead endpoint where nobody waits any more lead nowhere.
    pub(crate) fn close_if_deserted(&mut self, endpoint: Number) {
        let it = &self.endpoints[&endpoint];
        if it.id.is_none() && it.senders.is_empty() && it.servers.is_empty() {
            self.close_gates(Target::Endpoint(endpoint));
        }
    }

    fn close_gates(&mut self, target: Target) {
        for gate in self.gates.values_mut().filter(|it| it.target == target) {
            gate.target = Target::Nowhere;
        }
    }

    fn kill_allowance(&mut self, number: Number) {
        let it = self.allowance(number);
        it.id = None;
        if let Grant::Time { parent, share, .. } = &mut it.grant {
            let (parent, share) = (parent.take(), *share);
            if let Some(parent) = parent {
                self.give_share(parent, share, 0);
            }
        }
    }

    fn kill_thread(&mut self, number: Number) {
        self.thread(number).id = None;
        self.stop_thread(number);
        let it = self.thread(number);
        (it.buffer, it.table, it.space) = (None, None, None);
    }

    fn kill_notification(&mut self, number: Number) {
        let it = self.notifications.get_mut(&number).expect("a notification");
        it.id = None;
        if let Some(bound) = self.bound_to(number) {
            self.thread(bound).bound = None;
        }
        self.close_gates(Target::Notification(number));
        if let Some(waiter) = self.waiter_for(number) {
            self.tell_waiter(waiter);
        }
    }

    /// Whoever uses a context that goes goes on with its own, or waits until it gets one.
    fn kill_context(&mut self, context: Number) {
        self.context(context).id = None;
        let holder = self.holder_of(context);
        if let Some(owner) = self.owner_of(context) {
            self.thread(owner).own = None;
        }
        let it = self.context(context);
        if let (Some(allowance), share) = (it.allowance.take(), it.share) {
            self.give_share(allowance, share, 0);
        }
        self.forget_context(context);
        match (holder, self.running) {
            (Some(user), Some(running)) if running.context == context => {
                self.stop_running();
                self.thread(user).context = None;
                self.continue_on(user, None);
            }
            (Some(user), _) => {
                self.unqueue(context);
                self.thread(user).context = None;
                let own = self.own_at_rest(user);
                self.thread(user).context = own;
                if self.is_runnable(user) && own.is_some() {
                    self.resume_on(user, own);
                }
                self.preempt();
            }
            (None, _) => self.unqueue(context),
        }
    }

    /// A context that goes helps nobody, pays no more, and has no turn.
    fn forget_context(&mut self, context: Number) {
        if let Some(running) = &mut self.running {
            running.helper = running.helper.filter(|it| *it != context);
        }
        self.billed = self.billed.filter(|(billed, _)| *billed != context);
        if let Some(Slice { context: whose, .. }) = &mut self.slice {
            *whose = whose.filter(|it| *it != context);
        }
    }
}

/// Who is told.
impl State {
    /// Undoes what `thread`, which does not run, waits for. The answer is the context that it goes on with.
    /// The caller ends the wait.
    pub(crate) fn abandon_wait(&mut self, thread: Number) -> Option<Number> {
        self.thread(thread).deadline = None;
        let held = self.threads[&thread].context;
        match self.threads[&thread].wait {
            Wait::Send { endpoint, .. } => self.leave_queue(thread, endpoint),
            Wait::Receive(endpoint) => {
                self.endpoint(endpoint).servers.retain(|it| *it != thread);
                return self.threads[&thread].own;
            }
            Wait::Reply { server, .. } => {
                let lent = self.take_back(server);
                self.thread(server).is_caller_gone = true;
                return lent;
            }
            Wait::Saved { reply, .. } => {
                let it = self.reply_object(reply);
                (it.server, it.is_stale) = (None, true);
            }
            Wait::Nothing => {
                if let Some(held) = held {
                    self.unqueue(held);
                }
            }
            Wait::Notification(_) | Wait::Sleep => {}
        }
        held
    }

    /// Wakes `thread`, whose wait was undone, with an error, on `context`; one whose fault nobody will
    /// answer stops.
    pub(crate) fn wake_refused(&mut self, thread: Number, context: Option<Number>, error: Error) {
        if self.is_faulted(thread) {
            self.thread(thread).life = Life::Stopped;
        } else {
            self.refuse_waiter(thread, error);
        }
        self.resume_on(thread, context);
    }

    /// What `thread` waits for is dead.
    pub(crate) fn tell_waiter(&mut self, thread: Number) {
        let context = self.abandon_wait(thread);
        self.wake_refused(thread, context, Error::Died);
        self.preempt();
    }

    /// The caller that `server` serves is told that nobody will answer, and has its time back.
    pub(crate) fn lose_server(&mut self, server: Number) {
        let Some(caller) = self.caller_of(server) else {
            return;
        };
        let lent = self.take_back(server);
        let context = lent.or_else(|| self.own_at_rest(caller));
        self.tell_of_death(caller, context, server);
    }

    /// Wakes `caller`: nobody will answer, and which incarnation of the server would have.
    fn tell_of_death(&mut self, caller: Number, context: Option<Number>, server: Number) {
        let is_fault = self.is_faulted(caller);
        self.wake_refused(caller, context, Error::Died);
        if !is_fault {
            let incarnation = self.threads[&server].flags >> INCARNATION_SHIFT;
            self.thread(caller).registers.x[HANDLE] = incarnation;
        }
    }

    /// The caller that a reply object holds, if any, is told that nobody will answer.
    pub(crate) fn abandon_saved(&mut self, reply: Number) {
        let server = self.reply_object(reply).server.take();
        if let (Some(caller), Some(server)) = (self.saved_in(reply), server) {
            self.tell_of_death(caller, self.threads[&caller].context, server);
            self.preempt();
        }
    }

    /// Stops a thread, which does not run: what it waits for is abandoned, who waits for it is told.
    pub(crate) fn stop_thread(&mut self, thread: Number) {
        self.lose_server(thread);
        let is_message_call = !matches!(self.threads[&thread].wait, Wait::Nothing | Wait::Sleep);
        let was_waiting = is_message_call && !self.is_faulted(thread);
        let context = self.abandon_wait(thread);
        if was_waiting {
            self.refuse_waiter(thread, Error::Died);
        }
        self.rest_stopped(thread, context);
        self.preempt();
    }

    /// A thread that serves nobody and whose wait was undone is stopped: what it held goes back.
    pub(crate) fn rest_stopped(&mut self, thread: Number, held: Option<Number>) {
        self.end_wait(thread);
        let it = self.thread(thread);
        (it.life, it.context, it.is_caller_gone) = (Life::Stopped, None, false);
        if let Some(held) = held {
            self.release_context(held);
        }
    }
}
