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
//!
//! What is no UTF-8 is discarded by maximal subparts: a byte that cannot go on with the character that
//! was begun counts as if it came alone, be it Return, a letter or the start of another character.

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

    /// Takes the next byte; tells the keys that it completes: [`Key::Invalid`] if it interrupts an
    /// unfinished character, then what it is by itself, if that is a key already.
    pub fn decode(&mut self, byte: u8) -> impl Iterator<Item = Key> + use<> {
        let lost = self.is_interrupted_by(byte).then(|| {
            self.character_length = 0;
            Key::Invalid
        });
        let key = if self.character_length > 0 {
            self.continue_character(byte)
        } else {
            self.decode_start(byte)
        };
        [lost, key].into_iter().flatten()
    }

    /// Whether a character was begun of which the byte cannot be the next one. What there was of it is
    /// a maximal subpart (Unicode 16.0 §3.9.6): the byte is no part of it.
    fn is_interrupted_by(&self, byte: u8) -> bool {
        let mut next = self.clone();
        next.append(byte);
        let is_wrong = |error: core::str::Utf8Error| error.error_len().is_some();
        self.character_length > 0 && core::str::from_utf8(next.unfinished()).is_err_and(is_wrong)
    }

    /// What there is of the character that was begun.
    fn unfinished(&self) -> &[u8] {
        self.character
            .get(..self.character_length)
            .unwrap_or_default()
    }

    fn append(&mut self, byte: u8) {
        if let Some(place) = self.character.get_mut(self.character_length) {
            *place = byte;
            self.character_length += 1;
        }
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

    /// Takes a byte that does not interrupt the character.
    fn continue_character(&mut self, byte: u8) -> Option<Key> {
        self.append(byte);
        let text = core::str::from_utf8(self.unfinished()).ok()?;
        let key = match text.chars().next() {
            Some(character) if !character.is_control() => Key::Character(character),
            Some(_) | None => Key::Invalid,
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
            .flat_map(|&byte| decoder.decode(byte))
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
    fn broken_characters_are_invalid_and_lose_nothing_else() {
        assert_eq!(keys(b"\x80"), [Key::Invalid]);
        assert_eq!(keys(b"\xFF"), [Key::Invalid]);
        assert_eq!(keys(b"\xC0\x80"), [Key::Invalid; 2]);
        assert_eq!(keys(b"\xED\xA0\x80"), [Key::Invalid; 3]);
        assert_eq!(keys(b"\xF4\x90\x80\x80"), [Key::Invalid; 4]);
        assert_eq!(keys(b"\xC2\x85"), [Key::Invalid]);
    }

    #[test]
    fn what_interrupts_a_character_counts_as_if_it_came_alone() {
        for begun in [b"\xC3".as_slice(), b"\xE2", b"\xE2\x82", b"\xF0\x9F\x98"] {
            for interrupting in [
                b"\r".as_slice(),
                b"\n",
                b"\x03",
                b"\x7F",
                b"\x1B[A",
                b"a",
                b" ",
                b"\xC3\xA9",
                b"\xF0\x9F\x98\x80",
                b"\xFF",
            ] {
                let both = [begun, interrupting].concat();
                let expected = [vec![Key::Invalid], keys(interrupting)].concat();
                assert_eq!(keys(&both), expected, "{both:X?}");
            }
        }
        assert_eq!(keys(b"\xC3\r\n"), [Key::Invalid, Key::Enter]);
        assert_eq!(
            keys(b"\xE2\xE2a"),
            [Key::Invalid, Key::Invalid, Key::Character('a')]
        );
    }

    /// The standard library replaces each maximal subpart, too.
    #[test]
    fn broken_text_is_taken_as_the_standard_library_takes_it() {
        const BYTES: [u8; 13] = [
            b'a', 0x80, 0x90, 0xA0, 0xBF, 0xC1, 0xC2, 0xE0, 0xE2, 0xED, 0xF0, 0xF4, 0xFF,
        ];
        for index in 0..BYTES.len().pow(4) {
            let digit = |place| BYTES[index / BYTES.len().pow(place) % BYTES.len()];
            let bytes = [digit(3), digit(2), digit(1), digit(0), b'.'];
            let key = |character: char| match character {
                char::REPLACEMENT_CHARACTER => Key::Invalid,
                character if character.is_control() => Key::Invalid,
                character => Key::Character(character),
            };
            let text = std::string::String::from_utf8_lossy(&bytes);
            let expected: Vec<Key> = text.chars().map(key).collect();
            assert_eq!(keys(&bytes), expected, "{bytes:X?}");
        }
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
                let keys = decoder.decode(first).chain(decoder.decode(second)).count();
                for third in 0..=255 {
                    let keys = keys + decoder.clone().decode(third).count();
                    assert!(keys <= 3, "no byte is more than one key");
                }
            }
        }
    }
}
