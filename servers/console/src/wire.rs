//! The way to the screen: a queue before the transmitter, drained by its interrupts.
//!
//! Writers are answered as soon as their text is in the queue. When the queue is full, the writer's
//! text goes out by looking at the transmitter, a bounded number of times for each byte; a byte that
//! finds no room even so (a transmitter that stands still) is dropped and counted.

use alloc::collections::VecDeque;

use crate::editor::Screen;
use crate::pl011::{Pl011, Received, Registers};

/// How many bytes wait for the transmitter at most.
pub const OUTPUT_BYTES: usize = 8192;
/// How often a byte that finds the queue full looks for room: over ten times what one character
/// takes at 9600 baud.
pub const TRANSMIT_POLLS: u32 = 200_000;

/// The device with its output queue.
#[derive(Debug)]
pub struct Wire<R> {
    device: Pl011<R>,
    output: VecDeque<u8>,
    is_at_line_start: bool,
    lost: u64,
}

impl<R: Registers> Wire<R> {
    /// Takes the device over.
    pub fn start(registers: R) -> Wire<R> {
        Wire {
            device: Pl011::start(registers),
            output: VecDeque::with_capacity(OUTPUT_BYTES),
            is_at_line_start: true,
            lost: 0,
        }
    }

    /// Writes the text of a client: each LF becomes CR LF.
    pub fn write_text(&mut self, text: &[u8]) {
        for &byte in text {
            if byte == b'\n' {
                self.queue(b'\r');
            }
            self.queue(byte);
        }
        if let Some(&last) = text.last() {
            self.is_at_line_start = last == b'\n';
        }
        self.transmit();
    }

    /// Whether the last text ended its line.
    #[must_use]
    pub fn is_at_line_start(&self) -> bool {
        self.is_at_line_start
    }

    /// Takes note that the cursor is at the start of a line.
    pub fn note_line_start(&mut self) {
        self.is_at_line_start = true;
    }

    /// How many bytes found no room.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Lowers the interrupts that are raised.
    pub fn clear_interrupts(&mut self) {
        self.device.clear_interrupts();
    }

    /// Takes the next thing out of the receiver.
    pub fn receive(&mut self) -> Option<Received> {
        self.device.receive()
    }

    /// Hands queued bytes to the transmitter while it has room; asks for its interrupt if some are
    /// left.
    pub fn transmit(&mut self) {
        while let Some(&byte) = self.output.front() {
            if !self.device.transmit(byte) {
                self.device.await_transmit();
                return;
            }
            let _ = self.output.pop_front();
        }
        self.device.stop_awaiting_transmit();
    }

    fn queue(&mut self, byte: u8) {
        for _ in 0..TRANSMIT_POLLS {
            if self.output.len() < OUTPUT_BYTES {
                self.output.push_back(byte);
                return;
            }
            self.transmit();
        }
        self.lost = self.lost.saturating_add(1);
    }

    /// The registers, for tests that look at the fake device.
    #[cfg(test)]
    pub(crate) fn registers(&mut self) -> &mut R {
        self.device.registers()
    }
}

impl<R: Registers> Screen for Wire<R> {
    fn put(&mut self, text: &str) {
        for byte in text.bytes() {
            self.queue(byte);
        }
        self.transmit();
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::fake::FakeUart;

    #[test]
    fn line_feeds_become_pairs() {
        let mut wire = Wire::start(FakeUart::fast());
        wire.write_text(b"a\nb");
        assert_eq!(wire.registers().take_text(), "a\r\nb");
        assert!(!wire.is_at_line_start());
        wire.write_text(b"\n");
        assert!(wire.is_at_line_start());
    }

    #[test]
    fn text_that_finds_the_transmitter_full_leaves_by_interrupts() {
        let mut wire = Wire::start(FakeUart::default());
        wire.write_text(&[b'x'; 100]);
        assert_eq!(wire.registers().transmit.len(), 32);
        for _ in 0..3 {
            assert!(!wire.registers().interrupts());
            wire.registers().send(32);
            assert!(wire.registers().interrupts());
            wire.clear_interrupts();
            wire.transmit();
        }
        wire.registers().send(32);
        assert_eq!(wire.registers().sent.len(), 100);
        assert!(!wire.registers().interrupts());
        assert_eq!(wire.lost(), 0);
    }

    #[test]
    fn bytes_past_the_queue_are_counted_when_the_transmitter_stands_still() {
        let mut wire = Wire::start(FakeUart::default());
        wire.write_text(&[b'x'; 32 + OUTPUT_BYTES]);
        assert_eq!(wire.lost(), 0);
        wire.write_text(b"y");
        assert_eq!(wire.lost(), 1, "one past the limit");
    }
}
