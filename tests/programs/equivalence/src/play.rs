//! Playing a scenario, and writing down what can be seen of it.

use alloc::vec::Vec;

use ipc_abi::call::{SystemCall, Window};
use ipc_abi::error::Error;
use ipc_abi::tag::Tag;
use test_kit::{Action, Failure, Message, Step, World};

use crate::scenario::{Act, Event, Scenario, Thing};
use crate::stage::{Path, Stage};

/// Words of a step that can be compared: registers, and a place for what the step is.
const REGISTERS: usize = 31;

/// Ways out of the kernel after which everybody was told of a death.
const WAYS_OUT: usize = 11;

/// Something that can be seen: where, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The actor, or the number of the event behind the last actor.
    pub(crate) who: usize,
    /// The step of its script.
    pub(crate) step: usize,
    /// The register, or [`FLAGS`] and so on.
    pub(crate) register: usize,
    /// What was in it.
    pub(crate) value: u64,
}

/// Numbers of what is compared besides registers.
const FLAGS: usize = REGISTERS;
const POINTER: usize = REGISTERS + 1;
const STATE: usize = REGISTERS + 2;
const IS_DONE: usize = REGISTERS + 3;
const ANSWER: usize = REGISTERS + 4;

/// All that can be seen of a scenario.
#[derive(Default)]
pub(crate) struct Trace {
    /// In order.
    pub(crate) entries: Vec<Entry>,
    /// How many messages arrived.
    pub(crate) messages: usize,
}

impl Trace {
    fn note(&mut self, who: usize, step: usize, register: usize, value: u64) {
        self.entries.push(Entry {
            who,
            step,
            register,
            value,
        });
    }
}

/// A play: the scenario, its objects, and the scripts that were begun.
struct Play<'a> {
    scenario: &'a Scenario,
    stage: Stage,
    begun: Vec<Option<&'a [Act]>>,
    trace: Trace,
}

/// Plays a scenario.
pub(crate) fn play(world: &mut World, scenario: &Scenario, path: Path) -> Result<Trace, Failure> {
    let stage = Stage::set(world, scenario, path)?;
    let begun = scenario.actors.iter().map(|_| None).collect();
    let mut play = Play {
        scenario,
        stage,
        begun,
        trace: Trace::default(),
    };
    for actor in &scenario.order {
        play.begin(world, *actor, 0)?;
    }
    for (number, event) in scenario.events.iter().enumerate() {
        let answer = play.happen(world, *event)?;
        let who = scenario.actors.len() + number;
        play.trace.note(who, 0, ANSWER, answer);
    }
    for actor in 0..scenario.actors.len() {
        play.look(world, actor)?;
    }
    Ok(play.trace)
}

impl Play<'_> {
    /// Starts an actor with one of its scripts.
    fn begin(&mut self, world: &mut World, actor: usize, script: usize) -> Result<(), Failure> {
        let acts = &self.scenario.actors[actor].scripts[script];
        let steps: Vec<Step> = acts.iter().map(|act| self.step(actor, act)).collect();
        self.begun[actor] = Some(acts);
        world.run(self.stage.agents[actor], &steps)
    }

    fn step(&self, actor: usize, act: &Act) -> Step {
        if act.is_fault {
            return Step::action(Action::Undefined, 0, 0, act.seed);
        }
        let handle = act.thing.map_or(0, |thing| self.stage.handle(actor, thing));
        if !act.call.is_message() {
            return Step::function(act.call, &[handle], act.seed);
        }
        let slot = u32::try_from(self.stage.window(actor)).unwrap_or(0);
        let message = Message::to(handle, act.seed).tagged(Tag::from_raw(act.tag));
        let message = message.with_window(Window::new(slot, act.window));
        match act.passed {
            None => Step::message(act.call, &message, act.seed),
            Some(passed) => {
                let passed = self.stage.handle(actor, passed);
                Step::message(act.call, &message.with_capabilities(&[passed]), act.seed)
            }
        }
    }

    /// Lets something happen; tells what this thread was answered.
    fn happen(&mut self, world: &mut World, event: Event) -> Result<u64, Failure> {
        let thread = |actor: usize| world.thread_of(self.stage.agents[actor]);
        let (call, handle) = match event {
            Event::Send(gate, seed) => {
                let handle = self.stage.own_handle(Thing::Gate(gate));
                let received = world.message(SystemCall::TrySend, &Message::to(handle, seed));
                return Ok(received.tag.into_raw());
            }
            Event::Restart(actor) => {
                self.look(world, actor)?;
                let thread = world.thread_of(self.stage.agents[actor]);
                let _ = world.function(SystemCall::ThreadStop, &[thread]);
                return match self.begin(world, actor, 1) {
                    Ok(()) => Ok(0),
                    // It has no time any more: its script is not begun.
                    Err(_) => {
                        self.begun[actor] = None;
                        Ok(1)
                    }
                };
            }
            Event::Signal(number) => (
                SystemCall::Signal,
                self.stage.own_handle(Thing::Signal(number)),
            ),
            Event::Stop(actor) => (SystemCall::ThreadStop, thread(actor)),
            Event::Resume(actor) => (SystemCall::ThreadResume, thread(actor)),
            Event::Destroy(thing) => {
                let handle = self.stage.own_handle(thing);
                return self.destroy(world, handle);
            }
            Event::DestroyTime(actor) => {
                let handle = world.context_of(self.stage.agents[actor]);
                return self.destroy(world, handle);
            }
        };
        let answer = world.function(call, &[handle]);
        Ok(answer.map_or_else(Error::into_raw, |value| value << 32))
    }

    /// Destroys, and gives the kernel time to tell everybody before the first of them goes on: it tells
    /// a few at each way out of the slow path, so the order would depend on the path.
    fn destroy(&mut self, world: &mut World, handle: u64) -> Result<u64, Failure> {
        let director = self.stage.director;
        let mut script = Vec::from([Step::function(SystemCall::Destroy, &[handle], 1)]);
        script.resize(WAYS_OUT, Step::function(SystemCall::Yield, &[], 2));
        world.run(director, &script)?;
        let answer = world.result(director, 0)?.answer();
        Ok(answer.map_or_else(Error::into_raw, |value| value << 32))
    }

    /// Writes down what an actor has done so far, and what it is doing.
    fn look(&mut self, world: &mut World, actor: usize) -> Result<(), Failure> {
        let Some(acts) = self.begun[actor] else {
            return Ok(());
        };
        let agent = self.stage.agents[actor];
        for (index, act) in acts.iter().enumerate() {
            match world.peek(agent, index) {
                None => self.trace.note(actor, index, IS_DONE, 0),
                Some(step) => {
                    self.trace.note(actor, index, IS_DONE, 1);
                    self.compare(actor, index, act, &step);
                }
            }
        }
        let state = world.state_of(agent)?;
        self.trace.note(actor, acts.len(), STATE, state as u64);
        Ok(())
    }

    fn compare(&mut self, actor: usize, index: usize, act: &Act, step: &Step) {
        let is_message = act.call.is_message() && !act.is_fault;
        let is_refused = is_message && step.received().refusal().is_some();
        let is_kept = is_refused || is_message && step.received().tag == Tag::default();
        if is_message && !is_kept {
            self.trace.messages += 1;
        }
        for register in 0..REGISTERS {
            // What was refused or sent one way keeps the handle of the capability that it carries.
            let is_handle = is_kept && act.passed.is_some() && register == 12;
            if !is_handle {
                self.trace
                    .note(actor, index, register, step.words[register]);
            }
        }
        self.trace.note(actor, index, FLAGS, step.flags());
        self.trace.note(actor, index, POINTER, step.pointer());
    }
}
