//! What time it is for tasks, and which thread's they are: on the host, a test is a thread, and says what time
//! it is.

use crate::time::{Deadline, Duration, Instant, Rate};

#[cfg(target_os = "none")]
pub(super) fn now() -> Instant {
    Instant::now()
}

#[cfg(target_os = "none")]
fn rate() -> Rate {
    Rate::of_machine()
}

#[cfg(not(target_os = "none"))]
std::thread_local! {
    /// The counter of this thread's tests.
    static TICKS: core::cell::Cell<u64> = const { core::cell::Cell::new(0) };
}

#[cfg(not(target_os = "none"))]
pub(super) fn now() -> Instant {
    Instant::from_ticks(TICKS.get())
}

/// Lets this thread's time be `ticks`.
#[cfg(not(target_os = "none"))]
pub(super) fn set_now(ticks: u64) {
    TICKS.set(ticks);
}

/// One tick is a nanosecond.
#[cfg(not(target_os = "none"))]
fn rate() -> Rate {
    Rate::new(1_000_000_000)
}

/// What tells the current thread from others of the process.
#[cfg(target_os = "none")]
pub(super) fn thread() -> u64 {
    crate::control::current_thread()
}

/// What tells the current thread from others: the address of something that each has of its own.
#[cfg(not(target_os = "none"))]
pub(super) fn thread() -> u64 {
    TICKS.with(|ticks| core::ptr::from_ref(ticks).addr() as u64)
}

/// When `duration` is over.
pub(super) fn after(duration: Duration) -> Deadline {
    Deadline::after_at(now(), duration, rate())
}

/// Whether `deadline` is reached.
pub(super) fn is_over(deadline: Deadline) -> bool {
    deadline.is_over_at(now())
}
