//! What the checking build (feature `ghost`) sees of the kernel: each way in and out, each word that is
//! written in between, and each interrupt that is taken. What is made of it is no business of this
//! crate: `ghost.s` calls `ghost_check`, a Rust function of the kernel's, in place of every `eret`.
//!
//! Time stands still from one way in to the next, or to the next interrupt that the kernel takes itself:
//! [`now`] is all that it sees of the counter. So what the kernel decides can be decided again. What the
//! checks themselves take of the counter is given back to the machine, if it was started at EL2.

mod log;

use core::arch::global_asm;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::crossing::{Entry, Exit, Moment, Registers};
use crate::layout::{KINDS, Segment};
use crate::register::{self, read_register};
use crate::window::pointer;

pub(crate) use log::{note_arrival, note_entry, note_object};
pub use log::{take_arrivals, take_written};

// Words of the record at `ghost_entry`, after x0 to x30 and the thread.
const VECTOR: usize = 32;
const POINTERS: usize = 33;
const SYNDROME: usize = 37;
const ENTERED: usize = 39;
const NOW: usize = 40;
/// Bytes of the ghost's stack.
const STACK_BYTES: usize = 256 * 1024;

global_asm!(
    include_str!("ghost.s"),
    VECTOR = const VECTOR * 8,
    POINTERS = const POINTERS * 8,
    SYNDROME = const SYNDROME * 8,
    ENTERED = const ENTERED * 8,
    EXIT = const Moment::Exit as u64,
    STACK_BYTES = const STACK_BYTES,
);

static SEGMENTS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

/// Remembers what the frame table describes.
pub(crate) fn set_segments(segments: &[Segment]) {
    let words = segments.iter().flat_map(|it| [it.first, it.frames]);
    for (place, word) in SEGMENTS.iter().zip(words) {
        place.store(word, Ordering::Relaxed);
    }
    set_now(register::counter());
}

/// The frames that the frame table describes: memory's and devices', each from its first to before its
/// end.
#[must_use]
pub fn segments() -> [core::ops::Range<u64>; 2] {
    let [first, frames, device_first, device_frames] = [0, 1, 2, 3].map(|index| {
        SEGMENTS
            .get(index)
            .map_or(0, |it| it.load(Ordering::Relaxed))
    });
    [
        first..first.wrapping_add(frames),
        device_first..device_first.wrapping_add(device_frames),
    ]
}

/// The kind bytes of eight frames, of which `first` is a multiple of 8: the first one's is the lowest.
#[must_use]
pub fn eight_kinds(first: u64) -> u64 {
    let place = pointer::<u64>(KINDS.wrapping_add(first & !7));
    // SAFETY: kind bytes of frames that the frame table describes, whose parts are whole pages.
    unsafe { place.read() }
}

unsafe extern "C" {
    static ghost_entry: Words;
    static ghost_exit: Words;
}

/// Words that the assembly writes; only their address means anything.
#[repr(C)]
struct Words([u64; 0]);

/// Lets the checks see the kernel before the core sleeps, or is switched off.
pub fn pause(moment: Moment) {
    unsafe extern "C" {
        safe fn ghost_pause(moment: u64);
    }
    ghost_pause(moment as u64);
    let place = (&raw const ghost_entry).cast_mut().cast::<u64>();
    // SAFETY: a word of the page at `ghost_entry`, which holds no Rust value.
    unsafe { place.wrapping_add(VECTOR).write_volatile(0) }
}

fn word(of: *const Words, index: usize) -> u64 {
    let place = of.cast::<u64>().wrapping_add(index);
    // SAFETY: a word of the pages at `ghost_entry` or `ghost_exit`, which hold no Rust value.
    unsafe { place.read_volatile() }
}

/// What the kernel sees of the counter.
pub(crate) fn now() -> u64 {
    word(&raw const ghost_entry, NOW)
}

fn set_now(now: u64) {
    let place = (&raw const ghost_entry).cast_mut().cast::<u64>();
    // SAFETY: a word of the page at `ghost_entry`, which holds no Rust value.
    unsafe { place.wrapping_add(NOW).write_volatile(now) }
}

fn thread_number(address: u64) -> u64 {
    (address & !crate::layout::DIRECT_MAP) >> 6
}

/// How the kernel was entered the last time.
#[must_use]
pub fn entered() -> Entry {
    let read = |index| word(&raw const ghost_entry, index);
    let vector = read(VECTOR);
    Entry {
        vector: (vector != 0).then_some(vector >> 7 & 0xF),
        registers: Registers {
            x: core::array::from_fn(read),
            thread: thread_number(read(31)),
            counter: read(POINTERS),
            stack: read(POINTERS + 1),
            pointer: read(POINTERS + 2),
            state: read(POINTERS + 3),
        },
        syndrome: read(SYNDROME),
        address: read(SYNDROME + 1),
        now: read(ENTERED),
    }
}

/// How it is being left.
#[must_use]
pub fn left() -> Exit {
    let read = |index| word(&raw const ghost_exit, index);
    Exit {
        registers: Registers {
            x: core::array::from_fn(read),
            thread: thread_number(read(31)),
            counter: read_register!("elr_el1"),
            stack: read_register!("sp_el0"),
            pointer: read_register!("tpidr_el0"),
            state: read_register!("spsr_el1"),
        },
        root: read_register!("ttbr0_el1"),
        shared_pointer: read_register!("tpidrro_el0"),
        access: read_register!("cpacr_el1"),
    }
}
