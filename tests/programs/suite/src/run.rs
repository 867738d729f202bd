//! Runs all cases and prints what became of each.

use alloc::format;

use ipc_abi::call::{PlatformOperation, SystemCall};
use ipc_abi::error::Error;
use test_kit::{Fact, Printer, World};
use userlib::Environment;

use crate::case::{self, Run};
use crate::mistake::refuses_every_mistake;

/// What no program but the first process and its drivers can provoke: the platform dies only by the
/// hand of the one, and the others have devices. Host tests of the core do.
const ELSEWHERE: [(SystemCall, Error); 3] = [
    (SystemCall::PlatformControl, Error::Stale),
    (SystemCall::PlatformInspect, Error::Stale),
    (SystemCall::Reclaim, Error::Quarantined),
];

/// Runs all cases; does not return.
pub(crate) fn main(environment: Environment) {
    let mut printer = Printer::new(&environment);
    let authority = test_kit::authority(&environment);
    let mut world = match World::new(authority) {
        Ok(world) => world,
        Err(why) => panic!("no world: {}", why.0),
    };
    for case in case::all() {
        let fact = run(&mut world, case.run);
        printer.print_notes(&case.name, &mut world);
        printer.report(&case.name, fact);
    }
    for (call, error, why) in world.ledger.verdicts() {
        if ELSEWHERE.contains(&(call, error)) {
            continue;
        }
        let name = format!("refusal/{}/{}", call.name(), error.name());
        printer.report(&name, why.map_or(Ok(()), |why| Err(why.into())));
    }
    printer.end();
    let off = [authority.platform, PlatformOperation::PowerOff as u64];
    let refused = world.must(SystemCall::PlatformControl, &off);
    panic!("the machine is still on: {refused:?}");
}

/// Runs a case in a fresh world.
fn run(world: &mut World, run: Run) -> Fact {
    let fact = match run {
        Run::Fact(fact) => fact(world),
        Run::Mistakes(call) => refuses_every_mistake(world, call),
    };
    let cleared = world.clear();
    fact.and(cleared)
}
