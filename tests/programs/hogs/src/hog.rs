//! Hogs at every priority.

use alloc::format;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use ipc_abi::call::SystemCall;
use ipc_abi::capability::Access;
use test_kit::{Fact, Failure, STRETCHES, World};

use crate::maker::{forget, make_thread};

/// The priorities of hogs with a budget: 255 is the supervisor's, and who has none is at 0.
const PRIORITIES: RangeInclusive<u64> = 1..=254;
/// Ticks of a period: a quarter of a second, so that what the kernel takes of a budget to share time out
/// is little.
const PERIOD: u64 = 1 << 24;
/// The budget of each: all together 80 % of the core.
const BUDGET: u64 = PERIOD / 320;
/// Periods that are watched.
const PERIODS: u64 = 6;
/// How much another share may be than was promised: one part of so many.
const PART: u64 = 100;
/// The same for what it sees itself: what the kernel does meanwhile is paid from its budget.
const PART_SEEN: u64 = 33;
/// Ticks that a hog may run on until the timer takes the core away. The next refill is less by them.
const LATE_TICKS: u64 = 64;

/// A hog.
struct Hog {
    priority: u64,
    context: u64,
    page: u64,
    before: u64,
}

pub(crate) fn every_priority_gets_its_share(world: &mut World) -> Fact {
    let mut hogs = Vec::new();
    for priority in PRIORITIES {
        hogs.push(make_hog(world, priority)?);
    }
    make_idler(world)?;
    // Each has had its first period before anything is counted.
    let start = userlib::read_ticks() + PERIOD;
    world.must(SystemCall::Sleep, &[start])?;
    for hog in &mut hogs {
        hog.before = world.must(SystemCall::ContextInspect, &[hog.context])?;
    }
    let start = userlib::read_ticks();
    world.must(SystemCall::Sleep, &[start + PERIODS * PERIOD])?;
    let mut used = Vec::new();
    for hog in &hogs {
        used.push(world.must(SystemCall::ContextInspect, &[hog.context])? - hog.before);
    }
    let end = userlib::read_ticks();
    let mut least = u64::MAX;
    for (hog, used) in hogs.iter().zip(used) {
        let why = |why: Failure| why.at(&format!("priority {}", hog.priority));
        judge_count(used, end - start).map_err(why)?;
        let stretches = world.stretches(hog.page);
        Failure::unless((stretches.len() as u64) < STRETCHES, "too many stretches")?;
        least = least.min(judge_share(&stretches, (start, end)).map_err(why)?);
        judge_windows(&stretches).map_err(why)?;
    }
    world.note(format!(
        "the least that a hog saw is {least} / 10000 of what was promised"
    ));
    Ok(())
}

/// Makes a hog with a budget, and starts it.
fn make_hog(world: &mut World, priority: u64) -> Result<Hog, Failure> {
    let context = world.high_slot();
    let thread = world.slot();
    make_thread(world, (thread, context), 0)?;
    let time = world.authority.time;
    let arguments = [context, time, priority, BUDGET, PERIOD];
    world.must(SystemCall::ContextConfigure, &arguments)?;
    let (frame, page) = world.mapped_frame(Access::READ_WRITE)?;
    world.start_hog(thread, page)?;
    forget(world, frame)?;
    forget(world, thread)?;
    world.give_slots_back(2);
    Ok(Hog {
        priority,
        context,
        page,
        before: 0,
    })
}

/// A hog of the lowest priority that takes all that is left.
fn make_idler(world: &mut World) -> Fact {
    let (thread, context) = (world.slot(), world.slot());
    make_thread(world, (thread, context), 0)?;
    let (_, page) = world.mapped_frame(Access::READ_WRITE)?;
    world.start_hog(thread, page)
}

/// What the kernel says that it used is what was promised.
fn judge_count(used: u64, ticks: u64) -> Fact {
    let promised = ticks * BUDGET / PERIOD;
    let is_right = used.abs_diff(promised) * PART <= promised;
    let why = format!("it used {used} of {ticks} ticks, not {promised}");
    Failure::unless(is_right, &why)
}

/// What the hog saw itself, from the beginning of one use of its budget to that of the last, is what was
/// promised; how much of that, in parts of 10000.
fn judge_share(stretches: &[(u64, u64)], (start, end): (u64, u64)) -> Result<u64, Failure> {
    let mut uses = Vec::new();
    let mut last = 0;
    for (from, to) in stretches {
        if *from > last + PERIOD / 4 && *from >= start && *from < end {
            uses.push(*from);
        }
        last = *to;
    }
    let (Some(first), Some(last)) = (uses.first(), uses.last()) else {
        return Err(Failure::from("it never ran"));
    };
    let is_often = uses.len() as u64 + 1 >= PERIODS;
    Failure::unless(is_often, &format!("it ran {} times", uses.len()))?;
    let (time, ticks) = (time_within(stretches, (*first, *last)), last - first);
    let promised = ticks * BUDGET / PERIOD;
    let is_right = time.abs_diff(promised) * PART_SEEN <= promised;
    let why = format!("it ran {time} of {ticks} ticks, not {promised}");
    Failure::unless(is_right, &why)?;
    Ok(time * 10_000 / promised.max(1))
}

/// No window of one period has more than the budget. Those in which most could be begin with a stretch.
fn judge_windows(stretches: &[(u64, u64)]) -> Fact {
    for (from, _) in stretches {
        let time = time_within(stretches, (*from, from + PERIOD));
        let why = format!("{time} ticks of the period from {from} on");
        Failure::unless(time <= BUDGET + LATE_TICKS, &why)?;
    }
    Ok(())
}

/// How much of a window is in stretches.
fn time_within(stretches: &[(u64, u64)], (start, end): (u64, u64)) -> u64 {
    let parts = stretches
        .iter()
        .map(|(from, to)| to.min(&end).saturating_sub(*from.max(&start)));
    parts.sum()
}
