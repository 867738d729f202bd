//! Many scenarios, on all cores of the host, and what they covered.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Value, json};

use crate::compare::{Finding, compare};
use crate::image::Image;
use crate::paths::Labels;
use crate::scenario::make;
use crate::store::Store;

/// Differences that are told.
const TOLD_MAX: usize = 10;

/// What some scenarios showed.
#[derive(Default)]
struct Tally {
    /// By route: how often the fast path was taken, and was the slow path.
    same: BTreeMap<String, u64>,
    /// By route and by what was changed: how often it left.
    left: BTreeMap<String, u64>,
    /// By instruction of the fast path: how often it went on behind itself, and how often elsewhere.
    steps: BTreeMap<u64, [u64; 2]>,
    wrong: u64,
    told: Vec<String>,
}

/// Runs both paths on each scenario.
pub(crate) fn compare_many(image: &Image, labels: Labels, seeds: Range<u64>) -> Value {
    let workers = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let share = (seeds.end - seeds.start).div_ceil(workers).max(1);
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let starts = (seeds.start..seeds.end).step_by(usize::try_from(share).unwrap_or(1));
        let ranges = starts.map(|start| start..seeds.end.min(start + share));
        let handles: Vec<_> = ranges
            .map(|range| scope.spawn(move || compare_some(image, labels, range)))
            .collect();
        let ends = handles.into_iter().map(|handle| handle.join());
        ends.map(|end| end.unwrap_or_else(|_| stopped())).collect()
    });
    let mut whole = Tally::default();
    for tally in tallies {
        whole.add(tally);
    }
    whole.into_value()
}

fn stopped() -> Tally {
    Tally {
        wrong: 1,
        told: vec!["a worker panicked".into()],
        ..Tally::default()
    }
}

fn compare_some(image: &Image, labels: Labels, seeds: Range<u64>) -> Tally {
    let mut tally = Tally::default();
    let mut steps = Steps::default();
    let mut store = Store::new();
    for seed in seeds {
        let scenario = make(seed, &mut store);
        let name = format!("{:?}", scenario.route);
        let found = compare(image, labels, &scenario, &store, |at, jumps| {
            if !labels.is_way_out(at) {
                steps.note(at, jumps);
            }
        });
        match found {
            Finding::Same => *tally.same.entry(name).or_default() += 1,
            Finding::LeftAlone => {
                if scenario.spoils.is_empty() {
                    *tally.left.entry(name.clone()).or_default() += 1;
                }
                for spoil in &scenario.spoils {
                    let reason = format!("{name}: {spoil:?}");
                    *tally.left.entry(reason).or_default() += 1;
                }
            }
            Finding::Wrong(why) => {
                tally.wrong += 1;
                if tally.told.len() < TOLD_MAX {
                    let what = format!("seed {seed:#x}, {name} {:?}: {why}", scenario.spoils);
                    tally.told.push(what);
                }
            }
        }
    }
    tally.steps = steps.0.into_iter().collect();
    tally
}

/// Counts of instructions; there are few, so that a search is short.
#[derive(Default)]
struct Steps(std::collections::HashMap<u64, [u64; 2]>);

impl Steps {
    fn note(&mut self, address: u64, jumps: bool) {
        self.0.entry(address).or_default()[usize::from(jumps)] += 1;
    }
}

impl Tally {
    fn add(&mut self, other: Tally) {
        for (name, count) in other.same {
            *self.same.entry(name).or_default() += count;
        }
        for (name, count) in other.left {
            *self.left.entry(name).or_default() += count;
        }
        for (address, [on, away]) in other.steps {
            let counts = self.steps.entry(address).or_default();
            counts[0] += on;
            counts[1] += away;
        }
        self.wrong += other.wrong;
        self.told.extend(other.told);
        self.told.truncate(TOLD_MAX);
    }

    fn into_value(self) -> Value {
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|(address, [on, away])| json!([address, on, away]))
            .collect();
        json!({
            "same": self.same,
            "left": self.left,
            "steps": steps,
            "wrong": self.wrong,
            "told": self.told,
        })
    }
}
