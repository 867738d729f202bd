//! What the checking build (feature `ghost`) sees of the kernel: each way in and out, each word that is
//! written in between, and each interrupt that is taken. What is made of it is no business of this
//! crate: `ghost.s` calls `ghost_check`, a Rust function of the kernel's, in place of every `eret`.
//!
//! Time stands still from one way in to the next, or to the next interrupt that the kernel takes itself:
//! [`now`] is all that it sees of the counter. So what the kernel decides can be decided again. What the
//! checks themselves take of the counter is given back to the machine, if it was started at EL2.

use core::arch::global_asm;
use core::sync::atomic::{AtomicU64, Ordering};

use pecan_core::object::Frame;

use crate::crossing::{Arrival, Entry, Exit, Moment, Registers, Written};
use crate::layout::{KINDS, Segment};
use crate::register::{self, read_register};
use crate::window::{pointer, to_usize};

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

/// A list that forgets what there is no room for, and says so.
struct Log<const WORDS: usize> {
    count: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl<const WORDS: usize> Log<WORDS> {
    const fn new() -> Log<WORDS> {
        Log {
            count: AtomicU64::new(0),
            words: [const { AtomicU64::new(0) }; WORDS],
        }
    }

    fn add(&self, word: u64) {
        let count = self.count.load(Ordering::Relaxed);
        if let Some(place) = self.words.get(to_usize(count)) {
            place.store(word, Ordering::Relaxed);
        }
        self.count.store(count.wrapping_add(1), Ordering::Relaxed);
    }

    /// The last word that was noted.
    fn last(&self) -> Option<u64> {
        let count = self.count.load(Ordering::Relaxed);
        let place = self.words.get(to_usize(count.checked_sub(1)?))?;
        Some(place.load(Ordering::Relaxed))
    }

    /// Hands what was noted to `see` and forgets it; whether it is all.
    fn take(&self, mut see: impl FnMut(u64)) -> bool {
        let count = to_usize(self.count.load(Ordering::Relaxed));
        for word in self.words.iter().take(count) {
            see(word.load(Ordering::Relaxed));
        }
        self.count.store(0, Ordering::Relaxed);
        count <= WORDS
    }
}

/// Marks a frame in the log of what was written.
const ENTRY_MARK: u64 = 1 << 63;

static WRITTEN: Log<8192> = Log::new();
static ARRIVED: Log<512> = Log::new();
static SEGMENTS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

/// Notes that a word of an object is written.
pub(crate) fn note_object(number: u64) {
    if WRITTEN.last() != Some(number) {
        WRITTEN.add(number);
    }
}

/// Notes that the kind or the entry of a frame is written.
pub(crate) fn note_entry(frame: Frame) {
    if WRITTEN.last() != Some(frame.0 | ENTRY_MARK) {
        WRITTEN.add(frame.0 | ENTRY_MARK);
    }
}

/// Notes that an interrupt is taken: time goes on.
pub(crate) fn note_arrival(line: u64) {
    let now = register::counter();
    set_now(now);
    ARRIVED.add(line);
    ARRIVED.add(now);
}

/// Hands what was written since the last time to `see`; whether it is all.
pub fn take_written(mut see: impl FnMut(Written)) -> bool {
    WRITTEN.take(|word| {
        see(if word & ENTRY_MARK == 0 {
            Written::Object(word)
        } else {
            Written::Entry(Frame(word & !ENTRY_MARK))
        });
    })
}

/// Hands what arrived since the last time to `see`, in its order; whether it is all.
pub fn take_arrivals(mut see: impl FnMut(Arrival)) -> bool {
    let mut line = None;
    ARRIVED.take(|word| match line.take() {
        None => line = Some(word),
        Some(line) => see(Arrival { line, now: word }),
    })
}

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
pub(crate) fn pause(moment: Moment) {
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
