//! The panic console: it writes an epitaph on the PL011 and stops the machine. Nothing else in the
//! kernel prints; while the system runs the UART belongs to a server.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicU64, Ordering};

use crate::firmware;
use crate::layout::DIRECT_MAP;
use crate::mmio::Registers;

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

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' {
                self.put(b'\r');
            }
            self.put(byte);
        }
        Ok(())
    }
}

/// Writes `kernel panic:` and the text on the console and switches the machine off.
pub fn epitaph(text: fmt::Arguments<'_>) -> ! {
    // SAFETY: the page of the PL011 is mapped as a device from the first instruction at a kernel
    // address on, in the early tables and in the final ones. The server that drives it does not run
    // any more.
    let registers = unsafe { Registers::new(DIRECT_MAP | ADDRESS.load(Ordering::Relaxed)) };
    registers.write(LINE_CONTROL, EIGHT_BITS_AND_FIFO);
    registers.write(CONTROL, ENABLE_UART_TRANSMIT_RECEIVE);
    let mut console = Console(registers);
    // `Console` never fails.
    let _ = write!(console, "\nkernel panic: {text}\n");
    firmware::power_off()
}
