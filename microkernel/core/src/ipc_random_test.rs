//! Random message calls, signals, faults, stops and deaths by whichever thread is current: every
//! invariant holds after each, and no call returns an error that `ABI.md` does not list for it.

extern crate std;

use std::vec::Vec;

use ipc_abi::call::{SystemCall, Window};
use ipc_abi::fault::FaultCause;
use ipc_abi::tag::Tag;
use proptest::prelude::*;

use crate::host::{HostMemory, SLICE_TICKS};
use crate::kernel::{Kernel, Outcome};
use crate::memory::Fields;
use crate::object::thread;
use crate::world::World;

/// Threads beside the first.
const THREADS: usize = 5;

/// One step of a scenario; what the numbers mean is chosen by `operation`.
#[derive(Clone, Copy, Debug)]
struct Step {
    operation: u8,
    object: u8,
    other: u8,
    tag: u8,
}

fn step() -> impl Strategy<Value = Step> {
    (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>()).prop_map(
        |(operation, object, other, tag)| Step {
            operation,
            object,
            other,
            tag,
        },
    )
}

/// A system with a few of everything.
struct Scene {
    world: World,
    handles: Vec<u64>,
}

impl Scene {
    fn new() -> Scene {
        let mut world = World::new();
        let endpoints = [world.endpoint(), world.endpoint()];
        let notifications = [world.notification(), world.notification()];
        let mut handles: Vec<u64> = endpoints.into_iter().chain(notifications).collect();
        for (badge, target) in (1..)
            .zip(endpoints.into_iter().chain(notifications).cycle())
            .take(8)
        {
            handles.push(world.gate(target, badge));
        }
        handles.extend([world.reply(), world.reply(), 0, 255, 256, u64::MAX]);
        for index in 0..THREADS {
            let priority = [254, 255, 255, 253, 252][index % 5];
            let actor = world.started(priority);
            handles.extend([actor.handle, actor.context]);
        }
        Scene { world, handles }
    }

    fn handle(&self, index: u8) -> u64 {
        self.handles[usize::from(index) % self.handles.len()]
    }

    fn tag(bits: u8) -> Tag {
        let tag = Tag::new(u16::from(bits & 3), u16::from(bits) * 4);
        let tag = if bits & 0x10 == 0 {
            tag
        } else {
            tag.with_capabilities(u64::from(bits >> 5))
        };
        if bits & 0x0C == 0x0C {
            tag.with_long()
        } else {
            tag
        }
    }

    /// Whether somebody is there to go on.
    fn take(&mut self, step: Step) -> bool {
        let current = self.world.current();
        if current.is_none() {
            return false;
        }
        match step.operation % 32 {
            call @ 0..=18 => self.send(call % 14, step),
            26 => self.fault(),
            29 => {
                let kernel = self.world.kernel();
                kernel.memory.set(current, thread::PSTATE, 0);
                self.world.host.memory.pass(SLICE_TICKS);
                kernel.timer_fired();
                self.world.leave();
            }
            30 => self.world.wait(self.handle(step.object)),
            operation => self.operate(operation, step),
        }
        true
    }

    fn send(&self, number: u8, step: Step) {
        let current = self.world.current();
        for index in 0..16 {
            let word = self.handle(step.other.wrapping_add(index));
            self.world.set_register(current, u64::from(index), word);
        }
        let deadline = self.world.now() + u64::from(step.tag) * 64;
        self.world.set_register(current, 20, deadline);
        let window = Window::new(240, u64::from(step.other % 6)).into_raw();
        let call = SystemCall::ALL[usize::from(number)];
        self.world
            .raw_message(call, self.handle(step.object), Scene::tag(step.tag), window);
        let is_free = self.world.kernel().memory.get(current, thread::WAIT) == 0;
        let tag = Tag::from_raw(self.world.register(current, 16));
        if let Some(error) = tag.error()
            && is_free
        {
            assert!(call.can_return(error), "{} returned {error:?}", call.name());
        }
    }

    fn fault(&self) {
        let kernel = self.world.kernel();
        kernel.memory.set(self.world.current(), thread::PSTATE, 0);
        kernel.fault(FaultCause::DataAbort, 8, 8);
        self.world.leave();
    }

    fn operate(&self, operation: u8, step: Step) {
        type Made = fn(Kernel<&HostMemory>, u64, u64) -> Outcome;
        let (object, other) = (self.handle(step.object), self.handle(step.other));
        let (call, make): (SystemCall, Made) = match operation {
            19 => (SystemCall::Signal, |k, object, _| {
                k.signal_quickly(k.current(), object)
            }),
            20 => (SystemCall::SaveCaller, |k, object, _| {
                k.save_caller(object).into()
            }),
            21 => (SystemCall::ThreadStop, |k, object, _| {
                k.thread_stop(object).into()
            }),
            22 => (SystemCall::ThreadResume, |k, object, _| {
                k.thread_resume(object).into()
            }),
            23 => (SystemCall::ThreadStart, |k, object, _| {
                k.thread_start(object, 0x1000, 0, 0).into()
            }),
            24 => (SystemCall::ThreadSetHandler, |k, object, other| {
                k.thread_set_handler(object, other).into()
            }),
            25 => (SystemCall::ThreadBind, |k, object, other| {
                k.thread_bind(object, other).into()
            }),
            27 => (SystemCall::Destroy, |k, object, _| {
                k.destroy_quickly(object)
            }),
            28 => (SystemCall::ThreadSetContext, |k, object, other| {
                k.thread_set_context(object, other).into()
            }),
            _ => (SystemCall::Yield, |k, _, _| k.rotate()),
        };
        let answer = self.world.function(|kernel| make(kernel, object, other));
        if let Err(error) = answer {
            assert!(call.can_return(error), "{} returned {error:?}", call.name());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn random_steps_keep_every_invariant(steps in proptest::collection::vec(step(), 1..120)) {
        let mut scene = Scene::new();
        for step in steps {
            if !scene.take(step) {
                break;
            }
        }
    }
}
