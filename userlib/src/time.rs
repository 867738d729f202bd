//! Time for programs: what the clock says, how long, and until when.
//!
//! [`Instant`] is a reading of the counter that all cores share, [`Deadline`] a value of it at which
//! a wait ends. Between them and [`Duration`] there is a [`Rate`], which is all the arithmetic:
//! durations become ticks rounded up, ticks become durations rounded down, and what is too large for a
//! number is the largest. So nothing that waits for a duration wakes before it is over, and nothing
//! says that more time has passed than has.

pub use core::time::Duration;

use ipc_abi::time::NEVER;

use crate::counter::{read_counter_hertz, read_ticks};
use crate::syscall;

const NANOSECONDS: u64 = 1_000_000_000;

/// How fast the counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Ticks per second, not 0.
    hertz: u32,
}

impl Rate {
    /// The rate of so many ticks per second; of 1 if it is 0.
    #[must_use]
    pub const fn new(hertz: u32) -> Rate {
        Rate {
            hertz: if hertz == 0 { 1 } else { hertz },
        }
    }

    /// The rate of this machine's counter (`CNTFRQ_EL0`).
    #[must_use]
    pub fn of_machine() -> Rate {
        Rate::new(read_counter_hertz())
    }

    /// The least number of ticks that is not shorter than `duration`; the largest number if that is
    /// too many.
    #[must_use]
    pub const fn ticks_of(self, duration: Duration) -> u64 {
        let hertz = self.hertz as u64;
        let whole = duration.as_secs().saturating_mul(hertz);
        // Less than 2^30 times less than 2^32.
        let part = (duration.subsec_nanos() as u64 * hertz).div_ceil(NANOSECONDS);
        whole.saturating_add(part)
    }

    /// The longest duration that is not longer than `ticks`.
    #[must_use]
    pub const fn duration_of(self, ticks: u64) -> Duration {
        let hertz = self.hertz as u64;
        // The rest is less than 2^32, and a nanosecond less than 2^30 of a second.
        let nanoseconds = ticks % hertz * NANOSECONDS / hertz;
        Duration::from_secs(ticks / hertz).saturating_add(Duration::from_nanos(nanoseconds))
    }
}

/// A reading of the counter (`CNTVCT_EL0`), which starts with the machine and only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    ticks: u64,
}

impl Instant {
    /// Reads the counter.
    #[inline]
    #[must_use]
    pub fn now() -> Instant {
        Instant::from_ticks(read_ticks())
    }

    /// The instant at which the counter was, or will be, `ticks`.
    #[must_use]
    pub const fn from_ticks(ticks: u64) -> Instant {
        Instant { ticks }
    }

    /// The counter.
    #[must_use]
    pub const fn ticks(self) -> u64 {
        self.ticks
    }

    /// How much later it is than `earlier`; nothing if it is not.
    #[must_use]
    pub fn since(self, earlier: Instant) -> Duration {
        self.since_at(earlier, Rate::of_machine())
    }

    /// How long ago it was.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Instant::now().since(self)
    }

    const fn since_at(self, earlier: Instant, rate: Rate) -> Duration {
        rate.duration_of(self.ticks.saturating_sub(earlier.ticks))
    }
}

/// When a wait ends: what `call_until`, `receive_until`, `wait_until` and `sleep` take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    /// At most [`NEVER`].
    ticks: u64,
}

impl Deadline {
    /// None: who waits for it waits for ever.
    pub const NEVER: Deadline = Deadline { ticks: NEVER };

    /// When the counter reaches that of `instant`.
    #[must_use]
    pub const fn at(instant: Instant) -> Deadline {
        let ticks = instant.ticks;
        Deadline {
            ticks: if ticks < NEVER { ticks } else { NEVER },
        }
    }

    /// When `duration` is over; [`Deadline::NEVER`] if it is too long to count.
    #[must_use]
    pub fn after(duration: Duration) -> Deadline {
        Deadline::after_at(Instant::now(), duration, Rate::of_machine())
    }

    /// The value of the counter, for the functions of [`crate::syscall`].
    #[must_use]
    pub const fn ticks(self) -> u64 {
        self.ticks
    }

    /// Whether it is reached.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.is_over_at(Instant::now())
    }

    /// How long until then; nothing if it is over, the longest if it never is.
    #[must_use]
    pub fn left(self) -> Duration {
        self.left_at(Instant::now(), Rate::of_machine())
    }

    /// A reading of the counter is up to one tick old: so many whole ticks after it may be less than
    /// the duration, one more is not.
    pub(crate) const fn after_at(now: Instant, duration: Duration, rate: Rate) -> Deadline {
        if duration.is_zero() {
            return Deadline::at(now);
        }
        let ticks = rate.ticks_of(duration).saturating_add(1);
        Deadline::at(Instant::from_ticks(now.ticks.saturating_add(ticks)))
    }

    pub(crate) const fn is_over_at(self, now: Instant) -> bool {
        self.ticks < NEVER && now.ticks >= self.ticks
    }

    const fn left_at(self, now: Instant, rate: Rate) -> Duration {
        if self.ticks >= NEVER {
            return Duration::MAX;
        }
        rate.duration_of(self.ticks.saturating_sub(now.ticks))
    }
}

/// Sleeps for at least `duration`.
pub fn sleep(duration: Duration) {
    sleep_until(Deadline::after(duration));
}

/// Sleeps until `deadline`; for ever if that is [`Deadline::NEVER`].
///
/// # Panics
///
/// If the kernel refuses, which it has no reason for (`ABI.md`).
pub fn sleep_until(deadline: Deadline) {
    if let Err(error) = syscall::sleep(deadline.ticks()) {
        panic!("no sleep: {error:?}");
    }
}

#[cfg(test)]
#[path = "time_test.rs"]
mod tests;
