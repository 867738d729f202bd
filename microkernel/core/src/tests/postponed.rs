//! What an interrupt that waits leaves for later.

use ipc_abi::boot::FirstHandle;

use super::*;

/// As [`Fixture::call`], while an interrupt waits from the `quiet_runs`th look on.
fn interrupted(
    fixture: &Fixture,
    quiet_runs: u64,
    call: impl FnOnce(Kernel<&HostMemory>) -> Answer,
) -> Answer {
    fixture.host.memory.quiet_runs.set(quiet_runs);
    let answer = call(fixture.kernel());
    fixture.check();
    fixture.host.leave_kernel();
    fixture.host.memory.quiet_runs.set(u64::MAX);
    fixture.check();
    answer
}

fn gates(fixture: &Fixture, target: u64, count: u64) {
    for badge in 0..count {
        fixture.create_gate(target, badge + 1);
    }
}

#[test]
fn every_kind_of_object_dies_later_when_an_interrupt_waits() {
    let fixture = Fixture::new();
    let endpoint = fixture.create_endpoint();
    gates(&fixture, endpoint.0, 1);
    let space = fixture.create_space();
    let frame = fixture.create_frame();
    let (region, _) = fixture.split(2);
    let objects = [
        endpoint,
        frame,
        fixture.create_notification(),
        fixture.create(|k, o, d| k.create_reply(MEMORY, o, d)),
        fixture.create(|k, o, d| k.create_irq(MEMORY, o, d, IRQS, 40)),
        fixture.create(|k, o, d| k.create_context(MEMORY, o, d, TIME, 1)),
        fixture.create(|k, o, d| k.allowance_split(MEMORY, o, d, ASIDS, 1)),
        fixture.create_thread(TABLE, space.0),
        fixture.create_table(),
        space,
    ];
    let handles = objects.map(|(handle, _)| handle);
    let platform = FirstHandle::Platform as u64;
    fixture.host.memory.quiet_runs.set(0);
    for handle in handles.into_iter().chain([region, platform]) {
        assert_eq!(fixture.kernel().destroy(handle), Ok(0));
        fixture.check();
        assert_eq!(fixture.kernel().destroy(handle), Err(Error::Stale));
    }
    fixture.host.memory.quiet_runs.set(u64::MAX);
    fixture.host.drain_all();
    fixture.check();
    for (handle, number) in objects {
        let at = if handle == frame.0 {
            frame.1
        } else {
            number / UNITS_PER_FRAME
        };
        assert!(fixture.is_free(at), "{handle}");
    }
}

#[test]
fn an_interrupt_stops_between_two_steps() {
    let fixture = Fixture::new();
    let (endpoint, number) = fixture.create_endpoint();
    gates(&fixture, endpoint, 4);
    assert_eq!(interrupted(&fixture, 1, |k| k.destroy(endpoint)), Ok(0));
    assert!(!fixture.is_free(number / UNITS_PER_FRAME));
    fixture.host.drain_all();
    assert!(fixture.is_free(number / UNITS_PER_FRAME));
    fixture.check();
}

#[test]
fn reclaim_changes_nothing_while_an_interrupt_waits() {
    let fixture = Fixture::new();
    let (endpoint, number) = fixture.create_endpoint();
    let frame = number / UNITS_PER_FRAME;
    let answer = interrupted(&fixture, 0, |k| k.reclaim(MEMORY, frame));
    assert_eq!(answer, Err(Error::Again));
    assert!(fixture.describe(endpoint).is_live());
    fixture.reclaim(frame);
}

#[test]
fn a_frame_whose_object_is_dying_is_reclaimed_in_time() {
    let fixture = Fixture::new();
    let (endpoint, number) = fixture.create_endpoint();
    gates(&fixture, endpoint, 20);
    fixture.reclaim(number / UNITS_PER_FRAME);
    let (_, gate) = fixture.create_gate(fixture.create_notification().0, 1);
    fixture.reclaim(gate / UNITS_PER_FRAME);
}
