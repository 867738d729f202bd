//! A page of the book as a list of things to do: its fenced blocks, each with the file that the
//! latest paragraph before it names.

use anyhow::{Result, bail};

/// A thing that the page has its reader do, or says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The line of the page where its block starts, counted from 1.
    pub line: usize,
    /// What it is.
    pub action: Action,
}

/// What a block is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// This is in the file as it is.
    Show(Content),
    /// The file becomes this.
    Write(Content),
    /// The file is changed so: lines that start with a blank or `-` are there, one after the other;
    /// those with `-` go, those with `+` come.
    Change(Content),
    /// These lines are typed, or printed: `$ ` starts what is typed.
    Type(Vec<String>),
}

/// A file, and lines of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// The file, from the root of the tree.
    pub path: String,
    /// The lines of the block.
    pub lines: Vec<String>,
}

/// The word of a paragraph by which its block becomes the file.
const WRITE: &str = "Write";

/// Reads a page.
pub(super) fn read_page(text: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut paragraph = String::new();
    let mut is_over = false;
    let mut lines = (1..).zip(text.lines());
    while let Some((line, text)) = lines.next() {
        if let Some(language) = text.strip_prefix("```") {
            let inside = lines.by_ref().map(|(_, text)| text);
            let block: Vec<String> = inside
                .take_while(|text| *text != "```")
                .map(str::to_owned)
                .collect();
            steps.push(Step {
                line,
                action: read_block(line, language, &paragraph, block)?,
            });
            is_over = true;
        } else if text.is_empty() {
            is_over = true;
        } else {
            if is_over {
                paragraph.clear();
            }
            is_over = false;
            paragraph.push_str(text);
            paragraph.push('\n');
        }
    }
    Ok(steps)
}

fn read_block(line: usize, language: &str, paragraph: &str, lines: Vec<String>) -> Result<Action> {
    if language == "console" {
        return Ok(Action::Type(lines));
    }
    let spans = paragraph.split('`').skip(1).step_by(2);
    let Some(path) = spans.filter(|span| is_path(span)).last() else {
        bail!("line {line}: the paragraph before this block names no file");
    };
    let content = Content {
        path: path.to_owned(),
        lines,
    };
    Ok(if language == "diff" {
        Action::Change(content)
    } else if paragraph.split_whitespace().any(|word| word == WRITE) {
        Action::Write(content)
    } else {
        Action::Show(content)
    })
}

/// Whether code in a paragraph is the path of a file: it has a folder and an ending.
fn is_path(span: &str) -> bool {
    let (folder, file) = span.rsplit_once('/').unwrap_or(("", span));
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "/._-".contains(it);
    !folder.is_empty() && file.contains('.') && span.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(path: &str, lines: &[&str]) -> Content {
        Content {
            path: path.to_owned(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        }
    }

    #[test]
    fn blocks_are_actions_on_the_file_that_was_named_last() {
        let page = "# A\n\nIn `a/b.rs`, or `c/d.rs`, is:\n\n```rust\nx\n\ny\n```\n\
                    \nWrite `e/f.toml`:\n\n```toml\nz\n```\n\nIn `a/b.rs`:\n```diff\n-x\n+y\n```\n\n```diff\n-z\n```\n\
                    Type `a/b.rs`:\n\n```console\n$ ./x help\n```\n";
        let steps = read_page(page).expect("it is good");
        let lines: Vec<usize> = steps.iter().map(|step| step.line).collect();
        assert_eq!(lines, [5, 13, 18, 23, 28]);
        let actions: Vec<Action> = steps.into_iter().map(|step| step.action).collect();
        assert_eq!(
            actions,
            [
                Action::Show(content("c/d.rs", &["x", "", "y"])),
                Action::Write(content("e/f.toml", &["z"])),
                Action::Change(content("a/b.rs", &["-x", "+y"])),
                Action::Change(content("a/b.rs", &["-z"])),
                Action::Type(vec!["$ ./x help".to_owned()]),
            ]
        );
    }

    #[test]
    fn block_without_a_file_is_refused() {
        for before in ["", "`a/b.rs`\n\nNo file.\n", "`run`:\n", "`./x run a.rs`\n"] {
            let error = read_page(&format!("{before}```rust\n```\n")).expect_err(before);
            let line = before.lines().count() + 1;
            assert_eq!(
                error.to_string(),
                format!("line {line}: the paragraph before this block names no file")
            );
        }
    }
}
