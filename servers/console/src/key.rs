//! Keys: what a person pressed, decoded from the bytes of a terminal.
//!
//! [`KeyDecoder`] takes one byte at a time and remembers what an unfinished UTF-8 character, escape
//! sequence or CR LF pair needs:
//!
//! ```text
//!           ESC                '[' or 'O'
//!  Ground ───────▶ Escape ─────────────────▶ Sequence
//!    ▲ ▲             │ any other byte           │ 0x40–0x7E
//!    │ └─────────────┴──────────────────────────┘
//!    └ a control byte ends whatever is unfinished and counts as itself
//! ```

/// What was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A printable character.
    Character(char),
    /// Return: CR, LF or CR LF.
    Enter,
    /// Backspace, Ctrl-H.
    Backspace,
    /// Delete, Ctrl-D.
    Delete,
    /// Left arrow, Ctrl-B.
    Left,
    /// Right arrow, Ctrl-F.
    Right,
    /// Up arrow, Ctrl-P.
    Up,
    /// Down arrow, Ctrl-N.
    Down,
    /// Home, Ctrl-A.
    Home,
    /// End, Ctrl-E.
    End,
    /// Ctrl-U.
    KillToStart,
    /// Ctrl-K.
    KillToEnd,
    /// Ctrl-W.
    KillWord,
    /// Ctrl-C, or a break on the line.
    Cancel,
    /// Ctrl-L.
    ClearScreen,
    /// Bytes that are no UTF-8.
    Invalid,
}

const BELOW_SPACE: u8 = 0x20;
const ESCAPE: u8 = 0x1B;
const DELETE: u8 = 0x7F;
/// The greatest number in an escape sequence that is told apart; greater ones count as this.
const PARAMETER_MAX: u8 = 99;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ground,
    /// After CR: an LF belongs to it.
    Return,
    Escape,
    /// In `ESC [ …`, with its first number.
    Sequence {
        parameter: u8,
        is_first: bool,
    },
}

/// Turns bytes into keys.
#[derive(Clone, Debug)]
pub struct KeyDecoder {
    state: State,
    character: [u8; 4],
    character_length: usize,
}

impl Default for KeyDecoder {
    fn default() -> Self {
        KeyDecoder::new()
    }
}

impl KeyDecoder {
    /// Makes a decoder that has seen nothing.
    #[must_use]
    pub const fn new() -> KeyDecoder {
        KeyDecoder {
            state: State::Ground,
            character: [0; 4],
            character_length: 0,
        }
    }

    /// Takes the next byte; tells the key that it completes, if any.
    pub fn decode(&mut self, byte: u8) -> Option<Key> {
        if self.character_length > 0 {
            if byte & 0xC0 == 0x80 {
                return self.continue_character(byte);
            }
            // The character that was begun is lost; the byte is the start of something else.
            self.character_length = 0;
            let _ = self.decode_start(byte);
            return Some(Key::Invalid);
        }
        self.decode_start(byte)
    }

    fn decode_start(&mut self, byte: u8) -> Option<Key> {
        if byte == b'\n' && self.state == State::Return {
            self.state = State::Ground;
            return None;
        }
        if byte < BELOW_SPACE || byte == DELETE {
            return self.decode_control(byte);
        }
        match self.state {
            State::Ground | State::Return => {
                self.state = State::Ground;
                self.start_character(byte)
            }
            State::Escape => {
                self.state = match byte {
                    b'[' | b'O' => State::Sequence {
                        parameter: 0,
                        is_first: true,
                    },
                    _ => State::Ground,
                };
                None
            }
            State::Sequence {
                parameter,
                is_first,
            } => self.decode_sequence(byte, parameter, is_first),
        }
    }

    fn decode_control(&mut self, byte: u8) -> Option<Key> {
        self.state = match byte {
            b'\r' => State::Return,
            ESCAPE => State::Escape,
            _ => State::Ground,
        };
        Some(match byte {
            b'\r' | b'\n' => Key::Enter,
            0x01 => Key::Home,
            0x02 => Key::Left,
            0x03 => Key::Cancel,
            0x04 => Key::Delete,
            0x05 => Key::End,
            0x06 => Key::Right,
            0x08 | DELETE => Key::Backspace,
            0x0B => Key::KillToEnd,
            0x0C => Key::ClearScreen,
            0x0E => Key::Down,
            0x10 => Key::Up,
            0x15 => Key::KillToStart,
            0x17 => Key::KillWord,
            _ => return None,
        })
    }

    fn decode_sequence(&mut self, byte: u8, parameter: u8, is_first: bool) -> Option<Key> {
        match byte {
            b'0'..=b'9' if is_first => {
                let parameter = parameter
                    .saturating_mul(10)
                    .saturating_add(byte - b'0')
                    .min(PARAMETER_MAX);
                self.state = State::Sequence {
                    parameter,
                    is_first,
                };
                None
            }
            0x20..=0x3F => {
                self.state = State::Sequence {
                    parameter,
                    is_first: false,
                };
                None
            }
            _ => {
                self.state = State::Ground;
                sequence_key(byte, parameter)
            }
        }
    }

    fn start_character(&mut self, byte: u8) -> Option<Key> {
        match byte {
            0..=0x7F => Some(Key::Character(char::from(byte))),
            0xC2..=0xF4 => {
                self.character = [byte, 0, 0, 0];
                self.character_length = 1;
                None
            }
            _ => Some(Key::Invalid),
        }
    }

    fn continue_character(&mut self, byte: u8) -> Option<Key> {
        if let Some(place) = self.character.get_mut(self.character_length) {
            *place = byte;
            self.character_length += 1;
        }
        let bytes = self
            .character
            .get(..self.character_length)
            .unwrap_or_default();
        let key = match core::str::from_utf8(bytes) {
            Ok(text) => match text.chars().next() {
                Some(character) if !character.is_control() => Key::Character(character),
                Some(_) | None => Key::Invalid,
            },
            Err(error) if error.error_len().is_none() => return None,
            Err(_) => Key::Invalid,
        };
        self.character_length = 0;
        Some(key)
    }
}

/// The key of an escape sequence that ends with `last` (ECMA-48 and what xterm sends).
fn sequence_key(last: u8, parameter: u8) -> Option<Key> {
    match (last, parameter) {
        (b'A', _) => Some(Key::Up),
        (b'B', _) => Some(Key::Down),
        (b'C', _) => Some(Key::Right),
        (b'D', _) => Some(Key::Left),
        (b'H', _) | (b'~', 1 | 7) => Some(Key::Home),
        (b'F', _) | (b'~', 4 | 8) => Some(Key::End),
        (b'~', 3) => Some(Key::Delete),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec;
    use std::vec::Vec;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = KeyDecoder::new();
        bytes
            .iter()
            .filter_map(|&byte| decoder.decode(byte))
            .collect()
    }

    #[test]
    fn cr_lf_and_cr_lf_are_one_enter_each() {
        assert_eq!(keys(b"\r"), [Key::Enter]);
        assert_eq!(keys(b"\n"), [Key::Enter]);
        assert_eq!(keys(b"\r\n"), [Key::Enter]);
        assert_eq!(keys(b"\r\r\n\n"), [Key::Enter, Key::Enter, Key::Enter]);
        assert_eq!(
            keys(b"\ra\n"),
            [Key::Enter, Key::Character('a'), Key::Enter]
        );
    }

    #[test]
    fn arrows_and_their_kin_are_decoded_in_both_dialects() {
        assert_eq!(keys(b"\x1B[A\x1BOB"), [Key::Up, Key::Down]);
        assert_eq!(keys(b"\x1B[C\x1B[D"), [Key::Right, Key::Left]);
        assert_eq!(keys(b"\x1B[H\x1B[1~\x1B[7~"), [Key::Home; 3]);
        assert_eq!(keys(b"\x1BOF\x1B[4~\x1B[8~"), [Key::End; 3]);
        assert_eq!(keys(b"\x1B[3~\x1B[1;5D"), [Key::Delete, Key::Left]);
    }

    #[test]
    fn unknown_sequences_are_swallowed_whole() {
        assert_eq!(keys(b"\x1B[200~x"), [Key::Character('x')]);
        assert_eq!(keys(b"\x1B[13;2;999999999999ux"), [Key::Character('x')]);
        assert_eq!(keys(b"\x1Bqx"), [Key::Character('x')]);
    }

    #[test]
    fn a_control_byte_ends_a_sequence_and_counts() {
        assert_eq!(keys(b"\x1B[12\rx"), [Key::Enter, Key::Character('x')]);
        assert_eq!(keys(b"\x1B\x1B[A"), [Key::Up]);
    }

    #[test]
    fn characters_of_every_length_are_decoded() {
        let expected: Vec<Key> = "aé€😀".chars().map(Key::Character).collect();
        assert_eq!(keys("aé€😀".as_bytes()), expected);
    }

    #[test]
    fn broken_characters_are_invalid_and_lose_nothing_else_but_the_byte_that_shows_it() {
        assert_eq!(keys(b"\x80"), [Key::Invalid]);
        assert_eq!(keys(b"\xFF"), [Key::Invalid]);
        assert_eq!(keys(b"\xC0\x80"), [Key::Invalid, Key::Invalid]);
        assert_eq!(keys(b"\xED\xA0\x80"), [Key::Invalid, Key::Invalid]);
        assert_eq!(keys(b"\xE2\x82ab"), [Key::Invalid, Key::Character('b')]);
        assert_eq!(keys(b"\xC2\x85"), [Key::Invalid]);
    }

    #[test]
    fn tab_and_unused_controls_are_ignored() {
        assert_eq!(keys(b"\t\0\x07\x1A"), vec![]);
    }

    #[test]
    fn no_byte_sequence_of_three_panics() {
        for first in 0..=255 {
            for second in 0..=255 {
                let mut decoder = KeyDecoder::new();
                decoder.decode(first);
                decoder.decode(second);
                for third in 0..=255 {
                    decoder.clone().decode(third);
                }
            }
        }
    }
}
