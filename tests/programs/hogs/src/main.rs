#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod hog;
mod maker;
mod sleeper;

use ipc_abi::call::{PlatformOperation, SystemCall};
use test_kit::{Printer, World};
use userlib::Environment;

userlib::entry!(run);

fn run(environment: Environment) {
    let mut printer = Printer::new(&environment);
    let made = World::new(test_kit::authority(&environment));
    let made = made.and_then(|mut world| {
        world.clear()?;
        world.extend_own_table()?;
        Ok(world)
    });
    let mut world = match made {
        Ok(world) => world,
        Err(why) => panic!("no world: {}", why.0),
    };
    for (name, run) in [
        (
            "hogs/share",
            hog::every_priority_gets_its_share as fn(&mut World) -> test_kit::Fact,
        ),
        ("hogs/sleepers", sleeper::sleepers_cost_nothing),
    ] {
        let fact = run(&mut world);
        let cleared = world.clear();
        printer.print_notes(name, &mut world);
        printer.report(name, fact.and(cleared));
    }
    printer.end();
    let off = [world.authority.platform, PlatformOperation::PowerOff as u64];
    let refused = world.must(SystemCall::PlatformControl, &off);
    panic!("the machine is still on: {refused:?}");
}
