//! What the ghosts of all systems said when their machines were switched off.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// How the line begins in which a ghost tells what it saw.
const LINE: &str = "ghost: ";
/// What it counts, in the line's order.
pub const NAMES: [&str; 6] = [
    "exits",
    "in step",
    "divided",
    "overtaken",
    "whole",
    "mappings",
];

/// Calls of the siege with a ghost, which follows thousands of exits a second.
pub const SIEGE_CALLS: u64 = 20_000;
/// Rounds of each death with a ghost.
pub const DEATHS: u32 = 1;

const HAS_ASSERTIONS: &str = "the same without this ending: the ghost's kernel has the assertions";
/// The cases, and systems whose facts are cases, that do not run with a ghost, and why.
pub const EXCLUDED: [(&str, &str); 5] = [
    ("suite-checking", HAS_ASSERTIONS),
    ("equivalence-checking", HAS_ASSERTIONS),
    ("hostile-checking", HAS_ASSERTIONS),
    (
        "deaths::break_no_assertion",
        "the same as leave_everything_as_it_was: the ghost's kernel has the assertions",
    ),
    (
        "threads::deaths_are_told",
        "all who could switch that machine off are dead when it ends, so its ghost does not come to its end",
    ),
];

/// Whether a case or system does not run with a ghost.
#[must_use]
pub fn is_excluded(name: &str) -> bool {
    EXCLUDED.iter().any(|(excluded, _)| *excluded == name)
}

/// Fails if the list names what is not there.
///
/// # Errors
/// If it does.
pub fn check_excluded(names: &BTreeSet<String>) -> Result<()> {
    for (excluded, _) in EXCLUDED {
        ensure!(
            names.contains(excluded),
            "there is no case or system {excluded}"
        );
    }
    Ok(())
}

/// How many cases ran with a ghost, and how many did not since they are [`EXCLUDED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cases {
    /// Those that ran and passed.
    pub passed: u64,
    /// Those that did not run.
    pub excluded: u64,
}

/// The sums of what they counted.
#[derive(Debug, Default)]
pub struct Ghosts {
    sums: Mutex<Sums>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sums {
    booted: u64,
    systems: u64,
    /// The systems whose ghost did not come to its end.
    silent: Vec<String>,
    counts: [u64; NAMES.len()],
}

impl Ghosts {
    /// Notes that a system starts.
    pub(crate) fn begin(&self) {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        sums.booted += 1;
    }

    /// Adds what the ghost of a system said, or notes that it did not come to its end.
    pub(crate) fn hear(&self, system: &str, transcript: &str) {
        let counts = transcript.lines().rev().find_map(read_counts);
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(counts) = counts else {
            sums.silent.push(system.to_owned());
            return;
        };
        sums.systems += 1;
        for (sum, count) in sums.counts.iter_mut().zip(counts) {
            *sum += count;
        }
    }

    /// Fails if a system that was booted did not come to its end, so that nobody knows what its ghost saw.
    ///
    /// # Errors
    /// If one did not.
    pub fn check_ends(&self) -> Result<()> {
        let sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = sums.booted - sums.systems;
        if silent > 0 {
            let names = sums.silent.join(", ");
            bail!("{silent} ghosts did not come to their end: {names}");
        }
        Ok(())
    }

    /// Writes the sums to a file, as JSON, and tells them.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn report(&self, path: &Path, cases: Cases) -> Result<String> {
        let sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let sums = sums.clone();
        let fields = NAMES.iter().zip(sums.counts);
        let fields = fields.map(|(name, count)| format!("\"{name}\": {count}"));
        let fields: Vec<String> = fields.collect();
        let Sums {
            booted, systems, ..
        } = sums;
        let Cases { passed, excluded } = cases;
        let text = format!(
            "{{\"cases\": {passed}, \"excluded\": {excluded}, \"booted\": {booted}, \"systems\": {systems}, {}}}\n",
            fields.join(", ")
        );
        std::fs::write(path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(text)
    }
}

fn read_counts(line: &str) -> Option<[u64; NAMES.len()]> {
    let mut counts = [0; NAMES.len()];
    let mut parts = line.strip_prefix(LINE)?.trim_end().split(", ");
    for (count, name) in counts.iter_mut().zip(NAMES) {
        let number = parts.next()?.strip_suffix(name)?;
        *count = number.trim_end().parse().ok()?;
    }
    parts.next().is_none().then_some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: &str =
        "x\nghost: 5 exits, 4 in step, 3 divided, 1 overtaken, 2 whole, 30 mappings\n";

    #[test]
    fn counts_are_read_and_added() {
        let ghosts = Ghosts::default();
        for _ in 0..2 {
            ghosts.begin();
            ghosts.hear("one", LAST);
        }
        let sums = ghosts.sums.lock().expect("nobody panicked");
        assert_eq!((sums.systems, sums.counts), (2, [10, 8, 6, 2, 4, 60]));
        drop(sums);
        ghosts.check_ends().expect("both came to their end");
    }

    #[test]
    fn ghost_that_does_not_come_to_its_end_is_a_failure() {
        for text in ["", "nothing\n", "ghost: 5 exits\nnothing"] {
            let ghosts = Ghosts::default();
            ghosts.begin();
            ghosts.begin();
            ghosts.hear("one", LAST);
            ghosts.hear("other", text);
            let error = ghosts.check_ends().expect_err("one is missing");
            assert_eq!(
                error.to_string(),
                "1 ghosts did not come to their end: other"
            );
        }
    }
}
