//! All states of a small system, level by level: from each, everything that can happen does.
//!
//! Workers share the states that were visited and the list of those of the present level; each has
//! a machine of its own, which it brings into one state after another. A level is sorted before it
//! is cut to its bound, so a bounded exploration is the same every time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::action::Action;
use crate::normal::{is_as_before, normalise};
use crate::state::{Origin, Print, Visited, encode, print_of, restore};
use crate::transition::{Refusals, Scene, check_new, is_possible, run};
use crate::twin::Twin;

/// A configuration: a scene by name.
pub struct Configuration {
    /// Its name.
    pub name: &'static str,
    /// What it has.
    pub has: &'static str,
    /// From how many states it is explored in the bounded run, and with `--all`.
    pub states: [u64; 2],
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
    /// Those that were refused, by call and error.
    pub refusals: Refusals,
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
        let count = states
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let is_cut = count < states.len();
        let level = Level {
            visited: &visited,
            states: &states[..count],
            next: AtomicUsize::new(0),
            transitions: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            failures: Mutex::default(),
        };
        let found = run_level(&level, &mut scenes);
        summary.transitions += level.transitions.into_inner();
        summary.failures = level.failures.into_inner().unwrap_or_default();
        summary.depth += 1;
        left -= count as u64;
        states = found;
        summary.is_complete = states.is_empty() && !is_cut;
    }
    summary.is_complete &= summary.failures.is_empty();
    summary.states = visited.len() as u64;
    for scene in &scenes {
        summary.refusals.add(&scene.refusals);
    }
    summary
}

/// Makes a scene whose first state is in normal form.
pub(crate) fn start(configuration: &Configuration) -> Scene {
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
pub(crate) fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
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
    let arena = &scene.host.arena;
    if !is_possible(scene, &scene.actions[action]) {
        return Ok(None);
    }
    let mark = arena.mark();
    run(scene, twin, &scene.actions[action]).map_err(|it| it.to_string())?;
    level.transitions.fetch_add(1, Ordering::Relaxed);
    if is_as_before(arena, mark, scene.care) {
        arena.go_back(mark);
        return Ok(None);
    }
    let end = arena.mark();
    normalise(arena, scene.care);
    let print = print_of(arena);
    let origin = Origin {
        before,
        action: u16::try_from(action).expect("few actions"),
    };
    let is_new = level.visited.insert(print, origin);
    let found = is_new.then(|| (print, encode(arena)));
    if is_new {
        arena.go_back(end);
        check_new(scene, twin, mark)?;
    }
    arena.go_back(mark);
    Ok(found)
}
