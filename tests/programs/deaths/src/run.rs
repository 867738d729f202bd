//! Plays every scenario as often as the harness wants.

use alloc::format;
use alloc::vec::Vec;

use ipc_abi::call::{PlatformOperation, SystemCall};
use ipc_abi::capability::Kind;
use ipc_abi::error::Error;
use test_kit::{Fact, Failure, Harness, Printer, Random, World};
use userlib::Environment;

use crate::scenario::{self, Scenario};
use crate::stage::Stage;

/// Everything random follows from this.
const SEED: u64 = 0x0DEA_DBEA_7000_0002;
/// Cycles of quiet; an emulator that counts instructions takes a second or more for them.
const QUIET_CYCLES: u64 = 300_000_000;
/// Kinds of which nobody here can make one.
const NOT_MADE: [Kind; 1] = [Kind::Platform];

/// Plays everything; does not return.
pub(crate) fn main(environment: Environment) {
    let mut printer = Printer::new(&environment);
    let mut harness = Harness::new(&environment);
    let authority = test_kit::authority(&environment);
    let off = [authority.platform, PlatformOperation::PowerOff as u64];
    let made = World::new(authority).and_then(|mut world| world.clear().map(|()| world));
    let mut world = match made {
        Ok(world) => world,
        Err(why) => panic!("no world: {}", why.0),
    };
    printer.report("deaths/every_kind_dies", every_kind_dies());
    for (name, fact) in play_all(&mut world, &mut harness) {
        printer.report(&format!("deaths/{name}"), fact);
    }
    printer.end();
    let refused = world.must(SystemCall::PlatformControl, &off);
    panic!("the machine is still on: {refused:?}");
}

fn every_kind_dies() -> Fact {
    for raw in Kind::Region as u8..=Kind::Irq as u8 {
        let kind = Kind::from_raw(raw);
        let has_scenario = scenario::all().any(|scenario| Some(scenario.kind) == kind);
        let is_made = kind.is_some_and(|kind| !NOT_MADE.contains(&kind));
        let why = format!("no scenario of kind {raw}");
        Failure::unless(has_scenario || !is_made, &why)?;
    }
    Ok(())
}

/// Plays each scenario once, then as often as is asked for; the harness looks before and after.
/// Nothing is printed in between.
fn play_all(world: &mut World, harness: &mut Harness) -> Vec<(&'static str, Fact)> {
    let mut random = Random::new(SEED);
    let rounds = harness.ask("deaths: how many rounds? ");
    let mut verdicts: Vec<(&str, Fact)> = Vec::new();
    for scenario in scenario::all() {
        verdicts.push((scenario.name, play_many(world, scenario, 1, &mut random)));
    }
    match world.raid_page() {
        Ok(page) => harness.tell(&format!("deaths: {page:#x}\n")),
        Err(why) => panic!("no page: {}", why.0),
    }
    harness.be_quiet(world, QUIET_CYCLES);
    for (scenario, (_, verdict)) in scenario::all().zip(&mut verdicts) {
        if verdict.is_ok() {
            *verdict = play_many(world, scenario, rounds, &mut random);
        }
    }
    harness.be_quiet(world, QUIET_CYCLES);
    verdicts
}

fn play_many(world: &mut World, scenario: &Scenario, rounds: u64, random: &mut Random) -> Fact {
    for round in 0..rounds {
        let fact = play(world, scenario, round, random);
        let cleared = world.clear();
        let fact = fact.and(cleared);
        fact.map_err(|why| why.at(&format!("round {round}")))?;
    }
    Ok(())
}

/// One round. In three of four the victim dies first; by `reclaim` in every fourth.
fn play(world: &mut World, scenario: &Scenario, round: u64, random: &mut Random) -> Fact {
    let mut stage = Stage::new(world);
    (scenario.build)(&mut stage)?;
    let victim = stage.victim;
    let found = stage
        .world
        .must(SystemCall::CapabilityInspect, &[stage.world.place(victim)])?;
    Failure::unless_same("the victim's kind", found & 0xFF, scenario.kind as u64)?;
    if round % 4 == 1 {
        return stage.reclaim_victim();
    }
    let mut doomed = stage.handles();
    doomed.retain(|handle| *handle != victim);
    for last in (1..doomed.len()).rev() {
        doomed.swap(
            last,
            usize::try_from(random.below(last as u64 + 1)).unwrap_or(0),
        );
    }
    let place = if round % 4 == 3 {
        random.below(doomed.len() as u64 + 1)
    } else {
        0
    };
    doomed.insert(usize::try_from(place).unwrap_or(0), victim);
    for (index, handle) in doomed.iter().enumerate() {
        if index == 0 && *handle == victim {
            stage.kill_victim()?;
            stage.judge()?;
        } else {
            kill(stage.world, *handle)?;
        }
    }
    stage.expect_frames_free()
}

/// Destroys something, if it did not go with something else.
fn kill(world: &mut World, handle: u64) -> Fact {
    match world.function(SystemCall::Destroy, &[handle]) {
        Ok(_) | Err(Error::Stale) => world.refuse(SystemCall::Destroy, &[handle], Error::Stale),
        Err(error) => Err(Failure::refused(SystemCall::Destroy, error)),
    }
}
