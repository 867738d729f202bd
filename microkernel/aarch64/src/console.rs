//! The panic console: it writes an epitaph on the PL011 and stops the machine. Nothing else in the
//! kernel prints; while the system runs the UART belongs to a server.
//!
//! It prints texts and numbers itself: the formatting of `core::fmt` would be a tenth of the kernel.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::firmware;
use crate::layout::DIRECT_MAP;
use crate::mmio::Registers;
use crate::window::to_usize;

/// Where QEMU's `virt` has its PL011: for epitaphs before the device tree is read.
const EARLY_CONSOLE: u64 = 0x0900_0000;

// PL011 technical reference manual (DDI 0183), 3.2.
const DATA: u64 = 0x00;
const FLAG: u64 = 0x18;
const LINE_CONTROL: u64 = 0x2C;
const CONTROL: u64 = 0x30;
const FLAG_TRANSMIT_FULL: u32 = 1 << 5;
const EIGHT_BITS_AND_FIFO: u32 = 0x70;
const ENABLE_UART_TRANSMIT_RECEIVE: u32 = 0x301;
/// How often a full FIFO is looked at before the byte is given up.
const PATIENCE: u32 = 1 << 20;

static ADDRESS: AtomicU64 = AtomicU64::new(EARLY_CONSOLE);

/// Tells where the PL011 is.
pub(crate) fn set_address(physical: u64) {
    ADDRESS.store(physical, Ordering::Relaxed);
}

struct Console(Registers);

impl Console {
    fn put(&self, byte: u8) {
        for _ in 0..PATIENCE {
            if self.0.read(FLAG) & FLAG_TRANSMIT_FULL == 0 {
                break;
            }
        }
        self.0.write(DATA, u32::from(byte));
    }
}

/// What an epitaph consists of.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// A text.
    Text(&'a str),
    /// A number, in hexadecimal with `0x`.
    Number(u64),
    /// A number, in decimal.
    Count(u32),
}

impl Console {
    fn print(&self, part: Part<'_>) {
        match part {
            Part::Text(text) => text.bytes().for_each(|byte| self.put(byte)),
            Part::Number(number) => {
                self.print(Part::Text("0x"));
                self.print_digits(number, 16);
            }
            Part::Count(number) => self.print_digits(u64::from(number), 10),
        }
    }

    fn print_digits(&self, mut number: u64, base: u64) {
        /// Digits of the largest number, in decimal.
        const DIGITS_MAX: usize = 20;
        let mut digits = [0; DIGITS_MAX];
        let mut first = DIGITS_MAX;
        for (index, place) in digits.iter_mut().enumerate().rev() {
            let digit = number.checked_rem(base).unwrap_or(0);
            *place = b"0123456789abcdef"
                .get(to_usize(digit))
                .copied()
                .unwrap_or(b'?');
            number = number.checked_div(base).unwrap_or(0);
            if number == 0 {
                first = index;
                break;
            }
        }
        digits.iter().skip(first).for_each(|digit| self.put(*digit));
    }
}

/// Writes the parts on the console, before the machine is switched off.
#[cfg(feature = "ghost")]
pub fn say(parts: &[Part<'_>]) {
    // SAFETY: as in `epitaph`.
    let registers = unsafe { Registers::new(DIRECT_MAP | ADDRESS.load(Ordering::Relaxed)) };
    let console = Console(registers);
    parts.iter().for_each(|part| console.print(*part));
}

/// Writes `kernel panic:` and the parts on the console and switches the machine off.
#[cold]
pub fn epitaph(parts: &[Part<'_>]) -> ! {
    // SAFETY: the page of the PL011 is mapped as a device from the first instruction at a kernel
    // address on, in the early tables and in the final ones. The server that drives it does not run
    // any more.
    let registers = unsafe { Registers::new(DIRECT_MAP | ADDRESS.load(Ordering::Relaxed)) };
    registers.write(LINE_CONTROL, EIGHT_BITS_AND_FIFO);
    registers.write(CONTROL, ENABLE_UART_TRANSMIT_RECEIVE);
    let console = Console(registers);
    console.print(Part::Text("\r\nkernel panic: "));
    parts.iter().for_each(|part| console.print(*part));
    console.print(Part::Text("\r\n"));
    firmware::power_off()
}
