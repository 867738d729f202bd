//! Notifications: signal bits that wait for somebody to look.

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;
use ipc_abi::tag::{MessageKind, Tag};

use crate::kernel::{Answer, Kernel, Outcome};
use crate::memory::{Fields, Memory};
use crate::object::{
    Gate, LIGHT, Notification, Number, Thread, gate, notification, special, thread, wait,
};

/// The tag with which signals arrive.
const SIGNAL_TAG: u64 = Tag::new(0, 0).with_kind(MessageKind::Signal).into_raw();
/// The register of the tag.
const TAG: u64 = 16;

/// What `wait` gives to a thread that goes on: signal bits in `x0`, and the tag, of signals or of a
/// refusal, which goes to `x16`.
const fn waited(bits: u64, tag: u64) -> Outcome {
    Outcome::new(bits, tag)
}

const fn not_waited(error: Error) -> Outcome {
    waited(0, Tag::refusal(error).into_raw())
}

impl<M: Memory + Copy> Kernel<M> {
    /// `signal`: sets the bits of the gate `handle` in its notification.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `SIGNAL`); `Died` if the notification is gone.
    pub fn signal(&self, handle: u64) -> Answer {
        self.signal_quickly(self.current(), handle).into()
    }

    /// The same, such that the usual case needs no stack.
    #[inline(always)]
    pub fn signal_quickly(&self, caller: Number<Thread>, handle: u64) -> Outcome {
        if let Some(capability) = self.find_nearby(caller, handle, Kind::Gate, Rights::SIGNAL) {
            let gate = Number::from_raw(capability.number());
            if let Some(target) = self.live_target(gate) {
                return self.raise_first(caller, target, self.memory.get(gate, gate::BADGE));
            }
        }
        self.signal_elsewhere(handle)
    }

    /// `signal` in any case.
    #[cold]
    #[inline(never)]
    fn signal_elsewhere(&self, handle: u64) -> Outcome {
        let gate = match self.find_seldom::<Gate>(handle, Rights::SIGNAL) {
            Ok(gate) => gate,
            Err(error) => return Outcome::refused(error),
        };
        match self.live_target(gate) {
            Some(target) => self.raise(target, self.memory.get(gate, gate::BADGE)),
            None => Outcome::refused(Error::Died),
        }
    }

    /// The notification of a gate, if it has one that does not die.
    #[inline(always)]
    fn live_target(&self, gate: Number<Gate>) -> Option<Number<Notification>> {
        let target: Number<Notification> = self.memory.link(gate, gate::NOTIFICATION);
        let is_live = !target.is_none() && self.memory.get(target, notification::ID) != 0;
        is_live.then_some(target)
    }

    /// Sets `bits` in a notification, and wakes who waits for it. The first thing that a call of
    /// `running`, or an interrupt of it (none: while nobody runs), does. Answers success.
    #[inline(always)]
    pub(crate) fn raise_first(
        &self,
        running: Number<Thread>,
        target: Number<Notification>,
        bits: u64,
    ) -> Outcome {
        let waiter: Number<Thread> = self.memory.link(target, notification::WAITER);
        let bound: Number<Thread> = self.memory.link(target, notification::BOUND);
        if waiter.is_none() && bound.is_none() {
            let before = self.memory.get(target, notification::BITS);
            self.memory.set(target, notification::BITS, before | bits);
            Outcome::DONE
        } else {
            self.wake_first(running, target, bits)
        }
    }

    /// The same, for a notification that a thread waits for or is bound to.
    #[inline(always)]
    fn wake_first(
        &self,
        running: Number<Thread>,
        target: Number<Notification>,
        bits: u64,
    ) -> Outcome {
        let waiter: Number<Thread> = self.memory.link(target, notification::WAITER);
        let all = self.memory.get(target, notification::BITS) | bits;
        let is_light = !waiter.is_none() && self.memory.get(waiter, thread::PSTATE) & LIGHT != 0;
        if !is_light || all == 0 || !self.switch_at_once(running, waiter) {
            return self.raise(target, bits);
        }
        self.memory.set(target, notification::WAITER, 0);
        self.memory.set(target, notification::BITS, 0);
        self.set_register(waiter, 0, all);
        self.set_register(waiter, TAG, SIGNAL_TAG);
        self.done()
    }

    /// Sets `bits` in a notification, and wakes who waits for it. Answers success.
    #[inline(never)]
    pub(crate) fn raise(&self, target: Number<Notification>, bits: u64) -> Outcome {
        let bits = self.memory.get(target, notification::BITS) | bits;
        if bits == 0 {
            return self.done();
        }
        let waiter: Number<Thread> = self.memory.link(target, notification::WAITER);
        if !waiter.is_none() {
            self.memory.set(target, notification::WAITER, 0);
            self.memory.set(target, notification::BITS, 0);
            self.tell_bits(waiter, bits);
            self.resume_on(waiter, self.memory.link(waiter, thread::CONTEXT));
            self.preempt();
            return self.done();
        }
        let bound: Number<Thread> = self.memory.link(target, notification::BOUND);
        if !bound.is_none() {
            if self.memory.get(bound, thread::WAIT) & wait::REASON == wait::RECEIVE {
                self.memory.set(target, notification::BITS, 0);
                self.remove_server(bound);
                self.deliver_signal(bound, bits);
                self.resume_on(bound, self.own_idle_context(bound));
                self.preempt();
                return self.done();
            }
            self.set_special(bound, special::SIGNALLED);
        }
        self.memory.set(target, notification::BITS, bits);
        self.done()
    }

    /// Gives signal bits to a thread that waits for a notification.
    fn tell_bits(&self, waiter: Number<Thread>, bits: u64) {
        if self.memory.get(waiter, thread::PSTATE) == LIGHT {
            self.set_register(waiter, 0, bits);
            self.set_register(waiter, TAG, SIGNAL_TAG);
        } else {
            self.deliver_signal(waiter, bits);
        }
    }

    /// Whether the notification bound to `thread` has signals: then, and only then, the thread is marked.
    #[inline(always)]
    pub(crate) fn has_signals(&self, thread: Number<Thread>) -> bool {
        self.memory.get(thread, thread::SPECIAL) & special::SIGNALLED != 0
    }

    /// Takes all bits of a notification.
    pub(crate) fn take_bits(&self, target: Number<Notification>) -> u64 {
        let bits = self.memory.get(target, notification::BITS);
        self.memory.set(target, notification::BITS, 0);
        let bound: Number<Thread> = self.memory.link(target, notification::BOUND);
        if !bound.is_none() {
            self.clear_special(bound, special::SIGNALLED);
        }
        bits
    }

    /// `wait` of the current thread, for the notification `handle`. Answers the bits and the tag that
    /// it gets if it goes on; if it waits, its frame is a light one, which gets them later.
    #[inline]
    pub fn wait_for_signal(&self, waiter: Number<Thread>, handle: u64) -> Outcome {
        if let Some(capability) =
            self.find_nearby(waiter, handle, Kind::Notification, Rights::RECEIVE)
        {
            let target = Number::from_raw(capability.number());
            let bits = self.memory.get(target, notification::BITS);
            if bits == 0 && self.memory.get(target, notification::WAITER) == 0 {
                self.note_waiter(waiter, target);
                return self.block_caller(waiter);
            }
            if bits != 0 && self.memory.get(target, notification::BOUND) == 0 {
                self.memory.set(target, notification::BITS, 0);
                return waited(bits, SIGNAL_TAG);
            }
        }
        self.wait_elsewhere(handle)
    }

    /// The same in any case.
    #[cold]
    #[inline(never)]
    fn wait_elsewhere(&self, handle: u64) -> Outcome {
        let target = match self.find_seldom::<Notification>(handle, Rights::RECEIVE) {
            Ok(target) => target,
            Err(error) => return not_waited(error),
        };
        if self.memory.get(target, notification::BITS) != 0 {
            return waited(self.take_bits(target), SIGNAL_TAG);
        }
        if self.memory.get(target, notification::WAITER) != 0 {
            return not_waited(Error::InUse);
        }
        self.note_waiter(self.current(), target);
        self.block()
    }

    /// The same for a thread whose registers were saved.
    #[inline(never)]
    pub(crate) fn start_waiting(&self, waiter: Number<Thread>) -> Result<(), Error> {
        let target = self.find_seldom::<Notification>(self.handle_of(waiter), Rights::RECEIVE)?;
        if self.memory.get(target, notification::BITS) != 0 {
            self.deliver_signal(waiter, self.take_bits(target));
            return Ok(());
        }
        if self.memory.get(target, notification::WAITER) != 0 {
            return Err(Error::InUse);
        }
        self.note_waiter(waiter, target);
        self.block();
        Ok(())
    }

    /// `waiter` waits for a notification that has no bits and no waiter.
    #[inline(always)]
    fn note_waiter(&self, waiter: Number<Thread>, target: Number<Notification>) {
        self.memory.set_link(target, notification::WAITER, waiter);
        self.memory
            .set(waiter, thread::WAIT, wait::NOTIFICATION | target.into_raw());
    }

    /// `try_wait`.
    pub(crate) fn try_wait(&self, waiter: Number<Thread>) -> Result<(), Error> {
        let target = self.find_seldom::<Notification>(self.handle_of(waiter), Rights::RECEIVE)?;
        if self.memory.get(target, notification::BITS) == 0 {
            return Err(Error::WouldBlock);
        }
        self.deliver_signal(waiter, self.take_bits(target));
        Ok(())
    }
}
