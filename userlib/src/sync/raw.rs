//! The lock behind [`super::Mutex`] and the heap: [`protocol::Lock`] on a word of the process.

#![expect(unsafe_code, reason = "promising that a lock is a lock")]

use core::sync::atomic::{AtomicU64, Ordering};

use lock_api::{GuardNoSend, RawMutex};

use super::protocol::{self, Word};
use crate::thread::place::Places;

/// A word that the threads of the process share.
#[derive(Debug)]
pub(crate) struct OwnWord(AtomicU64);

impl OwnWord {
    pub(crate) const fn new() -> OwnWord {
        OwnWord(AtomicU64::new(0))
    }

    #[inline(always)]
    fn replace(&self, (from, to): (u64, u64), success: Ordering) -> bool {
        self.0
            .compare_exchange(from, to, success, Ordering::Relaxed)
            .is_ok()
    }
}

impl Word for OwnWord {
    #[inline(always)]
    fn load(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn load_acquire(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    #[inline(always)]
    fn exchange(&self, from: u64, to: u64) -> bool {
        self.replace((from, to), Ordering::Relaxed)
    }

    #[inline(always)]
    fn exchange_acquire(&self, from: u64, to: u64) -> bool {
        self.replace((from, to), Ordering::Acquire)
    }

    #[inline(always)]
    fn exchange_release(&self, from: u64, to: u64) -> bool {
        self.replace((from, to), Ordering::Release)
    }
}

/// A lock for the threads of the process. It does not know who has it.
#[derive(Debug)]
pub struct RawLock(protocol::Lock<OwnWord>);

// SAFETY: between a `lock` or a `try_lock` that is true and the `unlock` after it no other such comes back
// (`protocol`, of which `verification/order/protocol` runs every interleaving of small cases).
unsafe impl RawMutex for RawLock {
    const INIT: RawLock = RawLock(protocol::Lock::new(OwnWord::new()));

    type GuardMarker = GuardNoSend;

    #[inline(always)]
    fn lock(&self) {
        self.0.lock(&Places);
    }

    #[inline(always)]
    fn try_lock(&self) -> bool {
        self.0.try_lock()
    }

    /// Lets the next have it.
    ///
    /// # Safety
    ///
    /// Who calls has the lock.
    #[inline(always)]
    unsafe fn unlock(&self) {
        self.0.unlock(&Places);
    }

    fn is_locked(&self) -> bool {
        self.0.is_locked()
    }
}
