//! Where each thread of the process sleeps, and how it is woken: a notification and a gate each, which the
//! supervisor gave.
//!
//! On the host every thread that asks has a number as long as it lives, of the first 16 that are free.

use spin::relax::RelaxStrategy;

use crate::sync::Wait;
use crate::sync::protocol::Threads;
use crate::time::Deadline;

/// The threads of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places;

/// What to do while something is taken that is only held for some instructions.
impl RelaxStrategy for Places {
    #[cold]
    #[inline(never)]
    fn relax() {
        Threads::relax(&Places);
    }
}

#[cfg(target_os = "none")]
mod here {
    use core::sync::atomic::{AtomicU32, Ordering};

    use ipc_abi::error::Error;
    use ipc_abi::startup::ThreadsGrant;

    use super::{Deadline, Places, Threads, Wait};
    use crate::{control, syscall};

    /// How many threads the process has besides its first; 0 while that is not known.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    /// Where their handles begin.
    static FIRST_SLOT: AtomicU32 = AtomicU32::new(0);

    /// Writes down what the process was given; every thread does when it starts, and all write the same.
    pub(crate) fn take_grant(grant: &ThreadsGrant) {
        FIRST_SLOT.store(grant.first_slot, Ordering::Relaxed);
        COUNT.store(u32::from(grant.count), Ordering::Release);
    }

    /// How many threads the process has besides its first.
    pub(crate) fn count() -> u32 {
        COUNT.load(Ordering::Acquire)
    }

    fn grant() -> ThreadsGrant {
        ThreadsGrant {
            first_slot: FIRST_SLOT.load(Ordering::Relaxed),
            ..ThreadsGrant::default()
        }
    }

    impl Threads for Places {
        fn current(&self) -> Option<u8> {
            control::thread_number().filter(|_| count() > 0)
        }

        fn sleep(&self, me: u8) {
            if let Err(error) = syscall::wait(grant().notification(me)) {
                panic!("a thread cannot wait: {}", error.name());
            }
        }

        fn wake(&self, thread: u8) {
            if let Err(error) = syscall::signal(grant().gate(thread)) {
                panic!("a thread cannot be woken: {}", error.name());
            }
        }

        fn relax(&self) {
            // Cannot be refused.
            let _ = syscall::r#yield();
        }
    }

    impl Places {
        /// `sleep`, until `deadline` at most.
        pub(crate) fn sleep_until(self, me: u8, deadline: Deadline) -> Wait {
            match syscall::wait_until(grant().notification(me), deadline.ticks()) {
                Ok(_) => Wait::Woken,
                Err(Error::TimedOut) => Wait::TimedOut,
                Err(error) => panic!("a thread cannot wait: {}", error.name()),
            }
        }
    }
}

#[cfg(not(target_os = "none"))]
mod here {
    use core::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Condvar, Mutex, PoisonError};
    use std::thread;

    use ipc_abi::startup::ThreadsGrant;

    use super::{Deadline, Places, Threads, Wait};
    use crate::thread::{THREADS, job, local};

    static TAKEN: AtomicU32 = AtomicU32::new(0);
    static BEDS: [Bed; THREADS] = [const { Bed::new() }; THREADS];

    struct Bed {
        is_woken: Mutex<bool>,
        change: Condvar,
    }

    impl Bed {
        const fn new() -> Bed {
            Bed {
                is_woken: Mutex::new(false),
                change: Condvar::new(),
            }
        }
    }

    std::thread_local! {
        static NUMBER: Number = Number::take();
    }

    /// The number of a thread, which is its own until it ends.
    struct Number(Option<u8>);

    impl Number {
        fn take() -> Number {
            let take = |taken: u32| {
                let free = taken.trailing_ones();
                ((free as usize) < THREADS).then(|| taken | 1 << free)
            };
            let before = TAKEN.fetch_update(Ordering::AcqRel, Ordering::Relaxed, take);
            Number(
                before
                    .ok()
                    .and_then(|taken| u8::try_from(taken.trailing_ones()).ok()),
            )
        }
    }

    impl Drop for Number {
        fn drop(&mut self) {
            if let Some(number) = self.0 {
                local::forget_all(number);
                job::forget(number);
                TAKEN.fetch_and(!(1 << number), Ordering::AcqRel);
            }
        }
    }

    /// The host's threads are nobody's gift.
    pub(crate) fn take_grant(_grant: &ThreadsGrant) {}

    /// The number of the current thread.
    pub(crate) fn number() -> Option<u8> {
        NUMBER.try_with(|number| number.0).ok().flatten()
    }

    impl Threads for Places {
        fn current(&self) -> Option<u8> {
            number()
        }

        fn sleep(&self, me: u8) {
            let Some(bed) = BEDS.get(usize::from(me)) else {
                return self.relax();
            };
            let guard = bed.is_woken.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = bed.change.wait_while(guard, |is_woken| !*is_woken);
            *waited.unwrap_or_else(PoisonError::into_inner) = false;
        }

        fn wake(&self, thread: u8) {
            if let Some(bed) = BEDS.get(usize::from(thread)) {
                *bed.is_woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
                bed.change.notify_one();
            }
        }

        fn relax(&self) {
            thread::yield_now();
        }
    }

    impl Places {
        /// `sleep`, until `deadline` at most: on the host no time is told, so only one that never comes waits.
        pub(crate) fn sleep_until(self, me: u8, deadline: Deadline) -> Wait {
            if deadline != Deadline::NEVER && deadline.is_over() {
                return Wait::TimedOut;
            }
            self.sleep(me);
            Wait::Woken
        }
    }
}

#[cfg(target_os = "none")]
pub(crate) use here::count;
#[cfg(not(target_os = "none"))]
pub(crate) use here::number;
pub(crate) use here::take_grant;
