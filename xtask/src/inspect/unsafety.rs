//! The list of all unsafe code with the reason that each gives.

use super::{Action, Findings, read, write};
use crate::tidy::source::{File, read_tree};
use crate::workspace;
use anyhow::Result;
use std::fmt::Write;

const FILE: &str = "unsafe.md";
const MARK: &str = "// SAFETY:";

const HEADER: &str = "\
# Unsafe code

Every unsafe block and implementation of the tree with the reason that stands above it, every unsafe
function with what its caller promises, and every name that is given to the linker. Written by
`verification/static/run --write` and compared with the source; read it when it changes. What
libraries of other people do is not in it.
";

/// One piece of unsafe code.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    /// The function it is in, or is.
    place: String,
    /// What it is.
    kind: Kind,
    /// The reason, if one is given.
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Block,
    Implementation,
    Function,
    /// `unsafe extern`: names that somebody else defines.
    Import,
    /// An attribute: a name for the linker.
    Export,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Implementation => "implementation",
            Self::Function => "function",
            Self::Import => "names of the assembly or the linker",
            Self::Export => "name for the assembly",
        }
    }

    /// Of the code from `unsafe` on.
    fn of(code: &str) -> Option<Self> {
        let rest = code.strip_prefix("unsafe")?.trim_start();
        match rest {
            rest if rest.starts_with("impl") => Some(Self::Implementation),
            rest if rest.starts_with("extern") && rest.contains(" fn ") => Some(Self::Function),
            rest if rest.starts_with("fn") => Some(Self::Function),
            rest if rest.starts_with("extern") => Some(Self::Import),
            rest if rest.starts_with('(') => Some(Self::Export),
            rest if rest.starts_with('{') || rest.is_empty() => Some(Self::Block),
            _ => None,
        }
    }

    fn needs_reason(self) -> bool {
        !matches!(self, Self::Import | Self::Export)
    }
}

pub(super) fn inspect(action: Action, findings: &mut Findings) -> Result<()> {
    let files = read_tree(&workspace::root())?;
    let mut list = HEADER.to_owned();
    let mut count = 0;
    let mut failures = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let pieces = find(file);
        if pieces.is_empty() {
            continue;
        }
        // Writing to a text does not fail.
        let _ = writeln!(list, "\n## `{}`\n", file.path);
        for piece in &pieces {
            let _ = writeln!(list, "{}", show(piece));
            count += usize::from(piece.reason.is_some());
            if piece.reason.is_none() && piece.kind.needs_reason() {
                let place = format!("{}: {} of `{}`", file.path, piece.kind.name(), piece.place);
                failures.push(format!("{place}: unsafe without a reason"));
            }
        }
    }
    if action == Action::Write {
        write(FILE, &list)?;
    }
    if read(FILE)? != list {
        failures.push(format!(
            "{FILE} is not what the source says: `--write` it and read it"
        ));
    }
    findings.add("static/unsafe", failures, count);
    Ok(())
}

fn show(piece: &Piece) -> String {
    let start = format!("- `{}`, {}", piece.place, piece.kind.name());
    match &piece.reason {
        None => start,
        Some(reason) => format!("{start}: {reason}"),
    }
}

/// The unsafe code of a file, in its order.
fn find(file: &File) -> Vec<Piece> {
    let code: Vec<&str> = file.code.lines().collect();
    let text: Vec<&str> = file.text.lines().collect();
    let mut pieces = Vec::new();
    for (index, line) in code.iter().enumerate() {
        for start in starts(line) {
            let Some(kind) = Kind::of(line.get(start..).unwrap_or_default()) else {
                continue;
            };
            let reason = match kind {
                Kind::Block | Kind::Implementation => reason_above(&text, &code, index),
                Kind::Function => promise_above(&text, index),
                Kind::Import | Kind::Export => None,
            };
            let place = place(&code, index, kind);
            pieces.push(Piece {
                place,
                kind,
                reason,
            });
        }
    }
    pieces
}

/// Where the word `unsafe` stands in a line.
fn starts(line: &str) -> Vec<usize> {
    let is_word =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = line.as_bytes();
    let found = line.match_indices("unsafe").map(|(start, _)| start);
    let whole = found.filter(|start| {
        let before = start.checked_sub(1).and_then(|it| bytes.get(it));
        !is_word(before) && !is_word(bytes.get(start + "unsafe".len()))
    });
    whole.collect()
}

/// The function or implementation around a line or, of an attribute or a function, on it or next.
fn place(code: &[&str], index: usize, kind: Kind) -> String {
    let near = match kind {
        Kind::Export => code
            .get(index..)
            .unwrap_or_default()
            .iter()
            .find_map(|it| name(it)),
        Kind::Block | Kind::Implementation | Kind::Function | Kind::Import => None,
    };
    let above = || {
        let lines = code.get(..=index).unwrap_or_default();
        lines.iter().rev().find_map(|line| name(line))
    };
    let named = match kind {
        Kind::Import => None,
        Kind::Block | Kind::Implementation | Kind::Function | Kind::Export => near.or_else(above),
    };
    named.unwrap_or_else(|| "the file".to_owned())
}

/// The name of what a line defines.
fn name(line: &str) -> Option<String> {
    for word in ["fn ", "macro_rules! ", "impl", "static "] {
        let Some((before, rest)) = line.split_once(word) else {
            continue;
        };
        if before
            .chars()
            .last()
            .is_some_and(|it| it.is_alphanumeric() || it == '_')
        {
            continue;
        }
        if word == "impl" {
            let text = line.trim().trim_end_matches('{').trim();
            return Some(text.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        let end = rest.find(|it: char| !it.is_alphanumeric() && it != '_');
        let name = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        if !name.is_empty() {
            return Some(name.to_owned());
        }
    }
    None
}

/// The comment `// SAFETY:` above a line, or on it, with no other unsafe code between.
fn reason_above(text: &[&str], code: &[&str], index: usize) -> Option<String> {
    const LINES: usize = 12;
    let first = index.saturating_sub(LINES);
    let mark = (first..=index).rev().take_while(|at| {
        let line = code.get(*at).copied().unwrap_or_default();
        *at == index || (starts(line).is_empty() && !line.trim_end().ends_with('}'))
    });
    let mark = mark.into_iter().find(|at| {
        let line = text.get(*at).copied().unwrap_or_default();
        line.contains(MARK)
    })?;
    let comments = text.get(mark..index)?.iter().map(|line| line.trim());
    let comments = comments.map_while(|line| line.strip_prefix("//"));
    let all: Vec<&str> = comments.map(str::trim).collect();
    let all = all.join(" ");
    Some(
        all.strip_prefix("SAFETY:")
            .unwrap_or(&all)
            .trim()
            .to_owned(),
    )
}

/// The section `# Safety` of the documentation above a function.
fn promise_above(text: &[&str], index: usize) -> Option<String> {
    let above = text.get(..index)?.iter().rev().map(|line| line.trim());
    let documentation = above.take_while(|line| line.starts_with("//") || line.starts_with("#["));
    let mut lines: Vec<&str> = documentation
        .take_while(|line| !line.ends_with("# Safety"))
        .filter_map(|line| line.strip_prefix("///"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.reverse();
    let is_there = text
        .get(..index)?
        .iter()
        .rev()
        .map(|line| line.trim())
        .take_while(|line| line.starts_with("//") || line.starts_with("#["))
        .any(|line| line.ends_with("# Safety"));
    is_there.then(|| lines.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        find(&File::new("a.rs", text)).iter().map(show).collect()
    }

    #[test]
    fn blocks_have_their_reasons() {
        let text =
            "fn one() {\n    // SAFETY: because\n    // of this.\n    let a = unsafe { b() };\n}\n";
        assert_eq!(shown(text), ["- `one`, block: because of this."]);
    }

    #[test]
    fn reason_of_one_block_is_none_of_the_next() {
        let text = "fn one() {\n    // SAFETY: c.\n    unsafe { a() };\n    unsafe { b() };\n}\n";
        assert_eq!(shown(text), ["- `one`, block: c.", "- `one`, block"]);
    }

    #[test]
    fn functions_have_their_promises() {
        let text = "/// A.\n///\n/// # Safety\n///\n/// The caller\n/// promises.\npub unsafe fn one() {}\n";
        assert_eq!(shown(text), ["- `one`, function: The caller promises."]);
        assert_eq!(shown("/// A.\nunsafe fn one() {}\n"), ["- `one`, function"]);
    }

    #[test]
    fn names_for_the_linker_are_listed() {
        let text = "#[unsafe(no_mangle)]\nextern \"C\" fn one() {}\nunsafe extern \"C\" {\n}\n";
        assert_eq!(
            shown(text),
            [
                "- `one`, name for the assembly",
                "- `the file`, names of the assembly or the linker"
            ]
        );
    }

    #[test]
    fn words_are_no_code() {
        assert!(
            shown("#![forbid(unsafe_code)]\n// unsafe {\n/* unsafe */ \"unsafe {\"\n").is_empty()
        );
    }
}
