//! Regions, frames, mappings.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::Access;
use ipc_abi::error::Error;

use super::{END, MEMORY, SPACE, Stage};

const READ: u64 = Access::READ.into_raw();
const WRITE: u64 = Access::READ_WRITE.into_raw();
const EXECUTE: u64 = Access::READ_EXECUTE.into_raw();

/// A frame of user memory; its handle.
fn frame(stage: &mut Stage) -> u64 {
    stage.make(SystemCall::CreateFrame, &[])
}

/// Gives the space `count` frames.
fn donate(stage: &mut Stage, count: u64) {
    for _ in 0..count {
        let frame = stage.free_frame();
        assert_eq!(
            stage.call(SystemCall::SpaceDonate, &[SPACE, MEMORY, frame]),
            Ok(0)
        );
    }
}

#[test]
fn a_region_is_split_from_its_end_and_merged_when_all_is_free() {
    let mut stage = Stage::new();
    let (child, place) = stage.slot();
    assert_eq!(
        stage.call(SystemCall::RegionSplit, &[MEMORY, 0, place]),
        Err(Error::OutOfRange)
    );
    assert_eq!(
        stage.call(SystemCall::RegionSplit, &[MEMORY, 8, place]),
        Ok(0)
    );
    let (_, slot) = stage.slot();
    let taken = stage.call(SystemCall::CreateFrame, &[MEMORY, (END - 1) * 64, slot]);
    assert_eq!(taken, Err(Error::NotWhole));
    let own = stage.call(SystemCall::CreateFrame, &[child, (END - 8) * 64, slot]);
    assert_eq!(
        own,
        Err(Error::NotFree),
        "a region lies in its own first frame"
    );
    let merge = |stage: &mut Stage, frames| stage.call(SystemCall::RegionMerge, &[MEMORY, frames]);
    assert_eq!(merge(&mut stage, 9), Err(Error::OutOfRange));
    assert_eq!(merge(&mut stage, 8), Err(Error::NotFree));
    assert_eq!(stage.call(SystemCall::Reclaim, &[MEMORY, END - 8]), Ok(0));
    assert_eq!(merge(&mut stage, 8), Ok(0));
}

#[test]
fn a_split_looks_at_a_bounded_number_of_used_frames() {
    let mut stage = Stage::new();
    let (_, slot) = stage.slot();
    let last = [MEMORY, (END - 1) * 64, slot];
    assert_eq!(stage.call(SystemCall::CreateFrame, &last), Ok(0));
    let (_, place) = stage.slot();
    let split = [MEMORY, 200, place];
    assert_eq!(
        stage.call(SystemCall::RegionSplit, &split),
        Err(Error::NotFree)
    );
    assert_eq!(stage.call(SystemCall::Reclaim, &[MEMORY, END - 1]), Ok(0));
    for _ in 0..3 {
        assert_eq!(
            stage.call(SystemCall::RegionSplit, &split),
            Err(Error::Again)
        );
    }
    assert_eq!(stage.call(SystemCall::RegionSplit, &split), Ok(0));
}

#[test]
fn mapping_takes_tables_from_the_pool_and_unmapping_gives_them_back() {
    let mut stage = Stage::new();
    let page = frame(&mut stage);
    let map = [SPACE, page, 0x4000_0000, READ];
    assert_eq!(stage.call(SystemCall::Map, &map), Err(Error::NeedMemory));
    donate(&mut stage, 2);
    assert_eq!(stage.call(SystemCall::Map, &map), Ok(0));
    assert_eq!(stage.call(SystemCall::Map, &map), Err(Error::AlreadyMapped));
    assert_eq!(
        stage.call(SystemCall::SpaceWithdraw, &[SPACE]),
        Err(Error::NeedMemory)
    );
    let further = [SPACE, page, 0x4000_1000, READ];
    assert_eq!(
        stage.call(SystemCall::Map, &further),
        Err(Error::NeedMemory)
    );
    donate(&mut stage, 2);
    assert_eq!(stage.call(SystemCall::Map, &further), Ok(0));
    for address in [0x4000_1000, 0x4000_0000] {
        assert_eq!(stage.call(SystemCall::Unmap, &[SPACE, address]), Ok(0));
        let again = stage.call(SystemCall::Unmap, &[SPACE, address]);
        assert_eq!(again, Err(Error::NotMapped));
    }
    for _ in 0..4 {
        assert!(stage.call(SystemCall::SpaceWithdraw, &[SPACE]).is_ok());
    }
}

#[test]
fn no_page_is_writable_and_executable() {
    let mut stage = Stage::new();
    donate(&mut stage, 2);
    let page = frame(&mut stage);
    let at = |access| [SPACE, page, 0x1000, access];
    assert_eq!(stage.call(SystemCall::Map, &at(7)), Err(Error::BadArgument));
    assert_eq!(
        stage.call(SystemCall::Map, &at(EXECUTE)),
        Err(Error::AccessDenied)
    );
    assert_eq!(stage.call(SystemCall::Map, &at(WRITE)), Ok(0));
    assert_eq!(
        stage.call(SystemCall::FrameSetMode, &[page, 1]),
        Err(Error::InUse)
    );
    assert_eq!(stage.call(SystemCall::Unmap, &[SPACE, 0x1000]), Ok(0));
    assert_eq!(stage.call(SystemCall::FrameSetMode, &[page, 1]), Ok(0));
    assert_eq!(
        stage.call(SystemCall::Map, &at(WRITE)),
        Err(Error::AccessDenied)
    );
    assert_eq!(stage.call(SystemCall::Map, &at(EXECUTE)), Ok(0));
    let protect = [SPACE, 0x1000, WRITE];
    assert_eq!(
        stage.call(SystemCall::Protect, &protect),
        Err(Error::AccessDenied)
    );
}

#[test]
fn an_error_in_the_middle_of_a_range_leaves_the_pages_before_it_done() {
    let mut stage = Stage::new();
    donate(&mut stage, 2);
    let first = frame(&mut stage);
    for _ in 0..2 {
        frame(&mut stage);
    }
    let range = [SPACE, first, 0x1000, WRITE, 4];
    assert_eq!(
        stage.call(SystemCall::MapRange, &range),
        Err(Error::BadHandle)
    );
    assert_eq!(stage.x(stage.running(), 1), 3);
    let range = [SPACE, 0x1000, READ, 4];
    assert_eq!(
        stage.call(SystemCall::ProtectRange, &range),
        Err(Error::NotMapped)
    );
    assert_eq!(stage.x(stage.running(), 1), 3);
    assert_eq!(
        stage.call(SystemCall::UnmapRange, &[SPACE, 0x1000, 4]),
        Ok(4)
    );
    let long = [SPACE, 0x1000, 513];
    assert_eq!(
        stage.call(SystemCall::UnmapRange, &long),
        Err(Error::OutOfRange)
    );
}

#[test]
fn a_frame_that_dies_is_unmapped_everywhere_first() {
    let mut stage = Stage::new();
    donate(&mut stage, 4);
    let page = frame(&mut stage);
    for address in [0x1000, 0x2000] {
        assert_eq!(
            stage.call(SystemCall::Map, &[SPACE, page, address, READ]),
            Ok(0)
        );
    }
    let number = stage.number(page) / 64;
    assert_eq!(stage.call(SystemCall::Destroy, &[page]), Ok(0));
    assert!(stage.state.is_free(number));
    assert!(stage.state.spaces[&super::OWN_SPACE].mappings.is_empty());
}

#[test]
fn memory_that_a_device_may_reach_is_free_only_after_its_reset() {
    let mut stage = Stage::new();
    let page = frame(&mut stage);
    let (device, place) = stage.slot();
    let registers = [super::DEVICES, super::DEVICE * 64, place];
    assert_eq!(stage.call(SystemCall::CreateFrame, &registers), Ok(0));
    assert_eq!(
        stage.call(SystemCall::FrameGive, &[page, page]),
        Err(Error::BadArgument)
    );
    let number = stage.number(page) / 64;
    assert_eq!(
        stage.call(SystemCall::FrameGive, &[page, device]),
        Ok(number << 12)
    );
    assert_eq!(
        stage.call(SystemCall::FrameSetMode, &[page, 0]),
        Err(Error::InUse)
    );
    assert_eq!(stage.call(SystemCall::DeviceConfirmReset, &[device]), Ok(0));
    assert_eq!(stage.call(SystemCall::Destroy, &[page]), Ok(0));
    let reclaim = [MEMORY, number];
    assert_eq!(
        stage.call(SystemCall::Reclaim, &reclaim),
        Err(Error::Quarantined)
    );
    assert_eq!(stage.call(SystemCall::DeviceConfirmReset, &[device]), Ok(0));
    assert_eq!(stage.call(SystemCall::Reclaim, &reclaim), Ok(0));
}

#[test]
fn a_large_frame_is_made_in_parts_and_mapped_whole() {
    let mut stage = Stage::new();
    donate(&mut stage, 2);
    let (large, place) = stage.slot();
    let make = [MEMORY, 0x400 * 64, place];
    let misaligned = [MEMORY, 0x401 * 64, place];
    assert_eq!(
        stage.call(SystemCall::CreateLargeFrame, &misaligned),
        Err(Error::Misaligned)
    );
    for _ in 0..511 {
        assert_eq!(
            stage.call(SystemCall::CreateLargeFrame, &make),
            Err(Error::Again)
        );
    }
    assert_eq!(stage.call(SystemCall::CreateLargeFrame, &make), Ok(0));
    let inside = [SPACE, large, 0x1000, READ];
    assert_eq!(stage.call(SystemCall::Map, &inside), Err(Error::Misaligned));
    assert_eq!(stage.call(SystemCall::Map, &[SPACE, large, 0, READ]), Ok(0));
    let page = frame(&mut stage);
    let over = [SPACE, page, 0x1000, READ];
    assert_eq!(
        stage.call(SystemCall::Map, &over),
        Err(Error::AlreadyMapped)
    );
    assert_eq!(
        stage.call(SystemCall::Unmap, &[SPACE, 0x1000]),
        Err(Error::Misaligned)
    );
    assert_eq!(
        stage.call(SystemCall::UnmapRange, &[SPACE, 0, 511]),
        Err(Error::Misaligned)
    );
    assert_eq!(stage.call(SystemCall::Reclaim, &[MEMORY, 0x5FF]), Ok(0));
    assert!(stage.state.is_free(0x400) && stage.state.is_free(0x5FF));
}
