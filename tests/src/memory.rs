//! The guest's memory as the emulator shows it: frame table, kernel objects, everything else.
//!
//! Where things are is what `microkernel/aarch64/src/layout.rs` plans for a machine of
//! [`MEMORY_BYTES`], and `microkernel/core/src/field.rs` says of objects.

/// Where memory starts.
pub const MEMORY_START: u64 = 0x4000_0000;
/// How much the machines have whose memory is compared: the least.
pub const MEMORY_BYTES: u64 = 64 << 20;
/// Bytes of a frame.
pub const FRAME_BYTES: u64 = 4096;
/// Frames of memory.
pub const FRAMES: u64 = MEMORY_BYTES / FRAME_BYTES;
/// The first frame.
pub const FIRST_FRAME: u64 = MEMORY_START / FRAME_BYTES;
/// Words of a frame.
pub const FRAME_WORDS: u64 = FRAME_BYTES / 8;

/// Words of a frame's entry.
pub const ENTRY_WORDS: usize = 4;
/// Bytes of it.
const ENTRY_BYTES: u64 = ENTRY_WORDS as u64 * 8;
/// Where the entries of memory's frames are.
const ENTRIES: u64 = MEMORY_START + MEMORY_BYTES - FRAMES * ENTRY_BYTES;
/// Where their kinds are.
const KINDS: u64 = ENTRIES - FRAMES;

/// What a frame is.
pub mod kind {
    /// Nothing.
    pub const FREE: u8 = 0;
    /// A region.
    pub const REGION: u8 = 1;
    /// Allowances.
    pub const ALLOWANCE: u8 = 2;
    /// User memory.
    pub const USER: u8 = 4;
    /// Address spaces.
    pub const SPACE: u8 = 5;
    /// Heads of tables.
    pub const TABLE: u8 = 6;
    /// Threads.
    pub const THREAD: u8 = 7;
    /// Scheduling contexts.
    pub const CONTEXT: u8 = 8;
    /// Slots of a table.
    pub const SLOTS: u8 = 32;
}

/// The bits of an object's number in an entry or a link.
const NUMBER_BITS: u64 = (1 << 40) - 1;

/// All memory at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    words: Vec<u64>,
}

impl Snapshot {
    /// Takes what the emulator saved.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let words = bytes.chunks_exact(8).map(|eight| {
            let mut word = [0; 8];
            word.copy_from_slice(eight);
            u64::from_le_bytes(word)
        });
        Self {
            words: words.collect(),
        }
    }

    /// The word at a physical address; 0 outside of memory.
    #[must_use]
    pub fn word(&self, address: u64) -> u64 {
        let index = address.checked_sub(MEMORY_START).map(|offset| offset / 8);
        let index = index.and_then(|index| usize::try_from(index).ok());
        index
            .and_then(|index| self.words.get(index))
            .copied()
            .unwrap_or_default()
    }

    /// The same with the context that is ahead of the run queues of the core at `core_address` in its
    /// queue, which it counts as either way.
    #[must_use]
    pub fn settled(&self, core_address: u64) -> Self {
        let mut settled = self.clone();
        let at = |word: u64| core_address + word * 8;
        let ahead = self.word(at(core::AHEAD));
        if ahead == 0 {
            return settled;
        }
        let context = ahead * object::UNIT_BYTES;
        let priority = self.field(ahead, object::CONTEXT_PRIORITY);
        let (head, tail) = (core::QUEUE_HEAD + priority, core::QUEUE_TAIL + priority);
        let first = self.word(at(head));
        let before = if first == 0 {
            at(tail)
        } else {
            first * object::UNIT_BYTES + object::CONTEXT_PREV * 8
        };
        let ready = at(core::READY + priority / 64);
        for (address, value) in [
            (at(core::AHEAD), 0),
            (at(head), ahead),
            (before, ahead),
            (context + object::CONTEXT_NEXT * 8, first),
            (ready, self.word(ready) | 1 << (priority % 64)),
        ] {
            settled.set_word(address, value);
        }
        settled
    }

    fn set_word(&mut self, address: u64, value: u64) {
        let index = address.checked_sub(MEMORY_START).map(|offset| offset / 8);
        let index = index.and_then(|index| usize::try_from(index).ok());
        if let Some(word) = index.and_then(|index| self.words.get_mut(index)) {
            *word = value;
        }
    }

    /// What a frame is.
    #[must_use]
    pub fn kind(&self, frame: u64) -> u8 {
        let address = KINDS + (frame - FIRST_FRAME);
        let shift = address % 8 * 8;
        let [byte, ..] = (self.word(address - address % 8) >> shift).to_le_bytes();
        byte
    }

    /// The entry of a frame.
    #[must_use]
    pub fn entry(&self, frame: u64) -> [u64; ENTRY_WORDS] {
        let address = ENTRIES + (frame - FIRST_FRAME) * ENTRY_BYTES;
        [0, 1, 2, 3].map(|word| self.word(address + 8 * word))
    }

    /// The number of the space in which a frame of user memory has its first mapping.
    #[must_use]
    pub fn space_of(&self, frame: u64) -> u64 {
        self.entry(frame)[1] & NUMBER_BITS
    }

    /// Word `word` of the object `number`.
    #[must_use]
    pub fn field(&self, number: u64, word: u64) -> u64 {
        self.word(number * 64 + word * 8)
    }

    /// The same, as a link.
    #[must_use]
    pub fn link(&self, number: u64, word: u64) -> u64 {
        self.field(number, word) & NUMBER_BITS
    }

    /// The numbers of the objects in the frames of a kind.
    pub fn objects(&self, kind: u8) -> impl Iterator<Item = u64> {
        let pools = (FIRST_FRAME..FIRST_FRAME + FRAMES).filter(move |it| self.kind(*it) == kind);
        pools.flat_map(|frame| {
            let used = self.entry(frame)[0];
            let units = (0..64).filter(move |unit| used >> unit & 1 != 0);
            units.map(move |unit| frame * 64 + unit)
        })
    }

    /// Whether a frame holds the table of frames.
    #[must_use]
    pub fn is_frame_table(frame: u64) -> bool {
        frame >= KINDS / FRAME_BYTES
    }
}

/// Where fields of objects are, by word.
pub mod object {
    /// Bytes in the unit of object numbers.
    pub const UNIT_BYTES: u64 = 64;
    /// These units in a frame.
    pub const UNITS_PER_FRAME: u64 = 64;
    /// The priority of a context.
    pub const CONTEXT_PRIORITY: u64 = 3;
    /// The next context of its queue.
    pub const CONTEXT_NEXT: u64 = 5;
    /// The one before.
    pub const CONTEXT_PREV: u64 = 6;
    /// Words of a thread.
    pub const THREAD_WORDS: u64 = 256;
    /// A thread's table.
    pub const THREAD_TABLE: u64 = 17;
    /// A thread's space.
    pub const THREAD_SPACE: u64 = 20;
    /// A table's first 256 slots.
    pub const TABLE_CHUNK: u64 = 64;
    /// The end of a region's own part.
    pub const REGION_LIMIT: u64 = 3;
    /// A region's hint where everything is free.
    pub const REGION_HIGH: u64 = 6;
    /// The end of an allowance's own part.
    pub const ALLOWANCE_LIMIT: u64 = 4;
    /// The numbers of an allowance, of time the share that is left.
    pub const ALLOWANCE_COUNT: u64 = 3;
    /// The first context that was made from an allowance.
    pub const ALLOWANCE_CONTEXTS: u64 = 6;
    /// The first allowance that was split off it.
    pub const ALLOWANCE_CHILDREN: u64 = 11;
    /// The context before, in the list of those of an allowance.
    pub const CONTEXT_PREVIOUS: u64 = 14;
}

/// Where fields of the core's object are, by word.
pub mod core {
    use std::ops::Range;
    /// The current thread; dead while user code runs.
    pub const CURRENT: u64 = 0;
    /// The link word of the thread that goes on since registers beyond the usual were exchanged; its
    /// marks say which of them the core has.
    pub const EXTRA: u64 = 96;
    /// Those marks.
    pub const EXTRA_MARKS: u64 = 3 << 58;
    /// The thread whose floating-point registers the core holds.
    pub const FLOATING_OWNER: u64 = 97;
    /// Which run queues are not empty: the first word.
    pub const READY: u64 = 8;
    /// The first context of each priority, from this word on.
    pub const QUEUE_HEAD: u64 = 256;
    /// The last one.
    pub const QUEUE_TAIL: u64 = 512;
    /// The context that is ahead of the run queues.
    pub const AHEAD: u64 = 113;
    /// Whether the timer runs.
    pub const SLICE: u64 = 7;
    /// When the timer fires.
    pub const ARMED: u64 = 81;
    /// Whose slice it is.
    pub const SLICE_CONTEXT: u64 = 82;
    /// Callers that waited without help.
    pub const UNHELPED: u64 = 87;
    /// Since when somebody pays.
    pub const STARTED: u64 = 84;
    /// Which wheels have timers, who looks at them, which of their slots have some.
    pub const TIMERS: [Range<u64>; 2] = [85..87, 128..152];
    /// The first timer of each slot.
    pub const WHEEL: Range<u64> = 768..1280;
    /// How far the wheel of each band got.
    pub const WHEEL_BASE: Range<u64> = 152..160;
    /// Effects that were performed.
    pub const EFFECTS: Range<u64> = 16..80;
}

/// Where fields of the machine's object are, by word.
pub mod machine {
    use std::ops::Range;
    /// The next identity.
    pub const NEXT_ID: u64 = 0;
    /// Which interrupt lines and ASIDs are used, and by which objects.
    pub const NUMBERS: Range<u64> = 16..6144;
}

#[cfg(test)]
mod tests {
    use super::{MEMORY_START, Snapshot, core, machine, object};

    #[test]
    fn a_context_ahead_of_the_queues_is_settled_in_front_of_its_own() {
        let (ahead, first) = (MEMORY_START / 64 + 512, MEMORY_START / 64 + 520);
        for other in [0, first] {
            let mut memory = Snapshot {
                words: vec![0; 0x4000],
            };
            let at = |word: u64| MEMORY_START + word * 8;
            memory.set_word(at(core::AHEAD), ahead);
            memory.set_word(ahead * 64 + object::CONTEXT_PRIORITY * 8, 70);
            for queue in [core::QUEUE_HEAD, core::QUEUE_TAIL] {
                memory.set_word(at(queue + 70), other);
            }
            let settled = memory.settled(MEMORY_START);
            assert_eq!(settled.word(at(core::AHEAD)), 0);
            assert_eq!(settled.word(at(core::QUEUE_HEAD + 70)), ahead);
            assert_eq!(settled.word(at(core::READY + 1)), 1 << 6);
            assert_eq!(settled.field(ahead, object::CONTEXT_NEXT), other);
            let last = if other == 0 { ahead } else { other };
            assert_eq!(settled.word(at(core::QUEUE_TAIL + 70)), last);
            if other != 0 {
                assert_eq!(settled.field(other, object::CONTEXT_PREV), ahead);
            }
        }
    }

    /// The kernel's own source, all files of the folder of `core`.
    fn source() -> String {
        let folder = xtask::workspace::root().join("microkernel/core/src");
        let entries = std::fs::read_dir(folder).expect("the folder is there");
        let paths = entries.map(|entry| entry.expect("it can be read").path());
        paths
            .filter(|path| path.extension().is_some_and(|end| end == "rs"))
            .map(|path| std::fs::read_to_string(path).expect("it is a text"))
            .collect()
    }

    /// The word of a field, as the kernel's own source says.
    fn word_of(source: &str, module: &str, field: &str) -> Option<u64> {
        let (_, rest) = source.split_once(&format!("\npub mod {module} {{"))?;
        let (body, _) = rest.split_once("\n}")?;
        let (_, rest) = body.split_once(&format!("pub const {field}: F = F::new("))?;
        rest.split_once(')')?.0.parse().ok()
    }

    #[test]
    fn words_are_those_of_the_kernel() {
        let source = source();
        for (module, field, word) in [
            ("thread", "TABLE", object::THREAD_TABLE),
            ("thread", "SPACE", object::THREAD_SPACE),
            ("table", "CHUNK", object::TABLE_CHUNK),
            ("region", "LIMIT", object::REGION_LIMIT),
            ("region", "HIGH", object::REGION_HIGH),
            ("allowance", "LIMIT", object::ALLOWANCE_LIMIT),
            ("core_state", "CURRENT", core::CURRENT),
            ("core_state", "EXTRA", core::EXTRA),
            ("core_state", "FLOATING_OWNER", core::FLOATING_OWNER),
            ("core_state", "SLICE", core::SLICE),
            ("core_state", "READY", core::READY),
            ("core_state", "QUEUE_HEAD", core::QUEUE_HEAD),
            ("core_state", "QUEUE_TAIL", core::QUEUE_TAIL),
            ("core_state", "AHEAD", core::AHEAD),
            ("context", "PRIORITY", object::CONTEXT_PRIORITY),
            ("context", "NEXT", object::CONTEXT_NEXT),
            ("context", "PREV", object::CONTEXT_PREV),
            ("core_state", "ARMED", core::ARMED),
            ("core_state", "SLICE_CONTEXT", core::SLICE_CONTEXT),
            ("core_state", "UNHELPED", core::UNHELPED),
            ("core_state", "STARTED", core::STARTED),
            ("core_state", "TIMED", core::TIMERS[0].start),
            ("core_state", "WHEEL_MAP", core::TIMERS[1].start),
            ("core_state", "WHEEL", core::WHEEL.start),
            ("core_state", "WHEEL_BASE", core::WHEEL_BASE.start),
            ("core_state", "WHEEL_OPEN", core::WHEEL_BASE.end),
            ("allowance", "COUNT", object::ALLOWANCE_COUNT),
            ("allowance", "LIMIT", object::ALLOWANCE_LIMIT),
            ("allowance", "CONTEXTS", object::ALLOWANCE_CONTEXTS),
            ("allowance", "CHILDREN", object::ALLOWANCE_CHILDREN),
            ("context", "ALLOWANCE_PREV", object::CONTEXT_PREVIOUS),
            ("core_state", "EFFECTS", core::EFFECTS.start),
            ("machine", "NEXT_ID", machine::NEXT_ID),
            ("machine", "LINES_USED", machine::NUMBERS.start),
        ] {
            assert_eq!(
                word_of(&source, module, field),
                Some(word),
                "{module}::{field}"
            );
        }
    }
}
