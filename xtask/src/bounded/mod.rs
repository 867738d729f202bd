//! The longest stretch of the linked kernel from each entry to user code or a preemption point, in
//! instructions, computed from its machine code. `docs/book/bounded.md` says how, and what is assumed.
//!
//! `kernel` reads the ELF file, `decode` single instructions. `explore` finds the instructions of a
//! function, with what `constant` knows of registers; `function` groups them, adds what is called, and
//! asks `longest`, which takes its `loops` apart; `facts` shows that a cycle is no loop. `entry` says
//! where the kernel is entered.

mod constant;
pub(crate) mod decode;
pub(crate) mod entry;
mod explore;
mod facts;
pub(crate) mod function;
pub(crate) mod kernel;
mod longest;
mod loops;
#[cfg(test)]
mod tests;

use crate::epitaph;
use anyhow::{Context, Result};
use kernel::Kernel;
use serde_json::json;
use std::fmt::Write;
use std::path::Path;

/// The longest stretch that may be, in instructions: nobody waits longer for an interrupt.
pub(crate) const INSTRUCTIONS_MAX: u64 = 6_000;
/// Bytes of the guard below the stack of a core.
const GUARD_BYTES: u64 = 4096;

/// What was found about a kernel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    /// The table for people.
    pub table: String,
    /// What breaks a rule.
    pub problems: Vec<String>,
}

/// Analyses the kernel in an ELF file, and writes what it found to `report`.
pub(crate) fn check(elf: &Path, report: &Path) -> Result<Findings> {
    let bytes = std::fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
    let kernel = Kernel::parse(&bytes)?;
    let stack_bytes = stack_bytes(&kernel)?;
    let mut findings = Findings {
        table: format!(
            "{:22}{:>12}{:>12}{:>8}\n",
            "entry", "from entry", "after point", "stack"
        ),
        problems: Vec::new(),
    };
    let mut rows = Vec::new();
    for entry in entry::analyse(&kernel)?.entries {
        let name = &entry.name;
        let summary = match entry.outcome {
            Ok(summary) => summary,
            Err(obscure) => {
                let place = format!("0x{:016x}", obscure.address);
                let place = epitaph::decode(&place, elf);
                findings
                    .problems
                    .push(format!("{name}: {} at {place}", obscure.reason));
                continue;
            }
        };
        let costs = summary.costs;
        let (start, after) = (costs.entry_stretch(), costs.point_stretch());
        let stack = summary.stack_bytes;
        writeln!(findings.table, "{name:22}{start:>12}{after:>12}{stack:>8}")?;
        if start.max(after) > INSTRUCTIONS_MAX {
            let text = format!("{name}: {} instructions", start.max(after));
            findings
                .problems
                .push(format!("{text}, more than {INSTRUCTIONS_MAX}"));
        }
        if stack > stack_bytes {
            let text = format!("{name}: {stack} bytes of stack, and there are {stack_bytes}");
            findings.problems.push(text);
        }
        for (panic, chain) in &summary.panics {
            let chain = chain.join(" calls ");
            findings
                .problems
                .push(format!("{name}: reaches {panic}: {chain}"));
        }
        rows.push(json!({
            "entry": name,
            "from_entry": start,
            "after_preemption_point": after,
            "stack_bytes": stack,
            "traps": summary.traps,
        }));
    }
    let problems = &findings.problems;
    let rows = json!({
        "instructions_max": INSTRUCTIONS_MAX,
        "stack_bytes": stack_bytes,
        "entries": rows,
        "problems": problems,
    });
    std::fs::write(report, format!("{rows:#}\n"))
        .with_context(|| format!("cannot write {}", report.display()))?;
    Ok(findings)
}

/// The bytes of a core's stack, which ends where the core's object begins.
fn stack_bytes(kernel: &Kernel) -> Result<u64> {
    let guard = kernel.find("core_guard")?;
    let end = kernel.find("core_object")?;
    let bytes = end.checked_sub(guard + GUARD_BYTES);
    bytes.context("the core's object is not above its stack")
}
