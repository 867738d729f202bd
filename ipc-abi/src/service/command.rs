//! A command of the shell that is a process of its own.
//!
//! The shell hands a line whose first word is the name of such a process, which `system.toml` lets it
//! call, to that process. So a server whose interface the shell does not know brings its client
//! along.

use core::fmt;

use heapless::String;

use crate::interface;

/// A command of the shell.
#[interface(version = 1)]
pub trait Command {
    /// Carries out the command. `words` are those behind its name, each ended by a line feed, which
    /// no word has in it. Tells what is to be printed.
    ///
    /// # Errors
    ///
    /// What went wrong, in a few words for a person.
    #[method(1)]
    fn run(&mut self, words: &str) -> Result<CommandText, Complaint>;
}

/// The most bytes that a command prints.
pub const TEXT_BYTES: usize = 1024;
/// The most bytes that it says about what went wrong.
pub const COMPLAINT_BYTES: usize = 96;
/// What a command prints.
pub type CommandText = String<TEXT_BYTES>;
/// What a command says about what went wrong.
pub type Complaint = String<COMPLAINT_BYTES>;

/// Writes a text; what is too long is cut off.
#[must_use]
pub fn text<const BYTES: usize>(arguments: fmt::Arguments<'_>) -> String<BYTES> {
    let mut cut = Cut(String::new());
    // It takes everything; what a `Display` that fails wrote before is kept.
    let _ = fmt::write(&mut cut, arguments);
    cut.0
}

struct Cut<const BYTES: usize>(String<BYTES>);

impl<const BYTES: usize> fmt::Write for Cut<BYTES> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.0.push(character).is_err() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn longest_text_is_whole_and_one_character_more_is_cut_off() {
        let longest = [b'a'; COMPLAINT_BYTES];
        let longest = core::str::from_utf8(&longest).expect("it is text");
        let complaint: Complaint = text(format_args!("{longest}"));
        assert_eq!(complaint, longest);
        let complaint: Complaint = text(format_args!("{longest}b"));
        assert_eq!(complaint, longest);
        let whole: CommandText = text(format_args!("{longest}b"));
        assert_eq!(whole.len(), COMPLAINT_BYTES + 1);
        // No half of a character is left.
        let complaint: Complaint = text(format_args!("a{}", "ä".repeat(COMPLAINT_BYTES)));
        assert_eq!(complaint.len(), COMPLAINT_BYTES - 1);
    }
}
