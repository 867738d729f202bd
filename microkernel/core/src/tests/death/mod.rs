//! Every kind of object is destroyed in every state in which it can be, with every kind of referrer,
//! in every order, by `destroy` and by `reclaim`: whoever waited is told, and in the end the frame
//! table, the kinds and the kernel's own objects are word for word as before.
//!
//! `ROUNDS=1000000 cargo test -p pecan-core random_deaths` rehearses as many random deaths as it says;
//! without `ROUNDS` it does a few.

mod coverage;
mod late;
mod messages;
mod objects;
mod stage;
mod stale;
mod threads;
mod time;

use super::*;
use ipc_abi::capability::Kind;
use stage::{Draining, Outcome, Placement, Stage};
use std::vec::Vec;

/// Random deaths without `ROUNDS`.
const ROUNDS: u64 = 10_000;
/// Everything random follows from this.
const SEED: u64 = 0x0DEA_DBEA_7000_0001;
/// Calls of `reclaim` after which a frame must be free.
const RECLAIMS: u64 = 10_000;

/// A state in which an object of some kind can be destroyed.
struct Scenario {
    name: &'static str,
    kind: Kind,
    build: fn(&mut Stage),
}

/// All of them.
fn scenarios() -> impl Iterator<Item = &'static Scenario> + Clone {
    threads::SCENARIOS
        .iter()
        .chain(messages::SCENARIOS)
        .chain(objects::SCENARIOS)
        .chain(time::SCENARIOS)
}

/// How an object goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Destroy,
    Reclaim,
}

/// How a round goes.
#[derive(Clone, Copy, Debug)]
struct Plan {
    placement: Placement,
    manner: Manner,
    draining: Draining,
}

const PLACEMENTS: [Placement; 2] = [Placement::Alone, Placement::Pooled];
const MANNERS: [Manner; 2] = [Manner::Destroy, Manner::Reclaim];
const DRAININGS: [Draining; 3] = [Draining::Whole, Draining::OneExit, Draining::OtherRuns];

fn plans() -> impl Iterator<Item = Plan> {
    PLACEMENTS.into_iter().flat_map(|placement| {
        MANNERS.into_iter().flat_map(move |manner| {
            DRAININGS.into_iter().map(move |draining| Plan {
                placement,
                manner,
                draining,
            })
        })
    })
}

/// Builds a scenario; the order in which its objects were made, the victim first.
fn build(stage: &mut Stage, scenario: &Scenario, plan: Plan) -> Vec<u64> {
    stage.placement = plan.placement;
    (scenario.build)(stage);
    let is_victim = |made: &&stage::Made| made.handle == stage.victim;
    let victim = stage.made.iter().find(is_victim).expect("a victim");
    assert_eq!(victim.kind, scenario.kind, "{}", scenario.name);
    let others = stage.made.iter().map(|made| made.handle);
    let others = others.filter(|handle| *handle != stage.victim);
    core::iter::once(stage.victim).chain(others).collect()
}

/// Destroys one object of the stage, if it did not go with another.
fn kill(stage: &mut Stage, handle: u64, plan: Plan) {
    let killer = stage.killer.take();
    match killer.filter(|_| handle == stage.victim) {
        Some(killer) => stage.turn_to(killer.thread),
        None => stage.home(),
    }
    let made = stage.made.iter().find(|made| made.handle == handle);
    let made = *made.expect("it was made");
    if plan.manner == Manner::Reclaim {
        reclaim(stage, made);
    } else {
        let answer = stage.kernel().destroy(handle);
        assert!(matches!(answer, Ok(0) | Err(Error::Stale)), "{answer:?}");
        assert_eq!(stage.kernel().destroy(handle), Err(Error::Stale));
    }
    stage.check();
    match plan.draining {
        Draining::Whole => stage.leave(),
        Draining::OneExit => stage.host.leave_kernel(),
        Draining::OtherRuns => {
            stage.host.leave_kernel();
            assert_eq!(stage.kernel().r#yield(), Ok(0));
            stage.host.leave_kernel();
        }
    }
    stage.check();
}

/// Reclaims the frame of an object, with whatever else is in it.
fn reclaim(stage: &Stage, made: stage::Made) {
    let kernel = stage.kernel();
    let found = kernel.capability_of(kernel.current(), made.handle);
    if !found.is_ok_and(|found| kernel.is_live(found)) {
        return;
    }
    let frame = made.number / UNITS_PER_FRAME;
    let is_device = frame < crate::host::FIRST_FRAME;
    let region = if is_device { DEVICES } else { MEMORY };
    for _ in 0..RECLAIMS {
        stage.check();
        let answer = stage.kernel().reclaim(region, frame);
        stage.host.leave_kernel();
        match answer {
            Ok(0) => return,
            Err(Error::Again) => stage.home(),
            other => panic!("reclaim answered {other:?}"),
        }
    }
    panic!("reclaim does not end");
}

/// One round: builds, destroys in `order` (of which the victim is 0), compares.
fn play(
    stage: &mut Stage,
    scenario: &Scenario,
    plan: Plan,
    order: impl FnOnce(Vec<u64>) -> Vec<u64>,
) {
    let handles = order(build(stage, scenario, plan));
    let is_alone = plan.manner == Manner::Destroy || plan.placement == Placement::Alone;
    for (index, handle) in handles.iter().enumerate() {
        let is_first = index == 0 && *handle == stage.victim;
        kill(stage, *handle, plan);
        if is_first && is_alone {
            stage.leave();
            stage.home();
            for (actor, outcome) in stage.expected.clone() {
                stage.judge(actor, outcome);
            }
        }
    }
    stage.end_round();
}

#[test]
fn everybody_is_told_of_every_death_and_nothing_leaks() {
    let mut stage = Stage::new(SEED);
    for scenario in scenarios() {
        std::eprintln!("{}", scenario.name);
        for plan in plans() {
            play(&mut stage, scenario, plan, |handles| handles);
        }
    }
}

#[test]
fn referrers_may_go_before_or_after() {
    let mut stage = Stage::new(SEED);
    stage.is_checked = false;
    for scenario in scenarios() {
        std::eprintln!("{}", scenario.name);
        for plan in plans() {
            let mut first = 1;
            loop {
                let mut count = 0;
                play(&mut stage, scenario, plan, |mut handles| {
                    count = handles.len();
                    handles.swap(0, first % count);
                    handles
                });
                first += 1;
                if first >= count {
                    break;
                }
            }
            play(&mut stage, scenario, plan, |mut handles| {
                handles.reverse();
                handles
            });
        }
    }
}

#[test]
fn random_deaths() {
    let rounds = std::env::var("ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |text| text.parse().expect("ROUNDS is a number"));
    let all: Vec<&Scenario> = scenarios().collect();
    let mut stage = Stage::new(SEED);
    stage.is_checked = false;
    for _ in 0..rounds {
        let scenario = all[stage.dice.below(all.len())];
        let plan = Plan {
            placement: PLACEMENTS[stage.dice.below(2)],
            manner: MANNERS[stage.dice.below(4) / 3],
            draining: DRAININGS[stage.dice.below(3)],
        };
        let turns = stage.dice.below(usize::MAX);
        play(&mut stage, scenario, plan, |mut handles| {
            let mut dice = stage::Dice(turns as u64 | 1);
            for index in (1..handles.len()).rev() {
                handles.swap(index, dice.below(index + 1));
            }
            handles
        });
    }
}
