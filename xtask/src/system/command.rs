//! The shell's own commands, as its source lists them: they answer before any process of the same name is asked.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};

/// The program that has them.
pub const SHELL: &str = "shell";
/// Where they are described.
const SOURCE: &str = "servers/shell/src/command.rs";

/// Their names, in the tree at `root`.
///
/// # Errors
///
/// If there is no source of the shell.
pub fn names(root: &Path) -> Result<BTreeSet<String>> {
    let source = std::fs::read_to_string(root.join(SOURCE));
    let source = source.with_context(|| format!("cannot read {SOURCE}"))?;
    Ok(described(&source).map(str::to_owned).collect())
}

/// The names in `describe("name", …)`.
fn described(source: &str) -> impl Iterator<Item = &str> {
    let calls = source.split("describe(").skip(1);
    calls.filter_map(|call| call.trim_start().strip_prefix('"')?.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_the_shell_are_found() {
        let names = names(&crate::workspace::root()).expect("the shell is there");
        for name in ["help", "ps", "kill", "bench", "halt"] {
            assert!(names.contains(name), "{name}");
        }
    }
}
