//! A condition that threads wait for.

use super::MutexGuard;
use super::protocol::{Queue, Threads};
use super::raw::OwnWord;
use crate::thread::place::Places;
use crate::time::Deadline;

/// Where threads wait until something that a [`super::Mutex`] guards has changed.
///
/// Nobody is woken between the look at what the lock guards and the wait for it to change. Waits can end for
/// no reason: look again. [`Condvar::wait_while`] does.
#[derive(Debug)]
pub struct Condvar {
    queue: Queue<OwnWord>,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Somebody woke the thread, or nobody did.
    Woken,
    /// The deadline came first.
    TimedOut,
}

impl Condvar {
    /// A condition for which nobody waits.
    #[must_use]
    pub const fn new() -> Condvar {
        Condvar {
            queue: Queue::new(OwnWord::new()),
        }
    }

    /// Waits; the lock is free meanwhile.
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        // It never comes.
        let _ = self.wait_until(guard, Deadline::NEVER);
    }

    /// Waits until `is_unwanted` is no longer so.
    pub fn wait_while<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut is_unwanted: impl FnMut(&mut T) -> bool,
    ) {
        while is_unwanted(guard) {
            self.wait(guard);
        }
    }

    /// Waits until `deadline`; the lock is free meanwhile, and waiting for it again is not part of that.
    pub fn wait_until<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, deadline: Deadline) -> Wait {
        let Some(me) = Places.current() else {
            MutexGuard::unlocked(guard, || Places.relax());
            return if deadline != Deadline::NEVER && deadline.is_over() {
                Wait::TimedOut
            } else {
                Wait::Woken
            };
        };
        self.queue.enter(me);
        MutexGuard::unlocked(guard, || self.sleep(me, deadline))
    }

    fn sleep(&self, me: u8, deadline: Deadline) -> Wait {
        while self.queue.is_in(me) {
            if Places.sleep_until(me, deadline) == Wait::TimedOut && self.queue.leave(me) {
                return Wait::TimedOut;
            }
        }
        Wait::Woken
    }

    /// Wakes one of those who wait, in turn.
    #[inline]
    pub fn notify_one(&self) {
        self.queue.wake_one(&Places);
    }

    /// Wakes all who wait.
    #[inline]
    pub fn notify_all(&self) {
        self.queue.wake_all(&Places);
    }
}

impl Default for Condvar {
    fn default() -> Condvar {
        Condvar::new()
    }
}
