//! Deadlines: message calls that wait only until a time.
//!
//! `call_until`, `receive_until` and `wait_until` are `call`, `receive` and `wait` with a deadline in
//! `x20`; `sleep` waits for nothing else. A thread that waits with a deadline is in a timing wheel
//! (`timer.rs`) and has [`special::DEADLINE`], which keeps it off the fast path: calls without a
//! deadline pay nothing. When the time comes, the wait is abandoned as if what it waits for had died,
//! but with `TimedOut`: the server's answer is dropped, a saved caller is stale.

use ipc_abi::error::Error;
use ipc_abi::time::NEVER;

use crate::kernel::{Answer, Kernel};
use crate::memory::{Fields, Memory};
use crate::object::{Number, Thread, context, special, thread, wait};
use crate::timer::{band_of, entry_of};

/// The register of the deadline.
const DEADLINE: u64 = 20;

impl<M: Memory + Copy> Kernel<M> {
    /// The deadline of a call of the current thread; from [`NEVER`] on there is none, really.
    ///
    /// # Errors
    ///
    /// `TimedOut` if it has passed.
    #[inline(always)]
    fn deadline_of(&self, thread: Number<Thread>) -> Result<u64, Error> {
        let when = self.register(thread, DEADLINE);
        if when <= self.memory.now() {
            Err(Error::TimedOut)
        } else {
            Ok(when)
        }
    }

    /// `thread`, which now waits, does so until `when`; `band` is that of the time it waited with.
    fn set_deadline(&self, thread: Number<Thread>, when: u64, band: u64) {
        if when >= NEVER || self.memory.get(thread, thread::WAIT) == 0 {
            return;
        }
        self.set_special(thread, special::DEADLINE);
        self.start_timer(entry_of(thread), when, band);
    }

    /// The band of the priority that counts now.
    #[inline(always)]
    fn current_band(&self) -> u64 {
        band_of(self.memory.get(self.payer(), context::PRIORITY))
    }

    /// `thread` waits no more, or not for what had a deadline.
    #[inline(always)]
    pub(crate) fn forget_deadline(&self, thread: Number<Thread>) {
        if self.memory.get(thread, thread::SPECIAL) & special::DEADLINE != 0 {
            self.drop_deadline(thread);
        }
    }

    #[inline(never)]
    fn drop_deadline(&self, thread: Number<Thread>) {
        self.clear_special(thread, special::DEADLINE);
        self.stop_timer(entry_of(thread));
    }

    /// The deadline of `thread`, which is in no wheel any more, came.
    pub(crate) fn time_out(&self, thread: Number<Thread>) {
        self.clear_special(thread, special::DEADLINE);
        let is_asleep = self.memory.get(thread, thread::WAIT) == wait::SLEEP;
        let context = self.abandon_wait(thread);
        if is_asleep {
            self.resume_on(thread, context);
        } else {
            self.wake_refused(thread, context, Error::TimedOut);
        }
    }

    /// `call_until`.
    #[inline(never)]
    pub(crate) fn call_until(&self) {
        let caller = self.current();
        let band = self.current_band();
        let result = self.deadline_of(caller).and_then(|deadline| {
            self.call_and_wait(caller)?;
            self.set_deadline(caller, deadline, band);
            Ok(())
        });
        self.refuse_if(caller, result);
    }

    /// `receive_until`.
    pub(crate) fn receive_until(&self, server: Number<Thread>) -> Result<(), Error> {
        let band = self.current_band();
        match self.deadline_of(server) {
            Ok(deadline) => {
                self.receive_and_wait(server)?;
                self.set_deadline(server, deadline, band);
                Ok(())
            }
            // What is there is taken in any case.
            Err(_) => match self.receive_now(server) {
                Err(Error::WouldBlock) => Err(Error::TimedOut),
                result => result,
            },
        }
    }

    /// `sleep`: until `when`; from [`NEVER`] on, until somebody stops the thread.
    ///
    /// # Errors
    ///
    /// None.
    pub fn sleep(&self, when: u64) -> Answer {
        if when > self.memory.now() {
            let sleeper = self.current();
            let band = self.current_band();
            self.memory.set(sleeper, thread::WAIT, wait::SLEEP);
            self.block();
            self.set_deadline(sleeper, when, band);
        }
        Ok(0)
    }

    /// `wait_until`.
    pub(crate) fn wait_until(&self, waiter: Number<Thread>) -> Result<(), Error> {
        let band = self.current_band();
        let deadline = self.deadline_of(waiter);
        if deadline.is_err() {
            return match self.try_wait(waiter) {
                Err(Error::WouldBlock) => Err(Error::TimedOut),
                result => result,
            };
        }
        self.start_waiting(waiter)?;
        self.set_deadline(waiter, deadline?, band);
        Ok(())
    }
}
