#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod case;

use ipc_abi::call::{PlatformOperation, SystemCall};
use test_kit::service::VictimClient;
use test_kit::{Printer, World};
use userlib::Environment;

userlib::entry!(run);

fn run(environment: Environment) {
    let mut printer = Printer::new(&environment);
    let gate = match environment.gate("victim") {
        Ok(gate) => gate,
        Err(error) => panic!("nobody to intrude on: {error}"),
    };
    let mut world = match World::new(test_kit::authority(&environment)) {
        Ok(world) => world,
        Err(why) => panic!("no world: {}", why.0),
    };
    let handle = environment.handle("victim", ipc_abi::capability::Kind::Gate);
    let gate_handle = handle.map_or(0, u64::from);
    let mut victim = VictimClient::new(gate);
    case::all(&mut world, &mut victim, gate_handle, &mut printer);
    printer.end();
    let off = [world.authority.platform, PlatformOperation::PowerOff as u64];
    let refused = world.must(SystemCall::PlatformControl, &off);
    panic!("the machine is still on: {refused:?}");
}
