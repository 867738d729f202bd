use ipc_abi::boot::FirstHandle;

use super::*;
use crate::memory::Fields;
use crate::object::{CORES_MAX, Endpoint, Number, Thread, core_state, endpoint, machine, thread};

fn dying(fixture: &Fixture) -> u64 {
    fixture
        .kernel()
        .memory
        .get(fixture.kernel().core(), core_state::DRAIN)
}

#[test]
fn destroy_refuses_bad_handles() {
    let fixture = Fixture::new();
    for handle in [0, EMPTY, 256, u64::MAX] {
        fixture.refuse(Error::BadHandle, |k| k.destroy(handle));
    }
    let endpoint = fixture.create_endpoint().0;
    let gate = fixture.create_gate(endpoint, 1).0;
    for handle in [MEMORY, endpoint, gate] {
        let weak = fixture.copy(handle, Rights::READ.union(Rights::WRITE));
        fixture.refuse(Error::NoRight, |k| k.destroy(weak));
    }
    for own in [TABLE, SPACE, THREAD] {
        fixture.refuse(Error::Itself, |k| k.destroy(own));
    }
}

#[test]
fn every_copy_dies_at_once() {
    let fixture = Fixture::new();
    let (endpoint, _) = fixture.create_endpoint();
    let copies: std::vec::Vec<_> = (0..20)
        .map(|_| fixture.copy(endpoint, Rights::ALL))
        .collect();
    assert_eq!(fixture.call(|k| k.destroy(endpoint)), Ok(0));
    for copy in copies {
        fixture.refuse(Error::Stale, |k| k.destroy(copy));
        assert!(!fixture.describe(copy).is_live());
    }
}

/// The emulator tests cannot: whoever destroys the platform has nothing left to end the test with.
#[test]
fn platform_that_was_destroyed_is_stale() {
    let fixture = Fixture::new();
    let platform = FirstHandle::Platform as u64;
    fixture.refuse(Error::BadArgument, |k| k.platform_control(platform, 2));
    assert_eq!(fixture.call(|k| k.destroy(platform)), Ok(0));
    fixture.refuse(Error::Stale, |k| k.platform_control(platform, 0));
}

#[test]
fn every_kind_of_object_leaves_its_frame_free() {
    let fixture = Fixture::new();
    let endpoint = fixture.create_endpoint().0;
    let notification = fixture.create_notification().0;
    let makers: [&dyn Fn() -> (u64, u64); 12] = [
        &|| fixture.create_endpoint(),
        &|| fixture.create_notification(),
        &|| fixture.create_gate(endpoint, 1),
        &|| fixture.create_gate(notification, 1),
        &|| fixture.create(|k, o, d| k.create_reply(MEMORY, o, d)),
        &|| fixture.create(|k, o, d| k.create_context(MEMORY, o, d, TIME, 3)),
        &|| fixture.create(|k, o, d| k.create_irq(MEMORY, o, d, IRQS, 44)),
        &|| fixture.create(|k, o, d| k.allowance_split(MEMORY, o, d, ASIDS, 3)),
        &|| fixture.create(|k, o, d| k.create_frame(MEMORY, o, d)),
        &|| fixture.create_thread(TABLE, SPACE),
        &|| fixture.create_table(),
        &|| fixture.create_space(),
    ];
    for make in makers {
        let (handle, object) = make();
        assert!(!fixture.is_free(object / 64));
        assert_eq!(fixture.call(|k| k.destroy(handle)), Ok(0));
        fixture.host.drain_all();
        fixture.check();
        assert!(fixture.is_free(object / 64));
        fixture.refuse(Error::Stale, |k| k.destroy(handle));
    }
}

#[test]
fn gates_of_a_dead_endpoint_lead_nowhere() {
    let fixture = Fixture::new();
    let (endpoint, _) = fixture.create_endpoint();
    let gates: std::vec::Vec<_> = (0..10).map(|n| fixture.create_gate(endpoint, n)).collect();
    assert_eq!(fixture.call(|k| k.destroy(endpoint)), Ok(0));
    assert_ne!(dying(&fixture), 0);
    assert_eq!(fixture.call(|k| k.destroy(gates[4].0)), Ok(0));
    fixture.host.drain_all();
    fixture.check();
    let kernel = fixture.kernel();
    let null = kernel.memory.get(kernel.machine(), machine::NULL_ENDPOINT);
    for &(gate, number) in &gates {
        if gate == gates[4].0 {
            continue;
        }
        let gate_number: Number<crate::object::Gate> = Number::from_raw(number);
        assert_eq!(
            kernel
                .memory
                .get(gate_number, crate::object::gate::ENDPOINT),
            null
        );
        assert_eq!(fixture.call(|k| k.destroy(gate)), Ok(0));
    }
    assert_eq!(dying(&fixture), 0);
}

#[test]
fn gates_and_interrupts_of_a_dead_notification_lead_nowhere() {
    let fixture = Fixture::new();
    let (notification, _) = fixture.create_notification();
    let (gate, _) = fixture.create_gate(notification, 1);
    let (irq, _) = fixture.create(|k, o, d| k.create_irq(MEMORY, o, d, IRQS, 50));
    assert_eq!(fixture.call(|k| k.irq_bind(irq, notification, 2)), Ok(0));
    assert_eq!(fixture.call(|k| k.destroy(notification)), Ok(0));
    fixture.host.drain_all();
    fixture.check();
    fixture.refuse(Error::Died, |k| k.signal(gate));
    fixture.kernel().interrupt(50);
    fixture.host.leave_kernel();
    fixture.check();
}

#[test]
fn a_thread_without_its_table_has_no_handle() {
    let fixture = Fixture::new();
    let (table, _) = fixture.create_table();
    let (_, number) = fixture.create_thread(table, SPACE);
    assert_eq!(fixture.call(|k| k.destroy(table)), Ok(0));
    fixture.host.drain_all();
    fixture.check();
    let target: Number<Thread> = Number::from_raw(number);
    let kernel = fixture.kernel();
    assert_eq!(kernel.memory.get(target, thread::MASK), 0);
    for handle in [0, 1, 255, 256, u64::MAX] {
        assert_eq!(kernel.capability_of(target, handle), Err(Error::BadHandle));
    }
}

#[test]
fn a_context_that_runs_can_be_destroyed() {
    let fixture = Fixture::new();
    assert_eq!(fixture.call(|k| k.destroy(CONTEXT)), Ok(0));
    assert!(fixture.kernel().current().is_none());
}

#[test]
fn a_table_whose_thread_runs_stops_it() {
    let fixture = Fixture::new();
    let (table, _) = fixture.create_table();
    let (first, _) = fixture.create_thread(table, SPACE);
    let (context, _) = fixture.create(|k, o, d| k.create_context(MEMORY, o, d, TIME, 255));
    assert_eq!(
        fixture.call(|k| k.thread_set_context(first, context)),
        Ok(0)
    );
    assert_eq!(fixture.call(|k| k.thread_start(first, 0x1000, 0, 0)), Ok(0));
    for _ in 0..3 {
        fixture.create_thread(table, SPACE);
    }
    let kernel = fixture.kernel();
    let old = kernel.current();
    assert_eq!(kernel.destroy(table), Ok(0));
    assert_eq!(kernel.r#yield(), Ok(0));
    assert_ne!(kernel.current(), old, "the other thread runs");
    fixture.host.drain_all();
    fixture.check();
    assert_eq!(kernel.current(), old, "it was stopped");
}

#[test]
fn dying_objects_are_taken_apart_in_order() {
    let fixture = Fixture::new();
    let mut endpoints = std::vec::Vec::new();
    for _ in 0..3 {
        let (endpoint, number) = fixture.create_endpoint();
        for badge in 0..5 {
            fixture.create_gate(endpoint, badge);
        }
        endpoints.push((endpoint, number));
    }
    let kernel = fixture.kernel();
    for &(endpoint, _) in &endpoints {
        assert_eq!(kernel.destroy(endpoint), Ok(0));
        fixture.check();
    }
    for &(_, number) in &endpoints {
        assert_eq!(dying(&fixture) & crate::frame::SPACE_BITS, number);
        while dying(&fixture) & crate::frame::SPACE_BITS == number {
            fixture.host.leave_kernel();
            fixture.check();
        }
        assert!(fixture.is_free(number / 64));
    }
}

#[test]
fn an_endpoint_is_idle_when_nobody_is_there_on_any_core() {
    let fixture = Fixture::new();
    let number: Number<Endpoint> = Number::from_raw(fixture.create_endpoint().1);
    let kernel = fixture.kernel();
    let cores = (0..CORES_MAX as u64).map(|core| 2 * core);
    let fields = cores.flat_map(|at| [endpoint::SERVERS.at(at), endpoint::TAKEN.at(at)]);
    for field in fields.clone().chain([endpoint::WAITING, endpoint::GATES]) {
        assert!(kernel.is_idle(number));
        kernel.memory.set(number, field, 1);
        assert!(!kernel.is_idle(number), "word {}", field.word());
        // As much there and elsewhere.
        for other in fields.clone().filter(|other| other.word() != field.word()) {
            kernel.memory.set(number, other, 1);
            assert!(
                !kernel.is_idle(number),
                "words {}, {}",
                field.word(),
                other.word()
            );
            kernel.memory.set(number, other, 0);
        }
        kernel.memory.set(number, field, 0);
    }
}

#[test]
fn an_idle_endpoint_goes_at_once_even_when_an_interrupt_waits() {
    let fixture = Fixture::new();
    let (endpoint, number) = fixture.create_endpoint();
    fixture.host.memory.quiet_runs.set(0);
    assert_eq!(fixture.kernel().destroy(endpoint), Ok(0));
    fixture.host.memory.quiet_runs.set(u64::MAX);
    assert_eq!(dying(&fixture), 0);
    assert!(fixture.is_free(number / 64));
    fixture.check();
}
