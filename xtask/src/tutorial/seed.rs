//! A first stock for the cargo of a copy: what was built for the tree of crates that are not its own.
//!
//! Cargo knows such a crate by version, features and compiler, wherever it is used; what does not fit
//! it builds itself. The crates of the tree are built anew.

use crate::workspace::{Package, TARGET};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The folders of a profile that go together.
const FOLDERS: [&str; 3] = ["deps", "build", ".fingerprint"];

/// How many files are named to one `cp`: a command line has an end.
const FILES_AT_ONCE: usize = 1000;

/// Copies what was built of foreign crates from one `target` folder to another, for a toolchain of this
/// name.
pub(super) fn copy(packages: &[Package], toolchain: &str, from: &Path, to: &Path) -> Result<()> {
    let names = packages.iter().flat_map(|package| {
        let targets = package.targets.iter().map(|target| &target.name);
        targets.chain([&package.name])
    });
    let own: BTreeSet<String> = names.map(|name| name.replace('-', "_")).collect();
    let profiles = [
        "xtask/debug".to_owned(),
        format!("{toolchain}/debug"),
        format!("{toolchain}/release"),
        format!("{toolchain}/{TARGET}/release"),
    ];
    for profile in profiles {
        for folder in FOLDERS {
            let folder = Path::new(&profile).join(folder);
            if from.join(&folder).is_dir() {
                copy_foreign(&own, &from.join(&folder), &to.join(&folder))?;
            }
        }
    }
    Ok(())
}

fn copy_foreign(own: &BTreeSet<String>, from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    let mut foreign = Vec::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !own.contains(&crate_of(&name)) {
            foreign.push(entry.path());
        }
    }
    for some in foreign.chunks(FILES_AT_ONCE) {
        // With the times: cargo compares them.
        let mut copy = Command::new("cp");
        copy.args(["--archive", "--target-directory"]);
        let status = copy.arg(to).args(some).status();
        let status = status.context("cannot run cp")?;
        ensure!(status.success(), "cp failed ({status})");
    }
    Ok(())
}

/// The crate or package of a file like `libserde_core-0123.rlib` or a folder like `bench-partner-0123`.
fn crate_of(file: &str) -> String {
    let name = file.rsplit_once('-').map_or(file, |(name, _)| name);
    let is_library = [".rlib", ".rmeta", ".so"]
        .iter()
        .any(|end| file.ends_with(end));
    let name = if is_library {
        name.strip_prefix("lib").unwrap_or(name)
    } else {
        name
    };
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_belong_to_crates() {
        for (file, name) in [
            ("libserde_core-01ab.rlib", "serde_core"),
            ("serde_core-01ab.d", "serde_core"),
            ("bench-partner-01ab", "bench_partner"),
            ("libc-01ab", "libc"),
            ("liblibc-01ab.rmeta", "libc"),
            ("libsyn_derive-01ab.so", "syn_derive"),
        ] {
            assert_eq!(crate_of(file), name, "{file}");
        }
    }

    #[test]
    fn own_crates_are_left_out() {
        let folder = std::env::temp_dir().join(format!("pecan-seed-{}", std::process::id()));
        let deps = folder.join("from/debian/debug/deps");
        fs::create_dir_all(&deps).expect("there is room");
        for name in ["libserde-01.rlib", "libxtask-01.rlib", "xtask-01.d"] {
            fs::write(deps.join(name), name).expect("there is room");
        }
        let packages = [Package {
            name: "xtask".to_owned(),
            specification: "xtask@1.0.0".to_owned(),
            folder: "xtask".to_owned(),
            targets: Vec::new(),
        }];
        let (from, to) = (folder.join("from"), folder.join("to"));
        copy(&packages, "debian", &from, &to).expect("it can be copied");
        let copied = fs::read_dir(to.join("debian/debug/deps")).expect("it is there");
        let names: Vec<_> = copied.flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names, ["libserde-01.rlib"]);
        fs::remove_dir_all(&folder).expect("nobody else uses it");
    }
}
