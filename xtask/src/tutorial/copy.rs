//! The copy of the tree on which a page is performed.

use super::page::Content;
use crate::tidy::source::find_files;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What the copy is called.
const NAME: &str = "pecan";

/// A copy of the tree. What was built in it is kept.
pub(super) struct Copy {
    root: PathBuf,
}

impl Copy {
    /// Makes a copy of the tree in a folder, and removes what else is there. Files that are the same
    /// already are not touched, so that cargo does not build them again.
    pub(super) fn make(tree: &Path, folder: &Path) -> Result<Self> {
        let root = folder.join(NAME);
        fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
        for other in fs::read_dir(folder)? {
            let other = other?.path();
            if other != root {
                fs::remove_dir_all(&other)
                    .with_context(|| format!("cannot remove {}", other.display()))?;
            }
        }
        let wanted: BTreeSet<PathBuf> = find_files(tree)?.into_iter().collect();
        for extra in find_files(&root)? {
            if !wanted.contains(&extra) {
                fs::remove_file(root.join(extra))?;
            }
        }
        for path in &wanted {
            let (from, to) = (tree.join(path), root.join(path));
            if fs::read(&to).ok() == Some(fs::read(&from)?) {
                continue;
            }
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::copy(&from, &to).with_context(|| format!("cannot copy {}", path.display()))?;
        }
        remove_empty(&root)?;
        Ok(Self { root })
    }

    /// Where it is.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the lines are in a file, one after the other.
    pub(super) fn show(&self, content: &Content) -> Result<()> {
        let text = self.read(&content.path)?;
        let shown: Vec<&str> = content.lines.iter().map(String::as_str).collect();
        ensure!(
            find(&lines(&text), &shown).len() == 1,
            "this is not in {}, whose text is:\n{text}",
            content.path
        );
        Ok(())
    }

    /// Makes the lines the file.
    pub(super) fn write(&self, content: &Content) -> Result<()> {
        let path = self.root.join(&content.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let text: String = content
            .lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect();
        fs::write(&path, text).with_context(|| format!("cannot write {}", content.path))
    }

    /// Changes a file as the lines say.
    pub(super) fn change(&self, content: &Content) -> Result<()> {
        let text = self.read(&content.path)?;
        let changed = change(&text, &content.lines).with_context(|| content.path.clone())?;
        fs::write(self.root.join(&content.path), changed)
            .with_context(|| format!("cannot write {}", content.path))
    }

    fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.root.join(path)).with_context(|| format!("cannot read {path}"))
    }
}

/// Removes folders that nothing is in: cargo takes a folder of `servers` for a package.
fn remove_empty(root: &Path) -> Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let is_built = entry.file_name() == "target";
        if entry.file_type()?.is_dir() && !is_built {
            remove_empty(&entry.path())?;
            if fs::read_dir(entry.path())?.next().is_none() {
                fs::remove_dir(entry.path())?;
            }
        }
    }
    Ok(())
}

/// Where some lines are in a text, one after the other.
fn find(text: &[&str], wanted: &[&str]) -> Vec<usize> {
    let places = text.windows(wanted.len().max(1)).enumerate();
    let found = places.filter(|(_, window)| *window == wanted);
    found.map(|(place, _)| place).collect()
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// Applies the lines of a `diff` block.
fn change(text: &str, difference: &[String]) -> Result<String> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for line in difference {
        let (mark, rest) = line.split_at_checked(1).unwrap_or((" ", ""));
        match mark {
            " " => {
                before.push(rest);
                after.push(rest);
            }
            "-" => before.push(rest),
            "+" => after.push(rest),
            _ => anyhow::bail!("{line:?} starts with no blank, - or +"),
        }
    }
    let text = lines(text);
    let places = find(&text, &before);
    let [place] = places.as_slice() else {
        let count = places.len();
        anyhow::bail!("{count} places have the lines that are changed, not one");
    };
    let (head, rest) = text.split_at(*place);
    let tail = rest.get(before.len()..).unwrap_or_default();
    let changed = [head, &after, tail].concat();
    Ok(changed.iter().map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str, difference: &str) -> Result<String> {
        let difference: Vec<String> = difference.lines().map(str::to_owned).collect();
        change(text, &difference)
    }

    #[test]
    fn change_replaces_the_lines_that_it_shows() {
        let text = "a\nb\n\nc\n";
        assert_eq!(
            changed(text, " a\n-b\n+x\n+y\n\n c").expect("it fits"),
            "a\nx\ny\n\nc\n"
        );
        assert_eq!(changed(text, " c\n+d").expect("it fits"), "a\nb\n\nc\nd\n");
    }

    #[test]
    fn change_of_no_place_or_two_is_refused() {
        let refusal = |text, difference| changed(text, difference).expect_err("no").to_string();
        assert_eq!(
            refusal("a\nb\n", "-c"),
            "0 places have the lines that are changed, not one"
        );
        assert_eq!(
            refusal("a\na\n", "-a"),
            "2 places have the lines that are changed, not one"
        );
        assert_eq!(refusal("a\n", "a"), "\"a\" starts with no blank, - or +");
    }

    #[test]
    fn copy_becomes_the_tree_and_keeps_what_was_built() {
        let folder = std::env::temp_dir().join(format!("pecan-copy-{}", std::process::id()));
        let (tree, copies) = (folder.join("tree"), folder.join("copies"));
        let copy = copies.join(NAME);
        for (path, text) in [
            ("tree/same", "same"),
            ("tree/a/changed", "new"),
            ("tree/target/built", "no"),
            ("copies/pecan/same", "same"),
            ("copies/pecan/a/changed", "old"),
            ("copies/pecan/b/extra", "extra"),
            ("copies/pecan/target/built", "kept"),
            ("copies/other/made", "before"),
        ] {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("it has one")).expect("there is room");
            fs::write(path, text).expect("there is room");
        }
        let modified = |path: &Path| {
            fs::metadata(path)
                .and_then(|it| it.modified())
                .expect("it is there")
        };
        let before = modified(&copy.join("same"));
        let made = Copy::make(&tree, &copies).expect("it can be copied");
        assert_eq!(made.read("a/changed").expect("it is there"), "new");
        assert_eq!(modified(&copy.join("same")), before);
        assert_eq!(made.read("target/built").expect("it is there"), "kept");
        assert!(!copy.join("b").exists() && !copies.join("other").exists());
        fs::remove_dir_all(&folder).expect("nobody else uses it");
    }
}
