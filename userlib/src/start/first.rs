//! What the first process finds, without a start-up block.

use ipc_abi::boot::{FIRST_BUFFER_ADDRESS, FIRST_FREE_SLOT, FirstHandle};
use ipc_abi::capability::Kind;
use ipc_abi::manifest::Name;
use ipc_abi::startup::{MemoryRange, NamedHandle, SlotRange, Startup};

/// Slots that the first table has: a table starts with 256.
const FIRST_TABLE_SLOTS: u32 = 256;

/// What the first process has: it has no start-up block, only handles that are always the same.
pub(super) fn startup(heap: MemoryRange) -> Startup {
    const NAMED: &[(&str, Kind, FirstHandle)] = &[
        ("space", Kind::AddressSpace, FirstHandle::Space),
        ("thread", Kind::Thread, FirstHandle::Thread),
        ("context", Kind::SchedulingContext, FirstHandle::Context),
        ("memory", Kind::Region, FirstHandle::Memory),
        ("devices", Kind::Region, FirstHandle::Devices),
        ("time", Kind::Allowance, FirstHandle::Time),
        ("irqs", Kind::Allowance, FirstHandle::Irqs),
        ("asids", Kind::Allowance, FirstHandle::Asids),
        ("platform", Kind::Platform, FirstHandle::Platform),
        ("info", Kind::Frame, FirstHandle::Info),
    ];
    let handles = NAMED.iter().map(|(name, kind, handle)| NamedHandle {
        name: short_name(name),
        kind: *kind,
        handle: *handle as u32,
    });
    Startup {
        name: short_name("supervisor"),
        table: FirstHandle::Table as u32,
        heap,
        message_buffer: FIRST_BUFFER_ADDRESS,
        slots: SlotRange {
            first: FIRST_FREE_SLOT,
            count: FIRST_TABLE_SLOTS - FIRST_FREE_SLOT,
        },
        handles: handles.collect(),
        ..Startup::default()
    }
}

fn short_name(text: &str) -> Name {
    Name::try_from(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_process_has_every_first_handle_by_name() {
        let startup = startup(MemoryRange {
            address: 4096,
            bytes: 8192,
        });
        assert_eq!(startup.handles.len(), 10);
        assert!(startup.handles.iter().all(|handle| !handle.name.is_empty()));
        assert_eq!(startup.table, 1);
        assert_eq!(startup.name, "supervisor");
        let slots = startup.slots;
        assert!(
            startup
                .handles
                .iter()
                .all(|handle| handle.handle < slots.first)
        );
        assert_eq!(slots.first + slots.count, FIRST_TABLE_SLOTS);
    }
}
