//! The meaning is total: whatever user code does, every event has one, and what always holds still does.

extern crate std;

use ipc_abi::boot::USER_END;
use ipc_abi::call::SystemCall;
use ipc_abi::error::Error;
use ipc_abi::fault::FaultCause;
use ipc_abi::tag::Tag;

use super::{MEMORY, Stage, TABLE};
use crate::event::{Event, Inputs};
use crate::state::State;

/// Events of one walk.
const EVENTS: u64 = 4_000;
/// Walks; the seed of each is its number.
const WALKS: u64 = 50;

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

/// An argument that means something to some call.
fn argument(numbers: &mut Numbers, now: u64) -> u64 {
    let frame = 0x300 + numbers.below(24);
    match numbers.below(12) {
        0..4 => numbers.below(32),
        4 => frame,
        5 => frame * 64 + 32 * numbers.below(2),
        6 => TABLE << 32 | numbers.below(40),
        7 => 0x1000 * numbers.below(6),
        8 => numbers.pick(&[USER_END, USER_END - 4096, 1 << 21, 1, 1 << 40, !0]),
        9 => now + numbers.below(5000),
        10 => numbers.pick(&[100, 150, 1024, 3000, 1 << 41, 0x6464 | 99 << 16]),
        _ => numbers.below(6),
    }
}

fn choose_event(stage: &mut Stage, numbers: &mut Numbers) -> Event {
    let Some(running) = stage.state.running.filter(|_| numbers.below(10) != 0) else {
        stage.now += numbers.below(3000);
        let line = numbers.below(9);
        return numbers.pick(&[Event::Timer, Event::Interrupt(line), Event::Idle]);
    };
    let now = stage.now;
    let x = &mut stage.state.thread(running.thread).registers.x;
    x[..6].fill_with(|| argument(numbers, now));
    x[12..16].fill_with(|| numbers.below(40));
    let tag = Tag::new(numbers.pick(&[0, 1, 2, 3, 4, 5, 9]), 128);
    let tag = tag.with_capabilities(numbers.pick(&[0, 0, 0, 1, 2, 5]));
    x[16] = if numbers.below(9) == 0 {
        tag.with_long()
    } else {
        tag
    }
    .into_raw();
    x[17] = numbers.below(32);
    x[18] = numbers.below(3) << 32 | numbers.below(40);
    x[20] = argument(numbers, now);
    match numbers.below(30) {
        0 => Event::Fault {
            cause: FaultCause::DataAbort,
            address: 8,
            syndrome: 9,
        },
        1 => Event::StepDone { syndrome: 9 },
        2 => Event::SystemCall(SystemCall::ALL.len() as u16),
        _ => Event::SystemCall(numbers.pick(SystemCall::ALL) as u16),
    }
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
    if before.steps().is_empty() {
        assert_eq!(expected.compare(after), Ok(()), "{call:?}: {error:?}");
    }
}

fn walk(seed: u64) -> u64 {
    let mut numbers = Numbers(seed);
    let mut stage = Stage::new();
    for (call, more) in [
        (SystemCall::CreateEndpoint, [].as_slice()),
        (SystemCall::CreateNotification, &[]),
        (SystemCall::CreateReply, &[]),
        (SystemCall::CreateGate, &[21, 7]),
        (SystemCall::CreateGate, &[22, 7]),
        (SystemCall::CreateFrame, &[]),
        (SystemCall::CreateIrq, &[super::LINES, 3]),
    ] {
        stage.make(call, more);
    }
    for priority in [90, 100, 110] {
        stage.actor(priority);
    }
    let frame = stage.free_frame();
    let donated = stage.call(SystemCall::SpaceDonate, &[super::SPACE, MEMORY, frame]);
    assert!(donated.is_ok() || stage.running() != super::MAIN);
    for done in 0..EVENTS {
        if stage.state.running.is_none()
            && stage.state.threads.values().all(|it| it.deadline.is_none())
        {
            return done;
        }
        let event = choose_event(&mut stage, &mut numbers);
        let before = stage.state.clone();
        let inputs = Inputs {
            now: stage.now,
            word: 0,
            pages: None,
        };
        stage.state.step(event, &inputs);
        stage.state.finish();
        assert_eq!(
            stage.state.check_all(),
            Ok(()),
            "seed {seed}, event {done}: {event:?}"
        );
        let mut follower = before.clone();
        follower.step(event, &inputs);
        let followed = follower.follow(&stage.state);
        assert_eq!(followed, Ok(()), "seed {seed}, event {done}: {event:?}");
        if let (Event::SystemCall(number), Some(running)) = (event, before.running) {
            if let Some(call) = SystemCall::ALL.get(usize::from(number)) {
                check_refusal(&before, &stage.state, running.thread, *call);
            }
        }
    }
    EVENTS
}

#[test]
fn every_event_has_a_meaning_and_keeps_what_always_holds() {
    let events: u64 = (0..WALKS).map(walk).sum();
    std::println!(
        "wandered through {events} events from seeds 0 to {}",
        WALKS - 1
    );
}
