//! Calls that make objects.

use alloc::vec::Vec;

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Kind, Rights};
use test_kit::{Failure, Step, World, units_of};

use super::{Makers, Part, Valid};

pub(super) const MAKERS: Makers = &[
    (SystemCall::AllowanceSplit, allowance),
    (SystemCall::CreateFrame, |world| {
        plain(world, SystemCall::CreateFrame, Kind::Frame)
    }),
    (SystemCall::CreateLargeFrame, large_frame),
    (SystemCall::CreateSpace, space),
    (SystemCall::CreateTable, table),
    (SystemCall::CreateThread, thread),
    (SystemCall::CreateContext, context),
    (SystemCall::CreateEndpoint, |world| {
        plain(world, SystemCall::CreateEndpoint, Kind::Endpoint)
    }),
    (SystemCall::CreateGate, gate),
    (SystemCall::CreateNotification, |world| {
        plain(world, SystemCall::CreateNotification, Kind::Notification)
    }),
    (SystemCall::CreateReply, |world| {
        plain(world, SystemCall::CreateReply, Kind::Reply)
    }),
    (SystemCall::CreateIrq, irq),
];

/// What every creation takes, and `rest` behind that.
fn creation(
    world: &mut World,
    call: SystemCall,
    kind: Kind,
    rest: &[(u64, Option<Part>)],
) -> Valid {
    let units = units_of(kind);
    let (object, slot) = (world.object(kind, units), world.slot());
    let mut arguments = Vec::from([world.authority.memory, object, world.place(slot)]);
    let region = Part::Handle(0, Kind::Region, Rights::WRITE);
    let mut parts = Vec::from([region, Part::Object(1, units), Part::EmptyPlace(2)]);
    for (argument, part) in rest {
        arguments.push(*argument);
        parts.extend(*part);
    }
    let seed = world.new_seed();
    Valid {
        step: Step::function(call, &arguments, seed),
        parts,
        is_done: true,
    }
}

/// Of the object only what is true of any place: a large one has to be whole in the region.
fn large_frame(world: &mut World) -> Result<Valid, Failure> {
    let (object, slot) = (world.large_place() * 64, world.slot());
    let arguments = [world.authority.memory, object, world.place(slot)];
    let region = Part::Handle(0, Kind::Region, Rights::WRITE);
    let seed = world.new_seed();
    Ok(Valid {
        step: Step::function(SystemCall::CreateLargeFrame, &arguments, seed),
        parts: Vec::from([region, Part::EmptyPlace(2)]),
        is_done: false,
    })
}

fn plain(world: &mut World, call: SystemCall, kind: Kind) -> Result<Valid, Failure> {
    Ok(creation(world, call, kind, &[]))
}

/// The handle of an allowance as the fourth argument.
fn from_allowance(handle: u64) -> (u64, Option<Part>) {
    (
        handle,
        Some(Part::Handle(3, Kind::Allowance, Rights::WRITE)),
    )
}

fn allowance(world: &mut World) -> Result<Valid, Failure> {
    let rest = [from_allowance(world.authority.time), (1, None)];
    Ok(creation(
        world,
        SystemCall::AllowanceSplit,
        Kind::Allowance,
        &rest,
    ))
}

fn space(world: &mut World) -> Result<Valid, Failure> {
    let root = (world.frame(), Some(Part::Frame(4)));
    let rest = [from_allowance(world.authority.asids), root];
    Ok(creation(
        world,
        SystemCall::CreateSpace,
        Kind::AddressSpace,
        &rest,
    ))
}

fn table(world: &mut World) -> Result<Valid, Failure> {
    let rest = [(world.frame(), Some(Part::Frame(3)))];
    Ok(creation(
        world,
        SystemCall::CreateTable,
        Kind::CapTable,
        &rest,
    ))
}

fn thread(world: &mut World) -> Result<Valid, Failure> {
    let table = Part::Handle(3, Kind::CapTable, Rights::WRITE);
    let space = Part::Handle(4, Kind::AddressSpace, Rights::WRITE);
    let rest = [(world.table()?, Some(table)), (world.space()?, Some(space))];
    Ok(creation(
        world,
        SystemCall::CreateThread,
        Kind::Thread,
        &rest,
    ))
}

fn context(world: &mut World) -> Result<Valid, Failure> {
    let rest = [from_allowance(world.authority.time), (1, None)];
    Ok(creation(
        world,
        SystemCall::CreateContext,
        Kind::SchedulingContext,
        &rest,
    ))
}

fn gate(world: &mut World) -> Result<Valid, Failure> {
    let target = Part::Handle(3, Kind::Endpoint, Rights::MAKE_GATE);
    let rest = [(world.endpoint()?, Some(target)), (5, None)];
    Ok(creation(world, SystemCall::CreateGate, Kind::Gate, &rest))
}

fn irq(world: &mut World) -> Result<Valid, Failure> {
    let line = world.spare_line()?;
    let rest = [from_allowance(world.authority.irqs), (line, None)];
    Ok(creation(world, SystemCall::CreateIrq, Kind::Irq, &rest))
}
