//! What a test program was given.

use ipc_abi::capability::Kind;
use ipc_abi::startup::DeviceGrant;
use userlib::Environment;

use crate::raw;

/// Handles and places of the program's own; 0 where it was given none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// Its capability table.
    pub table: u64,
    /// Its address space.
    pub space: u64,
    /// Its thread.
    pub thread: u64,
    /// A region of memory that nobody else uses.
    pub memory: u64,
    /// Time.
    pub time: u64,
    /// ASIDs.
    pub asids: u64,
    /// Interrupt lines.
    pub irqs: u64,
    /// The platform.
    pub platform: u64,
    /// The first of its empty slots.
    pub first_slot: u64,
    /// How many empty slots it has.
    pub slots: u64,
    /// Where its message buffer is mapped.
    pub message_buffer: u64,
    /// Where its signals arrive.
    pub notification: u64,
    /// Its device, if it has one.
    pub device: DeviceAuthority,
}

/// A device that a test program was given; all 0 if it was given none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceAuthority {
    /// Where its registers are mapped.
    pub address: u64,
    /// Its interrupt.
    pub irq: u64,
    /// The bits that this sets in the program's notification.
    pub bits: u64,
}

/// Reads what the program was given.
#[must_use]
pub fn authority(environment: &Environment) -> Authority {
    let named = |name, kind| environment.handle(name, kind).map_or(0, u64::from);
    let startup = environment.startup();
    Authority {
        table: u64::from(environment.table()),
        space: named("space", Kind::AddressSpace),
        thread: named("thread", Kind::Thread),
        memory: named("memory", Kind::Region),
        time: named("time", Kind::Allowance),
        asids: named("asids", Kind::Allowance),
        irqs: named("irqs", Kind::Allowance),
        platform: named("platform", Kind::Platform),
        first_slot: u64::from(startup.slots.first),
        slots: u64::from(startup.slots.count),
        message_buffer: startup.message_buffer,
        notification: startup.notification.map_or(0, u64::from),
        device: startup
            .devices
            .first()
            .map_or_else(DeviceAuthority::default, device),
    }
}

fn device(grant: &DeviceGrant) -> DeviceAuthority {
    let irq = grant.irqs.first();
    DeviceAuthority {
        address: grant.address,
        irq: irq.map_or(0, |irq| u64::from(irq.handle)),
        bits: irq.map_or(0, |irq| irq.bits),
    }
}

/// Writes a word of the program's own message buffer.
pub fn write_buffer(authority: &Authority, word: u64, value: u64) {
    raw::write_word(authority.message_buffer + 8 * (word % 512), value);
}
