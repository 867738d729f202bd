//! Prints states that the kernel really reaches, one JSON object a line, for `verification/`: the
//! invariants that the proofs assume are held against them.
//!
//! The first states are those of booted host machines after a fixed sequence of pseudo-random calls
//! which make, copy, extend and destroy objects. To the others come threads which call each other,
//! signal, sleep, stop and use up their time, also in a fixed sequence. In the last ones objects are
//! dying: everything that a busy machine can destroy, and a space with what it maps.

use std::ops::Range;

use ipc_abi::boot::{FIRST_FREE_SLOT, FirstHandle};
use ipc_abi::call::{Place, SystemCall};
use ipc_abi::capability::Access;
use pecan_core::host::{HostMachine, HostMemory, SLICE_TICKS};
use pecan_core::kernel::{Answer, Kernel};
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{
    Context, Frame, FrameKind, Number, Thread, UNITS_PER_FRAME, core_state, machine, special,
    thread, wait,
};
use pecan_core::scene::{Scene, Step, operation};

const MACHINES: u64 = 6;
const FRAMES: u64 = 192;
const CALLS: u64 = 500;
/// Handles that the calls use.
const HANDLES: u64 = 64;
const FRAME_WORDS: usize = 512;
const ENTRY_WORDS: usize = 4;

/// Of the machines on which threads talk.
const BUSY_FRAMES: u64 = 160;
const THREADS_MADE: u8 = 9;
const PRIORITIES: [u64; THREADS_MADE as usize] = [254, 255, 255, 200, 200, 100, 100, 40, 7];
const BUSY_MACHINES: u64 = 256;
/// Of each.
const STEPS: u64 = 300;
/// So much is going on in a busy state.
const ENOUGH: usize = 4;
const REASON_SHIFT: u32 = wait::REASON.trailing_zeros();

/// How many machines, and moments of a dying space.
const DYING: usize = 3;

/// What has to be going on in each of the busy states.
const WANTED: [Sight; 8] = [
    Sight::AHEAD,
    Sight::HELPED,
    Sight::SEVERAL_READY,
    Sight::waits(wait::SLOW_REPLY),
    Sight::waits(wait::SAVED),
    Sight::waits(wait::SAVED_FAULT),
    Sight::STALE,
    Sight::SIGNALLED,
];

/// An operation, and of which handles.
type Chance = (u8, Range<u8>);
/// What threads do, each as often as it stands here.
const OTHER_STEPS: &[Chance] = &[
    (SystemCall::Call as u8, Scene::GATES),
    (SystemCall::Call as u8, Scene::GATES),
    (SystemCall::ReplyReceive as u8, Scene::ENDPOINTS),
    (SystemCall::ReplyReceive as u8, Scene::ENDPOINTS),
    (SystemCall::Receive as u8, Scene::ENDPOINTS),
    (SystemCall::Send as u8, Scene::GATES),
    (SystemCall::TryReceive as u8, Scene::ENDPOINTS),
    (SystemCall::Reply as u8, ANY),
    (SystemCall::ReplyTo as u8, Scene::REPLIES),
    (SystemCall::Wait as u8, Scene::NOTIFICATIONS),
    (SystemCall::CallUntil as u8, Scene::GATES),
    (SystemCall::ReceiveUntil as u8, Scene::ENDPOINTS),
    (SystemCall::WaitUntil as u8, Scene::NOTIFICATIONS),
    (operation::SIGNAL, Scene::GATES),
    (operation::SIGNAL, Scene::GATES),
    (operation::SIGNAL, Scene::GATES),
    (operation::SAVE_CALLER, Scene::REPLIES),
    (operation::FAULT, ANY),
    (operation::SLICE, ANY),
    (operation::WAIT, Scene::NOTIFICATIONS),
    (operation::WAIT, Scene::NOTIFICATIONS),
    (operation::YIELD, ANY),
    (operation::SLEEP, ANY),
    (operation::PASS, ANY),
    (operation::PASS, ANY),
];
/// What the first thread does, which never waits for ever: it also rouses the others.
const FIRST_STEPS: &[Chance] = &[
    (SystemCall::CallUntil as u8, Scene::GATES),
    (SystemCall::TrySend as u8, Scene::GATES),
    (operation::SIGNAL, Scene::GATES),
    (operation::SIGNAL, Scene::GATES),
    (operation::STOP, THREADS),
    (operation::START, THREADS),
    (operation::RESUME, THREADS),
    (operation::RESUME, THREADS),
    (operation::SET_HANDLER, THREADS),
    (operation::BIND, THREADS),
    (operation::CONFIGURE, THREADS),
    (operation::PASS, ANY),
    (operation::SLEEP, ANY),
    (operation::SLEEP, ANY),
    (operation::SLEEP, ANY),
    (operation::DESTROY, THREADS),
    (operation::SET_CONTEXT, THREADS),
];
/// Handles of threads and of their contexts.
const THREADS: Range<u8> = Scene::THREADS..Scene::THREADS + 2 * THREADS_MADE;
/// Any handle; none is used.
const ANY: Range<u8> = 0..1;

const TABLE: u64 = FirstHandle::Table as u64;
const SPACE: u64 = FirstHandle::Space as u64;
const MEMORY: u64 = FirstHandle::Memory as u64;
const ASIDS: u64 = FirstHandle::Asids as u64;

fn main() {
    for seed in 1..=MACHINES {
        println!("{}", state_of(&make_things(seed)));
    }
    for wanted in WANTED {
        let mut found = (1..=BUSY_MACHINES).filter_map(|seed| come_to(seed, wanted));
        let scene = found.next().expect("what is wanted is seen");
        println!("{}", state_of(scene.host()));
    }
    let dying = (1..=BUSY_MACHINES)
        .filter_map(|seed| come_to(seed, Sight::waits(wait::SEND)))
        .filter(|scene| !scene.host().kernel().current().is_none())
        .take(DYING);
    for scene in dying {
        let host = scene.host();
        destroy_all(host);
        println!("{}", state_of(host));
        host.leave_kernel();
        println!("{}", state_of(host));
    }
    let host = destroy_space();
    for _ in 0..DYING {
        println!("{}", state_of(&host));
        host.leave_kernel();
    }
}

/// Destroys whatever there is a handle of; an interrupt waits, so that nothing is taken apart yet.
fn destroy_all(host: &HostMachine) {
    host.memory.quiet_runs.set(0);
    for handle in 0..HANDLES {
        if host.kernel().current().is_none() {
            break;
        }
        // What is refused is the caller's own, or nothing.
        let _: Answer = destroy(host.kernel(), handle);
    }
    host.memory.quiet_runs.set(u64::MAX);
}

/// A machine on which a space was destroyed with pages in it, some of frames that are mapped twice.
fn destroy_space() -> HostMachine {
    const PAGES: u64 = 40;
    const POOL: u64 = 8;
    let host = HostMachine::new(FRAMES);
    host.boot().expect("the small package boots");
    let kernel = host.kernel();
    let free = || find_frame(&host.memory, FrameKind::Free);
    let slot = u64::from(FIRST_FREE_SLOT);
    let made = |answer: Answer| {
        host.leave_kernel();
        answer.expect("there is room")
    };
    let place = |at| Place::from_raw(TABLE << 32 | (slot + at)).into_raw();
    let root = free() + 1;
    made(kernel.create_space(MEMORY, free() * UNITS_PER_FRAME, place(0), ASIDS, root));
    for _ in 0..POOL {
        made(kernel.space_donate(slot, MEMORY, free()));
    }
    for page in 0..PAGES {
        let frame = slot + 1 + page / 2;
        if page % 2 == 0 {
            made(kernel.create_frame(MEMORY, free() * UNITS_PER_FRAME, place(1 + page / 2)));
        }
        made(kernel.map(slot, frame, page << 12, Access::READ.into_raw()));
    }
    made(kernel.destroy(slot));
    host
}

/// A machine on which objects were made and destroyed.
fn make_things(seed: u64) -> HostMachine {
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
    host
}

/// A machine whose threads talk with each other, where what is wanted is going on, and more; none if
/// they do not come to that.
fn come_to(seed: u64, wanted: Sight) -> Option<Scene> {
    let scene = Scene::new(BUSY_FRAMES, &PRIORITIES);
    let host = scene.host();
    let first = host.kernel().current();
    let mut dice = Dice(seed);
    for _ in 0..STEPS {
        let steps = if host.kernel().current() == first {
            FIRST_STEPS
        } else {
            OTHER_STEPS
        };
        if !scene.take(step(&mut dice, steps)) {
            scene.pass(SLICE_TICKS);
        }
        if is_seen(host, wanted) && is_busy(host) {
            return Some(scene);
        }
    }
    None
}

/// Whether enough is going on.
fn is_busy(host: &HostMachine) -> bool {
    let sights = (0..u32::BITS).filter(|&sight| is_seen(host, Sight(sight)));
    sights.count() >= ENOUGH
}

/// A step of the current thread, mostly one that makes sense.
fn step(dice: &mut Dice, steps: &[Chance]) -> Step {
    let (operation, objects) = &steps[dice.index(steps.len())];
    Step {
        operation: *operation,
        object: objects.start + dice.byte() % (objects.end - objects.start),
        other: dice.byte(),
        tag: dice.byte(),
    }
}

/// Something that may be going on: by number, the reason for which some thread waits, or one of those
/// below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sight(u32);

impl Sight {
    const AHEAD: Sight = Sight(16);
    const HELPED: Sight = Sight(17);
    const SEVERAL_READY: Sight = Sight(18);
    const TIMED: Sight = Sight(19);
    /// A thread held a context that is gone.
    const STALE: Sight = Sight(20);
    /// A thread is bound to a notification that has signals.
    const SIGNALLED: Sight = Sight(21);

    /// Some thread waits for this reason.
    const fn waits(reason: u64) -> Sight {
        Sight((reason >> REASON_SHIFT) as u32)
    }
}

/// Whether it is going on.
fn is_seen(host: &HostMachine, sight: Sight) -> bool {
    let kernel = host.kernel();
    let field = |field| kernel.memory.get(kernel.core(), field);
    match sight {
        Sight::AHEAD => field(core_state::AHEAD) != 0,
        Sight::HELPED => field(core_state::HELPER) != 0,
        Sight::SEVERAL_READY => {
            let ready = (0..4).map(|word| field(core_state::READY.at(word)).count_ones());
            ready.sum::<u32>() > 1
        }
        Sight::TIMED => field(core_state::TIMED) != 0,
        Sight::STALE => threads(host).any(|number| {
            let held: Number<Context> = kernel.memory.link(number, thread::CONTEXT);
            !held.is_none() && (&host.memory).kind(held.frame()) == FrameKind::Free as u8
        }),
        Sight::SIGNALLED => threads(host)
            .any(|number| kernel.memory.get(number, thread::SPECIAL) & special::SIGNALLED != 0),
        Sight(reason) => threads(host).any(|number| {
            let waits = kernel.memory.get(number, thread::WAIT);
            reason != 0 && waits >> REASON_SHIFT == u64::from(reason)
        }),
    }
}

/// The threads, each of which is the first object of a frame.
fn threads(host: &HostMachine) -> impl Iterator<Item = Number<Thread>> {
    let frames = host.memory.frames();
    frames
        .filter(|&frame| (&host.memory).kind(frame) == FrameKind::Thread as u8)
        .map(|frame| Number::from_raw(frame.0 * UNITS_PER_FRAME))
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

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("a length")
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(1 << 8)).expect("a byte")
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

/// The state as JSON.
fn state_of(host: &HostMachine) -> String {
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
    format!(
        "{{\"core\":{},\"machine\":{},\"null_slots\":{null_slots},\"null_endpoint\":{null_endpoint},\"kinds\":[{}],\"words\":[{}],\"entries\":[{}]}}",
        kernel.core().into_raw(),
        kernel.machine().into_raw(),
        kinds.join(","),
        words.join(","),
        entries.join(",")
    )
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
