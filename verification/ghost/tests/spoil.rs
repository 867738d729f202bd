//! Kernel memory that is spoiled is noticed; what is dead is not looked at.

mod common;

use common::{MAPPED, Rig, frame_of};
use ipc_abi::boot::FirstHandle;
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{
    Core, Field, Frame, FrameKind, Layout, Number, PageTable, UNITS_PER_FRAME, context, core_state,
    endpoint, entry, gate, machine, notification, region, space, table, thread,
};

/// Numbers of the objects of the rig.
struct Objects {
    /// Two threads that wait to run, and their contexts.
    threads: [u64; 2],
    contexts: [u64; 2],
    endpoint: u64,
    gate: u64,
    notification: u64,
    /// A mapped frame.
    frame: Frame,
}

fn build() -> (Rig, Objects) {
    let mut rig = Rig::new();
    let pairs = [0, 1].map(|_| rig.thread(100));
    for ((thread, _), (context, _)) in pairs.iter().map(|(a, b)| (*a, *b)) {
        let kernel = rig.kernel();
        let time = FirstHandle::Time as u64;
        let configured = kernel.context_configure(context, time, 100, 100_000, 1_000_000);
        configured.expect("a budget");
        kernel
            .thread_start(thread, 0x1000, 0x2000, 7)
            .expect("it starts");
        rig.host.drain_all();
    }
    let endpoint = rig.make(|it, region, place, to| it.create_endpoint(region, place, to));
    let gate = rig.make(|it, region, place, to| it.create_gate(region, place, to, endpoint.0, 5));
    let notification = rig.make(|it, region, place, to| it.create_notification(region, place, to));
    let frame = rig.make(|it, region, place, to| it.create_frame(region, place, to));
    let kernel = rig.kernel();
    let space = FirstHandle::Space as u64;
    kernel.map(space, frame.0, MAPPED, 3).expect("it is mapped");
    rig.host.drain_all();
    let objects = Objects {
        threads: pairs.map(|(thread, _)| thread.1),
        contexts: pairs.map(|(_, context)| context.1),
        endpoint: endpoint.1,
        gate: gate.1,
        notification: notification.1,
        frame: frame_of(frame.1),
    };
    (rig, objects)
}

/// Changes a field of an object.
fn change<O: Layout>(rig: &Rig, number: u64, field: Field<O>, how: impl Fn(u64) -> u64) {
    let memory = rig.kernel().memory;
    let object = Number::<O>::from_raw(number);
    rig.host
        .memory
        .overwrite(number, field.word(), how(memory.get(object, field)));
}

fn core_of(rig: &Rig) -> u64 {
    rig.kernel().core().into_raw()
}

/// The descriptor of the mapped frame: the number of its table, and its index.
fn descriptor(rig: &Rig, frame: Frame) -> (u64, Field<PageTable>) {
    let memory = rig.kernel().memory;
    let tables = rig.host.memory.frames();
    let tables = tables.filter(|it| memory.kind(*it) == FrameKind::PageTable as u8);
    let mut places = tables.flat_map(|it| (0..512).map(move |index| (it.0 * 64, index)));
    let (table, index) = places
        .find(|(table, index)| {
            let word = memory.get(
                Number::from_raw(*table),
                Field::<PageTable>::new(0).at(*index),
            );
            word & 3 == 3 && word >> 12 & 0xF_FFFF_FFFF == frame.0 && word & 1 << 6 != 0
        })
        .expect("it is mapped");
    (table, Field::new(0).at(index))
}

/// A spoiling: its name, and what it does.
type Spoiling = (&'static str, fn(&Rig, &Objects));

const NOTICED: &[Spoiling] = &[
    ("a link of a list of threads", |rig, it| {
        change(rig, it.threads[0], thread::TABLE_NEXT, |_| it_self(it));
    }),
    ("a link back", |rig, it| {
        change(rig, it.threads[1], thread::SPACE_PREV, |old| old ^ 0x40)
    }),
    ("the kind of a frame", |rig, it| {
        rig.kernel()
            .memory
            .set_kind(frame_of(it.endpoint), FrameKind::Gate as u8);
    }),
    ("the rights in a slot", |rig, _| {
        let kernel = rig.kernel();
        let slots = kernel.memory.get(kernel.current(), thread::SLOTS);
        let word = kernel.memory.load(slots, 3);
        rig.host.memory.overwrite(slots, 3, word ^ 1 << 57);
    }),
    ("the identity in a slot", |rig, _| {
        let kernel = rig.kernel();
        let slots = kernel.memory.get(kernel.current(), thread::SLOTS);
        let word = kernel.memory.load(slots, 2);
        rig.host.memory.overwrite(slots, 2, word + 1);
    }),
    ("the writable bit of a page", |rig, it| {
        let (table, field) = descriptor(rig, it.frame);
        change(rig, table, field, |old| old ^ 1 << 7);
    }),
    ("the executable bit of a page", |rig, it| {
        let (table, field) = descriptor(rig, it.frame);
        change(rig, table, field, |old| old ^ 1 << 54);
    }),
    ("the frame of a page", |rig, it| {
        let (table, field) = descriptor(rig, it.frame);
        change(rig, table, field, |old| old ^ 1 << 12);
    }),
    ("an executable bit for the kernel", |rig, it| {
        let (table, field) = descriptor(rig, it.frame);
        change(rig, table, field, |old| old ^ 1 << 53);
    }),
    ("a global page", |rig, it| {
        let (table, field) = descriptor(rig, it.frame);
        change(rig, table, field, |old| old ^ 1 << 11);
    }),
    ("the first mapping in a frame's entry", |rig, it| {
        let memory = rig.kernel().memory;
        let word = memory.entry(it.frame, entry::ADDRESS);
        memory.set_entry(it.frame, entry::ADDRESS, word + 1);
    }),
    ("the identity of a frame", |rig, it| {
        let memory = rig.kernel().memory;
        let word = memory.entry(it.frame, entry::ID);
        memory.set_entry(it.frame, entry::ID, word - 1);
    }),
    ("a budget", |rig, it| {
        change(rig, it.contexts[0], context::BUDGET, |old| old + 1)
    }),
    ("the amount of a refill", |rig, it| {
        change(rig, it.contexts[0], context::REFILLS.at(1), |old| old - 1);
    }),
    ("the time of a refill", |rig, it| {
        change(rig, it.contexts[0], context::REFILLS, |old| old + 1);
    }),
    ("a priority", |rig, it| {
        change(rig, it.contexts[0], context::PRIORITY, |_| 101)
    }),
    ("the order of a run queue", |rig, it| {
        let [first, second] = it.contexts;
        let core = core_of(rig);
        change(rig, core, core_state::QUEUE_HEAD.at(100), |_| second);
        change(rig, core, core_state::QUEUE_TAIL.at(100), |_| first);
        change(rig, second, context::PREV, |_| 0);
        change(rig, second, context::NEXT, |_| first);
        change(rig, first, context::PREV, |_| second);
        change(rig, first, context::NEXT, |_| 0);
    }),
    ("the bitmap of run queues", |rig, _| {
        change(rig, core_of(rig), core_state::READY.at(1), |old| {
            old ^ 1 << 36
        });
    }),
    ("a register of a thread that waits to run", |rig, it| {
        change(rig, it.threads[0], thread::X, |old| old + 1);
    }),
    ("its program counter", |rig, it| {
        change(rig, it.threads[0], thread::PC, |old| old + 4)
    }),
    ("its copy of the table", |rig, it| {
        change(rig, it.threads[0], thread::SLOTS, |old| old + 64)
    }),
    ("its root", |rig, it| {
        change(rig, it.threads[0], thread::ROOT, |old| old ^ 1 << 48)
    }),
    ("a badge", |rig, it| {
        change(rig, it.gate, gate::BADGE, |old| old ^ 1)
    }),
    ("where a gate leads", |rig, it| {
        change(rig, it.gate, gate::ENDPOINT, |old| old + 8)
    }),
    ("an identity", |rig, it| {
        change(rig, it.gate, gate::ID, |old| old + 1)
    }),
    ("signals", |rig, it| {
        change(rig, it.notification, notification::BITS, |old| old | 4)
    }),
    ("who waits for a notification", |rig, it| {
        change(rig, it.notification, notification::WAITER, |_| {
            it.threads[0]
        });
    }),
    ("the servers of an endpoint", |rig, it| {
        change(rig, it.endpoint, endpoint::SERVERS, |_| it.threads[0]);
    }),
    ("the next identity", |rig, _| {
        let machine = rig.kernel().machine().into_raw();
        change(rig, machine, machine::NEXT_ID, |old| old - 1);
    }),
    ("the end of a region", |rig, _| {
        let memory = rig.kernel().memory;
        let mut frames = rig.host.memory.frames();
        let kind = FrameKind::Region as u8;
        let found = frames
            .find(|it| memory.kind(*it) == kind)
            .expect("a region");
        change(rig, found.0 * UNITS_PER_FRAME, region::LIMIT, |old| old - 1);
    }),
    ("the chunks of a table", |rig, _| {
        let kernel = rig.kernel();
        let number = kernel.memory.get(kernel.current(), thread::TABLE);
        change(rig, number, table::CHUNKS, |old| old + 1);
    }),
    ("the root of a space", |rig, _| {
        let kernel = rig.kernel();
        let number = kernel.memory.get(kernel.current(), thread::SPACE);
        change(rig, number, space::ROOT, |old| old + 64);
    }),
];

/// Not a link of the list that it stands in.
fn it_self(it: &Objects) -> u64 {
    it.threads[0]
}

const DEAD: &[Spoiling] = &[
    ("the registers of who runs", |rig, _| {
        let current = rig.kernel().current().into_raw();
        change(rig, current, thread::X.at(3), |old| old + 1);
    }),
    ("the context of who runs", |rig, _| {
        let current = rig.kernel().current().into_raw();
        change(rig, current, thread::CONTEXT, |old| old ^ 0x40);
    }),
    ("who runs on the current context", |rig, _| {
        let core = Number::<Core>::from_raw(core_of(rig));
        let current = rig.kernel().memory.get(core, core_state::CONTEXT);
        change(rig, current, context::RUNNING, |old| old ^ 0x40);
    }),
    ("the band of who is in no queue", |rig, it| {
        change(rig, it.threads[0], thread::BAND, |_| 3);
    }),
    ("the badge of who sends nothing", |rig, it| {
        change(rig, it.threads[0], thread::BADGE, |_| 3);
    }),
];

#[test]
fn an_honest_system_is_as_it_must_be() {
    let (mut rig, _) = build();
    rig.look().expect("it is as it must be");
    rig.look().expect("it still is");
}

#[test]
fn every_spoiling_is_noticed() {
    for (name, spoil) in NOTICED {
        let (mut rig, objects) = build();
        rig.look().expect("it is as it must be");
        spoil(&rig, &objects);
        let found = rig.look();
        assert!(found.is_err(), "{name} is spoiled, and nobody notices");
    }
    println!("spoilings noticed: {}", NOTICED.len());
}

#[test]
fn what_is_dead_is_not_looked_at() {
    for (name, spoil) in DEAD {
        let (mut rig, objects) = build();
        rig.look().expect("it is as it must be");
        spoil(&rig, &objects);
        let found = rig.look();
        assert_eq!(found, Ok(()), "{name} is dead");
    }
    println!("dead fields not looked at: {}", DEAD.len());
}
