//! The parts of `verification/`: a folder each, with its claims and the program that checks them.

use super::claim::{self, Claim, Extent};
use super::report::End;
use crate::install::Permission;
use crate::step::{Outcome, Step};
use crate::toolchain::Toolchain;
use crate::workspace;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// All parts, in the order in which they run.
pub(crate) const PARTS: [&str; 9] = [
    "specification",
    "refinement",
    "ghost",
    "machine_code",
    "fast_path",
    "isolation",
    "order",
    "static",
    "fuzz",
];
/// How long a part may take, in seconds, by its extent.
const BOUNDED_SECONDS_MAX: &str = "600";
const ALL_SECONDS_MAX: &str = "2400";
/// What `timeout` ends with when it had to end something.
const TIMED_OUT: i32 = 124;

/// A part with its claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The name of its folder.
    pub name: &'static str,
    /// What it claims.
    pub claims: Vec<Claim>,
}

/// What a part is run for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// The Rust that builds what it needs.
    pub toolchain: &'a Toolchain,
    /// The kernel that is checked.
    pub elf: &'a Path,
    /// How much is checked.
    pub extent: Extent,
    /// Whether it may install what it needs.
    pub permission: Permission,
}

/// Where the parts are.
pub(crate) fn folder() -> PathBuf {
    workspace::root().join("verification")
}

/// Reads the parts of the tree.
pub(crate) fn load() -> Result<Vec<Part>> {
    check_names()?;
    let mut parts = Vec::new();
    for name in PARTS {
        let path = folder().join(name).join("claims.toml");
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let claims = claim::parse(name, &text)?;
        parts.push(Part { name, claims });
    }
    Ok(parts)
}

/// Checks that nobody claims what nobody runs.
fn check_names() -> Result<()> {
    let folder = folder();
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let claims = entry.path().join("claims.toml").exists();
        ensure!(
            !claims || PARTS.contains(&name.as_str()),
            "{name} has claims and is no part: name it in PARTS"
        );
    }
    Ok(())
}

/// Runs the program of a part, and says what it printed and how it ended.
pub(crate) fn run(part: &Part, request: Request<'_>) -> Result<(Outcome, End)> {
    let target = request.toolchain.target_directory().join("verification");
    let folder = target.join(part.name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let report = folder.join("report.json");
    if report.exists() {
        // What an earlier run found is no finding of this one.
        fs::remove_file(&report).with_context(|| format!("cannot remove {}", report.display()))?;
    }
    let mut command = command(part.name, &report, request);
    let name = format!("verification of {}", part.name);
    let outcome = Step::new(name).observe(&mut command, |_| ())?;
    let code = outcome.status.code().filter(|code| *code != TIMED_OUT);
    let report = fs::read_to_string(&report).ok();
    Ok((outcome, End { code, report }))
}

fn command(part: &str, report: &Path, request: Request<'_>) -> Command {
    let (seconds, extent) = match request.extent {
        Extent::Bounded => (BOUNDED_SECONDS_MAX, None),
        Extent::All => (ALL_SECONDS_MAX, Some("--all")),
    };
    let permission = match request.permission {
        Permission::Install => None,
        Permission::Refuse => Some("--no-install"),
    };
    let mut command = Command::new("timeout");
    request.toolchain.set_environment(&mut command);
    command.env("PECAN_TOOLCHAIN", request.toolchain.kind().name());
    if let Ok(program) = std::env::current_exe() {
        command.env("PECAN_X", program);
    }
    command.args(["--kill-after=10", seconds]);
    command.arg(folder().join(part).join("run"));
    command.arg("--elf").arg(request.elf);
    command.arg("--report").arg(report);
    command.args(extent).args(permission);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_of_the_tree_are_good() {
        load().expect("they can be read");
    }
}
