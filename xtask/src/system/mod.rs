//! The system builder: `board.toml` and `system.toml` in, a boot package out.
//!
//! Names become numbers here and nowhere else. What the files say is checked first, rule by rule
//! ([`rule`]), so that the supervisor, which believes the package, meets only systems that make
//! sense.

pub mod declaration;
pub mod graph;
pub mod package;
pub mod program;
pub mod resolve;
pub mod rule;
pub mod size;
pub mod symbol;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use rule::{BOARD_RULES, Declared, SYSTEM_RULES};

/// The program that the first process runs.
pub const SUPERVISOR: &str = "supervisor";

/// Builds the package of the system `system_toml` on the board `board_toml` into the file `out`;
/// `images` finds the ELF file of a program by its name.
///
/// # Errors
///
/// What is wrong with the files or a program, and where.
pub fn build(
    system_toml: &Path,
    board_toml: &Path,
    images: &dyn Fn(&str) -> Result<PathBuf>,
    out: &Path,
) -> Result<()> {
    let declared = load(system_toml, board_toml)?;
    let entries = resolve::resolve(&declared)?;
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

/// Draws who can reach whom in the system `system_toml` on the board `board_toml`.
///
/// # Errors
///
/// What is wrong with the files, and where.
pub fn graph(system_toml: &Path, board_toml: &Path) -> Result<String> {
    Ok(graph::draw(&load(system_toml, board_toml)?))
}

/// The programs that the system `system_toml` on the board `board_toml` runs, each once.
///
/// # Errors
///
/// What is wrong with the files, and where.
pub fn programs(system_toml: &Path, board_toml: &Path) -> Result<Vec<String>> {
    let declared = load(system_toml, board_toml)?;
    let mut names: Vec<String> = declared
        .system
        .process
        .into_iter()
        .map(|process| process.program)
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
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

fn nonsense(path: &Path) -> String {
    format!("{} does not make sense", path.display())
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    declaration::parse(&text).with_context(|| path.display().to_string())
}
