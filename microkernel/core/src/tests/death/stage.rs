//! Where deaths are rehearsed: a booted machine on which objects are made, brought into a state and
//! destroyed, any number of times; at the end of each round everything is as it was.

mod compare;
mod make;

use super::*;
use crate::memory::Fields;
use crate::object::{
    Allowance, CapTable, Context, Endpoint, Gate, Irq, Layout, Notification, Number, Region, Reply,
    Space, Thread, UNIT_WORDS, context, core_state, region, thread,
};
use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Kind, ThreadState};
use ipc_abi::fault::FaultCause;
use ipc_abi::tag::Tag;

/// Frames of the machine.
const FRAMES: u64 = 160;
/// From how many of the lowest free frames one is chosen.
const CHOICE: usize = 8;
/// The priority of all threads but those of another band.
const PRIORITY: u64 = 255;
/// The interrupt line by which the director is woken.
const LINE: u64 = 40;
/// Turns within which every ready thread must have run.
const TURNS: u64 = 64;
/// Slots of the first process's table.
const SLOTS: u32 = 256;
/// Ticks until a deadline, which never comes.
const FAR: u64 = 1 << 40;
/// The word that a message or fault begins with.
const WORD: u64 = 100;

/// The generator of Marsaglia's "Xorshift RNGs" (2003), 64 bits, (13, 7, 17).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).expect("64 bits") % bound.max(1)
    }
}

/// Where objects lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// Each in a frame of its own.
    Alone,
    /// Side by side with others of their kind.
    Pooled,
}

/// When dying objects are taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Draining {
    /// After each death, to the end.
    Whole,
    /// One way out of the kernel after each death.
    OneExit,
    /// One way out, and then another thread runs.
    OtherRuns,
}

/// What an actor is like after a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its message call was refused, and it goes on.
    Refused(Error),
    /// It is in this state.
    Is(ThreadState),
}

/// An object that a scenario made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) kind: Kind,
    pub(super) handle: u64,
    pub(super) number: u64,
}

/// A thread that a scenario made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Actor {
    pub(super) thread: Number<Thread>,
    pub(super) handle: u64,
    pub(super) context: u64,
}

/// The stage.
pub(super) struct Stage {
    pub(super) host: HostMachine,
    pub(super) dice: Dice,
    pub(super) made: Vec<Made>,
    pub(super) victim: u64,
    pub(super) expected: Vec<(Actor, Outcome)>,
    pub(super) placement: Placement,
    /// Whether every invariant is checked after every step, or only at the end of a round.
    pub(super) is_checked: bool,
    /// Who destroys; the director if none.
    pub(super) killer: Option<Actor>,
    /// The word that messages begin with.
    pub(super) word: u64,
    /// The frame in which the next object is to lie.
    pub(super) next_frame: Option<u64>,
    last_id: u64,
    home: Actor,
    bell: u64,
    bell_irq: u64,
    first_slot: u32,
    next_slot: u32,
    pools: Vec<(Kind, u64, u64)>,
    /// Frames and numbers that go back where they were split off, in the end.
    split: Vec<(u64, u64)>,
    baseline: Vec<u64>,
    compared: Vec<bool>,
}

impl Stage {
    /// A stage; everything random follows from `seed`.
    pub(super) fn new(seed: u64) -> Stage {
        let host = HostMachine::new(FRAMES);
        host.boot().expect("it boots");
        let mut stage = Stage {
            host,
            dice: Dice(seed),
            made: Vec::new(),
            victim: 0,
            expected: Vec::new(),
            placement: Placement::Alone,
            is_checked: true,
            killer: None,
            word: WORD,
            next_frame: None,
            last_id: 0,
            home: Actor {
                thread: Number::NONE,
                handle: THREAD,
                context: CONTEXT,
            },
            bell: 0,
            bell_irq: 0,
            first_slot: ipc_abi::boot::FIRST_FREE_SLOT,
            next_slot: ipc_abi::boot::FIRST_FREE_SLOT,
            pools: Vec::new(),
            split: Vec::new(),
            baseline: Vec::new(),
            compared: Vec::new(),
        };
        stage.home.thread = stage.kernel().current();
        stage.bell = stage.notification();
        stage.bell_irq = stage.irq(LINE);
        let (irq, bell) = (stage.bell_irq, stage.bell);
        stage.done(stage.kernel().irq_bind(irq, bell, 1));
        stage.made.clear();
        stage.pools.clear();
        stage.first_slot = stage.next_slot;
        stage.baseline = stage.host.memory.snapshot();
        stage.compared = stage.compared_words();
        stage
    }

    pub(super) fn kernel(&self) -> Kernel<&HostMemory> {
        self.host.kernel()
    }

    /// Leaves the kernel; takes everything apart.
    pub(super) fn leave(&self) {
        self.host.drain_all();
        self.check();
    }

    /// Checks every invariant, if that is wanted.
    pub(super) fn check(&self) {
        self.host.performed.borrow_mut().clear();
        if self.is_checked {
            self.check_now();
        }
    }

    fn check_now(&self) {
        let frames = self.host.memory.frames();
        if let Err(violation) = self.kernel().check_all(frames) {
            panic!("{violation:x?}");
        }
    }

    /// Ends a call that must succeed.
    pub(super) fn done(&self, answer: Answer) {
        assert_eq!(answer, Ok(0));
        self.leave();
    }

    pub(super) fn number_of<O>(&self, handle: u64) -> Number<O> {
        let kernel = self.kernel();
        let capability = kernel.capability_of(kernel.current(), handle);
        Number::from_raw(capability.expect("a capability").number())
    }

    /// An empty slot: as a place, and as a handle.
    pub(super) fn slot(&mut self) -> (u64, u64) {
        let slot = self.next_slot;
        assert!(slot < SLOTS, "a scenario has too many objects");
        self.next_slot += 1;
        (place(slot), u64::from(slot))
    }

    /// A free frame, one of the lowest.
    pub(super) fn free_frame(&mut self) -> u64 {
        if let Some(frame) = self.next_frame.take() {
            return frame;
        }
        let memory = &self.host.memory;
        let is_free = |frame: &Frame| memory.kind(*frame) == FrameKind::Free as u8;
        let skip = self.dice.below(CHOICE);
        let mut free = memory.frames().filter(is_free).skip(skip);
        free.next().expect("a frame is free").0
    }

    /// A thread that was not started, with a context of its own.
    pub(super) fn new_actor_in(&mut self, table: u64, space: u64, priority: u64) -> Actor {
        let handle = self.thread(table, space);
        let context = self.context(TIME, priority);
        self.done(self.kernel().thread_set_context(handle, context));
        Actor {
            thread: self.number_of(handle),
            handle,
            context,
        }
    }

    /// A thread of the first process that can run.
    pub(super) fn actor(&mut self) -> Actor {
        let actor = self.new_actor_in(TABLE, SPACE, PRIORITY);
        self.start(actor);
        actor
    }

    pub(super) fn start(&self, actor: Actor) {
        self.done(self.kernel().thread_start(actor.handle, 0x1000, 0x2000, 7));
    }

    /// Lets threads yield until `thread` runs.
    pub(super) fn turn_to(&self, thread: Number<Thread>) {
        for _ in 0..TURNS {
            if self.kernel().current() == thread {
                return;
            }
            self.done(self.kernel().r#yield());
        }
        panic!("{thread:?} never runs");
    }

    /// Lets the director run.
    pub(super) fn home(&self) {
        self.turn_to(self.home.thread);
    }

    /// `actor` makes a message call.
    pub(super) fn message(&self, actor: Actor, call: SystemCall, handle: u64) {
        self.turn_to(actor.thread);
        self.raw_message(call, handle, Tag::new(3, 16));
    }

    /// The current thread makes a message call.
    pub(super) fn raw_message(&self, call: SystemCall, handle: u64, tag: Tag) {
        let kernel = self.kernel();
        let current = kernel.current();
        for index in 0..16 {
            kernel
                .memory
                .set(current, thread::X.at(index), self.word + index);
        }
        let deadline = kernel.memory.now() + FAR;
        for (index, value) in [(16, tag.into_raw()), (17, handle), (18, 0), (20, deadline)] {
            kernel.memory.set(current, thread::X.at(index), value);
        }
        kernel.message_call(call as u64);
        self.leave();
    }

    pub(super) fn call(&self, actor: Actor, gate: u64) {
        self.message(actor, SystemCall::Call, gate);
    }

    /// `actor` sleeps for good, but for the deadline, if it has one.
    pub(super) fn sleep(&self, actor: Actor, deadline: Option<u64>) {
        self.turn_to(actor.thread);
        self.done(self.kernel().sleep(deadline.unwrap_or(!0)));
    }

    /// When no deadline comes.
    pub(super) fn far(&self) -> u64 {
        self.kernel().memory.now() + FAR
    }

    /// Gives a context a budget.
    pub(super) fn configure(&self, context: u64, budget: u64, period: u64) {
        let kernel = self.kernel();
        self.done(kernel.context_configure(context, TIME, PRIORITY, budget, period));
    }

    /// Lets ticks pass in which `thread` runs, and what they bring happen.
    pub(super) fn pass(&self, thread: Number<Thread>, ticks: u64) {
        self.turn_to(thread);
        self.host.memory.pass(ticks);
        self.kernel().timer_fired();
        self.leave();
    }

    pub(super) fn receive(&self, actor: Actor, endpoint: u64) {
        self.message(actor, SystemCall::Receive, endpoint);
    }

    /// `actor` saves its caller in a reply object.
    pub(super) fn save(&self, actor: Actor, reply: u64) {
        self.turn_to(actor.thread);
        self.done(self.kernel().save_caller(reply));
    }

    /// `actor` makes a mistake.
    pub(super) fn fault(&self, actor: Actor) {
        self.turn_to(actor.thread);
        self.kernel().fault(FaultCause::DataAbort, 0xBAD, 0x45);
        self.leave();
    }

    /// A started thread whose faults go through a gate.
    pub(super) fn guarded(&mut self, gate: u64) -> Actor {
        let actor = self.actor();
        self.done(self.kernel().thread_set_handler(actor.handle, gate));
        actor
    }

    /// A thread of the priority `priority`, below all others, does `act`: the director waits for it
    /// meanwhile, and nobody else may be ready.
    pub(super) fn less_important(&mut self, priority: u64, act: impl FnOnce(&Stage)) -> Actor {
        let actor = self.new_actor_in(TABLE, SPACE, priority);
        self.start(actor);
        self.message(self.home, SystemCall::Wait, self.bell);
        assert_eq!(
            self.kernel().current(),
            actor.thread,
            "nobody else is ready"
        );
        act(self);
        self.kernel().interrupt(LINE);
        self.leave();
        self.home();
        self.done(self.kernel().irq_acknowledge(self.bell_irq));
        actor
    }

    /// A server that receives, a client, their endpoint and gate.
    pub(super) fn pair(&mut self) -> (Actor, Actor, u64, u64) {
        let endpoint = self.endpoint();
        let gate = self.gate(endpoint);
        let (client, server) = (self.actor(), self.actor());
        self.receive(server, endpoint);
        (client, server, endpoint, gate)
    }

    /// The victim, and what is expected of the others when it dies.
    pub(super) fn dies(&mut self, victim: u64, expected: &[(Actor, Outcome)]) {
        self.home();
        self.victim = victim;
        self.expected.extend_from_slice(expected);
    }

    /// Destroys something that a scenario made, so early that it does not count.
    pub(super) fn forget(&mut self, handle: u64) {
        self.home();
        self.done(self.kernel().destroy(handle));
        self.made.retain(|made| made.handle != handle);
    }

    /// Whether an actor is what it should be.
    pub(super) fn judge(&self, actor: Actor, outcome: Outcome) {
        let kernel = self.kernel();
        let state = ThreadState::ALL
            .iter()
            .find(|state| kernel.thread_inspect(actor.handle) == Ok(**state as u64));
        let tag = Tag::from_raw(kernel.memory.get(actor.thread, thread::X.at(16)));
        match outcome {
            Outcome::Refused(error) => {
                assert_eq!(tag.error(), Some(error), "{actor:?} is told");
                assert_eq!(state, Some(&ThreadState::Ready), "{actor:?} goes on");
            }
            Outcome::Is(wanted) => assert_eq!(state, Some(&wanted), "{actor:?}"),
        }
    }

    /// Gives frames and numbers back where they were split off.
    pub(super) fn give_back(&mut self) {
        for (parent, count) in core::mem::take(&mut self.split) {
            let kernel = self.kernel();
            match parent {
                MEMORY => self.done(kernel.region_merge(MEMORY, count)),
                IRQS | ASIDS => self.done(kernel.allowance_merge(parent, count)),
                // Shares of time come back by themselves.
                _ => {}
            }
        }
    }

    /// Ends a round in which everything was destroyed: all is as before.
    pub(super) fn end_round(&mut self) {
        self.killer = None;
        self.host.drain_all();
        self.home();
        self.give_back();
        for slot in self.first_slot..self.next_slot {
            // A scenario may have left it empty.
            let _: Answer = self.kernel().capability_delete(place(slot));
        }
        self.next_slot = self.first_slot;
        self.made.clear();
        self.expected.clear();
        self.pools.clear();
        self.leave();
        self.check_now();
        self.compare();
    }
}
