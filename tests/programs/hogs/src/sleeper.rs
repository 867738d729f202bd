//! Sleepers of low priority.

use alloc::format;
use core::hint::black_box;

use ipc_abi::call::SystemCall;
use ipc_abi::capability::Access;
use test_kit::{Fact, Failure, World};

use crate::maker::{forget, make_thread};

/// How many.
const SLEEPERS: u64 = 10_000;
/// Their priority.
const LOW: u64 = 20;
/// Ticks within which their time comes, one after the other.
const WINDOW: u64 = 1 << 20;
/// Rounds of what this program computes meanwhile: longer than the window.
const ROUNDS: u64 = 1 << 23;
/// Ticks that they all need to fall asleep, or to count that they slept.
const BEDTIME: u64 = 1 << 23;
/// The most instructions that they may cost this program.
const SLEEPERS_COST: u64 = 100;

pub(crate) fn sleepers_cost_nothing(world: &mut World) -> Fact {
    let (_, count) = world.mapped_frame(Access::READ_WRITE)?;
    let alone = compute();
    let mut lateness = 0;
    let begun = userlib::read_ticks();
    // When all of them are made and asleep: making one takes less than 1000 ticks.
    let first = begun + SLEEPERS * 4000 + BEDTIME;
    for number in 0..SLEEPERS {
        let (thread, context) = (world.slot(), world.slot());
        make_thread(world, (thread, context), LOW)?;
        let until = first + number * WINDOW / SLEEPERS;
        world.start_sleeper(thread, until, count)?;
        forget(world, thread)?;
        forget(world, context)?;
        world.give_slots_back(2);
        lateness = userlib::read_ticks() - begun;
    }
    let is_early = begun + lateness + BEDTIME <= first;
    let why = format!("making them took {lateness} ticks");
    Failure::unless(is_early, &why)?;
    world.must(SystemCall::Sleep, &[first - 1000])?;
    Failure::unless_same("who woke too early", world.read(count), 0)?;
    while userlib::read_ticks() < first {}
    let among = compute();
    let is_over = userlib::read_ticks() > first + WINDOW;
    Failure::unless(is_over, "the window is longer than the computation")?;
    Failure::unless_same("who woke meanwhile", world.read(count), 0)?;
    let later = userlib::read_ticks() + BEDTIME;
    world.must(SystemCall::Sleep, &[later])?;
    Failure::unless_same("who woke afterwards", world.read(count), SLEEPERS)?;
    let cost = among.saturating_sub(alone);
    let why = format!("they cost {cost} instructions");
    Failure::unless(cost <= SLEEPERS_COST, &why)
}

/// Computes; how many instructions that took.
fn compute() -> u64 {
    let start = userlib::read_cycles();
    for round in 0..ROUNDS {
        black_box(round);
    }
    userlib::read_cycles() - start
}
