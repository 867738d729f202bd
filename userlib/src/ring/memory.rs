//! The memory of a ring: mapped frames that the peer writes at the same time.

#![expect(
    unsafe_code,
    reason = "reaching memory that is shared with another process"
)]

use core::sync::atomic::{AtomicU64, Ordering, fence};

use ipc_abi::ring::{RingMemory, Slots};
use ipc_abi::startup::RingGrant;

use crate::address;

/// The words of a ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SharedWords {
    words: &'static [AtomicU64],
}

impl SharedWords {
    /// The memory of a ring that the supervisor mapped; `None` if the grant makes no sense.
    pub(crate) fn of(grant: &RingGrant) -> Option<(SharedWords, Slots)> {
        let slots = Slots::new(u32::from(grant.slots))?;
        let start = address::from_abi(grant.address);
        if start == 0 || !start.is_multiple_of(align_of::<AtomicU64>()) {
            return None;
        }
        let start = core::ptr::with_exposed_provenance::<AtomicU64>(start);
        // SAFETY: the grant is the supervisor's (`ipc_abi::startup`): so many words are mapped there, readable and
        // writable, for as long as the process lives. Others write them at the same time, so they are atomics.
        let words = unsafe { core::slice::from_raw_parts(start, slots.words()) };
        Some((SharedWords { words }, slots))
    }
}

impl RingMemory for SharedWords {
    #[inline(always)]
    fn load(&self, word: usize) -> u64 {
        self.words
            .get(word)
            .map_or(0, |word| word.load(Ordering::Relaxed))
    }

    #[inline(always)]
    fn load_acquire(&self, word: usize) -> u64 {
        self.words
            .get(word)
            .map_or(0, |word| word.load(Ordering::Acquire))
    }

    #[inline(always)]
    fn store(&self, word: usize, value: u64) {
        if let Some(word) = self.words.get(word) {
            word.store(value, Ordering::Relaxed);
        }
    }

    #[inline(always)]
    fn store_release(&self, word: usize, value: u64) {
        if let Some(word) = self.words.get(word) {
            word.store(value, Ordering::Release);
        }
    }

    #[inline(always)]
    fn fence(&self) {
        fence(Ordering::SeqCst);
    }
}
