//! The rules of the house that neither compiler nor clippy knows. Each is one function from the
//! files of the tree to what breaks it.

mod dependency;
mod folder;
mod size;
pub(crate) mod source;
mod unsafety;
mod word;

use crate::workspace;
use anyhow::Result;
use source::File;
use std::fmt;

/// A place where a rule is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file, from the root.
    pub path: String,
    /// The line, counted from 1; 0 for the whole file.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(formatter, "{}: {}", self.path, self.message),
            line => write!(formatter, "{}:{line}: {}", self.path, self.message),
        }
    }
}

type Rule = fn(&[File]) -> Vec<Finding>;

/// Every rule with its name.
const RULES: &[(&str, Rule)] = &[
    ("files are short", size::find_long_files),
    ("a server's main only introduces", size::find_long_mains),
    ("modules with unsafe code are small", size::find_long_unsafe),
    ("no forbidden word", word::find_forbidden_code),
    ("no path of one machine", word::find_machine_paths),
    ("no reference to a tracker", word::find_tracker_references),
    ("no register name in core", word::find_registers_in_core),
    ("no board in a server", word::find_boards_in_servers),
    ("unsafe code only where it may be", unsafety::find_misplaced),
    (
        "crates that decide forbid unsafe code",
        unsafety::find_unguarded,
    ),
    ("dependencies point one way", dependency::find_wrong_way),
    (
        "dependencies are declared once",
        dependency::find_undeclared,
    ),
    ("lints are the workspace's", dependency::find_own_lints),
    ("every folder is explained", folder::find_unexplained),
];

/// The outcome of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The rule.
    pub rule: &'static str,
    /// What breaks it.
    pub findings: Vec<Finding>,
}

/// Checks the tree against every rule.
pub(crate) fn check() -> Result<Vec<Outcome>> {
    let files = source::read_tree(&workspace::root())?;
    let outcomes = RULES.iter().map(|(rule, find)| Outcome {
        rule,
        findings: find(&files),
    });
    Ok(outcomes.collect())
}

/// Findings of `see` on each line of the files that `wanted` takes; with the line's number.
fn find_lines(
    files: &[File],
    wanted: impl Fn(&File) -> bool,
    text: impl Fn(&File) -> &str,
    see: impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| wanted(file)) {
        for (index, line) in text(file).lines().enumerate() {
            if let Some(message) = see(line) {
                findings.push(Finding {
                    path: file.path.clone(),
                    line: index + 1,
                    message,
                });
            }
        }
    }
    findings
}
