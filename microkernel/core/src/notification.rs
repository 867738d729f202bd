//! Notifications: signal bits that wait for somebody to look.

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;

use crate::kernel::{Answer, Kernel};
use crate::memory::{Fields, Memory};
use crate::object::{
    Context, Notification, Number, Thread, gate, notification, special, thread, wait,
};

impl<M: Memory + Copy> Kernel<M> {
    /// `signal`: sets the bits of the gate `handle` in its notification.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `SIGNAL`); `Died` if the notification is gone.
    pub fn signal(&self, handle: u64) -> Answer {
        let capability = self.capability_of(self.current(), handle)?;
        self.check(capability, Kind::Gate, Rights::SIGNAL)?;
        let gate = Number::from_raw(capability.number());
        let target: Number<Notification> = self.memory.link(gate, gate::NOTIFICATION);
        if target.is_none() || self.memory.get(target, notification::ID) == 0 {
            return Err(Error::Died);
        }
        self.raise(target, self.memory.get(gate, gate::BADGE));
        Ok(0)
    }

    /// Sets `bits` in a notification, and wakes who waits for it.
    #[inline]
    pub(crate) fn raise(&self, target: Number<Notification>, bits: u64) {
        let waiter: Number<Thread> = self.memory.link(target, notification::WAITER);
        let bound: Number<Thread> = self.memory.link(target, notification::BOUND);
        if waiter.is_none() && bound.is_none() {
            let before = self.memory.get(target, notification::BITS);
            self.memory.set(target, notification::BITS, before | bits);
        } else {
            self.raise_for_somebody(target, bits);
        }
    }

    /// The same, for a notification that a thread waits for or is bound to.
    #[inline(never)]
    fn raise_for_somebody(&self, target: Number<Notification>, bits: u64) {
        let bits = self.memory.get(target, notification::BITS) | bits;
        if bits == 0 {
            return;
        }
        let waiter: Number<Thread> = self.memory.link(target, notification::WAITER);
        if !waiter.is_none() {
            self.memory.set(target, notification::WAITER, 0);
            self.memory.set(target, notification::BITS, 0);
            self.wake_with_signal(waiter, bits, self.memory.link(waiter, thread::CONTEXT));
            return;
        }
        let bound: Number<Thread> = self.memory.link(target, notification::BOUND);
        if !bound.is_none() {
            if self.memory.get(bound, thread::WAIT) & wait::REASON == wait::RECEIVE {
                self.memory.set(target, notification::BITS, 0);
                self.remove_server(bound);
                self.wake_with_signal(bound, bits, self.own_idle_context(bound));
                return;
            }
            self.set_special(bound, special::SIGNALLED);
        }
        self.memory.set(target, notification::BITS, bits);
    }

    fn wake_with_signal(&self, waiter: Number<Thread>, bits: u64, context: Number<Context>) {
        self.deliver_signal(waiter, bits);
        self.resume_on(waiter, context);
        self.preempt();
    }

    /// Whether the notification bound to `thread` has signals.
    pub(crate) fn has_signals(&self, thread: Number<Thread>) -> bool {
        let bound: Number<Notification> = self.memory.link(thread, thread::BOUND);
        !bound.is_none() && self.memory.get(bound, notification::BITS) != 0
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

    /// `wait`.
    #[inline(never)]
    pub(crate) fn wait(&self) {
        let waiter = self.current();
        let result = self.start_waiting(waiter);
        self.refuse_if(waiter, result);
    }

    #[inline(always)]
    pub(crate) fn start_waiting(&self, waiter: Number<Thread>) -> Result<(), Error> {
        let target = self.find::<Notification>(self.handle_of(waiter), Rights::RECEIVE)?;
        if self.memory.get(target, notification::BITS) != 0 {
            self.deliver_signal(waiter, self.take_bits(target));
            return Ok(());
        }
        if self.memory.get(target, notification::WAITER) != 0 {
            return Err(Error::InUse);
        }
        self.memory.set_link(target, notification::WAITER, waiter);
        self.memory
            .set(waiter, thread::WAIT, wait::NOTIFICATION | target.into_raw());
        self.block();
        Ok(())
    }

    /// `try_wait`.
    pub(crate) fn try_wait(&self, waiter: Number<Thread>) -> Result<(), Error> {
        let target = self.find::<Notification>(self.handle_of(waiter), Rights::RECEIVE)?;
        if self.memory.get(target, notification::BITS) == 0 {
            return Err(Error::WouldBlock);
        }
        self.deliver_signal(waiter, self.take_bits(target));
        Ok(())
    }
}
