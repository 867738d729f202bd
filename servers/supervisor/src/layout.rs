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
//!
//! All but program, heap and devices lie in one 2 MiB range: one page table.

use ipc_abi::boot::{INFO_ADDRESS, PAGE_BYTES};
use ipc_abi::manifest::{PAGES_MAX, STACK_PAGES_MAX};
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

// The longest stack leaves a page for traps above the message buffer, the longest heap one below
// the devices.
const _: () = assert!(BUFFER + 2 * PAGE_BYTES <= STACK_TOP - STACK_PAGES_MAX as u64 * PAGE_BYTES);
const _: () = assert!(HEAP + (PAGES_MAX as u64 + 1) * PAGE_BYTES <= DEVICES);
const _: () = match Slots::new(SLOTS_MAX) {
    Some(slots) => assert!(slots.words() as u64 * 8 + PAGE_BYTES <= RING_STRIDE),
    None => panic!("it is a number of slots"),
};
