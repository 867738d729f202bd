//! What is told: a line for each check, and the counts.

use std::path::Path;

use serde_json::{Map, Value, json};

/// The counts and failures of a run.
#[derive(Debug, Default)]
pub struct Report {
    counts: Map<String, Value>,
    facts: Map<String, Value>,
    failures: Vec<String>,
}

impl Report {
    /// Notes the count of a claim.
    pub fn count(&mut self, claim: &str, count: u64) {
        println!("  {claim}: {count}");
        self.counts
            .insert(format!("refinement/{claim}"), json!(count));
    }

    /// Notes something that is worth knowing.
    pub fn fact(&mut self, what: &str, value: Value) {
        self.facts.insert(what.to_owned(), value);
    }

    /// Notes a failure.
    pub fn fail(&mut self, what: String) {
        println!("FAILED {what}");
        self.failures.push(what);
    }

    /// Writes the report; whether all passed.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(self, file: &Path) -> std::io::Result<bool> {
        let has_passed = self.failures.is_empty();
        let report = json!({
            "part": "refinement",
            "facts": self.facts,
            "counts": self.counts,
            "failures": self.failures,
        });
        std::fs::write(file, format!("{report:#}\n"))?;
        Ok(has_passed)
    }
}
