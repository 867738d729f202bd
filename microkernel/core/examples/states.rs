//! Prints states that the kernel really reaches, one JSON object a line, for `verification/`: the
//! invariants that the proofs assume are held against them.
//!
//! Each state is that of a booted host machine after a fixed sequence of pseudo-random calls which
//! make, copy, extend and destroy objects.

use ipc_abi::boot::{FIRST_FREE_SLOT, FirstHandle};
use ipc_abi::call::Place;
use ipc_abi::capability::Access;
use pecan_core::host::{HostMachine, HostMemory};
use pecan_core::kernel::{Answer, Kernel};
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{Frame, FrameKind, UNITS_PER_FRAME, machine};

const MACHINES: u64 = 6;
const FRAMES: u64 = 192;
const CALLS: u64 = 500;
/// Handles that the calls use.
const HANDLES: u64 = 64;
const FRAME_WORDS: usize = 512;
const ENTRY_WORDS: usize = 4;

const TABLE: u64 = FirstHandle::Table as u64;
const SPACE: u64 = FirstHandle::Space as u64;
const MEMORY: u64 = FirstHandle::Memory as u64;
const ASIDS: u64 = FirstHandle::Asids as u64;

fn main() {
    for seed in 1..=MACHINES {
        let host = HostMachine::new(FRAMES);
        host.boot().expect("the small package boots");
        let mut dice = Dice(seed);
        for _ in 0..CALLS {
            if host.kernel().current().is_none() {
                break;
            }
            // A refusal changes nothing: it is as good as a success here.
            let _: Answer = call(&host, &mut dice);
            host.leave_kernel();
        }
        print_state(&host);
    }
}

/// The generator of Marsaglia's "Xorshift RNGs" (2003), 64 bits, (13, 7, 17).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn handle(&mut self) -> u64 {
        1 + self.below(HANDLES)
    }

    /// A slot of the first table: a low one, or one in a chunk that it may have.
    fn place(&mut self) -> u64 {
        let slot = if self.below(4) == 0 {
            self.below(1024)
        } else {
            u64::from(FIRST_FREE_SLOT) + self.below(HANDLES)
        };
        Place::from_raw(TABLE << 32 | slot).into_raw()
    }
}

fn call(host: &HostMachine, dice: &mut Dice) -> Answer {
    let kernel = host.kernel();
    let frame = find_frame(&host.memory, FrameKind::Free);
    let (place, handle) = (dice.place(), dice.handle());
    match dice.below(20) {
        0 => kernel.create_endpoint(MEMORY, object(host, dice, FrameKind::Endpoint, 8), place),
        1 => {
            let object = object(host, dice, FrameKind::Notification, 2);
            kernel.create_notification(MEMORY, object, place)
        }
        2..=6 => {
            let object = object(host, dice, FrameKind::Gate, 1);
            kernel.create_gate(MEMORY, object, place, handle, dice.below(1 << 40))
        }
        7 => kernel.create_table(MEMORY, frame * UNITS_PER_FRAME, place, frame + 1),
        8 => {
            let object = object(host, dice, FrameKind::Thread, 32);
            let table = if dice.below(2) == 0 { TABLE } else { handle };
            kernel.create_thread(MEMORY, object, place, table, SPACE)
        }
        9 => kernel.create_space(MEMORY, frame * UNITS_PER_FRAME, place, ASIDS, frame + 1),
        10 => kernel.table_extend(
            if dice.below(2) == 0 { TABLE } else { handle },
            MEMORY,
            frame,
        ),
        11 | 12 => kernel.capability_copy(handle, place, dice.below(256)),
        13 => kernel.capability_delete(place),
        14 => destroy(kernel, handle),
        15 => kernel.space_donate(SPACE, MEMORY, frame),
        16 => kernel.create_frame(MEMORY, frame * UNITS_PER_FRAME, place),
        17 | 18 => change_mapping(kernel, dice, handle),
        _ => kernel.reclaim(MEMORY, frame.saturating_sub(dice.below(8))),
    }
}

/// Maps, unmaps or protects one of a few pages, far apart and side by side.
fn change_mapping(kernel: Kernel<&HostMemory>, dice: &mut Dice, frame: u64) -> Answer {
    let address = dice.below(2) << 30 | dice.below(2) << 21 | dice.below(4) << 12;
    match dice.below(8) {
        0 => kernel.unmap(SPACE, address),
        1 => kernel.protect(SPACE, address, Access::READ.into_raw()),
        _ => kernel.map(SPACE, frame, address, Access::READ_WRITE.into_raw()),
    }
}

/// Destroys what is not the first process's own.
fn destroy(kernel: Kernel<&HostMemory>, handle: u64) -> Answer {
    kernel.destroy(handle.max(u64::from(FIRST_FREE_SLOT)))
}

/// A place for an object of `units` units: in a pool of its kind, or in a free frame.
fn object(host: &HostMachine, dice: &mut Dice, kind: FrameKind, units: u64) -> u64 {
    let wanted = if dice.below(4) == 0 {
        FrameKind::Free
    } else {
        kind
    };
    let frame = find_frame(&host.memory, wanted);
    frame * UNITS_PER_FRAME + dice.below(UNITS_PER_FRAME / units) * units
}

/// The first frame of `kind`; if there is none, the first free one, or 0.
fn find_frame(memory: &HostMemory, kind: FrameKind) -> u64 {
    let find = |kind: FrameKind| {
        memory
            .frames()
            .find(|&frame| memory.kind(frame) == kind as u8)
    };
    find(kind)
        .or_else(|| find(FrameKind::Free))
        .map_or(0, |frame| frame.0)
}

fn print_state(host: &HostMachine) {
    let kernel = host.kernel();
    let null_slots = kernel.memory.get(kernel.machine(), machine::NULL_SLOTS);
    let null_endpoint = kernel.memory.get(kernel.machine(), machine::NULL_ENDPOINT);
    let kinds: Vec<String> = host
        .memory
        .frames()
        .map(|frame| format!("[{},{}]", frame.0, kernel.memory.kind(frame)))
        .collect();
    let words: Vec<String> = host
        .memory
        .frames()
        .flat_map(|frame| words(&host.memory, frame))
        .collect();
    let entries: Vec<String> = host
        .memory
        .frames()
        .flat_map(|frame| entry_words(&host.memory, frame))
        .collect();
    println!(
        "{{\"core\":{},\"machine\":{},\"null_slots\":{null_slots},\"null_endpoint\":{null_endpoint},\"kinds\":[{}],\"words\":[{}],\"entries\":[{}]}}",
        kernel.core().into_raw(),
        kernel.machine().into_raw(),
        kinds.join(","),
        words.join(","),
        entries.join(",")
    );
}

/// The words of a frame's entry that are not zero: frame, word, value.
fn entry_words(memory: &HostMemory, frame: Frame) -> Vec<String> {
    (0..ENTRY_WORDS)
        .map(|word| (word, memory.entry_load(frame, word)))
        .filter(|&(_, value)| value != 0)
        .map(|(word, value)| format!("[{},{word},{value}]", frame.0))
        .collect()
}

/// The words of a frame that are not zero: unit, word in the unit, value.
fn words(memory: &HostMemory, frame: Frame) -> Vec<String> {
    let kinds = [FrameKind::Free, FrameKind::User, FrameKind::Absent];
    if kinds.iter().any(|&kind| kind as u8 == memory.kind(frame)) {
        return Vec::new();
    }
    let first = frame.0 * UNITS_PER_FRAME;
    (0..FRAME_WORDS)
        .map(|word| (word, memory.load(first, word)))
        .filter(|&(_, value)| value != 0)
        .map(|(word, value)| format!("[{},{},{value}]", first + word as u64 / 8, word % 8))
        .collect()
}
