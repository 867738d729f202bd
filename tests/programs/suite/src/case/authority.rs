//! Regions, allowances, capabilities: authority is split, never made.

use ipc_abi::call::{PlatformOperation, SystemCall};
use ipc_abi::capability::{Description, Kind, Rights};
use ipc_abi::error::Error;
use ipc_abi::time::SHARE_WHOLE;
use test_kit::{Fact, Failure, Message, World};

use super::Topic;

pub(super) const CASES: Topic = &[
    ("region_gives_its_last_frames", region_gives_its_last_frames),
    ("region_keeps_what_is_in_use", region_keeps_what_is_in_use),
    (
        "region_looks_at_64_frames_at_a_time",
        region_looks_at_64_frames_at_a_time,
    ),
    (
        "region_takes_free_frames_back",
        region_takes_free_frames_back,
    ),
    (
        "region_reclaims_whatever_it_covers",
        region_reclaims_whatever_it_covers,
    ),
    ("time_is_split_by_priority", time_is_split_by_priority),
    ("numbers_are_split_and_merged", numbers_are_split_and_merged),
    ("asids_run_out", asids_run_out),
    ("copies_only_lose_rights", copies_only_lose_rights),
    ("tables_grow_to_their_limit", tables_grow_to_their_limit),
    (
        "slots_of_an_extension_are_slots",
        slots_of_an_extension_are_slots,
    ),
    (
        "platform_knows_two_operations",
        platform_knows_two_operations,
    ),
];

fn frames_of(world: &mut World, region: u64) -> Result<(u64, u64), Failure> {
    let raw = world.must(SystemCall::RegionInspect, &[region])?;
    Ok((raw & ((1 << 34) - 1), raw >> 34))
}

fn region_gives_its_last_frames(world: &mut World) -> Fact {
    let (first, end) = world.region_range();
    let slot = world.slot();
    let (own, place) = (world.authority.memory, world.place(slot));
    let split = SystemCall::RegionSplit;
    for frames in [0, end - first, end - first + 1, u64::MAX] {
        world.refuse(split, &[own, frames, place], Error::OutOfRange)?;
    }
    let child = world.region(10)?;
    Failure::unless_same("the child", frames_of(world, child)?, (end - 10, 10))?;
    Failure::unless_same(
        "the parent",
        frames_of(world, own)?,
        (first, end - first - 10),
    )?;
    world.must(split, &[child, 4, place])?;
    Failure::unless_same("the grandchild", frames_of(world, slot)?, (end - 4, 4))?;
    Failure::unless_same("the child", frames_of(world, child)?, (end - 10, 6))
}

fn region_keeps_what_is_in_use(world: &mut World) -> Fact {
    let own = world.authority.memory;
    let (slot, other) = (world.slot(), world.slot());
    let (place, other) = (world.place(slot), world.place(other));
    let frame = world.top_frame(3);
    world.must(SystemCall::CreateFrame, &[own, frame * 64, place])?;
    for frames in [4, 5, 60] {
        world.refuse(
            SystemCall::RegionSplit,
            &[own, frames, other],
            Error::NotFree,
        )?;
    }
    world.must_finish(SystemCall::Reclaim, &[own, frame])?;
    world.region(5).map(|_| ())
}

/// Frames that were in use and are free again are looked through, 64 at each call.
fn region_looks_at_64_frames_at_a_time(world: &mut World) -> Fact {
    let own = world.authority.memory;
    let (slot, other) = (world.slot(), world.slot());
    let (place, other) = (world.place(slot), world.place(other));
    let frame = world.top_frame(0);
    world.must(SystemCall::CreateFrame, &[own, frame * 64, place])?;
    world.must_finish(SystemCall::Reclaim, &[own, frame])?;
    world.refuse(SystemCall::RegionSplit, &[own, 65, other], Error::Again)?;
    world.region(65).map(|_| ())
}

fn region_takes_free_frames_back(world: &mut World) -> Fact {
    let (_, end) = world.region_range();
    let slot = world.slot();
    let (own, place) = (world.authority.memory, world.place(slot));
    let merge = SystemCall::RegionMerge;
    world.refuse(merge, &[own, 1], Error::OutOfRange)?;
    let child = world.region(100)?;
    for frames in [0, 65, 101, u64::MAX] {
        world.refuse(merge, &[own, frames], Error::OutOfRange)?;
    }
    world.refuse(merge, &[own, 1], Error::NotFree)?;
    world.must(SystemCall::CreateFrame, &[child, (end - 90) * 64, place])?;
    // The child is gone, but a frame that it gave is still in use.
    world.must_finish(SystemCall::Reclaim, &[own, end - 100])?;
    world.refuse(SystemCall::RegionInspect, &[child], Error::Stale)?;
    world.refuse(merge, &[own, 20], Error::NotFree)?;
    let address = world.must(SystemCall::FrameInspect, &[slot])?;
    Failure::unless_same("the frame", address / 4096, end - 90)?;
    world
        .must_finish(SystemCall::Reclaim, &[own, end - 90])
        .map(|_| ())
}

fn region_reclaims_whatever_it_covers(world: &mut World) -> Fact {
    let (first, end) = world.region_range();
    let own = world.authority.memory;
    let reclaim = SystemCall::Reclaim;
    for frame in [first - 1, end, 0, u64::MAX, 1 << 34] {
        world.refuse(reclaim, &[own, frame], Error::OutOfRange)?;
    }
    // Eight gates in one frame: one goes with each step, and so does whoever waits for them.
    let endpoint = world.endpoint()?;
    let mut gates = alloc::vec::Vec::new();
    for badge in 0..8 {
        gates.push(world.gate(endpoint, badge)?);
    }
    let frame = world.object_of(gates[0]) / 64;
    world.refuse(reclaim, &[own, frame], Error::Again)?;
    world.must_finish(reclaim, &[own, frame])?;
    for gate in gates {
        world.refuse_message(SystemCall::TryCall, &Message::to(gate, 1), Error::Stale)?;
    }
    Ok(())
}

fn time_is_split_by_priority(world: &mut World) -> Fact {
    let own = world.authority;
    let (object, slot) = (world.object(Kind::Allowance, 2), world.slot());
    let place = world.place(slot);
    let split = SystemCall::AllowanceSplit;
    let grant = |priority: u64, unlimited: u64, share: u64| priority | unlimited << 8 | share << 16;
    for beyond in [grant(121, 0, 0), grant(120, 121, 0), grant(5, 6, 0)] {
        world.refuse(
            split,
            &[own.memory, object, place, own.time, beyond],
            Error::OutOfRange,
        )?;
    }
    for share in [SHARE_WHOLE, 1 << 47] {
        world.refuse(
            split,
            &[own.memory, object, place, own.time, grant(120, 120, share)],
            Error::Exhausted,
        )?;
    }
    world.must(
        split,
        &[own.memory, object, place, own.time, grant(120, 120, 5)],
    )?;
    world.refuse(
        SystemCall::AllowanceMerge,
        &[own.time, 1],
        Error::BadArgument,
    )
}

fn numbers_are_split_and_merged(world: &mut World) -> Fact {
    let own = world.authority;
    let (object, slot) = (world.object(Kind::Allowance, 2), world.slot());
    let place = world.place(slot);
    let (split, merge) = (SystemCall::AllowanceSplit, SystemCall::AllowanceMerge);
    world.refuse(
        split,
        &[own.memory, object, place, own.asids, 0],
        Error::BadArgument,
    )?;
    for count in [1024, u64::MAX] {
        world.refuse(
            split,
            &[own.memory, object, place, own.asids, count],
            Error::Exhausted,
        )?;
    }
    world.refuse(merge, &[own.asids, 1], Error::OutOfRange)?;
    let child = world.allowance(own.asids, 3)?;
    for count in [0, 4, 65, u64::MAX] {
        world.refuse(merge, &[own.asids, count], Error::OutOfRange)?;
    }
    world.refuse(merge, &[own.asids, 1], Error::InUse)?;
    // A space that uses one of the child's numbers outlives the child.
    let root = world.frame();
    let (space, user) = (world.object(Kind::AddressSpace, 2), world.slot());
    let user_place = world.place(user);
    world.must(
        SystemCall::CreateSpace,
        &[own.memory, space, user_place, child, root],
    )?;
    world.destroy(child)?;
    world.refuse(merge, &[own.asids, 3], Error::InUse)?;
    world.destroy(user)
}

fn asids_run_out(world: &mut World) -> Fact {
    let own = world.authority;
    let child = world.allowance(own.asids, 2)?;
    let create = SystemCall::CreateSpace;
    let mut spaces = alloc::vec::Vec::new();
    for _ in 0..2 {
        let (object, slot, root) = (
            world.object(Kind::AddressSpace, 2),
            world.slot(),
            world.frame(),
        );
        let place = world.place(slot);
        world.must(create, &[own.memory, object, place, child, root])?;
        spaces.push(slot);
    }
    let (object, slot, root) = (
        world.object(Kind::AddressSpace, 2),
        world.slot(),
        world.frame(),
    );
    let place = world.place(slot);
    world.refuse(
        create,
        &[own.memory, object, place, child, root],
        Error::Exhausted,
    )?;
    for other in [own.time, own.irqs] {
        world.refuse(
            create,
            &[own.memory, object, place, other, root],
            Error::BadArgument,
        )?;
    }
    world.destroy(spaces[0])?;
    for _ in 0..16 {
        world.must(SystemCall::Yield, &[])?;
    }
    world
        .must(create, &[own.memory, object, place, child, root])
        .map(|_| ())
}

fn copies_only_lose_rights(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let full = Rights::READ
        .union(Rights::WRITE)
        .union(Rights::MAKE_GATE)
        .union(Rights::DESTROY);
    for bits in 0..=255 {
        let rights = Rights::from_raw(bits);
        let copy = world.slot();
        let place = world.place(copy);
        world.copy_to(endpoint, place, rights)?;
        let again = world.slot();
        let again_place = world.place(again);
        world.copy_to(copy, again_place, Rights::ALL)?;
        for place in [place, again_place] {
            let held = world.must(SystemCall::CapabilityInspect, &[place])?;
            let wanted = Description::new(Kind::Endpoint, full.intersection(rights), true);
            Failure::unless_same("the copy", Description::from_raw(held), wanted)?;
            world.must(SystemCall::CapabilityDelete, &[place])?;
        }
        world.give_slots_back(2);
    }
    Ok(())
}

fn tables_grow_to_their_limit(world: &mut World) -> Fact {
    let (table, own) = (world.table()?, world.authority.memory);
    let extend = SystemCall::TableExtend;
    for _ in 1..64 {
        let frame = world.frame();
        world.must(extend, &[table, own, frame])?;
    }
    let frame = world.frame();
    world.refuse(extend, &[table, own, frame], Error::Exhausted)
}

fn slots_of_an_extension_are_slots(world: &mut World) -> Fact {
    let (table, frame) = (world.table()?, world.frame());
    let own = world.authority.memory;
    let place =
        |slot| ipc_abi::call::Place::new(u32::try_from(table).unwrap_or(0), slot).into_raw();
    let reply = world.reply()?;
    let rights = u64::from(Rights::ALL.into_raw());
    let copy = SystemCall::CapabilityCopy;
    world.refuse(copy, &[reply, place(256), rights], Error::BadSlot)?;
    world.must(SystemCall::TableExtend, &[table, own, frame])?;
    world.must(copy, &[reply, place(256), rights])?;
    world.refuse(copy, &[reply, place(256), rights], Error::SlotOccupied)?;
    world.must(copy, &[reply, place(511), rights])?;
    world.refuse(copy, &[reply, place(512), rights], Error::BadSlot)?;
    let held = world.must(SystemCall::CapabilityInspect, &[place(511)])?;
    let kind = Description::from_raw(held).kind();
    Failure::unless_same("the kind", kind, Some(Kind::Reply))?;
    world.must(SystemCall::CapabilityDelete, &[place(511)])?;
    world.refuse(
        SystemCall::CapabilityDelete,
        &[place(511)],
        Error::BadHandle,
    )
}

fn platform_knows_two_operations(world: &mut World) -> Fact {
    let platform = world.authority.platform;
    for operation in [PlatformOperation::Reset as u64 + 1, 255, u64::MAX] {
        world.refuse(
            SystemCall::PlatformControl,
            &[platform, operation],
            Error::BadArgument,
        )?;
    }
    Ok(())
}
