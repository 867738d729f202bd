//! The terminal: one keyboard, one screen, any number of writers, at most one reader.
//!
//! ```text
//!          start_read                a line is complete, or stop_read
//!  Idle ───────────────▶ Reading ─────────────────────────────────────▶ Idle
//! ```
//!
//! While nobody reads, what is typed waits, unseen, in a queue of [`INPUT_BYTES`]. While somebody
//! reads, text of writers goes above the line that is being edited, which is drawn again below it.

use alloc::collections::VecDeque;
use ipc_abi::service::console::{LineText, PromptText, Statistics};

use crate::editor::Editor;
use crate::key::{Key, KeyDecoder};
use crate::pl011::{ReceiveEvent, Received, Registers};
use crate::wire::Wire;

/// How many bytes are typed ahead at most; further ones ring the bell.
pub const INPUT_BYTES: usize = 1024;

/// One thing typed ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typed {
    Byte(u8),
    Break,
}

/// A terminal on a PL011.
#[derive(Debug)]
pub struct Terminal<R> {
    wire: Wire<R>,
    input: VecDeque<Typed>,
    decoder: KeyDecoder,
    editor: Editor,
    is_reading: bool,
    statistics: Statistics,
}

impl<R: Registers> Terminal<R> {
    /// Takes the device over.
    pub fn start(registers: R) -> Terminal<R> {
        Terminal {
            wire: Wire::start(registers),
            input: VecDeque::with_capacity(INPUT_BYTES),
            decoder: KeyDecoder::new(),
            editor: Editor::new(),
            is_reading: false,
            statistics: Statistics::default(),
        }
    }

    /// Whether somebody reads.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.is_reading
    }

    /// What came over the line so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics {
            output_lost: self.wire.lost(),
            ..self.statistics
        }
    }

    /// Puts a writer's text on the screen.
    pub fn write(&mut self, text: &[u8]) {
        if !self.is_reading {
            self.wire.write_text(text);
            return;
        }
        self.editor.erase(&mut self.wire);
        self.wire.write_text(text);
        if !self.wire.is_at_line_start() {
            self.wire.write_text(b"\n");
        }
        self.editor.draw(&mut self.wire);
    }

    /// Starts to read a line behind `prompt`; hands it out if it was typed ahead. A read that is
    /// under way is forgotten.
    pub fn start_read(&mut self, prompt: PromptText) -> Option<LineText> {
        self.stop_read();
        if !self.wire.is_at_line_start() {
            self.wire.write_text(b"\n");
        }
        self.is_reading = true;
        self.editor.start(prompt, &mut self.wire);
        while let Some(typed) = self.input.pop_front() {
            if let Some(line) = self.press(typed) {
                return Some(line);
            }
        }
        None
    }

    /// Forgets the read that is under way, if any, because its reader is gone.
    pub fn stop_read(&mut self) {
        if self.is_reading {
            self.is_reading = false;
            self.editor.erase(&mut self.wire);
            self.wire.note_line_start();
        }
    }

    /// Serves the device after an interrupt; hands out the line that the reader gets, if one is
    /// complete. What comes behind that is typed ahead.
    ///
    /// It ends when the receiver is empty, and must not before: an emulated device interrupts when its
    /// receiver stops being empty, so what was left in it would raise nothing, ever. A line carries at
    /// most one character each 87 µs, and taking one is faster.
    pub fn serve_device(&mut self) -> Option<LineText> {
        self.wire.clear_interrupts();
        self.wire.transmit();
        let mut complete = None;
        while let Some(received) = self.wire.receive() {
            let Some(typed) = self.note(received) else {
                continue;
            };
            if self.is_reading && complete.is_none() {
                complete = self.press(typed);
            } else {
                self.take_ahead(typed);
            }
        }
        complete
    }

    fn take_ahead(&mut self, typed: Typed) {
        if self.input.len() < INPUT_BYTES {
            self.input.push_back(typed);
        } else {
            self.statistics.input_lost = self.statistics.input_lost.saturating_add(1);
            self.editor.ring(&mut self.wire);
        }
    }

    /// Counts what came; tells what of it is typed.
    fn note(&mut self, received: Received) -> Option<Typed> {
        let statistics = &mut self.statistics;
        if received.is_after_overrun {
            statistics.overruns = statistics.overruns.saturating_add(1);
            self.editor.ring(&mut self.wire);
        }
        let (counter, typed) = match received.event {
            ReceiveEvent::Byte(byte) => (&mut statistics.bytes, Some(Typed::Byte(byte))),
            ReceiveEvent::Break => (&mut statistics.breaks, Some(Typed::Break)),
            ReceiveEvent::FramingError => (&mut statistics.framing_errors, None),
            ReceiveEvent::ParityError => (&mut statistics.parity_errors, None),
        };
        *counter = counter.saturating_add(1);
        if typed.is_none() {
            self.editor.ring(&mut self.wire);
        }
        typed
    }

    fn press(&mut self, typed: Typed) -> Option<LineText> {
        match typed {
            Typed::Byte(byte) => {
                let keys = self.decoder.decode(byte);
                // At most the last of them is Return.
                keys.fold(None, |line, key| line.or(self.press_key(key)))
            }
            Typed::Break => self.press_key(Key::Cancel),
        }
    }

    fn press_key(&mut self, key: Key) -> Option<LineText> {
        let line = self.editor.press(key, &mut self.wire)?;
        self.is_reading = false;
        self.wire.note_line_start();
        Some(line)
    }

    /// The registers, for tests that look at the fake device.
    #[cfg(test)]
    pub(crate) fn registers(&mut self) -> &mut R {
        self.wire.registers()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::fake::FakeUart;
    use std::string::String;
    use std::vec::Vec;

    fn terminal() -> Terminal<FakeUart> {
        Terminal::start(FakeUart::fast())
    }

    fn prompt() -> PromptText {
        PromptText::try_from("> ").expect("short")
    }

    /// Bytes arrive as fast as the server serves them; collects the lines of a reader that always
    /// reads again.
    fn enter(terminal: &mut Terminal<FakeUart>, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.chunks(20) {
            terminal.registers().arrive(piece);
            let mut next = terminal.serve_device();
            while let Some(line) = next {
                lines.push(line.as_str().into());
                next = terminal.start_read(prompt());
            }
        }
        lines
    }

    /// A host that types by program is as fast as the driver: the receiver is never seen empty before
    /// all has come.
    #[test]
    fn nothing_is_left_in_a_receiver_that_fills_as_fast_as_it_empties() {
        let mut terminal = terminal();
        assert_eq!(terminal.start_read(prompt()), None);
        let long = "x".repeat(5000);
        terminal.registers().type_ahead(long.as_bytes());
        terminal.registers().type_ahead(b"\rnext\r");
        let line = terminal.serve_device().expect("it is complete");
        assert!(line.chars().all(|character| character == 'x'));
        assert!(!terminal.registers().interrupts());
        assert_eq!(terminal.start_read(prompt()).as_deref(), Some("next"));
    }

    #[test]
    fn a_reader_gets_its_line_and_sees_it_typed() {
        let mut terminal = terminal();
        assert_eq!(terminal.start_read(prompt()), None);
        terminal.registers().arrive(b"help\r");
        assert_eq!(terminal.serve_device().as_deref(), Some("help"));
        assert!(!terminal.is_reading());
        assert_eq!(terminal.registers().take_text(), "> help\r\n");
    }

    #[test]
    fn what_is_typed_ahead_waits_for_the_reader() {
        let mut terminal = terminal();
        terminal.registers().arrive(b"one\rtwo\rthr");
        assert_eq!(terminal.serve_device(), None);
        assert_eq!(terminal.registers().take_text(), "");
        assert_eq!(terminal.start_read(prompt()).as_deref(), Some("one"));
        assert_eq!(terminal.start_read(prompt()).as_deref(), Some("two"));
        assert_eq!(terminal.start_read(prompt()), None);
        assert_eq!(enter(&mut terminal, b"ee\r"), ["three"]);
    }

    #[test]
    fn several_lines_of_one_interrupt_are_handed_out_one_by_one() {
        let mut terminal = terminal();
        terminal.start_read(prompt());
        assert_eq!(enter(&mut terminal, b"a\rb\r\nc\n"), ["a", "b", "c"]);
    }

    #[test]
    fn writers_go_above_the_line_that_is_edited() {
        let mut terminal = terminal();
        terminal.start_read(prompt());
        terminal.registers().arrive(b"he");
        terminal.serve_device();
        terminal.registers().take_text();
        terminal.write(b"news");
        assert_eq!(terminal.registers().take_text(), "\r\x1B[Knews\r\n> he");
        assert_eq!(enter(&mut terminal, b"lp\r"), ["help"]);
    }

    #[test]
    fn a_prompt_begins_at_the_start_of_a_line() {
        let mut terminal = terminal();
        terminal.write(b"no end");
        terminal.start_read(prompt());
        assert_eq!(terminal.registers().take_text(), "no end\r\n> ");
    }

    #[test]
    fn a_new_read_replaces_one_whose_reader_died() {
        let mut terminal = terminal();
        terminal.start_read(prompt());
        terminal.registers().arrive(b"lost");
        terminal.serve_device();
        terminal.stop_read();
        assert!(!terminal.is_reading());
        terminal.start_read(prompt());
        assert_eq!(enter(&mut terminal, b"kept\r"), ["kept"]);
    }

    #[test]
    fn typing_too_far_ahead_rings_and_is_counted() {
        let mut terminal = terminal();
        for _ in 0..INPUT_BYTES / 16 {
            terminal.registers().arrive(&[b'x'; 16]);
            terminal.serve_device();
        }
        assert_eq!(terminal.statistics().input_lost, 0);
        terminal.registers().arrive(b"y");
        terminal.serve_device();
        assert_eq!(terminal.statistics().input_lost, 1, "one past the limit");
        assert_eq!(terminal.registers().take_text(), "\x07");
    }

    #[test]
    fn line_errors_ring_and_are_counted_and_a_break_cancels() {
        let mut terminal = terminal();
        terminal.start_read(prompt());
        terminal.registers().arrive(b"ab");
        terminal.registers().arrive_word(0x100);
        terminal.registers().arrive_word(0x200);
        terminal.registers().arrive_word(0x500);
        assert_eq!(terminal.serve_device().as_deref(), Some(""));
        assert_eq!(terminal.registers().take_text(), "> ab\x07\x07^C\r\n");
        let expected = Statistics {
            bytes: 2,
            framing_errors: 1,
            parity_errors: 1,
            breaks: 1,
            ..Statistics::default()
        };
        assert_eq!(terminal.statistics(), expected);
    }

    #[test]
    fn return_behind_half_a_character_rings_and_ends_the_line() {
        for half in [b"\xC3".as_slice(), b"\xE2\x82", b"\xF0\x9F", b"\xFF"] {
            let mut terminal = terminal();
            terminal.start_read(prompt());
            terminal.registers().arrive(b"q");
            terminal.registers().arrive(half);
            terminal.registers().arrive(b"\r");
            assert_eq!(terminal.serve_device().as_deref(), Some("q"), "{half:X?}");
            assert_eq!(terminal.registers().take_text(), "> q\x07\r\n");
        }
    }

    #[test]
    fn an_overrun_is_counted_and_loses_no_more() {
        let mut terminal = terminal();
        terminal.start_read(prompt());
        terminal.registers().arrive(&[b'x'; 40]);
        terminal.serve_device();
        terminal.registers().arrive(b"y\r");
        let line = terminal.serve_device().expect("the line is complete");
        assert_eq!(line.as_str(), std::format!("{}y", "x".repeat(32)));
        assert_eq!(terminal.statistics().overruns, 1);
    }
}
