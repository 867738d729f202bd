//! Where unsafe code may stand, and which crates forbid it.

use super::source::File;
use super::{Finding, find_lines};

/// Where unsafe code may be: mechanism, and the doors of user space.
const ALLOWED: [&str; 4] = [
    "microkernel/aarch64",
    "microkernel/kernel",
    "userlib/src",
    "tests/programs",
];
/// What a crate says that decides.
const FORBID: &str = "#![forbid(unsafe_code)]";
/// Crates that say it, beside all servers.
const DECIDING: [&str; 5] = [
    "microkernel/core",
    "ipc-abi",
    "ipc-abi/macros",
    "xtask",
    "tests",
];

/// Unsafe code outside [`ALLOWED`].
pub(super) fn find_misplaced(files: &[File]) -> Vec<Finding> {
    let wanted = |file: &File| file.is_rust() && !ALLOWED.iter().any(|it| file.is_in(it));
    find_lines(
        files,
        wanted,
        |file| &file.code,
        |line| {
            let mut words = line.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
            let is_unsafe = words.any(|word| matches!(word, "unsafe" | "asm" | "global_asm"));
            is_unsafe.then(|| "unsafe code and assembly belong in mechanism".to_owned())
        },
    )
}

/// Roots of crates that decide and do not forbid unsafe code.
pub(super) fn find_unguarded(files: &[File]) -> Vec<Finding> {
    let roots = files.iter().filter(|file| is_deciding_root(&file.path));
    let unguarded = roots.filter(|file| !file.code.contains(FORBID));
    unguarded
        .map(|file| Finding {
            path: file.path.clone(),
            line: 0,
            message: format!("say {FORBID}"),
        })
        .collect()
}

fn is_deciding_root(path: &str) -> bool {
    let ends = ["/src/lib.rs", "/src/main.rs"];
    let Some(folder) = ends.iter().find_map(|end| path.strip_suffix(end)) else {
        return false;
    };
    let server = folder.strip_prefix("servers/");
    DECIDING.contains(&folder) || server.is_some_and(|name| !name.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_code_is_found_where_it_may_not_be() {
        let text = "// unsafe in words\n#![forbid(unsafe_code)]\nunsafe { x() }";
        let findings = find_misplaced(&[File::new("servers/a/src/a.rs", text)]);
        let lines: Vec<usize> = findings.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [3]);
        assert!(find_misplaced(&[File::new("userlib/src/a.rs", text)]).is_empty());
    }

    #[test]
    fn roots_that_decide_forbid() {
        for path in ["servers/a/src/main.rs", "microkernel/core/src/lib.rs"] {
            assert_eq!(find_unguarded(&[File::new(path, "//! A.")]).len(), 1);
            assert!(find_unguarded(&[File::new(path, FORBID)]).is_empty());
        }
        for path in ["userlib/src/lib.rs", "servers/a/src/b.rs"] {
            assert!(find_unguarded(&[File::new(path, "//! A.")]).is_empty());
        }
    }

    #[test]
    fn words_of_forbidding_do_not_count() {
        let text = format!("// {FORBID}");
        let root = File::new("servers/a/src/lib.rs", &text);
        assert_eq!(find_unguarded(&[root]).len(), 1);
    }
}
