//! The end of a slice: the virtual generic timer (`CNTV_*`).

use core::sync::atomic::{AtomicU64, Ordering};

use crate::register;

/// Slices in a second: a slice is 10 ms.
const SLICES_PER_SECOND: u64 = 100;

static LINE: AtomicU64 = AtomicU64::new(0);
static SLICE_TICKS: AtomicU64 = AtomicU64::new(0);

/// Remembers the timer's interrupt line and how long a slice is.
pub(crate) fn set_up(line: u64) {
    LINE.store(line, Ordering::Relaxed);
    SLICE_TICKS.store(
        register::counter_hertz() / SLICES_PER_SECOND,
        Ordering::Relaxed,
    );
    stop_slice();
}

/// The timer's interrupt line.
#[must_use]
pub fn line() -> u64 {
    LINE.load(Ordering::Relaxed)
}

/// Sets the timer to the end of a slice from now.
pub fn start_slice() {
    register::start_timer(SLICE_TICKS.load(Ordering::Relaxed));
}

/// Switches the timer off.
pub fn stop_slice() {
    register::stop_timer();
}
