//! Seeded bugs: one store of one transition is lost, or has a wrong bit. Something must notice.
//!
//! A wrong store is *harmless* if the state is the right one nevertheless, in its normal form: the word
//! was written again, or is dead. What nothing notices at once is followed through [`LATER`] transitions
//! more. Any other that nothing notices is a failure.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use ipc_abi::capability::Kind;
use pecan_core::memory::Memory;

use crate::action::Action;
use crate::arena::{AFTER_CORE, Arena, Damage, Place};
use crate::explore::{Configuration, start};
use crate::normal::normalise;
use crate::state::{Print, print_of};
use crate::transition::{Scene, check_new, is_possible, run};
use crate::twin::{Complaint, Twin};

/// What became of the seeded bugs.
#[derive(Debug, Default)]
pub struct Fate {
    /// Those that something noticed.
    pub noticed: u64,
    /// Those that led to the right state.
    pub harmless: u64,
    /// Those to words that nothing needs to notice: [`UNSEEN`].
    pub unseen: BTreeMap<String, u64>,
    /// What nothing noticed, though the state was another.
    /// By word: how many, and an example.
    pub missed: BTreeMap<String, (u64, String)>,
}

impl Fate {
    /// Counts those of `other` too.
    fn add(&mut self, other: Fate) {
        self.noticed += other.noticed;
        self.harmless += other.harmless;
        for (word, count) in other.unseen {
            *self.unseen.entry(word).or_insert(0) += count;
        }
        for (word, (count, example)) in other.missed {
            self.missed.entry(word).or_insert((0, example)).0 += count;
        }
    }
}

/// Words whose value few transitions show, and why: what is written there is dead, is looked at again, or
/// shows much later.
pub const UNSEEN: &[(&str, &str)] = &[
    (
        "core word 1",
        "PENDING: the way out looks for what is not there",
    ),
    (
        "core word 2",
        "CONTEXT: set twice in one call; between the two it says whose RUNNING to write",
    ),
    ("core word 81", "ARMED: the timer fires once for nothing"),
    (
        "core word 82",
        "SLICE_CONTEXT: the specification lets a turn be of any context that wants the core",
    ),
    ("core word 86", "CALM: the timer is looked at more often"),
    ("core word 156", "WHEEL_BASE: where an empty wheel stands"),
    ("core word 158", "the same"),
    ("core word 159", "the same"),
    (
        "kind 1 word 1",
        "a region's words, in a frame that is free by then: taking one zeroes it",
    ),
    ("kind 1 word 2", "the same"),
    ("kind 1 word 3", "the same"),
    ("kind 1 word 6", "the same"),
    (
        "kind 10 word 0",
        "a gate's words, in a frame that is free by then",
    ),
    ("kind 10 word 1", "the same"),
    ("kind 10 word 2", "the same"),
    ("kind 10 word 4", "NEXT of a gate that is in no list"),
    ("kind 32 word 0", "the identity in an empty slot"),
    (
        "kind 5 word 2",
        "ROOT of a space that dies: the step is made again",
    ),
    (
        "kind 5 word 9",
        "CURSOR of a space that dies: entries are looked at again",
    ),
    ("kind 7 word 8", "NEXT of a thread that is in no queue"),
    (
        "kind 7 word 9",
        "SPECIAL: OWN_TIME that stays set keeps a thread off the fast path; its other marks are checked",
    ),
    (
        "kind 7 word 14",
        "WINDOW of a thread that waits for no message",
    ),
    (
        "kind 7 word 16",
        "PSTATE: a light frame that is taken for a whole one",
    ),
    ("kind 7 word 25", "a thread's place in a wheel it is not in"),
    ("kind 7 word 27", "the same"),
    (
        "kind 7 word 34",
        "x1 of a thread that waits: shows when it goes on",
    ),
    ("kind 7 word 70", "GATE_PREV of a thread in no gate's list"),
    ("kind 7 word 72", "SENDING of a thread that sends nothing"),
    (
        "kind 7 word 74",
        "SENT_THROUGH: bits that a capability does not use",
    ),
    ("kind 8 word 5", "NEXT of a context that is in no queue"),
    ("kind 8 word 6", "PREV, the same"),
    (
        "kind 8 word 27",
        "a context's place in a wheel it is not in",
    ),
    ("kind 8 word 32", "a refill that does not count"),
    ("kind 8 word 33", "the same"),
    ("kind 8 word 35", "the same"),
];

/// Transitions through which a wrong state is followed.
const LATER: u64 = 24;
/// Transitions of one configuration into which bugs are seeded.
const STATES: u64 = 16;
/// About so many of the things that can happen in a state get bugs, at most one in [`SHARE_MIN`].
const ACTIONS: u64 = 16;
const SHARE_MIN: u64 = 12;
/// Where the walk through the configuration begins.
const SEED: u64 = 0x5EED;

/// Seeds bugs into each of `configurations`, `workers` of them at once.
///
/// # Panics
///
/// Panics if a configuration cannot be made.
#[must_use]
pub fn seed_all(configurations: &[&Configuration], workers: usize) -> Fate {
    let next = AtomicUsize::new(0);
    let work = || {
        let nth = || configurations.get(next.fetch_add(1, Ordering::Relaxed));
        let mut fate = Fate::default();
        while let Some(configuration) = nth() {
            seed(configuration, &mut fate);
        }
        fate
    };
    let mut all = Fate::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            all.add(worker.join().expect("workers catch what fails"));
        }
    });
    all
}

/// Seeds bugs into transitions of `configuration`, along a walk that is the same every time.
fn seed(configuration: &Configuration, fate: &mut Fate) {
    let scene = start(configuration);
    let share = (scene.actions.len() as u64 / ACTIONS).max(SHARE_MIN);
    let mut dice = SEED;
    for _ in 0..STATES {
        let twin = Twin::new(&scene.host.arena);
        for action in scene
            .actions
            .iter()
            .filter(|action| is_possible(&scene, action))
        {
            dice = roll(dice);
            if dice.is_multiple_of(share) {
                seed_into(&scene, &twin, action, fate);
            }
        }
        walk(&scene, &twin, &mut dice);
    }
}

/// Marsaglia's "Xorshift RNGs" (2003), 64 bits, (13, 7, 17).
const fn roll(mut dice: u64) -> u64 {
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^ dice << 17
}

/// Takes one transition that changes something, and stays there.
fn walk(scene: &Scene, twin: &Twin, dice: &mut u64) {
    let arena = &scene.host.arena;
    for _ in 0..64 {
        *dice = roll(*dice);
        let nth = usize::try_from(*dice % scene.actions.len() as u64).expect("few actions");
        let mark = arena.mark();
        if is_possible(scene, &scene.actions[nth]) && run(scene, twin, &scene.actions[nth]).is_ok()
        {
            normalise(arena, scene.care);
            let is_idle = scene.host.kernel().current().is_none();
            if arena.first_change(mark).is_some() && !is_idle {
                return;
            }
        }
        arena.go_back(mark);
    }
}

fn seed_into(scene: &Scene, twin: &Twin, action: &Action, fate: &mut Fate) {
    let arena = &scene.host.arena;
    let first = arena.stores();
    let right = outcome(scene, twin, action, None);
    let Ok((print, last)) = right else {
        let what = format!("{action:?} goes wrong without a seeded bug");
        fate.missed.insert(what, (1, String::new()));
        return;
    };
    for nth in 0..last - first {
        for damage in [Damage::Lost, Damage::Flipped] {
            let seed = (arena.stores() + nth, damage);
            match outcome(scene, twin, action, Some((seed, print))) {
                Err(_) => fate.noticed += 1,
                Ok((same, _)) if same == print => fate.harmless += 1,
                Ok(_) => {
                    let place = arena.take_damaged();
                    let word = place.map_or_else(String::new, |place| name_of(arena, place));
                    if UNSEEN.iter().any(|(unseen, _)| *unseen == word) {
                        *fate.unseen.entry(word).or_insert(0) += 1;
                        continue;
                    }
                    let example = format!("{damage:?} store {nth} of {action:?}");
                    fate.missed.entry(word).or_insert((0, example)).0 += 1;
                }
            }
        }
    }
}

/// What a word is, by the kind of its frame and its place in the object.
fn name_of(arena: &Arena, place: Place) -> String {
    match place {
        Place::Word { frame, word } => {
            let kind = (&arena).kind(frame);
            let units = match Kind::from_raw(kind) {
                Some(Kind::Thread) => 256,
                Some(Kind::Endpoint | Kind::SchedulingContext) => 64,
                Some(Kind::CapTable) => 128,
                Some(Kind::Notification | Kind::Allowance | Kind::AddressSpace) => 16,
                Some(_) => 8,
                None if frame.0 >= AFTER_CORE - 4 && frame.0 < AFTER_CORE => {
                    let first = usize::try_from(frame.0 - (AFTER_CORE - 4)).unwrap_or(0);
                    return format!("core word {}", first * 512 + word);
                }
                None => 2,
            };
            format!("kind {kind} word {}", word % units)
        }
        Place::Entry { frame, word } => {
            format!("entry of kind {} word {word}", (&arena).kind(frame))
        }
        Place::Kind(_) => "kind".to_owned(),
        Place::Now => "time".to_owned(),
    }
}

/// The normal form that `action` leads to, and how many stores were made until user code went on; then
/// goes back. With a seeded bug, and the form that is right: what notices it, now or later.
fn outcome(
    scene: &Scene,
    twin: &Twin,
    action: &Action,
    bug: Option<((u64, Damage), Print)>,
) -> Result<(Print, u64), Complaint> {
    let arena = &scene.host.arena;
    let mark = arena.mark();
    arena.seed(bug.map(|(seed, _)| seed));
    let result = caught(|| run(scene, twin, action));
    arena.seed(None);
    let last = arena.stores();
    let result = result.and_then(|()| caught(|| Ok(check_new(scene, twin, mark)?)));
    let result = result.and_then(|()| {
        caught(|| {
            normalise(arena, scene.care);
            Ok((print_of(arena), last))
        })
    });
    let result = match (bug, result) {
        (Some((_, right)), Ok((print, last))) if print != right => {
            follow(scene).map(|()| (print, last))
        }
        (_, result) => result,
    };
    let _: usize = arena.take_duties();
    let _: Option<u64> = arena.take_forbidden();
    arena.go_back(mark);
    result
}

/// Goes on from a wrong state, which something may notice.
fn follow(scene: &Scene) -> Result<(), Complaint> {
    let arena = &scene.host.arena;
    let mut dice = SEED;
    for _ in 0..LATER {
        dice = roll(dice);
        let nth = usize::try_from(dice % scene.actions.len() as u64).expect("few actions");
        if !is_possible(scene, &scene.actions[nth]) {
            continue;
        }
        let mark = arena.mark();
        caught(|| {
            let twin = Twin::new(arena);
            run(scene, &twin, &scene.actions[nth])?;
            check_new(scene, &twin, mark)?;
            normalise(arena, scene.care);
            Ok(())
        })?;
    }
    Ok(())
}

/// What goes wrong, with a panic as a way to do so.
fn caught<T>(what: impl FnOnce() -> Result<T, Complaint>) -> Result<T, Complaint> {
    catch_unwind(AssertUnwindSafe(what)).unwrap_or_else(|_| Err("a panic".to_owned().into()))
}
