//! What a thread dies of is said, with the number of the thread; what threads do while they live is told by the
//! program `threads`.

use crate::{Case, case};
use anyhow::{Result, ensure};
use system_tests::{BootOptions, Workshop};

pub(crate) fn cases() -> Vec<Case> {
    vec![case("threads", "deaths_are_told", deaths_are_told)]
}

/// What is said about each life of `faller`, before and behind the address.
const LIVES: [(&str, &str); 5] = [
    (
        "faller crashed: its stack overflowed at 0x7f",
        "(in faller::dig, at 0x",
    ),
    (
        "faller (thread 1) crashed: its stack overflowed at 0x7f",
        "(in faller::dig, at 0x",
    ),
    (
        "faller (thread 2) crashed: its stack overflowed at 0x7f",
        "(in faller::jump, at 0x",
    ),
    (
        "faller (thread 1) crashed: panicked at tests/programs/faller/src/main.rs:",
        ": nothing lasts (in ",
    ),
    (
        "faller crashed: panicked at tests/programs/faller/src/main.rs:",
        ": life 4 is the last (in ",
    ),
];

fn deaths_are_told(workshop: &Workshop) -> Result<()> {
    let mut system = workshop.boot(&BootOptions {
        system: Some("faller".to_owned()),
        ..BootOptions::default()
    })?;
    system.wait_for("supervisor: faller stays dead")?;
    let transcript = system.session().transcript();
    let reports = transcript.lines().filter(|line| line.starts_with("faller"));
    let reports: Vec<&str> = reports.collect();
    let are_told = reports
        .iter()
        .zip(LIVES)
        .all(|(report, (start, end))| report.starts_with(start) && report.contains(end));
    ensure!(
        are_told && reports.len() == LIVES.len(),
        "not what was to be told:\n{transcript}"
    );
    Ok(())
}
