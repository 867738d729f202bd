use super::*;
use crate::kernel::Effect;
use ipc_abi::capability::{Access, FrameMode};

const DATA: u64 = FrameMode::Data as u64;
const CODE: u64 = FrameMode::Code as u64;

#[test]
fn create_refuses_bad_places() {
    let fixture = Fixture::new();
    refuse_bad_places(&fixture, 64, |k, r, o, d| k.create_frame(r, o, d));
}

#[test]
fn a_new_frame_is_zero_and_a_device_is_left_alone() {
    let fixture = Fixture::new();
    let (_, frame) = fixture.create_frame();
    assert!(fixture.host.memory.is_zero(Frame(frame)));
    let (destination, handle) = fixture.slot();
    let object = crate::host::FIRST_DEVICE * 64;
    fixture.host.performed.borrow_mut().clear();
    assert_eq!(
        fixture.call(|k| k.create_frame(DEVICES, object, destination)),
        Ok(0)
    );
    assert!(fixture.host.performed.borrow().is_empty());
    assert_eq!(
        fixture.call(|k| k.frame_inspect(handle)),
        Ok(crate::host::FIRST_DEVICE << 12)
    );
}

#[test]
fn inspect_tells_the_physical_address() {
    let fixture = Fixture::new();
    let (handle, frame) = fixture.create_frame();
    refuse_bad_handles(&fixture, handle, |k, handle| k.frame_inspect(handle));
    assert_eq!(fixture.call(|k| k.frame_inspect(handle)), Ok(frame << 12));
}

#[test]
fn mode_changes_only_while_unmapped() {
    let fixture = Fixture::new();
    let (handle, frame) = fixture.create_frame();
    refuse_bad_handles(&fixture, handle, |k, handle| k.frame_set_mode(handle, CODE));
    fixture.refuse(Error::BadArgument, |k| k.frame_set_mode(handle, 2));
    let access = Access::READ.into_raw();
    fixture.donate(SPACE, 4);
    assert_eq!(
        fixture.call(|k| k.map(SPACE, handle, 0x40_0000_0000, access)),
        Ok(0)
    );
    fixture.refuse(Error::InUse, |k| k.frame_set_mode(handle, CODE));
    assert_eq!(fixture.call(|k| k.unmap(SPACE, 0x40_0000_0000)), Ok(0));
    fixture.host.performed.borrow_mut().clear();
    assert_eq!(fixture.call(|k| k.frame_set_mode(handle, CODE)), Ok(0));
    let performed = fixture.host.performed.borrow().clone();
    assert_eq!(
        performed,
        [Effect::SynchronizeCode {
            frame: Frame(frame)
        }]
    );
    assert_eq!(fixture.call(|k| k.frame_set_mode(handle, DATA)), Ok(0));
}

#[test]
fn code_stays_code_until_it_is_data() {
    let fixture = Fixture::new();
    let (handle, _) = fixture.create_frame();
    for _ in 0..2 {
        assert_eq!(fixture.call(|k| k.frame_set_mode(handle, CODE)), Ok(0));
        fixture.refuse(Error::AccessDenied, |k| k.thread_set_buffer(THREAD, handle));
    }
    for _ in 0..2 {
        assert_eq!(fixture.call(|k| k.frame_set_mode(handle, DATA)), Ok(0));
    }
    assert_eq!(fixture.call(|k| k.thread_set_buffer(THREAD, handle)), Ok(0));
}

#[test]
fn a_device_is_never_code_nor_a_buffer() {
    let fixture = Fixture::new();
    let (destination, handle) = fixture.slot();
    let object = crate::host::FIRST_DEVICE * 64;
    assert_eq!(
        fixture.call(|k| k.create_frame(DEVICES, object, destination)),
        Ok(0)
    );
    fixture.refuse(Error::BadArgument, |k| k.frame_set_mode(handle, CODE));
    fixture.refuse(Error::AccessDenied, |k| k.thread_set_buffer(THREAD, handle));
    assert_eq!(fixture.call(|k| k.frame_set_mode(handle, DATA)), Ok(0));
}

#[test]
fn a_frame_is_the_buffer_of_one_thread() {
    let fixture = Fixture::new();
    let (handle, frame) = fixture.create_frame();
    let (thread, number) = fixture.create_thread(TABLE, SPACE);
    refuse_bad_handles(&fixture, thread, |k, thread| {
        k.thread_set_buffer(thread, handle)
    });
    refuse_bad_handles(&fixture, handle, |k, handle| {
        k.thread_set_buffer(thread, handle)
    });
    let reader = fixture.copy(handle, Rights::READ);
    fixture.refuse(Error::NoRight, |k| k.thread_set_buffer(thread, reader));
    assert_eq!(fixture.call(|k| k.thread_set_buffer(thread, handle)), Ok(0));
    assert_eq!(fixture.call(|k| k.thread_set_buffer(thread, handle)), Ok(0));
    assert_eq!(
        fixture.kernel().buffer_owner(Frame(frame)).into_raw(),
        number
    );
    fixture.refuse(Error::InUse, |k| k.thread_set_buffer(THREAD, handle));
    fixture.refuse(Error::InUse, |k| k.frame_set_mode(handle, CODE));
    let (other, _) = fixture.create_frame();
    assert_eq!(fixture.call(|k| k.thread_set_buffer(thread, other)), Ok(0));
    assert_eq!(fixture.call(|k| k.frame_set_mode(handle, CODE)), Ok(0));
    fixture.refuse(Error::AccessDenied, |k| k.thread_set_buffer(thread, handle));
}

#[test]
fn a_buffer_that_goes_away_leaves_its_thread_without() {
    let fixture = Fixture::new();
    let (handle, frame) = fixture.create_frame();
    let (thread, _) = fixture.create_thread(TABLE, SPACE);
    assert_eq!(fixture.call(|k| k.thread_set_buffer(thread, handle)), Ok(0));
    assert_eq!(fixture.call(|k| k.destroy(handle)), Ok(0));
    assert!(fixture.is_free(frame));
    let (handle, _) = fixture.create_frame();
    assert_eq!(fixture.call(|k| k.thread_set_buffer(thread, handle)), Ok(0));
    assert_eq!(fixture.call(|k| k.destroy(thread)), Ok(0));
    assert_eq!(fixture.call(|k| k.frame_set_mode(handle, CODE)), Ok(0));
}
