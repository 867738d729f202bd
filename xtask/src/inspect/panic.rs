//! The places of the kernel that go to a panic or are a trap, each of which has to be on a list with
//! its reason. No panic is reached from an entry; a trap that is reached stands where the compiler
//! has proved that nothing gets.

use super::{Findings, read};
use crate::bounded::decode::{Flow, flow};
use crate::bounded::entry::Entries;
use crate::bounded::function::PANICS;
use crate::bounded::kernel::Kernel;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

const FILE: &str = "panics.toml";

/// A function with places that panic, as it is listed.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Listed {
    function: String,
    panics: u64,
    traps: u64,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    function: Vec<Listed>,
}

/// How many places of a function panic, and how many are traps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Places {
    panics: u64,
    traps: u64,
}

pub(super) fn inspect(kernel: &Kernel, entries: &Entries, findings: &mut Findings) -> Result<()> {
    let (found, _) = find(kernel);
    let count = found.values().map(|it| it.panics + it.traps);
    let count = usize::try_from(count.sum::<u64>())?;
    findings.add("static/panics", find_failures(kernel, entries)?, count);
    Ok(())
}

/// Places that the list does not explain, and panics that are reached from an entry.
pub(super) fn find_failures(kernel: &Kernel, entries: &Entries) -> Result<Vec<String>> {
    let list: List = toml::from_str(&read(FILE)?).context("panics.toml is not understood")?;
    let (found, panics) = find(kernel);
    let mut failures = compare(&found, &list.function);
    let reached = panics.iter().filter(|at| entries.reached.contains(at));
    failures.extend(reached.map(|at| {
        let name = kernel.name(*at);
        format!("{name}: a panic at {at:#x} can be reached from an entry")
    }));
    Ok(failures)
}

/// The places of each function, and the addresses of those that go to a panic.
fn find(kernel: &Kernel) -> (BTreeMap<String, Places>, Vec<u64>) {
    let is_panic = |name: &str| PANICS.iter().any(|panic| name.contains(panic));
    let mut found: BTreeMap<String, Places> = BTreeMap::new();
    let mut panics = Vec::new();
    // What a panic itself does is no place that panics.
    let functions = kernel.functions.values().filter(|it| !is_panic(&it.name));
    for function in functions {
        for at in (function.address..function.address + function.size).step_by(4) {
            let word = kernel.instruction(at).unwrap_or_default();
            let places = found.entry(function.name.clone()).or_default();
            match flow(word, at) {
                Flow::Call(to) | Flow::Jump(to) | Flow::Branch(to) => {
                    if is_panic(&kernel.name(to)) {
                        places.panics += 1;
                        panics.push(at);
                    }
                }
                Flow::Trap => places.traps += 1,
                Flow::Next
                | Flow::IndirectJump(_)
                | Flow::IndirectCall(_)
                | Flow::Return
                | Flow::Leave
                | Flow::Unknown => {}
            }
        }
    }
    found.retain(|_, places| *places != Places::default());
    (found, panics)
}

fn compare(found: &BTreeMap<String, Places>, listed: &[Listed]) -> Vec<String> {
    let mut failures = Vec::new();
    for (name, places) in found {
        let mut known = listed.iter().filter(|it| it.function == *name);
        let is_listed = known.any(|it| {
            let is_same = it.panics == places.panics && it.traps == places.traps;
            is_same && !it.reason.trim().is_empty()
        });
        if !is_listed {
            failures.push(format!(
                "{name}: {} panics and {} traps: {FILE} does not say why",
                places.panics, places.traps
            ));
        }
    }
    let gone = listed.iter().filter(|it| !found.contains_key(&it.function));
    failures.extend(gone.map(|it| format!("{}: remove it from {FILE}", it.function)));
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: Places = Places {
        panics: 1,
        traps: 0,
    };

    fn compare_one(panics: u64, reason: &str) -> Vec<String> {
        let listed = Listed {
            function: "f".to_owned(),
            panics,
            traps: 0,
            reason: reason.to_owned(),
        };
        compare(&BTreeMap::from([("f".to_owned(), PLACES)]), &[listed])
    }

    #[test]
    fn each_place_has_its_reason() {
        let missing = "f: 1 panics and 0 traps: panics.toml does not say why";
        assert!(compare_one(1, "boot only").is_empty());
        assert_eq!(compare_one(2, "boot only"), [missing]);
        assert_eq!(compare_one(1, " "), [missing]);
        assert_eq!(
            compare(&BTreeMap::from([("f".to_owned(), PLACES)]), &[]),
            [missing]
        );
    }

    #[test]
    fn reason_for_nothing_goes() {
        let listed = Listed {
            function: "g".to_owned(),
            panics: 1,
            traps: 0,
            reason: "boot only".to_owned(),
        };
        assert_eq!(
            compare(&BTreeMap::new(), &[listed]),
            ["g: remove it from panics.toml"]
        );
    }
}
