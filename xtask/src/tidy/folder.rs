//! Folders that need a word of explanation.

use super::Finding;
use super::source::File;
use std::collections::BTreeSet;

/// Folders whose files need none of their own.
const EXCUSED: [&str; 2] = ["", ".ci"];

/// Packages and folders of the root without a `README.md`.
pub(super) fn find_unexplained(files: &[File]) -> Vec<Finding> {
    let mut folders = BTreeSet::new();
    for file in files {
        let top = file.path.split_once('/').map_or("", |(top, _)| top);
        folders.insert(top);
        if let Some(package) = file.path.strip_suffix("/Cargo.toml") {
            folders.insert(package);
        }
    }
    let has_readme = |folder: &str| {
        let path = format!("{folder}/README.md");
        files.iter().any(|file| file.path == path)
    };
    let folders = folders.into_iter().filter(|it| !EXCUSED.contains(it));
    let unexplained = folders.filter(|folder| !has_readme(folder));
    unexplained
        .map(|folder| Finding {
            path: folder.to_owned(),
            line: 0,
            message: "write a README.md: what it is, what is in it".to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_and_top_folders_are_explained() {
        let paths = ["x", "a/README.md", "a/b/Cargo.toml", "c/d.rs", ".ci/run"];
        let files = paths.map(|path| File::new(path, ""));
        let findings = find_unexplained(&files);
        let found: Vec<&str> = findings.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(found, ["a/b", "c"]);
    }
}
