use super::*;
use crate::dma::MAINTAIN_BYTES;
use crate::kernel::Effect;
use ipc_abi::call::CacheOperation;
use ipc_abi::capability::{Access, FrameMode};

const READ_WRITE: u64 = Access::READ_WRITE.into_raw();
const CLEAN: u64 = CacheOperation::Clean as u64;
const CLEAN_INVALIDATE: u64 = CacheOperation::CleanInvalidate as u64;

/// A frame of the device's registers; its handle.
fn device(fixture: &Fixture, index: u64) -> u64 {
    let (destination, handle) = fixture.slot();
    let object = (crate::host::FIRST_DEVICE + index) * UNITS_PER_FRAME;
    let made = fixture.call(|k| k.create_frame(DEVICES, object, destination));
    assert_eq!(made, Ok(0));
    handle
}

#[test]
fn maintain_refuses_bad_arguments() {
    let fixture = Fixture::new();
    let (frame, _) = fixture.create_frame();
    refuse_bad_handles(&fixture, frame, |k, frame| {
        k.frame_maintain(frame, CLEAN, 0, 64)
    });
    let reader = fixture.copy(frame, Rights::READ);
    let writer = fixture.copy(frame, Rights::WRITE);
    fixture.refuse(Error::NoRight, |k| {
        k.frame_maintain(reader, CLEAN_INVALIDATE, 0, 64)
    });
    fixture.refuse(Error::NoRight, |k| k.frame_maintain(writer, CLEAN, 0, 64));
    for operation in [2, u64::MAX] {
        fixture.refuse(Error::BadArgument, |k| {
            k.frame_maintain(frame, operation, 0, 64)
        });
    }
    let registers = device(&fixture, 0);
    fixture.refuse(Error::BadArgument, |k| {
        k.frame_maintain(registers, CLEAN, 0, 64)
    });
    for (offset, bytes) in [
        (0, 0),
        (0, MAINTAIN_BYTES + 1),
        (1, MAINTAIN_BYTES),
        (MAINTAIN_BYTES, 1),
        (MAINTAIN_BYTES + 1, 1),
        (u64::MAX, 2),
        (0, u64::MAX),
    ] {
        fixture.refuse(Error::OutOfRange, |k| {
            k.frame_maintain(frame, CLEAN, offset, bytes)
        });
    }
}

#[test]
fn maintain_names_physical_bytes() {
    let fixture = Fixture::new();
    let (frame, number) = fixture.create_frame();
    fixture.host.performed.borrow_mut().clear();
    assert_eq!(
        fixture.call(|k| k.frame_maintain(frame, CLEAN, 0, 4096)),
        Ok(0)
    );
    let done = fixture.call(|k| k.frame_maintain(frame, CLEAN_INVALIDATE, 4095, 1));
    assert_eq!(done, Ok(0));
    let address = number << 12;
    let expected = [
        Effect::Clean {
            address,
            bytes: 4096,
        },
        Effect::CleanInvalidate {
            address: address + 4095,
            bytes: 1,
        },
    ];
    assert_eq!(*fixture.host.performed.borrow(), expected);
}

#[test]
fn give_refuses_bad_arguments() {
    let fixture = Fixture::new();
    let registers = device(&fixture, 0);
    let other = device(&fixture, 1);
    let (frame, _) = fixture.create_frame();
    let (code, _) = fixture.create_frame();
    refuse_bad_handles(&fixture, frame, |k, frame| k.frame_give(frame, registers));
    refuse_bad_handles(&fixture, registers, |k, device| k.frame_give(frame, device));
    let reader = fixture.copy(frame, Rights::READ);
    fixture.refuse(Error::NoRight, |k| k.frame_give(reader, registers));
    fixture.refuse(Error::BadArgument, |k| k.frame_give(registers, other));
    fixture.refuse(Error::BadArgument, |k| k.frame_give(frame, code));
    let mode = FrameMode::Code as u64;
    assert_eq!(fixture.call(|k| k.frame_set_mode(code, mode)), Ok(0));
    fixture.refuse(Error::AccessDenied, |k| k.frame_give(code, registers));
    let (buffer, _) = fixture.create_frame();
    let (thread, _) = fixture.create_thread(TABLE, SPACE);
    assert_eq!(fixture.call(|k| k.thread_set_buffer(thread, buffer)), Ok(0));
    fixture.refuse(Error::InUse, |k| k.frame_give(buffer, registers));
    assert!(fixture.call(|k| k.frame_give(frame, registers)).is_ok());
    assert!(fixture.call(|k| k.frame_give(frame, registers)).is_ok());
    fixture.refuse(Error::InUse, |k| k.frame_give(frame, other));
}

#[test]
fn what_a_device_may_write_is_never_code_nor_a_buffer() {
    let fixture = Fixture::new();
    let registers = device(&fixture, 0);
    let (frame, number) = fixture.create_frame();
    let given = fixture.call(|k| k.frame_give(frame, registers));
    assert_eq!(given, Ok(number << 12));
    let mode = FrameMode::Code as u64;
    fixture.refuse(Error::InUse, |k| k.frame_set_mode(frame, mode));
    fixture.refuse(Error::InUse, |k| k.thread_set_buffer(THREAD, frame));
}

#[test]
fn a_given_frame_is_free_only_after_a_reset() {
    let fixture = Fixture::new();
    let registers = device(&fixture, 0);
    let weak = fixture.copy(registers, Rights::READ.union(Rights::WRITE));
    let (frame, number) = fixture.create_frame();
    fixture.donate(SPACE, 4);
    let address = 0x40_0000_0000;
    assert!(fixture.call(|k| k.frame_give(frame, weak)).is_ok());
    assert_eq!(
        fixture.call(|k| k.map(SPACE, frame, address, READ_WRITE)),
        Ok(0)
    );
    assert_eq!(fixture.call(|k| k.device_confirm_reset(registers)), Ok(0));
    assert_eq!(fixture.call(|k| k.destroy(frame)), Ok(0));
    fixture.refuse(Error::Stale, |k| k.frame_inspect(frame));
    fixture.refuse(Error::NotMapped, |k| k.unmap(SPACE, address));
    fixture.refuse(Error::Quarantined, |k| k.reclaim(MEMORY, number));
    let (destination, _) = fixture.slot();
    fixture.refuse(Error::NotFree, |k| {
        k.create_frame(MEMORY, number * 64, destination)
    });
    fixture.refuse(Error::NotFree, |k| k.space_donate(SPACE, MEMORY, number));
    fixture.refuse(Error::NoRight, |k| k.device_confirm_reset(weak));
    let (plain, _) = fixture.create_frame();
    fixture.refuse(Error::BadArgument, |k| k.device_confirm_reset(plain));
    refuse_bad_handles(&fixture, registers, |k, device| {
        k.device_confirm_reset(device)
    });
    fixture.refuse(Error::Quarantined, |k| k.reclaim(MEMORY, number));
    assert_eq!(fixture.call(|k| k.device_confirm_reset(registers)), Ok(0));
    assert!(!fixture.is_free(number), "reclaim frees it, nobody else");
    assert_eq!(fixture.call(|k| k.reclaim(MEMORY, number)), Ok(0));
    assert!(fixture.is_free(number));
}

#[test]
fn a_device_that_dies_keeps_what_it_was_given_in_quarantine() {
    let fixture = Fixture::new();
    let registers = device(&fixture, 0);
    for _ in 0..3 {
        assert_eq!(fixture.call(|k| k.device_confirm_reset(registers)), Ok(0));
    }
    let frames: std::vec::Vec<_> = (0..2).map(|_| fixture.create_frame()).collect();
    for &(frame, _) in &frames {
        assert!(fixture.call(|k| k.frame_give(frame, registers)).is_ok());
    }
    assert_eq!(fixture.call(|k| k.destroy(frames[0].0)), Ok(0));
    assert_eq!(fixture.call(|k| k.destroy(registers)), Ok(0));
    assert_eq!(fixture.call(|k| k.destroy(frames[1].0)), Ok(0));
    let refuse_both = || {
        for &(_, number) in &frames {
            fixture.refuse(Error::Quarantined, |k| k.reclaim(MEMORY, number));
        }
    };
    refuse_both();
    let registers = device(&fixture, 0);
    refuse_both();
    let other = device(&fixture, 1);
    assert_eq!(fixture.call(|k| k.device_confirm_reset(other)), Ok(0));
    refuse_both();
    assert_eq!(fixture.call(|k| k.device_confirm_reset(registers)), Ok(0));
    for &(_, number) in &frames {
        assert_eq!(fixture.call(|k| k.reclaim(MEMORY, number)), Ok(0));
    }
}

#[test]
fn a_device_that_is_dying_releases_nothing() {
    let fixture = Fixture::new();
    let registers = device(&fixture, 0);
    assert_eq!(fixture.call(|k| k.device_confirm_reset(registers)), Ok(0));
    let (frame, number) = fixture.create_frame();
    assert!(fixture.call(|k| k.frame_give(frame, registers)).is_ok());
    assert_eq!(fixture.call(|k| k.destroy(frame)), Ok(0));
    fixture.host.memory.quiet_runs.set(0);
    assert_eq!(fixture.kernel().destroy(registers), Ok(0));
    let answer = fixture.kernel().reclaim(MEMORY, number);
    assert_eq!(answer, Err(Error::Quarantined));
    fixture.host.memory.quiet_runs.set(u64::MAX);
    fixture.host.drain_all();
    fixture.refuse(Error::Quarantined, |k| k.reclaim(MEMORY, number));
}

#[test]
fn a_reset_counts_however_many_there_were() {
    let fixture = Fixture::new();
    let registers = device(&fixture, 0);
    let (frame, number) = fixture.create_frame();
    assert!(fixture.call(|k| k.frame_give(frame, registers)).is_ok());
    assert_eq!(fixture.call(|k| k.destroy(frame)), Ok(0));
    fixture.refuse(Error::Quarantined, |k| k.reclaim(MEMORY, number));
    for _ in 0..256 {
        assert_eq!(fixture.call(|k| k.device_confirm_reset(registers)), Ok(0));
    }
    fixture.reclaim(number);
}

#[test]
fn resets_never_come_round_to_none() {
    let fixture = Fixture::new();
    let registers = device(&fixture, 0);
    let kernel = fixture.kernel();
    let frame = Frame(crate::host::FIRST_DEVICE);
    let last = !0 << crate::frame::OWNER_SHIFT;
    kernel
        .memory
        .set_entry(frame, crate::object::entry::ADDRESS, last);
    assert_eq!(fixture.call(|k| k.device_confirm_reset(registers)), Ok(0));
    let word = kernel.memory.entry(frame, crate::object::entry::ADDRESS);
    assert_eq!(word, 1 << crate::frame::OWNER_SHIFT);
}

#[test]
fn reclaim_takes_a_given_frame_at_once_but_does_not_free_it() {
    let fixture = Fixture::new();
    let registers = device(&fixture, 0);
    let (frame, number) = fixture.create_frame();
    assert!(fixture.call(|k| k.frame_give(frame, registers)).is_ok());
    fixture.refuse(Error::Again, |k| k.reclaim(MEMORY, number));
    fixture.refuse(Error::Stale, |k| k.frame_inspect(frame));
    fixture.refuse(Error::Quarantined, |k| k.reclaim(MEMORY, number));
    assert_eq!(fixture.call(|k| k.device_confirm_reset(registers)), Ok(0));
    fixture.reclaim(number);
}
