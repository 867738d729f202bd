//! One transition of a small system, and everything that is checked about it.

use std::cell::Cell;

use ipc_abi::call::{SYSTEM_CALL_COUNT, SystemCall};
use ipc_abi::error::Error;
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{Irq, Number, core_state, flag, irq, machine, thread};

use crate::action::{Action, Result as Answer, call_of};
use crate::machine::Host;
use crate::normal::Care;
use crate::refusal;
use crate::twin::{Complaint, Twin, whole};

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
    /// How many of them were shown to have changed nothing.
    compared: Cell<u64>,
}

/// More than the number of any error.
const ERRORS: usize = 32;

impl Default for Refusals {
    fn default() -> Refusals {
        Refusals {
            counts: vec![Cell::new(0); SYSTEM_CALL_COUNT * ERRORS],
            compared: Cell::new(0),
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
        self.compared.update(|it| it + other.compared.get());
    }

    /// How many there were that were shown to have changed nothing.
    #[must_use]
    pub fn compared(&self) -> u64 {
        self.compared.get()
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
pub fn run(scene: &Scene, twin: &Twin, action: &Action) -> Result<(), Complaint> {
    let host = &scene.host;
    let mark = host.arena.mark();
    let caller = host.kernel().current();
    if let Answer::Refused(error) = host.enter(action) {
        if let Some(call) = call_of(action) {
            scene.refusals.note(call, error);
            if !call.can_return(error) {
                return Err(format!("{} is refused with {error:?}", call.name()).into());
            }
        }
        let is_unchanged = refusal::check(&host.arena, mark, caller, (action, error))?;
        scene
            .refusals
            .compared
            .update(|it| it + u64::from(is_unchanged));
    }
    host.leave_kernel();
    if let Some(number) = host.arena.take_forbidden() {
        return Err(format!("a forbidden access to {number:#x}").into());
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
