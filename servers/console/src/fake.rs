//! A PL011 that exists in memory: FIFOs, flags and interrupts as DDI 0183G describes them.

use std::collections::VecDeque;
use std::string::String;
use std::vec::Vec;

use crate::pl011::{Register, Registers};

const FIFO_BYTES: usize = 32;
const CONTROL_ALL_ON: u32 = 1 << 9 | 1 << 8 | 1;

/// The fake device.
#[derive(Debug, Default)]
pub(crate) struct FakeUart {
    /// What the transmitter sent.
    pub(crate) sent: Vec<u8>,
    /// Bytes in the transmit FIFO; they leave it through [`FakeUart::send`].
    pub(crate) transmit: VecDeque<u8>,
    /// If set, a byte leaves the transmit FIFO at once.
    pub(crate) is_fast: bool,
    receive: VecDeque<u32>,
    /// What arrives as soon as there is room.
    ahead: VecDeque<u8>,
    has_overrun: bool,
    control: u32,
    line: u32,
    baud: (u32, u32),
    mask: u32,
    raised: u32,
}

impl FakeUart {
    /// A device as it comes out of reset, fast enough never to be full.
    pub(crate) fn fast() -> FakeUart {
        FakeUart {
            is_fast: true,
            ..FakeUart::default()
        }
    }

    /// Bytes arrive; those that find the FIFO full are lost.
    pub(crate) fn arrive(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.arrive_word(u32::from(byte));
        }
    }

    /// Bytes arrive, each as soon as there is room for it. As in the emulator, that raises an
    /// interrupt only if the receiver was empty.
    pub(crate) fn type_ahead(&mut self, bytes: &[u8]) {
        self.ahead.extend(bytes);
        self.fill_receiver();
    }

    fn fill_receiver(&mut self) {
        while self.receive.len() < FIFO_BYTES
            && let Some(byte) = self.ahead.pop_front()
        {
            if self.receive.is_empty() {
                self.raised |= 1 << 4;
            }
            self.receive.push_back(u32::from(byte));
        }
    }

    /// A byte arrives with error bits.
    pub(crate) fn arrive_word(&mut self, word: u32) {
        assert_eq!(
            self.control & CONTROL_ALL_ON,
            CONTROL_ALL_ON,
            "the receiver is off"
        );
        if self.receive.len() == FIFO_BYTES {
            self.has_overrun = true;
            self.raised |= 1 << 10;
            return;
        }
        let overrun = if self.has_overrun { 1 << 11 } else { 0 };
        self.has_overrun = false;
        self.receive.push_back(word | overrun);
        self.raised |= 1 << 4 | (word & 0xF00) >> 1;
    }

    /// The transmitter sends up to `count` bytes.
    pub(crate) fn send(&mut self, count: usize) {
        for _ in 0..count {
            let Some(byte) = self.transmit.pop_front() else {
                break;
            };
            self.sent.push(byte);
        }
        if self.transmit.len() <= FIFO_BYTES / 8 {
            self.raised |= 1 << 5;
        }
    }

    /// Whether the interrupt line is high.
    pub(crate) fn interrupts(&self) -> bool {
        self.raised & self.mask != 0
    }

    /// The divisor, and the format of a character.
    pub(crate) fn format(&self) -> ((u32, u32), u32) {
        (self.baud, self.line)
    }

    /// What was sent since the last time, as text.
    pub(crate) fn take_text(&mut self) -> String {
        String::from_utf8(core::mem::take(&mut self.sent)).expect("the output is text")
    }
}

impl Registers for FakeUart {
    fn read(&mut self, register: Register) -> u32 {
        match register {
            Register::Data => {
                let word = self
                    .receive
                    .pop_front()
                    .expect("read from an empty receiver");
                if self.receive.is_empty() {
                    self.raised &= !(1 << 4);
                } else {
                    self.fill_receiver();
                }
                word
            }
            Register::Flags => {
                let receive = if self.receive.is_empty() { 1 << 4 } else { 0 };
                let transmit = if self.transmit.len() == FIFO_BYTES {
                    1 << 5
                } else {
                    0
                };
                receive | transmit
            }
            Register::BaudWhole => self.baud.0,
            Register::BaudFraction => self.baud.1,
            Register::Line => self.line,
            Register::Control => self.control,
            Register::InterruptMask => self.mask,
            Register::Status | Register::FifoLevel | Register::InterruptClear => 0,
        }
    }

    fn write(&mut self, register: Register, value: u32) {
        match register {
            Register::Data => {
                assert!(
                    self.transmit.len() < FIFO_BYTES,
                    "written to a full transmitter"
                );
                self.transmit.push_back(value.to_le_bytes()[0]);
                self.raised &= !(1 << 5);
                if self.is_fast {
                    self.send(1);
                }
            }
            Register::BaudWhole => self.baud.0 = value,
            Register::BaudFraction => self.baud.1 = value,
            Register::Line => {
                assert_eq!(
                    self.control, 0,
                    "the format is changed while the device is on"
                );
                self.line = value;
            }
            Register::Control => self.control = value,
            Register::InterruptMask => self.mask = value,
            Register::InterruptClear => self.raised &= !value,
            Register::Status | Register::FifoLevel => {}
            Register::Flags => panic!("the flags cannot be written"),
        }
    }
}
