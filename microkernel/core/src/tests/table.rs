use super::*;
use ipc_abi::capability::Kind;

#[test]
fn copy_loses_rights_and_never_gains() {
    let fixture = Fixture::new();
    let weak = fixture.copy(MEMORY, Rights::READ);
    let again = fixture.copy(weak, Rights::ALL);
    assert_eq!(fixture.describe(again).rights(), Rights::READ);
    assert_eq!(fixture.describe(again).kind(), Some(Kind::Region));
}

#[test]
fn copy_refuses_bad_arguments() {
    let fixture = Fixture::new();
    let (destination, _) = fixture.slot();
    fixture.refuse(Error::BadHandle, |k| {
        k.capability_copy(EMPTY, destination, 255)
    });
    fixture.refuse(Error::BadHandle, |k| k.capability_copy(0, destination, 255));
    fixture.refuse(Error::SlotOccupied, |k| {
        k.capability_copy(MEMORY, place(1), 255)
    });
    fixture.refuse(Error::BadSlot, |k| k.capability_copy(MEMORY, place(0), 255));
    fixture.refuse(Error::BadSlot, |k| {
        k.capability_copy(MEMORY, place(256), 255)
    });
    fixture.refuse(Error::BadHandle, |k| {
        k.capability_copy(MEMORY, EMPTY << 32 | 40, 255)
    });
    fixture.refuse(Error::WrongKind, |k| {
        k.capability_copy(MEMORY, SPACE << 32 | 40, 255)
    });
    let reader = fixture.copy(TABLE, Rights::READ);
    fixture.refuse(Error::NoRight, |k| {
        k.capability_copy(MEMORY, reader << 32 | 40, 255)
    });
    let (reply, _) = fixture.create(|k, o, d| k.create_reply(MEMORY, o, d));
    assert_eq!(fixture.call(|k| k.destroy(reply)), Ok(0));
    fixture.refuse(Error::Stale, |k| k.capability_copy(reply, destination, 255));
}

#[test]
fn delete_empties_a_slot_once() {
    let fixture = Fixture::new();
    let copy = fixture.copy(MEMORY, Rights::ALL);
    let slot = place(u32::try_from(copy).unwrap());
    assert_eq!(fixture.call(|k| k.capability_delete(slot)), Ok(0));
    fixture.refuse(Error::BadHandle, |k| k.capability_delete(slot));
    fixture.refuse(Error::BadSlot, |k| k.capability_delete(place(0)));
    fixture.refuse(Error::BadSlot, |k| k.capability_delete(place(256)));
    refuse_bad_handles(&fixture, TABLE, |k, table| {
        k.capability_delete(table << 32 | EMPTY)
    });
    assert_eq!(fixture.describe(copy).kind(), None);
}

#[test]
fn inspect_needs_the_right_to_read() {
    let fixture = Fixture::new();
    fixture.refuse(Error::BadSlot, |k| k.capability_inspect(place(0)));
    fixture.refuse(Error::BadSlot, |k| k.capability_inspect(place(256)));
    let writer = fixture.copy(TABLE, Rights::WRITE);
    fixture.refuse(Error::NoRight, |k| k.capability_inspect(writer << 32 | 1));
}

#[test]
fn extension_adds_slots_that_work() {
    let fixture = Fixture::new();
    let frame = fixture.free_frame();
    refuse_bad_handles(&fixture, TABLE, |k, table| {
        k.table_extend(table, MEMORY, frame)
    });
    refuse_bad_handles(&fixture, MEMORY, |k, region| {
        k.table_extend(TABLE, region, frame)
    });
    let (used, _) = fixture.inspect(MEMORY);
    fixture.refuse(Error::NotFree, |k| k.table_extend(TABLE, MEMORY, used));
    fixture.refuse(Error::OutOfRange, |k| k.table_extend(TABLE, MEMORY, 0));
    let frame = fixture.free_frame();
    assert_eq!(
        fixture.call(|k| k.table_extend(TABLE, MEMORY, frame)),
        Ok(0)
    );
    assert_eq!(
        fixture.call(|k| k.capability_copy(MEMORY, place(300), 255)),
        Ok(0)
    );
    assert_eq!(
        fixture.call(|k| k.capability_copy(MEMORY, place(256), 255)),
        Ok(0)
    );
    assert_eq!(fixture.inspect(300), fixture.inspect(MEMORY));
    fixture.refuse(Error::BadSlot, |k| {
        k.capability_copy(MEMORY, place(512), 255)
    });
    fixture.refuse(Error::BadHandle, |k| k.region_inspect(511));
    fixture.refuse(Error::BadHandle, |k| k.region_inspect(512));
}

#[test]
fn a_table_has_a_last_chunk() {
    let fixture = Fixture::new();
    for _ in 1..crate::object::table::CHUNKS_MAX {
        let frame = fixture.free_frame();
        assert_eq!(
            fixture.call(|k| k.table_extend(TABLE, MEMORY, frame)),
            Ok(0)
        );
    }
    let frame = fixture.free_frame();
    fixture.refuse(Error::Exhausted, |k| k.table_extend(TABLE, MEMORY, frame));
}
