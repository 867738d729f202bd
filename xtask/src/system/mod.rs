//! The system builder: `board.toml` and `system.toml` in, a boot package out.
//!
//! Names become numbers here and nowhere else. What the files say is checked first, rule by rule
//! ([`rule`]), so that the supervisor, which believes the package, meets only systems that make
//! sense.

pub mod command;
pub mod declaration;
mod frame;
pub mod graph;
pub mod outside;
pub mod package;
pub mod program;
pub mod resolve;
pub mod rule;
pub mod size;
pub mod symbol;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace;
use outside::Fragment;
use rule::{BOARD_RULES, Declared, SYSTEM_RULES};

/// The program that the first process runs.
pub const SUPERVISOR: &str = "supervisor";

/// Builds the package of a system into the file `out`; `images` finds the ELF file of a program by
/// its name.
///
/// # Errors
///
/// What is wrong with a program.
pub fn build(
    declared: &Declared,
    images: &dyn Fn(&str) -> Result<PathBuf>,
    out: &Path,
) -> Result<()> {
    let entries = resolve::resolve(declared)?;
    let mut programs = BTreeMap::new();
    for entry in &entries {
        if !programs.contains_key(&entry.program) {
            let program = program::read(&images(&entry.program)?)?;
            programs.insert(entry.program.clone(), program);
        }
    }
    let package = package::write(&entries, &programs)?;
    std::fs::write(out, package).with_context(|| format!("cannot write {}", out.display()))
}

/// The programs that a system runs, each once.
#[must_use]
pub fn programs(declared: &Declared) -> BTreeSet<&str> {
    let processes = declared.system.process.iter();
    processes.map(|process| process.program.as_str()).collect()
}

/// Reads and checks the two files.
///
/// # Errors
///
/// What is wrong with the files, and where.
pub fn load(system_toml: &Path, board_toml: &Path) -> Result<Declared> {
    let declared = Declared {
        board: read(board_toml)?,
        system: read(system_toml)?,
    };
    rule::check(BOARD_RULES, &declared).context(nonsense(board_toml))?;
    rule::check(SYSTEM_RULES, &declared).context(nonsense(system_toml))?;
    Ok(declared)
}

/// The same with the processes of folders outside of the tree.
///
/// # Errors
///
/// What is wrong with the files, and where.
pub fn load_with(system_toml: &Path, board_toml: &Path, outside: &[PathBuf]) -> Result<Declared> {
    let mut declared = load(system_toml, board_toml)?;
    for folder in outside {
        let fragment = Fragment::load(folder)?;
        let failure = || nonsense(&folder.join(outside::FRAGMENT));
        let commands = command::names(&workspace::root())?;
        fragment
            .add_to(&mut declared.system)
            .and_then(|()| fragment.check_commands(&declared.system, &commands))
            .with_context(failure)?;
        rule::check(SYSTEM_RULES, &declared).with_context(failure)?;
    }
    Ok(declared)
}

/// Reads and checks the texts of the two files.
///
/// # Errors
///
/// What is wrong with them.
pub fn check_texts(system: &str, board: &str) -> Result<Declared> {
    let declared = Declared {
        board: declaration::parse(board)?,
        system: declaration::parse(system)?,
    };
    rule::check(BOARD_RULES, &declared)?;
    rule::check(SYSTEM_RULES, &declared)?;
    Ok(declared)
}

fn nonsense(path: &Path) -> String {
    format!("{} does not make sense", path.display())
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    declaration::parse(&text).with_context(|| path.display().to_string())
}
