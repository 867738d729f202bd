//! A device that interrupts when it is told: a PL061 (Arm DDI 0190B), whose pin 0 nobody drives. Told that the level
//! which the pin has is what interrupts, it has the mask alone raise the line.

use userlib::safe_mmio::fields::ReadPureWrite;
use userlib::safe_mmio::{UniqueMmioPointer, field, field_shared};
use userlib::{Environment, IrqLine};

/// The name of the device.
const DEVICE: &str = "gpio0";
/// The bit of the pin.
const PIN: u32 = 1;

/// The registers (DDI 0190B table 3-1).
#[repr(C)]
pub(crate) struct Registers {
    reserved_000: u32,
    /// The level of the pin: GPIODATA at the address that shows it alone.
    data: ReadPureWrite<u32>,
    reserved_008: [u32; 254],
    direction: ReadPureWrite<u32>,
    sense: ReadPureWrite<u32>,
    both_edges: ReadPureWrite<u32>,
    event: ReadPureWrite<u32>,
    mask: ReadPureWrite<u32>,
}

/// The device, with its interrupt.
pub(crate) struct Pin {
    registers: UniqueMmioPointer<'static, Registers>,
    irq: IrqLine,
}

impl Pin {
    /// Takes the device, with its line low; `None` if the process was given none.
    pub(crate) fn take(environment: &mut Environment) -> Option<Pin> {
        let device = environment.device(DEVICE).ok()?;
        let irq = device.irqs().next()?;
        let mut registers = device.into_registers::<Registers>().ok()?;
        field!(registers, mask).write(0);
        field!(registers, direction).write(0);
        field!(registers, sense).write(PIN);
        let level = field_shared!(registers, data).read() & PIN;
        field!(registers, event).write(level);
        Some(Pin { registers, irq })
    }

    /// The signal of its interrupt.
    pub(crate) const fn bits(&self) -> u64 {
        self.irq.bits()
    }

    /// Lets it interrupt.
    pub(crate) fn raise(&mut self) {
        field!(self.registers, mask).write(PIN);
    }

    /// Ends the interrupt; whether the kernel agrees that there was one.
    pub(crate) fn lower(&mut self) -> bool {
        field!(self.registers, mask).write(0);
        self.irq.acknowledge().is_ok()
    }
}
