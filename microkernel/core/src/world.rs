//! A small system on the host for the tests of messages, signals and time: the first process with as
//! many threads as a test wants, all in one table and space, each with a context of its own.
//!
//! Every step leaves the kernel as `aarch64` does and checks every invariant.

#![cfg_attr(
    not(test),
    expect(
        dead_code,
        clippy::arithmetic_side_effects,
        reason = "all of it is for tests, which should stop where something goes wrong"
    )
)]

extern crate std;

use ipc_abi::boot::{FIRST_FREE_SLOT, FirstHandle};
use ipc_abi::call::{Place, SystemCall};
use ipc_abi::error::Error;
use ipc_abi::tag::{MessageKind, Tag};

use crate::host::{HostMachine, HostMemory};
use crate::kernel::{Answer, Kernel, Outcome};
use crate::memory::{Fields, Memory};
use crate::object::{Context, LIGHT, Number, Thread, UNITS_PER_FRAME, context, core_state, thread};

/// Frames of the host machine.
const FRAMES: u64 = 512;

/// The system.
pub(crate) struct World {
    /// The machine.
    pub(crate) host: HostMachine,
    next_slot: u32,
    next_frame: u64,
}

/// A thread of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Actor {
    /// Its number.
    pub(crate) thread: Number<Thread>,
    /// The handle of the thread.
    pub(crate) handle: u64,
    /// The handle of its context.
    pub(crate) context: u64,
}

impl World {
    /// Boots; the first thread is current, its priority 255.
    pub(crate) fn new() -> World {
        World::with_frames(FRAMES)
    }

    /// The same on a machine with `frames` frames.
    pub(crate) fn with_frames(frames: u64) -> World {
        let host = HostMachine::new(frames);
        host.boot().expect("it boots");
        let region = host
            .kernel()
            .region_inspect(FirstHandle::Memory as u64)
            .expect("a region");
        let first = region & ((1 << 34) - 1);
        let frames = region >> 34;
        World {
            host,
            next_slot: FIRST_FREE_SLOT,
            next_frame: first + frames - 1,
        }
    }

    /// The kernel.
    pub(crate) fn kernel(&self) -> Kernel<&HostMemory> {
        self.host.kernel()
    }

    /// The current thread; none when idle.
    pub(crate) fn current(&self) -> Number<Thread> {
        self.kernel().current()
    }

    /// The first thread.
    pub(crate) fn main(&self) -> Actor {
        let thread = self.number_of(FirstHandle::Thread as u64);
        Actor {
            thread,
            handle: FirstHandle::Thread as u64,
            context: FirstHandle::Context as u64,
        }
    }

    /// The object that a handle of the current thread names, unchecked.
    pub(crate) fn number_of<O>(&self, handle: u64) -> Number<O> {
        let kernel = self.kernel();
        let capability = kernel
            .capability_of(kernel.current(), handle)
            .expect("a capability");
        Number::from_raw(capability.number())
    }

    /// A slot that was never used.
    pub(crate) fn slot(&mut self) -> u64 {
        self.next_slot += 1;
        u64::from(self.next_slot - 1)
    }

    /// A place in a frame that was never used.
    pub(crate) fn place(&mut self) -> u64 {
        self.next_frame -= 1;
        (self.next_frame + 1) * UNITS_PER_FRAME
    }

    /// Destination `slot` of the process's table.
    pub(crate) fn destination(slot: u64) -> u64 {
        let slot = u32::try_from(slot).expect("a slot");
        Place::new(FirstHandle::Table as u32, slot).into_raw()
    }

    /// Makes an object with `create(kernel, region, place, destination)`; returns its handle.
    pub(crate) fn make(
        &mut self,
        create: impl FnOnce(Kernel<&HostMemory>, u64, u64, u64) -> Answer,
    ) -> u64 {
        let (place, slot) = (self.place(), self.slot());
        let region = FirstHandle::Memory as u64;
        create(self.kernel(), region, place, Self::destination(slot)).expect("it is made");
        self.leave();
        slot
    }

    /// Makes an endpoint.
    pub(crate) fn endpoint(&mut self) -> u64 {
        self.make(|kernel, region, place, to| kernel.create_endpoint(region, place, to))
    }

    /// Makes a notification.
    pub(crate) fn notification(&mut self) -> u64 {
        self.make(|kernel, region, place, to| kernel.create_notification(region, place, to))
    }

    /// Makes a gate with `badge` to an endpoint or notification.
    pub(crate) fn gate(&mut self, target: u64, badge: u64) -> u64 {
        self.make(|kernel, region, place, to| kernel.create_gate(region, place, to, target, badge))
    }

    /// Makes a reply object.
    pub(crate) fn reply(&mut self) -> u64 {
        self.make(|kernel, region, place, to| kernel.create_reply(region, place, to))
    }

    /// Makes a stopped thread with a context of `priority`.
    pub(crate) fn actor(&mut self, priority: u64) -> Actor {
        let (table, space) = (FirstHandle::Table as u64, FirstHandle::Space as u64);
        let handle = self.make(|kernel, region, place, to| {
            kernel.create_thread(region, place, to, table, space)
        });
        let time = FirstHandle::Time as u64;
        let context = self.make(|kernel, region, place, to| {
            kernel.create_context(region, place, to, time, priority)
        });
        self.kernel()
            .thread_set_context(handle, context)
            .expect("its own context");
        self.leave();
        Actor {
            thread: self.number_of(handle),
            handle,
            context,
        }
    }

    /// Starts a thread made by [`World::actor`].
    pub(crate) fn start(&self, actor: Actor) {
        self.kernel()
            .thread_start(actor.handle, 0x1000, 0x2000, 7)
            .expect("it starts");
        self.leave();
    }

    /// Makes and starts a thread.
    pub(crate) fn started(&mut self, priority: u64) -> Actor {
        let actor = self.actor(priority);
        self.start(actor);
        actor
    }

    /// Leaves the kernel, takes dying objects apart, and checks every invariant.
    pub(crate) fn leave(&self) {
        self.host.drain_all();
        let kernel = self.kernel();
        kernel
            .check_all(self.host.memory.frames())
            .expect("the invariants hold");
    }

    /// What the counter says.
    pub(crate) fn now(&self) -> u64 {
        self.kernel().memory.now()
    }

    /// Gives a context a priority and a budget, out of the first allowance of time.
    pub(crate) fn configure(&self, context: u64, priority: u64, budget: u64, period: u64) {
        self.kernel()
            .context_configure(context, FirstHandle::Time as u64, priority, budget, period)
            .expect("it is configured");
        self.leave();
    }

    /// The current thread sleeps.
    pub(crate) fn sleep(&self, until: u64) {
        self.kernel().sleep(until).expect("it sleeps");
        self.leave();
    }

    /// The current thread makes a message call with a deadline.
    pub(crate) fn message_until(&self, call: SystemCall, handle: u64, first: u64, until: u64) {
        self.set_register(self.current(), 20, until);
        self.message(call, handle, Tag::new(3, 128), first);
    }

    /// Who pays: whose priority counts and whose budget is used.
    pub(crate) fn payer(&self) -> Number<Context> {
        self.kernel().payer()
    }

    /// Lets `ticks` pass, and the timer fire whenever it is set for less.
    pub(crate) fn pass(&self, ticks: u64) {
        let kernel = self.kernel();
        let end = kernel.memory.now() + ticks;
        loop {
            let armed = kernel.memory.get(kernel.core(), core_state::ARMED);
            let now = kernel.memory.now();
            if armed > end {
                self.host.memory.pass(end - now);
                return;
            }
            self.host.memory.pass(armed.saturating_sub(now));
            kernel.timer_fired();
            self.leave();
        }
    }

    /// Lets `actor` run by yielding; all that can run must be of the current priority.
    pub(crate) fn turn_to(&self, actor: Actor) {
        for _ in 0..64 {
            if self.current() == actor.thread {
                return;
            }
            self.kernel().r#yield().expect("yield");
            self.leave();
        }
        panic!("{:?} never ran", actor.thread);
    }

    /// The current thread makes a message call with word `i` of the message = `first + i`.
    pub(crate) fn message(&self, call: SystemCall, handle: u64, tag: Tag, first: u64) {
        self.message_with_window(call, handle, tag, first, 0);
    }

    /// [`World::message`] with a window for capabilities.
    pub(crate) fn message_with_window(
        &self,
        call: SystemCall,
        handle: u64,
        tag: Tag,
        first: u64,
        window: u64,
    ) {
        let current = self.current();
        for index in 0..16 {
            self.set_register(current, index, first.wrapping_add(index));
        }
        self.raw_message(call, handle, tag, window);
    }

    /// The current thread makes a message call with the message that is in its registers.
    pub(crate) fn raw_message(&self, call: SystemCall, handle: u64, tag: Tag, window: u64) {
        let current = self.current();
        self.kernel().memory.set(current, thread::PSTATE, 0);
        self.set_register(current, 16, tag.into_raw());
        self.set_register(current, 17, handle);
        self.set_register(current, 18, window);
        self.kernel().message_call(call as u64);
        self.leave();
    }

    /// The current thread makes a function call as the assembly does: if another one goes on, what it
    /// keeps is a light frame.
    pub(crate) fn function(
        &self,
        call: impl FnOnce(Kernel<&HostMemory>) -> Outcome,
    ) -> Result<u64, Error> {
        let caller = self.current();
        let outcome = call(self.kernel());
        let [status, value] = outcome.registers();
        self.keep_light(caller, [status, value, 0]);
        self.leave();
        outcome.into()
    }

    /// The current thread makes the call `wait`, likewise.
    pub(crate) fn wait(&self, handle: u64) {
        let caller = self.current();
        let outcome = self.kernel().wait_for_signal(caller, handle);
        let [bits, tag] = outcome.registers();
        self.keep_light(caller, [bits, 0, tag]);
        self.leave();
    }

    /// An interrupt comes while the current thread, if any, runs.
    pub(crate) fn interrupt(&self, line: u64) {
        let current = self.current();
        if !current.is_none() {
            self.kernel().memory.set(current, thread::PSTATE, 0);
        }
        self.kernel().interrupt(line);
        self.leave();
    }

    fn keep_light(&self, caller: Number<Thread>, [x0, x1, x16]: [u64; 3]) {
        self.set_register(caller, 0, x0);
        self.set_register(caller, 1, x1);
        self.set_register(caller, 16, x16);
        self.kernel().memory.set(caller, thread::PSTATE, LIGHT);
    }

    /// Gives a thread flags, whatever it does: `thread_configure` wants it stopped.
    pub(crate) fn set_flags(&self, actor: Actor, flags: u64) {
        self.kernel().set_flags(actor.thread, flags);
    }

    /// A register of a thread that is not running, or runs no instruction.
    pub(crate) fn register(&self, thread: Number<Thread>, index: u64) -> u64 {
        self.kernel().memory.get(thread, thread::X.at(index))
    }

    /// Writes such a register.
    pub(crate) fn set_register(&self, thread: Number<Thread>, index: u64, value: u64) {
        self.kernel().memory.set(thread, thread::X.at(index), value);
    }

    /// The tag that a thread last got.
    pub(crate) fn tag(&self, actor: Actor) -> Tag {
        Tag::from_raw(self.register(actor.thread, 16))
    }

    /// The error by which the last message call of a thread was refused.
    pub(crate) fn refusal(&self, actor: Actor) -> Option<Error> {
        self.tag(actor).error()
    }

    /// Whether a thread got the message that starts with `first`, of `kind`, with `badge`.
    pub(crate) fn has_message(
        &self,
        actor: Actor,
        kind: MessageKind,
        first: u64,
        badge: u64,
    ) -> bool {
        self.tag(actor).kind() == Some(kind)
            && (0..16).all(|i| self.register(actor.thread, i) == first.wrapping_add(i))
            && self.register(actor.thread, 17) == badge
            && self.register(actor.thread, 18) == 0
    }

    /// The priority at which the current thread runs.
    pub(crate) fn current_priority(&self) -> u64 {
        let kernel = self.kernel();
        let current = kernel.memory.link(kernel.core(), core_state::CONTEXT);
        kernel.memory.get(current, context::PRIORITY)
    }
}
