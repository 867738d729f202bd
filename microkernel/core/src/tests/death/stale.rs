//! A capability to an object that is gone never comes to life again, whatever is written to the
//! memory in which it lay.

use super::stage::Stage;
use super::*;
use crate::memory::Fields;
use crate::object::{Number, Thread, thread};
use ipc_abi::capability::{Access, ThreadState};
use ipc_abi::fault::FaultCause;

/// How often each kind is attacked.
const ATTACKS: usize = 32;
/// Words in a frame.
const FRAME_WORDS: usize = 512;

/// How far away another object lies.
const APART: u64 = 20;

/// Makes an object; its handle.
type Maker = fn(&mut Stage) -> u64;

/// Makes an object of each kind, in the frame `next_frame`; its handle.
const MAKERS: &[(Kind, Maker)] = &[
    (Kind::Region, |s| {
        s.next_frame = None;
        s.region(2)
    }),
    (Kind::Allowance, |s| s.allowance(TIME, 5)),
    (Kind::Frame, Stage::frame),
    (Kind::AddressSpace, |s| s.space(ASIDS)),
    (Kind::CapTable, Stage::table),
    (Kind::Thread, |s| s.thread(TABLE, SPACE)),
    (Kind::SchedulingContext, |s| s.context(TIME, 5)),
    (Kind::Endpoint, Stage::endpoint),
    (Kind::Gate, |s| {
        let frame = s.next_frame;
        s.next_frame = frame.map(|frame| frame + APART);
        let target = s.endpoint();
        s.next_frame = frame;
        s.gate(target)
    }),
    (Kind::Notification, Stage::notification),
    (Kind::Reply, Stage::reply),
    (Kind::Irq, |s| s.irq(70)),
];

/// Destroys everything and gives every number back, but leaves the capabilities where they are.
fn destroy_all(stage: &mut Stage) {
    for made in core::mem::take(&mut stage.made) {
        assert_eq!(stage.kernel().destroy(made.handle), Ok(0));
        stage.leave();
    }
    stage.give_back();
}

/// The handle is refused by everything that takes one of its kind.
fn expect_dead(stage: &Stage, handle: u64) {
    let kernel = stage.kernel();
    let found = kernel.capability_of(kernel.current(), handle);
    let found = found.expect("the slot still holds it");
    assert!(!kernel.is_live(found), "{handle} came to life");
    let kind = found.kind().expect("a kind");
    assert_eq!(kernel.check(found, kind, Rights::NONE), Err(Error::Stale));
    assert_eq!(kernel.destroy(handle), Err(Error::Stale));
}

#[test]
fn old_identities_written_to_memory_revive_nothing() {
    let mut stage = Stage::new(SEED);
    for (kind, make) in MAKERS {
        for _ in 0..ATTACKS {
            let frame = stage.free_frame();
            stage.next_frame = Some(frame);
            let old = make(&mut stage);
            let capability = stage.kernel().capability_of(stage.kernel().current(), old);
            let capability = capability.expect("a capability");
            assert_eq!(capability.kind(), Some(*kind));
            let frame = capability.number() / UNITS_PER_FRAME;
            destroy_all(&mut stage);
            expect_dead(&stage, old);
            // The attacker gets the memory, and writes the identity wherever one can be.
            stage.next_frame = Some(frame);
            stage.frame();
            stage.host.memory.scribble(Frame(frame), capability.id);
            expect_dead(&stage, old);
            destroy_all(&mut stage);
            expect_dead(&stage, old);
            // The memory holds objects of the kind again: at the same place, and beside it.
            stage.placement = Placement::Pooled;
            stage.next_frame = Some(frame);
            let new = make(&mut stage);
            let found = stage.number_of::<Thread>(new).into_raw();
            assert_eq!(found, capability.number(), "at the same place");
            expect_dead(&stage, old);
            destroy_all(&mut stage);
            expect_dead(&stage, old);
            stage.placement = Placement::Alone;
            stage.end_round();
        }
    }
}

#[test]
fn every_kind_is_attacked() {
    for scenario in scenarios() {
        let is_attacked = MAKERS.iter().any(|(kind, _)| *kind == scenario.kind);
        assert!(is_attacked, "no attack on a {:?}", scenario.kind);
    }
}

/// Memory that becomes slots or tables begins empty, whatever a user wrote there: no forged capability
/// and no forged translation.
#[test]
fn forged_slots_and_tables_are_empty() {
    let mut stage = Stage::new(SEED);
    let own = stage
        .kernel()
        .capability_of(stage.kernel().current(), MEMORY);
    let own = own.expect("the memory's capability");
    for forged in [own.word, own.id, u64::MAX, 0x4000_0743] {
        let frames = [stage.free_frame(), stage.free_frame()];
        for frame in frames {
            stage.next_frame = Some(frame);
            if stage.kind_of(frame) == FrameKind::Free as u8 {
                stage.frame();
                stage.host.memory.scribble(Frame(frame), forged);
            }
            stage.next_frame = None;
        }
        destroy_all(&mut stage);
        let table = stage.table_with_slots(frames[0]);
        for slot in 1..FRAME_WORDS as u64 / 2 {
            let answer = stage.kernel().capability_inspect(table << 32 | slot);
            assert_eq!(answer, Ok(0), "slot {slot}");
        }
        destroy_all(&mut stage);
        let space = stage.space_with_root(frames[0]);
        for index in 0..FRAME_WORDS as u64 {
            let refused = stage.kernel().unmap(space, index << 30);
            assert_eq!(refused, Err(Error::NotMapped));
        }
        destroy_all(&mut stage);
        stage.end_round();
    }
}

/// The one link that is checked and not paired: a fault does not go to what took the place of the
/// handler's gate.
#[test]
fn fault_does_not_go_to_the_successor_of_its_handler() {
    let mut stage = Stage::new(SEED);
    let (_, server, endpoint, gate) = stage.pair();
    let victim = stage.guarded(gate);
    let frame = stage.number_of::<Thread>(gate).into_raw() / UNITS_PER_FRAME;
    stage.forget(gate);
    stage.next_frame = Some(frame);
    let successor = stage.gate(endpoint);
    let number: Number<Thread> = stage.number_of(successor);
    let handler: Number<Thread> = stage.kernel().memory.link(victim.thread, thread::HANDLER);
    assert_eq!(number, handler, "at the same place");
    stage.turn_to(victim.thread);
    stage.kernel().fault(FaultCause::DataAbort, 0, 0);
    stage.leave();
    stage.home();
    stage.judge(victim, Outcome::Is(ThreadState::Stopped));
    stage.judge(server, Outcome::Is(ThreadState::Receiving));
}

/// A frame that was mapped and destroyed is mapped nowhere when it is somebody's again.
#[test]
fn old_mappings_do_not_show_new_frames() {
    let mut stage = Stage::new(SEED);
    let space = stage.space(ASIDS);
    for _ in 0..4 {
        let frame = stage.free_frame();
        let answer = stage.kernel().space_donate(space, MEMORY, frame);
        stage.done(answer);
    }
    let handle = stage.frame();
    let number = stage.number_of::<Thread>(handle).into_raw();
    let access = Access::READ_WRITE.into_raw();
    stage.done(stage.kernel().map(space, handle, 0x1000, access));
    stage.done(stage.kernel().destroy(handle));
    stage.next_frame = Some(number / UNITS_PER_FRAME);
    let other = stage.frame();
    assert_eq!(stage.number_of::<Thread>(other).into_raw(), number);
    expect_dead(&stage, handle);
    let refused = stage.kernel().unmap(space, 0x1000);
    assert_eq!(refused, Err(Error::NotMapped));
    assert!(stage.host.memory.is_zero(Frame(number / UNITS_PER_FRAME)));
}
