//! The small system in which every call has something to work with.

use ipc_abi::boot::{FIRST_FREE_SLOT, FirstHandle};
use ipc_abi::call::Place;
use pecan_core::host::{FIRST_FRAME, HostMachine, HostMemory};
use pecan_core::kernel::{Answer, Kernel};
use pecan_core::object::UNITS_PER_FRAME;

const MEMORY: u64 = FirstHandle::Memory as u64;
const TABLE: u64 = FirstHandle::Table as u64;
const SPACE: u64 = FirstHandle::Space as u64;
const TIME: u64 = FirstHandle::Time as u64;
const IRQS: u64 = FirstHandle::Irqs as u64;
/// Frames at the end of memory that are left to the calls.
const LEFT: u64 = 32;

struct Maker {
    host: HostMachine,
    slot: u32,
    frame: u64,
}

impl Maker {
    /// Makes an object; returns its handle.
    fn make(&mut self, create: impl FnOnce(Kernel<&HostMemory>, u64, u64) -> Answer) -> u64 {
        let slot = self.slot;
        let to = Place::new(FirstHandle::Table as u32, slot).into_raw();
        create(self.host.kernel(), self.frame * UNITS_PER_FRAME, to).expect("it is made");
        self.host.leave_kernel();
        self.slot += 1;
        self.frame -= 1;
        u64::from(slot)
    }
}

/// The machine, with one object of each kind at least and four threads.
pub(super) fn machine(frames: u64) -> HostMachine {
    let host = HostMachine::new(frames);
    host.boot().expect("it boots");
    let mut maker = Maker {
        host,
        slot: FIRST_FREE_SLOT,
        frame: FIRST_FRAME + frames - 1 - LEFT,
    };
    let endpoint = maker.make(|k, at, to| k.create_endpoint(MEMORY, at, to));
    let notification = maker.make(|k, at, to| k.create_notification(MEMORY, at, to));
    maker.make(|k, at, to| k.create_gate(MEMORY, at, to, endpoint, 7));
    maker.make(|k, at, to| k.create_gate(MEMORY, at, to, notification, 1));
    maker.make(|k, at, to| k.create_reply(MEMORY, at, to));
    maker.make(|k, at, to| k.create_irq(MEMORY, at, to, IRQS, 40));
    for priority in [255, 255, 254] {
        let thread = maker.make(|k, at, to| k.create_thread(MEMORY, at, to, TABLE, SPACE));
        let context = maker.make(|k, at, to| k.create_context(MEMORY, at, to, TIME, priority));
        let kernel = maker.host.kernel();
        kernel
            .thread_set_context(thread, context)
            .expect("its own time");
        kernel
            .thread_start(thread, 0x1000, 0, 0)
            .expect("it starts");
        maker.host.leave_kernel();
    }
    maker.make(|k, at, to| k.create_frame(MEMORY, at, to));
    maker.make(|k, at, to| k.create_frame(MEMORY, at, to));
    maker.host
}
