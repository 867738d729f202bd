//! The line editor: keys in, a line out, and on the screen what it looks like meanwhile.
//!
//! The screen is a terminal of ECMA-48; every character counts as one column, and a line is thought
//! to fit beside its prompt (a longer one still reads right, but looks odd while its middle is
//! edited).

use ipc_abi::service::console::{LineText, PromptText};

use crate::history::History;
use crate::key::Key;
use crate::line::Line;

/// Where the editor draws.
pub trait Screen {
    /// Puts text on the screen, in order.
    fn put(&mut self, text: &str);
}

const BELL: &str = "\x07";
const CLEAR_TO_END: &str = "\x1B[K";
const CLEAR_SCREEN: &str = "\x1B[H\x1B[2J";
const LEFT: &str = "\x08";
const RIGHT: &str = "\x1B[C";
const NEW_LINE: &str = "\r\n";

/// A line editor with its history.
#[derive(Clone, Debug, Default)]
pub struct Editor {
    prompt: PromptText,
    line: Line,
    history: History,
}

impl Editor {
    /// Makes an editor with an empty line and no history.
    #[must_use]
    pub fn new() -> Editor {
        Editor {
            prompt: PromptText::new(),
            line: Line::new(),
            history: History::new(),
        }
    }

    /// Starts a new line behind `prompt`.
    pub fn start(&mut self, prompt: PromptText, screen: &mut impl Screen) {
        self.prompt = prompt;
        self.line = Line::new();
        self.history.leave();
        self.draw(screen);
    }

    /// Draws prompt and line where the cursor is.
    pub fn draw(&self, screen: &mut impl Screen) {
        screen.put(&self.prompt);
        screen.put(self.line.text());
        move_back(self.line.tail(), screen);
    }

    /// Removes prompt and line from the screen, so that others can write there.
    pub fn erase(&self, screen: &mut impl Screen) {
        screen.put("\r");
        screen.put(CLEAR_TO_END);
    }

    /// Rings the bell: something typed was lost.
    pub fn ring(&self, screen: &mut impl Screen) {
        screen.put(BELL);
    }

    /// Takes a key; hands out the line that it completes, if any. A cancelled line is empty.
    pub fn press(&mut self, key: Key, screen: &mut impl Screen) -> Option<LineText> {
        match key {
            Key::Enter => return Some(self.finish(screen)),
            Key::Cancel => {
                screen.put("^C");
                self.line = Line::new();
                return Some(self.finish(screen));
            }
            Key::Character(character) => self.insert(character, screen),
            Key::Backspace => self.remove_before(screen),
            Key::Delete => self.remove_at(screen),
            Key::Left => put_or_ring(self.line.move_left(), LEFT, screen),
            Key::Right => put_or_ring(self.line.move_right(), RIGHT, screen),
            Key::Home => self.go_to_start(screen),
            Key::End => self.go_to_end(screen),
            Key::Up => self.go_back(screen),
            Key::Down => self.go_forward(screen),
            Key::KillToStart => self.change(Line::remove_to_start, screen),
            Key::KillWord => self.change(Line::remove_word, screen),
            Key::KillToEnd => {
                self.line.remove_to_end();
                screen.put(CLEAR_TO_END);
            }
            Key::ClearScreen => {
                screen.put(CLEAR_SCREEN);
                self.draw(screen);
            }
            Key::Invalid => screen.put(BELL),
        }
        None
    }

    fn finish(&mut self, screen: &mut impl Screen) -> LineText {
        screen.put(NEW_LINE);
        let text = self.line.take();
        self.history.add(&text);
        text
    }

    fn insert(&mut self, character: char, screen: &mut impl Screen) {
        if !self.line.insert(character) {
            screen.put(BELL);
            return;
        }
        screen.put(character.encode_utf8(&mut [0; 4]));
        screen.put(self.line.tail());
        move_back(self.line.tail(), screen);
    }

    fn remove_before(&mut self, screen: &mut impl Screen) {
        let was_there = self.line.remove_before();
        put_or_ring(was_there, LEFT, screen);
        if was_there {
            self.draw_tail(screen);
        }
    }

    fn remove_at(&mut self, screen: &mut impl Screen) {
        if self.line.remove_at() {
            self.draw_tail(screen);
        } else {
            screen.put(BELL);
        }
    }

    fn go_to_start(&mut self, screen: &mut impl Screen) {
        move_back(self.line.head(), screen);
        self.line.move_to_start();
    }

    fn go_to_end(&mut self, screen: &mut impl Screen) {
        screen.put(self.line.tail());
        self.line.move_to_end();
    }

    fn go_back(&mut self, screen: &mut impl Screen) {
        let found = self.history.go_back(self.line.text()).cloned();
        self.show(found, screen);
    }

    fn go_forward(&mut self, screen: &mut impl Screen) {
        let found = self.history.go_forward().cloned();
        self.show(found, screen);
    }

    fn show(&mut self, found: Option<LineText>, screen: &mut impl Screen) {
        let Some(text) = found else {
            screen.put(BELL);
            return;
        };
        move_back(self.line.head(), screen);
        self.line.replace(&text);
        screen.put(self.line.text());
        screen.put(CLEAR_TO_END);
    }

    /// Changes what is before the cursor, then draws from there.
    fn change(&mut self, change: impl FnOnce(&mut Line), screen: &mut impl Screen) {
        let columns = self.line.head().chars().count();
        change(&mut self.line);
        for _ in self.line.head().chars().count()..columns {
            screen.put(LEFT);
        }
        self.draw_tail(screen);
    }

    fn draw_tail(&self, screen: &mut impl Screen) {
        screen.put(self.line.tail());
        screen.put(CLEAR_TO_END);
        move_back(self.line.tail(), screen);
    }
}

/// Moves the cursor back over `text`.
fn move_back(text: &str, screen: &mut impl Screen) {
    for _ in text.chars() {
        screen.put(LEFT);
    }
}

fn put_or_ring(is_done: bool, text: &str, screen: &mut impl Screen) {
    screen.put(if is_done { text } else { BELL });
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::key::KeyDecoder;
    use ipc_abi::service::console::LINE_BYTES;
    use std::string::String;
    use std::vec::Vec;

    /// One row of a terminal that understands what the editor sends.
    #[derive(Default)]
    struct Row {
        cells: Vec<char>,
        column: usize,
        bells: usize,
        new_lines: usize,
    }

    impl Screen for Row {
        fn put(&mut self, text: &str) {
            match text {
                BELL => self.bells += 1,
                CLEAR_TO_END => self.cells.truncate(self.column),
                CLEAR_SCREEN => {
                    self.cells.clear();
                    self.column = 0;
                }
                LEFT => self.column = self.column.checked_sub(1).expect("left of the screen"),
                RIGHT => self.column += 1,
                "\r" => self.column = 0,
                NEW_LINE => self.new_lines += 1,
                _ => text
                    .chars()
                    .for_each(|character| self.put_character(character)),
            }
        }
    }

    impl Row {
        fn put_character(&mut self, character: char) {
            assert!(!character.is_control(), "a stray control: {character:?}");
            assert!(self.column <= self.cells.len(), "a gap on the screen");
            if self.column < self.cells.len() {
                self.cells[self.column] = character;
            } else {
                self.cells.push(character);
            }
            self.column += 1;
        }

        fn text(&self) -> String {
            self.cells.iter().collect()
        }
    }

    struct Session {
        decoder: KeyDecoder,
        editor: Editor,
        row: Row,
        lines: Vec<String>,
    }

    impl Session {
        fn new() -> Session {
            let mut session = Session {
                decoder: KeyDecoder::new(),
                editor: Editor::new(),
                row: Row::default(),
                lines: Vec::new(),
            };
            session.start();
            session
        }

        fn start(&mut self) {
            self.row = Row::default();
            self.editor
                .start(PromptText::try_from("> ").expect("short"), &mut self.row);
        }

        /// Types bytes and compares row and cursor with the editor after each key.
        fn type_bytes(&mut self, bytes: &[u8]) {
            for &byte in bytes {
                for key in self.decoder.decode(byte) {
                    self.press(key);
                }
            }
        }

        fn press(&mut self, key: Key) {
            if let Some(line) = self.editor.press(key, &mut self.row) {
                self.lines.push(line.as_str().into());
                self.start();
            }
            let expected = std::format!("> {}", self.editor.line.text());
            assert_eq!(self.row.text(), expected, "after {key:?}");
            let column = 2 + self.editor.line.head().chars().count();
            assert_eq!(self.row.column, column, "after {key:?}");
        }
    }

    fn lines_of(bytes: &[u8]) -> Vec<String> {
        let mut session = Session::new();
        session.type_bytes(bytes);
        session.lines
    }

    #[test]
    fn a_typed_line_comes_out() {
        assert_eq!(lines_of("h\u{e9}llo\r".as_bytes()), ["h\u{e9}llo"]);
    }

    #[test]
    fn the_middle_can_be_edited() {
        assert_eq!(lines_of(b"hllo\x01\x1B[Ce\r"), ["hello"]);
        assert_eq!(lines_of(b"helxlo\x1B[D\x1B[D\x7F\r"), ["hello"]);
        assert_eq!(lines_of(b"xhello\x01\x04\r"), ["hello"]);
        assert_eq!(lines_of(b"one two three\x17\x17four\r"), ["one four"]);
        assert_eq!(lines_of(b"abc\x02\x02\x0B\x05d\r"), ["ad"]);
        assert_eq!(lines_of(b"abc\x02\x15d\r"), ["dc"]);
        assert_eq!(lines_of(b"ab\x0Cc\r"), ["abc"]);
    }

    #[test]
    fn earlier_lines_come_back() {
        assert_eq!(lines_of(b"one\rtwo\r\x10\x10\r"), ["one", "two", "one"]);
        assert_eq!(lines_of(b"one\rtw\x10\x0Eo\r"), ["one", "two"]);
        assert_eq!(lines_of(b"one\r\x10!\r\x10\x10\r"), ["one", "one!", "one"]);
    }

    #[test]
    fn a_cancelled_line_is_empty_and_not_remembered() {
        assert_eq!(lines_of(b"one\x03\x10\r"), ["", ""]);
    }

    #[test]
    fn the_ends_ring() {
        let mut session = Session::new();
        session.type_bytes(b"\x7F\x04\x02\x06\x10\x0E\xFF");
        assert_eq!(session.row.bells, 7);
    }

    #[test]
    fn one_past_the_limit_rings_and_changes_nothing() {
        let mut session = Session::new();
        session.type_bytes(&[b'x'; LINE_BYTES]);
        assert_eq!(session.row.bells, 0);
        session.type_bytes(b"y");
        assert_eq!(session.row.bells, 1);
        session.type_bytes(b"\r");
        assert_eq!(session.lines, ["x".repeat(LINE_BYTES)]);
    }

    #[test]
    fn any_bytes_leave_screen_and_line_in_step() {
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let mut session = Session::new();
        for _ in 0..20_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let bytes = state.to_le_bytes();
            session.type_bytes(&bytes[..3]);
            session.type_bytes(b"\x1B[");
            session.type_bytes(&[b'A' + bytes[4] % 8]);
            session.type_bytes("a\u{20ac} b".as_bytes());
        }
        assert!(!session.lines.is_empty());
    }
}
