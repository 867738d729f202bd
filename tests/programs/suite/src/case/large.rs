//! Frames of 2 MiB, memory for devices, memory that comes back from spaces.

use ipc_abi::boot::USER_END;
use ipc_abi::call::{CacheOperation, SystemCall};
use ipc_abi::capability::{Access, FrameMode, Kind};
use ipc_abi::error::Error;
use test_kit::{Fact, Failure, World};

use super::Topic;

pub(super) const CASES: Topic = &[
    (
        "made_in_steps_from_free_frames",
        made_in_steps_from_free_frames,
    ),
    ("mapped_as_one", mapped_as_one),
    (
        "comes_back_by_any_of_its_frames",
        comes_back_by_any_of_its_frames,
    ),
    ("becomes_code_in_steps", becomes_code_in_steps),
    ("pool_frames_can_be_withdrawn", pool_frames_can_be_withdrawn),
    (
        "cache_lines_are_named_exactly",
        cache_lines_are_named_exactly,
    ),
    ("only_a_device_is_one", only_a_device_is_one),
];

const READ: u64 = Access::READ.into_raw();
const READ_WRITE: u64 = Access::READ_WRITE.into_raw();
const PAGE: u64 = 4096;
const LARGE: u64 = 512 * PAGE;
/// An address that no program maps anything near.
const SOMEWHERE: u64 = 0x58_0000_0000;
const CREATE: SystemCall = SystemCall::CreateLargeFrame;

/// Makes a large frame; its handle and first frame.
fn make(world: &mut World) -> Result<(u64, u64), Failure> {
    let (first, slot) = (world.large_place(), world.slot());
    let arguments = [world.authority.memory, first * 64, world.place(slot)];
    world.must_finish(CREATE, &arguments)?;
    Ok((slot, first))
}

fn made_in_steps_from_free_frames(world: &mut World) -> Fact {
    let (first, slot) = (world.large_place(), world.slot());
    let (memory, place) = (world.authority.memory, world.place(slot));
    for object in [first * 64 + 1, first * 64 + 64, (first + 256) * 64] {
        world.refuse(CREATE, &[memory, object, place], Error::Misaligned)?;
    }
    let (start, end) = world.region_range();
    let outside = [0, (start - 1) & !511, end.next_multiple_of(512), 1 << 33];
    for frame in outside {
        world.refuse(CREATE, &[memory, frame * 64, place], Error::OutOfRange)?;
    }
    // The region ends inside: whether that is `OutOfRange` depends on where it does.
    let used = world.slot();
    let in_use = [memory, (first + 2) * 64, world.place(used)];
    world.must(SystemCall::CreateFrame, &in_use)?;
    let arguments = [memory, first * 64, place];
    world.refuse(CREATE, &arguments, Error::Again)?;
    world.refuse(CREATE, &arguments, Error::Again)?;
    world.refuse(CREATE, &arguments, Error::NotFree)?;
    world.destroy(used)?;
    world.must_finish(CREATE, &arguments)?;
    let whole = world.region(520)?;
    let info = world.must(SystemCall::RegionInspect, &[whole])?;
    let inside = (info & ((1 << 34) - 1)).next_multiple_of(512);
    let arguments = [memory, inside * 64, place];
    let other = world.slot();
    let arguments = [arguments[0], arguments[1], world.place(other)];
    world.refuse(CREATE, &arguments, Error::NotWhole)
}

fn mapped_as_one(world: &mut World) -> Fact {
    let (frame, first) = make(world)?;
    let (page, space) = (world.user_frame()?, world.authority.space);
    let told = world.must(SystemCall::FrameInspect, &[frame])?;
    Failure::unless_same("what a large frame tells", told, (first * PAGE) | 1)?;
    let misaligned = [space, frame, SOMEWHERE + PAGE, READ_WRITE];
    world.refuse(SystemCall::Map, &misaligned, Error::Misaligned)?;
    let outside = [space, frame, USER_END, READ_WRITE];
    world.refuse(SystemCall::Map, &outside, Error::OutOfRange)?;
    world.must(SystemCall::Map, &[space, frame, SOMEWHERE, READ_WRITE])?;
    for offset in [0, PAGE, LARGE - 8] {
        Failure::unless_same("a new word", world.read(SOMEWHERE + offset), 0)?;
        world.write(SOMEWHERE + offset, offset + 1);
    }
    for address in [SOMEWHERE, SOMEWHERE + PAGE, SOMEWHERE + LARGE - PAGE] {
        let over = [space, page, address, READ];
        world.refuse(SystemCall::Map, &over, Error::AlreadyMapped)?;
    }
    let inside = SOMEWHERE + PAGE;
    world.refuse(SystemCall::Unmap, &[space, inside], Error::Misaligned)?;
    let protect = [space, inside, READ];
    world.refuse(SystemCall::Protect, &protect, Error::Misaligned)?;
    let second = SOMEWHERE + LARGE;
    world.must(SystemCall::Map, &[space, frame, second, READ])?;
    let found = world.read(second + LARGE - 8);
    Failure::unless_same("a word by the other address", found, LARGE - 7)?;
    world.must(SystemCall::Protect, &[space, SOMEWHERE, READ])?;
    let range = [space, frame, SOMEWHERE + 2 * LARGE, READ, 1];
    world.refuse(SystemCall::MapRange, &range, Error::WrongKind)?;
    let part = [space, SOMEWHERE, 511];
    world.refuse(SystemCall::UnmapRange, &part, Error::Misaligned)?;
    let part = [space, SOMEWHERE, READ, 511];
    world.refuse(SystemCall::ProtectRange, &part, Error::Misaligned)?;
    world.must(SystemCall::UnmapRange, &[space, SOMEWHERE, 512])?;
    world.must(SystemCall::Unmap, &[space, second])?;
    let thread = world.authority.thread;
    let buffer = [thread, frame];
    world.refuse(SystemCall::ThreadSetBuffer, &buffer, Error::AccessDenied)
}

fn comes_back_by_any_of_its_frames(world: &mut World) -> Fact {
    let (frame, first) = make(world)?;
    let (memory, space) = (world.authority.memory, world.space()?);
    for block in 0..3 {
        let address = SOMEWHERE + block * LARGE;
        world.must(SystemCall::Map, &[space, frame, address, READ])?;
    }
    world.must_finish(SystemCall::Reclaim, &[memory, first + 300])?;
    let stale = [frame];
    world.refuse(SystemCall::FrameInspect, &stale, Error::Stale)?;
    for block in 0..3 {
        let unmap = [space, SOMEWHERE + block * LARGE];
        world.refuse(SystemCall::Unmap, &unmap, Error::NotMapped)?;
    }
    world.must_finish(SystemCall::Reclaim, &[memory, first])
}

fn becomes_code_in_steps(world: &mut World) -> Fact {
    let (frame, _) = make(world)?;
    let space = world.authority.space;
    let code = [frame, FrameMode::Code as u64];
    world.refuse(SystemCall::FrameSetMode, &code, Error::Again)?;
    world.must_finish(SystemCall::FrameSetMode, &code)?;
    let map = [space, frame, SOMEWHERE, READ_WRITE];
    world.refuse(SystemCall::Map, &map, Error::AccessDenied)?;
    world.must(SystemCall::Map, &[space, frame, SOMEWHERE, READ])?;
    let protect = [space, SOMEWHERE, READ_WRITE];
    world.refuse(SystemCall::Protect, &protect, Error::AccessDenied)?;
    let data = [frame, FrameMode::Data as u64];
    world.refuse(SystemCall::FrameSetMode, &data, Error::InUse)?;
    world.must(SystemCall::Unmap, &[space, SOMEWHERE])?;
    world.must(SystemCall::FrameSetMode, &data).map(|_| ())
}

fn pool_frames_can_be_withdrawn(world: &mut World) -> Fact {
    let (space, frame) = (world.space()?, world.user_frame()?);
    world.map(space, frame, SOMEWHERE, Access::READ)?;
    let memory = world.authority.memory;
    let mut free = alloc::vec::Vec::new();
    while let Ok(number) = world.function(SystemCall::SpaceWithdraw, &[space]) {
        free.push(number);
    }
    world.refuse(SystemCall::SpaceWithdraw, &[space], Error::NeedMemory)?;
    Failure::unless(!free.is_empty(), "nothing could be withdrawn")?;
    for number in free {
        world.must(SystemCall::SpaceDonate, &[space, memory, number])?;
    }
    world
        .must(SystemCall::Unmap, &[space, SOMEWHERE])
        .map(|_| ())
}

fn cache_lines_are_named_exactly(world: &mut World) -> Fact {
    let (frame, address) = world.mapped_frame(Access::READ_WRITE)?;
    const MAINTAIN: SystemCall = SystemCall::FrameMaintain;
    for operation in [CacheOperation::Clean, CacheOperation::CleanInvalidate] {
        world.write(address + 8, 77);
        for (offset, bytes) in [(0, 1), (0, PAGE), (8, 8), (PAGE - 1, 1)] {
            world.must(MAINTAIN, &[frame, operation as u64, offset, bytes])?;
        }
        Failure::unless_same("what was cleaned", world.read(address + 8), 77)?;
    }
    for (offset, bytes) in [(0, 0), (0, PAGE + 1), (1, PAGE), (PAGE, 1), (u64::MAX, 1)] {
        world.refuse(MAINTAIN, &[frame, 0, offset, bytes], Error::OutOfRange)?;
    }
    for operation in [2, u64::MAX] {
        world.refuse(MAINTAIN, &[frame, operation, 0, 8], Error::BadArgument)?;
    }
    let invalidate = CacheOperation::CleanInvalidate as u64;
    let reader = world.copy(frame, ipc_abi::capability::Rights::READ)?;
    world.refuse(MAINTAIN, &[reader, invalidate, 0, 8], Error::NoRight)
}

fn only_a_device_is_one(world: &mut World) -> Fact {
    const GIVE: SystemCall = SystemCall::FrameGive;
    let (frame, other) = (world.user_frame()?, world.user_frame()?);
    world.refuse(GIVE, &[frame, other], Error::BadArgument)?;
    let code = [frame, FrameMode::Code as u64];
    world.must(SystemCall::FrameSetMode, &code)?;
    world.refuse(GIVE, &[frame, other], Error::AccessDenied)?;
    let (table, space) = (world.authority.table, world.authority.space);
    let thread = world.thread(table, space)?;
    let buffer = world.any(Kind::Frame)?;
    world.must(SystemCall::ThreadSetBuffer, &[thread, buffer])?;
    world.refuse(GIVE, &[buffer, other], Error::InUse)?;
    let confirm = [other];
    world.refuse(SystemCall::DeviceConfirmReset, &confirm, Error::BadArgument)
}
