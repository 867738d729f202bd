//! For tests: a small system.

use std::vec;
use std::vec::Vec;

use ipc_abi::manifest::{
    Authority, Call, Device, Name, Process as Description, Program, Restart, Segment,
};
use ipc_abi::service::supervisor::LogLevel;

/// How often the process that has one of everything may die in ten seconds.
pub(crate) const LIMIT: u16 = 3;

fn name(text: &str) -> Name {
    Name::try_from(text).expect("it is short")
}

fn plain(text: &str) -> Description {
    Description {
        name: name(text),
        program: Program::default(),
        priority: 10,
        heap_pages: 0,
        stack_pages: 1,
        restart: Restart::Never,
        serves: false,
        replies: 0,
        sessions: 0,
        threads: 0,
        calls: heapless::Vec::new(),
        devices: heapless::Vec::new(),
        authority: Authority::default(),
        log: None,
    }
}

/// A process that has one of everything.
fn worker() -> Description {
    let call = |service: &str, process, permissions, ring_slots| Call {
        service: name(service),
        process,
        permissions,
        passes_capabilities: true,
        ring_slots,
    };
    let device = Device {
        name: name("uart0"),
        address: 0x0900_0000,
        pages: 1,
        lines: [33, 34].into_iter().collect(),
    };
    Description {
        heap_pages: 3,
        stack_pages: 2,
        restart: Restart::Always {
            limit: LIMIT,
            seconds: 10,
        },
        serves: true,
        replies: 2,
        sessions: 65,
        threads: 2,
        calls: [call("supervisor", 0, 3, 0), call("other", 2, 0, 32)]
            .into_iter()
            .collect(),
        devices: [device].into_iter().collect(),
        authority: Authority {
            memory_frames: 16,
            time: Some(9),
            share: 5,
            asids: 4,
            irqs: 5,
            itself: true,
            platform: true,
        },
        log: Some(LogLevel::Info),
        ..plain("worker")
    }
}

/// Two pages of program, then header and manifest where they belong.
fn package(processes: Vec<Description>) -> Vec<u8> {
    let mut package = vec![0; 4096];
    let mut manifest = vec![0; 65536];
    let count = u32::try_from(processes.len()).expect("few");
    let mut used = postcard::to_slice(&count, &mut manifest)
        .expect("it fits")
        .len();
    for mut process in processes {
        let text = Segment {
            offset: 0,
            address: 0x20_0000,
            file_pages: 1,
            pages: 1,
            access: 5,
        };
        let data = Segment {
            offset: 4096,
            address: 0x21_0000,
            file_pages: 1,
            pages: 2,
            access: 3,
        };
        process.program.entry = 0x20_0000;
        process.program.segments = [text, data].into_iter().collect();
        used += postcard::to_slice(&process, &mut manifest[used..])
            .expect("it fits")
            .len();
    }
    package.extend((used as u64).to_le_bytes());
    package.extend(&manifest[..used]);
    package.resize(3 * 4096, 0);
    package
}

/// A package of the supervisor, a process that has one of everything, and one that serves it.
pub(crate) fn default_package() -> Vec<u8> {
    let other = Description {
        serves: true,
        ..plain("other")
    };
    package(vec![
        Description {
            serves: true,
            ..plain("supervisor")
        },
        worker(),
        other,
    ])
}
