//! Where things are in the address space of a process.
//!
//! | from | what |
//! |---|---|
//! | [`ipc_abi::manifest::PROGRAM_START`] | its program, where it was linked |
//! | [`INFO_ADDRESS`] | the kernel information page |
//! | [`STARTUP`] | the start-up block |
//! | [`BUFFER`] | the message buffer |
//! | up to [`STACK_TOP`] | the stack; what is below it is never mapped |
//! | [`HEAP`] | the heap |
//! | [`DEVICES`] | device registers, a page that is never mapped behind each |
//! | [`RINGS`] | rings, [`RING_STRIDE`] bytes apart |
//! | [`THREADS`] | for each further thread a page that is never mapped, its stack, its message buffer |
//!
//! All but program, heap, devices, rings and threads lie in one 2 MiB range: one page table.

use ipc_abi::boot::{INFO_ADDRESS, PAGE_BYTES, USER_END};
use ipc_abi::manifest::{PAGES_MAX, RINGS_MAX, STACK_PAGES_MAX, THREADS_MAX};
use ipc_abi::ring::{SLOTS_MAX, Slots};

/// The start-up block: a page.
pub const STARTUP: u64 = INFO_ADDRESS + 2 * PAGE_BYTES;
/// The message buffer: a page.
pub const BUFFER: u64 = INFO_ADDRESS + 4 * PAGE_BYTES;
/// The end of the stack.
pub const STACK_TOP: u64 = INFO_ADDRESS + 0x20_0000;
/// The heap.
pub const HEAP: u64 = INFO_ADDRESS + 0x40_0000;
/// Device registers.
pub const DEVICES: u64 = INFO_ADDRESS + 0x1000_0000;
/// Rings.
pub const RINGS: u64 = INFO_ADDRESS + 0x3000_0000;
/// From ring to ring: the longest leaves a page for traps behind it.
pub const RING_STRIDE: u64 = 0x8_0000;
/// What further threads have.
pub const THREADS: u64 = INFO_ADDRESS + 0x3800_0000;

/// From one further thread to the next.
#[must_use]
pub const fn thread_stride(stack_pages: u32) -> u64 {
    (stack_pages as u64 + 2) * PAGE_BYTES
}

/// Where a thread's own memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadPlace {
    /// The page below its stack, which is never mapped.
    pub guard: u64,
    /// The end of its stack.
    pub stack_top: u64,
    /// Its message buffer.
    pub buffer: u64,
}

impl ThreadPlace {
    /// The place of the thread `number` of a process whose stacks have so many pages; 0 is the first thread.
    #[must_use]
    pub const fn new(number: u8, stack_pages: u32) -> ThreadPlace {
        let stack_bytes = stack_pages as u64 * PAGE_BYTES;
        if number == 0 {
            return ThreadPlace {
                guard: STACK_TOP - stack_bytes - PAGE_BYTES,
                stack_top: STACK_TOP,
                buffer: BUFFER,
            };
        }
        let guard = THREADS + (number as u64 - 1) * thread_stride(stack_pages);
        let stack_top = guard + PAGE_BYTES + stack_bytes;
        ThreadPlace {
            guard,
            stack_top,
            buffer: stack_top,
        }
    }

    /// Whether somebody who used more than the stack met this address first.
    #[must_use]
    pub const fn is_overflow(&self, address: u64) -> bool {
        self.guard <= address && address < self.guard + PAGE_BYTES
    }
}

// The longest stack leaves a page for traps above the message buffer, the longest heap one below
// the devices.
const _: () = assert!(BUFFER + 2 * PAGE_BYTES <= STACK_TOP - STACK_PAGES_MAX as u64 * PAGE_BYTES);
const _: () = assert!(HEAP + (PAGES_MAX as u64 + 1) * PAGE_BYTES <= DEVICES);
const _: () = assert!(RINGS + RINGS_MAX as u64 * RING_STRIDE <= THREADS);
const _: () = assert!(THREADS + THREADS_MAX as u64 * thread_stride(STACK_PAGES_MAX) <= USER_END);
const _: () = match Slots::new(SLOTS_MAX) {
    Some(slots) => assert!(slots.words() as u64 * 8 + PAGE_BYTES <= RING_STRIDE),
    None => panic!("it is a number of slots"),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_below_each_stack_belongs_to_nobody() {
        let places = [0, 1, 2].map(|number| ThreadPlace::new(number, 4));
        for place in places {
            assert_eq!(place.guard + 5 * PAGE_BYTES, place.stack_top);
            assert!(place.is_overflow(place.guard + PAGE_BYTES - 1));
            assert!(!place.is_overflow(place.guard + PAGE_BYTES));
            assert!(!place.is_overflow(place.guard - 1));
        }
        let [first, second, third] = places;
        assert_eq!(third.guard, second.buffer + PAGE_BYTES);
        assert!(first.guard >= BUFFER + PAGE_BYTES);
    }
}
