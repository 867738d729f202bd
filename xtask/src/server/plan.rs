//! Files to be written: all of them or none.

use anyhow::{Context, Result, ensure};
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What is to be written, in this order.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
struct Change {
    /// From the folder in which the plan is carried out.
    path: PathBuf,
    /// What was there; `None` for a file that is new.
    before: Option<String>,
    /// `None` for a file that is written by what follows.
    after: Option<String>,
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            let what = if change.before.is_some() {
                "changed"
            } else {
                "new"
            };
            writeln!(formatter, "  {what:<7}  {}", change.path.display())?;
        }
        Ok(())
    }
}

impl Plan {
    /// Plans a new file.
    pub(super) fn create(&mut self, path: &str, text: String) {
        self.changes.push(Change {
            path: path.into(),
            before: None,
            after: Some(text),
        });
    }

    /// Plans a change of a file that is `before` now.
    pub(super) fn edit(&mut self, path: &str, before: String, after: String) {
        self.changes.push(Change {
            path: path.into(),
            before: Some(before),
            after: Some(after),
        });
    }

    /// Plans that what follows writes a file, which may be there in the folder `root` now.
    pub(super) fn leave(&mut self, root: &Path, path: &str) {
        self.changes.push(Change {
            path: path.into(),
            before: fs::read_to_string(root.join(path)).ok(),
            after: None,
        });
    }

    /// Writes the files into a folder. What is there and not to be edited is never overwritten; if
    /// one cannot be written, those before it are undone.
    pub(super) fn carry_out(&self, root: &Path) -> Result<()> {
        self.carry_out_and(root, || Ok(()))
    }

    /// The same, and then what `follows`; if that fails, all files are undone.
    pub(super) fn carry_out_and(
        &self,
        root: &Path,
        follows: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let mut made = Vec::new();
        for (done, change) in self.changes.iter().enumerate() {
            if let Err(error) = change.carry_out(root, &mut made) {
                let earlier = self.changes.get(..done).unwrap_or_default();
                return Err(undo(earlier, &made, root, error));
            }
        }
        follows().map_err(|error| undo(&self.changes, &made, root, error))
    }
}

/// Undoes changes and removes folders that were made, because of `error`; what to tell then.
fn undo(changes: &[Change], made: &[PathBuf], root: &Path, error: anyhow::Error) -> anyhow::Error {
    let undone = changes.iter().rev().try_for_each(|it| it.undo(root));
    // The innermost last: one that somebody else put a file into stays.
    let emptied = made.iter().rev().try_for_each(fs::remove_dir);
    match undone.and(emptied.map_err(anyhow::Error::from)) {
        Ok(()) => error.context("nothing was written"),
        Err(other) => error.context(format!("and not all could be undone: {other:#}")),
    }
}

impl Change {
    fn carry_out(&self, root: &Path, made: &mut Vec<PathBuf>) -> Result<()> {
        let Some(after) = &self.after else {
            return Ok(());
        };
        let path = root.join(&self.path);
        let failure = || format!("cannot write {}", self.path.display());
        if let Some(before) = &self.before {
            let now = fs::read_to_string(&path).with_context(failure)?;
            ensure!(now == *before, "{} changed meanwhile", self.path.display());
            return fs::write(&path, after).with_context(failure);
        }
        make_parents(&path, made).with_context(failure)?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file
            .as_mut()
            .map_err(|error| std::io::Error::from(error.kind()));
        let written = file.and_then(|file| file.write_all(after.as_bytes()));
        written.with_context(failure)
    }

    fn undo(&self, root: &Path) -> Result<()> {
        let path = root.join(&self.path);
        let undone = match &self.before {
            Some(before) => fs::write(&path, before),
            None if self.after.is_none() && !path.exists() => Ok(()),
            None => fs::remove_file(&path),
        };
        undone.with_context(|| format!("cannot put back {}", self.path.display()))
    }
}

/// Makes the folders above a file that are not there; adds them to `made`, the outermost first.
fn make_parents(path: &Path, made: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .skip(1)
        .take_while(|it| !it.exists())
        .collect();
    for folder in missing.into_iter().rev() {
        fs::create_dir(folder)?;
        made.push(folder.to_path_buf());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// A folder with `old` in it, which is removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir();
            let path = path.join(format!("pecan-plan-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).expect("there is room");
            fs::write(path.join("old"), "before").expect("there is room");
            Self(path)
        }

        fn files(&self) -> BTreeMap<String, String> {
            let mut files = BTreeMap::new();
            let mut folders = vec![self.0.clone()];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).expect("it is there") {
                    let path = entry.expect("it is there").path();
                    let name = path.strip_prefix(&self.0).expect("it is inside");
                    let name = name.display().to_string();
                    if path.is_dir() {
                        files.insert(name + "/", String::new());
                        folders.push(path);
                    } else {
                        files.insert(name, fs::read_to_string(&path).expect("it is text"));
                    }
                }
            }
            files
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            // It is in the folder for temporary files anyhow.
            let _left = fs::remove_dir_all(&self.0);
        }
    }

    fn plan(last: &str) -> Plan {
        let mut plan = Plan::default();
        plan.create("a/b/new", "new".to_owned());
        plan.edit("old", "before".to_owned(), "after".to_owned());
        plan.create(last, "last".to_owned());
        plan
    }

    #[test]
    fn all_is_written_and_told() {
        let folder = Folder::new("all");
        let plan = plan("a/last");
        plan.carry_out(&folder.0).expect("nothing is in the way");
        let files = folder.files();
        let texts: Vec<(&str, &str)> = files.iter().map(|(a, b)| (&**a, &**b)).collect();
        assert_eq!(
            texts,
            [
                ("a/", ""),
                ("a/b/", ""),
                ("a/b/new", "new"),
                ("a/last", "last"),
                ("old", "after"),
            ]
        );
        assert_eq!(
            plan.to_string(),
            "  new      a/b/new\n  changed  old\n  new      a/last\n"
        );
    }

    #[test]
    fn failure_half_way_leaves_everything_as_it_was() {
        // `old` is a file: there is no folder of that name.
        let folder = Folder::new("half");
        let before = folder.files();
        let error = plan("old/last")
            .carry_out(&folder.0)
            .expect_err("old is a file");
        assert_eq!(error.to_string(), "nothing was written");
        assert!(
            format!("{error:#}").contains("cannot write old/last"),
            "{error:#}"
        );
        assert_eq!(folder.files(), before);
    }

    #[test]
    fn failure_of_what_follows_leaves_everything_as_it_was() {
        let folder = Folder::new("follows");
        fs::write(folder.0.join("lock"), "locked").expect("there is room");
        let before = folder.files();
        let mut plan = plan("a/last");
        for path in ["lock", "a/page", "a/nothing"] {
            plan.leave(&folder.0, path);
        }
        assert!(
            plan.to_string()
                .ends_with("  changed  lock\n  new      a/page\n  new      a/nothing\n")
        );
        let error = plan.carry_out_and(&folder.0, || {
            fs::write(folder.0.join("lock"), "other")?;
            fs::write(folder.0.join("a/page"), "page")?;
            anyhow::bail!("it does not compile")
        });
        let error = error.expect_err("what follows fails");
        assert_eq!(
            format!("{error:#}"),
            "nothing was written: it does not compile"
        );
        assert_eq!(folder.files(), before);
    }

    #[test]
    fn what_is_there_is_not_overwritten() {
        let folder = Folder::new("there");
        let before = folder.files();
        let error = plan("old").carry_out(&folder.0).expect_err("it is there");
        assert!(
            format!("{error:#}").contains("cannot write old"),
            "{error:#}"
        );
        assert_eq!(folder.files(), before);
    }

    #[test]
    fn file_that_changed_meanwhile_is_not_edited() {
        let folder = Folder::new("changed");
        fs::write(folder.0.join("old"), "other").expect("there is room");
        let before = folder.files();
        let error = plan("last").carry_out(&folder.0).expect_err("it changed");
        assert_eq!(
            format!("{error:#}"),
            "nothing was written: old changed meanwhile"
        );
        assert_eq!(folder.files(), before);
    }
}
