//! A small system on the host with a ghost beside it.

use ipc_abi::boot::{FIRST_FREE_SLOT, FirstHandle};
use ipc_abi::call::Place;
use pecan_aarch64::crossing::{Entry, Exit, Moment, Registers, Written};
use pecan_core::host::{HostMachine, HostMemory};
use pecan_core::kernel::{Answer, Kernel};
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{Frame, FrameKind, Number, Thread, UNITS_PER_FRAME, thread};
use pecan_ghost::{Difference, Ghost, Seen};

/// A machine with some objects, which a ghost follows.
pub(crate) struct Rig {
    /// The machine.
    pub(crate) host: HostMachine,
    ghost: Ghost,
    /// What the processor has, from the first look on.
    registers: Option<Registers>,
    next_slot: u32,
    next_frame: u64,
}

/// Where the rig maps its frame.
pub(crate) const MAPPED: u64 = 0x20_8000;

/// An object of the rig: its handle and its number.
pub(crate) type Made = (u64, u64);

impl Rig {
    /// Boots, and shows the ghost what there is.
    pub(crate) fn new() -> Rig {
        let host = HostMachine::new(512);
        host.boot().expect("it boots");
        let region = host.kernel().region_inspect(FirstHandle::Memory as u64);
        let region = region.expect("a region");
        let next_frame = (region & ((1 << 34) - 1)) + (region >> 34);
        Rig {
            host,
            ghost: Ghost::new(1),
            registers: None,
            next_slot: FIRST_FREE_SLOT,
            next_frame,
        }
    }

    /// The kernel.
    pub(crate) fn kernel(&self) -> Kernel<&HostMemory> {
        self.host.kernel()
    }

    /// Makes an object in a frame of its own.
    pub(crate) fn make(
        &mut self,
        create: impl FnOnce(Kernel<&HostMemory>, u64, u64, u64) -> Answer,
    ) -> Made {
        self.next_frame -= 1;
        let (number, slot) = (self.next_frame * UNITS_PER_FRAME, self.next_slot);
        self.next_slot += 1;
        let to = Place::new(FirstHandle::Table as u32, slot).into_raw();
        let made = create(self.kernel(), FirstHandle::Memory as u64, number, to);
        made.expect("it is made");
        self.host.drain_all();
        (slot.into(), number)
    }

    /// Makes a thread with a context of this priority.
    pub(crate) fn thread(&mut self, priority: u64) -> (Made, Made) {
        let (table, space) = (FirstHandle::Table as u64, FirstHandle::Space as u64);
        let made =
            self.make(|it, region, place, to| it.create_thread(region, place, to, table, space));
        let time = FirstHandle::Time as u64;
        let context =
            self.make(|it, region, place, to| it.create_context(region, place, to, time, priority));
        let kernel = self.kernel();
        kernel
            .thread_set_context(made.0, context.0)
            .expect("its context");
        (made, context)
    }

    /// Makes the ghost look at everything.
    pub(crate) fn look(&mut self) -> Result<(), Difference> {
        let memory = &self.host.memory;
        let current = self.host.kernel().current();
        let registers = self
            .registers
            .get_or_insert_with(|| registers_of(memory, current));
        let registers = *registers;
        let entry = Entry {
            vector: None,
            registers,
            syndrome: 0,
            address: 0,
            now: memory.now(),
        };
        let seen = Seen {
            moment: Moment::Exit,
            entry,
            arrivals: &[],
            written: Some(&[] as &[Written]),
            exit: Exit {
                registers,
                root: memory.get(current, thread::ROOT),
                shared_pointer: 0,
                access: 0,
            },
            timer_line: 27,
        };
        let frames = self.host.memory.frames();
        let frames = frames.filter(move |frame| memory.kind(*frame) != FrameKind::Free as u8);
        self.ghost.observe(memory, &seen, frames)
    }
}

fn registers_of<M: Memory>(memory: M, current: Number<Thread>) -> Registers {
    let get = |field| memory.get(current, field);
    Registers {
        x: core::array::from_fn(|index| get(thread::X.at(index as u64))),
        thread: current.into_raw(),
        counter: get(thread::PC),
        stack: get(thread::SP),
        pointer: get(thread::POINTER),
        state: get(thread::PSTATE),
    }
}

/// The frame of an object.
pub(crate) fn frame_of(number: u64) -> Frame {
    Frame(number / UNITS_PER_FRAME)
}
