//! The virtual generic timer (`CNTV_*`) and its counter.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::register;

/// Slices in a second: a slice is 10 ms.
const SLICES_PER_SECOND: u64 = 100;

static LINE: AtomicU64 = AtomicU64::new(0);

/// Remembers the timer's interrupt line, and switches the timer off.
pub(crate) fn set_up(line: u64) {
    LINE.store(line, Ordering::Relaxed);
    stop();
}

/// The timer's interrupt line.
#[must_use]
pub fn line() -> u64 {
    LINE.load(Ordering::Relaxed)
}

/// Ticks of a slice.
pub(crate) fn slice_ticks() -> u64 {
    register::counter_hertz() / SLICES_PER_SECOND
}

/// Sets the timer: it fires when the counter reaches `when`, at once if it has.
pub(crate) fn start(when: u64) {
    register::start_timer(when);
}

/// Switches the timer off.
pub fn stop() {
    register::stop_timer();
}
