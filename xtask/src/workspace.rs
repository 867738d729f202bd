//! Where things are in the tree, and which packages it has.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target of everything that runs in the emulator.
pub const TARGET: &str = "aarch64-unknown-none-softfloat";

/// The root of the tree.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Where a package runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Only on the host: tools.
    Host,
    /// Its library is also tested on the host; it runs on the target.
    Both,
    /// Only on the target: it has privileged code and no host build.
    Target,
}

/// A package of the workspace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// As cargo knows it.
    pub name: String,
    /// The name by which cargo finds it and no other: a library may have the same name.
    pub specification: String,
    /// Its folder, from the root.
    pub folder: String,
    /// Its targets.
    pub targets: Vec<Target>,
}

/// A target of a package, as `cargo metadata` tells it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its name.
    pub name: String,
    /// `lib`, `bin`, `test`, …
    pub kind: Vec<String>,
    /// Whether `cargo test` builds it.
    pub test: bool,
    /// Whether its documentation has tests.
    pub doctest: bool,
}

impl Target {
    /// Whether it is of a kind.
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind.iter().any(|own| own == kind)
    }

    /// Whether it is a library of any sort.
    pub(crate) fn is_library(&self) -> bool {
        self.is("lib") || self.is("proc-macro")
    }
}

impl Package {
    /// Where it runs.
    pub(crate) fn place(&self) -> Place {
        let folder = self.folder.as_str();
        let is_privileged = matches!(folder, "microkernel/aarch64" | "microkernel/kernel");
        let is_tool = matches!(folder, "xtask" | "tests" | "ipc-abi/macros");
        let is_check = matches!(
            folder,
            "verification/fuzz"
                | "verification/order/protocol"
                | "verification/fast_path/differential"
                | "verification/refinement"
        );
        if is_tool || is_check {
            Place::Host
        } else if is_privileged || folder.starts_with("tests/programs/") {
            Place::Target
        } else {
            Place::Both
        }
    }

    /// The program it builds, if it is one.
    pub(crate) fn program(&self) -> Option<&str> {
        let mut programs = self.targets.iter().filter(|target| target.is("bin"));
        programs.next().map(|target| target.name.as_str())
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
}

#[derive(Deserialize)]
struct MetadataPackage {
    name: String,
    version: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

/// The packages of the workspace, as the given cargo sees them.
pub(crate) fn packages(cargo: Command) -> Result<Vec<Package>> {
    let root = root();
    let metadata = read_metadata(cargo, &root.join("Cargo.toml"))?;
    let packages = metadata.packages.into_iter().map(|package| {
        let folder = package.manifest_path.parent().unwrap_or(&root);
        let folder = folder.strip_prefix(&root).unwrap_or(folder);
        Package {
            specification: format!("{}@{}", package.name, package.version),
            name: package.name,
            folder: folder.display().to_string(),
            targets: package.targets,
        }
    });
    Ok(packages.collect())
}

/// The targets of the packages of another workspace.
pub(crate) fn targets_of(cargo: Command, manifest: &Path) -> Result<Vec<Target>> {
    let packages = read_metadata(cargo, manifest)?.packages.into_iter();
    Ok(packages.flat_map(|package| package.targets).collect())
}

fn read_metadata(mut cargo: Command, manifest: &Path) -> Result<Metadata> {
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
    cargo.arg("--manifest-path").arg(manifest);
    let output = cargo.output().context("cannot run cargo metadata")?;
    anyhow::ensure!(
        output.status.success(),
        "cargo metadata failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("cargo metadata is not understood")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(folder: &str) -> Package {
        let target = |name: &str, kind: &str| Target {
            name: name.to_owned(),
            kind: vec![kind.to_owned()],
            test: true,
            doctest: false,
        };
        Package {
            name: "x".to_owned(),
            specification: "x@1.0.0".to_owned(),
            folder: folder.to_owned(),
            targets: vec![target("x", "lib"), target("y", "bin")],
        }
    }

    #[test]
    fn places_follow_folders() {
        assert_eq!(package("xtask").place(), Place::Host);
        assert_eq!(package("verification/order/protocol").place(), Place::Host);
        assert_eq!(package("servers/shell").place(), Place::Both);
        assert_eq!(package("microkernel/core").place(), Place::Both);
        assert_eq!(package("microkernel/kernel").place(), Place::Target);
        assert_eq!(package("tests/programs/hostile").place(), Place::Target);
    }

    #[test]
    fn program_is_the_binary() {
        assert_eq!(package("servers/shell").program(), Some("y"));
    }
}
