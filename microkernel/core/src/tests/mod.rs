//! Tests of memory, creation and destruction on the host machine, and the fixture they share.

extern crate std;

mod allowance;
mod boot;
mod check;
mod create;
mod death;
mod debug;
mod destroy;
mod dma;
mod frame;
mod interleaving;
mod irq;
mod large;
mod mapping;
mod object;
mod oracle;
mod postponed;
mod random;
mod range;
mod reclaim;
mod region;
mod space;
mod table;

use core::cell::Cell;

use ipc_abi::boot::FirstHandle;
use ipc_abi::call::{Place, SystemCall};
use ipc_abi::capability::{Description, Rights};
use ipc_abi::error::Error;

use crate::host::{HostMachine, HostMemory};
use crate::kernel::{Answer, Kernel};
use crate::memory::{Fields, Memory};
use crate::object::{Frame, FrameKind, UNITS_PER_FRAME, core_state, thread};

/// The first process's handles, as arguments.
pub(super) const TABLE: u64 = FirstHandle::Table as u64;
pub(super) const SPACE: u64 = FirstHandle::Space as u64;
pub(super) const THREAD: u64 = FirstHandle::Thread as u64;
pub(super) const CONTEXT: u64 = FirstHandle::Context as u64;
pub(super) const MEMORY: u64 = FirstHandle::Memory as u64;
pub(super) const DEVICES: u64 = FirstHandle::Devices as u64;
pub(super) const TIME: u64 = FirstHandle::Time as u64;
pub(super) const IRQS: u64 = FirstHandle::Irqs as u64;
pub(super) const ASIDS: u64 = FirstHandle::Asids as u64;

/// A handle that no test uses: its slot stays empty.
pub(super) const EMPTY: u64 = 255;

/// Frames of memory of the fixture's machine.
pub(super) const FRAMES: u64 = 320;

/// A booted machine on which every call is checked.
pub(super) struct Fixture {
    pub(super) host: HostMachine,
    next_slot: Cell<u32>,
}

impl Fixture {
    pub(super) fn new() -> Fixture {
        Fixture::with_frames(FRAMES)
    }

    /// A machine with more memory.
    pub(super) fn with_frames(frames: u64) -> Fixture {
        let host = HostMachine::new(frames);
        host.boot().expect("the small package boots");
        let fixture = Fixture {
            host,
            next_slot: Cell::new(ipc_abi::boot::FIRST_FREE_SLOT),
        };
        fixture.check();
        fixture
    }

    pub(super) fn kernel(&self) -> Kernel<&HostMemory> {
        self.host.kernel()
    }

    /// Holds all invariants against the state.
    pub(super) fn check(&self) {
        let frames = self.host.memory.frames();
        if let Err(violation) = self.kernel().check_all(frames) {
            panic!("{violation:x?}");
        }
    }

    /// Lets `ticks` pass; then the timer fires if it is set for less.
    pub(super) fn pass(&self, ticks: u64) {
        let kernel = self.kernel();
        self.host.leave_kernel();
        self.host.memory.pass(ticks);
        if kernel.memory.get(kernel.core(), core_state::ARMED) <= kernel.memory.now() {
            kernel.timer_fired();
            self.host.leave_kernel();
            self.check();
        }
    }

    /// Makes a system call and leaves the kernel.
    pub(super) fn call(&self, call: impl FnOnce(Kernel<&HostMemory>) -> Answer) -> Answer {
        let answer = call(self.kernel());
        self.check();
        self.host.leave_kernel();
        self.check();
        answer
    }

    /// Makes a call on a range with the arguments that are in the registers, again and again as the
    /// interrupted thread does; an interrupt waits after `quiet_runs` runs, once. Answers the error,
    /// if any, and the pages that are done.
    pub(super) fn make_range_call(
        &self,
        call: SystemCall,
        quiet_runs: u64,
    ) -> (Option<Error>, u64) {
        let kernel = self.kernel();
        let thread = kernel.current();
        let counter = 0x4000;
        kernel.memory.set(thread, thread::PC, counter);
        self.host.memory.quiet_runs.set(quiet_runs);
        for _ in 0..2 {
            kernel.message_call(call as u64);
            self.check();
            self.host.memory.quiet_runs.set(u64::MAX);
            self.host.leave_kernel();
            self.check();
            match kernel.memory.get(thread, thread::PC) {
                back if back == counter - 4 => kernel.memory.set(thread, thread::PC, counter),
                after => assert_eq!(after, counter, "the program counter"),
            }
            let is_done = (2..19).all(|index| kernel.register(thread, index) == 0);
            if is_done {
                let status = kernel.register(thread, 0);
                let error = Error::from_raw(status);
                assert!(status == 0 || error.is_some_and(|error| call.can_return(error)));
                return (error, kernel.register(thread, 1));
            }
        }
        panic!("{} is not made again once", call.name());
    }

    /// [`Fixture::make_range_call`] with arguments, and no interrupt.
    pub(super) fn range_call(&self, call: SystemCall, arguments: &[u64]) -> (Option<Error>, u64) {
        self.interrupted_range_call(call, arguments, u64::MAX)
    }

    /// The same, with an interrupt after `quiet_runs` runs.
    pub(super) fn interrupted_range_call(
        &self,
        call: SystemCall,
        arguments: &[u64],
        quiet_runs: u64,
    ) -> (Option<Error>, u64) {
        let kernel = self.kernel();
        let filled = arguments.iter().copied().chain(core::iter::repeat(0xF00));
        for (index, value) in (0..19).zip(filled) {
            kernel.set_register(kernel.current(), index, value);
        }
        self.make_range_call(call, quiet_runs)
    }

    /// Makes a system call that must be refused with `error`.
    pub(super) fn refuse(&self, error: Error, call: impl FnOnce(Kernel<&HostMemory>) -> Answer) {
        assert_eq!(self.call(call), Err(error));
    }

    /// A slot that no call of this got before, as a place and as a handle.
    pub(super) fn slot(&self) -> (u64, u64) {
        let slot = self.next_slot.get();
        self.next_slot.set(slot + 1);
        (place(slot), u64::from(slot))
    }

    /// The lowest free frame.
    pub(super) fn free_frame(&self) -> u64 {
        let first = self
            .host
            .memory
            .frames()
            .find(|&frame| self.kind(frame.0) == 0);
        first.expect("a frame is free").0
    }

    /// The object number of the lowest free frame.
    pub(super) fn free_place(&self) -> u64 {
        self.free_frame() * UNITS_PER_FRAME
    }

    pub(super) fn kind(&self, frame: u64) -> u8 {
        (&self.host.memory).kind(Frame(frame))
    }

    pub(super) fn is_free(&self, frame: u64) -> bool {
        self.kind(frame) == FrameKind::Free as u8
    }

    /// Makes an object by `create(kernel, object, destination)`; answers handle and number.
    pub(super) fn create(
        &self,
        create: impl FnOnce(Kernel<&HostMemory>, u64, u64) -> Answer,
    ) -> (u64, u64) {
        let (destination, handle) = self.slot();
        let object = self.free_place();
        assert_eq!(
            self.call(|kernel| create(kernel, object, destination)),
            Ok(0)
        );
        (handle, object)
    }

    pub(super) fn create_frame(&self) -> (u64, u64) {
        let (handle, object) = self.create(|k, o, d| k.create_frame(MEMORY, o, d));
        (handle, object / UNITS_PER_FRAME)
    }

    pub(super) fn create_endpoint(&self) -> (u64, u64) {
        self.create(|k, o, d| k.create_endpoint(MEMORY, o, d))
    }

    pub(super) fn create_notification(&self) -> (u64, u64) {
        self.create(|k, o, d| k.create_notification(MEMORY, o, d))
    }

    pub(super) fn create_gate(&self, target: u64, badge: u64) -> (u64, u64) {
        self.create(|k, o, d| k.create_gate(MEMORY, o, d, target, badge))
    }

    pub(super) fn create_space(&self) -> (u64, u64) {
        let root = self.free_frame() + 1;
        self.create(|k, o, d| k.create_space(MEMORY, o, d, ASIDS, root))
    }

    pub(super) fn create_table(&self) -> (u64, u64) {
        let slots = self.free_frame() + 1;
        self.create(|k, o, d| k.create_table(MEMORY, o, d, slots))
    }

    pub(super) fn create_thread(&self, table: u64, space: u64) -> (u64, u64) {
        self.create(|k, o, d| k.create_thread(MEMORY, o, d, table, space))
    }

    /// A region of the last `frames` frames of the memory.
    pub(super) fn split(&self, frames: u64) -> (u64, u64) {
        let (destination, handle) = self.slot();
        assert_eq!(
            self.call(|k| k.region_split(MEMORY, frames, destination)),
            Ok(0)
        );
        (handle, self.inspect(handle).0)
    }

    /// First frame and frames left of a region.
    pub(super) fn inspect(&self, region: u64) -> (u64, u64) {
        let word = self
            .call(|k| k.region_inspect(region))
            .expect("a region is inspected");
        (word & ((1 << 34) - 1), word >> 34)
    }

    /// A copy of a capability with fewer rights.
    pub(super) fn copy(&self, handle: u64, rights: Rights) -> u64 {
        let (destination, copy) = self.slot();
        let rights = u64::from(rights.into_raw());
        assert_eq!(
            self.call(|k| k.capability_copy(handle, destination, rights)),
            Ok(0)
        );
        copy
    }

    pub(super) fn describe(&self, handle: u64) -> Description {
        let slot = u32::try_from(handle).expect("a slot");
        let word = self.call(|k| k.capability_inspect(place(slot)));
        Description::from_raw(word.expect("a slot is inspected"))
    }

    /// Gives the space as many frames as its pool may ever need.
    pub(super) fn donate(&self, space: u64, frames: u64) {
        for _ in 0..frames {
            let frame = self.free_frame();
            assert_eq!(self.call(|k| k.space_donate(space, MEMORY, frame)), Ok(0));
        }
    }

    /// Repeats `reclaim` until it says that the frame is free.
    pub(super) fn reclaim(&self, frame: u64) {
        for _ in 0..10_000 {
            match self.call(|k| k.reclaim(MEMORY, frame)) {
                Ok(0) => {
                    assert!(self.is_free(frame));
                    return;
                }
                Err(Error::Again) => {}
                other => panic!("reclaim answered {other:?}"),
            }
        }
        panic!("reclaim does not end");
    }
}

/// A slot of the first process's table.
pub(super) fn place(slot: u32) -> u64 {
    Place::new(FirstHandle::Table as u32, slot).into_raw()
}

/// The refusals that every call gives for a bad handle: one argument of it is replaced by an empty
/// slot, a capability of another kind, one without rights, and one whose object is gone.
pub(super) fn refuse_bad_handles(
    fixture: &Fixture,
    good: u64,
    call: impl Fn(Kernel<&HostMemory>, u64) -> Answer,
) {
    fixture.refuse(Error::BadHandle, |k| call(k, EMPTY));
    fixture.refuse(Error::BadHandle, |k| call(k, 0));
    fixture.refuse(Error::BadHandle, |k| call(k, 256));
    fixture.refuse(Error::BadHandle, |k| call(k, u64::MAX));
    fixture.refuse(Error::WrongKind, |k| call(k, CONTEXT));
    let weak = fixture.copy(good, Rights::NONE);
    fixture.refuse(Error::NoRight, |k| call(k, weak));
}

/// The refusals of every creation: bad regions, places and destinations.
pub(super) fn refuse_bad_places(
    fixture: &Fixture,
    units: u64,
    create: impl Fn(Kernel<&HostMemory>, u64, u64, u64) -> Answer,
) {
    let (destination, _) = fixture.slot();
    let object = fixture.free_place();
    refuse_bad_handles(fixture, MEMORY, |k, handle| {
        create(k, handle, object, destination)
    });
    let object = fixture.free_place();
    let end = (crate::host::FIRST_FRAME + FRAMES) * UNITS_PER_FRAME;
    fixture.refuse(Error::OutOfRange, |k| create(k, MEMORY, 0, destination));
    fixture.refuse(Error::OutOfRange, |k| create(k, MEMORY, end, destination));
    fixture.refuse(Error::OutOfRange, |k| {
        create(k, MEMORY, u64::MAX << 12, destination)
    });
    if units > 1 {
        fixture.refuse(Error::Misaligned, |k| {
            create(k, MEMORY, object + 1, destination)
        });
        fixture.refuse(Error::Misaligned, |k| {
            create(k, MEMORY, object + units / 2, destination)
        });
    }
    fixture.refuse(Error::NotFree, |k| {
        let first = k.region_inspect(MEMORY).expect("the memory is inspected") & ((1 << 34) - 1);
        create(k, MEMORY, first * UNITS_PER_FRAME, destination)
    });
    fixture.refuse(Error::BadHandle, |k| {
        create(k, MEMORY, object, EMPTY << 32 | 1)
    });
    fixture.refuse(Error::WrongKind, |k| {
        create(k, MEMORY, object, SPACE << 32 | 1)
    });
    fixture.refuse(Error::BadSlot, |k| create(k, MEMORY, object, place(0)));
    fixture.refuse(Error::BadSlot, |k| create(k, MEMORY, object, place(256)));
    fixture.refuse(Error::SlotOccupied, |k| create(k, MEMORY, object, place(1)));
    let (child, base) = fixture.split(2);
    let inside = (base + 1) * UNITS_PER_FRAME;
    fixture.refuse(Error::NotWhole, |k| create(k, MEMORY, inside, destination));
    assert_eq!(
        fixture.call(|k| create(k, child, inside, destination)),
        Ok(0)
    );
}
