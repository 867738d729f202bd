//! Capabilities, regions, allowances, spaces and tables.

use ipc_abi::call::{CacheOperation, SystemCall};
use ipc_abi::capability::{Access, FrameMode, Kind, Rights};
use test_kit::{Failure, World};

use super::{Makers, Part, Valid, function};

pub(super) const MAKERS: Makers = &[
    (SystemCall::CapabilityCopy, copy),
    (SystemCall::CapabilityDelete, delete),
    (SystemCall::CapabilityInspect, inspect),
    (SystemCall::Destroy, destroy),
    (SystemCall::RegionSplit, region_split),
    (SystemCall::RegionMerge, region_merge),
    (SystemCall::RegionInspect, region_inspect),
    (SystemCall::Reclaim, reclaim),
    (SystemCall::AllowanceMerge, allowance_merge),
    (SystemCall::SpaceDonate, space_donate),
    (SystemCall::Map, map),
    (SystemCall::Unmap, |world| mapped(world, SystemCall::Unmap)),
    (SystemCall::Protect, |world| {
        mapped(world, SystemCall::Protect)
    }),
    (SystemCall::MapRange, map_range),
    (SystemCall::UnmapRange, |world| {
        let space = mapped_space(world)?;
        let arguments = [space, 0x1000, 1];
        Ok(function(world, SystemCall::UnmapRange, &arguments, [SPACE]))
    }),
    (SystemCall::ProtectRange, |world| {
        let space = mapped_space(world)?;
        let arguments = [space, 0x1000, Access::READ.into_raw(), 1];
        let call = SystemCall::ProtectRange;
        Ok(function(world, call, &arguments, [SPACE]))
    }),
    (SystemCall::TableExtend, table_extend),
    (SystemCall::FrameSetMode, frame_set_mode),
    (SystemCall::FrameInspect, frame_inspect),
    (SystemCall::SpaceWithdraw, |world| {
        let space = world.space()?;
        Ok(function(
            world,
            SystemCall::SpaceWithdraw,
            &[space],
            [SPACE],
        ))
    }),
    (SystemCall::FrameMaintain, |world| {
        let frame = world.user_frame()?;
        let parts = [Part::Handle(0, Kind::Frame, Rights::READ)];
        let arguments = [frame, CacheOperation::Clean as u64, 0, 4096];
        Ok(function(
            world,
            SystemCall::FrameMaintain,
            &arguments,
            parts,
        ))
    }),
    (SystemCall::FrameGive, frame_give),
    (SystemCall::DeviceConfirmReset, |world| {
        let frame = world.user_frame()?;
        let parts = [Part::Handle(0, Kind::Frame, Rights::DESTROY)];
        let call = SystemCall::DeviceConfirmReset;
        let mut valid = function(world, call, &[frame], parts);
        // The program has no device's frame.
        valid.is_done = false;
        Ok(valid)
    }),
];

const REGION: Part = Part::Handle(0, Kind::Region, Rights::WRITE);
const SPACE: Part = Part::Handle(0, Kind::AddressSpace, Rights::WRITE);
const OTHER_REGION: Part = Part::Handle(1, Kind::Region, Rights::WRITE);

/// An empty slot, as a place.
fn place(world: &mut World) -> u64 {
    let slot = world.slot();
    world.place(slot)
}

fn copy(world: &mut World) -> Result<Valid, Failure> {
    let (reply, place) = (world.reply()?, place(world));
    let parts = [Part::AnyHandle(0, Rights::NONE), Part::EmptyPlace(1)];
    Ok(function(
        world,
        SystemCall::CapabilityCopy,
        &[reply, place, 0xFF],
        parts,
    ))
}

fn delete(world: &mut World) -> Result<Valid, Failure> {
    let reply = world.reply()?;
    let place = world.place(reply);
    let parts = [Part::Place(0, Rights::WRITE)];
    Ok(function(
        world,
        SystemCall::CapabilityDelete,
        &[place],
        parts,
    ))
}

fn inspect(world: &mut World) -> Result<Valid, Failure> {
    let reply = world.reply()?;
    let place = world.place(reply);
    let parts = [Part::Place(0, Rights::READ)];
    Ok(function(
        world,
        SystemCall::CapabilityInspect,
        &[place],
        parts,
    ))
}

fn destroy(world: &mut World) -> Result<Valid, Failure> {
    let reply = world.reply()?;
    let parts = [Part::AnyHandle(0, Rights::DESTROY)];
    Ok(function(world, SystemCall::Destroy, &[reply], parts))
}

fn region_split(world: &mut World) -> Result<Valid, Failure> {
    let (whole, place) = (world.region(8)?, place(world));
    let parts = [REGION, Part::EmptyPlace(2)];
    Ok(function(
        world,
        SystemCall::RegionSplit,
        &[whole, 2, place],
        parts,
    ))
}

fn region_merge(world: &mut World) -> Result<Valid, Failure> {
    let (whole, place) = (world.region(8)?, place(world));
    world.must(SystemCall::RegionSplit, &[whole, 2, place])?;
    let (_, end) = world.region_range();
    world.must_finish(SystemCall::Reclaim, &[whole, end - 2])?;
    Ok(function(
        world,
        SystemCall::RegionMerge,
        &[whole, 1],
        [REGION],
    ))
}

fn region_inspect(world: &mut World) -> Result<Valid, Failure> {
    let memory = world.authority.memory;
    let parts = [Part::Handle(0, Kind::Region, Rights::READ)];
    Ok(function(world, SystemCall::RegionInspect, &[memory], parts))
}

fn reclaim(world: &mut World) -> Result<Valid, Failure> {
    let (memory, frame) = (world.authority.memory, world.frame());
    Ok(function(
        world,
        SystemCall::Reclaim,
        &[memory, frame],
        [REGION],
    ))
}

fn allowance_merge(world: &mut World) -> Result<Valid, Failure> {
    let own = world.authority;
    let child = world.allowance(own.asids, 3)?;
    let (object, slot) = (world.object(Kind::Allowance, 2), world.slot());
    let split = [own.memory, object, world.place(slot), child, 1];
    world.must(SystemCall::AllowanceSplit, &split)?;
    world.destroy(slot)?;
    let parts = [Part::Handle(0, Kind::Allowance, Rights::WRITE)];
    Ok(function(
        world,
        SystemCall::AllowanceMerge,
        &[child, 1],
        parts,
    ))
}

fn space_donate(world: &mut World) -> Result<Valid, Failure> {
    let arguments = [world.space()?, world.authority.memory, world.frame()];
    let parts = [SPACE, OTHER_REGION, Part::Frame(2)];
    Ok(function(world, SystemCall::SpaceDonate, &arguments, parts))
}

fn map(world: &mut World) -> Result<Valid, Failure> {
    let arguments = [
        world.space()?,
        world.user_frame()?,
        0x1000,
        Access::READ.into_raw(),
    ];
    let parts = [SPACE, Part::Handle(1, Kind::Frame, Rights::NONE)];
    Ok(function(world, SystemCall::Map, &arguments, parts))
}

fn map_range(world: &mut World) -> Result<Valid, Failure> {
    let (space, frame) = (world.space()?, world.user_frame()?);
    let arguments = [space, frame, 0x1000, Access::READ.into_raw(), 1];
    let parts = [SPACE, Part::Handle(1, Kind::Frame, Rights::NONE)];
    Ok(function(world, SystemCall::MapRange, &arguments, parts))
}

/// A space with a page at 0x1000.
fn mapped_space(world: &mut World) -> Result<u64, Failure> {
    let (space, frame) = (world.space()?, world.user_frame()?);
    world.map(space, frame, 0x1000, Access::READ)?;
    Ok(space)
}

fn mapped(world: &mut World, call: SystemCall) -> Result<Valid, Failure> {
    let space = mapped_space(world)?;
    Ok(function(
        world,
        call,
        &[space, 0x1000, Access::READ.into_raw()],
        [SPACE],
    ))
}

fn table_extend(world: &mut World) -> Result<Valid, Failure> {
    let arguments = [world.table()?, world.authority.memory, world.frame()];
    let table = Part::Handle(0, Kind::CapTable, Rights::WRITE);
    let parts = [table, OTHER_REGION, Part::Frame(2)];
    Ok(function(world, SystemCall::TableExtend, &arguments, parts))
}

fn frame_set_mode(world: &mut World) -> Result<Valid, Failure> {
    let arguments = [world.user_frame()?, FrameMode::Code as u64];
    let parts = [Part::Handle(0, Kind::Frame, Rights::WRITE)];
    Ok(function(world, SystemCall::FrameSetMode, &arguments, parts))
}

fn frame_give(world: &mut World) -> Result<Valid, Failure> {
    let arguments = [world.user_frame()?, world.user_frame()?];
    let both = Rights::READ.union(Rights::WRITE);
    let parts = [
        Part::Handle(0, Kind::Frame, both),
        Part::Handle(1, Kind::Frame, Rights::WRITE),
    ];
    let mut valid = function(world, SystemCall::FrameGive, &arguments, parts);
    // The program has no device's frame.
    valid.is_done = false;
    Ok(valid)
}

fn frame_inspect(world: &mut World) -> Result<Valid, Failure> {
    let frame = world.user_frame()?;
    let parts = [Part::Handle(0, Kind::Frame, Rights::READ)];
    Ok(function(world, SystemCall::FrameInspect, &[frame], parts))
}
