//! Both paths of a message call, run on one scenario.
//!
//! ```text
//!                   ┌─ fast path ──────────────────────────────▶ eret
//!  vector ──────────┤
//!                   └─ slow_call, slow_reply_receive ─ message_call ─ exit ─▶ eret
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::Result;
use ipc_abi::call::SystemCall;
use pecan_core::kernel::Kernel;
use pecan_core::object::{Field, Layout, core_state, thread};

use crate::image::Image;
use crate::machine::{ESR, Machine, Registers, Stop};
use crate::scenario::{Route, SVC, Scenario};
use crate::store::{Change, Place, Store, frame_of, physical};

/// The offset of the vector of synchronous exceptions of 64-bit user code.
const SYNCHRONOUS: u64 = 0x400;
/// The first register that the fast path saves, and how many.
pub(crate) const SAVED: (usize, usize) = (19, 12);

/// The places of the image where paths begin and end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labels {
    vector: u64,
    slow_call: u64,
    slow_reply_receive: u64,
    message: u64,
    null: u64,
    function: u64,
    message_call: u64,
    exit: u64,
    kernel_exception: u64,
    switch_debug_registers: u64,
}

impl Labels {
    /// Finds them.
    pub(crate) fn find(image: &Image) -> Result<Labels> {
        Ok(Labels {
            vector: image.label("vectors")? + SYNCHRONOUS,
            slow_call: image.label("slow_call")?,
            slow_reply_receive: image.label("slow_reply_receive")?,
            message: image.label("message")?,
            null: image.label("null")?,
            function: image.label("function")?,
            message_call: image.label("message_call")?,
            exit: image.label("exit")?,
            kernel_exception: image.label("kernel_exception")?,
            switch_debug_registers: image.label("switch_debug_registers")?,
        })
    }

    /// Where an exception of user code comes in.
    pub(crate) const fn vector(&self) -> u64 {
        self.vector
    }

    /// Where a scenario leaves to if the fast path does not apply.
    pub(crate) fn slow(&self, scenario: &Scenario) -> u64 {
        let number = scenario.registers.system[ESR].wrapping_sub(SVC);
        match scenario.route {
            Route::Call => self.slow_call,
            Route::Reply | Route::Fault => self.slow_reply_receive,
            Route::Other if number == SystemCall::Null as u64 => self.null,
            Route::Other if number < SystemCall::Null as u64 => self.message,
            Route::Other => self.function,
        }
    }

    /// Whether an instruction is of the way out that all paths share.
    pub(crate) fn is_way_out(&self, address: u64) -> bool {
        (self.exit..self.kernel_exception).contains(&address)
    }

    /// All of them.
    pub(crate) fn named(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("vector", self.vector),
            ("slow_call", self.slow_call),
            ("slow_reply_receive", self.slow_reply_receive),
            ("message", self.message),
            ("null", self.null),
            ("function", self.function),
            ("message_call", self.message_call),
            ("exit", self.exit),
            ("switch_debug_registers", self.switch_debug_registers),
        ]
    }

    const fn leaving(&self) -> [u64; 5] {
        [
            self.slow_call,
            self.slow_reply_receive,
            self.message,
            self.null,
            self.function,
        ]
    }
}

/// How a run ended.
pub(crate) struct Outcome {
    pub(crate) stop: Stop,
    pub(crate) registers: Registers,
    /// The words that hold something else than at the vector.
    pub(crate) changes: Vec<Change>,
}

/// Runs from the vector until the fast path returns or leaves for the slow one. Memory is left as the
/// run leaves it.
pub(crate) fn run_fast(
    image: &Image,
    labels: Labels,
    scenario: &Scenario,
    store: &Store,
    each: impl FnMut(u64, bool),
) -> Outcome {
    let mut machine = Machine {
        image,
        store,
        registers: scenario.registers.clone(),
    };
    machine.registers.pc = labels.vector;
    let stop = machine.run(&labels.leaving(), each);
    finish(stop, machine)
}

fn finish(stop: Stop, machine: Machine<'_>) -> Outcome {
    Outcome {
        stop,
        changes: machine.store.changes(0),
        registers: machine.registers,
    }
}

/// Why the slow path could not be run to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SlowFailure {
    /// The machine code stopped, and where.
    Stopped(Stop, u64),
    /// The machine code of `message_call` and its source do different things.
    CoreDiffers(String),
    /// `core` panicked.
    CorePanics,
}

/// Runs the slow path, as if the fast path had left. Its `message_call` is run twice: as machine code, and
/// as `core` compiled for the host; memory must be the same. What was pending is left pending: the way
/// out performs it after what is compared here.
pub(crate) fn run_slow(
    image: &Image,
    labels: Labels,
    scenario: &Scenario,
    store: &Store,
) -> Result<Outcome, SlowFailure> {
    let mut machine = Machine {
        image,
        store,
        registers: scenario.registers.clone(),
    };
    save(scenario, store);
    machine.registers.pc = labels.slow(scenario);
    reach(&mut machine, labels.message_call)?;
    let before = store.mark();
    reach(&mut machine, labels.exit)?;
    let (core, stack) = (scenario.cast.core, machine.registers.sp);
    compare_with_core(scenario, store, before)?;
    let pending = store.field(core, core_state::PENDING.word());
    set(store, core, core_state::PENDING, 0);
    machine.registers.sp = stack;
    let stop = machine.run(&[], |_, _| {});
    set(store, core, core_state::PENDING, pending);
    match stop {
        Stop::Return => Ok(finish(stop, machine)),
        Stop::Reached(_) | Stop::Refused(_) | Stop::Fault(_) | Stop::Endless => {
            Err(SlowFailure::Stopped(stop, machine.registers.pc))
        }
    }
}

/// Saves what the fast path saves before it leaves.
fn save(scenario: &Scenario, store: &Store) {
    let (first, count) = SAVED;
    for register in first..first + count {
        let field = thread::X.at(register as u64);
        let value = scenario.registers.x[register];
        set(store, scenario.cast.current, field, value);
    }
}

fn set<O: Layout>(store: &Store, number: u64, field: Field<O>, value: u64) {
    let place = Place(physical(number, field.word()));
    let done = store.put(place, value);
    debug_assert!(done.is_some());
}

fn reach(machine: &mut Machine<'_>, label: u64) -> Result<(), SlowFailure> {
    let stop = machine.run(&[label], |_, _| {});
    if stop == Stop::Reached(label) {
        Ok(())
    } else {
        Err(SlowFailure::Stopped(stop, machine.registers.pc))
    }
}

/// Runs `core` of the host where the machine code of `message_call` ran, and compares all memory but
/// the stack, which is that frame below the core's object.
fn compare_with_core(scenario: &Scenario, store: &Store, before: usize) -> Result<(), SlowFailure> {
    let stack_frame = frame_of(scenario.cast.core) - 1;
    let mut by_code = store.changes(before);
    by_code.retain(|change| change.place.0 >> 12 != stack_frame);
    store.undo_to(before);
    let number = scenario.registers.system[ESR] - SVC;
    let kernel = Kernel { memory: store };
    let done = catch_unwind(AssertUnwindSafe(|| kernel.message_call(number)));
    if done.is_err() {
        return Err(SlowFailure::CorePanics);
    }
    let by_core = store.changes(before);
    if by_code == by_core {
        return Ok(());
    }
    let other = by_code.iter().find(|it| !by_core.contains(it));
    let missing = by_core.iter().find(|it| !by_code.contains(it));
    let text = format!("machine code: {other:x?}, core: {missing:x?}");
    Err(SlowFailure::CoreDiffers(text))
}
