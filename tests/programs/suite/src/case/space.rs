//! Address spaces: what is mapped where, and how.

use ipc_abi::boot::USER_END;
use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Access, FrameMode, Kind, Rights};
use ipc_abi::error::Error;
use test_kit::{Fact, Failure, World};

use super::Topic;

pub(super) const CASES: Topic = &[
    ("access_has_three_values", access_has_three_values),
    (
        "addresses_are_pages_of_39_bits",
        addresses_are_pages_of_39_bits,
    ),
    ("page_is_mapped_once", page_is_mapped_once),
    ("what_is_not_mapped_stays_so", what_is_not_mapped_stays_so),
    ("tables_need_memory", tables_need_memory),
    (
        "never_writable_and_executable",
        never_writable_and_executable,
    ),
    ("rights_bound_the_access", rights_bound_the_access),
    ("mode_changes_while_unmapped", mode_changes_while_unmapped),
    ("frame_is_mapped_many_times", frame_is_mapped_many_times),
    ("new_frame_is_zero", new_frame_is_zero),
];

const READ: u64 = Access::READ.into_raw();
const READ_WRITE: u64 = Access::READ_WRITE.into_raw();
const READ_EXECUTE: u64 = Access::READ_EXECUTE.into_raw();
/// An address that no test maps in the program's own space.
const SOMEWHERE: u64 = 0x40_0000;

fn access_has_three_values(world: &mut World) -> Fact {
    let (space, frame) = (world.space()?, world.user_frame()?);
    world.map(space, frame, SOMEWHERE, Access::READ)?;
    for access in [0, 2, 4, 6, 7, 8, 9, 0x100, u64::MAX] {
        let map = [space, frame, SOMEWHERE + 4096, access];
        world.refuse(SystemCall::Map, &map, Error::BadArgument)?;
        let protect = [space, SOMEWHERE, access];
        world.refuse(SystemCall::Protect, &protect, Error::BadArgument)?;
    }
    Ok(())
}

fn addresses_are_pages_of_39_bits(world: &mut World) -> Fact {
    let (space, frame) = (world.space()?, world.user_frame()?);
    let misaligned = [1, 8, 0xFFF, SOMEWHERE + 0x800, USER_END + 1];
    let outside = [
        USER_END,
        USER_END + SOMEWHERE,
        1 << 47,
        0xFFFF_0000_4000_0000,
        !0xFFF,
    ];
    let cases = misaligned.map(|address| (address, Error::Misaligned));
    for (address, error) in cases
        .into_iter()
        .chain(outside.map(|address| (address, Error::OutOfRange)))
    {
        world.refuse(SystemCall::Map, &[space, frame, address, READ], error)?;
        world.refuse(SystemCall::Protect, &[space, address, READ], error)?;
        world.refuse(SystemCall::Unmap, &[space, address], error)?;
    }
    for address in [0, USER_END - 4096] {
        world.must(SystemCall::Map, &[space, frame, address, READ])?;
        world.must(SystemCall::Unmap, &[space, address])?;
    }
    Ok(())
}

fn page_is_mapped_once(world: &mut World) -> Fact {
    let (space, frame, other) = (world.space()?, world.user_frame()?, world.user_frame()?);
    world.map(space, frame, SOMEWHERE, Access::READ)?;
    for frame in [frame, other] {
        let map = [space, frame, SOMEWHERE, READ];
        world.refuse(SystemCall::Map, &map, Error::AlreadyMapped)?;
    }
    world.must(SystemCall::Unmap, &[space, SOMEWHERE])?;
    world.map(space, other, SOMEWHERE, Access::READ)
}

fn what_is_not_mapped_stays_so(world: &mut World) -> Fact {
    let (space, frame) = (world.space()?, world.user_frame()?);
    world.map(space, frame, SOMEWHERE, Access::READ)?;
    for address in [
        0,
        SOMEWHERE + 4096,
        SOMEWHERE - 4096,
        SOMEWHERE + (1 << 21),
        1 << 30,
    ] {
        world.refuse(SystemCall::Unmap, &[space, address], Error::NotMapped)?;
        world.refuse(
            SystemCall::Protect,
            &[space, address, READ],
            Error::NotMapped,
        )?;
    }
    Ok(())
}

/// Two tables for the first page; for a second mapping of a frame a shadow and a record besides.
fn tables_need_memory(world: &mut World) -> Fact {
    let own = world.authority;
    let (object, slot, root) = (
        world.object(Kind::AddressSpace, 2),
        world.slot(),
        world.frame(),
    );
    let place = world.place(slot);
    world.must(
        SystemCall::CreateSpace,
        &[own.memory, object, place, own.asids, root],
    )?;
    let frame = world.user_frame()?;
    for address in [SOMEWHERE, SOMEWHERE + 4096] {
        let map = [slot, frame, address, READ];
        for _ in 0..2 {
            world.refuse(SystemCall::Map, &map, Error::NeedMemory)?;
            let donated = world.frame();
            world.must(SystemCall::SpaceDonate, &[slot, own.memory, donated])?;
        }
        world.must(SystemCall::Map, &map)?;
    }
    // What becomes empty goes back to the pool: the same again needs nothing.
    for address in [SOMEWHERE, SOMEWHERE + 4096] {
        world.must(SystemCall::Unmap, &[slot, address])?;
    }
    for address in [SOMEWHERE, SOMEWHERE + 4096] {
        world.must(SystemCall::Map, &[slot, frame, address + (5 << 30), READ])?;
    }
    Ok(())
}

fn never_writable_and_executable(world: &mut World) -> Fact {
    let (space, data, code) = (world.space()?, world.user_frame()?, world.user_frame()?);
    world.must(SystemCall::FrameSetMode, &[code, FrameMode::Code as u64])?;
    let (map, protect) = (SystemCall::Map, SystemCall::Protect);
    for (frame, allowed, denied) in [
        (data, READ_WRITE, READ_EXECUTE),
        (code, READ_EXECUTE, READ_WRITE),
    ] {
        world.refuse(map, &[space, frame, SOMEWHERE, denied], Error::AccessDenied)?;
        world.must(map, &[space, frame, SOMEWHERE, allowed])?;
        world.refuse(protect, &[space, SOMEWHERE, denied], Error::AccessDenied)?;
        world.must(protect, &[space, SOMEWHERE, READ])?;
        world.refuse(protect, &[space, SOMEWHERE, denied], Error::AccessDenied)?;
        world.must(protect, &[space, SOMEWHERE, allowed])?;
        world.must(SystemCall::Unmap, &[space, SOMEWHERE])?;
    }
    Ok(())
}

fn rights_bound_the_access(world: &mut World) -> Fact {
    let (space, frame) = (world.space()?, world.user_frame()?);
    let (reader, writer) = (
        world.copy(frame, Rights::READ)?,
        world.copy(frame, Rights::WRITE)?,
    );
    let (map, protect) = (SystemCall::Map, SystemCall::Protect);
    world.refuse(
        map,
        &[space, reader, SOMEWHERE, READ_WRITE],
        Error::AccessDenied,
    )?;
    for access in [READ, READ_WRITE] {
        world.refuse(
            map,
            &[space, writer, SOMEWHERE, access],
            Error::AccessDenied,
        )?;
    }
    world.must(map, &[space, reader, SOMEWHERE, READ])?;
    // The mapping remembers by which capability it was made.
    world.refuse(
        protect,
        &[space, SOMEWHERE, READ_WRITE],
        Error::AccessDenied,
    )?;
    world.must(map, &[space, frame, SOMEWHERE + 4096, READ])?;
    world
        .must(protect, &[space, SOMEWHERE + 4096, READ_WRITE])
        .map(|_| ())
}

fn mode_changes_while_unmapped(world: &mut World) -> Fact {
    let (space, frame) = (world.space()?, world.user_frame()?);
    let set = SystemCall::FrameSetMode;
    for mode in [2, 3, 255, u64::MAX] {
        world.refuse(set, &[frame, mode], Error::BadArgument)?;
    }
    for page in 0..3 {
        world.map(space, frame, SOMEWHERE + page * 4096, Access::READ)?;
    }
    for page in 0..3 {
        for mode in [FrameMode::Data as u64, FrameMode::Code as u64] {
            world.refuse(set, &[frame, mode], Error::InUse)?;
        }
        world.must(SystemCall::Unmap, &[space, SOMEWHERE + page * 4096])?;
    }
    world.must(set, &[frame, FrameMode::Code as u64])?;
    world
        .must(set, &[frame, FrameMode::Data as u64])
        .map(|_| ())
}

/// In two spaces, more often than a frame of records holds; reclaiming the frame ends all of them.
fn frame_is_mapped_many_times(world: &mut World) -> Fact {
    const TIMES: u64 = 70;
    let (one, two, frame) = (world.space()?, world.space()?, world.user_frame()?);
    for page in 0..TIMES {
        let space = if page % 2 == 0 { one } else { two };
        world.map(space, frame, SOMEWHERE + page * 4096, Access::READ)?;
    }
    world.must(SystemCall::Unmap, &[one, SOMEWHERE])?;
    let number = world.must(SystemCall::FrameInspect, &[frame])? / 4096;
    let memory = world.authority.memory;
    world.must_finish(SystemCall::Reclaim, &[memory, number])?;
    for page in 0..TIMES {
        let space = if page % 2 == 0 { one } else { two };
        let unmap = [space, SOMEWHERE + page * 4096];
        world.refuse(SystemCall::Unmap, &unmap, Error::NotMapped)?;
    }
    Ok(())
}

fn new_frame_is_zero(world: &mut World) -> Fact {
    let (frame, address) = world.mapped_frame(Access::READ_WRITE)?;
    for word in 0..512 {
        Failure::unless_same("a word of a new frame", world.read(address + 8 * word), 0)?;
        world.write(address + 8 * word, !word);
    }
    let number = world.must(SystemCall::FrameInspect, &[frame])? / 4096;
    let own = world.authority;
    world.must_finish(SystemCall::Reclaim, &[own.memory, number])?;
    let slot = world.slot();
    let place = world.place(slot);
    world.must(SystemCall::CreateFrame, &[own.memory, number * 64, place])?;
    world.map(own.space, slot, address, Access::READ_WRITE)?;
    for word in 0..512 {
        Failure::unless_same(
            "a word of a frame made again",
            world.read(address + 8 * word),
            0,
        )?;
    }
    Ok(())
}
