//! What the kernel gives the console: registers and interrupts.

use heapless::Vec;
use ipc_abi::manifest::DEVICE_LINES_MAX;
use userlib::safe_mmio::fields::{ReadPure, ReadPureWrite, ReadWrite, WriteOnly};
use userlib::safe_mmio::{UniqueMmioPointer, field, field_shared};
use userlib::{DeviceError, Environment, EnvironmentError, IrqLine};

use crate::pl011::{Register, Registers};
use crate::service::{Server, System};

/// The name of the console's device on every board.
const DEVICE: &str = "uart0";

/// The register block of a PL011 (Arm DDI 0183G table 3-1).
#[repr(C)]
pub struct Block {
    data: ReadWrite<u32>,
    status: ReadPureWrite<u32>,
    reserved_08: [u32; 4],
    flags: ReadPure<u32>,
    reserved_1c: u32,
    low_power: ReadPureWrite<u32>,
    baud_whole: ReadPureWrite<u32>,
    baud_fraction: ReadPureWrite<u32>,
    line: ReadPureWrite<u32>,
    control: ReadPureWrite<u32>,
    fifo_level: ReadPureWrite<u32>,
    interrupt_mask: ReadPureWrite<u32>,
    raw_interrupts: ReadPure<u32>,
    masked_interrupts: ReadPure<u32>,
    interrupt_clear: WriteOnly<u32>,
}

/// The registers of the device that the process was given.
pub struct Mmio {
    block: UniqueMmioPointer<'static, Block>,
}

impl Registers for Mmio {
    fn read(&mut self, register: Register) -> u32 {
        match register {
            Register::Data => field!(self.block, data).read(),
            Register::Status => field_shared!(self.block, status).read(),
            Register::Flags => field_shared!(self.block, flags).read(),
            Register::BaudWhole => field_shared!(self.block, baud_whole).read(),
            Register::BaudFraction => field_shared!(self.block, baud_fraction).read(),
            Register::Line => field_shared!(self.block, line).read(),
            Register::Control => field_shared!(self.block, control).read(),
            Register::FifoLevel => field_shared!(self.block, fifo_level).read(),
            Register::InterruptMask => field_shared!(self.block, interrupt_mask).read(),
            Register::InterruptClear => 0,
        }
    }

    fn write(&mut self, register: Register, value: u32) {
        match register {
            Register::Data => field!(self.block, data).write(value),
            Register::Status => field!(self.block, status).write(value),
            Register::Flags => {}
            Register::BaudWhole => field!(self.block, baud_whole).write(value),
            Register::BaudFraction => field!(self.block, baud_fraction).write(value),
            Register::Line => field!(self.block, line).write(value),
            Register::Control => field!(self.block, control).write(value),
            Register::FifoLevel => field!(self.block, fifo_level).write(value),
            Register::InterruptMask => field!(self.block, interrupt_mask).write(value),
            Register::InterruptClear => field!(self.block, interrupt_clear).write(value),
        }
    }
}

/// The kernel as the console sees it: its interrupts.
#[derive(Debug)]
pub struct Kernel {
    irqs: Vec<IrqLine, DEVICE_LINES_MAX>,
}

impl System for Kernel {
    fn acknowledge(&mut self, bits: u64) {
        for irq in self.irqs.iter().filter(|irq| irq.bits() & bits != 0) {
            if let Err(error) = irq.acknowledge() {
                panic!(
                    "the console's interrupt cannot be acknowledged: {}",
                    error.name()
                );
            }
        }
    }
}

/// Why the console cannot start. Mend `system.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// It was not given what it needs.
    Environment(EnvironmentError),
    /// The device is no PL011.
    Device(DeviceError),
}

impl From<EnvironmentError> for StartError {
    fn from(error: EnvironmentError) -> Self {
        StartError::Environment(error)
    }
}

impl From<DeviceError> for StartError {
    fn from(error: DeviceError) -> Self {
        StartError::Device(error)
    }
}

/// Makes the server on the device that the process was given.
///
/// # Errors
///
/// What it was not given.
pub fn start(environment: &mut Environment) -> Result<Server<Mmio, Kernel>, StartError> {
    let device = environment.device(DEVICE)?;
    let irqs: Vec<IrqLine, DEVICE_LINES_MAX> = device.irqs().collect();
    let registers = Mmio {
        block: device.into_registers::<Block>()?,
    };
    let mut system = Kernel { irqs };
    // An interrupt of an earlier incarnation may still be waiting to be acknowledged.
    system.acknowledge(u64::MAX);
    Ok(Server::start(registers, system))
}
