//! Threads: starting, stopping, and what belongs to them.
//!
//! ```text
//!        thread_start              thread_stop, fault without handler
//!  New ───────────────▶ Live ─────────────────────────────────────────▶ Stopped
//!                         ▲                                                │
//!                         └──────────── thread_resume, thread_start ───────┘
//! ```
//!
//! A thread that a fault stopped keeps the caller that it serves and the time that it was lent, until it
//! is stopped, started anew or destroyed.

use ipc_abi::capability::{Kind, Rights, ThreadState};
use ipc_abi::debug::thread_flag;
use ipc_abi::error::Error;

use crate::capability::Answer;
use crate::state::{FrameLife, Life, Message, Number, Registers, State, Wait};

impl State {
    /// `thread_start`: all registers but these three are zero.
    pub(crate) fn thread_start(&mut self, handle: u64, [pc, sp, argument]: [u64; 3]) -> Answer {
        let target = self.find(handle, Kind::Thread, Rights::WRITE)?;
        if self.threads[&target].life == Life::Live {
            return Err(Error::NotStopped);
        }
        if self.threads[&target].own.is_none() {
            return Err(Error::NoTime);
        }
        self.lose_server(target);
        let held = self.threads[&target].context;
        self.rest_stopped(target, held);
        let it = self.thread(target);
        it.registers = Registers {
            pc,
            sp,
            ..Registers::default()
        };
        it.registers.x[0] = argument;
        it.is_stepping = false;
        self.make_live(target);
        Ok(0)
    }

    /// `thread_resume`.
    pub(crate) fn thread_resume(&mut self, handle: u64) -> Answer {
        let target = self.find(handle, Kind::Thread, Rights::WRITE)?;
        if self.threads[&target].life != Life::Stopped {
            return Err(Error::NotStarted);
        }
        self.make_live(target);
        Ok(0)
    }

    /// Lets a thread go on: with what it holds, or else with its own.
    fn make_live(&mut self, target: Number) {
        let held = self.threads[&target].context;
        self.thread(target).life = Life::Live;
        self.resume_on(target, held);
        self.preempt();
    }

    /// `thread_stop`.
    pub(crate) fn thread_stop(&mut self, handle: u64) -> Answer {
        let target = self.find(handle, Kind::Thread, Rights::WRITE)?;
        if self.current() == Some(target) {
            return Err(Error::Itself);
        }
        if self.threads[&target].life != Life::Live && self.caller_of(target).is_none() {
            return Err(Error::NotStarted);
        }
        self.stop_thread(target);
        Ok(0)
    }

    /// `thread_set_buffer`: another thread's is refused; its own, for which nothing changes, is not.
    pub(crate) fn thread_set_buffer(&mut self, handle: u64, frame: u64) -> Answer {
        let target = self.find(handle, Kind::Thread, Rights::WRITE)?;
        let (frame, _) = self.find_frame(frame, Rights::READ.union(Rights::WRITE))?;
        let it = &self.frames[&frame];
        if it.is_code || it.is_device || it.is_large {
            return Err(Error::AccessDenied);
        }
        if it.given.is_some() {
            return Err(Error::InUse);
        }
        match self.buffer_owner(frame) {
            Some(owner) if owner != target => return Err(Error::InUse),
            Some(_) | None => self.thread(target).buffer = Some(frame),
        }
        Ok(0)
    }

    /// The thread whose message buffer a frame is.
    pub(crate) fn buffer_owner(&self, frame: u64) -> Option<Number> {
        let buffer = Some(frame);
        self.threads
            .iter()
            .find(|(_, it)| it.buffer == buffer)
            .map(|(number, _)| *number)
    }

    /// `thread_set_handler`.
    pub(crate) fn thread_set_handler(&mut self, handle: u64, gate: u64) -> Answer {
        let target = self.find(handle, Kind::Thread, Rights::WRITE)?;
        let gate = self.find(gate, Kind::Gate, Rights::SEND)?;
        let link = self.identity(Kind::Gate, gate).map(|id| (gate, id));
        self.thread(target).handler = link;
        Ok(0)
    }

    /// `thread_set_context`: each has one of the other at most. A thread that already runs on the context,
    /// or on whose behalf a server does, keeps running.
    pub(crate) fn thread_set_context(&mut self, handle: u64, context: u64) -> Answer {
        let target = self.find(handle, Kind::Thread, Rights::WRITE)?;
        let context = self.find(context, Kind::SchedulingContext, Rights::WRITE)?;
        let holder = self.holder_of(context);
        let is_used = holder.is_some_and(|it| it != target);
        let is_owned = self.owner_of(context).is_some();
        if self.threads[&target].own.is_some() || is_used || is_owned {
            return Err(Error::InUse);
        }
        self.thread(target).own = Some(context);
        if holder != Some(target) {
            self.release_context(context);
            self.preempt();
        }
        Ok(0)
    }

    /// `thread_bind`: signals that are there already are seen at once.
    pub(crate) fn thread_bind(&mut self, handle: u64, notification: u64) -> Answer {
        let target = self.find(handle, Kind::Thread, Rights::WRITE)?;
        let bound = self.find(notification, Kind::Notification, Rights::RECEIVE)?;
        if self.threads[&target].bound.is_some() || self.bound_to(bound).is_some() {
            return Err(Error::InUse);
        }
        if self.threads[&target].own.is_none() {
            return Err(Error::NoTime);
        }
        self.thread(target).bound = Some(bound);
        self.raise(bound, 0);
        Ok(0)
    }

    /// `thread_inspect`.
    pub(crate) fn thread_inspect(&self, handle: u64) -> Answer {
        let target = self.find(handle, Kind::Thread, Rights::READ)?;
        let it = &self.threads[&target];
        let state = match (it.life, it.wait) {
            (Life::New, _) => ThreadState::New,
            (Life::Stopped, _) => ThreadState::Stopped,
            (Life::Live, Wait::Nothing) => ThreadState::Ready,
            (Life::Live, Wait::Receive(_)) => ThreadState::Receiving,
            (Life::Live, Wait::Notification(_) | Wait::Sleep) => ThreadState::Waiting,
            (
                Life::Live,
                Wait::Send {
                    what: Message::Call | Message::OneWay,
                    ..
                },
            ) => ThreadState::Sending,
            (Life::Live, Wait::Reply { what, .. } | Wait::Saved { what, .. })
                if what == Message::Call =>
            {
                ThreadState::Calling
            }
            (Life::Live, Wait::Send { .. } | Wait::Reply { .. } | Wait::Saved { .. }) => {
                ThreadState::Faulted
            }
        };
        Ok(state as u64)
    }

    /// `thread_configure`.
    pub(crate) fn thread_configure(&mut self, handle: u64, flags: u64) -> Answer {
        let target = self.find(handle, Kind::Thread, Rights::WRITE)?;
        if flags & !thread_flag::ALL != 0 {
            return Err(Error::BadArgument);
        }
        if self.threads[&target].life == Life::Live {
            return Err(Error::NotStopped);
        }
        self.thread(target).flags = flags;
        Ok(0)
    }

    /// Whether a user frame exists.
    pub(crate) fn is_frame_live(&self, frame: u64) -> bool {
        self.frames
            .get(&frame)
            .is_some_and(|it| matches!(it.life, FrameLife::Live(_)))
    }
}
