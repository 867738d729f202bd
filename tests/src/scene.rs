//! Comparing the machine's memory with that of before: whose things are where, and what may change.

use crate::memory::{
    FIRST_FRAME, FRAME_BYTES, FRAME_WORDS, FRAMES, Snapshot, core, kind, machine, object,
};
use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use std::ops::Range;
use xtask::image::Image;

/// The most differences that are shown.
const SHOWN: usize = 40;

/// For which new value a change of a word is excused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Excuse {
    /// For any.
    Anything,
    /// It only grows.
    Growth,
    /// For an object of the region of the process that is tested.
    IntoRegion,
    /// Unless it is an object of that region.
    OutOfRegion,
    /// Unless it says that the core holds registers beyond the usual: the test program has none.
    NoMarks,
}

/// Words of the core's object that change.
const CHANGING: [(u64, Excuse); 6] = [
    // Since when somebody pays: now and then, by the counter.
    (core::STARTED, Excuse::Growth),
    (core::CURRENT, Excuse::Anything),
    (core::SLICE, Excuse::Anything),
    (core::ARMED, Excuse::Anything),
    // Callers that nobody could help: of all processes, counted for the platform's holder.
    (core::UNHELPED, Excuse::Growth),
    // The link word of the thread that went on after one with such registers; never followed.
    (core::EXTRA, Excuse::NoMarks),
];

/// When is compared with before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The process that is tested lives.
    InTheMiddle,
    /// All that was made was reclaimed.
    Afterwards,
}

/// Whose things are where.
pub struct Scene {
    before: Snapshot,
    /// The frames of the region of the process that is tested.
    region: Range<u64>,
    /// The space of the test program, which builds that process and takes it back.
    own_space: u64,
}

impl Scene {
    /// What is to be compared with: memory before, the test program's space, and the frames of the
    /// process that it tests.
    ///
    /// # Errors
    /// If the space is none.
    pub fn new(before: Snapshot, own_space: u64, region: Range<u64>) -> Result<Self> {
        ensure!(own_space != 0, "the test program's page is mapped nowhere");
        Ok(Self {
            before,
            region,
            own_space,
        })
    }

    /// Compares with memory later.
    ///
    /// # Errors
    /// Every difference that nobody excuses.
    pub fn compare(&self, image: &Image, later: &Snapshot, moment: Moment) -> Result<()> {
        let excused = self.excuses(image, moment)?;
        let core = image.physical_address("core_object")?;
        let (before, after) = (self.before.settled(core), later.settled(core));
        let mut problems = Vec::new();
        for frame in FIRST_FRAME..FIRST_FRAME + FRAMES {
            if moment == Moment::InTheMiddle && self.region.contains(&frame) {
                continue;
            }
            let (old, new) = (self.before.kind(frame), later.kind(frame));
            if old != new {
                problems.push(format!("frame {frame:#x} was of kind {old}, is {new}"));
            }
            let (old_entry, new_entry) = (self.before.entry(frame), later.entry(frame));
            if old_entry != new_entry && !self.may_be_shared(frame, later, moment) {
                let entries = format!("{old_entry:x?}, is {new_entry:x?}");
                problems.push(format!("the entry of frame {frame:#x} was {entries}"));
            }
            let is_own = old == kind::USER && self.before.space_of(frame) == self.own_space;
            if old == kind::FREE || is_own || Snapshot::is_frame_table(frame) {
                continue;
            }
            for word in 0..FRAME_WORDS {
                let address = frame * FRAME_BYTES + word * 8;
                let (old, new) = (before.word(address), after.word(address));
                let excuse = excused.get(&address);
                if old != new && !excuse.is_some_and(|it| self.accepts(*it, old, new)) {
                    let kind = self.before.kind(frame);
                    let words = format!("was {old:#x}, is {new:#x}");
                    problems.push(format!("{address:#x} in a frame of kind {kind} {words}"));
                }
            }
        }
        let shown = problems.get(..SHOWN).unwrap_or(&problems).join("\n");
        let count = problems.len();
        ensure!(count == 0, "{moment:?}: {count} differences:\n{shown}");
        Ok(())
    }

    /// The frames of code and orders that the test program lends the other have a second
    /// mapping while that lives; its record is in the other's region.
    fn may_be_shared(&self, frame: u64, later: &Snapshot, moment: Moment) -> bool {
        let (old, new) = (self.before.entry(frame), later.entry(frame));
        moment == Moment::InTheMiddle
            && self.before.kind(frame) == kind::USER
            && self.before.space_of(frame) == self.own_space
            && old[..3] == new[..3]
            && self.region.contains(&(new[3] / object::UNITS_PER_FRAME))
    }

    /// Whether an excuse is one for this change.
    fn accepts(&self, excuse: Excuse, old: u64, new: u64) -> bool {
        match excuse {
            Excuse::Anything => true,
            Excuse::Growth => new >= old,
            Excuse::IntoRegion => self.region.contains(&(new / object::UNITS_PER_FRAME)),
            Excuse::OutOfRegion => !self.region.contains(&(new / object::UNITS_PER_FRAME)),
            Excuse::NoMarks => new & core::EXTRA_MARKS == 0,
        }
    }

    /// The addresses of words that change for another reason.
    fn excuses(&self, image: &Image, moment: Moment) -> Result<BTreeMap<u64, Excuse>> {
        let mut excused = BTreeMap::new();
        let mut excuse = |start: u64, words: Range<u64>, excuse: Excuse| {
            excused.extend(words.map(|word| (start + word * 8, excuse)));
        };
        // The kernel's stack; what the core is about to do, and how far it got; the next identity.
        let place = |symbol| image.physical_address(symbol);
        let (guard, core) = (place("core_guard")?, place("core_object")?);
        excuse(guard, 0..(core - guard) / 8, Excuse::Anything);
        for (word, why) in CHANGING {
            excuse(core, word..word + 1, why);
        }
        for Range { start, end } in ghosts_own(image)? {
            excuse(start, 0..(end - start) / 8, Excuse::Anything);
        }
        let whose = core::SLICE_CONTEXT;
        let why = match moment {
            Moment::InTheMiddle => Excuse::Anything,
            Moment::Afterwards => Excuse::OutOfRegion,
        };
        excuse(core, whose..whose + 1, why);
        excuse(core, core::EFFECTS, Excuse::Anything);
        excuse(core, core::WHEEL_BASE, Excuse::Growth);
        let machine = place("machine_object")?;
        let next_id = machine::NEXT_ID;
        excuse(machine, next_id..next_id + 1, Excuse::Growth);
        for region in self.before.objects(kind::REGION) {
            let high = object::REGION_HIGH;
            let start = region * object::UNIT_BYTES;
            excuse(start, high..high + 1, Excuse::Anything);
        }
        // The test program itself: its threads, which run, and what it gave away.
        for thread in self.own_threads() {
            let start = thread * object::UNIT_BYTES;
            excuse(start, 0..object::THREAD_WORDS, Excuse::Anything);
        }
        if moment == Moment::InTheMiddle {
            excuse(machine, machine::NUMBERS, Excuse::Anything);
            let owner = core::FLOATING_OWNER;
            excuse(core, owner..owner + 1, Excuse::IntoRegion);
            // The timers of whoever lives.
            for words in core::TIMERS {
                excuse(core, words, Excuse::Anything);
            }
            excuse(core, core::WHEEL, Excuse::IntoRegion);
            for (start, words, why) in self.lent() {
                excuse(start, words, why);
            }
        }
        Ok(excused)
    }

    fn own_threads(&self) -> impl Iterator<Item = u64> {
        let threads = self.before.objects(kind::THREAD);
        threads.filter(|thread| self.before.link(*thread, object::THREAD_SPACE) == self.own_space)
    }

    /// Words of what is not that process's that say what it was lent.
    fn lent(&self) -> Vec<(u64, Range<u64>, Excuse)> {
        let mut lent = Vec::new();
        for thread in self.own_threads() {
            let table = self.before.link(thread, object::THREAD_TABLE);
            let slots = self.before.link(table, object::TABLE_CHUNK);
            let start = slots * object::UNIT_BYTES;
            lent.push((start, 0..FRAME_WORDS, Excuse::Anything));
        }
        for (kind, word, why) in [
            (kind::REGION, object::REGION_LIMIT, Excuse::Anything),
            (kind::ALLOWANCE, object::ALLOWANCE_LIMIT, Excuse::Anything),
            // The share that is left, and the lists of what was made from it.
            (kind::ALLOWANCE, object::ALLOWANCE_COUNT, Excuse::Anything),
            (
                kind::ALLOWANCE,
                object::ALLOWANCE_CONTEXTS,
                Excuse::IntoRegion,
            ),
            (
                kind::ALLOWANCE,
                object::ALLOWANCE_CHILDREN,
                Excuse::IntoRegion,
            ),
            (kind::CONTEXT, object::CONTEXT_PREVIOUS, Excuse::IntoRegion),
        ] {
            let objects = self.before.objects(kind);
            lent.extend(objects.map(|it| (it * object::UNIT_BYTES, word..word + 1, why)));
        }
        lent
    }
}

/// Where a ghost keeps what it knows, if the kernel has one: behind the first tables, and behind all of the
/// kernel's objects.
fn ghosts_own(image: &Image) -> Result<Vec<Range<u64>>> {
    let place = |symbol| image.physical_address(symbol);
    let Ok(entry) = place("ghost_entry") else {
        return Ok(Vec::new());
    };
    let last = place("null_endpoint")?;
    for object in ["core_guard", "core_object", "machine_object", "null_slots"] {
        ensure!(place(object)? < last, "{object} is not before the ghost");
    }
    let data = place("early_root")? + FRAME_BYTES..place("bss_start")?;
    let memory = last + FRAME_BYTES..place("kernel_end")?;
    ensure!(memory.contains(&entry), "the ghost is elsewhere");
    Ok(vec![data, memory])
}
