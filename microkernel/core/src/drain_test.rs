//! Facts about objects that are still being taken apart when user code goes on.

use ipc_abi::boot::FirstHandle;
use ipc_abi::call::SystemCall;
use ipc_abi::time::NEVER;

use crate::destroy::{DESTROY_STEPS, DRAIN_STEPS};
use crate::ipc_test::FULL;
use crate::memory::Fields;
use crate::object::{Context, Number, core_state};
use crate::world::World;

const LOW: u64 = 40;
const MIDDLE: u64 = 100;
const HIGH: u64 = 200;
/// How long the main thread, more important than all, stays away.
const AWAY: u64 = 1_000;

#[test]
fn core_comes_back_to_dying_objects_also_from_a_helper_whom_a_death_woke() {
    let mut world = World::new();
    let busy = world.endpoint();
    let dying = world.endpoint();
    let (to_busy, to_dying) = (world.gate(busy, 1), world.gate(dying, 1));
    for _ in 0..2 * (DESTROY_STEPS + DRAIN_STEPS) {
        world.gate(dying, 2);
    }
    let server = world.started(LOW + 1);
    world.sleep(world.now() + AWAY);
    world.message(SystemCall::Receive, busy, FULL, 0);
    world.pass(2 * AWAY);
    // The server calls where nobody receives, while it serves a client.
    let client = world.started(LOW);
    world.sleep(world.now() + AWAY);
    assert_eq!(world.current(), client.thread);
    world.message(SystemCall::Call, to_busy, FULL, 1);
    assert_eq!(world.current(), server.thread);
    world.message(SystemCall::Call, to_dying, FULL, 2);
    world.pass(2 * AWAY);
    // So an important client cannot help it, and somebody less important runs.
    let high = world.started(HIGH);
    let middle = world.started(MIDDLE);
    world.sleep(NEVER);
    assert_eq!(world.current(), high.thread);
    world.message(SystemCall::Call, to_busy, FULL, 3);
    assert_eq!(world.current(), middle.thread);
    world.kernel().destroy(dying).expect("it dies");
    world.host.leave_kernel();
    assert_eq!(world.current(), server.thread);
    let payer: Number<Context> = world.number_of(high.context);
    assert_eq!(world.payer(), payer);
    let kernel = world.kernel();
    let field = |field| kernel.memory.get(kernel.core(), field);
    assert_ne!(field(core_state::DRAIN), 0);
    assert_ne!(field(core_state::SLICE), 0);
    assert!(field(core_state::ARMED) <= field(core_state::SLICE));
}

#[test]
fn slice_that_was_wanted_begins_also_after_an_interrupt_on_the_way_out() {
    const LINE: u64 = 40;
    let mut world = World::new();
    let target = world.notification();
    let lines = FirstHandle::Irqs as u64;
    let irq =
        world.make(|kernel, region, place, to| kernel.create_irq(region, place, to, lines, LINE));
    let bound = world.kernel().irq_bind(irq, target, 1);
    assert_eq!(bound, Ok(0));
    let handler = world.started(HIGH);
    world.sleep(world.now() + AWAY);
    assert_eq!(world.current(), handler.thread);
    world.wait(target);
    world.pass(2 * AWAY);
    let one = world.started(LOW);
    let other = world.actor(LOW);
    world.sleep(NEVER);
    assert_eq!(world.current(), one.thread);
    // One starts the other; before the way out has looked at that, the interrupt comes.
    let started = world.kernel().thread_start(other.handle, 0x1000, 0x2000, 7);
    started.expect("it starts");
    world.kernel().interrupt(LINE);
    world.host.leave_kernel();
    assert_eq!(world.current(), handler.thread);
    world.wait(target);
    assert_eq!(world.current(), one.thread);
    let kernel = world.kernel();
    assert_ne!(kernel.memory.get(kernel.core(), core_state::SLICE), 0);
}
