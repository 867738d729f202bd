//! Budgets and counts.

use ipc_abi::call::{PlatformCount, SystemCall};
use ipc_abi::capability::{Kind, Rights};
use test_kit::{Failure, World};

use super::{Makers, Part, Valid, function};

pub(super) const MAKERS: Makers = &[
    (SystemCall::ContextConfigure, configure),
    (SystemCall::ContextSetHandler, set_handler),
    (SystemCall::ContextInspect, inspect),
    (SystemCall::PlatformInspect, platform_inspect),
];

const CONTEXT: Part = Part::Handle(0, Kind::SchedulingContext, Rights::WRITE);

fn configure(world: &mut World) -> Result<Valid, Failure> {
    let arguments = [world.context(1)?, world.authority.time, 1, 4096, 1 << 24];
    let parts = [CONTEXT, Part::Handle(1, Kind::Allowance, Rights::WRITE)];
    Ok(function(
        world,
        SystemCall::ContextConfigure,
        &arguments,
        parts,
    ))
}

fn set_handler(world: &mut World) -> Result<Valid, Failure> {
    let notification = world.notification()?;
    let arguments = [world.context(1)?, world.gate(notification, 1)?];
    let parts = [CONTEXT, Part::Handle(1, Kind::Gate, Rights::SIGNAL)];
    Ok(function(
        world,
        SystemCall::ContextSetHandler,
        &arguments,
        parts,
    ))
}

fn inspect(world: &mut World) -> Result<Valid, Failure> {
    let arguments = [world.context(1)?];
    let parts = [Part::Handle(0, Kind::SchedulingContext, Rights::READ)];
    Ok(function(
        world,
        SystemCall::ContextInspect,
        &arguments,
        parts,
    ))
}

fn platform_inspect(world: &mut World) -> Result<Valid, Failure> {
    let arguments = [world.authority.platform, PlatformCount::Unhelped as u64];
    let parts = [Part::Handle(0, Kind::Platform, Rights::READ)];
    Ok(function(
        world,
        SystemCall::PlatformInspect,
        &arguments,
        parts,
    ))
}
