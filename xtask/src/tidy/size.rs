//! How long things may be.

use super::Finding;
use super::source::File;

/// The most lines of a file that people write.
const FILE_LINES_MAX: usize = 500;
/// The most lines of a module with unsafe code.
const UNSAFE_LINES_MAX: usize = 200;
/// The most lines of a server's main.
const MAIN_LINES_MAX: usize = 40;
/// The endings of files with code.
const CODE_ENDINGS: [&str; 5] = [".rs", ".s", ".py", ".sh", ".ld"];

/// Files with more than [`FILE_LINES_MAX`] lines.
pub(super) fn find_long_files(files: &[File]) -> Vec<Finding> {
    let is_code = |file: &File| CODE_ENDINGS.iter().any(|it| file.path.ends_with(it));
    find_longer(files, FILE_LINES_MAX, is_code)
}

/// Modules with unsafe code of more than [`UNSAFE_LINES_MAX`] lines.
pub(super) fn find_long_unsafe(files: &[File]) -> Vec<Finding> {
    find_longer(files, UNSAFE_LINES_MAX, |file| {
        file.code.contains("unsafe {") || file.code.contains("unsafe fn")
    })
}

/// A server's `main.rs` of more than [`MAIN_LINES_MAX`] lines.
pub(super) fn find_long_mains(files: &[File]) -> Vec<Finding> {
    find_longer(files, MAIN_LINES_MAX, |file| {
        file.is_in("servers") && file.path.ends_with("/main.rs")
    })
}

fn find_longer(files: &[File], limit: usize, wanted: impl Fn(&File) -> bool) -> Vec<Finding> {
    let counted = files.iter().filter(|file| wanted(file));
    let counted = counted.map(|file| (file, file.text.lines().count()));
    let long = counted.filter(|(_, count)| *count > limit);
    long.map(|(file, count)| Finding {
        path: file.path.clone(),
        line: 0,
        message: format!("{count} lines, {limit} are allowed: split it by noun"),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, lines: usize) -> File {
        File::new(path, &"x\n".repeat(lines))
    }

    #[test]
    fn file_at_the_limit_passes_and_one_line_more_does_not() {
        assert!(find_long_files(&[file("a.rs", FILE_LINES_MAX)]).is_empty());
        let findings = find_long_files(&[file("a.rs", FILE_LINES_MAX + 1)]);
        let messages: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            ["a.rs: 501 lines, 500 are allowed: split it by noun"]
        );
    }

    #[test]
    fn main_of_a_server_is_short() {
        let long = MAIN_LINES_MAX + 1;
        assert_eq!(
            find_long_mains(&[file("servers/a/src/main.rs", long)]).len(),
            1
        );
        assert!(find_long_mains(&[file("xtask/src/main.rs", long)]).is_empty());
        assert!(find_long_mains(&[file("servers/a/src/domain.rs", long)]).is_empty());
    }

    #[test]
    fn unsafe_module_is_small() {
        let text = format!("unsafe {{}}\n{}", "x\n".repeat(UNSAFE_LINES_MAX));
        assert_eq!(find_long_unsafe(&[File::new("a.rs", &text)]).len(), 1);
        assert!(find_long_unsafe(&[file("a.rs", UNSAFE_LINES_MAX + 1)]).is_empty());
    }
}
