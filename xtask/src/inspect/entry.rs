//! The ceilings of the entries: how long each may run uninterrupted, and how much stack it may use.
//!
//! A ceiling is a round number a little above what is measured, so that it does not change with every
//! byte of the kernel: what is above it fails, and so does a ceiling that is far above.

use super::{Action, Findings, read, write};
use crate::bounded::entry::Entries;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;

const FILE: &str = "entries.toml";
/// What ceilings are multiples of.
const INSTRUCTIONS_STEP: u64 = 50;
const STACK_STEP: u64 = 32;
/// How many steps a ceiling may be above what is measured.
const STEPS_MAX: u64 = 4;

const HEADER: &str = "\
# What each entry of the kernel may cost, computed from the ELF file: instructions without an
# interrupt from the exception on, the same from a preemption point on, and bytes of stack. More than
# that fails, and so does a ceiling far above. Written by `verification/static/run --write`; a ceiling
# that rises is a decision that the commit explains.
";

/// What an entry costs, or may cost.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Cost {
    instructions: u64,
    after_point: u64,
    stack_bytes: u64,
}

impl Cost {
    fn each(self) -> [(&'static str, u64, u64); 3] {
        [
            ("instructions", self.instructions, INSTRUCTIONS_STEP),
            (
                "instructions after a point",
                self.after_point,
                INSTRUCTIONS_STEP,
            ),
            ("bytes of stack", self.stack_bytes, STACK_STEP),
        ]
    }

    fn ceiling(self) -> Self {
        Self {
            instructions: self.instructions.next_multiple_of(INSTRUCTIONS_STEP),
            after_point: self.after_point.next_multiple_of(INSTRUCTIONS_STEP),
            stack_bytes: self.stack_bytes.next_multiple_of(STACK_STEP),
        }
    }
}

type Costs = BTreeMap<String, Cost>;

pub(super) fn inspect(entries: &Entries, action: Action, findings: &mut Findings) -> Result<()> {
    if action == Action::Write {
        write(FILE, &show(&measure(entries).0))?;
    }
    findings.add(
        "static/entries",
        find_failures(entries)?,
        entries.entries.len(),
    );
    Ok(())
}

/// Where entries go beyond what they may.
pub(super) fn find_failures(entries: &Entries) -> Result<Vec<String>> {
    let (costs, mut failures) = measure(entries);
    let ceilings: Costs = toml::from_str(&read(FILE)?).context("entries.toml is not understood")?;
    failures.extend(compare(&costs, &ceilings));
    Ok(failures)
}

fn measure(entries: &Entries) -> (Costs, Vec<String>) {
    let mut costs = Costs::new();
    let mut failures = Vec::new();
    for entry in &entries.entries {
        let name = &entry.name;
        match &entry.outcome {
            Err(obscure) => failures.push(format!("{name}: {}", obscure.reason)),
            Ok(summary) => {
                failures.extend(
                    summary
                        .panics
                        .keys()
                        .map(|it| format!("{name}: reaches {it}")),
                );
                let cost = Cost {
                    instructions: summary.costs.entry_stretch(),
                    after_point: summary.costs.point_stretch(),
                    stack_bytes: summary.stack_bytes,
                };
                costs.insert(name.clone(), cost);
            }
        }
    }
    (costs, failures)
}

fn show(costs: &Costs) -> String {
    let mut text = HEADER.to_owned();
    for (name, cost) in costs {
        let ceiling = cost.ceiling();
        // Writing to a text does not fail.
        let _ = write!(
            text,
            "\n[{name:?}]\ninstructions = {}\nafter_point = {}\nstack_bytes = {}\n",
            ceiling.instructions, ceiling.after_point, ceiling.stack_bytes
        );
    }
    text
}

fn compare(costs: &Costs, ceilings: &Costs) -> Vec<String> {
    let mut failures = Vec::new();
    for (name, cost) in costs {
        let Some(ceiling) = ceilings.get(name) else {
            failures.push(format!("{name}: {FILE} has no ceiling for it"));
            continue;
        };
        for ((what, measured, step), (_, ceiling, _)) in cost.each().iter().zip(ceiling.each()) {
            if *measured > ceiling {
                failures.push(format!(
                    "{name}: {measured} {what}, and {ceiling} are allowed"
                ));
            } else if ceiling - measured > STEPS_MAX * step {
                failures.push(format!(
                    "{name}: {measured} {what}: lower the ceiling of {ceiling} in {FILE}"
                ));
            }
        }
    }
    let unknown = ceilings.keys().filter(|name| !costs.contains_key(*name));
    failures.extend(unknown.map(|name| format!("{name} is no entry: remove it from {FILE}")));
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(instructions: u64, stack_bytes: u64) -> Costs {
        let cost = Cost {
            instructions,
            after_point: 0,
            stack_bytes,
        };
        Costs::from([("map".to_owned(), cost)])
    }

    #[test]
    fn what_is_written_is_read_and_suffices() {
        let measured = costs(1001, 100);
        let ceilings: Costs = toml::from_str(&show(&measured)).expect("it is understood");
        assert_eq!(ceilings, costs(1050, 128));
        assert!(compare(&measured, &ceilings).is_empty());
    }

    #[test]
    fn ceilings_are_neither_passed_nor_far() {
        assert_eq!(
            compare(&costs(1051, 100), &costs(1050, 128)),
            ["map: 1051 instructions, and 1050 are allowed"]
        );
        assert_eq!(
            compare(&costs(1050, 129), &costs(1050, 128)),
            ["map: 129 bytes of stack, and 128 are allowed"]
        );
        assert_eq!(
            compare(&costs(849, 128), &costs(1050, 128)),
            ["map: 849 instructions: lower the ceiling of 1050 in entries.toml"]
        );
    }

    #[test]
    fn entries_and_ceilings_are_the_same() {
        let [measured, none] = [costs(1, 1), Costs::new()];
        assert_eq!(
            compare(&measured, &none),
            ["map: entries.toml has no ceiling for it"]
        );
        assert_eq!(
            compare(&none, &measured),
            ["map is no entry: remove it from entries.toml"]
        );
    }
}
