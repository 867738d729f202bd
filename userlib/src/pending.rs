//! Signals that were taken from the kernel and not handled yet: by a thread that waited for others of
//! them, or because handling them takes more than one turn.

use core::sync::atomic::{AtomicU64, Ordering};

/// Their bits.
static PENDING: AtomicU64 = AtomicU64::new(0);

/// Leaves `bits` for the server's loop.
pub(crate) fn leave(bits: u64) {
    PENDING.fetch_or(bits, Ordering::Relaxed);
}

/// Whether there are any.
#[inline(always)]
pub(crate) fn is_any() -> bool {
    PENDING.load(Ordering::Relaxed) != 0
}

/// Takes them.
pub(crate) fn take() -> u64 {
    PENDING.swap(0, Ordering::Relaxed)
}
