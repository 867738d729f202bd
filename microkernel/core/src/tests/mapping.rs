use super::*;
use crate::kernel::Effect;
use crate::mapping::{DEVICE_MEMORY, NO_EXECUTE_KERNEL, NO_EXECUTE_USER, READ_ONLY, USER};
use crate::memory::Fields;
use crate::object::{Number, Space, space};
use crate::space::frame_of;
use ipc_abi::boot::USER_END;
use ipc_abi::capability::{Access, FrameMode};
use std::vec::Vec;

const READ: u64 = Access::READ.into_raw();
const READ_WRITE: u64 = Access::READ_WRITE.into_raw();
const READ_EXECUTE: u64 = Access::READ_EXECUTE.into_raw();
const BASE: u64 = 0x40_0000_0000;

/// What the hardware finds at an address of a space.
fn walk(fixture: &Fixture, space: u64, address: u64) -> Option<u64> {
    let space: Number<Space> = Number::from_raw(space);
    let root = fixture.kernel().root_of(space);
    fixture
        .host
        .walk(root, address)
        .map(|(_, descriptor)| descriptor)
}

fn pool(fixture: &Fixture, space: u64) -> u64 {
    let space: Number<Space> = Number::from_raw(space);
    fixture.kernel().memory.get(space, space::POOL_COUNT)
}

#[test]
fn map_refuses_bad_arguments() {
    let fixture = Fixture::new();
    let (frame, _) = fixture.create_frame();
    let (space, _) = fixture.create_space();
    refuse_bad_handles(&fixture, space, |k, space| k.map(space, frame, BASE, READ));
    fixture.refuse(Error::BadHandle, |k| k.map(space, EMPTY, BASE, READ));
    fixture.refuse(Error::WrongKind, |k| k.map(space, SPACE, BASE, READ));
    for access in [0, 2, 4, 6, 7, 8, u64::MAX] {
        fixture.refuse(Error::BadArgument, |k| k.map(space, frame, BASE, access));
    }
    for address in [1, 0xFFF, 0x800, u64::MAX] {
        fixture.refuse(Error::Misaligned, |k| k.map(space, frame, address, READ));
    }
    for address in [USER_END, 1 << 63, !0xFFF] {
        fixture.refuse(Error::OutOfRange, |k| k.map(space, frame, address, READ));
    }
    assert_eq!(fixture.call(|k| k.destroy(frame)), Ok(0));
    fixture.refuse(Error::Stale, |k| k.map(space, frame, BASE, READ));
}

#[test]
fn map_refuses_access_that_mode_or_rights_do_not_allow() {
    let fixture = Fixture::new();
    let (space, _) = fixture.create_space();
    let (data, _) = fixture.create_frame();
    let (code, _) = fixture.create_frame();
    assert_eq!(
        fixture.call(|k| k.frame_set_mode(code, FrameMode::Code as u64)),
        Ok(0)
    );
    let denied = |frame, access| {
        fixture.refuse(Error::AccessDenied, |k| k.map(space, frame, BASE, access));
    };
    denied(data, READ_EXECUTE);
    denied(code, READ_WRITE);
    let reader = fixture.copy(data, Rights::READ);
    denied(reader, READ_WRITE);
    let reader = fixture.copy(code, Rights::READ);
    denied(reader, READ_EXECUTE);
    let writer = fixture.copy(data, Rights::WRITE);
    denied(writer, READ);
    denied(writer, READ_WRITE);
}

#[test]
fn map_needs_memory_for_its_tables_and_takes_nothing_before() {
    let fixture = Fixture::new();
    let (space, number) = fixture.create_space();
    let (frame, _) = fixture.create_frame();
    fixture.refuse(Error::NeedMemory, |k| k.map(space, frame, BASE, READ));
    fixture.donate(space, 1);
    fixture.refuse(Error::NeedMemory, |k| k.map(space, frame, BASE, READ));
    assert_eq!(pool(&fixture, number), 1);
    fixture.donate(space, 1);
    assert_eq!(fixture.call(|k| k.map(space, frame, BASE, READ)), Ok(0));
    assert_eq!(pool(&fixture, number), 0);
    fixture.refuse(Error::NeedMemory, |k| {
        k.map(space, frame, BASE + 0x1000, READ)
    });
    fixture.donate(space, 1);
    fixture.refuse(Error::NeedMemory, |k| {
        k.map(space, frame, BASE + 0x1000, READ)
    });
    fixture.donate(space, 1);
    assert_eq!(
        fixture.call(|k| k.map(space, frame, BASE + 0x1000, READ)),
        Ok(0)
    );
    assert_eq!(
        fixture.call(|k| k.map(space, frame, BASE + 0x2000, READ)),
        Ok(0)
    );
}

#[test]
fn the_hardware_finds_what_was_mapped() {
    let fixture = Fixture::new();
    let (space, number) = fixture.create_space();
    fixture.donate(space, 8);
    let (data, frame) = fixture.create_frame();
    let (code, code_frame) = fixture.create_frame();
    assert_eq!(
        fixture.call(|k| k.frame_set_mode(code, FrameMode::Code as u64)),
        Ok(0)
    );
    let (slot, device) = fixture.slot();
    let object = crate::host::FIRST_DEVICE * 64;
    assert_eq!(
        fixture.call(|k| k.create_frame(DEVICES, object, slot)),
        Ok(0)
    );
    let top = USER_END - 0x1000;
    for (handle, address, access) in [
        (data, BASE, READ_WRITE),
        (code, 0, READ_EXECUTE),
        (device, top, READ_WRITE),
    ] {
        assert_eq!(
            fixture.call(|k| k.map(space, handle, address, access)),
            Ok(0)
        );
    }
    let always = USER | NO_EXECUTE_KERNEL;
    let found = walk(&fixture, number, BASE).expect("data is mapped");
    assert_eq!(frame_of(found).0, frame);
    assert_eq!(
        found & (always | READ_ONLY | NO_EXECUTE_USER),
        always | NO_EXECUTE_USER
    );
    let found = walk(&fixture, number, 0).expect("code is mapped");
    assert_eq!(frame_of(found).0, code_frame);
    assert_eq!(
        found & (always | READ_ONLY | NO_EXECUTE_USER),
        always | READ_ONLY
    );
    let found = walk(&fixture, number, top).expect("the device is mapped");
    assert_eq!(frame_of(found).0, crate::host::FIRST_DEVICE);
    assert_eq!(found & DEVICE_MEMORY, DEVICE_MEMORY);
    assert_eq!(walk(&fixture, number, BASE + 0x1000), None);
}

#[test]
fn an_address_is_mapped_once() {
    let fixture = Fixture::new();
    let (space, _) = fixture.create_space();
    fixture.donate(space, 4);
    let (frame, _) = fixture.create_frame();
    let (other, _) = fixture.create_frame();
    assert_eq!(fixture.call(|k| k.map(space, frame, BASE, READ)), Ok(0));
    fixture.refuse(Error::AlreadyMapped, |k| k.map(space, frame, BASE, READ));
    fixture.refuse(Error::AlreadyMapped, |k| {
        k.map(space, other, BASE, READ_WRITE)
    });
}

#[test]
fn unmap_refuses_bad_arguments() {
    let fixture = Fixture::new();
    let (space, _) = fixture.create_space();
    refuse_bad_handles(&fixture, space, |k, space| k.unmap(space, BASE));
    fixture.refuse(Error::Misaligned, |k| k.unmap(space, BASE + 1));
    fixture.refuse(Error::OutOfRange, |k| k.unmap(space, USER_END));
    fixture.refuse(Error::NotMapped, |k| k.unmap(space, BASE));
    fixture.donate(space, 4);
    let (frame, _) = fixture.create_frame();
    assert_eq!(fixture.call(|k| k.map(space, frame, BASE, READ)), Ok(0));
    fixture.refuse(Error::NotMapped, |k| k.unmap(space, BASE + 0x1000));
    fixture.refuse(Error::NotMapped, |k| k.unmap(space, BASE + 0x20_0000));
    assert_eq!(fixture.call(|k| k.unmap(space, BASE)), Ok(0));
    fixture.refuse(Error::NotMapped, |k| k.unmap(space, BASE));
}

#[test]
fn empty_tables_go_back_to_the_pool_and_the_walk_forgets_them() {
    let fixture = Fixture::new();
    let (space, number) = fixture.create_space();
    fixture.donate(space, 4);
    let (frame, _) = fixture.create_frame();
    let (other, _) = fixture.create_frame();
    assert_eq!(fixture.call(|k| k.map(space, frame, BASE, READ)), Ok(0));
    assert_eq!(
        fixture.call(|k| k.map(space, other, BASE + 0x1000, READ)),
        Ok(0)
    );
    let asid = fixture.kernel().root_of(Number::from_raw(number)) >> 48;
    fixture.host.performed.borrow_mut().clear();
    assert_eq!(fixture.call(|k| k.unmap(space, BASE)), Ok(0));
    assert_eq!(pool(&fixture, number), 2);
    assert_eq!(fixture.call(|k| k.unmap(space, BASE + 0x1000)), Ok(0));
    assert_eq!(pool(&fixture, number), 4);
    let expected = [
        Effect::InvalidatePage {
            asid,
            address: BASE,
        },
        Effect::InvalidateSpace { asid },
    ];
    assert_eq!(*fixture.host.performed.borrow(), expected);
}

#[test]
fn protect_refuses_bad_arguments() {
    let fixture = Fixture::new();
    let (space, _) = fixture.create_space();
    fixture.donate(space, 4);
    let (frame, _) = fixture.create_frame();
    refuse_bad_handles(&fixture, space, |k, space| k.protect(space, BASE, READ));
    fixture.refuse(Error::NotMapped, |k| k.protect(space, BASE, READ));
    assert_eq!(fixture.call(|k| k.map(space, frame, BASE, READ)), Ok(0));
    fixture.refuse(Error::BadArgument, |k| k.protect(space, BASE, 2));
    fixture.refuse(Error::Misaligned, |k| k.protect(space, BASE + 8, READ));
    fixture.refuse(Error::OutOfRange, |k| k.protect(space, USER_END, READ));
    fixture.refuse(Error::AccessDenied, |k| {
        k.protect(space, BASE, READ_EXECUTE)
    });
}

#[test]
fn protect_gives_no_more_than_the_capability_did() {
    let fixture = Fixture::new();
    let (space, number) = fixture.create_space();
    fixture.donate(space, 4);
    let (frame, _) = fixture.create_frame();
    let reader = fixture.copy(frame, Rights::READ);
    assert_eq!(fixture.call(|k| k.map(space, reader, BASE, READ)), Ok(0));
    assert_eq!(
        fixture.call(|k| k.map(space, frame, BASE + 0x1000, READ)),
        Ok(0)
    );
    fixture.refuse(Error::AccessDenied, |k| k.protect(space, BASE, READ_WRITE));
    assert_eq!(fixture.call(|k| k.protect(space, BASE, READ)), Ok(0));
    assert_eq!(
        fixture.call(|k| k.protect(space, BASE + 0x1000, READ_WRITE)),
        Ok(0)
    );
    let found = walk(&fixture, number, BASE + 0x1000).expect("mapped");
    assert_eq!(found & READ_ONLY, 0);
    assert_eq!(
        fixture.call(|k| k.protect(space, BASE + 0x1000, READ)),
        Ok(0)
    );
    assert_eq!(
        fixture.call(|k| k.protect(space, BASE + 0x1000, READ_WRITE)),
        Ok(0)
    );
}

#[test]
fn a_frame_finds_all_its_mappings() {
    let fixture = Fixture::new();
    let (frame, number) = fixture.create_frame();
    let spaces: Vec<_> = (0..3).map(|_| fixture.create_space()).collect();
    for &(space, _) in &spaces {
        fixture.donate(space, 6);
        for page in 0..40 {
            assert_eq!(
                fixture.call(|k| k.map(space, frame, BASE + page * 0x1000, READ)),
                Ok(0)
            );
        }
    }
    for &(space, _) in &spaces {
        for page in [0, 17, 39] {
            assert_eq!(
                fixture.call(|k| k.unmap(space, BASE + page * 0x1000)),
                Ok(0)
            );
        }
    }
    fixture.reclaim(number);
    for &(space, object) in &spaces {
        assert_eq!(walk(&fixture, object, BASE + 0x1000), None);
        fixture.refuse(Error::NotMapped, |k| k.unmap(space, BASE + 0x1000));
    }
}

#[test]
fn records_fill_more_than_one_frame_and_are_used_again() {
    let fixture = Fixture::new();
    let (frame, _) = fixture.create_frame();
    let (space, number) = fixture.create_space();
    fixture.donate(space, 5);
    let map = |page: u64| fixture.call(|k| k.map(space, frame, BASE + page * 0x1000, READ));
    for page in 0..129 {
        assert_eq!(map(page), Ok(0), "page {page}");
    }
    assert_eq!(pool(&fixture, number), 0);
    assert_eq!(map(129), Err(Error::NeedMemory));
    assert_eq!(fixture.call(|k| k.unmap(space, BASE + 3 * 0x1000)), Ok(0));
    assert_eq!(map(129), Ok(0));
    assert_eq!(fixture.call(|k| k.unmap(space, BASE)), Ok(0));
    assert_eq!(map(0), Ok(0));
}

#[test]
fn map_finds_handles_in_later_chunks() {
    let fixture = Fixture::new();
    let (frame, number) = fixture.create_frame();
    let (space, space_number) = fixture.create_space();
    fixture.donate(space, 5);
    let chunk = fixture.free_frame();
    let extended = fixture.call(|k| k.table_extend(TABLE, MEMORY, chunk));
    assert_eq!(extended, Ok(0));
    for (near, far) in [(frame, 300), (space, 301)] {
        let copied = fixture.call(|k| k.capability_copy(near, place(far), 255));
        assert_eq!(copied, Ok(0));
    }
    fixture.refuse(Error::BadArgument, |k| k.map(301, 300, BASE, 9));
    assert_eq!(fixture.call(|k| k.map(301, frame, BASE, READ)), Ok(0));
    assert_eq!(
        fixture.call(|k| k.map(space, 300, BASE + 0x1000, READ)),
        Ok(0)
    );
    for address in [BASE, BASE + 0x1000] {
        let descriptor = walk(&fixture, space_number, address).expect("a page");
        assert_eq!(frame_of(descriptor), Frame(number));
    }
}
