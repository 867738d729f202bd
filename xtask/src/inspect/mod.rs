//! What can be read off the kernel's ELF file and the source without running either: the ceilings of
//! each `entry`, the places that `panic`, and the list of unsafe code (`unsafety`). `spoil` plants bugs
//! that must be noticed. For `verification/static`.

mod entry;
mod panic;
mod spoil;
mod unsafety;

use crate::bounded::entry as bounded;
use crate::bounded::kernel::Kernel;
use crate::workspace;
use anyhow::{Context, Result};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What was found: counts by the names of claims, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// How often each check held.
    pub counts: BTreeMap<&'static str, u64>,
    /// What is wrong, each with the name of the check.
    pub failures: Vec<(&'static str, String)>,
}

impl Findings {
    fn add(&mut self, name: &'static str, failures: Vec<String>, count: usize) {
        self.counts.insert(name, count as u64);
        self.failures
            .extend(failures.into_iter().map(|it| (name, it)));
    }
}

/// What to do with the files that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Compare them.
    Compare,
    /// Write them first.
    Write,
}

/// Where the files are that are compared.
fn folder() -> PathBuf {
    workspace::root().join("verification/static")
}

/// Inspects a kernel and the tree; writes what it found to `report`.
pub(crate) fn inspect(elf: &Path, report: &Path, action: Action) -> Result<()> {
    let bytes = fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
    let kernel = Kernel::parse(&bytes)?;
    let mut findings = Findings::default();
    let entries = bounded::analyse(&kernel)?;
    entry::inspect(&entries, action, &mut findings)?;
    panic::inspect(&kernel, &entries, &mut findings)?;
    spoil::inspect(&kernel, &mut findings)?;
    unsafety::inspect(action, &mut findings)?;
    let failures = findings.failures.iter();
    let failures: Vec<_> = failures
        .map(|(claim, text)| json!({ "claim": claim, "text": text }))
        .collect();
    let found = json!({ "counts": findings.counts, "failures": failures });
    fs::write(report, format!("{found:#}\n"))
        .with_context(|| format!("cannot write {}", report.display()))
}

fn read(name: &str) -> Result<String> {
    let path = folder().join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(name: &str, text: &str) -> Result<()> {
    let path = folder().join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
