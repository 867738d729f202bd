use super::*;
use ipc_abi::capability::Kind;

#[test]
fn every_creation_refuses_bad_places() {
    let fixture = Fixture::new();
    let endpoint = fixture.create_endpoint().0;
    refuse_bad_places(&fixture, 8, |k, r, o, d| k.create_endpoint(r, o, d));
    let fixture_two = Fixture::new();
    refuse_bad_places(&fixture_two, 2, |k, r, o, d| k.create_notification(r, o, d));
    let fixture_three = Fixture::new();
    refuse_bad_places(&fixture_three, 1, |k, r, o, d| k.create_reply(r, o, d));
    let fixture_four = Fixture::new();
    refuse_bad_places(&fixture_four, 4, |k, r, o, d| {
        k.create_context(r, o, d, TIME, 1)
    });
    let fixture_five = Fixture::new();
    refuse_bad_places(&fixture_five, 32, |k, r, o, d| {
        k.create_thread(r, o, d, TABLE, SPACE)
    });
    let fixture_six = Fixture::new();
    refuse_bad_places(&fixture_six, 1, |k, r, o, d| {
        k.create_irq(r, o, d, IRQS, 40)
    });
    refuse_bad_places(&fixture, 1, |k, r, o, d| {
        k.create_gate(r, o, d, endpoint, 5)
    });
}

#[test]
fn only_frames_are_made_of_devices() {
    let fixture = Fixture::new();
    let object = crate::host::FIRST_DEVICE * 64;
    let (destination, _) = fixture.slot();
    fixture.refuse(Error::OutOfRange, |k| {
        k.create_endpoint(DEVICES, object, destination)
    });
    fixture.refuse(Error::OutOfRange, |k| {
        k.create_reply(DEVICES, object, destination)
    });
    fixture.refuse(Error::OutOfRange, |k| {
        k.create_table(DEVICES, object, destination, crate::host::FIRST_DEVICE + 1)
    });
    fixture.refuse(Error::OutOfRange, |k| {
        k.space_donate(SPACE, DEVICES, crate::host::FIRST_DEVICE)
    });
    assert_eq!(
        fixture.call(|k| k.create_frame(DEVICES, object, destination)),
        Ok(0)
    );
}

#[test]
fn a_pool_fills_place_by_place() {
    let fixture = Fixture::new();
    let (first, object) = fixture.create(|k, o, d| k.create_reply(MEMORY, o, d));
    let frame = object / 64;
    let (destination, _) = fixture.slot();
    fixture.refuse(Error::NotFree, |k| {
        k.create_reply(MEMORY, object, destination)
    });
    fixture.refuse(Error::NotFree, |k| {
        k.create_irq(MEMORY, object + 1, destination, IRQS, 40)
    });
    fixture.refuse(Error::NotFree, |k| {
        k.create_endpoint(MEMORY, object + 8, destination)
    });
    fixture.refuse(Error::NotFree, |k| {
        k.create_frame(MEMORY, object, destination)
    });
    let mut handles = std::vec::Vec::from([first]);
    for unit in 1..64 {
        let (destination, handle) = fixture.slot();
        assert_eq!(
            fixture.call(|k| k.create_reply(MEMORY, object + unit, destination)),
            Ok(0)
        );
        handles.push(handle);
    }
    for handle in handles {
        assert!(!fixture.is_free(frame));
        assert_eq!(fixture.call(|k| k.destroy(handle)), Ok(0));
    }
    assert!(fixture.is_free(frame));
}

#[test]
fn a_stale_capability_never_meets_what_a_user_left_in_the_frame() {
    let fixture = Fixture::new();
    let (old, object) = fixture.create(|k, o, d| k.create_reply(MEMORY, o, d));
    let id = (&fixture.host.memory).load(object, 0);
    assert_eq!(fixture.call(|k| k.destroy(old)), Ok(0));
    let (destination, frame) = fixture.slot();
    assert_eq!(
        fixture.call(|k| k.create_frame(MEMORY, object, destination)),
        Ok(0)
    );
    fixture.host.memory.scribble(Frame(object / 64), id);
    assert_eq!(fixture.call(|k| k.destroy(frame)), Ok(0));
    let (destination, _) = fixture.slot();
    assert_eq!(
        fixture.call(|k| k.create_reply(MEMORY, object + 1, destination)),
        Ok(0)
    );
    fixture.refuse(Error::Stale, |k| k.destroy(old));
    assert!(!fixture.describe(old).is_live());
}

#[test]
fn table_and_space_need_a_second_frame() {
    let fixture = Fixture::new();
    let (destination, _) = fixture.slot();
    let object = fixture.free_place();
    let frame = object / 64;
    let end = crate::host::FIRST_FRAME + FRAMES;
    let used = fixture.inspect(MEMORY).0;
    let table =
        |slots| move |k: Kernel<&HostMemory>| k.create_table(MEMORY, object, destination, slots);
    let space = |root| {
        move |k: Kernel<&HostMemory>| k.create_space(MEMORY, object, destination, ASIDS, root)
    };
    for (bad, error) in [
        (frame, Error::NotFree),
        (used, Error::NotFree),
        (end, Error::OutOfRange),
        (0, Error::OutOfRange),
        (u64::MAX, Error::OutOfRange),
    ] {
        fixture.refuse(error, table(bad));
        fixture.refuse(error, space(bad));
    }
    let (_, child) = fixture.split(2);
    fixture.refuse(Error::NotWhole, table(child + 1));
    fixture.refuse(Error::NotWhole, space(child + 1));
    let not_asids =
        |k: Kernel<&HostMemory>| k.create_space(MEMORY, object, destination, TIME, frame + 1);
    fixture.refuse(Error::BadArgument, not_asids);
    assert_eq!(fixture.call(table(frame + 1)), Ok(0));
}

#[test]
fn threads_need_a_table_and_a_space() {
    let fixture = Fixture::new();
    let (destination, _) = fixture.slot();
    let object = fixture.free_place();
    refuse_bad_handles(&fixture, TABLE, |k, handle| {
        k.create_thread(MEMORY, object, destination, handle, SPACE)
    });
    let object = fixture.free_place();
    refuse_bad_handles(&fixture, SPACE, |k, handle| {
        k.create_thread(MEMORY, object, destination, TABLE, handle)
    });
}

#[test]
fn gates_need_a_target() {
    let fixture = Fixture::new();
    let endpoint = fixture.create_endpoint().0;
    let notification = fixture.create_notification().0;
    let (destination, _) = fixture.slot();
    let object = fixture.free_place();
    for target in [endpoint, notification] {
        refuse_bad_handles(&fixture, target, |k, handle| {
            k.create_gate(MEMORY, object, destination, handle, 1)
        });
    }
}

#[test]
fn a_capability_to_a_gate_sends_or_signals_never_both() {
    let fixture = Fixture::new();
    let endpoint = fixture.create_endpoint().0;
    let notification = fixture.create_notification().0;
    let sends = fixture
        .describe(fixture.create_gate(endpoint, 1).0)
        .rights();
    assert!(sends.contains(Rights::SEND) && !sends.contains(Rights::SIGNAL));
    let signals = fixture
        .describe(fixture.create_gate(notification, 1).0)
        .rights();
    assert!(signals.contains(Rights::SIGNAL) && !signals.contains(Rights::SEND));
}

#[test]
fn a_line_has_one_interrupt() {
    let fixture = Fixture::new();
    let (destination, _) = fixture.slot();
    let object = fixture.free_place();
    for line in [0, 31, crate::host::LINES, u64::MAX] {
        fixture.refuse(Error::OutOfRange, |k| {
            k.create_irq(MEMORY, object, destination, IRQS, line)
        });
    }
    fixture.refuse(Error::BadArgument, |k| {
        k.create_irq(MEMORY, object, destination, ASIDS, 40)
    });
    let (irq, _) = fixture.create(|k, o, d| k.create_irq(MEMORY, o, d, IRQS, 40));
    let object = fixture.free_place();
    fixture.refuse(Error::Exhausted, |k| {
        k.create_irq(MEMORY, object, destination, IRQS, 40)
    });
    assert_eq!(fixture.call(|k| k.destroy(irq)), Ok(0));
    assert_eq!(
        fixture.call(|k| k.create_irq(MEMORY, object, destination, IRQS, 40)),
        Ok(0)
    );
}

#[test]
fn a_refused_creation_changes_nothing() {
    let fixture = Fixture::new();
    let object = fixture.free_place();
    fixture.refuse(Error::SlotOccupied, |k| {
        k.create_endpoint(MEMORY, object, place(1))
    });
    assert!(fixture.is_free(object / 64));
    assert_eq!(fixture.describe(1).kind(), Some(Kind::CapTable));
}
