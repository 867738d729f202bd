//! Large systems, at random: whole processes' worth of objects, all calls, and shrinking to the shortest
//! way to a difference.

use std::cell::Cell;

use ipc_abi::call::{SystemCall, Window};
use ipc_abi::capability::Kind;
use ipc_abi::fault::FaultCause;
use ipc_abi::tag::Tag;
use pecan_core::capability::Slot;
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{FrameKind, Number, UNITS_PER_FRAME, thread};
use proptest::prelude::any;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::action::{Action, Message};
use crate::arena::{Arena, FIRST_DEVICE, FIRST_FRAME};
use crate::configuration::large_system;
use crate::machine::place;
use crate::signature::{Argument, of};
use crate::transition::{Scene, check_new, is_possible, run};
use crate::twin::Twin;

/// Where the random numbers begin.
pub const SEED: [u8; 32] = *b"pecan: the core against its rule";
/// Steps of one case, at most.
const STEPS: usize = 160;
/// Slots of the first table that the calls use.
const SLOTS: u16 = 120;

/// A step: what it does is chosen by these numbers.
type Step = (u8, [u16; 5]);

/// What ran.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many steps were compared.
    pub steps: u64,
    /// The first failure, as short as it could be made.
    pub failure: Option<String>,
}

/// Plays `cases` random cases.
#[must_use]
pub fn play(cases: u32) -> Outcome {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let scene = large_system();
    scene.host.arena.forget_log();
    let steps = Cell::new(0);
    let strategy = proptest::collection::vec(any::<Step>(), 1..STEPS);
    let result = runner.run(&strategy, |all| {
        scene.host.arena.go_back(0);
        let played = play_all(&scene, &all, &steps);
        played.map_err(TestCaseError::fail)
    });
    let failure = match result {
        Ok(()) => None,
        Err(TestError::Abort(reason)) => Some(reason.to_string()),
        Err(TestError::Fail(reason, all)) => Some(tell(&scene, &all, &reason.to_string())),
    };
    Outcome {
        steps: steps.get(),
        failure,
    }
}

fn play_all(scene: &Scene, all: &[Step], steps: &Cell<u64>) -> Result<(), String> {
    let arena = &scene.host.arena;
    let _: usize = arena.take_duties();
    let _: Option<u64> = arena.take_forbidden();
    let mut twin = Twin::new(arena);
    for step in all {
        let action = choose(arena, *step);
        if !is_possible(scene, &action) {
            continue;
        }
        let mark = arena.mark();
        run(scene, &twin, &action).map_err(|it| it.to_string())?;
        check_new(scene, &twin, mark)?;
        twin.advance(arena, mark);
        steps.set(steps.get() + 1);
    }
    Ok(())
}

/// The actions of a failed case, and why it failed.
fn tell(scene: &Scene, all: &[Step], reason: &str) -> String {
    let arena = &scene.host.arena;
    arena.go_back(0);
    let mut text = reason.to_owned();
    let mut twin = Twin::new(arena);
    for step in all {
        let action = choose(arena, *step);
        if is_possible(scene, &action) {
            text.push_str(&format!("\n    {action:?}"));
            let mark = arena.mark();
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                run(scene, &twin, &action)
            }));
            twin.advance(arena, mark);
        }
    }
    text
}

/// What a step does in the present state.
fn choose(arena: &Arena, (what, seeds): Step) -> Action {
    let calls = SystemCall::ALL.len();
    match what {
        0..8 => Action::Timer,
        8..20 => Action::Pass(u64::from(seeds[0]) % 800),
        20..24 => Action::Fault(FaultCause::DataAbort),
        24..28 => Action::Interrupt(33),
        28..32 => Action::StepDone,
        32..144 => {
            let nth = usize::from(seeds[0]) % 14;
            message(arena, SystemCall::ALL[nth], seeds)
        }
        _ => {
            let nth = 14 + usize::from(what - 144) * 7 % (calls - 14);
            function(
                arena,
                SystemCall::ALL[(nth + usize::from(seeds[4])) % (calls - 14) + 14],
                seeds,
            )
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others are received from endpoints"
)]
fn message(arena: &Arena, call: SystemCall, [_, a, b, c, d]: [u16; 5]) -> Action {
    use SystemCall as S;
    let kind = match call {
        S::Call | S::Send | S::TryCall | S::TrySend | S::CallUntil => Kind::Gate,
        S::ReplyTo => Kind::Reply,
        S::TryWait | S::WaitUntil => Kind::Notification,
        S::Wait => return function(arena, S::Wait, [a, b, c, d, 0]),
        _ => Kind::Endpoint,
    };
    let tag = Tag::new(b % 5, b >> 4 & 0xFF);
    let tag = match c % 8 {
        0 => tag.with_capabilities(u64::from(d % 4)),
        1 => tag.with_long(),
        _ => tag,
    };
    let base = 16 + u32::from(d % SLOTS);
    Action::Message(Message {
        call,
        handle: handle(arena, Some(kind), a),
        tag,
        window: Window::new(base, u64::from(c >> 3 & 3)),
        capabilities: [c, d, a, b].map(|seed| handle(arena, None, seed)),
        patience: u64::from(d % 1200),
    })
}

fn function(arena: &Arena, call: SystemCall, seeds: [u16; 5]) -> Action {
    if matches!(
        call,
        SystemCall::PlatformControl | SystemCall::CreateLargeFrame
    ) {
        return Action::Timer;
    }
    let mut arguments = [0; 5];
    for ((argument, &what), seed) in arguments.iter_mut().zip(of(call)).zip(seeds) {
        *argument = value(arena, what, seed);
    }
    Action::Function { call, arguments }
}

fn value(arena: &Arena, what: Argument, seed: u16) -> u64 {
    let nth = u64::from(seed);
    match what {
        Argument::Handle(kind) => handle(arena, Some(kind), seed),
        Argument::Any => handle(arena, None, seed),
        Argument::Destination => place(16 + u32::from(seed % SLOTS)),
        Argument::Frame => FIRST_FRAME + 40 + nth % (arena.frame_count() - 40),
        Argument::Object(units) => object(arena, units, nth),
        Argument::Page => {
            const PAGES: [u64; 6] = [
                0,
                0x1000,
                0x40_0000_0000,
                0x40_0000_1000,
                0x40_0020_0000,
                0x7F_FFFF_F000,
            ];
            PAGES[usize::from(seed) % PAGES.len()] + u64::from(seed / 4096 == 15) * 8
        }
        Argument::Word(words) => words[usize::from(seed) % words.len()],
    }
}

/// A place: mostly in the last frames, where pools and free frames are side by side.
fn object(arena: &Arena, units: u64, seed: u64) -> u64 {
    if seed.is_multiple_of(97) {
        return FIRST_DEVICE * UNITS_PER_FRAME;
    }
    let frame = FIRST_FRAME + arena.frame_count() - 1 - seed % 24;
    let unit = seed / 24 % UNITS_PER_FRAME / units * units;
    frame * UNITS_PER_FRAME + unit + u64::from(seed.is_multiple_of(89))
}

/// A handle of the current thread: mostly of `kind`, if there is one.
fn handle(arena: &Arena, kind: Option<Kind>, seed: u16) -> u64 {
    let view = &arena;
    let nth = u64::from(seed);
    if kind.is_none() || nth.is_multiple_of(13) {
        return nth / 13 % u64::from(SLOTS + 20);
    }
    let core: Number<pecan_core::object::Core> = Number::from_raw(view.core());
    let current: Number<pecan_core::object::Thread> =
        view.link(core, pecan_core::object::core_state::CURRENT);
    if current.is_none() {
        return 0;
    }
    let chunk: Number<pecan_core::object::Slots> = view.link(current, thread::SLOTS);
    if view.kind(chunk.frame()) != FrameKind::Slots as u8 {
        return nth % u64::from(SLOTS);
    }
    let kernel = pecan_core::kernel::Kernel { memory: arena };
    let fitting = (0..u64::from(SLOTS) + 16)
        .filter(|&index| kernel.read_slot(Slot { chunk, index }).kind() == kind);
    let count = fitting.clone().count() as u64;
    fitting
        .clone()
        .nth(usize::try_from(nth % count.max(1)).unwrap_or(0))
        .unwrap_or(0)
}
