//! The heap: `talc` behind a lock, on the memory that the process was given for it.
//!
//! A process without a heap can link this too: its first allocation fails, which is a panic.

#![expect(unsafe_code, reason = "handing memory to the allocator")]

use ipc_abi::startup::MemoryRange;
use talc::TalcLock;
use talc::source::Manual;

use crate::address;
use crate::sync::RawLock;

#[cfg_attr(target_os = "none", global_allocator)]
static HEAP: TalcLock<RawLock, Manual> = TalcLock::new(Manual);

/// Gives the heap its memory.
///
/// # Safety
///
/// The range is mapped readable and writable for ever, and nothing else uses it.
pub(crate) unsafe fn claim(range: MemoryRange) {
    let start = core::ptr::with_exposed_provenance_mut(address::from_abi(range.address));
    let bytes = address::from_abi(range.bytes);
    // SAFETY: the caller's promise. Too little memory is left alone; then allocations fail.
    let _ = unsafe { HEAP.lock().claim(start, bytes) };
}

/// Memory for the heap of the first process, which nobody gives it any: a static of this type.
#[repr(C, align(4096))]
pub struct Arena<const BYTES: usize>(core::cell::UnsafeCell<[u8; BYTES]>);

// SAFETY: nobody but the allocator, which has a lock, touches the memory.
unsafe impl<const BYTES: usize> Sync for Arena<BYTES> {}

impl<const BYTES: usize> Arena<BYTES> {
    /// Makes an arena, all zero.
    #[must_use]
    pub const fn new() -> Arena<BYTES> {
        Arena(core::cell::UnsafeCell::new([0; BYTES]))
    }

    /// Where it is.
    pub(crate) fn range(&'static self) -> MemoryRange {
        MemoryRange {
            address: self.0.get().expose_provenance() as u64,
            bytes: BYTES as u64,
        }
    }
}

impl<const BYTES: usize> Default for Arena<BYTES> {
    fn default() -> Arena<BYTES> {
        Arena::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claimed_memory_can_be_allocated() {
        static ARENA: Arena<65536> = Arena::new();
        // SAFETY: the arena is used here only.
        unsafe { claim(ARENA.range()) };
        let layout = core::alloc::Layout::from_size_align(1000, 64).expect("it is a layout");
        // SAFETY: the layout is not empty.
        let first = unsafe { core::alloc::GlobalAlloc::alloc(&HEAP, layout) };
        assert!(!first.is_null() && first.addr() % 64 == 0);
        let layout = core::alloc::Layout::from_size_align(65536, 1).expect("it is a layout");
        // SAFETY: the layout is not empty.
        let second = unsafe { core::alloc::GlobalAlloc::alloc(&HEAP, layout) };
        assert!(second.is_null());
    }
}
