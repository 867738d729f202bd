//! The PL011, the UART of Arm's boards (Arm DDI 0183G): registers and their order, no system.
//!
//! [`Pl011`] sees the device through [`Registers`], so the same code drives the hardware and the
//! fake of its tests. It knows twelve registers; `arm-pl011-uart` 0.5 was not used because its
//! `read_word` drops the character that came with an overrun error, though the character is good
//! (DDI 0183G §3.3.1), and because its register block cannot be faked beyond plain memory.

/// A register, by its offset in bytes (DDI 0183G table 3-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Register {
    /// UARTDR: a character and its errors.
    Data = 0x000,
    /// UARTRSR, UARTECR: errors; a write clears them.
    Status = 0x004,
    /// UARTFR: what the FIFOs hold.
    Flags = 0x018,
    /// UARTIBRD: baud rate divisor, whole.
    BaudWhole = 0x024,
    /// UARTFBRD: baud rate divisor, 64ths.
    BaudFraction = 0x028,
    /// UARTLCR_H: format of a character; a write also takes over the divisor.
    Line = 0x02C,
    /// UARTCR: on and off.
    Control = 0x030,
    /// UARTIFLS: how full a FIFO is when it interrupts.
    FifoLevel = 0x034,
    /// UARTIMSC: which interrupts come through.
    InterruptMask = 0x038,
    /// UARTICR: a write of 1 clears an interrupt.
    InterruptClear = 0x044,
}

/// The way to the device's registers.
pub trait Registers {
    /// Reads a register.
    fn read(&mut self, register: Register) -> u32;
    /// Writes a register.
    fn write(&mut self, register: Register, value: u32);
}

const DATA_FRAMING: u32 = 1 << 8;
const DATA_PARITY: u32 = 1 << 9;
const DATA_BREAK: u32 = 1 << 10;
const DATA_OVERRUN: u32 = 1 << 11;

const FLAG_BUSY: u32 = 1 << 3;
const FLAG_RECEIVE_EMPTY: u32 = 1 << 4;
const FLAG_TRANSMIT_FULL: u32 = 1 << 5;

const LINE_8_BITS: u32 = 3 << 5;
const LINE_FIFOS: u32 = 1 << 4;

const CONTROL_ENABLE: u32 = 1 << 0;
const CONTROL_TRANSMIT: u32 = 1 << 8;
const CONTROL_RECEIVE: u32 = 1 << 9;

/// Interrupt when the receive FIFO is ⅛ full and when the transmit FIFO is down to ⅛.
const FIFO_LEVEL_EIGHTH: u32 = 0;

const INTERRUPT_RECEIVE: u32 = 1 << 4;
const INTERRUPT_TRANSMIT: u32 = 1 << 5;
const INTERRUPT_RECEIVE_TIMEOUT: u32 = 1 << 6;
const INTERRUPT_ERRORS: u32 = 0xF << 7;
const INTERRUPTS_OF_RECEIVER: u32 =
    INTERRUPT_RECEIVE | INTERRUPT_RECEIVE_TIMEOUT | INTERRUPT_ERRORS;
const INTERRUPTS_ALL: u32 = 0x7FF;

/// The divisor for 115200 baud from the 24 MHz clock that Arm's boards and QEMU have:
/// 24 MHz / (16 × 115200) = 13 + 1/64. Only used if no firmware has set one.
const BAUD_WHOLE: u32 = 13;
const BAUD_FRACTION: u32 = 1;

/// How often the driver looks whether the transmitter has come to rest before it goes on anyway:
/// well over one full FIFO at 115200 baud.
const REST_POLLS: u32 = 1_000_000;

/// One thing that the receiver saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// What it is.
    pub event: ReceiveEvent,
    /// Whether characters were lost before it, because the FIFO was full.
    pub is_after_overrun: bool,
}

/// What came over the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiveEvent {
    /// A character.
    Byte(u8),
    /// A break: the line was held low for longer than a character.
    Break,
    /// A character without its stop bit.
    FramingError,
    /// A character with wrong parity (never with the format that [`Pl011::start`] sets).
    ParityError,
}

/// A driver of one PL011.
#[derive(Debug)]
pub struct Pl011<R> {
    registers: R,
    /// What was written to the interrupt mask.
    mask: u32,
}

impl<R: Registers> Pl011<R> {
    /// Takes the device over, whatever state it is in: 8 bits, no parity, FIFOs on, interrupts of the
    /// receiver on.
    pub fn start(registers: R) -> Pl011<R> {
        let mut device = Pl011 { registers, mask: 0 };
        device.set_mask(0);
        // DDI 0183G §3.3.8: disable, let the current character end, flush the FIFO by switching it
        // off, and only then set the format.
        device.registers.write(Register::Control, 0);
        for _ in 0..REST_POLLS {
            if device.registers.read(Register::Flags) & FLAG_BUSY == 0 {
                break;
            }
        }
        device.registers.write(Register::Line, 0);
        if device.registers.read(Register::BaudWhole) == 0 {
            device.registers.write(Register::BaudWhole, BAUD_WHOLE);
            device
                .registers
                .write(Register::BaudFraction, BAUD_FRACTION);
        }
        device
            .registers
            .write(Register::FifoLevel, FIFO_LEVEL_EIGHTH);
        device
            .registers
            .write(Register::Line, LINE_8_BITS | LINE_FIFOS);
        device.registers.write(Register::Status, 0);
        device
            .registers
            .write(Register::InterruptClear, INTERRUPTS_ALL);
        device.registers.write(
            Register::Control,
            CONTROL_ENABLE | CONTROL_TRANSMIT | CONTROL_RECEIVE,
        );
        device.set_mask(INTERRUPTS_OF_RECEIVER);
        device
    }

    /// Takes the next thing out of the receiver; `None` if there is nothing.
    pub fn receive(&mut self) -> Option<Received> {
        if self.registers.read(Register::Flags) & FLAG_RECEIVE_EMPTY != 0 {
            return None;
        }
        let data = self.registers.read(Register::Data);
        // A break also reads as a framing error and as a character of zeroes: it comes first.
        let event = if data & DATA_BREAK != 0 {
            ReceiveEvent::Break
        } else if data & DATA_FRAMING != 0 {
            ReceiveEvent::FramingError
        } else if data & DATA_PARITY != 0 {
            ReceiveEvent::ParityError
        } else {
            ReceiveEvent::Byte(data.to_le_bytes()[0])
        };
        let is_after_overrun = data & DATA_OVERRUN != 0;
        if is_after_overrun {
            self.registers.write(Register::Status, 0);
        }
        Some(Received {
            event,
            is_after_overrun,
        })
    }

    /// Hands a byte to the transmitter; tells whether it had room.
    pub fn transmit(&mut self, byte: u8) -> bool {
        if self.registers.read(Register::Flags) & FLAG_TRANSMIT_FULL != 0 {
            return false;
        }
        self.registers.write(Register::Data, u32::from(byte));
        true
    }

    /// Lowers the interrupts that are raised; to be called before the FIFOs are served, so that what
    /// comes meanwhile raises them again.
    pub fn clear_interrupts(&mut self) {
        self.registers
            .write(Register::InterruptClear, INTERRUPTS_ALL);
    }

    /// Asks for an interrupt when the transmitter has room.
    pub fn await_transmit(&mut self) {
        self.set_mask(INTERRUPTS_OF_RECEIVER | INTERRUPT_TRANSMIT);
    }

    /// Asks for interrupts of the receiver only.
    pub fn stop_awaiting_transmit(&mut self) {
        self.set_mask(INTERRUPTS_OF_RECEIVER);
    }

    fn set_mask(&mut self, mask: u32) {
        if mask != self.mask || mask == 0 {
            self.mask = mask;
            self.registers.write(Register::InterruptMask, mask);
        }
    }

    /// The registers, for tests that look at the fake device.
    #[cfg(test)]
    pub(crate) fn registers(&mut self) -> &mut R {
        &mut self.registers
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::fake::FakeUart;

    #[test]
    fn start_sets_format_and_a_divisor_where_there_is_none() {
        let mut device = Pl011::start(FakeUart::fast());
        assert_eq!(
            device.registers().format(),
            ((BAUD_WHOLE, BAUD_FRACTION), 0x70)
        );
        let mut set_by_firmware = FakeUart::fast();
        set_by_firmware.write(Register::BaudWhole, 26);
        let mut device = Pl011::start(set_by_firmware);
        assert_eq!(device.registers().format(), ((26, 0), 0x70));
    }

    #[test]
    fn received_bytes_come_in_order_and_then_nothing() {
        let mut device = Pl011::start(FakeUart::fast());
        device.registers().arrive(b"ab");
        assert!(device.registers().interrupts());
        for expected in [b'a', b'b'] {
            let received = device.receive().expect("a byte is there");
            assert_eq!(received.event, ReceiveEvent::Byte(expected));
            assert!(!received.is_after_overrun);
        }
        assert_eq!(device.receive(), None);
    }

    #[test]
    fn errors_are_told_apart() {
        let mut device = Pl011::start(FakeUart::fast());
        for (word, event) in [
            (0x500, ReceiveEvent::Break),
            (0x100, ReceiveEvent::FramingError),
            (0x200, ReceiveEvent::ParityError),
            (0x041, ReceiveEvent::Byte(b'A')),
        ] {
            device.registers().arrive_word(word);
            assert_eq!(device.receive().map(|received| received.event), Some(event));
        }
    }

    #[test]
    fn an_overrun_comes_with_the_good_byte_after_it() {
        let mut device = Pl011::start(FakeUart::fast());
        device.registers().arrive(&[b'x'; 33]);
        for _ in 0..32 {
            assert_eq!(
                device.receive().map(|received| received.is_after_overrun),
                Some(false)
            );
        }
        device.registers().arrive(b"y");
        let received = device.receive().expect("a byte is there");
        assert_eq!(received.event, ReceiveEvent::Byte(b'y'));
        assert!(received.is_after_overrun);
    }

    #[test]
    fn a_full_transmitter_refuses_and_interrupts_when_it_has_room() {
        let mut device = Pl011::start(FakeUart::default());
        for _ in 0..32 {
            assert!(device.transmit(b'x'));
        }
        assert!(!device.transmit(b'x'), "one past the FIFO");
        device.await_transmit();
        assert!(!device.registers().interrupts());
        device.registers().send(28);
        assert!(device.registers().interrupts());
        assert!(device.transmit(b'x'));
        device.stop_awaiting_transmit();
        assert!(!device.registers().interrupts());
    }
}
