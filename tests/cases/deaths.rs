//! Every kind of object dies in every state, over and over, and leaves the machine as it was. The
//! machine's memory is compared from outside, at moments when the test program is quiet.
//!
//! `DEATHS=10000 ./x test --filter deaths` plays as many rounds of each scenario as it says; without it
//! they are fewer.

use crate::{Case, case};
use anyhow::{Context, Result, ensure};
use std::time::Duration;
use system_tests::ghost;
use system_tests::memory::FRAME_BYTES;
use system_tests::scene::{Moment, Scene};
use system_tests::{BootOptions, Workshop, read_facts};
use xtask::image::Kernel;
use xtask::machine::{Clock, Machine};

/// Rounds without `DEATHS`, and with the kernel with assertions.
const ROUNDS: u32 = 100;
const ROUNDS_CHECKING: u32 = 20;
/// How long everything may take at least.
const BOUND: Duration = Duration::from_secs(120);
/// How much longer for every round of all scenarios.
const BOUND_EACH: Duration = Duration::from_millis(200);
/// What the program prints before the physical address of its page.
const PAGE: &str = "deaths: 0x";
/// Where in that page the number of the moment of quiet is.
const QUIET_OFFSET: u64 = 6 * 8;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("deaths", "leave_everything_as_it_was", |workshop| {
            let rounds = match std::env::var("DEATHS") {
                Ok(text) => text.parse().context("DEATHS is a number")?,
                Err(_) if workshop.has_ghost() => ghost::DEATHS,
                Err(_) => ROUNDS,
            };
            play(workshop, Kernel::Shipped, rounds)
        }),
        case("deaths", "break_no_assertion", |workshop| {
            play(workshop, Kernel::Checking, ROUNDS_CHECKING)
        }),
    ]
}

fn play(workshop: &Workshop, kernel: Kernel, rounds: u32) -> Result<()> {
    let bound = workshop.bound(BOUND + BOUND_EACH * rounds);
    let options = BootOptions {
        system: Some("deaths".to_owned()),
        kernel,
        machine: Machine {
            memory: "64M".parse().map_err(anyhow::Error::msg)?,
            // So that a budget ends after the same instruction whatever the host does.
            clock: Clock::Instructions,
            ..Machine::default()
        },
    };
    let mut watched = workshop.boot_monitored(&options, &format!("deaths-{kernel:?}"))?;
    let session = watched.system.session();
    session.wait_for_text("deaths: how many rounds? ", bound)?;
    session.type_text(&format!("{rounds}\r"))?;
    let page = session.wait_since(0, PAGE, bound, find_page)?;
    let mut monitor = watched.monitor()?;
    let mut look = |moment| {
        let quiet = (page + QUIET_OFFSET, moment);
        watched.look_when(&mut monitor, quiet, bound)
    };
    let (before, after) = (look(1)?, look(2)?);
    let transcript = watched.system.session().wait_for_end(0, bound)?;
    let facts = read_facts(&transcript)?;
    let problems = facts.iter().filter_map(|fact| {
        let problem = fact.problem.as_ref()?;
        Some(format!("{}: {problem}", fact.name))
    });
    let problems: Vec<String> = problems.collect();
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    let own_space = before.space_of(page / FRAME_BYTES);
    let scene = Scene::new(before, own_space, 0..0)?;
    scene.compare(&watched.image, &after, Moment::Afterwards)
}

/// The number that the program prints.
fn find_page(transcript: &str) -> Option<u64> {
    let (_, rest) = transcript.split_once(PAGE)?;
    let (line, _) = rest.split_once('\n')?;
    u64::from_str_radix(line.trim(), 16).ok()
}
