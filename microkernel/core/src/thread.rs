//! Threads: starting, stopping, and what belongs to them.
//!
//! ```text
//!        thread_start              thread_stop, fault without handler
//!  NEW ───────────────▶ LIVE ─────────────────────────────────────────▶ STOPPED
//!                         ▲                                                │
//!                         └──────────── thread_resume, thread_start ───────┘
//! ```

use ipc_abi::capability::{Rights, ThreadState};
use ipc_abi::error::Error;

use crate::kernel::{Answer, Kernel};
use crate::memory::{Fields, Memory};
use crate::object::{
    Context, Gate, Notification, Number, Thread, context, flag, gate, notification, sending, state,
    thread, wait,
};

impl<M: Memory + Copy> Kernel<M> {
    /// `thread_start`: all registers but these are zero.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `WRITE`), `NotStopped`, `NoTime` if it owns no context.
    pub fn thread_start(&self, handle: u64, pc: u64, sp: u64, argument: u64) -> Answer {
        let target = self.find_seldom::<Thread>(handle, Rights::WRITE)?;
        if self.memory.get(target, thread::STATE) == state::LIVE {
            return Err(Error::NotStopped);
        }
        if self.memory.get(target, thread::OWN_CONTEXT) == 0 {
            return Err(Error::NoTime);
        }
        // A thread that a fault stopped still serves its caller, and holds what it was lent.
        self.lose_server(target);
        debug_assert!(self.memory.get(target, thread::STATE) != state::LIVE);
        self.rest_stopped(target, self.memory.link(target, thread::CONTEXT));
        for index in self.memory.at_most::<31>(0..31) {
            self.set_register(target, index, 0);
        }
        self.set_register(target, 0, argument);
        self.memory.set(target, thread::PC, pc);
        self.memory.set(target, thread::SP, sp);
        self.memory.set(target, thread::POINTER, 0);
        self.memory.set(target, thread::PSTATE, 0);
        if self.memory.get(target, thread::FLAGS) & flag::FLOATING != 0 {
            self.clear_floating(target);
        }
        self.change_flags(target, flag::STEPPING, 0);
        self.make_live(target);
        Ok(0)
    }

    /// `thread_resume`.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `WRITE`), `NotStarted` if it is new or runs already.
    pub fn thread_resume(&self, handle: u64) -> Answer {
        let target = self.find_seldom::<Thread>(handle, Rights::WRITE)?;
        if self.memory.get(target, thread::STATE) != state::STOPPED {
            return Err(Error::NotStarted);
        }
        self.make_live(target);
        Ok(0)
    }

    /// Lets a stopped thread go on: with the context that it holds, as one that a fault stopped does,
    /// or else with its own.
    fn make_live(&self, target: Number<Thread>) {
        let held: Number<Context> = self.memory.link(target, thread::CONTEXT);
        let context = if held.is_none() {
            self.own_idle_context(target)
        } else {
            held
        };
        self.memory.set(target, thread::STATE, state::LIVE);
        self.resume_on(target, context);
        self.preempt();
    }

    /// `thread_stop`. A thread that a fault stopped keeps the caller it serves until this.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `WRITE`), `Itself`, `NotStarted` if it is new, or stopped and serves
    /// nobody.
    pub fn thread_stop(&self, handle: u64) -> Answer {
        let target = self.find_seldom::<Thread>(handle, Rights::WRITE)?;
        if target == self.current() {
            return Err(Error::Itself);
        }
        let is_live = self.memory.get(target, thread::STATE) == state::LIVE;
        if !is_live && self.memory.get(target, thread::CALLER) == 0 {
            return Err(Error::NotStarted);
        }
        self.stop_thread(target);
        Ok(0)
    }

    /// `thread_set_handler`.
    ///
    /// # Errors
    ///
    /// Those of the handles (thread: right `WRITE`; gate: right `SEND`).
    pub fn thread_set_handler(&self, handle: u64, gate: u64) -> Answer {
        let target = self.find_seldom::<Thread>(handle, Rights::WRITE)?;
        let gate = self.find_seldom::<Gate>(gate, Rights::SEND)?;
        self.memory.set_link(target, thread::HANDLER, gate);
        self.memory
            .set(target, thread::HANDLER_ID, self.memory.get(gate, gate::ID));
        Ok(0)
    }

    /// `thread_set_context`.
    ///
    /// # Errors
    ///
    /// Those of the handles (right `WRITE`), `InUse` if the thread owns a context, or the context has
    /// an owner or is used by another thread.
    pub fn thread_set_context(&self, handle: u64, context: u64) -> Answer {
        let target = self.find_seldom::<Thread>(handle, Rights::WRITE)?;
        let context = self.find_seldom::<Context>(context, Rights::WRITE)?;
        let user: Number<Thread> = if context == self.current_context() {
            self.current()
        } else {
            self.memory.link(context, context::RUNNING)
        };
        let is_used = !user.is_none() && user != target;
        let has_own = self.memory.get(target, thread::OWN_CONTEXT) != 0;
        if has_own || is_used || self.memory.get(context, context::OWNER) != 0 {
            return Err(Error::InUse);
        }
        self.memory.set_link(target, thread::OWN_CONTEXT, context);
        self.memory.set_link(context, context::OWNER, target);
        if user == target {
            self.mark_own_time(target, context);
        } else {
            self.release_context(context);
            self.preempt();
        }
        Ok(0)
    }

    /// `thread_bind`.
    ///
    /// # Errors
    ///
    /// Those of the handles (thread: right `WRITE`; notification: right `RECEIVE`), `InUse` if
    /// either is bound, `NoTime` if the thread owns no context.
    pub fn thread_bind(&self, handle: u64, notification: u64) -> Answer {
        let target = self.find_seldom::<Thread>(handle, Rights::WRITE)?;
        let bound = self.find_seldom::<Notification>(notification, Rights::RECEIVE)?;
        let has_bound = self.memory.get(target, thread::BOUND) != 0;
        if has_bound || self.memory.get(bound, notification::BOUND) != 0 {
            return Err(Error::InUse);
        }
        if self.memory.get(target, thread::OWN_CONTEXT) == 0 {
            return Err(Error::NoTime);
        }
        self.memory.set_link(target, thread::BOUND, bound);
        self.memory.set_link(bound, notification::BOUND, target);
        if self.memory.get(bound, notification::BITS) != 0 {
            self.raise(bound, 0);
        }
        Ok(0)
    }

    /// `thread_inspect`.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `READ`).
    pub fn thread_inspect(&self, handle: u64) -> Answer {
        let target = self.find_seldom::<Thread>(handle, Rights::READ)?;
        Ok(self.state_of(target) as u64)
    }

    fn state_of(&self, target: Number<Thread>) -> ThreadState {
        match self.memory.get(target, thread::STATE) {
            state::NEW => return ThreadState::New,
            state::STOPPED => return ThreadState::Stopped,
            _ => {}
        }
        let is_fault = self.memory.get(target, thread::SENDING) == sending::FAULT;
        match self.memory.get(target, thread::WAIT) & wait::REASON {
            0 => ThreadState::Ready,
            wait::SEND if !is_fault => ThreadState::Sending,
            wait::REPLY | wait::SAVED => ThreadState::Calling,
            wait::RECEIVE => ThreadState::Receiving,
            wait::NOTIFICATION | wait::SLEEP => ThreadState::Waiting,
            _ => ThreadState::Faulted,
        }
    }
}
