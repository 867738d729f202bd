//! Programs from outside of the tree: a cargo package in any folder, built like those of the tree.

use crate::step::Step;
use crate::toolchain::Toolchain;
use crate::workspace::{self, TARGET};
use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The manifest of the package in a folder.
pub(crate) fn manifest(folder: &Path) -> Result<PathBuf> {
    let manifest = folder.join("Cargo.toml");
    ensure!(manifest.is_file(), "there is no {}", manifest.display());
    Ok(manifest)
}

/// Compiles the programs of the package in a folder; where each is, by name.
pub(crate) fn build(toolchain: &Toolchain, folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let manifest = manifest(folder)?;
    let targets = workspace::targets_of(toolchain.cargo(), &manifest)?;
    let mut cargo = toolchain.cargo();
    cargo.args(["build", "--release", "--bins", "--manifest-path"]);
    cargo.arg(&manifest);
    cargo.args(toolchain.target_options());
    Step::new(format!("building {}", folder.display())).run(&mut cargo)?;
    let built = toolchain.target_directory().join(TARGET).join("release");
    let programs = targets.into_iter().filter(|target| target.is("bin"));
    let programs = programs.map(|target| (target.name.clone(), built.join(&target.name)));
    Ok(programs.collect())
}
