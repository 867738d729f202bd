//! One transition of a small system, and everything that is checked about it.

use std::cell::Cell;

use ipc_abi::call::{SYSTEM_CALL_COUNT, SystemCall};
use ipc_abi::capability::Kind;
use ipc_abi::error::Error;
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{
    Core, FrameKind, Irq, Notification, Number, Thread, UNITS_PER_FRAME, core_state, flag, irq,
    machine, notification, special, thread,
};

use crate::action::{Action, Result as Answer, call_of};
use crate::arena::Arena;
use crate::machine::Host;
use crate::normal::{Care, for_each_object};
use crate::refusal;
use crate::twin::{Twin, whole};

/// A small system, and what can happen in it.
pub struct Scene {
    /// The machine, in its first state.
    pub host: Host,
    /// What can happen, if it can happen at all in a state.
    pub actions: Vec<Action>,
    /// What its normal form has to take care of.
    pub care: Care,
    /// Times from here on are not explored.
    pub horizon: u64,
    /// What was refused until now.
    pub refusals: Refusals,
}

/// How often each call was refused with each error.
#[derive(Clone, Debug)]
pub struct Refusals {
    counts: Vec<Cell<u64>>,
}

/// More than the number of any error.
const ERRORS: usize = 32;

impl Default for Refusals {
    fn default() -> Refusals {
        Refusals {
            counts: vec![Cell::new(0); SYSTEM_CALL_COUNT * ERRORS],
        }
    }
}

impl Refusals {
    fn note(&self, call: SystemCall, error: Error) {
        let error = usize::try_from(error.into_raw()).expect("a small number");
        let count = &self.counts[call as usize * ERRORS + error];
        count.set(count.get() + 1);
    }

    /// Counts those of `other` too.
    pub fn add(&self, other: &Refusals) {
        for (count, more) in self.counts.iter().zip(&other.counts) {
            count.set(count.get() + more.get());
        }
    }

    /// How many there were.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.counts.iter().map(Cell::get).sum()
    }

    /// How many there were with one of these errors.
    ///
    /// # Panics
    ///
    /// Panics if an error's number is not small.
    #[must_use]
    pub fn with(&self, errors: &[Error]) -> u64 {
        let of = |error: Error| usize::try_from(error.into_raw()).expect("a small number");
        let rows = self.counts.chunks(ERRORS);
        rows.map(|row| {
            errors
                .iter()
                .map(|&error| row[of(error)].get())
                .sum::<u64>()
        })
        .sum()
    }

    /// Which refusals that `ABI.md` lists came, and which did not.
    #[must_use]
    pub fn listed(&self) -> (u64, Vec<String>) {
        let mut met = 0;
        let mut missing = Vec::new();
        for &call in SystemCall::ALL {
            for error in (1..ERRORS as u64).filter_map(Error::from_raw) {
                let nth = call as usize * ERRORS + usize::try_from(error.into_raw()).unwrap_or(0);
                if !call.can_return(error) {
                    continue;
                }
                if self.counts[nth].get() == 0 {
                    missing.push(format!("{} {error:?}", call.name()));
                } else {
                    met += 1;
                }
            }
        }
        (met, missing)
    }
}

/// Lets `action` happen in the state that `scene` and `twin` are in, up to user code again.
///
/// # Errors
///
/// What does not hold of it.
pub fn run(scene: &Scene, twin: &Twin, action: &Action) -> Result<(), String> {
    let host = &scene.host;
    let mark = host.arena.mark();
    let caller = host.kernel().current();
    if let Answer::Refused(error) = host.enter(action) {
        if let Some(call) = call_of(action) {
            scene.refusals.note(call, error);
            if !call.can_return(error) {
                return Err(format!("{} is refused with {error:?}", call.name()));
            }
        }
        refusal::check(&host.arena, mark, caller, (action, error))?;
    }
    host.leave_kernel();
    if let Some(number) = host.arena.take_forbidden() {
        return Err(format!("a forbidden access to {number:#x}"));
    }
    let left = host.kernel().check_leaving();
    left.map_err(|violation| format!("{violation:x?}"))?;
    twin.judge(&host.arena, mark, action)
}

/// Checks the state that `scene` is in, to which a transition led that began at `mark`: all
/// invariants, and that the projection of what was written is that of everything.
///
/// # Errors
///
/// What does not hold.
pub fn check_new(scene: &Scene, twin: &Twin, mark: usize) -> Result<(), String> {
    let arena = &scene.host.arena;
    let checked = scene.host.kernel().check_all(arena.frames());
    checked.map_err(|violation| format!("{violation:x?}"))?;
    check_marks(arena)?;
    let state = whole(arena);
    state
        .check_all()
        .map_err(|violation| format!("{violation:x?}"))?;
    if twin.after(arena, mark) == state {
        Ok(())
    } else {
        Err("the projection of what was written is not that of everything".to_owned())
    }
}

/// What only the fast path reads, so that nothing else here could notice it: a thread whose bound
/// notification has signals is marked, and so is one that serves its caller on its own time; the bits of a
/// slot that a capability does not use are zero.
fn check_marks(arena: &Arena) -> Result<(), String> {
    let view = &arena;
    let mut wrong = None;
    for_each_object(arena, |kind, number| {
        if kind != Kind::Thread as u8 {
            return;
        }
        let thread: Number<Thread> = Number::from_raw(number);
        let bound: Number<Notification> = view.link(thread, thread::BOUND);
        let has_signals = !bound.is_none() && view.get(bound, notification::BITS) != 0;
        let marks = view.get(thread, thread::SPECIAL);
        let is_marked = marks & special::SIGNALLED != 0;
        let gives_away = uses_own_time(arena, thread) && marks & special::OWN_TIME == 0;
        let flags = view.get(thread, thread::FLAGS);
        let is_foreign = (flags & flag::FOREIGN != 0) == (marks & special::FOREIGN != 0);
        let is_debugged = (flags & flag::DEBUG != 0) == (marks & special::DEBUG != 0);
        if has_signals != is_marked || gives_away || !is_foreign || !is_debugged {
            wrong = Some(number);
        }
    });
    for frame in arena.frames() {
        if view.kind(frame) == FrameKind::Slots as u8 {
            let word = |slot: usize| view.load(frame.0 * UNITS_PER_FRAME, slot * 2 + 1);
            let is_odd = |slot: &usize| word(*slot) & UNUSED_BITS != 0;
            wrong = wrong.or((0..256).find(is_odd).map(|_| frame.0));
        }
    }
    match wrong {
        None => Ok(()),
        Some(number) => Err(format!("{number:#x} would mislead the fast path")),
    }
}

/// Bits of the second word of a slot that are zero: below and above the object's number.
const UNUSED_BITS: u64 = 0x3F | 0b11 << 46;

/// Whether a thread is current and serves its caller on the context that it owns.
fn uses_own_time(arena: &Arena, thread: Number<Thread>) -> bool {
    let view = &arena;
    let core: Number<Core> = Number::from_raw(view.core());
    let own = view.get(thread, thread::OWN_CONTEXT);
    view.get(core, core_state::CURRENT) == thread.into_raw()
        && view.get(thread, thread::CALLER) != 0
        && view.get(core, core_state::CONTEXT) == own
}

/// Whether something can happen in the state that `scene` is in.
#[must_use]
pub fn is_possible(scene: &Scene, action: &Action) -> bool {
    let kernel = scene.host.kernel();
    let memory = kernel.memory;
    match *action {
        Action::Message(_) | Action::Function { .. } | Action::Fault(_) => {
            !kernel.current().is_none()
        }
        Action::StepDone => {
            let current = kernel.current();
            !current.is_none() && memory.get(current, thread::FLAGS) & flag::STEPPING != 0
        }
        Action::Interrupt(line) => {
            let bound: Number<Irq> = memory.link(kernel.machine(), machine::IRQS.at(line));
            !bound.is_none()
                && memory.get(bound, irq::NOTIFICATION) != 0
                && memory.get(bound, irq::PENDING) == 0
        }
        Action::Timer => memory.get(kernel.core(), core_state::ARMED) < scene.horizon,
        Action::Pass(ticks) => {
            let armed = memory.get(kernel.core(), core_state::ARMED);
            memory.now() + ticks < armed.min(scene.horizon)
        }
    }
}
