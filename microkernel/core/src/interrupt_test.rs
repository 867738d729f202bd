//! Facts about interrupts that do not stop coming.

extern crate std;

use std::vec::Vec;

use ipc_abi::boot::FirstHandle;
use ipc_abi::time::NEVER;

use crate::world::World;

const PERIOD: u64 = 100_000;
const BUDGET: u64 = 25_000;

/// A line that is up again as soon as its interrupt was acknowledged, for a handler that is more
/// important than everybody.
#[test]
fn storm_on_a_line_costs_its_handlers_budget_and_no_more() {
    const LINE: u64 = 40;
    const STEP: u64 = 50;
    const PERIODS: u64 = 20;
    let mut world = World::new();
    let handler = world.started(200);
    let other = world.started(1);
    let target = world.notification();
    let lines = FirstHandle::Irqs as u64;
    let irq =
        world.make(|kernel, region, place, to| kernel.create_irq(region, place, to, lines, LINE));
    let bound = world.kernel().irq_bind(irq, target, 1);
    assert_eq!(bound, Ok(0));
    world.configure(handler.context, 200, BUDGET, PERIOD);
    world.sleep(NEVER);
    let used = |world: &World| {
        let used = world.kernel().context_inspect(handler.context);
        used.expect("its use")
    };
    let (start, mut samples) = (world.now(), Vec::new());
    let (mut is_up, mut storms, mut left) = (true, 0, 0);
    while world.now() < start + PERIODS * PERIOD {
        if is_up {
            world.interrupt(LINE);
            is_up = false;
        }
        if world.current() == handler.thread {
            world.wait(target);
        }
        if world.current() == handler.thread {
            let done = world.function(|kernel| kernel.irq_acknowledge(irq).into());
            assert_eq!(done, Ok(0));
            (is_up, storms) = (true, storms + 1);
        }
        if world.current() == other.thread {
            left += STEP;
        }
        world.pass(STEP);
        samples.push(used(&world));
    }
    assert!(storms > 1000, "{storms}");
    let steps = usize::try_from(PERIOD / STEP).expect("few");
    let most = samples.windows(steps + 1).map(|it| it[steps] - it[0]).max();
    assert!(most <= Some(BUDGET + STEP), "{most:?}");
    let total = used(&world);
    assert!(total >= (PERIODS - 1) * BUDGET, "{total}");
    assert!(left >= PERIODS * (PERIOD - BUDGET - 2 * STEP), "{left}");
}
