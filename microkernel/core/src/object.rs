//! The kernel's objects: where each field of each kind lies.
//!
//! An object is an array of 64-bit words in memory, 64-byte aligned, named by its *number*: its
//! physical address / 64. Nothing in `core` holds a reference to an object; fields are read and
//! written one word at a time through [`crate::memory::Memory`], so host, emulator, proof and
//! assembly all see the same layout, which is written here and nowhere else. A free object is all
//! zero, and so is the link "none".

use core::marker::PhantomData;

use ipc_abi::capability::Kind;

/// Bytes in the unit of object numbers.
pub const OBJECT_UNIT_BYTES: u64 = 64;
/// Words in that unit.
pub const UNIT_WORDS: usize = 8;
/// Bits in an object number: 46 bits of physical address.
pub const NUMBER_BITS: u32 = 40;
/// Object units in one frame.
pub const UNITS_PER_FRAME: u64 = 64;
/// The most cores: a power of two.
pub const CORES_MAX: usize = 8;
/// How many priorities there are; the highest is 255.
pub const PRIORITIES: u64 = 256;
/// How many queues of callers an endpoint has.
pub const BANDS: u64 = 8;

/// A 4 KiB frame of physical memory: its physical address / 4096.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame(pub u64);

/// A kind of thing that has fields.
pub trait Layout {
    /// How many words it has.
    const WORDS: usize;
}

/// An object whose kind is written in its frame's kind byte.
pub trait Object: Layout {
    /// Its kind.
    const KIND: FrameKind;
}

/// The number of an object of type `O`; zero is none.
pub struct Number<O>(u64, PhantomData<O>);

impl<O> Clone for Number<O> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<O> Copy for Number<O> {}
impl<O> PartialEq for Number<O> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<O> Eq for Number<O> {}
impl<O> core::fmt::Debug for Number<O> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "#{:x}", self.0)
    }
}

impl<O> Number<O> {
    /// No object.
    pub const NONE: Number<O> = Number(0, PhantomData);

    /// Reads a stored link; bits above [`NUMBER_BITS`] (reasons, marks) are dropped.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Number<O> {
        Number(raw & ((1 << NUMBER_BITS) - 1), PhantomData)
    }

    /// Reads a stored link without reasons or marks, which costs no mask.
    #[must_use]
    pub const fn from_plain(raw: u64) -> Number<O> {
        debug_assert!(raw >> NUMBER_BITS == 0, "the link has marks");
        Number(raw, PhantomData)
    }

    /// The number.
    #[must_use]
    pub const fn into_raw(self) -> u64 {
        self.0
    }

    /// Whether it names no object.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The frame in which the object lies.
    #[must_use]
    pub const fn frame(self) -> Frame {
        Frame(self.0 >> 6)
    }
}

/// One word of an object of type `O`.
pub struct Field<O> {
    word: usize,
    object: PhantomData<O>,
}

impl<O> Clone for Field<O> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<O> Copy for Field<O> {}

impl<O: Layout> Field<O> {
    /// Word `word` of the object; a word outside it does not compile.
    ///
    /// # Panics
    ///
    /// Panics, while compiling, if the word is outside the object.
    #[must_use]
    pub const fn new(word: usize) -> Field<O> {
        assert!(word < O::WORDS, "a field outside its object");
        Field {
            word,
            object: PhantomData,
        }
    }

    /// The index of the word.
    #[must_use]
    pub const fn word(self) -> usize {
        self.word
    }

    /// The word's offset in bytes, for assembly.
    #[must_use]
    pub const fn offset(self) -> usize {
        self.word.wrapping_mul(8)
    }

    /// The field `index` words further on; the caller keeps `index` inside the array it documents.
    /// Stays inside the object whatever `index` is.
    #[must_use]
    pub const fn at(self, index: u64) -> Field<O> {
        let word = (self.word as u64).wrapping_add(index);
        let last = O::WORDS.saturating_sub(1) as u64;
        #[expect(clippy::cast_possible_truncation, reason = "at most O::WORDS")]
        Field {
            word: (if word > last { last } else { word }) as usize,
            object: PhantomData,
        }
    }
}

/// What a frame is: one byte for each frame of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// Nothing; all its objects and its table entry are zero.
    Free = 0,
    /// Holds a pool of regions; the numbers up to [`FrameKind::Irq`] are those of [`Kind`].
    Region = Kind::Region as u8,
    /// Holds allowances.
    Allowance = Kind::Allowance as u8,
    /// Holds the platform object.
    Platform = Kind::Platform as u8,
    /// Is user or device memory: the object is the frame's table entry.
    User = Kind::Frame as u8,
    /// Holds address spaces.
    AddressSpace = Kind::AddressSpace as u8,
    /// Holds the heads of capability tables.
    CapTable = Kind::CapTable as u8,
    /// Holds threads.
    Thread = Kind::Thread as u8,
    /// Holds scheduling contexts.
    SchedulingContext = Kind::SchedulingContext as u8,
    /// Holds endpoints.
    Endpoint = Kind::Endpoint as u8,
    /// Holds gates.
    Gate = Kind::Gate as u8,
    /// Holds notifications.
    Notification = Kind::Notification as u8,
    /// Holds reply objects.
    Reply = Kind::Reply as u8,
    /// Holds interrupts.
    Irq = Kind::Irq as u8,
    /// 256 slots of a capability table.
    Slots = 32,
    /// A page table of some level.
    PageTable = 33,
    /// Record numbers beside a last-level page table.
    Shadow = 34,
    /// Mapping records of one space.
    Records = 35,
    /// In the pool of a space, not yet used.
    Pool = 36,
    /// The kernel's own, for ever.
    Kernel = 37,
    /// Not memory.
    Absent = 38,
    /// In a frame of 2 MiB, but not its first.
    LargeTail = 39,
    /// The first of a frame of 2 MiB that is being made.
    LargeHead = 40,
    /// Was given to a device that was not reset since it died.
    Quarantined = 41,
}

macro_rules! layout {
    ($(#[$doc:meta])* $name:ident, $words:expr) => {
        $(#[$doc])*
        pub struct $name;
        impl Layout for $name {
            const WORDS: usize = $words;
        }
    };
    ($(#[$doc:meta])* $name:ident, $words:expr, $kind:ident) => {
        layout!($(#[$doc])* $name, $words);
        impl Object for $name {
            const KIND: FrameKind = FrameKind::$kind;
        }
    };
}

layout!(
    /// A thread: 2 KiB. Words 2–15 and `X` are what the fast path touches.
    Thread, 256, Thread
);
layout!(
    /// An endpoint: 512 bytes.
    Endpoint, 64, Endpoint
);
layout!(
    /// A gate: 64 bytes.
    Gate, 8, Gate
);
layout!(
    /// A notification: 128 bytes.
    Notification, 16, Notification
);
layout!(
    /// A reply object: 64 bytes.
    Reply, 8, Reply
);
layout!(
    /// A scheduling context: 512 bytes.
    Context, 64, SchedulingContext
);
layout!(
    /// An interrupt: 64 bytes.
    Irq, 8, Irq
);
layout!(
    /// A region: 64 bytes, in the first unit of the first frame of its own range.
    Region, 8, Region
);
layout!(
    /// An allowance: 128 bytes.
    Allowance, 16, Allowance
);
layout!(
    /// The platform: 64 bytes.
    Platform, 8, Platform
);
layout!(
    /// The head of a capability table: 1 KiB.
    CapTable, 128, CapTable
);
layout!(
    /// An address space: 128 bytes.
    Space, 16, AddressSpace
);
layout!(
    /// A mapping of a frame beyond its first: 64 bytes.
    Record, 8, Records
);
layout!(
    /// 256 slots of two words, one frame.
    Slots, 512, Slots
);
layout!(
    /// A page table, one frame.
    PageTable, 512, PageTable
);
layout!(
    /// Record numbers beside the entries of a last-level table, one frame.
    Shadow, 512, Shadow
);
layout!(
    /// What one core knows: four frames of the kernel image.
    Core, 2048
);
layout!(
    /// What the whole machine shares, under the kernel lock: in the kernel image.
    Machine, 6144
);
layout!(
    /// What a thread and a scheduling context have in common: a place in a timing wheel.
    Timed, 32
);
layout!(
    /// The frame table's entry of one frame: 32 bytes, not an object of its own number.
    Entry, 4
);

/// Word 0 of every object with an identity.
pub const ID_WORD: usize = 0;

pub use crate::core_field::*;
pub use crate::field::*;
pub use crate::shared::*;
pub use crate::thread_field::*;
