//! The kernel on the host, for tests: memory as arrays, and what `aarch64` does around `core`.
//!
//! [`HostMemory`] panics on every access that [`Memory`] forbids: outside the described frames, to a
//! user's or a device's memory, to a free frame. [`HostMachine`] boots the first process as the boot
//! code does, makes system calls for the current thread, and performs what they leave, with a
//! translation cache that forgets exactly what it is told to.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that goes wrong here should stop"
)]

mod one_core;
mod tables;

pub use one_core::HostMachine;

extern crate std;

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::vec::Vec;

use ipc_abi::boot::{PACKAGE_HEADER_WORDS, PACKAGE_MAGIC, PACKAGE_VERSION};

use crate::boot::{BootPlan, Package};
use crate::kernel::{Effect, Kernel};
use crate::memory::{Fields, Memory};
use crate::object::{Core, Frame, FrameKind, Layout, Machine, Number, UNITS_PER_FRAME, core_state};
use crate::package::BootError;
use crate::rule::Duty;
use crate::space::TABLE;

/// The first frame of a host machine's memory.
pub const FIRST_FRAME: u64 = 0x4_0000;
/// The first frame of its devices.
pub const FIRST_DEVICE: u64 = 0x9000;
/// How many device frames it has.
pub const DEVICES: u64 = 8;
/// How many hardware breakpoints and watchpoints its processor has, of each.
pub const DEBUG_REGISTERS: u64 = 3;
/// Interrupt lines it has.
pub const LINES: u64 = 96;
/// Ticks of a slice.
pub const SLICE_TICKS: u64 = 1 << 19;

const FRAME_WORDS: usize = 512;
const ENTRY_WORDS: usize = 4;
const MACHINE_FRAMES: u64 = Machine::WORDS.div_ceil(FRAME_WORDS) as u64;
const CORE_FRAMES: u64 = Core::WORDS.div_ceil(FRAME_WORDS) as u64;

/// A range of frames and what the frame table says of them.
struct Segment {
    first: u64,
    kinds: Vec<Cell<u8>>,
    entries: Vec<[Cell<u64>; ENTRY_WORDS]>,
}

impl Segment {
    fn new(first: u64, frames: u64) -> Segment {
        let count = usize::try_from(frames).expect("few frames");
        Segment {
            first,
            kinds: (0..count).map(|_| Cell::new(0)).collect(),
            entries: (0..count)
                .map(|_| [const { Cell::new(0) }; ENTRY_WORDS])
                .collect(),
        }
    }

    fn index(&self, frame: Frame) -> Option<usize> {
        let index = usize::try_from(frame.0.checked_sub(self.first)?).ok()?;
        (index < self.kinds.len()).then_some(index)
    }
}

/// Memory and devices of a host machine.
pub struct HostMemory {
    words: Vec<Cell<u64>>,
    memory: Segment,
    devices: Segment,
    now: Cell<u64>,
    /// Changes of descriptors since the kernel was last left: what has to follow, and for which ASID.
    duties: RefCell<Vec<(Duty, u64)>>,
    /// Whether nothing was stored since tables were published last.
    is_published: Cell<bool>,
    /// How many more times a long call finds no interrupt; then it finds one each time.
    pub quiet_runs: Cell<u64>,
}

impl HostMemory {
    /// Makes a machine with `frames` frames of memory, all of them free and none of them zero.
    ///
    /// # Panics
    ///
    /// Panics if they do not fit in the host's memory.
    #[must_use]
    pub fn new(frames: u64) -> HostMemory {
        let count = usize::try_from(frames).expect("few frames");
        HostMemory {
            words: (0..count * FRAME_WORDS)
                .map(|_| Cell::new(0xDEAD_BEEF_DEAD_BEEF))
                .collect(),
            memory: Segment::new(FIRST_FRAME, frames),
            devices: Segment::new(FIRST_DEVICE, DEVICES),
            now: Cell::new(1),
            duties: RefCell::default(),
            is_published: Cell::new(false),
            quiet_runs: Cell::new(u64::MAX),
        }
    }

    /// Lets `ticks` pass.
    pub fn pass(&self, ticks: u64) {
        self.now.set(self.now.get() + ticks);
    }

    /// Every frame that the frame table describes.
    pub fn frames(&self) -> impl Iterator<Item = Frame> + Clone {
        let range = |segment: &Segment| segment.first..segment.first + segment.kinds.len() as u64;
        range(&self.memory).chain(range(&self.devices)).map(Frame)
    }

    fn described(&self, frame: Frame) -> (&Segment, usize) {
        for segment in [&self.memory, &self.devices] {
            if let Some(index) = segment.index(frame) {
                return (segment, index);
            }
        }
        panic!("frame {:#x} is not described", frame.0);
    }

    fn word(&self, number: u64, word: usize) -> &Cell<u64> {
        let frame = Frame(number / UNITS_PER_FRAME);
        let index = self
            .memory
            .index(frame)
            .unwrap_or_else(|| panic!("{number:#x} is no memory"));
        let kind = self.memory.kinds[index].get();
        assert!(is_kernel(kind), "{number:#x} is in a frame of kind {kind}");
        self.raw_word(number, word)
    }

    fn raw_word(&self, number: u64, word: usize) -> &Cell<u64> {
        let unit = usize::try_from(number - FIRST_FRAME * UNITS_PER_FRAME).expect("in memory");
        &self.words[unit * 8 + word]
    }

    fn user_word(&self, frame: Frame, word: u64) -> &Cell<u64> {
        let kind = self.kind(frame);
        let is_user = kind == FrameKind::User as u8 || kind == FrameKind::LargeTail as u8;
        assert!(is_user, "a user frame is looked into");
        let word = usize::try_from(word).expect("a small number");
        assert!(word < FRAME_WORDS, "a word of the frame");
        self.raw_word(frame.0 * UNITS_PER_FRAME, word)
    }

    /// Writes a word of the kernel as nothing of the kernel does: to break it.
    pub fn overwrite(&self, number: u64, word: usize, value: u64) {
        self.raw_word(number, word).set(value);
    }

    fn fill_zero(&self, frame: Frame) {
        self.is_published.set(false);
        for word in 0..FRAME_WORDS {
            self.raw_word(frame.0 * UNITS_PER_FRAME, word).set(0);
        }
    }

    /// Whether all of a frame of memory is zero, as its user would see it.
    #[must_use]
    pub fn is_zero(&self, frame: Frame) -> bool {
        (0..FRAME_WORDS).all(|word| self.raw_word(frame.0 * UNITS_PER_FRAME, word).get() == 0)
    }

    /// Everything that calls can change, for comparison: a refused call changes none of it.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u64> {
        let words = self.words.iter().map(Cell::get);
        let segments = [&self.memory, &self.devices];
        let kinds = segments
            .into_iter()
            .flat_map(|s| s.kinds.iter().map(|kind| kind.get().into()));
        let entries = segments.into_iter().flat_map(|s| {
            s.entries
                .iter()
                .flat_map(|entry| entry.iter().map(Cell::get))
        });
        words.chain(kinds).chain(entries).collect()
    }

    /// Writes a frame as its user would.
    pub fn scribble(&self, frame: Frame, value: u64) {
        for word in 0..FRAME_WORDS {
            self.raw_word(frame.0 * UNITS_PER_FRAME, word).set(value);
        }
    }
}

/// Whether frames of this kind are the kernel's to read.
#[inline(always)]
#[must_use]
pub const fn is_kernel(kind: u8) -> bool {
    const OTHERS: u64 = 1 << FrameKind::Free as u64
        | 1 << FrameKind::User as u64
        | 1 << FrameKind::Absent as u64
        | 1 << FrameKind::LargeTail as u64
        | 1 << FrameKind::LargeHead as u64
        | 1 << FrameKind::Quarantined as u64;
    OTHERS & 1 << (kind & 63) == 0
}

impl Memory for &HostMemory {
    fn core(&self) -> u64 {
        (FIRST_FRAME + MACHINE_FRAMES) * UNITS_PER_FRAME
    }

    fn load_user(&self, frame: Frame, word: u64) -> u64 {
        self.user_word(frame, word).get()
    }

    fn store_user(&self, frame: Frame, word: u64, value: u64) {
        self.user_word(frame, word).set(value);
    }

    fn load(&self, number: u64, word: usize) -> u64 {
        self.word(number, word).get()
    }

    fn store(&self, number: u64, word: usize, value: u64) {
        let place = self.word(number, word);
        self.note_descriptor(number, place.get(), value);
        place.set(value);
        self.is_published.set(false);
    }

    fn publish_tables(&self) {
        self.is_published.set(true);
        self.duties
            .borrow_mut()
            .retain(|&(duty, _)| duty != Duty::Publish);
    }

    fn kind(&self, frame: Frame) -> u8 {
        let (segment, index) = self.described(frame);
        segment.kinds[index].get()
    }

    fn set_kind(&self, frame: Frame, kind: u8) {
        let (segment, index) = self.described(frame);
        segment.kinds[index].set(kind);
    }

    fn entry_load(&self, frame: Frame, word: usize) -> u64 {
        let (segment, index) = self.described(frame);
        segment.entries[index][word].get()
    }

    fn entry_store(&self, frame: Frame, word: usize, value: u64) {
        let (segment, index) = self.described(frame);
        segment.entries[index][word].set(value);
    }

    fn copy_message(&self, from: Frame, to: Frame, length: u64) {
        for frame in [from, to] {
            assert_eq!(
                self.kind(frame),
                FrameKind::User as u8,
                "a buffer is user memory"
            );
        }
        let length = usize::try_from(length).expect("a length");
        assert!(length <= FRAME_WORDS * 8, "a message fits its buffer");
        let bytes = |frame: Frame| {
            (0..FRAME_WORDS).flat_map(move |w| {
                self.raw_word(frame.0 * UNITS_PER_FRAME, w)
                    .get()
                    .to_le_bytes()
            })
        };
        let mixed: Vec<u8> = bytes(from)
            .take(length)
            .chain(bytes(to).skip(length))
            .collect();
        for (word, eight) in mixed.chunks_exact(8).enumerate() {
            let value = u64::from_le_bytes(eight.try_into().expect("eight bytes"));
            self.raw_word(to.0 * UNITS_PER_FRAME, word).set(value);
        }
    }

    fn now(&self) -> u64 {
        self.now.get()
    }

    fn interrupt_pending(&self) -> bool {
        let runs = self.quiet_runs.get();
        self.quiet_runs.set(runs.saturating_sub(1));
        runs == 0
    }

    fn zero(&self, frame: Frame) {
        assert!(
            self.memory.index(frame).is_some(),
            "a frame of memory is zeroed"
        );
        assert_ne!(
            self.kind(frame),
            FrameKind::User as u8,
            "user memory is not touched"
        );
        self.fill_zero(frame);
    }
}

/// The header of a package of three pages: header, one of code, one of data and as much again of
/// zeroes.
#[must_use]
pub fn small_header() -> [u64; PACKAGE_HEADER_WORDS] {
    let mut words = [0; PACKAGE_HEADER_WORDS];
    let text = [0x1000, 0x20_0000, 0x1000, 0x1000, 5];
    let data = [0x2000, 0x20_1000, 0x1000, 0x2000, 3];
    let used = [PACKAGE_MAGIC, PACKAGE_VERSION, 0x3000, 0x20_0000, 2];
    for (word, value) in words
        .iter_mut()
        .zip(used.into_iter().chain(text).chain(data))
    {
        *word = value;
    }
    words
}
