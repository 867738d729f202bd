use super::*;
use crate::kernel::Effect;
use crate::large::{LARGE_BYTES, LARGE_FRAMES, LARGE_STEP};
use crate::object::{Number, Space, space};
use ipc_abi::boot::USER_END;
use ipc_abi::capability::{Access, FrameMode};
use std::vec::Vec;

const READ: u64 = Access::READ.into_raw();
const READ_WRITE: u64 = Access::READ_WRITE.into_raw();
const READ_EXECUTE: u64 = Access::READ_EXECUTE.into_raw();
const BASE: u64 = 0x40_0000_0000;
const PAGE: u64 = 0x1000;
/// Frames of a machine with two places for large frames.
const MANY: u64 = 3 * LARGE_FRAMES;
/// The first frame of the first such place, and of the second.
const PLACES: [u64; 2] = [
    crate::host::FIRST_FRAME + LARGE_FRAMES,
    crate::host::FIRST_FRAME + 2 * LARGE_FRAMES,
];

fn create(fixture: &Fixture, frame: u64) -> u64 {
    let (destination, handle) = fixture.slot();
    let object = frame * UNITS_PER_FRAME;
    for _ in 1..LARGE_FRAMES / LARGE_STEP {
        let made = fixture
            .kernel()
            .create_large_frame(MEMORY, object, destination);
        assert_eq!(made, Err(Error::Again));
        fixture.host.leave_kernel();
    }
    let made = fixture.call(|k| k.create_large_frame(MEMORY, object, destination));
    assert_eq!(made, Ok(0));
    handle
}

fn free_frames(fixture: &Fixture) -> usize {
    let frames = fixture.host.memory.frames();
    frames.filter(|frame| fixture.is_free(frame.0)).count()
}

fn walk(fixture: &Fixture, number: u64, address: u64) -> Option<u64> {
    let root = fixture.kernel().root_of(Number::from_raw(number));
    fixture.host.walk(root, address).map(|(_, found)| found)
}

fn pool(fixture: &Fixture, number: u64) -> u64 {
    let space: Number<Space> = Number::from_raw(number);
    fixture.kernel().memory.get(space, space::POOL_COUNT)
}

#[test]
fn create_refuses_bad_places() {
    let fixture = Fixture::with_frames(MANY);
    let (destination, _) = fixture.slot();
    let object = PLACES[0] * UNITS_PER_FRAME;
    refuse_bad_handles(&fixture, MEMORY, |k, region| {
        k.create_large_frame(region, object, destination)
    });
    let refuse = |error, object, destination| {
        fixture.refuse(error, |k| k.create_large_frame(MEMORY, object, destination));
    };
    for misaligned in [1, 64, LARGE_FRAMES * UNITS_PER_FRAME / 2] {
        refuse(Error::Misaligned, object + misaligned, destination);
    }
    refuse(Error::OutOfRange, 0, destination);
    refuse(
        Error::OutOfRange,
        PLACES[1] * 64 + (LARGE_FRAMES << 6),
        destination,
    );
    refuse(Error::OutOfRange, u64::MAX << 15, destination);
    refuse(Error::BadSlot, object, place(0));
    refuse(Error::SlotOccupied, object, place(1));
    refuse(Error::BadHandle, object, EMPTY << 32 | 1);
    fixture.refuse(Error::OutOfRange, |k| {
        k.create_large_frame(DEVICES, object, destination)
    });
    fixture.split(1);
    refuse(Error::NotWhole, PLACES[1] * 64, destination);
}

#[test]
fn a_frame_in_use_is_not_taken_and_what_was_comes_back() {
    let fixture = Fixture::with_frames(MANY);
    let before = free_frames(&fixture);
    let (destination, _) = fixture.slot();
    let used = PLACES[0] + 2 * LARGE_STEP;
    let made = fixture.call(|k| k.create_frame(MEMORY, used * 64, destination));
    assert_eq!(made, Ok(0));
    let (destination, _) = fixture.slot();
    let make = |k: Kernel<&HostMemory>| k.create_large_frame(MEMORY, PLACES[0] * 64, destination);
    fixture.refuse(Error::Again, make);
    fixture.refuse(Error::Again, make);
    fixture.refuse(Error::NotFree, make);
    let (other, _) = fixture.slot();
    let tail = PLACES[0] + 1;
    fixture.refuse(Error::NotFree, |k| {
        k.create_endpoint(MEMORY, tail * 64, other)
    });
    fixture.reclaim(tail);
    fixture.reclaim(PLACES[0]);
    fixture.reclaim(used);
    fixture.host.drain_all();
    assert_eq!(free_frames(&fixture), before);
}

#[test]
fn a_large_frame_is_zero_and_tells_its_address() {
    let fixture = Fixture::with_frames(MANY);
    let frame = create(&fixture, PLACES[0]);
    let is_zero = |index| fixture.host.memory.is_zero(Frame(PLACES[0] + index));
    assert!((0..LARGE_FRAMES).all(is_zero));
    let told = fixture.call(|k| k.frame_inspect(frame));
    assert_eq!(told, Ok(PLACES[0] << 12 | 1));
    fixture.refuse(Error::AccessDenied, |k| k.thread_set_buffer(THREAD, frame));
}

#[test]
fn a_large_frame_is_mapped_as_a_block() {
    let fixture = Fixture::with_frames(MANY);
    let frame = create(&fixture, PLACES[0]);
    let (page, _) = fixture.create_frame();
    let (space, number) = fixture.create_space();
    let map = |frame, address| fixture.call(|k| k.map(space, frame, address, READ_WRITE));
    assert_eq!(map(frame, BASE), Err(Error::NeedMemory));
    fixture.donate(space, 1);
    for address in [BASE + PAGE, BASE + LARGE_BYTES / 2] {
        assert_eq!(map(frame, address), Err(Error::Misaligned));
    }
    assert_eq!(map(frame, USER_END), Err(Error::OutOfRange));
    assert_eq!(map(frame, BASE), Ok(0));
    assert_eq!(pool(&fixture, number), 0);
    let found = walk(&fixture, number, BASE).expect("the first page");
    assert_eq!(found & 3, 1, "a block");
    assert_eq!(
        walk(&fixture, number, BASE + LARGE_BYTES - PAGE),
        Some(found)
    );
    assert_eq!(walk(&fixture, number, BASE + LARGE_BYTES), None);
    fixture.donate(space, 4);
    for address in [BASE, BASE + PAGE, BASE + LARGE_BYTES - PAGE] {
        assert_eq!(map(page, address), Err(Error::AlreadyMapped));
    }
    assert_eq!(map(frame, BASE), Err(Error::AlreadyMapped));
    assert_eq!(map(page, BASE + LARGE_BYTES), Ok(0));
    assert_eq!(map(frame, BASE + LARGE_BYTES), Err(Error::AlreadyMapped));
    fixture.refuse(Error::Misaligned, |k| k.unmap(space, BASE + PAGE));
    fixture.refuse(Error::Misaligned, |k| k.protect(space, BASE + PAGE, READ));
    fixture.refuse(Error::AccessDenied, |k| {
        k.protect(space, BASE, READ_EXECUTE)
    });
    assert_eq!(fixture.call(|k| k.protect(space, BASE, READ)), Ok(0));
    let found = walk(&fixture, number, BASE).expect("the first page");
    assert_eq!(found & 3, 1, "still a block");
    assert_ne!(found & crate::mapping::READ_ONLY, 0);
    assert_eq!(fixture.call(|k| k.unmap(space, BASE)), Ok(0));
    fixture.refuse(Error::NotMapped, |k| k.unmap(space, BASE));
    assert_eq!(map(page, BASE + PAGE), Ok(0));
}

#[test]
fn a_large_frame_finds_all_its_mappings() {
    let fixture = Fixture::with_frames(MANY);
    let before = free_frames(&fixture);
    let frame = create(&fixture, PLACES[1]);
    let spaces: Vec<_> = (0..2).map(|_| fixture.create_space()).collect();
    for &(space, _) in &spaces {
        fixture.donate(space, 5);
        for block in 0..70 {
            let address = BASE + block * LARGE_BYTES;
            let mapped = fixture.call(|k| k.map(space, frame, address, READ));
            assert_eq!(mapped, Ok(0), "block {block}");
        }
        let unmapped = fixture.call(|k| k.unmap(space, BASE + 9 * LARGE_BYTES));
        assert_eq!(unmapped, Ok(0));
    }
    fixture.reclaim(PLACES[1] + 300);
    fixture.host.drain_all();
    fixture.check();
    for &(space, number) in &spaces {
        assert_eq!(walk(&fixture, number, BASE), None);
        assert_eq!(
            pool(&fixture, number),
            5,
            "records and tables are given back"
        );
        fixture.refuse(Error::NotMapped, |k| k.unmap(space, BASE));
        assert_eq!(fixture.call(|k| k.destroy(space)), Ok(0));
    }
    fixture.host.drain_all();
    assert_eq!(free_frames(&fixture), before);
}

#[test]
fn a_dead_space_forgets_its_blocks() {
    let fixture = Fixture::with_frames(MANY);
    let before = free_frames(&fixture);
    let frame = create(&fixture, PLACES[0]);
    let (space, _) = fixture.create_space();
    fixture.donate(space, 5);
    for block in [0, 1, 400, 511] {
        let address = BASE + block * LARGE_BYTES;
        assert_eq!(fixture.call(|k| k.map(space, frame, address, READ)), Ok(0));
    }
    assert_eq!(fixture.call(|k| k.destroy(space)), Ok(0));
    fixture.host.drain_all();
    fixture.check();
    assert!(!fixture.kernel().is_mapped(Frame(PLACES[0])));
    assert_eq!(fixture.call(|k| k.destroy(frame)), Ok(0));
    fixture.host.drain_all();
    assert_eq!(free_frames(&fixture), before);
}

#[test]
fn code_is_made_in_steps_and_never_writable() {
    let fixture = Fixture::with_frames(MANY);
    let frame = create(&fixture, PLACES[0]);
    fixture.donate(SPACE, 4);
    let to_code = |k: Kernel<&HostMemory>| k.frame_set_mode(frame, FrameMode::Code as u64);
    for _ in 0..40 {
        fixture.refuse(Error::Again, to_code);
    }
    let mapped = fixture.call(|k| k.map(SPACE, frame, BASE, READ_WRITE));
    assert_eq!(mapped, Ok(0));
    fixture.refuse(Error::InUse, to_code);
    assert_eq!(fixture.call(|k| k.unmap(SPACE, BASE)), Ok(0));
    fixture.host.performed.borrow_mut().clear();
    for _ in 1..LARGE_FRAMES / LARGE_STEP {
        assert_eq!(to_code(fixture.kernel()), Err(Error::Again));
        fixture.host.leave_kernel();
    }
    assert_eq!(fixture.call(to_code), Ok(0));
    let mut done: Vec<u64> = Vec::new();
    for effect in fixture.host.performed.borrow().iter() {
        if let Effect::SynchronizeCode { frame } = effect {
            done.push(frame.0);
        }
    }
    let all: Vec<u64> = (PLACES[0]..PLACES[0] + LARGE_FRAMES).collect();
    assert_eq!(done, all, "all of it, after it was mapped");
    fixture.refuse(Error::AccessDenied, |k| {
        k.map(SPACE, frame, BASE, READ_WRITE)
    });
    let mapped = fixture.call(|k| k.map(SPACE, frame, BASE, READ_EXECUTE));
    assert_eq!(mapped, Ok(0));
    fixture.refuse(Error::AccessDenied, |k| k.protect(SPACE, BASE, READ_WRITE));
    fixture.refuse(Error::InUse, |k| {
        k.frame_set_mode(frame, FrameMode::Data as u64)
    });
    assert_eq!(fixture.call(|k| k.unmap(SPACE, BASE)), Ok(0));
    let mode = FrameMode::Data as u64;
    assert_eq!(fixture.call(|k| k.frame_set_mode(frame, mode)), Ok(0));
}

#[test]
fn ranges_take_blocks_whole_or_not_at_all() {
    let fixture = Fixture::with_frames(MANY);
    let frame = create(&fixture, PLACES[0]);
    let (page, _) = fixture.create_frame();
    fixture.donate(SPACE, 4);
    assert_eq!(
        fixture.call(|k| k.map(SPACE, frame, BASE, READ_WRITE)),
        Ok(0)
    );
    let before = BASE - PAGE;
    assert_eq!(fixture.call(|k| k.map(SPACE, page, before, READ)), Ok(0));
    let map = [SPACE, frame, BASE + LARGE_BYTES, READ, 1];
    let answer = fixture.range_call(SystemCall::MapRange, &map);
    assert_eq!(answer, (Some(Error::WrongKind), 0));
    for (address, pages, done) in [(BASE, 511, 0), (BASE + PAGE, 512, 0), (before, 512, 1)] {
        let error = Some(Error::Misaligned);
        let protect = [SPACE, address, READ, pages];
        let answer = fixture.range_call(SystemCall::ProtectRange, &protect);
        assert_eq!(answer, (error, done));
        let unmap = [SPACE, address, pages];
        let answer = fixture.range_call(SystemCall::UnmapRange, &unmap);
        assert_eq!(answer, (error, done));
    }
    let protect = [SPACE, BASE, READ, 512];
    let answer = fixture.range_call(SystemCall::ProtectRange, &protect);
    assert_eq!(answer, (None, 512));
    let answer = fixture.range_call(SystemCall::UnmapRange, &[SPACE, BASE, 512]);
    assert_eq!(answer, (None, 512));
    fixture.refuse(Error::NotMapped, |k| k.unmap(SPACE, BASE));
}

#[test]
fn regions_hold_a_large_frame_whole() {
    let fixture = Fixture::with_frames(MANY);
    let (destination, child) = fixture.slot();
    let mut split = Err(Error::Again);
    while split == Err(Error::Again) {
        split = fixture.call(|k| k.region_split(MEMORY, LARGE_FRAMES + 8, destination));
    }
    assert_eq!(split, Ok(0));
    let (destination, frame) = fixture.slot();
    let object = PLACES[1] * 64;
    let mut made = Err(Error::Again);
    while made == Err(Error::Again) {
        made = fixture
            .kernel()
            .create_large_frame(child, object, destination);
        fixture.host.leave_kernel();
    }
    assert_eq!(made, Ok(0));
    let (destination, _) = fixture.slot();
    fixture.refuse(Error::NotFree, |k| k.region_split(child, 4, destination));
    fixture.refuse(Error::NotFree, |k| k.region_merge(MEMORY, 64));
    assert_eq!(fixture.call(|k| k.destroy(child)), Ok(0));
    fixture.refuse(Error::NotFree, |k| k.region_merge(MEMORY, 64));
    fixture.reclaim(PLACES[1] + 511);
    fixture.refuse(Error::Stale, |k| k.frame_inspect(frame));
    fixture.host.drain_all();
    for _ in 0..8 {
        assert_eq!(fixture.call(|k| k.region_merge(MEMORY, 64)), Ok(0));
    }
}

#[test]
fn a_given_large_frame_waits_whole_for_the_reset() {
    let fixture = Fixture::with_frames(MANY);
    let frame = create(&fixture, PLACES[0]);
    let (destination, device) = fixture.slot();
    let object = crate::host::FIRST_DEVICE * 64;
    let made = fixture.call(|k| k.create_frame(DEVICES, object, destination));
    assert_eq!(made, Ok(0));
    let maintain = |offset, bytes| fixture.call(|k| k.frame_maintain(frame, 0, offset, bytes));
    assert_eq!(maintain(LARGE_BYTES - 4096, 4096), Ok(0));
    assert_eq!(maintain(LARGE_BYTES - 4096, 4097), Err(Error::OutOfRange));
    assert_eq!(maintain(LARGE_BYTES - 1, 2), Err(Error::OutOfRange));
    let given = fixture.call(|k| k.frame_give(frame, device));
    assert_eq!(given, Ok(PLACES[0] << 12));
    assert_eq!(fixture.call(|k| k.destroy(frame)), Ok(0));
    fixture.host.drain_all();
    fixture.refuse(Error::Quarantined, |k| k.reclaim(MEMORY, PLACES[0] + 7));
    assert_eq!(fixture.call(|k| k.device_confirm_reset(device)), Ok(0));
    fixture.reclaim(PLACES[0] + 7);
    fixture.host.drain_all();
    assert!((0..LARGE_FRAMES).all(|index| fixture.is_free(PLACES[0] + index)));
}

#[test]
fn words_of_a_block_are_seen_and_changed() {
    let fixture = Fixture::with_frames(MANY);
    let large = create(&fixture, PLACES[0]);
    let (space, _) = fixture.create_space();
    fixture.donate(space, 4);
    let (thread, _) = fixture.create_thread(TABLE, space);
    let last = BASE + LARGE_BYTES - 8;
    fixture.refuse(Error::NotMapped, |k| k.thread_peek(thread, last));
    assert_eq!(
        fixture.call(|k| k.map(space, large, BASE, READ_WRITE)),
        Ok(0)
    );
    for address in [BASE, BASE + PAGE, last] {
        assert_eq!(fixture.call(|k| k.thread_peek(thread, address)), Ok(0));
        let poked = fixture.call(|k| k.thread_poke(thread, address, address));
        assert_eq!(poked, Ok(0));
        assert_eq!(
            fixture.call(|k| k.thread_peek(thread, address)),
            Ok(address)
        );
    }
    let memory = &fixture.host.memory;
    assert_eq!(memory.load_user(Frame(PLACES[0] + 1), 0), BASE + PAGE);
    assert_eq!(
        memory.load_user(Frame(PLACES[0] + LARGE_FRAMES - 1), 511),
        last
    );
    fixture.refuse(Error::NotMapped, |k| {
        k.thread_peek(thread, BASE + LARGE_BYTES)
    });
    let weak = fixture.copy(large, Rights::READ);
    assert_eq!(fixture.call(|k| k.unmap(space, BASE)), Ok(0));
    assert_eq!(fixture.call(|k| k.map(space, weak, BASE, READ)), Ok(0));
    fixture.refuse(Error::AccessDenied, |k| k.thread_poke(thread, last, 1));
}

#[test]
fn a_large_frame_that_was_begun_goes_in_steps_that_leave_none_for_nothing() {
    let fixture = Fixture::with_frames(MANY);
    let (destination, _) = fixture.slot();
    // The head, and as many others as two steps free.
    for _ in 0..=128 {
        fixture.refuse(Error::Again, |k| {
            k.create_large_frame(MEMORY, PLACES[0] * 64, destination)
        });
    }
    assert_eq!(fixture.call(|k| k.reclaim(MEMORY, PLACES[0])), Ok(0));
}
