//! The fast path with one instruction changed: does any scenario tell the difference?
//!
//! Each instruction that the fast path executes is left out, has each of its bits turned over, and, if it
//! is a conditional branch, is inverted, always taken and never taken. A mutant is *noticed* if in some
//! scenario it ends otherwise than the original: elsewhere, with other registers, with other memory that
//! is not dead, or not at all. What is not noticed is left to the proof. The way out that all paths share
//! is not part of it.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::{Value, json};

use crate::compare::{difference, disturbance};
use crate::image::Image;
use crate::machine::{Stop, bits};
use crate::paths::{Labels, Outcome, run_fast};
use crate::scenario::{Scenario, make};
use crate::store::Store;

const NOP: u32 = 0xD503_201F;
const BRANCH: u32 = 0x1400_0000;
/// Scenarios that find the instructions of the fast path.
const SCOUTS: u64 = 2_000;

struct Mutant {
    address: u64,
    encoding: u32,
    change: String,
}

/// Tries all mutants on the same scenarios, on all cores of the host.
pub(crate) fn try_all(image: &Image, labels: Labels, seeds: Range<u64>) -> Value {
    let addresses = executed(image, labels, seeds.start..seeds.start + SCOUTS);
    let mutants = addresses.iter().flat_map(|&at| mutants_of(image, at));
    let mutants: Vec<Mutant> = mutants.collect();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let survivors: Vec<Value> = std::thread::scope(|scope| {
        let shares = mutants.chunks(mutants.len().div_ceil(workers).max(1));
        let handles: Vec<_> = shares
            .map(|share| {
                let seeds = seeds.clone();
                scope.spawn(move || survivors_of(image, labels, seeds, share))
            })
            .collect();
        // A worker that panics has found no survivors, and the counts say so.
        let found = handles.into_iter().filter_map(|handle| handle.join().ok());
        found.flatten().collect()
    });
    json!({
        "instructions": addresses.len(),
        "mutants": mutants.len(),
        "noticed": mutants.len() - survivors.len(),
        "survivors": survivors,
    })
}

/// Those that no scenario notices. Each scenario is made once for all that are left.
fn survivors_of(image: &Image, labels: Labels, seeds: Range<u64>, share: &[Mutant]) -> Vec<Value> {
    let mut image = image.clone();
    let mut alive: Vec<&Mutant> = share.iter().collect();
    let mut store = Store::new();
    for seed in seeds {
        let scenario = make(seed, &mut store);
        let original = run_fast(&image, labels, &scenario, &store, |_, _| {});
        store.undo_to(0);
        alive.retain(|mutant| {
            let before = image.instruction(mutant.address).unwrap_or(NOP);
            image.patch(mutant.address, mutant.encoding);
            let changed = run_fast(&image, labels, &scenario, &store, |_, _| {});
            store.undo_to(0);
            image.patch(mutant.address, before);
            !is_noticed(&scenario, &original, &changed)
        });
    }
    let values = alive.iter();
    values
        .map(|it| json!({"address": it.address, "encoding": it.encoding, "change": it.change}))
        .collect()
}

fn executed(image: &Image, labels: Labels, seeds: Range<u64>) -> BTreeSet<u64> {
    let mut addresses = BTreeSet::new();
    let mut store = Store::new();
    for seed in seeds {
        let scenario = make(seed, &mut store);
        run_fast(image, labels, &scenario, &store, |address, _| {
            if !labels.is_way_out(address) {
                addresses.insert(address);
            }
        });
    }
    addresses
}

fn is_noticed(scenario: &Scenario, original: &Outcome, changed: &Outcome) -> bool {
    if original.stop != changed.stop {
        return true;
    }
    match changed.stop {
        Stop::Return => difference(scenario, original, changed).is_some(),
        Stop::Reached(_) | Stop::Refused(_) | Stop::Fault(_) | Stop::Endless => {
            disturbance(scenario, changed).is_some()
        }
    }
}

fn mutants_of(image: &Image, address: u64) -> Vec<Mutant> {
    let Some(word) = image.instruction(address) else {
        return Vec::new();
    };
    let mutant = |encoding: u32, change: &str| Mutant {
        address,
        encoding,
        change: change.into(),
    };
    let flips = (0..32).map(|bit| mutant(word ^ 1 << bit, &format!("bit {bit} flipped")));
    let mut all: Vec<Mutant> = flips.collect();
    match branch_of(word) {
        Some((inverted, distance)) => {
            all.push(mutant(inverted, "inverted"));
            all.push(mutant(BRANCH | distance & 0x3FF_FFFF, "always taken"));
            all.push(mutant(NOP, "never taken"));
        }
        None => all.push(mutant(NOP, "left out")),
    }
    all
}

/// A conditional branch the other way round, and how far it goes.
fn branch_of(word: u32) -> Option<(u32, u32)> {
    let (invert, width) = if bits(word, 24, 8) == 0b0101_0100 {
        (1, 19)
    } else if bits(word, 25, 6) == 0b011010 {
        (1 << 24, 19)
    } else if bits(word, 25, 6) == 0b011011 {
        (1 << 24, 14)
    } else {
        return None;
    };
    // Sign-extended to a whole word.
    let distance = word << (32 - 5 - width);
    let distance = (distance.cast_signed() >> (32 - width)).cast_unsigned();
    Some((word ^ invert, distance))
}
