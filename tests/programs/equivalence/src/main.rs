#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod play;
mod scenario;
mod stage;

use alloc::format;

use ipc_abi::call::{PlatformOperation, SystemCall};
use play::{Trace, play};
use scenario::Scenario;
use stage::Path;
use test_kit::{Fact, Failure, Printer, Random, World};
use userlib::Environment;

/// The first scenario follows from this, the next from the number after it.
const SEED: u64 = 0xE0_0001;
/// Scenarios in one line of the report.
const SCENARIOS: u64 = 100;
/// Lines of the report.
const LINES: u64 = 8;
/// Messages that must at least have arrived in all scenarios of a line.
const MESSAGES: usize = 500;

userlib::entry!(run);

fn run(environment: Environment) {
    let mut printer = Printer::new(&environment);
    let made = World::new(test_kit::authority(&environment));
    let made = made.and_then(|mut world| world.extend_own_table().map(|()| world));
    let mut world = match made {
        Ok(world) => world,
        Err(why) => panic!("no world: {}", why.0),
    };
    for line in 0..LINES {
        let first = SEED + line * SCENARIOS;
        let fact = compare_many(&mut world, first);
        printer.report(&format!("equivalence/scenarios_{line}"), fact);
    }
    printer.end();
    let off = [world.authority.platform, PlatformOperation::PowerOff as u64];
    let refused = world.must(SystemCall::PlatformControl, &off);
    panic!("the machine is still on: {refused:?}");
}

fn compare_many(world: &mut World, first: u64) -> Fact {
    let mut messages = 0;
    for seed in first..first + SCENARIOS {
        let count = compare(world, seed).map_err(|why| why.at(&format!("seed {seed:#x}")))?;
        messages += count;
    }
    Failure::unless(
        messages >= MESSAGES,
        &format!("only {messages} messages arrived"),
    )
}

/// Plays a scenario on both paths; tells how many messages arrived.
fn compare(world: &mut World, seed: u64) -> Result<usize, Failure> {
    let scenario = Scenario::random(&mut Random::new(seed));
    let fast = play_once(world, &scenario, Path::Fast)?;
    let slow = play_once(world, &scenario, Path::Slow)?;
    for (one, other) in fast.entries.iter().zip(&slow.entries) {
        if one != other {
            return Err(Failure(format!("fast {one:x?}, slow {other:x?}")));
        }
    }
    Failure::unless_same(
        "the length of the trace",
        fast.entries.len(),
        slow.entries.len(),
    )?;
    Ok(fast.messages)
}

fn play_once(world: &mut World, scenario: &Scenario, path: Path) -> Result<Trace, Failure> {
    let trace = play(world, scenario, path);
    let cleared = world.clear();
    let trace = trace.map_err(|why| why.at(&format!("{path:?}")))?;
    cleared.map_err(|why| why.at(&format!("{path:?}")))?;
    Ok(trace)
}
