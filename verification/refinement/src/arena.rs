//! The memory of a small machine as one array of words, with a log: what a transition wrote is known,
//! and can be taken back.
//!
//! Like [`pecan_core::host::HostMemory`] it notices every access that [`Memory`] forbids; unlike it,
//! it keeps no cache of translations, and going back costs what was written, not what there is.

use std::cell::{Cell, RefCell};

use pecan_core::host::is_kernel;
use pecan_core::memory::Memory;
use pecan_core::object::{Core, Frame, FrameKind, Layout, Machine, UNITS_PER_FRAME};
use pecan_core::rule::{Duty, change_of, duty_of};

/// The first frame of an arena's memory.
pub const FIRST_FRAME: u64 = 0x4_0000;
/// The first frame of its devices.
pub const FIRST_DEVICE: u64 = 0x9000;
/// How many device frames it has.
pub const DEVICES: u64 = 2;

/// When the machine starts, in ticks.
pub const START: u64 = 1 << 20;
/// Words of a frame.
pub const FRAME_WORDS: usize = 512;
/// Words of an object of one unit.
pub const UNIT_WORDS: usize = 8;
const ENTRY_WORDS: usize = 4;
/// Where the entry of a page table's frame has its level, and what the last one is.
const LEVEL_SHIFT: u32 = 60;
const LAST_LEVEL: u64 = 3;
const MACHINE_FRAMES: u64 = Machine::WORDS.div_ceil(FRAME_WORDS) as u64;
const CORE_FRAMES: u64 = Core::WORDS.div_ceil(FRAME_WORDS) as u64;
/// The number of the machine object.
pub const MACHINE: u64 = FIRST_FRAME * UNITS_PER_FRAME;
/// The number of the core object.
pub const CORE: u64 = (FIRST_FRAME + MACHINE_FRAMES) * UNITS_PER_FRAME;
/// The first frame after those two objects.
pub const AFTER_CORE: u64 = FIRST_FRAME + MACHINE_FRAMES + CORE_FRAMES;

/// What one word of an arena is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A word of a frame of memory.
    Word {
        /// The frame.
        frame: Frame,
        /// Which word of it.
        word: usize,
    },
    /// A word of a frame's table entry.
    Entry {
        /// The frame.
        frame: Frame,
        /// Which word of it.
        word: usize,
    },
    /// The kind of a frame.
    Kind(Frame),
    /// The time.
    Now,
}

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It does not happen.
    Lost,
    /// Its lowest bit is the other one.
    Flipped,
}

/// Memory, frame table and time of one machine.
pub struct Arena {
    words: Vec<Cell<u64>>,
    frames: u64,
    entries_at: usize,
    kinds_at: usize,
    /// Where the time stands, which is a word as well.
    now_at: usize,
    log: RefCell<Vec<(u32, u64)>>,
    /// By index: in which look at the log it was last met.
    met: RefCell<Vec<u32>>,
    look: Cell<u32>,
    /// Changes of descriptors since the kernel was last left: what has to follow, and for which ASID.
    duties: RefCell<Vec<(Duty, u64)>>,
    /// How many stores the kernel made that changed something.
    stores: Cell<u64>,
    /// The last access that [`Memory`] forbids.
    forbidden: Cell<Option<u64>>,
    /// The word that went wrong.
    damaged: Cell<Option<u32>>,
    /// Which of them goes wrong: a seeded bug.
    damage: Cell<Option<(u64, Damage)>>,
}

impl Arena {
    /// An arena with `frames` frames of memory, all of them free.
    #[must_use]
    pub fn new(frames: u64) -> Arena {
        let described = to_index(frames + DEVICES);
        let entries_at = to_index(frames) * FRAME_WORDS;
        let kinds_at = entries_at + described * ENTRY_WORDS;
        let now_at = kinds_at + described;
        let arena = Arena {
            words: vec![Cell::new(0); now_at + 1],
            frames,
            entries_at,
            kinds_at,
            now_at,
            log: RefCell::default(),
            met: RefCell::new(vec![0; now_at + 1]),
            look: Cell::new(0),
            duties: RefCell::default(),
            stores: Cell::new(0),
            forbidden: Cell::new(None),
            damaged: Cell::new(None),
            damage: Cell::new(None),
        };
        arena.set_now(START);
        arena
    }

    /// How many words it has, entries and kinds included.
    #[must_use]
    pub fn size(&self) -> usize {
        self.words.len()
    }

    /// How many frames of memory it has.
    #[must_use]
    pub const fn frame_count(&self) -> u64 {
        self.frames
    }

    /// Every frame that the frame table describes.
    pub fn frames(&self) -> impl Iterator<Item = Frame> + Clone + use<> {
        (FIRST_FRAME..FIRST_FRAME + self.frames)
            .chain(FIRST_DEVICE..FIRST_DEVICE + DEVICES)
            .map(Frame)
    }

    /// The words of a frame of memory.
    ///
    /// # Panics
    ///
    /// Panics if it is none.
    #[must_use]
    pub fn frame(&self, frame: Frame) -> &[Cell<u64>] {
        let first = to_index(frame.0 - FIRST_FRAME) * FRAME_WORDS;
        &self.words[first..first + FRAME_WORDS]
    }

    /// The word of an index.
    #[must_use]
    pub fn value(&self, index: u32) -> u64 {
        self.words[index as usize].get()
    }

    /// What the word of an index is.
    #[must_use]
    pub fn place(&self, index: u32) -> Place {
        let index = index as usize;
        let described = |nth: usize| {
            let nth = nth as u64;
            if nth < self.frames {
                Frame(FIRST_FRAME + nth)
            } else {
                Frame(FIRST_DEVICE + nth - self.frames)
            }
        };
        if index < self.entries_at {
            let frame = Frame(FIRST_FRAME + (index / FRAME_WORDS) as u64);
            let word = index % FRAME_WORDS;
            Place::Word { frame, word }
        } else if index < self.kinds_at {
            let frame = described((index - self.entries_at) / ENTRY_WORDS);
            let word = (index - self.entries_at) % ENTRY_WORDS;
            Place::Entry { frame, word }
        } else if index < self.now_at {
            Place::Kind(described(index - self.kinds_at))
        } else {
            Place::Now
        }
    }

    /// Writes the word of an index, in the log as every store is.
    #[inline(always)]
    pub fn put(&self, index: u32, value: u64) {
        let cell = &self.words[index as usize];
        let old = cell.get();
        if old != value {
            self.log.borrow_mut().push((index, old));
            cell.set(value);
        }
    }

    /// Where the log stands.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.log.borrow().len()
    }

    /// Makes the present state the one that the log leads back to.
    pub fn forget_log(&self) {
        self.log.borrow_mut().clear();
    }

    /// Takes everything back that was written since `mark`.
    pub fn go_back(&self, mark: usize) {
        let mut log = self.log.borrow_mut();
        while log.len() > mark {
            if let Some((index, old)) = log.pop() {
                self.words[index as usize].set(old);
            }
        }
    }

    /// Lets `visit` see the index of every word written since `mark`, some more than once.
    pub fn written(&self, mark: usize, mut visit: impl FnMut(u32)) {
        for &(index, _) in &self.log.borrow()[mark..] {
            visit(index);
        }
    }

    /// Lets `visit` see every word that is not what it was at `mark`, once: its index and value.
    pub fn changes(&self, mark: usize, mut visit: impl FnMut(u32, u64)) {
        let log = self.log.borrow();
        let mut met = self.met.borrow_mut();
        let look = self.look.get().wrapping_add(1);
        self.look.set(look);
        for &(index, old) in &log[mark..] {
            if met[index as usize] != look {
                met[index as usize] = look;
                let value = self.words[index as usize].get();
                if value != old {
                    visit(index, value);
                }
            }
        }
    }

    /// The first word that was written since `mark` and is not what it was, if any.
    #[must_use]
    pub fn first_change(&self, mark: usize) -> Option<u32> {
        let mut first = None;
        self.changes(mark, |index, _| first = first.or(Some(index)));
        first
    }

    /// How many stores the kernel made until now that changed something.
    #[must_use]
    pub fn stores(&self) -> u64 {
        self.stores.get()
    }

    /// Lets the store go wrong before which the kernel made `nth`; none if that is none.
    pub fn seed(&self, damage: Option<(u64, Damage)>) {
        self.damage.set(damage);
    }

    /// What the word is that went wrong last.
    pub fn take_damaged(&self) -> Option<Place> {
        self.damaged.take().map(|index| self.place(index))
    }

    /// Sets the time.
    pub fn set_now(&self, now: u64) {
        self.put(to_word(self.now_at), now);
    }

    /// Strikes out what an invalidation of `asid` (all of it, or one address) does of what has to
    /// follow changes of tables.
    pub fn discharge(&self, forgotten: u64, is_all: bool) {
        self.duties.borrow_mut().retain(|&(duty, asid)| match duty {
            Duty::Publish => false,
            Duty::ForgetAddress => asid != forgotten,
            Duty::Nothing | Duty::ForgetSpace | Duty::Never => asid != forgotten || !is_all,
        });
    }

    /// Takes what is left to follow.
    #[must_use]
    pub fn take_duties(&self) -> usize {
        self.duties.take().len()
    }

    /// Zeroes a user frame, as the machine does for the kernel.
    pub fn zero_user(&self, frame: Frame) {
        let nth = frame.0.wrapping_sub(FIRST_FRAME);
        if nth >= self.frames {
            self.forbid(frame.0);
            return;
        }
        let first = to_index(nth) * FRAME_WORDS;
        for word in first..first + FRAME_WORDS {
            self.put(to_word(word), 0);
        }
    }

    /// Takes the number of the last access that was forbidden.
    pub fn take_forbidden(&self) -> Option<u64> {
        self.forbidden.take()
    }

    /// Notes a forbidden access, and answers where it goes instead; it is told later. (It cannot panic:
    /// a function of `core` has the calling convention of C, which nothing unwinds.)
    #[cold]
    fn forbid(&self, number: u64) -> usize {
        self.forbidden.set(Some(number));
        0
    }

    #[inline(always)]
    fn nth(&self, frame: Frame) -> usize {
        let memory = frame.0.wrapping_sub(FIRST_FRAME);
        if memory < self.frames {
            return to_index(memory);
        }
        let device = frame.0.wrapping_sub(FIRST_DEVICE);
        if device >= DEVICES {
            return self.forbid(frame.0);
        }
        to_index(self.frames + device)
    }

    #[inline(always)]
    fn index_of(&self, number: u64, word: usize) -> usize {
        let nth = (number / UNITS_PER_FRAME).wrapping_sub(FIRST_FRAME);
        if nth >= self.frames || !is_kernel(self.memory_kind(nth)) {
            return self.forbid(number);
        }
        to_index(number - FIRST_FRAME * UNITS_PER_FRAME) * UNIT_WORDS + word
    }

    /// The kind of the `nth` frame of memory.
    #[inline(always)]
    fn memory_kind(&self, nth: u64) -> u8 {
        (self.words[self.kinds_at + to_index(nth)].get() & 0xFF) as u8
    }

    fn user_index(&self, frame: Frame, word: u64) -> u32 {
        let kind = self.kind_of(frame);
        if kind != FrameKind::User as u64 || frame.0.wrapping_sub(FIRST_FRAME) >= self.frames {
            return to_word(self.forbid(frame.0));
        }
        to_word(to_index(frame.0 - FIRST_FRAME) * FRAME_WORDS + to_index(word))
    }

    #[inline(always)]
    fn kind_of(&self, frame: Frame) -> u64 {
        self.words[self.kinds_at + self.nth(frame)].get()
    }

    /// Notes what has to follow a store, if it changes a descriptor of a living space.
    #[inline(always)]
    fn note_descriptor(&self, number: u64, old: u64, new: u64) {
        let frame = Frame(number / UNITS_PER_FRAME);
        if self.kind_of(frame) == FrameKind::PageTable as u64 {
            self.note_change(number, old, new);
        }
    }

    #[cold]
    fn note_change(&self, number: u64, old: u64, new: u64) {
        use pecan_core::object::{entry, space};
        let frame = Frame(number / UNITS_PER_FRAME);
        let owner = self.words[self.entry_index(frame, entry::SPACE.word())].get();
        let space = owner & ((1 << 40) - 1);
        if self.words[self.index_of(space, space::ROOT.word())].get() == 0 {
            return;
        }
        let asid = self.words[self.index_of(space, space::ASID.word())].get();
        let change = change_of(owner >> LEVEL_SHIFT == LAST_LEVEL, old, new);
        let duty = duty_of(change);
        if duty == Duty::Never {
            self.forbid(number);
        }
        if duty != Duty::Nothing {
            self.duties.borrow_mut().push((duty, asid));
        }
    }

    #[inline(always)]
    fn entry_index(&self, frame: Frame, word: usize) -> usize {
        self.entries_at + self.nth(frame) * ENTRY_WORDS + word
    }

    #[inline(always)]
    fn store_at(&self, index: usize, value: u64) {
        if self.words[index].get() == value {
            return;
        }
        let nth = self.stores.get();
        self.stores.set(nth + 1);
        match self.damage.get() {
            Some((chosen, damage)) if chosen == nth => self.put_wrong(index, value, damage),
            _ => self.put(to_word(index), value),
        }
    }

    #[cold]
    fn put_wrong(&self, index: usize, value: u64, damage: Damage) {
        self.damaged.set(Some(to_word(index)));
        if damage == Damage::Flipped {
            self.put(to_word(index), value ^ 1);
        }
    }
}

/// A number of words or frames as an index.
pub(crate) fn to_index(count: u64) -> usize {
    usize::try_from(count).expect("a small machine")
}

/// An index as it stands in logs and states.
fn to_word(index: usize) -> u32 {
    u32::try_from(index).expect("a small machine")
}

impl Memory for &Arena {
    #[inline(always)]
    fn load(&self, number: u64, word: usize) -> u64 {
        self.words[self.index_of(number, word)].get()
    }

    #[inline(always)]
    fn store(&self, number: u64, word: usize, value: u64) {
        let index = self.index_of(number, word);
        if self.words[index].get() != value {
            self.note_descriptor(number, self.words[index].get(), value);
            self.store_at(index, value);
        }
    }

    #[inline(always)]
    fn kind(&self, frame: Frame) -> u8 {
        (self.kind_of(frame) & 0xFF) as u8
    }

    #[inline(always)]
    fn set_kind(&self, frame: Frame, kind: u8) {
        self.store_at(self.kinds_at + self.nth(frame), kind.into());
    }

    #[inline(always)]
    fn entry_load(&self, frame: Frame, word: usize) -> u64 {
        self.words[self.entry_index(frame, word)].get()
    }

    #[inline(always)]
    fn entry_store(&self, frame: Frame, word: usize, value: u64) {
        self.store_at(self.entry_index(frame, word), value);
    }

    fn copy_message(&self, from: Frame, to: Frame, length: u64) {
        assert!(length <= 4096, "a message fits its buffer");
        for word in 0..length.div_ceil(8) {
            let value = self.value(self.user_index(from, word));
            let kept = self.value(self.user_index(to, word));
            let bits = (length - word * 8).min(8) * 8;
            let mask = u64::MAX >> (64 - bits);
            self.put(self.user_index(to, word), value & mask | kept & !mask);
        }
    }

    #[inline(always)]
    fn core(&self) -> u64 {
        CORE
    }

    fn now(&self) -> u64 {
        self.words[self.now_at].get()
    }

    fn load_user(&self, frame: Frame, word: u64) -> u64 {
        self.value(self.user_index(frame, word))
    }

    fn store_user(&self, frame: Frame, word: u64, value: u64) {
        self.put(self.user_index(frame, word), value);
    }

    fn publish_tables(&self) {
        self.duties
            .borrow_mut()
            .retain(|&(duty, _)| duty != Duty::Publish);
    }

    fn interrupt_pending(&self) -> bool {
        false
    }

    fn zero(&self, frame: Frame) {
        if self.kind_of(frame) == FrameKind::User as u64 {
            self.forbid(frame.0);
        }
        self.zero_user(frame);
    }
}
