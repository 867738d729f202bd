//! What the supervisor tells, as tables.

use alloc::format;
use alloc::string::{String, ToString};

use ipc_abi::boot::PAGE_BYTES;
use ipc_abi::capability::{Kind, Rights};
use ipc_abi::service::supervisor::{MemoryInfo, ProcessInfo, SlotInfo};

use crate::table::{Align, Table};
use crate::unit::write_bytes;

/// The rights by their letters, in the order in which they are shown.
const RIGHTS: &[(Rights, &str, &str)] = &[
    (Rights::SEND, "s", "send"),
    (Rights::SIGNAL, "i", "signal"),
    (Rights::GRANT, "g", "grant"),
    (Rights::GRANT_REPLY, "y", "grant-reply"),
    (Rights::READ, "r", "read/receive"),
    (Rights::WRITE, "w", "write"),
    (Rights::MAKE_GATE, "m", "make-gate"),
    (Rights::DESTROY, "d", "destroy"),
];

/// Draws the processes.
#[must_use]
pub fn draw_processes(processes: &[ProcessInfo]) -> String {
    let mut table = Table::new(&[
        ("NAME", Align::Left),
        ("STATE", Align::Left),
        ("PRIORITY", Align::Right),
        ("RESTARTS", Align::Right),
        ("MEMORY", Align::Right),
    ]);
    for process in processes {
        table.add_row([
            process.name.as_str().to_string(),
            process.state.name().to_string(),
            process.priority.to_string(),
            process.restarts.to_string(),
            write_frames(u64::from(process.frames)),
        ]);
    }
    table.draw()
}

/// Draws where the memory is: processes, what nobody has, and what is lost, if any is.
#[must_use]
pub fn draw_memory(memory: &MemoryInfo, processes: &[ProcessInfo]) -> String {
    let mut table = Table::new(&[
        ("MEMORY OF", Align::Left),
        ("FRAMES", Align::Right),
        ("SIZE", Align::Right),
    ]);
    let mut add = |name: &str, frames: u64| {
        table.add_row([name.to_string(), frames.to_string(), write_frames(frames)]);
    };
    for process in processes {
        add(&process.name, u64::from(process.frames));
    }
    if memory.lost_frames > 0 {
        add("(lost)", memory.lost_frames);
    }
    add("(free)", memory.free_frames);
    add("(all)", memory.total_frames);
    table.draw()
}

/// Draws the capabilities of a process.
#[must_use]
pub fn draw_capabilities(slots: &[SlotInfo]) -> String {
    let mut table = Table::new(&[
        ("SLOT", Align::Right),
        ("KIND", Align::Left),
        ("RIGHTS", Align::Left),
    ]);
    for slot in slots {
        let kind = Kind::from_raw(slot.kind);
        let name = kind.map_or_else(|| format!("kind {}", slot.kind), |kind| kind.name().into());
        let stale = if slot.is_live { "" } else { " (stale)" };
        let rights = write_rights(Rights::from_raw(slot.rights));
        table.add_row([slot.slot.to_string(), name, format!("{rights}{stale}")]);
    }
    table.draw()
}

/// Says what the letters of [`draw_capabilities`] mean.
#[must_use]
pub fn describe_rights() -> String {
    let letters = RIGHTS
        .iter()
        .map(|(_, letter, name)| format!("{letter} {name}"));
    let mut text = String::from("rights:");
    for (index, letter) in letters.enumerate() {
        text.push_str(if index == 0 { " " } else { ", " });
        text.push_str(&letter);
    }
    text.push('\n');
    text
}

fn write_rights(rights: Rights) -> String {
    let letters = RIGHTS.iter();
    letters
        .map(|(right, letter, _)| if rights.contains(*right) { letter } else { "-" })
        .collect()
}

fn write_frames(frames: u64) -> String {
    write_bytes(frames.saturating_mul(PAGE_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_abi::manifest::Name;
    use ipc_abi::service::supervisor::ProcessState;

    fn process(name: &str, state: ProcessState, frames: u32) -> ProcessInfo {
        let name = Name::try_from(name).expect("a short name");
        ProcessInfo {
            name,
            state,
            priority: 100,
            restarts: 2,
            frames,
        }
    }

    #[test]
    fn processes_are_listed() {
        let processes = [
            process("console", ProcessState::Receiving, 60),
            process("shell", ProcessState::Ready, 300),
        ];
        assert_eq!(
            draw_processes(&processes),
            "NAME     STATE      PRIORITY  RESTARTS   MEMORY\n\
             console  receiving       100         2  240 KiB\n\
             shell    ready           100         2  1.1 MiB\n"
        );
    }

    #[test]
    fn memory_adds_up_and_losses_show_only_when_there_are_some() {
        let processes = [process("shell", ProcessState::Ready, 256)];
        let whole = MemoryInfo {
            total_frames: 512,
            free_frames: 256,
            lost_frames: 0,
        };
        assert_eq!(
            draw_memory(&whole, &processes),
            "MEMORY OF  FRAMES   SIZE\n\
             shell         256  1 MiB\n\
             (free)        256  1 MiB\n\
             (all)         512  2 MiB\n"
        );
        let torn = MemoryInfo {
            lost_frames: 1,
            ..whole
        };
        assert!(draw_memory(&torn, &processes).contains("(lost)          1  4 KiB\n"));
    }

    #[test]
    fn capabilities_show_kind_rights_and_staleness() {
        let rights = Rights::SEND.union(Rights::GRANT).into_raw();
        let slots = [
            SlotInfo {
                slot: 3,
                kind: Kind::Gate as u8,
                rights,
                is_live: true,
            },
            SlotInfo {
                slot: 12,
                kind: 99,
                rights: 0xFF,
                is_live: false,
            },
        ];
        assert_eq!(
            draw_capabilities(&slots),
            "SLOT  KIND     RIGHTS\n   \
                3  Gate     s-g-----\n  \
               12  kind 99  sigyrwmd (stale)\n"
        );
    }

    #[test]
    fn every_letter_is_explained() {
        let text = describe_rights();
        assert!(text.starts_with("rights: s send, i signal,"));
        assert_eq!(text.matches(", ").count() + 1, RIGHTS.len());
    }
}
