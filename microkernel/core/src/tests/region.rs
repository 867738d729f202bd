use super::*;
use crate::object::{FrameKind, Number, Region, region};
use crate::region::{MERGE_FRAMES, SPLIT_STEPS};

#[test]
fn split_refuses_bad_arguments() {
    let fixture = Fixture::new();
    let (destination, _) = fixture.slot();
    refuse_bad_handles(&fixture, MEMORY, |k, handle| {
        k.region_split(handle, 1, destination)
    });
    let left = fixture.inspect(MEMORY).1;
    for frames in [0, left, left + 1, u64::MAX] {
        fixture.refuse(Error::OutOfRange, |k| {
            k.region_split(MEMORY, frames, destination)
        });
    }
    fixture.refuse(Error::OutOfRange, |k| {
        k.region_split(DEVICES, 1, destination)
    });
    fixture.refuse(Error::SlotOccupied, |k| k.region_split(MEMORY, 1, place(1)));
    fixture.refuse(Error::BadSlot, |k| k.region_split(MEMORY, 1, place(0)));
}

#[test]
fn split_takes_the_last_frames() {
    let fixture = Fixture::new();
    let (base, left) = fixture.inspect(MEMORY);
    let (child, child_base) = fixture.split(10);
    assert_eq!(fixture.inspect(child), (base + left - 10, 10));
    assert_eq!(fixture.inspect(MEMORY), (base, left - 10));
    assert_eq!(fixture.kind(child_base), FrameKind::Region as u8);
}

#[test]
fn split_refuses_used_frames_and_keeps_progress() {
    let fixture = Fixture::new();
    let (destination, _) = fixture.slot();
    let (base, left) = fixture.inspect(MEMORY);
    let top = base + left - 1;
    let (slot, _) = fixture.slot();
    assert_eq!(
        fixture.call(|k| k.create_frame(MEMORY, top * 64, slot)),
        Ok(0)
    );
    fixture.refuse(Error::NotFree, |k| k.region_split(MEMORY, 1, destination));
    fixture.reclaim(top);
    let frames = SPLIT_STEPS * 2;
    fixture.refuse(Error::Again, |k| {
        k.region_split(MEMORY, frames, destination)
    });
    assert_eq!(
        fixture.call(|k| k.region_split(MEMORY, frames, destination)),
        Ok(0)
    );
}

#[test]
fn split_finds_a_used_frame_below_free_ones() {
    let fixture = Fixture::new();
    let (destination, _) = fixture.slot();
    let (base, left) = fixture.inspect(MEMORY);
    let used = base + left - 100;
    for frame in [used, base + left - 1] {
        let (slot, _) = fixture.slot();
        assert_eq!(
            fixture.call(|k| k.create_frame(MEMORY, frame * 64, slot)),
            Ok(0)
        );
    }
    fixture.reclaim(base + left - 1);
    fixture.refuse(Error::Again, |k| k.region_split(MEMORY, 120, destination));
    fixture.refuse(Error::NotFree, |k| k.region_split(MEMORY, 120, destination));
    assert_eq!(
        fixture.call(|k| k.region_split(MEMORY, 99, destination)),
        Ok(0)
    );
}

#[test]
fn merge_refuses_bad_arguments() {
    let fixture = Fixture::new();
    refuse_bad_handles(&fixture, MEMORY, |k, handle| k.region_merge(handle, 1));
    fixture.refuse(Error::OutOfRange, |k| k.region_merge(MEMORY, 1));
    let (child, base) = fixture.split(MERGE_FRAMES * 2);
    fixture.refuse(Error::OutOfRange, |k| k.region_merge(MEMORY, 0));
    fixture.refuse(Error::OutOfRange, |k| {
        k.region_merge(MEMORY, MERGE_FRAMES + 1)
    });
    fixture.refuse(Error::NotFree, |k| k.region_merge(MEMORY, 1));
    assert_eq!(fixture.call(|k| k.destroy(child)), Ok(0));
    assert!(fixture.is_free(base));
    assert_eq!(
        fixture.call(|k| k.region_merge(MEMORY, MERGE_FRAMES)),
        Ok(0)
    );
    assert_eq!(
        fixture.call(|k| k.region_merge(MEMORY, MERGE_FRAMES)),
        Ok(0)
    );
    fixture.refuse(Error::OutOfRange, |k| k.region_merge(MEMORY, 1));
}

#[test]
fn merge_refuses_a_range_in_which_a_region_survives() {
    let fixture = Fixture::new();
    let (child, base) = fixture.split(16);
    let (destination, grandchild) = fixture.slot();
    assert_eq!(
        fixture.call(|k| k.region_split(child, 4, destination)),
        Ok(0)
    );
    assert_eq!(fixture.call(|k| k.destroy(child)), Ok(0));
    fixture.refuse(Error::NotFree, |k| k.region_merge(MEMORY, 16));
    assert_eq!(fixture.call(|k| k.region_merge(MEMORY, 12)), Ok(0));
    fixture.refuse(Error::NotFree, |k| k.region_merge(MEMORY, 1));
    assert_eq!(fixture.inspect(grandchild), (base + 12, 4));
    fixture.reclaim(base + 12);
    fixture.refuse(Error::Stale, |k| k.region_inspect(grandchild));
    assert_eq!(fixture.call(|k| k.region_merge(MEMORY, 4)), Ok(0));
}

#[test]
fn a_region_can_be_split_and_merged_forever() {
    let fixture = Fixture::new();
    let before = fixture.inspect(MEMORY);
    for _ in 0..50 {
        let (child, _) = fixture.split(8);
        assert_eq!(fixture.call(|k| k.destroy(child)), Ok(0));
        assert_eq!(
            fixture.call(|k| k.capability_delete(place(u32::try_from(child).unwrap()))),
            Ok(0)
        );
        assert_eq!(fixture.call(|k| k.region_merge(MEMORY, 8)), Ok(0));
    }
    assert_eq!(fixture.inspect(MEMORY), before);
}

#[test]
fn inspect_needs_a_region_with_the_right_to_read() {
    let fixture = Fixture::new();
    refuse_bad_handles(&fixture, MEMORY, |k, handle| k.region_inspect(handle));
    let writer = fixture.copy(MEMORY, Rights::WRITE);
    fixture.refuse(Error::NoRight, |k| k.region_inspect(writer));
}

#[test]
fn inspect_tells_of_no_more_frames_than_its_answer_has_bits_for() {
    let fixture = Fixture::new();
    let kernel = fixture.kernel();
    let (handle, number) = fixture.split(2);
    let region: Number<Region> = Number::from_raw(number * UNITS_PER_FRAME);
    let most = (1 << 30) - 1;
    let base = kernel.memory.get(region, region::BASE);
    for (frames, told) in [
        (most - 1, most - 1),
        (most, most),
        (most + 1, most),
        (most + 7, most),
    ] {
        kernel.memory.set(region, region::LIMIT, base + frames);
        assert_eq!(kernel.region_inspect(handle), Ok(base | told << 34));
    }
}
