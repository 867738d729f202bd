//! The files of the tree, and Rust code without its comments and texts.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Files larger than this are no text that people write.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Not of the tree: a folder, or in a linked work tree a file that says where the folder is.
const VERSION_CONTROL: &str = ".git";

/// A text file of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// From the root.
    pub path: String,
    /// All of it.
    pub text: String,
    /// If it is Rust, the same lines without comments and the insides of texts.
    pub code: String,
}

impl File {
    /// A file with given content.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") {
            strip(text)
        } else {
            String::new()
        };
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
        }
    }

    /// Whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it is in a folder.
    pub(crate) fn is_in(&self, folder: &str) -> bool {
        let rest = self.path.strip_prefix(folder);
        rest.is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Reads all text files of the tree but what is built.
pub(crate) fn read_tree(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for path in find_files(root)? {
        if fs::metadata(root.join(&path))?.len() > FILE_BYTES_MAX {
            continue;
        }
        if let Ok(text) = String::from_utf8(fs::read(root.join(&path))?) {
            files.push(File::new(&path.display().to_string(), &text));
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// The files of the tree, from its root, but what is built.
pub(crate) fn find_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type()?;
            if name == VERSION_CONTROL {
                continue;
            }
            if kind.is_dir() {
                let is_hidden = name.starts_with('.') && name != ".ci";
                if !is_hidden && name != "target" && name != "__pycache__" {
                    folders.push(entry.path());
                }
            } else if kind.is_file() {
                let path = entry.path();
                files.push(path.strip_prefix(root).unwrap_or(&path).to_path_buf());
            }
        }
    }
    Ok(files)
}

/// Where a reader of Rust is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Code,
    LineComment,
    BlockComment { depth: u32 },
    Text,
    RawText { hashes: usize },
}

/// Replaces comments and the insides of texts by spaces; keeps the lines.
fn strip(source: &str) -> String {
    let characters: Vec<char> = source.chars().collect();
    let mut stripped = String::with_capacity(source.len());
    let mut state = State::Code;
    let mut index = 0;
    while let Some(rest) = characters.get(index..).filter(|rest| !rest.is_empty()) {
        let (next, length, is_kept) = step(state, rest);
        for character in rest.iter().take(length) {
            let shown = *character == '\n' || is_kept;
            stripped.push(if shown { *character } else { ' ' });
        }
        state = next;
        index += length;
    }
    stripped
}

/// What follows from a state and the rest of the source: the next state, how many characters are
/// done, and whether they are code.
fn step(state: State, rest: &[char]) -> (State, usize, bool) {
    match state {
        State::Code => step_code(rest),
        State::LineComment if rest.starts_with(&['\n']) => (State::Code, 1, false),
        State::LineComment => (state, 1, false),
        State::BlockComment { depth } if rest.starts_with(&['*', '/']) => {
            let next = match depth {
                0 | 1 => State::Code,
                _ => State::BlockComment { depth: depth - 1 },
            };
            (next, 2, false)
        }
        State::BlockComment { depth } if rest.starts_with(&['/', '*']) => {
            (State::BlockComment { depth: depth + 1 }, 2, false)
        }
        State::BlockComment { .. } => (state, 1, false),
        State::Text if rest.starts_with(&['\\']) => (state, 2.min(rest.len()), false),
        State::Text if rest.starts_with(&['"']) => (State::Code, 1, true),
        State::Text => (state, 1, false),
        State::RawText { hashes } if ends_raw(rest, hashes) => (State::Code, hashes + 1, true),
        State::RawText { .. } => (state, 1, false),
    }
}

fn step_code(rest: &[char]) -> (State, usize, bool) {
    if rest.starts_with(&['/', '/']) {
        return (State::LineComment, 2, false);
    }
    if rest.starts_with(&['/', '*']) {
        return (State::BlockComment { depth: 1 }, 2, false);
    }
    if rest.starts_with(&['"']) {
        return (State::Text, 1, true);
    }
    if let Some(hashes) = count_raw_hashes(rest) {
        return (State::RawText { hashes }, hashes + 2, true);
    }
    if rest.starts_with(&['\'', '\\']) {
        // An escaped character: up to its closing quote.
        let end = rest.iter().skip(3).position(|it| *it == '\'');
        return (State::Code, end.map_or(1, |end| end + 4), false);
    }
    if rest.first() == Some(&'\'') && rest.get(2) == Some(&'\'') {
        return (State::Code, 3, false);
    }
    (State::Code, 1, true)
}

/// The number of hashes if a raw text starts here.
fn count_raw_hashes(rest: &[char]) -> Option<usize> {
    let after = rest.strip_prefix(&['r'])?;
    let hashes = after.iter().take_while(|it| **it == '#').count();
    (after.get(hashes) == Some(&'"')).then_some(hashes)
}

fn ends_raw(rest: &[char], hashes: usize) -> bool {
    rest.first() == Some(&'"') && rest.iter().skip(1).take(hashes).all(|it| *it == '#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_version_control_keeps_is_not_of_the_tree() {
        let root = std::env::temp_dir().join(format!("pecan-tidy-{}", std::process::id()));
        let linked = root.join("linked");
        fs::create_dir_all(root.join(VERSION_CONTROL)).expect("there is room");
        fs::create_dir_all(&linked).expect("there is room");
        for path in [".git/config", "linked/.git", "linked/page", ".gitignore"] {
            fs::write(root.join(path), "text").expect("there is room");
        }
        let files = read_tree(&root).expect("it can be read");
        fs::remove_dir_all(&root).expect("nobody else uses it");
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, [".gitignore", "linked/page"]);
    }

    fn words(source: &str) -> Vec<String> {
        let code = strip(source);
        assert_eq!(code.lines().count(), source.lines().count());
        code.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn comments_are_no_code() {
        assert_eq!(words("a // b\nc"), ["a", "c"]);
        assert_eq!(words("a /* b /* c */ d */ e"), ["a", "e"]);
        assert_eq!(words("/// doc `x`\nfn"), ["fn"]);
    }

    #[test]
    fn texts_are_no_code() {
        assert_eq!(words(r#"a "b // \" c" d"#), ["a", "\"", "\"", "d"]);
        assert_eq!(words("r#\"b \" c\"# d"), ["r#\"", "\"#", "d"]);
        assert_eq!(words("'\"' d"), ["d"]);
        assert_eq!(words("'\\'' d '\\u{1B}' e"), ["d", "e"]);
    }

    #[test]
    fn lifetimes_are_code() {
        assert_eq!(
            words("fn a<'b>(c: &'b str)"),
            ["fn", "a<'b>(c:", "&'b", "str)"]
        );
    }

    #[test]
    fn unfinished_source_ends() {
        for source in ["\"abc", "/* abc", "r#\"abc", "'\\", "\"\\"] {
            assert_eq!(strip(source).chars().count(), source.chars().count());
        }
    }
}
