//! A few frames of kernel memory: what the machine code and `core` both run on.
//!
//! Only the frames that a scenario names exist, and only as the frame kind that it gives them: an
//! access outside them is noticed, by the machine code (it stops) and by `core` (it panics). Each
//! write is logged, so that a run can be taken back and two runs compared.

use std::cell::{Cell, RefCell};

use pecan_core::memory::Memory;
use pecan_core::object::{Frame, UNIT_WORDS, UNITS_PER_FRAME};

/// Words of a frame.
pub(crate) const FRAME_WORDS: usize = 512;
/// Where all memory is mapped.
pub(crate) const DIRECT_MAP: u64 = 0xFFFF_0000_0000_0000;
/// Where the kind byte of each frame is.
pub(crate) const KINDS: u64 = 0xFFFF_8000_0000_0000;
const FRAME_BITS: u32 = 34;
const ADDRESS_BITS: u32 = 46;

/// One frame.
#[derive(Clone, Copy)]
struct Piece {
    frame: u64,
    kind: u8,
}

/// The memory of a scenario.
pub(crate) struct Store {
    pieces: Vec<Piece>,
    words: Vec<Cell<u64>>,
    /// Which word was written, and what was there before.
    log: RefCell<Vec<(usize, u64)>>,
    core: u64,
    last: Cell<usize>,
}

/// A word of kernel memory, by its physical address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(pub(crate) u64);

/// A word that was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Which.
    pub(crate) place: Place,
    /// What it holds now.
    pub(crate) after: u64,
}

impl Store {
    /// Nothing yet.
    pub(crate) fn new() -> Store {
        Store {
            pieces: Vec::new(),
            words: Vec::new(),
            log: RefCell::default(),
            core: 0,
            last: Cell::new(0),
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
        self.log.borrow_mut().clear();
        self.last.set(0);
    }

    /// Adds a frame, whose words are whatever they are.
    pub(crate) fn add(&mut self, frame: u64, kind: u8) {
        self.pieces.push(Piece { frame, kind });
        let count = self.pieces.len() * FRAME_WORDS;
        if self.words.len() < count {
            self.words.resize(count, Cell::new(0));
        }
    }

    /// Whether the frame was added.
    pub(crate) fn has(&self, frame: u64) -> bool {
        self.pieces.iter().any(|piece| piece.frame == frame)
    }

    /// Names the core's object.
    pub(crate) fn set_core(&mut self, number: u64) {
        self.core = number;
    }

    /// Gives a frame another kind.
    pub(crate) fn change_kind(&mut self, frame: u64, kind: u8) {
        for piece in &mut self.pieces {
            if piece.frame == frame {
                piece.kind = kind;
            }
        }
    }

    /// All frames: number, kind, words.
    pub(crate) fn frames(&self) -> impl Iterator<Item = (u64, u8, &[Cell<u64>])> {
        let words = self.words.chunks(FRAME_WORDS);
        let pieces = self.pieces.iter().zip(words);
        pieces.map(|(piece, words)| (piece.frame, piece.kind, words))
    }

    fn index(&self, physical: u64) -> Option<usize> {
        let frame = physical >> 12;
        let mut at = self.last.get();
        if self.pieces.get(at)?.frame != frame {
            at = self.pieces.iter().position(|piece| piece.frame == frame)?;
            self.last.set(at);
        }
        let word = usize::try_from(physical >> 3 & 0x1FF).ok()?;
        Some(at * FRAME_WORDS + word)
    }

    /// Reads a word.
    pub(crate) fn get(&self, place: Place) -> Option<u64> {
        Some(self.words[self.index(place.0)?].get())
    }

    /// Writes a word.
    pub(crate) fn put(&self, place: Place, value: u64) -> Option<()> {
        let index = self.index(place.0)?;
        self.log.borrow_mut().push((index, self.words[index].get()));
        self.words[index].set(value);
        Some(())
    }

    /// Writes a word before the scenario begins: nothing is logged.
    pub(crate) fn prepare(&self, number: u64, word: usize, value: u64) {
        let index = self.index(physical(number, word));
        self.words[index.expect("a frame of the scenario")].set(value);
    }

    /// Reads a word of an object of the scenario.
    pub(crate) fn field(&self, number: u64, word: usize) -> u64 {
        self.get(Place(physical(number, word)))
            .expect("a frame of the scenario")
    }

    /// What a kernel address names.
    pub(crate) fn place(address: u64) -> Option<Place> {
        let physical = address.wrapping_sub(DIRECT_MAP);
        (physical >> ADDRESS_BITS == 0 && physical & 7 == 0).then_some(Place(physical))
    }

    /// The kind byte at a kernel address.
    pub(crate) fn kind_at(&self, address: u64) -> Option<u8> {
        let frame = address.wrapping_sub(KINDS);
        if frame >> FRAME_BITS != 0 {
            return None;
        }
        let mut pieces = self.pieces.iter();
        pieces.find(|it| it.frame == frame).map(|it| it.kind)
    }

    /// The words that hold something else than at `mark`, in order.
    pub(crate) fn changes(&self, mark: usize) -> Vec<Change> {
        let log = self.log.borrow();
        let mut first: Vec<(usize, u64)> = log.get(mark..).unwrap_or_default().to_vec();
        // Stable, so that of each word the oldest entry, which has what was there at first, is kept.
        first.sort_by_key(|entry| entry.0);
        first.dedup_by_key(|entry| entry.0);
        let changes = first.iter().filter_map(|&(index, before)| {
            let piece = self.pieces[index / FRAME_WORDS];
            let place = Place(piece.frame << 12 | (index as u64 % FRAME_WORDS as u64) << 3);
            let after = self.words[index].get();
            (before != after).then_some(Change { place, after })
        });
        let mut changes: Vec<Change> = changes.collect();
        changes.sort_unstable_by_key(|change| change.place);
        changes
    }

    /// How much was written so far: for [`Store::undo_to`].
    pub(crate) fn mark(&self) -> usize {
        self.log.borrow().len()
    }

    /// Takes back what was written after `mark`.
    pub(crate) fn undo_to(&self, mark: usize) {
        let mut log = self.log.borrow_mut();
        while log.len() > mark {
            if let Some((index, value)) = log.pop() {
                self.words[index].set(value);
            }
        }
    }
}

/// The physical address of a word of an object.
pub(crate) fn physical(number: u64, word: usize) -> u64 {
    (number << 6).wrapping_add((word as u64) << 3)
}

impl Memory for &Store {
    fn load(&self, number: u64, word: usize) -> u64 {
        self.get(Place(physical(number, word)))
            .unwrap_or_else(|| panic!("core reads word {word} of {number:#x}"))
    }

    fn store(&self, number: u64, word: usize, value: u64) {
        self.put(Place(physical(number, word)), value)
            .unwrap_or_else(|| panic!("core writes word {word} of {number:#x}"));
    }

    fn kind(&self, frame: Frame) -> u8 {
        self.kind_at(KINDS.wrapping_add(frame.0))
            .unwrap_or_else(|| panic!("core asks for the kind of frame {:#x}", frame.0))
    }

    fn set_kind(&self, frame: Frame, _kind: u8) {
        panic!("core changes the kind of frame {:#x}", frame.0);
    }

    fn entry_load(&self, frame: Frame, word: usize) -> u64 {
        panic!(
            "core reads word {word} of the entry of frame {:#x}",
            frame.0
        );
    }

    fn entry_store(&self, frame: Frame, word: usize, _value: u64) {
        panic!(
            "core writes word {word} of the entry of frame {:#x}",
            frame.0
        );
    }

    fn copy_message(&self, from: Frame, to: Frame, _length: u64) {
        panic!("core copies a message from {:#x} to {:#x}", from.0, to.0);
    }

    fn core(&self) -> u64 {
        self.core
    }

    fn now(&self) -> u64 {
        panic!("core asks for the time");
    }

    fn load_user(&self, frame: Frame, _word: u64) -> u64 {
        panic!("core reads frame {:#x} of a user", frame.0);
    }

    fn store_user(&self, frame: Frame, _word: u64, _value: u64) {
        panic!("core writes frame {:#x} of a user", frame.0);
    }

    fn interrupt_pending(&self) -> bool {
        panic!("core looks for an interrupt");
    }
}

/// The frame in which an object lies.
pub(crate) const fn frame_of(number: u64) -> u64 {
    number / UNITS_PER_FRAME
}

const _: () = assert!(UNITS_PER_FRAME * UNIT_WORDS as u64 == FRAME_WORDS as u64);
