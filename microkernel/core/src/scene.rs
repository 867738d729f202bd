//! A small system whose threads do whatever somebody says: messages, signals, faults, stops, deaths,
//! and time that passes.
//!
//! Tests take random steps; the example `states` prints what some of them lead to.

#![cfg_attr(
    not(test),
    expect(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        reason = "a test that goes wrong here should stop"
    )
)]

extern crate std;

use core::ops::Range;
use std::vec::Vec;

use ipc_abi::boot::FirstHandle;
use ipc_abi::call::{SystemCall, Window};
use ipc_abi::fault::FaultCause;
use ipc_abi::tag::Tag;

use crate::host::{HostMachine, HostMemory, SLICE_TICKS};
use crate::kernel::{Kernel, Outcome};
use crate::memory::Fields;
use crate::object::thread;
use crate::world::World;

/// The period of budgets, in ticks.
const PERIOD: u64 = 1 << 16;

/// One step of a scenario; what the numbers mean is chosen by `operation`.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What is done: see [`operation`].
    pub operation: u8,
    /// Which handle is meant.
    pub object: u8,
    /// Which other one is.
    pub other: u8,
    /// What the tag of a message tells, or how long it takes.
    pub tag: u8,
}

/// What a step does. Below 14: that message call.
pub mod operation {
    /// Bits of a gate are set.
    pub const SIGNAL: u8 = 19;
    /// The caller is put off.
    pub const SAVE_CALLER: u8 = 20;
    /// A thread stops.
    pub const STOP: u8 = 21;
    /// A thread goes on.
    pub const RESUME: u8 = 22;
    /// A thread starts anew.
    pub const START: u8 = 23;
    /// A thread's faults go somewhere.
    pub const SET_HANDLER: u8 = 24;
    /// A notification is bound to a thread.
    pub const BIND: u8 = 25;
    /// The current thread makes a fault.
    pub const FAULT: u8 = 26;
    /// An object is destroyed.
    pub const DESTROY: u8 = 27;
    /// A context becomes a thread's own.
    pub const SET_CONTEXT: u8 = 28;
    /// A slice of time passes.
    pub const SLICE: u8 = 29;
    /// The current thread waits for signals.
    pub const WAIT: u8 = 30;
    /// The current thread lets others run.
    pub const YIELD: u8 = 31;
    /// From here on the operations are not taken modulo 32.
    pub const SELDOM: u8 = 224;
    /// The current thread sleeps.
    pub const SLEEP: u8 = SELDOM;
    /// Time passes, more or less of it.
    pub const PASS: u8 = SELDOM + 1;
    /// A context gets another priority and budget.
    pub const CONFIGURE: u8 = SELDOM + 2;
}

/// A system with a few of everything.
pub struct Scene {
    world: World,
    handles: Vec<u64>,
}

impl Scene {
    /// Which handles name endpoints.
    pub const ENDPOINTS: Range<u8> = 0..2;
    /// Which name notifications.
    pub const NOTIFICATIONS: Range<u8> = 2..4;
    /// Which name gates, by turns to each of those.
    pub const GATES: Range<u8> = 4..12;
    /// Which name reply objects.
    pub const REPLIES: Range<u8> = 12..14;
    /// From which on they name threads and their contexts, by turns.
    pub const THREADS: u8 = 18;

    /// Makes it on a machine with `frames` frames: a thread of each of these priorities, beside the
    /// first, which is of priority 255 and current.
    ///
    /// # Panics
    ///
    /// Panics if the frames are too few.
    #[must_use]
    pub fn new(frames: u64, priorities: &[u64]) -> Scene {
        let mut world = World::with_frames(frames);
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
        for &priority in priorities {
            let actor = world.started(priority);
            handles.extend([actor.handle, actor.context]);
        }
        Scene { world, handles }
    }

    /// The machine.
    #[must_use]
    pub fn host(&self) -> &HostMachine {
        &self.world.host
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

    /// The current thread takes a step, and the kernel is left. Whether somebody was there to go on.
    ///
    /// # Panics
    ///
    /// Panics if an invariant does not hold afterwards, or a call returns an error that `ABI.md` does
    /// not list for it.
    pub fn take(&self, step: Step) -> bool {
        let current = self.world.current();
        if current.is_none() {
            return false;
        }
        if step.operation >= operation::SELDOM {
            self.take_seldom(step);
            return true;
        }
        match step.operation % 32 {
            call @ 0..=18 => self.send(call % 14, step),
            operation::FAULT => self.fault(),
            operation::SLICE => {
                let kernel = self.world.kernel();
                kernel.memory.set(current, thread::PSTATE, 0);
                self.world.host.memory.pass(SLICE_TICKS);
                kernel.timer_fired();
                self.world.leave();
            }
            operation::WAIT => self.world.wait(self.handle(step.object)),
            operation => self.operate(operation, step),
        }
        true
    }

    /// Lets time pass, and the timer fire when it is set; somebody may run then.
    ///
    /// # Panics
    ///
    /// Panics if an invariant does not hold afterwards.
    pub fn pass(&self, ticks: u64) {
        let current = self.world.current();
        if !current.is_none() {
            let kernel = self.world.kernel();
            kernel.memory.set(current, thread::PSTATE, 0);
        }
        self.world.pass(ticks);
    }

    fn take_seldom(&self, step: Step) {
        let ticks = u64::from(step.tag) << (step.other % 12);
        match step.operation {
            operation::PASS => self.pass(ticks),
            operation::CONFIGURE => {
                let (object, time) = (self.handle(step.object), FirstHandle::Time as u64);
                let (priority, budget) = (u64::from(step.other), u64::from(step.tag & 7));
                let budget = budget * (PERIOD / 16);
                let period = if budget == 0 { 0 } else { PERIOD };
                self.check(SystemCall::ContextConfigure, |k| {
                    k.context_configure(object, time, priority, budget, period)
                        .into()
                });
            }
            _ => {
                let until = self.world.now() + ticks;
                self.check(SystemCall::Sleep, |k| k.sleep(until).into());
            }
        }
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
            operation::SIGNAL => (SystemCall::Signal, |k, object, _| {
                k.signal_quickly(k.current(), object)
            }),
            operation::SAVE_CALLER => (SystemCall::SaveCaller, |k, object, _| {
                k.save_caller(object).into()
            }),
            operation::STOP => (SystemCall::ThreadStop, |k, object, _| {
                k.thread_stop(object).into()
            }),
            operation::RESUME => (SystemCall::ThreadResume, |k, object, _| {
                k.thread_resume(object).into()
            }),
            operation::START => (SystemCall::ThreadStart, |k, object, _| {
                k.thread_start(object, 0x1000, 0, 0).into()
            }),
            operation::SET_HANDLER => (SystemCall::ThreadSetHandler, |k, object, other| {
                k.thread_set_handler(object, other).into()
            }),
            operation::BIND => (SystemCall::ThreadBind, |k, object, other| {
                k.thread_bind(object, other).into()
            }),
            operation::DESTROY => (SystemCall::Destroy, |k, object, _| {
                k.destroy_quickly(object)
            }),
            operation::SET_CONTEXT => (SystemCall::ThreadSetContext, |k, object, other| {
                k.thread_set_context(object, other).into()
            }),
            _ => (SystemCall::Yield, |k, _, _| k.rotate()),
        };
        self.check(call, |kernel| make(kernel, object, other));
    }

    /// The current thread makes a function call, which may only refuse as `ABI.md` says.
    fn check(&self, call: SystemCall, make: impl FnOnce(Kernel<&HostMemory>) -> Outcome) {
        if let Err(error) = self.world.function(make) {
            assert!(call.can_return(error), "{} returned {error:?}", call.name());
        }
    }
}
