//! Facts about the meaning. A small system in one process: [`Stage`].

mod calls;
mod deaths;
mod memory;
mod time;
mod wander;

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;

use ipc_abi::call::{Place, SystemCall};
use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;
use ipc_abi::tag::Tag;

use crate::event::{Event, Inputs};
use crate::state::{
    Allowance, Capability, Context, Grant, Life, Machine, Number, PageTable, Region, Registers,
    Running, Sort, Space, State, Table, Thread, Wait,
};

/// The first frame of memory.
const FIRST: u64 = 0x200;
/// The frame behind the last.
const END: u64 = 0xA00;
/// A frame of device registers.
const DEVICE: u64 = 0x10;

/// Handles of the first process.
const MEMORY: u64 = 1;
const TABLE: u64 = 2;
const SPACE: u64 = 3;
const TIME: u64 = 4;
const LINES: u64 = 5;
const ASIDS: u64 = 6;
const DEVICES: u64 = 7;

const REGION: Number = 0x100 * 64;
const OWN_TABLE: Number = 0x101 * 64;
const OWN_SPACE: Number = 0x102 * 64;
const OWN_TIME: Number = 0x103 * 64;
const OWN_LINES: Number = OWN_TIME + 2;
const OWN_ASIDS: Number = OWN_TIME + 4;
const DEVICE_REGION: Number = REGION + 1;
const MAIN: Number = 0x104 * 64;
const MAIN_CONTEXT: Number = 0x105 * 64;

/// A state, and what to make next where.
struct Stage {
    state: State,
    now: u64,
    next_frame: u64,
    next_slot: u64,
}

/// A thread with its context.
#[derive(Clone, Copy)]
struct Actor {
    thread: Number,
    handle: u64,
    context: u64,
}

fn thread(id: u64) -> Thread {
    Thread {
        id: Some(id),
        life: Life::Live,
        wait: Wait::Nothing,
        deadline: None,
        table: Some(OWN_TABLE),
        space: Some(OWN_SPACE),
        own: Some(MAIN_CONTEXT),
        context: Some(MAIN_CONTEXT),
        is_caller_gone: false,
        handler: None,
        buffer: None,
        bound: None,
        window: 0,
        sent_through: None,
        flags: 0,
        is_stepping: false,
        debug: BTreeMap::new(),
        registers: Registers::default(),
    }
}

fn context(id: u64, priority: u64) -> Context {
    Context {
        id: Some(id),
        core: 0,
        priority,
        budget: 0,
        period: 0,
        refills: Vec::new(),
        is_refilling: false,
        used: 0,
        share: 0,
        allowance: Some(OWN_TIME),
        handler: None,
    }
}

fn region(id: u64, first: u64, end: u64) -> Region {
    let (limit, unused) = (end, first);
    let id = Some(id);
    Region {
        id,
        first,
        end,
        limit,
        unused,
        is_device: false,
    }
}

fn numbers(id: u64, sort: Sort) -> Allowance {
    let (first, limit, end) = (1, 7, 9);
    let grant = Grant::Numbers {
        sort,
        first,
        limit,
        end,
    };
    Allowance {
        id: Some(id),
        grant,
    }
}

/// What the first process holds.
fn first_capabilities() -> BTreeMap<u64, Capability> {
    let objects = [
        (MEMORY, Kind::Region, REGION),
        (TABLE, Kind::CapTable, OWN_TABLE),
        (SPACE, Kind::AddressSpace, OWN_SPACE),
        (TIME, Kind::Allowance, OWN_TIME),
        (LINES, Kind::Allowance, OWN_LINES),
        (ASIDS, Kind::Allowance, OWN_ASIDS),
        (DEVICES, Kind::Region, DEVICE_REGION),
    ];
    let rights = Rights::ALL;
    let give = |(id, kind, number)| {
        (
            id,
            Capability {
                kind,
                rights,
                number,
                id,
            },
        )
    };
    objects.map(give).into()
}

impl Stage {
    /// The first thread runs, at priority 100.
    fn new() -> Stage {
        let mut state = State {
            next_id: 100,
            machine: Machine {
                breakpoints: 2,
                watchpoints: 2,
                slice_ticks: 1 << 20,
            },
            reserved: Rc::new((0x100..FIRST).collect()),
            ..State::default()
        };
        let slots = first_capabilities();
        let (id, chunks) = (Some(2), Vec::from([0x110]));
        state
            .tables
            .insert(OWN_TABLE, Rc::new(Table { id, chunks, slots }));
        state.regions.insert(REGION, region(1, FIRST, END));
        let devices = Region {
            is_device: true,
            ..region(7, DEVICE, DEVICE + 4)
        };
        state.regions.insert(DEVICE_REGION, devices);
        let root = PageTable {
            frame: 0x111,
            shadow: None,
        };
        let space = Space {
            id: Some(3),
            asid: Some(1),
            tables: BTreeMap::from([((1, 0), root)]),
            ..Space::default()
        };
        state.spaces.insert(OWN_SPACE, Rc::new(space));
        let grant = Grant::Time {
            core: 0,
            priority: 255,
            unlimited: 255,
            left: 1 << 20,
            share: 1 << 20,
            parent: None,
        };
        state
            .allowances
            .insert(OWN_TIME, Allowance { id: Some(4), grant });
        state.allowances.insert(OWN_LINES, numbers(5, Sort::Irq));
        state.allowances.insert(OWN_ASIDS, numbers(6, Sort::Asid));
        state.threads.insert(MAIN, Rc::new(thread(8)));
        state
            .contexts
            .insert(MAIN_CONTEXT, Rc::new(context(9, 100)));
        let (thread, context) = (MAIN, MAIN_CONTEXT);
        state.running = Some(Running {
            thread,
            context,
            helper: None,
        });
        let (next_frame, next_slot) = (FIRST + 0x100, 20);
        Stage {
            state,
            now: 0,
            next_frame,
            next_slot,
        }
    }

    /// An event, and a way out that leaves nothing for later. A kernel that did the same is followed.
    fn event(&mut self, event: Event) {
        let inputs = Inputs {
            now: self.now,
            ..Inputs::default()
        };
        let mut kernel = self.state.clone();
        kernel.step(event, &inputs);
        kernel.finish();
        self.state.step(event, &inputs);
        self.state.follow(&kernel).expect("the same way out");
    }

    fn running(&self) -> Number {
        self.state.running.expect("somebody runs").thread
    }

    /// A function call of the running thread.
    fn call(&mut self, call: SystemCall, arguments: &[u64]) -> Result<u64, Error> {
        let thread = self.running();
        let x = &mut self.state.thread(thread).registers.x;
        x[..arguments.len()].copy_from_slice(arguments);
        self.event(Event::SystemCall(call as u16));
        match self.state.threads.get(&thread).map(|it| it.registers.x) {
            Some([status, value, ..]) => Error::from_raw(status).map_or(Ok(value), Err),
            None => Ok(0),
        }
    }

    /// A message call of the running thread, whose words are `first`, `first` + 1, …
    fn message(&mut self, call: SystemCall, handle: u64, tag: Tag, first: u64) {
        let x = &mut self.state.thread(self.running()).registers.x;
        for (word, value) in x[..16].iter_mut().zip(first..) {
            *word = value;
        }
        (x[16], x[17], x[18]) = (tag.into_raw(), handle, 0);
        self.event(Event::SystemCall(call as u16));
    }

    fn tag(&self, thread: Number) -> Tag {
        self.state.tag_of(thread)
    }

    /// Why the last message call of a thread was refused.
    fn refusal(&self, thread: Number) -> Option<Error> {
        self.tag(thread).error()
    }

    fn x(&self, thread: Number, register: usize) -> u64 {
        self.state.threads[&thread].registers.x[register]
    }

    fn slot(&mut self) -> (u64, u64) {
        self.next_slot += 1;
        let slot = u32::try_from(self.next_slot).expect("a slot");
        (self.next_slot, Place::new(2, slot).into_raw())
    }

    fn free_frame(&mut self) -> u64 {
        self.next_frame += 1;
        self.next_frame
    }

    /// Makes an object in a frame of its own; answers its handle.
    fn make(&mut self, call: SystemCall, more: &[u64]) -> u64 {
        let (handle, place) = self.slot();
        let number = self.free_frame() * 64;
        let mut arguments = Vec::from([MEMORY, number, place]);
        arguments.extend(more);
        assert_eq!(self.call(call, &arguments), Ok(0));
        handle
    }

    fn number(&self, handle: u64) -> Number {
        self.state.tables[&OWN_TABLE].slots[&handle].number
    }

    /// Makes and starts a thread of a priority.
    fn actor(&mut self, priority: u64) -> Actor {
        let handle = self.make(SystemCall::CreateThread, &[TABLE, SPACE]);
        let context = self.make(SystemCall::CreateContext, &[TIME, priority]);
        assert_eq!(
            self.call(SystemCall::ThreadSetContext, &[handle, context]),
            Ok(0)
        );
        let thread = self.number(handle);
        assert_eq!(
            self.call(SystemCall::ThreadStart, &[handle, 0x1000, 0x2000, 7]),
            Ok(0)
        );
        Actor {
            thread,
            handle,
            context,
        }
    }

    /// The running thread, of priority 100, rests until one of lower priority has done what it is to do.
    fn let_run(&mut self, thread: Number) {
        while self.running() != thread {
            self.call(SystemCall::Sleep, &[u64::MAX])
                .expect("it sleeps");
        }
    }
}
