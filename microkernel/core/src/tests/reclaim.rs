use super::*;

#[test]
fn reclaim_refuses_bad_arguments() {
    let fixture = Fixture::new();
    let frame = fixture.free_frame();
    refuse_bad_handles(&fixture, MEMORY, |k, region| k.reclaim(region, frame));
    for frame in [
        0,
        crate::host::FIRST_FRAME,
        crate::host::FIRST_FRAME + FRAMES,
        u64::MAX,
    ] {
        fixture.refuse(Error::OutOfRange, |k| k.reclaim(MEMORY, frame));
    }
    let (child, base) = fixture.split(4);
    fixture.refuse(Error::OutOfRange, |k| k.reclaim(child, base - 1));
    assert_eq!(
        fixture.call(|k| k.reclaim(child, base + 1)),
        Ok(0),
        "it is free"
    );
}

#[test]
fn what_is_no_object_is_not_reclaimed() {
    for kind in [FrameKind::Kernel, FrameKind::Absent] {
        let fixture = Fixture::new();
        let frame = Frame(fixture.free_frame());
        fixture.kernel().memory.set_kind(frame, kind as u8);
        let answer = fixture.kernel().reclaim(MEMORY, frame.0);
        assert_eq!(answer, Err(Error::OutOfRange));
    }
}

#[test]
fn a_region_can_reclaim_itself_and_ends() {
    let fixture = Fixture::new();
    let (child, base) = fixture.split(4);
    assert_eq!(fixture.call(|k| k.reclaim(child, base)), Ok(0));
    fixture.refuse(Error::Stale, |k| k.reclaim(child, base));
}

#[test]
fn the_calling_thread_is_refused_what_it_is() {
    let fixture = Fixture::new();
    let mut refused = std::vec::Vec::new();
    let (first, left) = fixture.inspect(MEMORY);
    for frame in first + 1..first + left {
        let kind = fixture.kind(frame);
        // Without its context or its time, the thread would not run on.
        let is_time =
            kind == FrameKind::SchedulingContext as u8 || kind == FrameKind::Allowance as u8;
        if is_time || kind == FrameKind::User as u8 {
            continue;
        }
        match fixture.call(|k| k.reclaim(MEMORY, frame)) {
            Err(Error::Itself) => refused.push(kind),
            Ok(0) | Err(Error::Again) => {}
            other => panic!("reclaim answered {other:?}"),
        }
    }
    refused.sort_unstable();
    refused.dedup();
    let own = [
        FrameKind::AddressSpace as u8,
        FrameKind::CapTable as u8,
        FrameKind::Thread as u8,
        FrameKind::Slots as u8,
        FrameKind::PageTable as u8,
        FrameKind::Shadow as u8,
        FrameKind::Records as u8,
    ];
    assert_eq!(refused, own);
}

#[test]
fn a_parent_reclaims_what_its_child_made() {
    let fixture = Fixture::new();
    let (child, base) = fixture.split(8);
    let (destination, frame) = fixture.slot();
    assert_eq!(
        fixture.call(|k| k.create_frame(child, (base + 1) * 64, destination)),
        Ok(0)
    );
    let (destination, endpoint) = fixture.slot();
    assert_eq!(
        fixture.call(|k| k.create_endpoint(child, (base + 2) * 64, destination)),
        Ok(0)
    );
    let (destination, _) = fixture.slot();
    assert_eq!(
        fixture.call(|k| k.create_endpoint(child, (base + 2) * 64 + 8, destination)),
        Ok(0)
    );
    for number in base..base + 8 {
        fixture.reclaim(number);
    }
    fixture.refuse(Error::Stale, |k| k.frame_inspect(frame));
    fixture.refuse(Error::Stale, |k| k.destroy(endpoint));
    fixture.refuse(Error::Stale, |k| k.region_inspect(child));
    assert_eq!(fixture.call(|k| k.region_merge(MEMORY, 8)), Ok(0));
}

#[test]
fn a_table_goes_with_any_of_its_frames() {
    let fixture = Fixture::new();
    let (table, object) = fixture.create_table();
    let chunk = fixture.free_frame();
    assert_eq!(
        fixture.call(|k| k.table_extend(table, MEMORY, chunk)),
        Ok(0)
    );
    fixture.create_thread(table, SPACE);
    fixture.reclaim(chunk);
    fixture.reclaim(object / 64);
    fixture.refuse(Error::Stale, |k| k.table_extend(table, MEMORY, 0));
}

#[test]
fn a_pool_that_holds_the_caller_loses_all_others() {
    let fixture = Fixture::new();
    let own = fixture.kernel().current().into_raw();
    let (destination, thread) = fixture.slot();
    assert_eq!(
        fixture.call(|k| k.create_thread(MEMORY, own + 32, destination, TABLE, SPACE)),
        Ok(0)
    );
    fixture.refuse(Error::Again, |k| k.reclaim(MEMORY, own / 64));
    fixture.refuse(Error::Stale, |k| k.destroy(thread));
    fixture.refuse(Error::Itself, |k| k.reclaim(MEMORY, own / 64));
}
