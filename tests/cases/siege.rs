//! Millions of random system calls of a hostile process change nothing outside of it. The machine's
//! memory is compared from outside, at moments when the test program is quiet.
//!
//! `SIEGE_CALLS=10000000 ./x test --filter siege` makes as many calls as it says; without it they are
//! fewer.

use crate::{Case, case};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;
use system_tests::memory::{
    FIRST_FRAME, FRAME_BYTES, FRAME_WORDS, FRAMES, Snapshot, core, kind, machine, object,
};
use system_tests::{BootOptions, Watched, Workshop, read_facts};
use xtask::machine::Machine;

/// Calls without `SIEGE_CALLS`.
const CALLS: u64 = 400_000;
/// How long a siege may take at least.
const BOUND: Duration = Duration::from_secs(120);
/// How much longer for every so many calls.
const BOUND_EACH: Duration = Duration::from_secs(10);
const CALLS_EACH: u64 = 100_000;
/// What the program prints before its numbers: first frame and frames of the hostile process's region,
/// physical address of the first raider's page.
const NUMBERS: &str = "siege: 0x";
/// Where in that page the number of the moment of quiet is.
const QUIET_OFFSET: u64 = 6 * 8;
/// The most differences that are shown.
const SHOWN: usize = 40;

pub(crate) fn cases() -> Vec<Case> {
    vec![case("siege", "changes_nothing_outside", siege)]
}

fn siege(workshop: &Workshop) -> Result<()> {
    let calls = match std::env::var("SIEGE_CALLS") {
        Ok(text) => text.parse().context("SIEGE_CALLS is a number")?,
        Err(_) => CALLS,
    };
    let times = u32::try_from(calls / CALLS_EACH).context("too many calls")?;
    let bound = BOUND + BOUND_EACH * times;
    let options = BootOptions {
        system: Some("siege".to_owned()),
        machine: Machine {
            memory: "64M".parse().map_err(anyhow::Error::msg)?,
            ..Machine::default()
        },
    };
    let mut watched = workshop.boot_monitored(&options, "siege")?;
    let session = watched.system.session();
    session.wait_for_text("siege: how many calls? ", bound)?;
    session.type_text(&format!("{calls}\r"))?;
    let [first, frames, page] = session.wait_since(0, NUMBERS, bound, find_numbers)?;
    let mut monitor = watched.monitor()?;
    let mut look = |moment| {
        let quiet = (page + QUIET_OFFSET, moment);
        watched.look_when(&mut monitor, quiet, bound)
    };
    let (before, during, after) = (look(1)?, look(2)?, look(3)?);
    let transcript = watched.system.session().wait_for_end(0, bound)?;
    for fact in read_facts(&transcript)? {
        ensure!(fact.problem.is_none(), "{}: {:?}", fact.name, fact.problem);
    }
    let scene = Scene {
        region: first..first + frames,
        own_space: before.space_of(page / FRAME_BYTES),
        before,
    };
    ensure!(scene.own_space != 0, "the raid's page is mapped nowhere");
    scene.compare(&watched, &during, Moment::InTheMiddle)?;
    scene.compare(&watched, &after, Moment::Afterwards)
}

/// The three numbers that the program prints.
fn find_numbers(transcript: &str) -> Option<[u64; 3]> {
    let (_, rest) = transcript.split_once(NUMBERS)?;
    let (line, _) = rest.split_once('\n')?;
    let mut numbers = line
        .split(" 0x")
        .map(|digits| u64::from_str_radix(digits.trim(), 16));
    Some([
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
    ])
}

/// When is compared with before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// The hostile process lives.
    InTheMiddle,
    /// All of it was reclaimed.
    Afterwards,
}

/// Whose things are where.
struct Scene {
    before: Snapshot,
    /// The frames of the hostile process's region.
    region: Range<u64>,
    /// The space of the test program, which builds the hostile process and takes it back.
    own_space: u64,
}

impl Scene {
    /// Every difference that nobody excuses.
    fn compare(&self, watched: &Watched, later: &Snapshot, moment: Moment) -> Result<()> {
        let excused = self.excuses(watched, moment)?;
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
                let (old, new) = (self.before.word(address), later.word(address));
                if old != new && !excused.contains(&address) {
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

    /// The frames of code and orders that the test program lends the hostile process have a second
    /// mapping while that lives; its record is in the hostile process's region.
    fn may_be_shared(&self, frame: u64, later: &Snapshot, moment: Moment) -> bool {
        let (old, new) = (self.before.entry(frame), later.entry(frame));
        moment == Moment::InTheMiddle
            && self.before.kind(frame) == kind::USER
            && self.before.space_of(frame) == self.own_space
            && old[..3] == new[..3]
            && self.region.contains(&(new[3] / object::UNITS_PER_FRAME))
    }

    /// The addresses of words that change for another reason.
    fn excuses(&self, watched: &Watched, moment: Moment) -> Result<BTreeSet<u64>> {
        let mut excused = BTreeSet::new();
        let mut excuse = |start: u64, words: Range<u64>| {
            excused.extend(words.map(|word| start + word * 8));
        };
        // The kernel's stack; what the core is about to do; the next identity.
        let place = |symbol| watched.image.physical_address(symbol);
        let (guard, core) = (place("core_guard")?, place("core_object")?);
        excuse(guard, 0..(core - guard) / 8);
        for word in [core::CURRENT, core::SLICE, core::EXTRA] {
            excuse(core, word..word + 1);
        }
        excuse(core, core::EFFECTS);
        let machine = place("machine_object")?;
        excuse(machine, machine::NEXT_ID..machine::NEXT_ID + 1);
        // The test program itself: its threads, which run, and what it gave away.
        for thread in self.before.objects(kind::THREAD) {
            if self.before.link(thread, object::THREAD_SPACE) != self.own_space {
                continue;
            }
            excuse(thread * object::UNIT_BYTES, 0..object::THREAD_WORDS);
            if moment == Moment::InTheMiddle {
                let table = self.before.link(thread, object::THREAD_TABLE);
                let slots = self.before.link(table, object::TABLE_CHUNK);
                excuse(slots * object::UNIT_BYTES, 0..FRAME_WORDS);
            }
        }
        for region in self.before.objects(kind::REGION) {
            let high = object::REGION_HIGH;
            excuse(region * object::UNIT_BYTES, high..high + 1);
        }
        if moment == Moment::InTheMiddle {
            excuse(machine, machine::NUMBERS);
            let owner = core::FLOATING_OWNER;
            excuse(core, owner..owner + 1);
            for (kind, limit) in [
                (kind::REGION, object::REGION_LIMIT),
                (kind::ALLOWANCE, object::ALLOWANCE_LIMIT),
            ] {
                for parent in self.before.objects(kind) {
                    excuse(parent * object::UNIT_BYTES, limit..limit + 1);
                }
            }
        }
        Ok(excused)
    }
}
