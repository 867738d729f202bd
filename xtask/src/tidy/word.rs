//! Words that must not stand somewhere.

use super::source::File;
use super::{Finding, find_lines};

/// What code must not contain, and what to do instead.
const FORBIDDEN: [(&str, &str); 11] = [
    ("todo!", "finish it"),
    ("unimplemented!", "finish it"),
    ("dbg!", "remove it"),
    ("#[allow(", "use #[expect(…, reason = …)]"),
    ("#![allow(", "use #![expect(…, reason = …)]"),
    ("#[ignore", "a test runs or goes"),
    ("#![feature(", "the tree is stable Rust"),
    ("static mut ", "use a cell with a written argument"),
    ("transmute", "use a checked cast"),
    ("thread::sleep", "wait for an event with a bound"),
    ("should_panic", "test for the exact error"),
];
/// Marks of unfinished work, in any text.
const MARKS: [&str; 2] = ["FIXME", "XXX"];
/// First parts of paths that exist on one machine only.
const MACHINE_FOLDERS: [&str; 4] = ["work", "tmp", "root", "home"];

/// Forbidden words in Rust code, and marks of unfinished work in code or its comments.
pub(super) fn find_forbidden_code(files: &[File]) -> Vec<Finding> {
    let in_code = |line: &str| {
        let mut found = FORBIDDEN.iter().filter(|(word, _)| line.contains(word));
        let (word, advice) = found.next()?;
        Some(format!("{word} is not allowed: {advice}"))
    };
    let in_text = |line: &str| {
        let mut found = MARKS.iter().filter(|mark| has_word(line, mark));
        let mark = found.next()?;
        Some(format!("{mark} is not allowed: finish it"))
    };
    let is_ours = |file: &File| file.is_rust() && !file.path.ends_with("tidy/word.rs");
    let mut findings = find_lines(files, File::is_rust, |file| &file.code, in_code);
    findings.extend(find_lines(files, is_ours, |file| &file.text, in_text));
    findings
}

/// Absolute paths of one machine, in any text.
pub(super) fn find_machine_paths(files: &[File]) -> Vec<Finding> {
    find_lines(
        files,
        |_| true,
        |file| &file.text,
        |line| {
            let mut folders = MACHINE_FOLDERS.iter().map(|name| format!("/{name}/"));
            let folder = folders.find(|folder| has_path(line, folder))?;
            Some(format!("{folder} exists on one machine only"))
        },
    )
}

/// References to numbers of a tracker that a reader of the tree does not have.
pub(super) fn find_tracker_references(files: &[File]) -> Vec<Finding> {
    find_lines(
        files,
        |_| true,
        |file| &file.text,
        |line| {
            let line = line.to_lowercase();
            let mut rest = line.split("issue ").skip(1);
            rest.any(|rest| rest.starts_with(|it: char| it.is_ascii_digit()))
                .then(|| "say what it is about, not its number in a tracker".to_owned())
        },
    )
}

/// Names of system registers in the portable half of the kernel.
pub(super) fn find_registers_in_core(files: &[File]) -> Vec<Finding> {
    let is_core = |file: &File| file.is_rust() && file.is_in("microkernel/core");
    find_lines(
        files,
        is_core,
        |file| &file.code,
        |line| {
            let is_register = |word: &&str| {
                let level = word.rsplit_once("_EL").map(|(_, level)| level);
                level.is_some_and(|level| matches!(level, "0" | "1" | "2" | "3" | "12"))
            };
            let mut words = line.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
            let register = words.find(is_register)?;
            Some(format!("{register} belongs in microkernel/aarch64"))
        },
    )
}

/// Conditional compilation by board in servers.
pub(super) fn find_boards_in_servers(files: &[File]) -> Vec<Finding> {
    let is_server = |file: &File| file.is_rust() && file.is_in("servers");
    find_lines(
        files,
        is_server,
        |file| &file.text,
        |line| {
            let is_conditional = line.contains("cfg(") || line.contains("cfg!(");
            (is_conditional && line.contains("board"))
                .then(|| "no server knows a board: let system.toml say it".to_owned())
        },
    )
}

/// Whether a word stands in a line with nothing of a word around it.
fn has_word(line: &str, word: &str) -> bool {
    let is_inside = |it: char| it.is_alphanumeric() || it == '_';
    line.match_indices(word).any(|(index, _)| {
        let before = line.get(..index).and_then(|it| it.chars().next_back());
        let after = line.get(index + word.len()..);
        let after = after.and_then(|it| it.chars().next());
        !before.is_some_and(is_inside) && !after.is_some_and(is_inside)
    })
}

/// Whether a path starts with a folder somewhere in a line.
fn has_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(index, _)| {
        let before = line.get(..index).and_then(|it| it.chars().next_back());
        !before.is_some_and(|it| it.is_alphanumeric() || "_-.}*)~/".contains(it))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn forbidden_words_are_found_in_code_only() {
        let text = "// todo! is a word\nlet a = \"todo!\";\ntodo!()\n";
        assert_eq!(
            messages(&find_forbidden_code(&[File::new("a.rs", text)])),
            ["a.rs:3: todo! is not allowed: finish it"]
        );
        assert!(find_forbidden_code(&[File::new("a.md", text)]).is_empty());
    }

    #[test]
    fn marks_are_found_in_comments() {
        let text = "// FIXME: later\nconst XXXL: u8 = 1;";
        assert_eq!(
            messages(&find_forbidden_code(&[File::new("a.rs", text)])),
            ["a.rs:1: FIXME is not allowed: finish it"]
        );
    }

    #[test]
    fn machine_paths_are_found() {
        let path = format!("see /{}/x", "tmp");
        assert_eq!(
            messages(&find_machine_paths(&[File::new("a.md", &path)])),
            [format!("a.md:1: /{}/ exists on one machine only", "tmp")]
        );
        let inside = format!("frame/{0}/x and ../{0}/y", "work");
        assert!(find_machine_paths(&[File::new("a.md", &inside)]).is_empty());
    }

    #[test]
    fn tracker_numbers_are_found() {
        let number = format!("as Issue {} says", 7);
        let findings = find_tracker_references(&[File::new("a.md", &number)]);
        assert_eq!(findings.len(), 1);
        assert!(find_tracker_references(&[File::new("a.md", "issue a call")]).is_empty());
    }

    #[test]
    fn registers_stay_out_of_core() {
        let text = "// TTBR0_EL1 in words\nlet a = TTBR0_EL1;";
        let core = File::new("microkernel/core/src/a.rs", text);
        assert_eq!(
            messages(&find_registers_in_core(&[core])),
            ["microkernel/core/src/a.rs:2: TTBR0_EL1 belongs in microkernel/aarch64"]
        );
        let machine = File::new("microkernel/aarch64/src/a.rs", text);
        assert!(find_registers_in_core(&[machine]).is_empty());
    }

    #[test]
    fn boards_stay_out_of_servers() {
        let text = "#[cfg(feature = \"board-virt\")]\nlet board = 1;";
        let server = File::new("servers/a/src/a.rs", text);
        assert_eq!(find_boards_in_servers(&[server]).len(), 1);
    }
}
