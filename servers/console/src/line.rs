//! The line that is being edited: text and a cursor, no screen.
//!
//! Invariant: the cursor is a character boundary of the text.

use heapless::String;
use ipc_abi::service::console::{LINE_BYTES, LineText};

/// A line and where the next character goes.
#[derive(Clone, Debug, Default)]
pub struct Line {
    text: LineText,
    cursor: usize,
}

impl Line {
    /// Makes an empty line.
    #[must_use]
    pub const fn new() -> Line {
        Line {
            text: String::new(),
            cursor: 0,
        }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the cursor.
    #[must_use]
    pub fn head(&self) -> &str {
        self.text.get(..self.cursor).unwrap_or_default()
    }

    /// What stands from the cursor on.
    #[must_use]
    pub fn tail(&self) -> &str {
        self.text.get(self.cursor..).unwrap_or_default()
    }

    /// Inserts a character; tells whether there was room for it.
    pub fn insert(&mut self, character: char) -> bool {
        if self.text.len() + character.len_utf8() > LINE_BYTES {
            return false;
        }
        let rest = owned(self.tail());
        self.text.truncate(self.cursor);
        let has_room = self.text.push(character).is_ok() && self.text.push_str(&rest).is_ok();
        self.cursor += character.len_utf8();
        has_room
    }

    /// Moves one character to the left; tells whether there was one.
    pub fn move_left(&mut self) -> bool {
        let step = self.head().chars().next_back().map_or(0, char::len_utf8);
        self.cursor -= step;
        step > 0
    }

    /// Moves one character to the right; tells whether there was one.
    pub fn move_right(&mut self) -> bool {
        let step = self.tail().chars().next().map_or(0, char::len_utf8);
        self.cursor += step;
        step > 0
    }

    /// Moves to the start.
    pub fn move_to_start(&mut self) {
        self.cursor = 0;
    }

    /// Moves to the end.
    pub fn move_to_end(&mut self) {
        self.cursor = self.text.len();
    }

    /// Removes the character before the cursor; tells whether there was one.
    pub fn remove_before(&mut self) -> bool {
        self.move_left() && self.remove_at()
    }

    /// Removes the character at the cursor; tells whether there was one.
    pub fn remove_at(&mut self) -> bool {
        let length = self.tail().chars().next().map_or(0, char::len_utf8);
        self.remove_range(self.cursor, self.cursor + length);
        length > 0
    }

    /// Removes all before the cursor.
    pub fn remove_to_start(&mut self) {
        self.remove_range(0, self.cursor);
    }

    /// Removes all from the cursor on.
    pub fn remove_to_end(&mut self) {
        self.text.truncate(self.cursor);
    }

    /// Removes the word before the cursor and the spaces after it.
    pub fn remove_word(&mut self) {
        let words = self.head().trim_end();
        let start = words.rfind(char::is_whitespace).map_or(0, |space| {
            space
                + words
                    .get(space..)
                    .and_then(|rest| rest.chars().next())
                    .map_or(0, char::len_utf8)
        });
        self.remove_range(start, self.cursor);
    }

    /// Replaces the text; the cursor goes to its end.
    pub fn replace(&mut self, text: &LineText) {
        self.text = text.clone();
        self.move_to_end();
    }

    /// Empties the line and hands out what it was.
    pub fn take(&mut self) -> LineText {
        self.cursor = 0;
        core::mem::take(&mut self.text)
    }

    /// Removes `[start, end)`, which are boundaries with `start` ≤ the cursor ≤ `end`.
    fn remove_range(&mut self, start: usize, end: usize) {
        let rest = owned(self.text.get(end..).unwrap_or_default());
        self.text.truncate(start);
        let fits = self.text.push_str(&rest);
        debug_assert!(fits.is_ok(), "a shorter line fits where a longer one did");
        self.cursor = start;
    }
}

/// Copies a piece of a line, which is never longer than a line.
fn owned(text: &str) -> LineText {
    let mut copy = LineText::new();
    let fits = copy.push_str(text);
    debug_assert!(fits.is_ok(), "a piece of a line fits in a line");
    copy
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn line(head: &str, tail: &str) -> Line {
        let mut line = Line::new();
        for character in head.chars().chain(tail.chars()) {
            assert!(line.insert(character));
        }
        for _ in tail.chars() {
            assert!(line.move_left());
        }
        line
    }

    #[test]
    fn characters_go_in_at_the_cursor() {
        let mut line = line("aé", "c");
        assert!(line.insert('😀'));
        assert_eq!((line.head(), line.tail()), ("aé😀", "c"));
    }

    #[test]
    fn a_full_line_takes_no_more() {
        let mut line = Line::new();
        for _ in 0..LINE_BYTES - 1 {
            assert!(line.insert('x'));
        }
        assert!(!line.insert('é'), "two bytes where one is left");
        assert!(line.insert('x'));
        assert!(!line.insert('x'), "one past the limit");
        assert_eq!(line.text().len(), LINE_BYTES);
        line.move_to_start();
        assert!(!line.insert('x'));
        assert_eq!(line.head(), "");
    }

    #[test]
    fn removal_is_by_whole_characters() {
        let mut line = line("a€", "😀b");
        assert!(line.remove_before());
        assert!(line.remove_at());
        assert_eq!((line.head(), line.tail()), ("a", "b"));
    }

    #[test]
    fn nothing_is_removed_past_the_ends() {
        let mut line = line("", "ab");
        assert!(!line.remove_before());
        assert!(!line.move_left());
        line.move_to_end();
        assert!(!line.remove_at());
        assert!(!line.move_right());
        assert_eq!(line.text(), "ab");
    }

    #[test]
    fn a_word_goes_with_the_spaces_after_it() {
        let mut line = line("one two  ", "three");
        line.remove_word();
        assert_eq!((line.head(), line.tail()), ("one ", "three"));
        line.remove_word();
        assert_eq!((line.head(), line.tail()), ("", "three"));
        line.remove_word();
        assert_eq!(line.text(), "three");
    }

    #[test]
    fn kills_take_either_side() {
        let mut first = line("ab", "cd");
        first.remove_to_start();
        assert_eq!((first.head(), first.tail()), ("", "cd"));
        let mut second = line("ab", "cd");
        second.remove_to_end();
        assert_eq!((second.head(), second.tail()), ("ab", ""));
    }

    #[test]
    fn taking_leaves_an_empty_line() {
        let mut line = line("ab", "cd");
        assert_eq!(line.take().as_str(), "abcd");
        assert_eq!((line.head(), line.tail()), ("", ""));
    }
}
