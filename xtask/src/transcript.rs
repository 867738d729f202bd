//! What the console printed, and what it means: prompts, crashes, panics.

/// The prompt after a command that succeeded.
pub const PROMPT: &str = "pecan> ";
/// The prompt after a command that failed.
pub const PROMPT_AFTER_FAILURE: &str = "pecan!> ";
/// How the kernel's last words start.
pub const PANIC: &str = "kernel panic:";
/// How a line goes on, after a process's name, that tells of its crash.
const CRASH: &str = " crashed:";

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// As it should.
    Succeeded,
    /// With a message.
    Failed,
}

/// Turns the bytes of a terminal into lines: without carriage returns, escape sequences and what
/// was typed over.
#[must_use]
pub fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = remove_escapes(&text);
    let mut cleaned = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (body, end) = match line.strip_suffix('\n') {
            Some(body) => (body.trim_end_matches('\r'), "\n"),
            None => (line, ""),
        };
        cleaned.push_str(body.rsplit('\r').next().unwrap_or(body));
        cleaned.push_str(end);
    }
    cleaned
}

/// Removes control sequences (ECMA-48: `ESC [ parameters final`), other escapes and bells.
fn remove_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\u{1B}' => {
                if characters.next() == Some('[') {
                    // The final byte is in `@` to `~`.
                    let _final = characters.find(|it| ('@'..='~').contains(it));
                }
            }
            '\u{7}' => {}
            other => plain.push(other),
        }
    }
    plain
}

/// The status that a prompt at the end of cleaned text tells.
#[must_use]
pub fn find_prompt(text: &str) -> Option<Status> {
    match last_line(text) {
        PROMPT => Some(Status::Succeeded),
        PROMPT_AFTER_FAILURE => Some(Status::Failed),
        _ => None,
    }
}

/// Cleaned text without its last line, which has no end yet.
#[must_use]
pub fn whole_lines(text: &str) -> &str {
    let end = text.rfind('\n').map_or(0, |newline| newline + 1);
    text.get(..end).unwrap_or_default()
}

/// Whether the kernel gave up in this text.
#[must_use]
pub fn has_panic(text: &str) -> bool {
    text.lines().any(|line| line.starts_with(PANIC))
}

/// Whether a line tells of the crash of a process.
#[must_use]
pub fn is_crash_report(line: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let who = line.split_once(CRASH).map(|(who, _)| who);
    let name = who.map(|who| without_thread(who).unwrap_or(who));
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(is_name))
}

/// The process of a thread behind its first: `name (thread 2)`.
fn without_thread(who: &str) -> Option<&str> {
    let (name, number) = who.strip_suffix(')')?.split_once(" (thread ")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(name)
}

/// The answer to a typed line in the cleaned text since it was typed: what stands between its
/// echo and the next prompt, and what that prompt tells. `None` until the prompt is there.
#[must_use]
pub fn find_answer(text: &str) -> Option<(&str, Status)> {
    let (_echo, rest) = text.split_once('\n')?;
    let status = find_prompt(rest)?;
    Some((whole_lines(rest), status))
}

fn last_line(text: &str) -> &str {
    text.rsplit('\n').next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_bytes_become_lines() {
        assert_eq!(clean(b"one\r\ntwo\r\n"), "one\ntwo\n");
        assert_eq!(clean(b"\x1b[2K\x1b[1;32mgreen\x1b[0m\x07"), "green");
        assert_eq!(clean(b"pecan> ab\rpecan> abc\r\n"), "pecan> abc\n");
        assert_eq!(clean(b"half an escape \x1b["), "half an escape ");
        assert_eq!(clean(b"\xFF"), "\u{FFFD}");
    }

    #[test]
    fn prompts_tell_the_status() {
        assert_eq!(find_prompt("x\npecan> "), Some(Status::Succeeded));
        assert_eq!(find_prompt("pecan!> "), Some(Status::Failed));
        for text in ["", "pecan>", "pecan> h", " pecan> ", "pecan> \n"] {
            assert_eq!(find_prompt(text), None, "{text:?}");
        }
    }

    #[test]
    fn answer_is_between_echo_and_prompt() {
        assert_eq!(
            find_answer("echo a\na\npecan> "),
            Some(("a\n", Status::Succeeded))
        );
        assert_eq!(find_answer("x\npecan!> "), Some(("", Status::Failed)));
    }

    #[test]
    fn redrawn_prompt_before_the_echo_ends_is_no_answer() {
        for text in ["", "pecan> ", "ec", "echo a\n", "echo a\na\npecan>"] {
            assert_eq!(find_answer(text), None, "{text:?}");
        }
    }

    #[test]
    fn crash_reports_start_with_a_name() {
        assert!(is_crash_report("net-device2 crashed: x"));
        assert!(is_crash_report("shell (thread 2) crashed: x"));
        for line in [
            "",
            " crashed: x",
            "The shell crashed: x",
            "shell crashed",
            "shell (thread ) crashed: x",
            "shell (thread two) crashed: x",
            "shell (2) crashed: x",
        ] {
            assert!(!is_crash_report(line), "{line:?}");
        }
    }

    #[test]
    fn panic_is_seen_at_the_start_of_a_line_only() {
        assert!(has_panic("x\nkernel panic: y"));
        assert!(!has_panic("echo kernel panic: y"));
    }
}
