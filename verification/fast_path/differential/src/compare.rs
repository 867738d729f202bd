//! What must be the same after both paths, and what the fast path must leave alone when it leaves.

use crate::dead;
use crate::image::Image;
use crate::machine::{Registers, SYSTEM, Stop};
use crate::paths::{Labels, Outcome, SAVED, run_fast, run_slow};
use crate::scenario::{Scenario, VISIBLE};
use crate::store::{Change, Place, Store, physical};
use pecan_core::object::thread;

/// What a scenario showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The fast path was taken, and is the slow path.
    Same,
    /// The fast path left, and left everything alone.
    LeftAlone,
    /// Something is wrong.
    Wrong(String),
}

/// Runs a scenario whose state is in `store`; leaves the state as it was.
pub(crate) fn compare(
    image: &Image,
    labels: Labels,
    scenario: &Scenario,
    store: &Store,
    each: impl FnMut(u64, bool),
) -> Finding {
    let fast = run_fast(image, labels, scenario, store, each);
    store.undo_to(0);
    match fast.stop {
        Stop::Return if scenario.applies() => {
            let slow = run_slow(image, labels, scenario, store);
            store.undo_to(0);
            match slow {
                Ok(slow) => {
                    difference(scenario, &fast, &slow).map_or(Finding::Same, Finding::Wrong)
                }
                Err(why) => Finding::Wrong(format!("the slow path: {why:x?}")),
            }
        }
        Stop::Return => Finding::Wrong("the fast path is taken where it does not apply".into()),
        Stop::Reached(label) if label == labels.slow(scenario) => {
            if scenario.applies() {
                return Finding::Wrong("the fast path leaves where it applies".into());
            }
            disturbance(scenario, &fast).map_or(Finding::LeftAlone, Finding::Wrong)
        }
        other @ (Stop::Reached(_) | Stop::Refused(_) | Stop::Fault(_) | Stop::Endless) => {
            Finding::Wrong(format!("the fast path stops: {other:x?}"))
        }
    }
}

/// What differs between two runs that returned.
pub(crate) fn difference(scenario: &Scenario, one: &Outcome, other: &Outcome) -> Option<String> {
    registers_differ(&one.registers, &other.registers)
        .or_else(|| memory_differs(scenario, &one.changes, &other.changes))
}

/// What user code sees, and where the kernel will save its registers. The condition flags of the kernel
/// are of no account: those of the user are in `SPSR_EL1`.
fn registers_differ(one: &Registers, other: &Registers) -> Option<String> {
    if let Some(index) = (0..31).find(|&index| one.x[index] != other.x[index]) {
        let (a, b) = (one.x[index], other.x[index]);
        return Some(format!("x{index}: {a:#x}, {b:#x}"));
    }
    if one.sp != other.sp {
        return Some(format!("sp: {:#x}, {:#x}", one.sp, other.sp));
    }
    let at = VISIBLE
        .into_iter()
        .find(|&at| one.system[at] != other.system[at])?;
    let (a, b) = (one.system[at], other.system[at]);
    Some(format!("{}: {a:#x}, {b:#x}", SYSTEM[at].name))
}

/// Both lists are in order.
fn memory_differs(scenario: &Scenario, one: &[Change], other: &[Change]) -> Option<String> {
    if one == other {
        return None;
    }
    let stack = (scenario.cast.core >> 6) - 1;
    let dead = dead::places(scenario);
    let is_alive = |change: &&Change| {
        change.place.0 >> 12 != stack && dead.binary_search(&change.place).is_err()
    };
    let mut ones = one.iter().filter(is_alive);
    let mut others = other.iter().filter(is_alive);
    loop {
        match (ones.next(), others.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => return Some(format!("memory: {a:x?}, {b:x?}; {:x?}", scenario.cast)),
        }
    }
}

/// What the fast path changed though it left: nothing but the registers that it saved, which is where
/// the slow path expects them.
pub(crate) fn disturbance(scenario: &Scenario, fast: &Outcome) -> Option<String> {
    let before = &scenario.registers;
    let (first, count) = SAVED;
    if let Some(index) = (0..first).find(|&index| before.x[index] != fast.registers.x[index]) {
        return Some(format!("left for the slow path with another x{index}"));
    }
    if before.sp != fast.registers.sp || before.system != fast.registers.system {
        return Some("left for the slow path with other system registers".into());
    }
    let place =
        |register: usize| Place(physical(scenario.cast.current, thread::X.word() + register));
    let saved = first..first + count;
    let stray = fast.changes.iter().find(|change| {
        !saved
            .clone()
            .any(|it| place(it) == change.place && before.x[it] == change.after)
    });
    stray.map(|change| format!("left for the slow path having written {change:x?}"))
}
