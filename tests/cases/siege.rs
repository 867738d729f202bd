//! Millions of random system calls of a hostile process change nothing outside of it. The machine's
//! memory is compared from outside, at moments when the test program is quiet.
//!
//! `SIEGE_CALLS=10000000 ./x test --filter siege` makes as many calls as it says; without it they are
//! fewer.

use crate::{Case, case};
use anyhow::{Context, Result, ensure};
use std::time::Duration;
use system_tests::ghost;
use system_tests::memory::FRAME_BYTES;
use system_tests::scene::{Moment, Scene};
use system_tests::{BootOptions, Workshop, read_facts};
use xtask::machine::Machine;

/// Calls without `SIEGE_CALLS`.
const CALLS: u64 = 400_000;
/// How long a siege may take at least.
const BOUND: Duration = Duration::from_secs(120);
/// How much longer for every so many calls.
const BOUND_EACH: Duration = Duration::from_secs(10);
const CALLS_EACH: u64 = 100_000;
/// What the program prints before its numbers: first frame and frames of the hostile process's region,
/// physical address of the first raider's page.
const NUMBERS: &str = "siege: 0x";
/// Where in that page the number of the moment of quiet is.
const QUIET_OFFSET: u64 = 6 * 8;

pub(crate) fn cases() -> Vec<Case> {
    vec![case("siege", "changes_nothing_outside", siege)]
}

fn siege(workshop: &Workshop) -> Result<()> {
    let calls = match std::env::var("SIEGE_CALLS") {
        Ok(text) => text.parse().context("SIEGE_CALLS is a number")?,
        Err(_) if workshop.has_ghost() => ghost::SIEGE_CALLS,
        Err(_) => CALLS,
    };
    let times = u32::try_from(calls / CALLS_EACH).context("too many calls")?;
    let bound = workshop.bound(BOUND + BOUND_EACH * times);
    let options = BootOptions {
        system: Some("siege".to_owned()),
        machine: Machine {
            memory: "64M".parse().map_err(anyhow::Error::msg)?,
            ..Machine::default()
        },
        ..BootOptions::default()
    };
    let mut watched = workshop.boot_monitored(&options, "siege")?;
    let session = watched.system.session();
    session.wait_for_text("siege: how many calls? ", bound)?;
    session.type_text(&format!("{calls}\r"))?;
    let [first, frames, page] = session.wait_since(0, NUMBERS, bound, find_numbers)?;
    let mut monitor = watched.monitor()?;
    let mut look = |moment| {
        let quiet = (page + QUIET_OFFSET, moment);
        watched.look_when(&mut monitor, quiet, bound)
    };
    let (before, during, after) = (look(1)?, look(2)?, look(3)?);
    let transcript = watched.system.session().wait_for_end(0, bound)?;
    for fact in read_facts(&transcript)? {
        ensure!(fact.problem.is_none(), "{}: {:?}", fact.name, fact.problem);
    }
    let own_space = before.space_of(page / FRAME_BYTES);
    let scene = Scene::new(before, own_space, first..first + frames)?;
    scene.compare(&watched.image, &during, Moment::InTheMiddle)?;
    scene.compare(&watched.image, &after, Moment::Afterwards)
}

/// The three numbers that the program prints.
fn find_numbers(transcript: &str) -> Option<[u64; 3]> {
    let (_, rest) = transcript.split_once(NUMBERS)?;
    let (line, _) = rest.split_once('\n')?;
    let mut numbers = line
        .split(" 0x")
        .map(|digits| u64::from_str_radix(digits.trim(), 16));
    Some([
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
    ])
}
