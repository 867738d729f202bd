//! Ranges of pages.

use ipc_abi::boot::USER_END;
use ipc_abi::call::SystemCall;
use ipc_abi::capability::Access;
use ipc_abi::error::Error;
use test_kit::{Fact, Failure, Step, World};

use super::Topic;

pub(super) const CASES: Topic = &[
    ("arguments_are_checked_first", arguments_are_checked_first),
    ("pages_are_mapped_in_order", pages_are_mapped_in_order),
    (
        "error_in_the_middle_tells_how_far_it_came",
        error_in_the_middle_tells_how_far_it_came,
    ),
    ("access_changes_page_by_page", access_changes_page_by_page),
    ("table_needs_memory", table_needs_memory),
    (
        "interrupts_are_taken_meanwhile",
        interrupts_are_taken_meanwhile,
    ),
];

const READ: u64 = Access::READ.into_raw();
const READ_WRITE: u64 = Access::READ_WRITE.into_raw();
const READ_EXECUTE: u64 = Access::READ_EXECUTE.into_raw();
/// An address that no test maps in the program's own space.
const SOMEWHERE: u64 = 0x40_0000;
const PAGE: u64 = 4096;
/// The most pages of one call.
const PAGES: u64 = 512;

/// Makes frames in slots that follow one another; the first.
fn frames(world: &mut World, count: u64) -> Result<u64, Failure> {
    let first = world.slots(count);
    for slot in first..first + count {
        let object = world.frame() * 64;
        let place = world.place(slot);
        let memory = world.authority.memory;
        world.must(SystemCall::CreateFrame, &[memory, object, place])?;
    }
    Ok(first)
}

/// A call on a range must end with `error` after `done` pages.
fn ends(
    world: &mut World,
    (call, arguments): (SystemCall, &[u64]),
    error: Option<Error>,
    done: u64,
) -> Fact {
    let seed = world.new_seed();
    let step = world.perform(Step::function(call, arguments, seed));
    Failure::unless_same("the pages that are done", step.words[1], done)?;
    match error {
        Some(error) => world.expect(call, step.answer().err(), error),
        None => Failure::unless_same("the error", step.answer().err(), None),
    }
}

fn arguments_are_checked_first(world: &mut World) -> Fact {
    let (space, frame) = (world.space()?, frames(world, 1)?);
    let cases = [
        (SOMEWHERE + 1, 1, Error::Misaligned),
        (SOMEWHERE + 0x800, 1, Error::Misaligned),
        (SOMEWHERE, 0, Error::OutOfRange),
        (SOMEWHERE, PAGES + 1, Error::OutOfRange),
        (SOMEWHERE, 0xFFFF_FFFF, Error::OutOfRange),
        (USER_END - PAGE, 2, Error::OutOfRange),
        (USER_END, 1, Error::OutOfRange),
        (!0xFFF, 2, Error::OutOfRange),
    ];
    for (address, pages, error) in cases {
        let map = [space, frame, address, READ, pages];
        ends(world, (SystemCall::MapRange, &map), Some(error), 0)?;
        let unmap = [space, address, pages];
        ends(world, (SystemCall::UnmapRange, &unmap), Some(error), 0)?;
        let protect = [space, address, READ, pages];
        ends(world, (SystemCall::ProtectRange, &protect), Some(error), 0)?;
    }
    for access in [0, 2, 4, 6, 7, 8, u64::MAX] {
        let map = [space, frame, SOMEWHERE, access, 1];
        let error = Some(Error::BadArgument);
        ends(world, (SystemCall::MapRange, &map), error, 0)?;
        let protect = [space, SOMEWHERE, access, 1];
        ends(world, (SystemCall::ProtectRange, &protect), error, 0)?;
    }
    let unmap = [space, SOMEWHERE, PAGES];
    ends(world, (SystemCall::UnmapRange, &unmap), None, PAGES)
}

fn pages_are_mapped_in_order(world: &mut World) -> Fact {
    let (space, first) = (world.authority.space, frames(world, 20)?);
    let address = world.page();
    for _ in 1..20 {
        world.page();
    }
    let map = [space, first, address, READ_WRITE, 20];
    ends(world, (SystemCall::MapRange, &map), None, 20)?;
    for page in 0..20 {
        Failure::unless_same("a new page", world.read(address + page * PAGE), 0)?;
        world.write(address + page * PAGE, page + 1);
    }
    let unmap = [space, address, 20];
    ends(world, (SystemCall::UnmapRange, &unmap), None, 20)?;
    for page in 0..20 {
        let map = [space, first + page, address, READ];
        world.must(SystemCall::Map, &map)?;
        Failure::unless_same("a page", world.read(address), page + 1)?;
        world.must(SystemCall::Unmap, &[space, address])?;
    }
    Ok(())
}

fn error_in_the_middle_tells_how_far_it_came(world: &mut World) -> Fact {
    let (space, first) = (world.space()?, frames(world, 8)?);
    world.destroy(first + 5)?;
    let map = [space, first, SOMEWHERE, READ, 8];
    ends(world, (SystemCall::MapRange, &map), Some(Error::Stale), 5)?;
    let again = [space, first + 6, SOMEWHERE - PAGE, READ, 2];
    let error = Some(Error::AlreadyMapped);
    ends(world, (SystemCall::MapRange, &again), error, 1)?;
    let protect = [space, SOMEWHERE - PAGE, READ, 8];
    let error = Some(Error::NotMapped);
    ends(world, (SystemCall::ProtectRange, &protect), error, 6)?;
    let unmap = [space, SOMEWHERE - 2 * PAGE, 9];
    ends(world, (SystemCall::UnmapRange, &unmap), None, 9)
}

fn access_changes_page_by_page(world: &mut World) -> Fact {
    let (space, first) = (world.space()?, frames(world, 4)?);
    let denied = Some(Error::AccessDenied);
    let map = [space, first, SOMEWHERE, READ_EXECUTE, 4];
    ends(world, (SystemCall::MapRange, &map), denied, 0)?;
    let map = [space, first, SOMEWHERE, READ, 4];
    ends(world, (SystemCall::MapRange, &map), None, 4)?;
    let protect = [space, SOMEWHERE, READ_WRITE, 4];
    ends(world, (SystemCall::ProtectRange, &protect), None, 4)?;
    let protect = [space, SOMEWHERE, READ_EXECUTE, 4];
    ends(world, (SystemCall::ProtectRange, &protect), denied, 0)
}

fn table_needs_memory(world: &mut World) -> Fact {
    let own = world.authority;
    let (object, slot) = (
        world.object(ipc_abi::capability::Kind::AddressSpace, 2),
        world.slot(),
    );
    let (place, root) = (world.place(slot), world.frame());
    let create = [own.memory, object, place, own.asids, root];
    world.must(SystemCall::CreateSpace, &create)?;
    let first = frames(world, 4)?;
    for _ in 0..2 {
        let frame = world.frame();
        world.must(SystemCall::SpaceDonate, &[slot, own.memory, frame])?;
    }
    let map = [slot, first, SOMEWHERE - PAGE, READ, 4];
    let error = Some(Error::NeedMemory);
    ends(world, (SystemCall::MapRange, &map), error, 1)
}

/// Many ranges, for long enough that the timer interrupts some of them.
fn interrupts_are_taken_meanwhile(world: &mut World) -> Fact {
    let (space, first) = (world.authority.space, frames(world, 64)?);
    let address = world.page();
    for _ in 1..64 {
        world.page();
    }
    for _ in 0..2_000 {
        let map = [space, first, address, READ_WRITE, 64];
        ends(world, (SystemCall::MapRange, &map), None, 64)?;
        let protect = [space, address, READ, 64];
        ends(world, (SystemCall::ProtectRange, &protect), None, 64)?;
        let unmap = [space, address, 64];
        ends(world, (SystemCall::UnmapRange, &unmap), None, 64)?;
    }
    Ok(())
}
