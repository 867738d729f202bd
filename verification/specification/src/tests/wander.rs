//! The meaning is total: whatever user code does, every event has one, and what always holds still does.

extern crate std;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use ipc_abi::boot::USER_END;
use ipc_abi::call::{Place, SystemCall, Window};
use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;
use ipc_abi::fault::FaultCause;
use ipc_abi::tag::Tag;

use super::{MEMORY, Stage, TABLE};
use crate::event::{Event, Inputs};
use crate::state::{Capability, State};

/// Events.
const EVENTS: u64 = 40_000;
/// Where the sequence of choices begins.
const SEED: u64 = 1;

/// A sequence of numbers that looks random (Steele, Lea, Flood: SplitMix, 2014).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let index = self.below(of.len() as u64);
        *of.get(usize::try_from(index).unwrap_or(0))
            .expect("one of them")
    }
}

/// What the arguments of each call are: a letter each ([`argument`]). Message calls have a handle only.
const ARGUMENTS: [&str; SystemCall::ALL.len()] = [
    "G", "E", "E", "G", "G", "G", "E", "", "P", "N", "N", "G", "E", "N", // message calls
    "SFacn", "San", "Sacn", "", "G", "", "P", "?dr", "d", "d", "?", // to `destroy`
    "Rnd", "Rn", "R", "Rf", "RodAn", "An", "Rod", "RodAf", "Rodf", "RodTS", "RodAp", "Rod",
    "RodEb", "Rod", "Rod", "RodAn", // creations, to `create_irq`
    "SRf", "SFac", "Sa", "Sac", "TRf", "Haan", "H", "H", "HF", "HG", "HC", "HN", "H", "INn", "I",
    "Mn", "Fm", "F", "CApbb", "CG", "C", "Mn", "t", "Hm", "Hn", "Hnn", "Ha", "Han", "RLd", "S",
    "Fmnb", "FF", "F",
];

/// The kind of a handle with this letter.
fn kind_of(letter: char) -> Option<Kind> {
    let letters = "RAMFSTHCEGNPI".chars().zip(Kind::ALL);
    letters
        .filter(|(it, _)| *it == letter)
        .map(|(_, kind)| *kind)
        .next()
}

/// A handle of a kind, or now and then any.
fn handle(state: &State, numbers: &mut Numbers, kind: Option<Kind>) -> u64 {
    let slots = state.tables.get(&super::OWN_TABLE).map(|it| &it.slots);
    let fits = |it: &Capability| kind.is_none_or(|kind| kind == it.kind);
    let slots = slots.into_iter().flatten().filter(|(_, it)| fits(it));
    let handles: Vec<u64> = slots.map(|(slot, _)| *slot).collect();
    if handles.is_empty() || numbers.below(12) == 0 {
        return numbers.below(60);
    }
    numbers.pick(&handles)
}

/// An argument of a call.
fn argument(stage: &Stage, numbers: &mut Numbers, letter: char) -> u64 {
    let frame = 0x300 + numbers.below(80);
    match letter {
        'o' => frame * 64 + numbers.pick(&[0, 0, 0, 32, 8, 2, 1]),
        'd' => Place::new(2, 20).into_raw() + numbers.below(60),
        'f' => frame,
        'L' => numbers.pick(&[0x400, 0x600, 0x800, 0x401]) * 64,
        'a' if numbers.below(9) == 0 => numbers.pick(&[USER_END, USER_END - 4096, 1 << 21, 1]),
        'a' => 0x1000 * numbers.below(6),
        'c' => numbers.pick(&[1, 3, 5, 2]),
        'm' => numbers.below(3),
        'n' => numbers.below(7),
        'p' => numbers.pick(&[90, 100, 110, 150, 256]),
        'b' => numbers.pick(&[0, 0, 5, 1500, 3000, 1 << 41]),
        'r' => numbers.pick(&[0xFF, 0xFF, 0x7F, 0]),
        't' => stage.now + numbers.below(3000),
        _ => handle(&stage.state, numbers, kind_of(letter)),
    }
}

fn choose_event(stage: &mut Stage, numbers: &mut Numbers) -> Event {
    stage.now += numbers.below(50);
    let Some(running) = stage.state.running.filter(|_| numbers.below(20) != 0) else {
        stage.now += numbers.below(3000);
        let line = numbers.below(9);
        return numbers.pick(&[Event::Timer, Event::Interrupt(line), Event::Idle]);
    };
    match numbers.below(400) {
        0 => {
            return Event::Fault {
                cause: FaultCause::DataAbort,
                address: 8,
                syndrome: 9,
            };
        }
        1 => return Event::StepDone { syndrome: 9 },
        2 => return Event::SystemCall(u16::MAX),
        _ => {}
    }
    let call = numbers.pick(SystemCall::ALL);
    let letters = ARGUMENTS.get(call as usize).expect("a call").chars();
    let arguments: Vec<u64> = letters.map(|it| argument(stage, numbers, it)).collect();
    let capability = handle(&stage.state, numbers, None);
    let deadline = stage.now + numbers.below(3000);
    let x = &mut stage.state.thread(running.thread).registers.x;
    x[..arguments.len()].copy_from_slice(&arguments);
    if call.is_message() {
        x[12..16].fill(capability);
        let tag = Tag::new(numbers.pick(&[0, 1, 2, 3, 4, 5, 9]), 128);
        let tag = tag.with_capabilities(numbers.pick(&[0, 0, 0, 0, 1, 2, 5]));
        x[16] = if numbers.below(9) == 0 {
            tag.with_long()
        } else {
            tag
        }
        .into_raw();
        x[17] = arguments.first().copied().unwrap_or(0);
        x[18] = Window::new(30, numbers.below(3)).into_raw() + numbers.below(50);
        x[20] = deadline;
    }
    Event::SystemCall(call as u16)
}

/// The error that a call returned at once, and whether that is one of its own.
fn refusal(state: &State, thread: u64, call: SystemCall) -> Option<Error> {
    let x = state.threads.get(&thread)?.registers.x;
    if call.is_message() {
        Tag::from_raw(x[16]).error()
    } else {
        Error::from_raw(x[0])
    }
}

/// Errors after which something has changed, because the call says so.
fn may_change(call: SystemCall, error: Error) -> bool {
    let is_range =
        (SystemCall::MapRange as u16..=SystemCall::ProtectRange as u16).contains(&(call as u16));
    let answered = call == SystemCall::ReplyReceive;
    let receives = matches!(error, Error::Again | Error::WouldBlock | Error::TimedOut);
    is_range || answered || receives || error == Error::Died || error == Error::Quarantined
}

/// What user code sees of an error, and the rest of the state before it.
fn check_refusal(before: &State, after: &State, thread: u64, call: SystemCall) {
    let was_there = before.running.map(|running| running.thread) == Some(thread);
    let goes_on = after.running.map(|running| running.thread) == Some(thread);
    let Some(error) = refusal(after, thread, call).filter(|_| was_there && goes_on) else {
        return;
    };
    assert!(call.can_return(error), "{call:?} returned {error:?}");
    if may_change(call, error) {
        return;
    }
    let mut expected = before.clone();
    expected.thread(thread).registers = after.threads[&thread].registers;
    expected.now = after.now;
    expected.slice = after.slice;
    expected.billed = after.billed;
    if expected.steps().is_empty() {
        assert_eq!(expected.compare(after), Ok(()), "{call:?}: {error:?}");
    }
}

/// A stage with an object of each kind, and threads that use them.
fn furnished() -> Stage {
    let mut stage = Stage::new();
    stage.state.platforms.insert(0x106 * 64, Some(10));
    let platform = Capability {
        kind: Kind::Platform,
        rights: Rights::ALL,
        number: 0x106 * 64,
        id: 10,
    };
    stage.state.fill_slot((super::OWN_TABLE, 8), platform);
    let (_, place) = stage.slot();
    let device = [super::DEVICES, super::DEVICE * 64, place];
    assert_eq!(stage.call(SystemCall::CreateFrame, &device), Ok(0));
    for _ in 0..4 {
        let endpoint = stage.make(SystemCall::CreateEndpoint, &[]);
        let notification = stage.make(SystemCall::CreateNotification, &[]);
        stage.make(SystemCall::CreateGate, &[endpoint, 7]);
        stage.make(SystemCall::CreateGate, &[notification, 7]);
        stage.make(SystemCall::CreateReply, &[]);
        stage.make(SystemCall::CreateFrame, &[]);
        let frame = stage.free_frame();
        let donate = [super::SPACE, MEMORY, frame];
        assert_eq!(stage.call(SystemCall::SpaceDonate, &donate), Ok(0));
    }
    stage.make(SystemCall::CreateIrq, &[super::LINES, 3]);
    stage.make(SystemCall::CreateThread, &[TABLE, super::SPACE]);
    stage.make(SystemCall::CreateContext, &[super::TIME, 100]);
    for priority in [90, 95, 99, 100] {
        stage.actor(priority);
    }
    stage
}

/// One event: it has a meaning, leads to a state in which what always holds does, and a kernel that did the
/// same is followed.
fn wander(stage: &mut Stage, numbers: &mut Numbers, succeeded: &mut BTreeSet<u16>) {
    let event = choose_event(stage, numbers);
    let before = stage.state.clone();
    let inputs = Inputs {
        now: stage.now,
        ..Inputs::default()
    };
    stage.state.step(event, &inputs);
    stage.state.finish();
    assert_eq!(stage.state.check_all(), Ok(()), "{event:?}");
    let mut follower = before.clone();
    follower.step(event, &inputs);
    let followed = follower.follow(&stage.state);
    assert_eq!(followed.map(drop), Ok(()), "{event:?}");
    let (Event::SystemCall(number), Some(running)) = (event, before.running) else {
        return;
    };
    if let Some(call) = SystemCall::ALL.get(usize::from(number)) {
        check_refusal(&before, &stage.state, running.thread, *call);
        if refusal(&stage.state, running.thread, *call).is_none() {
            succeeded.insert(number);
        }
    }
}

/// Whether nothing will ever happen any more.
fn is_over(state: &State) -> bool {
    let waits = state.threads.values().any(|it| it.deadline.is_some());
    let refills = state.contexts.values().any(|it| it.is_refilling);
    state.running.is_none() && !waits && !refills
}

#[test]
fn every_event_has_a_meaning_and_keeps_what_always_holds() {
    let mut succeeded = BTreeSet::new();
    let mut numbers = Numbers(SEED);
    let mut stage = furnished();
    for _ in 0..EVENTS {
        if is_over(&stage.state) {
            stage = furnished();
        }
        wander(&mut stage, &mut numbers, &mut succeeded);
    }
    std::println!("wandered through {EVENTS} events from seed {SEED}");
    let calls = SystemCall::ALL.iter();
    let never: Vec<_> = calls
        .filter(|it| !succeeded.contains(&(**it as u16)))
        .collect();
    // It takes 512 calls in a row.
    assert_eq!(
        never,
        [&SystemCall::CreateLargeFrame],
        "each call succeeds once"
    );
}
