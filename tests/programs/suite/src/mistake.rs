//! What can be wrong with a handle, a place or a frame: every call is tried with each mistake in each
//! of its parts, and then without one, which must still succeed, since an error changes nothing.

use alloc::vec;
use alloc::vec::Vec;

use ipc_abi::call::{Place, SystemCall};
use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;
use test_kit::{Fact, Failure, Step, World};

use crate::valid::{Part, Valid, valid};

/// A value for a register, and how the call must be refused then.
type Mistake = (usize, u64, Error);

/// Handles that are outside every table.
const OUTSIDE: [u64; 4] = [16_384, 1 << 20, 1 << 32, u64::MAX];
/// Slots that are outside every table.
const OUTSIDE_SLOTS: [u64; 2] = [16_384, 0xFFFF_FFFF];

/// Tries a call with every mistake.
///
/// # Errors
///
/// The first that is not refused as it must be, and that what is valid is refused.
pub(crate) fn refuses_every_mistake(world: &mut World, call: SystemCall) -> Fact {
    let Some(Valid {
        step,
        parts,
        is_done,
    }) = valid(world, call)?
    else {
        return Ok(());
    };
    let mut result = Ok(());
    for part in parts {
        for (register, value, error) in mistakes(world, &step, part)? {
            let mut mistaken = step;
            mistaken.words[register] = value;
            let done = world.perform(mistaken);
            let refusal = refusal_of(call, &done);
            let fact = world.expect(call, refusal, error);
            result =
                result.and(fact.map_err(|why| why.at(&alloc::format!("{part:?} = {value:#x}"))));
        }
    }
    result?;
    if is_done {
        let done = world.perform(step);
        if let Some(error) = refusal_of(call, &done) {
            return Err(Failure::refused(call, error).at("without a mistake"));
        }
    }
    Ok(())
}

/// How a call was refused.
pub(crate) fn refusal_of(call: SystemCall, done: &Step) -> Option<Error> {
    if call.is_message() {
        done.received().refusal()
    } else {
        done.answer().err()
    }
}

fn mistakes(world: &mut World, step: &Step, part: Part) -> Result<Vec<Mistake>, Failure> {
    match part {
        Part::Handle(register, kind, rights) => {
            let mut found = bad_handles(world, register)?;
            let other = if kind == Kind::Reply {
                Kind::Notification
            } else {
                Kind::Reply
            };
            found.push((register, world.any(other)?, Error::WrongKind));
            found.extend(weak_or_stale(world, step, register, Some(kind), rights)?);
            Ok(found)
        }
        Part::AnyHandle(register, rights) => {
            let mut found = bad_handles(world, register)?;
            found.extend(weak_or_stale(world, step, register, None, rights)?);
            Ok(found)
        }
        Part::EmptyPlace(register) => {
            let mut found = bad_places(world, register, Rights::WRITE)?;
            let occupied = world.reply()?;
            found.push((register, world.place(occupied), Error::SlotOccupied));
            let own = world.authority.table;
            found.push((register, world.place(own), Error::SlotOccupied));
            Ok(found)
        }
        Part::Place(register, rights) => bad_places(world, register, rights),
        Part::Object(register, units) => bad_objects(world, register, units),
        Part::Frame(register) => bad_frames(world, register),
    }
}

fn bad_handles(world: &mut World, register: usize) -> Result<Vec<Mistake>, Failure> {
    let mut values = Vec::from(OUTSIDE);
    values.extend([0, world.slot()]);
    Ok(values
        .into_iter()
        .map(|value| (register, value, Error::BadHandle))
        .collect())
}

/// The same capability with each of the needed rights missing, and one whose object is dead.
fn weak_or_stale(
    world: &mut World,
    step: &Step,
    register: usize,
    kind: Option<Kind>,
    rights: Rights,
) -> Result<Vec<Mistake>, Failure> {
    let mut found = vec![];
    let handle = step.words[register];
    for bit in 0..8 {
        let right = Rights::from_raw(1 << bit);
        if rights.contains(right) {
            let weak = world.copy(handle, Rights::from_raw(!(1 << bit)))?;
            found.push((register, weak, Error::NoRight));
        }
    }
    if kind == Some(Kind::Platform) {
        return Ok(found);
    }
    let stale = if rights.contains(Rights::SIGNAL) {
        stale_signal(world)?
    } else {
        world.stale(kind.unwrap_or(Kind::Reply))?
    };
    found.push((register, stale, Error::Stale));
    Ok(found)
}

/// A dead gate of a notification.
fn stale_signal(world: &mut World) -> Result<u64, Failure> {
    let notification = world.notification()?;
    let gate = world.gate(notification, 1)?;
    world.destroy(gate)?;
    Ok(gate)
}

fn bad_places(world: &mut World, register: usize, rights: Rights) -> Result<Vec<Mistake>, Failure> {
    let table = world.authority.table;
    let slot = world.slot();
    let place = |table: u64, slot: u64| {
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Place::new(narrow(table), narrow(slot)).into_raw()
    };
    let stale = world.stale(Kind::CapTable)?;
    let weak = world.copy(table, Rights::from_raw(!rights.into_raw()))?;
    let reply = world.reply()?;
    let empty = world.slot();
    let mut found = vec![
        (register, place(0, slot), Error::BadHandle),
        (register, place(empty, slot), Error::BadHandle),
        (register, place(0xFFFF_FFFF, slot), Error::BadHandle),
        (register, place(reply, slot), Error::WrongKind),
        (register, place(weak, slot), Error::NoRight),
        (register, place(stale, slot), Error::Stale),
        (register, place(table, 0), Error::BadSlot),
    ];
    for slot in OUTSIDE_SLOTS {
        found.push((register, place(table, slot), Error::BadSlot));
    }
    Ok(found)
}

fn bad_objects(world: &mut World, register: usize, units: u64) -> Result<Vec<Mistake>, Failure> {
    let (first, end) = world.region_range();
    let used = world.user_frame()?;
    let used = world.must(SystemCall::FrameInspect, &[used])? / 64;
    let split = world.region(2)?;
    let info = world.must(SystemCall::RegionInspect, &[split])?;
    let other = (info & ((1 << 34) - 1)) * 64;
    let free = world.frame() * 64;
    let mut found = vec![
        (register, used, Error::NotFree),
        (register, first * 64, Error::NotFree),
        (register, other, Error::NotWhole),
        (register, other + 64, Error::NotWhole),
        (register, (first - 1) * 64, Error::OutOfRange),
        (register, end * 64, Error::OutOfRange),
        (register, 0, Error::OutOfRange),
        (register, 1 << 40, Error::OutOfRange),
        (register, !63, Error::OutOfRange),
    ];
    if units > 1 {
        found.push((register, free + 1, Error::Misaligned));
        found.push((register, free + units / 2, Error::Misaligned));
    }
    Ok(found)
}

fn bad_frames(world: &mut World, register: usize) -> Result<Vec<Mistake>, Failure> {
    let (first, end) = world.region_range();
    let used = world.user_frame()?;
    let used = world.must(SystemCall::FrameInspect, &[used])? / 4096;
    let split = world.region(2)?;
    let info = world.must(SystemCall::RegionInspect, &[split])?;
    let other = info & ((1 << 34) - 1);
    Ok(vec![
        (register, used, Error::NotFree),
        (register, first, Error::NotFree),
        (register, other, Error::NotWhole),
        (register, other + 1, Error::NotWhole),
        (register, first - 1, Error::OutOfRange),
        (register, end, Error::OutOfRange),
        (register, 0, Error::OutOfRange),
        (register, 1 << 34, Error::OutOfRange),
        (register, u64::MAX, Error::OutOfRange),
    ])
}
