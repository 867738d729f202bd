//! What the ghosts of all systems said when their machines were switched off.

use anyhow::{Context, Result, ensure};
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

/// The cases, and systems whose facts are cases, that do not run with a ghost, and why.
pub const EXCLUDED: [(&str, &str); 0] = [];

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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    booted: u64,
    systems: u64,
    counts: [u64; NAMES.len()],
}

impl Ghosts {
    /// Notes that a system starts.
    pub(crate) fn begin(&self) {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        sums.booted += 1;
    }

    /// Adds what the ghost of a system said, if it came to its end.
    pub(crate) fn hear(&self, transcript: &str) {
        let Some(counts) = transcript.lines().rev().find_map(read_counts) else {
            return;
        };
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        sums.systems += 1;
        for (sum, count) in sums.counts.iter_mut().zip(counts) {
            *sum += count;
        }
    }

    /// Writes the sums to a file, as JSON, and tells them.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn report(&self, path: &Path, cases: Cases) -> Result<String> {
        let sums = *self.sums.lock().unwrap_or_else(PoisonError::into_inner);
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

    #[test]
    fn counts_are_read_and_added() {
        let ghosts = Ghosts::default();
        let line = "x\nghost: 5 exits, 4 in step, 3 divided, 1 overtaken, 2 whole, 30 mappings\n";
        ghosts.hear(line);
        ghosts.hear("ghost: 5 exits\nnothing");
        ghosts.hear(line);
        let sums = *ghosts.sums.lock().expect("nobody panicked");
        let counts = [10, 8, 6, 2, 4, 60];
        let expected = Sums {
            booted: 0,
            systems: 2,
            counts,
        };
        assert_eq!(sums, expected);
    }
}
