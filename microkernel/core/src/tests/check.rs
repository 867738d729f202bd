//! The checker itself: each broken link is noticed.

use super::*;
use crate::memory::Fields;
use crate::object::{
    CapTable, Context, Endpoint, Entry, Field, Gate, Irq, Layout, Notification, Number, Space,
    Thread, allowance, context, core_state, endpoint, entry, gate, irq, machine, notification,
    region, space, table, thread,
};
use ipc_abi::capability::Access;

const BASE: u64 = 0x40_0000_0000;

/// A machine in which every sort of list has elements.
struct Furnished {
    fixture: Fixture,
    endpoint: Number<Endpoint>,
    notification: Number<Notification>,
    gate: Number<Gate>,
    irq: Number<Irq>,
    thread: Number<Thread>,
    space: Number<Space>,
    table: Number<CapTable>,
    context: Number<Context>,
    frame: Frame,
}

fn furnish() -> Furnished {
    let fixture = Fixture::new();
    let (endpoint_handle, endpoint) = fixture.create_endpoint();
    let (notification_handle, notification) = fixture.create_notification();
    fixture.create_gate(endpoint_handle, 1);
    let (_, gate) = fixture.create_gate(endpoint_handle, 1);
    fixture.create_gate(notification_handle, 1);
    let (irq_handle, irq) = fixture.create(|k, o, d| k.create_irq(MEMORY, o, d, IRQS, 40));
    assert_eq!(
        fixture.call(|k| k.irq_bind(irq_handle, notification_handle, 1)),
        Ok(0)
    );
    let (space_handle, space) = fixture.create_space();
    let (table_handle, table) = fixture.create_table();
    fixture.create_thread(table_handle, space_handle);
    let (thread_handle, thread) = fixture.create_thread(table_handle, space_handle);
    let (context_handle, context) =
        fixture.create(|k, o, d| k.create_context(MEMORY, o, d, TIME, 9));
    assert_eq!(
        fixture.call(|k| k.thread_set_context(thread_handle, context_handle)),
        Ok(0)
    );
    assert_eq!(
        fixture.call(|k| k.thread_start(thread_handle, 0, 0, 0)),
        Ok(0)
    );
    assert_eq!(
        fixture.call(|k| k.thread_bind(thread_handle, notification_handle)),
        Ok(0)
    );
    let (frame_handle, frame) = fixture.create_frame();
    assert_eq!(
        fixture.call(|k| k.thread_set_buffer(thread_handle, frame_handle)),
        Ok(0)
    );
    fixture.donate(space_handle, 6);
    let read = Access::READ.into_raw();
    for page in 0..3 {
        let address = BASE + page * 0x1000;
        assert_eq!(
            fixture.call(|k| k.map(space_handle, frame_handle, address, read)),
            Ok(0)
        );
    }
    Furnished {
        endpoint: Number::from_raw(endpoint),
        notification: Number::from_raw(notification),
        gate: Number::from_raw(gate),
        irq: Number::from_raw(irq),
        thread: Number::from_raw(thread),
        space: Number::from_raw(space),
        table: Number::from_raw(table),
        context: Number::from_raw(context),
        frame: Frame(frame),
        fixture,
    }
}

/// Breaks a link (to nothing, or to the object itself if there is none), and mends it.
fn break_link<O: Layout>(fixture: &Fixture, object: Number<O>, field: Field<O>) {
    let kernel = fixture.kernel();
    let old = kernel.memory.get(object, field);
    let broken = if old == 0 { object.into_raw() } else { 0 };
    kernel.memory.set(object, field, broken);
    let found = kernel.check_all(fixture.host.memory.frames());
    assert!(found.is_err(), "word {} of {object:?}", field.word());
    kernel.memory.set(object, field, old);
    fixture.check();
}

fn break_entry(fixture: &Fixture, frame: Frame, field: Field<Entry>, broken: u64) {
    let kernel = fixture.kernel();
    let old = kernel.memory.entry(frame, field);
    assert_ne!(old, broken);
    kernel.memory.set_entry(frame, field, broken);
    let found = kernel.check_all(fixture.host.memory.frames());
    assert!(
        found.is_err(),
        "word {} of the entry of {frame:?}",
        field.word()
    );
    kernel.memory.set_entry(frame, field, old);
    fixture.check();
}

#[test]
fn a_broken_thread_is_noticed() {
    let it = furnish();
    for field in [
        thread::LINK,
        thread::SLOTS,
        thread::MASK,
        thread::CALLER,
        thread::WAIT,
        thread::ROOT,
        thread::TABLE,
        thread::TABLE_NEXT,
        thread::SPACE,
        thread::SPACE_NEXT,
        thread::OWN_CONTEXT,
        thread::BUFFER,
        thread::BOUND,
    ] {
        break_link(&it.fixture, it.thread, field);
    }
}

#[test]
fn a_broken_list_head_is_noticed() {
    let it = furnish();
    break_link(&it.fixture, it.endpoint, endpoint::GATES);
    break_link(&it.fixture, it.endpoint, endpoint::WAITING);
    break_link(&it.fixture, it.notification, notification::GATES);
    break_link(&it.fixture, it.notification, notification::IRQS);
    break_link(&it.fixture, it.notification, notification::BOUND);
    break_link(&it.fixture, it.table, table::THREADS);
    break_link(&it.fixture, it.table, table::CHUNK);
    break_link(&it.fixture, it.table, table::CHUNKS);
    for field in [
        space::THREADS,
        space::POOL,
        space::POOL_COUNT,
        space::RECORDS,
    ] {
        break_link(&it.fixture, it.space, field);
    }
    for field in [space::ROOT, space::ASID] {
        break_link(&it.fixture, it.space, field);
    }
}

#[test]
fn a_broken_element_is_noticed() {
    let it = furnish();
    break_link(&it.fixture, it.gate, gate::ENDPOINT);
    break_link(&it.fixture, it.gate, gate::NEXT);
    break_link(&it.fixture, it.irq, irq::NOTIFICATION);
    break_link(&it.fixture, it.irq, irq::LINE);
    for field in [
        context::OWNER,
        context::RUNNING,
        context::QUEUED,
        context::PRIORITY,
    ] {
        break_link(&it.fixture, it.context, field);
    }
}

#[test]
fn a_broken_core_or_machine_is_noticed() {
    let it = furnish();
    let kernel = it.fixture.kernel();
    for field in [core_state::CURRENT, core_state::CONTEXT, core_state::READY] {
        break_link(&it.fixture, kernel.core(), field);
    }
    break_link(&it.fixture, kernel.core(), core_state::QUEUE_HEAD.at(9));
    break_link(&it.fixture, kernel.core(), core_state::QUEUE_TAIL.at(9));
    let machine = kernel.machine();
    for field in [
        machine::IRQS.at(40),
        machine::ASIDS.at(1),
        machine::LINES_USED,
        machine::ASIDS_USED,
        machine::IRQ_FIRST.at(32),
        machine::ASID_FIRST.at(1),
        machine::NEXT_ID,
    ] {
        break_link(&it.fixture, machine, field);
    }
}

#[test]
fn a_broken_authority_is_noticed() {
    let it = furnish();
    let (_, first) = it.fixture.split(4);
    let child = crate::create::frame_number(Frame(first));
    for field in [region::BASE, region::LIMIT, region::HIGH] {
        break_link(&it.fixture, child, field);
    }
    let (_, number) = it
        .fixture
        .create(|k, o, d| k.allowance_split(MEMORY, o, d, ASIDS, 4));
    for field in [allowance::SORT, allowance::FIRST, allowance::LIMIT] {
        break_link(&it.fixture, Number::from_raw(number), field);
    }
}

#[test]
fn a_broken_entry_is_noticed() {
    let it = furnish();
    let kernel = it.fixture.kernel();
    break_entry(&it.fixture, it.frame, entry::ID, 0);
    break_entry(&it.fixture, it.frame, entry::SPACE, 0);
    break_entry(&it.fixture, it.frame, entry::ADDRESS, 0);
    break_entry(&it.fixture, it.frame, entry::RECORDS, 0);
    break_entry(&it.fixture, it.thread.frame(), entry::ID, 1 << 16);
    let table = kernel
        .find_last_table(it.space, BASE)
        .expect("a table")
        .frame();
    for field in [entry::ID, entry::SPACE, entry::RECORDS] {
        break_entry(&it.fixture, table, field, 0);
    }
    break_entry(&it.fixture, Frame(it.fixture.free_frame()), entry::ID, 1);
}

#[test]
fn a_broken_page_is_noticed() {
    let it = furnish();
    let kernel = it.fixture.kernel();
    let table = kernel.find_last_table(it.space, BASE).expect("a table");
    let slot = crate::space::slot_at(crate::space::index_at(3, BASE));
    let descriptor = kernel.memory.get(table, slot);
    let overwrite = |value| {
        let memory = &it.fixture.host.memory;
        memory.overwrite(table.into_raw(), slot.word(), value);
    };
    let is_noticed = |broken| {
        overwrite(broken);
        assert!(
            kernel.check_all(it.fixture.host.memory.frames()).is_err(),
            "{broken:#x}"
        );
        overwrite(descriptor);
        it.fixture.check();
    };
    is_noticed(0);
    is_noticed(descriptor ^ crate::mapping::NO_EXECUTE_USER);
    is_noticed(descriptor ^ crate::mapping::NO_EXECUTE_KERNEL);
    is_noticed(descriptor ^ crate::mapping::USER);
    is_noticed(descriptor ^ crate::mapping::DEVICE_MEMORY);
    is_noticed(descriptor ^ 0x1000);
}

#[test]
fn a_number_is_shown_as_it_is_in_a_dump() {
    let number: Number<Thread> = Number::from_raw(0x2A40);
    assert_eq!(std::format!("{number:?}"), "#2a40");
}
