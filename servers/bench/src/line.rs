//! An interrupt line that rises and falls when the program says so: a PL061 (Arm DDI 0190B), whose
//! pin 0 nobody drives.
//!
//! The device compares the level of a pin with the one that it is told, and interrupts while they are
//! equal and the interrupt is not masked. Told the level that the pin has, it has the mask alone raise
//! the line.

use userlib::safe_mmio::fields::{ReadPure, ReadPureWrite};
use userlib::safe_mmio::{UniqueMmioPointer, field_shared};

/// A register, by its offset in bytes (DDI 0190B table 3-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Register {
    /// GPIODATA at the address that shows [`PIN`] alone: its level.
    Data = 0x004,
    /// GPIODIR: which pins are driven.
    Direction = 0x400,
    /// GPIOIS: which pins interrupt by their level.
    Sense = 0x404,
    /// GPIOIEV: the level that interrupts.
    Event = 0x40C,
    /// GPIOIE: which interrupts come through.
    Mask = 0x410,
    /// GPIORIS: which would.
    Raw = 0x414,
}

/// The bit of the pin.
const PIN: u32 = 1 << 0;

/// The way to the device's registers.
pub trait Registers {
    /// Reads a register.
    fn read(&mut self, register: Register) -> u32;
    /// Writes a register.
    fn write(&mut self, register: Register, value: u32);
}

/// The line of a device that is set up.
#[derive(Debug)]
pub struct Line<R> {
    registers: R,
}

impl<R: Registers> Line<R> {
    /// Takes the device over, whatever state it is in, with its line low; `None` if it would not
    /// interrupt.
    pub fn start(mut registers: R) -> Option<Line<R>> {
        registers.write(Register::Mask, 0);
        registers.write(Register::Direction, 0);
        registers.write(Register::Sense, PIN);
        let level = registers.read(Register::Data) & PIN;
        registers.write(Register::Event, level);
        let would_interrupt = registers.read(Register::Raw) & PIN != 0;
        would_interrupt.then_some(Line { registers })
    }

    /// Raises the line.
    #[inline(always)]
    pub fn raise(&mut self) {
        self.registers.write(Register::Mask, PIN);
    }

    /// Lets the line fall.
    pub fn lower(&mut self) {
        self.registers.write(Register::Mask, 0);
    }
}

/// The register block of a PL061 (DDI 0190B table 3-1).
#[repr(C)]
pub struct Block {
    reserved_000: u32,
    data: ReadPureWrite<u32>,
    reserved_008: [u32; 254],
    direction: ReadPureWrite<u32>,
    sense: ReadPureWrite<u32>,
    both_edges: ReadPureWrite<u32>,
    event: ReadPureWrite<u32>,
    mask: ReadPureWrite<u32>,
    raw: ReadPure<u32>,
}

/// The registers of the device that the process was given.
#[derive(Debug)]
pub struct Mmio(UniqueMmioPointer<'static, Block>);

impl Mmio {
    /// The registers behind the pointer.
    #[must_use]
    pub const fn new(block: UniqueMmioPointer<'static, Block>) -> Mmio {
        Mmio(block)
    }
}

impl Registers for Mmio {
    fn read(&mut self, register: Register) -> u32 {
        match register {
            Register::Data => field_shared!(self.0, data).read(),
            Register::Direction => field_shared!(self.0, direction).read(),
            Register::Sense => field_shared!(self.0, sense).read(),
            Register::Event => field_shared!(self.0, event).read(),
            Register::Mask => field_shared!(self.0, mask).read(),
            Register::Raw => field_shared!(self.0, raw).read(),
        }
    }

    #[inline(always)]
    fn write(&mut self, register: Register, value: u32) {
        use userlib::safe_mmio::field;
        match register {
            Register::Data => field!(self.0, data).write(value),
            Register::Direction => field!(self.0, direction).write(value),
            Register::Sense => field!(self.0, sense).write(value),
            Register::Event => field!(self.0, event).write(value),
            Register::Mask => field!(self.0, mask).write(value),
            Register::Raw => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::offset_of;

    /// A device whose pin has a level, as it compares it.
    #[derive(Debug, Default)]
    struct Fake {
        level: u32,
        direction: u32,
        sense: u32,
        event: u32,
        mask: u32,
        is_dead: bool,
    }

    impl Fake {
        fn raw(&self) -> u32 {
            let is_equal = !(self.level ^ self.event);
            let inputs = !self.direction & self.sense & 0xFF;
            if self.is_dead { 0 } else { is_equal & inputs }
        }

        fn is_high(&self) -> bool {
            self.raw() & self.mask != 0
        }
    }

    impl Registers for Fake {
        fn read(&mut self, register: Register) -> u32 {
            match register {
                Register::Data => self.level & PIN,
                Register::Direction => self.direction,
                Register::Sense => self.sense,
                Register::Event => self.event,
                Register::Mask => self.mask,
                Register::Raw => self.raw(),
            }
        }

        fn write(&mut self, register: Register, value: u32) {
            match register {
                Register::Direction => self.direction = value,
                Register::Sense => self.sense = value,
                Register::Event => self.event = value,
                Register::Mask => self.mask = value,
                Register::Data | Register::Raw => {}
            }
        }
    }

    #[test]
    fn the_block_is_laid_out_as_the_offsets_say() {
        assert_eq!(offset_of!(Block, data), Register::Data as usize);
        assert_eq!(offset_of!(Block, direction), Register::Direction as usize);
        assert_eq!(offset_of!(Block, sense), Register::Sense as usize);
        assert_eq!(offset_of!(Block, event), Register::Event as usize);
        assert_eq!(offset_of!(Block, mask), Register::Mask as usize);
        assert_eq!(offset_of!(Block, raw), Register::Raw as usize);
    }

    #[test]
    fn the_line_follows_the_mask_whatever_the_level_and_the_state_before() {
        for level in [0, PIN] {
            let before = Fake {
                level,
                direction: 0xFF,
                sense: 0xFE,
                event: PIN ^ level,
                mask: 0xFF,
                is_dead: false,
            };
            let mut line = Line::start(before).expect("the device is alive");
            assert!(!line.registers.is_high());
            line.raise();
            assert!(line.registers.is_high());
            line.lower();
            assert!(!line.registers.is_high());
        }
    }

    #[test]
    fn a_device_that_would_not_interrupt_is_refused() {
        let dead = Fake {
            is_dead: true,
            mask: PIN,
            ..Fake::default()
        };
        assert!(Line::start(dead).is_none());
    }
}
