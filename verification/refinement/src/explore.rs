//! All states of a small system, level by level: from each, everything that can happen does.
//!
//! Workers share the states that were visited and the list of those of the present level; each has
//! a machine of its own, which it brings into one state after another. A level is sorted before it
//! is cut to its bound, so a bounded exploration is the same every time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{Irq, Number, core_state, irq, machine};

use crate::action::{Action, Result as Answer};
use crate::machine::Host;
use crate::normal::{Care, normalise};
use crate::refusal;
use crate::twin::{Twin, whole};
use crate::state::{Origin, Print, Visited, encode, print_of, restore};

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
}

/// A configuration: a scene by name.
pub struct Configuration {
    /// Its name.
    pub name: &'static str,
    /// What it has.
    pub has: &'static str,
    /// Makes it; the same each time.
    pub build: fn() -> Scene,
}

/// How much of a configuration is explored.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// From how many states.
    pub states: u64,
    /// By how many workers.
    pub workers: usize,
}

/// What went wrong, and how to get there.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What.
    pub what: String,
    /// All that happened, from the first state on.
    pub path: Vec<Action>,
}

/// What an exploration found.
#[derive(Debug, Default)]
pub struct Summary {
    /// Transitions taken.
    pub transitions: u64,
    /// Those that were refused, and changed nothing.
    pub refused: u64,
    /// Different states that were reached.
    pub states: u64,
    /// How many transitions from the first state the last one is.
    pub depth: u64,
    /// Whether all reachable states were explored.
    pub is_complete: bool,
    /// What went wrong.
    pub failures: Vec<Failure>,
}

/// A state that waits to be explored.
type Waiting = (Print, Box<[u8]>);

/// What the workers of a level share.
struct Level<'a> {
    visited: &'a Visited,
    states: &'a [Waiting],
    next: AtomicUsize,
    transitions: AtomicU64,
    refused: AtomicU64,
    is_over: AtomicBool,
    failures: Mutex<Vec<Failure>>,
}

/// Explores `configuration` as far as `bound` says; stops at the first failures.
#[must_use]
pub fn explore(configuration: &Configuration, bound: Bound) -> Summary {
    let visited = Visited::default();
    let mut summary = Summary::default();
    let mut states = vec![first_state(configuration, &visited)];
    let mut left = bound.states;
    let mut scenes: Vec<Scene> = (0..bound.workers).map(|_| start(configuration)).collect();
    while !states.is_empty() && left != 0 && summary.failures.is_empty() {
        states.sort_unstable_by_key(|&(print, _)| print);
        let count = states.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let is_cut = count < states.len();
        let level = Level {
            visited: &visited,
            states: &states[..count],
            next: AtomicUsize::new(0),
            transitions: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            failures: Mutex::default(),
        };
        let found = run_level(&level, &mut scenes);
        summary.transitions += level.transitions.into_inner();
        summary.refused += level.refused.into_inner();
        summary.failures = level.failures.into_inner().unwrap_or_default();
        summary.depth += 1;
        left -= count as u64;
        states = found;
        summary.is_complete = states.is_empty() && !is_cut;
    }
    summary.states = visited.len() as u64;
    summary
}

/// Makes a scene whose first state is in normal form.
fn start(configuration: &Configuration) -> Scene {
    let scene = (configuration.build)();
    normalise(&scene.host.arena, scene.care);
    scene.host.arena.forget_log();
    scene
}

fn first_state(configuration: &Configuration, visited: &Visited) -> Waiting {
    let scene = start(configuration);
    let print = print_of(&scene.host.arena);
    let origin = Origin {
        before: print,
        action: 0,
    };
    visited.insert(print, origin);
    (print, encode(&scene.host.arena))
}

fn run_level(level: &Level, scenes: &mut [Scene]) -> Vec<Waiting> {
    let lists = std::thread::scope(|scope| {
        let workers: Vec<_> = scenes
            .iter_mut()
            .map(|scene| scope.spawn(move || work(level, scene)))
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("workers catch what fails"))
            .collect::<Vec<_>>()
    });
    lists.into_iter().flatten().collect()
}

fn work(level: &Level, scene: &mut Scene) -> Vec<Waiting> {
    let mut found = Vec::new();
    while !level.is_over.load(Ordering::Relaxed) {
        let nth = level.next.fetch_add(1, Ordering::Relaxed);
        let Some((print, bytes)) = level.states.get(nth) else {
            break;
        };
        restore(&scene.host.arena, bytes);
        let twin = Twin::new(&scene.host.arena);
        for action in 0..scene.actions.len() {
            let step = AssertUnwindSafe(|| take(level, (scene, &twin), *print, action));
            let outcome = catch_unwind(step).unwrap_or_else(|panic| Err(text_of(&*panic)));
            match outcome {
                Ok(Some(state)) => found.push(state),
                Ok(None) => {}
                Err(what) => return fail(level, scene, (*print, action), what),
            }
        }
    }
    found
}

/// What a panic said.
fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic".to_owned())
}

fn fail(
    level: &Level,
    scene: &Scene,
    (print, action): (Print, usize),
    what: String,
) -> Vec<Waiting> {
    level.is_over.store(true, Ordering::Relaxed);
    let mut path: Vec<Action> = level
        .visited
        .path_to(print)
        .into_iter()
        .map(|nth| scene.actions[usize::from(nth)])
        .collect();
    path.push(scene.actions[action]);
    if let Ok(mut failures) = level.failures.lock() {
        failures.push(Failure { what, path });
    }
    Vec::new()
}

/// Takes one transition from the state that `scene` is in, and goes back. Answers the state that it
/// leads to, if that is new.
fn take(
    level: &Level,
    (scene, twin): (&Scene, &Twin),
    before: Print,
    action: usize,
) -> Result<Option<Waiting>, String> {
    let host = &scene.host;
    if !is_possible(scene, &scene.actions[action]) {
        return Ok(None);
    }
    let mark = host.arena.mark();
    let caller = host.kernel().current();
    let answer = host.enter(&scene.actions[action]);
    if let Answer::Refused(error) = answer {
        level.refused.fetch_add(1, Ordering::Relaxed);
        refusal::check(&host.arena, mark, caller, (&scene.actions[action], error))?;
    }
    host.leave_kernel();
    level.transitions.fetch_add(1, Ordering::Relaxed);
    let left = host.kernel().check_leaving();
    left.map_err(|violation| format!("{violation:x?}"))?;
    twin.judge(&host.arena, mark, &scene.actions[action])?;
    let end = host.arena.mark();
    normalise(&host.arena, scene.care);
    let print = print_of(&host.arena);
    let origin = Origin {
        before,
        action: u16::try_from(action).expect("few actions"),
    };
    let found = level.visited.insert(print, origin).then(|| (print, encode(&host.arena)));
    if found.is_some() {
        host.arena.go_back(end);
        let checked = host.kernel().check_all(host.arena.frames());
        checked.map_err(|violation| format!("{violation:x?}"))?;
        if twin.after(&host.arena, mark) != whole(&host.arena) {
            return Err("the projection was not brought up to date".to_owned());
        }
    }
    host.arena.go_back(mark);
    Ok(found)
}

/// Whether something can happen in the state that `scene` is in.
fn is_possible(scene: &Scene, action: &Action) -> bool {
    let kernel = scene.host.kernel();
    let memory = kernel.memory;
    match *action {
        Action::Message(_) | Action::Function { .. } | Action::Fault(_) => {
            !kernel.current().is_none()
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
