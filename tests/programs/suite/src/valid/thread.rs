//! Threads, interrupts, the platform.

use ipc_abi::call::{PlatformOperation, SystemCall};
use ipc_abi::capability::{Access, Kind, Rights};
use test_kit::{Failure, World};

use super::{Makers, Part, Valid, function};

pub(super) const MAKERS: Makers = &[
    (SystemCall::ThreadStart, start),
    (SystemCall::ThreadStop, stop),
    (SystemCall::ThreadResume, resume),
    (SystemCall::ThreadSetBuffer, set_buffer),
    (SystemCall::ThreadSetHandler, set_handler),
    (SystemCall::ThreadSetContext, set_context),
    (SystemCall::ThreadBind, bind),
    (SystemCall::ThreadInspect, inspect),
    (SystemCall::ThreadConfigure, configure),
    (SystemCall::ThreadRead, read),
    (SystemCall::ThreadWrite, write),
    (SystemCall::ThreadPeek, peek),
    (SystemCall::ThreadPoke, poke),
    (SystemCall::IrqBind, irq_bind),
    (SystemCall::IrqAcknowledge, irq_acknowledge),
    (SystemCall::PlatformControl, platform_control),
];

const THREAD: Part = Part::Handle(0, Kind::Thread, Rights::WRITE);
const IRQ: Part = Part::Handle(0, Kind::Irq, Rights::WRITE);

/// A thread with a context, which is never more important than the suite: nothing of it ever runs.
fn quiet_thread(world: &mut World) -> Result<u64, Failure> {
    let (table, space) = (world.table()?, world.space()?);
    let (thread, context) = (world.thread(table, space)?, world.context(1)?);
    world.must(SystemCall::ThreadSetContext, &[thread, context])?;
    Ok(thread)
}

fn started_thread(world: &mut World) -> Result<u64, Failure> {
    let thread = quiet_thread(world)?;
    world.must(SystemCall::ThreadStart, &[thread, 0x1000, 0x2000, 0])?;
    Ok(thread)
}

fn start(world: &mut World) -> Result<Valid, Failure> {
    let thread = quiet_thread(world)?;
    Ok(function(
        world,
        SystemCall::ThreadStart,
        &[thread, 0x1000, 0x2000, 0],
        [THREAD],
    ))
}

fn stop(world: &mut World) -> Result<Valid, Failure> {
    let thread = started_thread(world)?;
    Ok(function(world, SystemCall::ThreadStop, &[thread], [THREAD]))
}

fn resume(world: &mut World) -> Result<Valid, Failure> {
    let thread = started_thread(world)?;
    world.must(SystemCall::ThreadStop, &[thread])?;
    Ok(function(
        world,
        SystemCall::ThreadResume,
        &[thread],
        [THREAD],
    ))
}

fn set_buffer(world: &mut World) -> Result<Valid, Failure> {
    let (thread, frame) = (quiet_thread(world)?, world.user_frame()?);
    let frame_part = Part::Handle(1, Kind::Frame, Rights::READ.union(Rights::WRITE));
    Ok(function(
        world,
        SystemCall::ThreadSetBuffer,
        &[thread, frame],
        [THREAD, frame_part],
    ))
}

fn set_handler(world: &mut World) -> Result<Valid, Failure> {
    let (thread, endpoint) = (quiet_thread(world)?, world.endpoint()?);
    let gate = world.gate(endpoint, 1)?;
    let gate_part = Part::Handle(1, Kind::Gate, Rights::SEND);
    Ok(function(
        world,
        SystemCall::ThreadSetHandler,
        &[thread, gate],
        [THREAD, gate_part],
    ))
}

fn set_context(world: &mut World) -> Result<Valid, Failure> {
    let own = world.authority;
    let (thread, context) = (world.thread(own.table, own.space)?, world.context(1)?);
    let context_part = Part::Handle(1, Kind::SchedulingContext, Rights::WRITE);
    let parts = [THREAD, context_part];
    Ok(function(
        world,
        SystemCall::ThreadSetContext,
        &[thread, context],
        parts,
    ))
}

fn bind(world: &mut World) -> Result<Valid, Failure> {
    let (thread, notification) = (quiet_thread(world)?, world.notification()?);
    let bound = Part::Handle(1, Kind::Notification, Rights::RECEIVE);
    Ok(function(
        world,
        SystemCall::ThreadBind,
        &[thread, notification],
        [THREAD, bound],
    ))
}

fn inspect(world: &mut World) -> Result<Valid, Failure> {
    let thread = quiet_thread(world)?;
    let parts = [Part::Handle(0, Kind::Thread, Rights::READ)];
    Ok(function(world, SystemCall::ThreadInspect, &[thread], parts))
}

fn configure(world: &mut World) -> Result<Valid, Failure> {
    let thread = quiet_thread(world)?;
    Ok(function(
        world,
        SystemCall::ThreadConfigure,
        &[thread, 3],
        [THREAD],
    ))
}

fn read(world: &mut World) -> Result<Valid, Failure> {
    let thread = quiet_thread(world)?;
    let parts = [Part::Handle(0, Kind::Thread, Rights::READ)];
    Ok(function(world, SystemCall::ThreadRead, &[thread, 7], parts))
}

fn write(world: &mut World) -> Result<Valid, Failure> {
    let thread = quiet_thread(world)?;
    let arguments = [thread, 7, 8];
    Ok(function(
        world,
        SystemCall::ThreadWrite,
        &arguments,
        [THREAD],
    ))
}

/// A thread of the program's own space, and an address in it.
fn seen_thread(world: &mut World) -> Result<(u64, u64), Failure> {
    let own = world.authority;
    let (_, page) = world.mapped_frame(Access::READ_WRITE)?;
    Ok((world.thread(own.table, own.space)?, page))
}

fn peek(world: &mut World) -> Result<Valid, Failure> {
    let (thread, page) = seen_thread(world)?;
    let parts = [Part::Handle(0, Kind::Thread, Rights::READ)];
    Ok(function(
        world,
        SystemCall::ThreadPeek,
        &[thread, page],
        parts,
    ))
}

fn poke(world: &mut World) -> Result<Valid, Failure> {
    let (thread, page) = seen_thread(world)?;
    let arguments = [thread, page, 1];
    Ok(function(
        world,
        SystemCall::ThreadPoke,
        &arguments,
        [THREAD],
    ))
}

fn irq_bind(world: &mut World) -> Result<Valid, Failure> {
    let (irq, notification) = (world.any(Kind::Irq)?, world.notification()?);
    let target = Part::Handle(1, Kind::Notification, Rights::MAKE_GATE);
    Ok(function(
        world,
        SystemCall::IrqBind,
        &[irq, notification, 1],
        [IRQ, target],
    ))
}

fn irq_acknowledge(world: &mut World) -> Result<Valid, Failure> {
    let irq = world.any(Kind::Irq)?;
    Ok(function(world, SystemCall::IrqAcknowledge, &[irq], [IRQ]))
}

/// Not done in the end: it would end everything.
fn platform_control(world: &mut World) -> Result<Valid, Failure> {
    let arguments = [world.authority.platform, PlatformOperation::PowerOff as u64];
    let parts = [Part::Handle(0, Kind::Platform, Rights::WRITE)];
    let valid = function(world, SystemCall::PlatformControl, &arguments, parts);
    Ok(Valid {
        is_done: false,
        ..valid
    })
}
