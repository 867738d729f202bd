//! The real image in the emulator, seen from outside.
#![forbid(unsafe_code)]

mod boot;
mod crash;
mod deaths;
mod log;
mod program;
mod shell;
mod siege;
mod threads;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use system_tests::Workshop;
use system_tests::ghost::{self, Cases};

/// A case: its name, and what it does with the compiled programs.
type Case = (String, Box<dyn FnOnce(&Workshop) -> Result<()> + Send>);

/// A case that is one function.
fn case(topic: &str, name: &str, run: fn(&Workshop) -> Result<()>) -> Case {
    (format!("{topic}::{name}"), Box::new(run))
}

/// The topics: a file each.
const TOPICS: &[fn() -> Vec<Case>] = &[
    boot::cases,
    shell::cases,
    crash::cases,
    siege::cases,
    deaths::cases,
    threads::cases,
    log::cases,
    // `./x new-server` adds a line above this one.
];

fn main() -> ExitCode {
    match run(&Arguments::from_args()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workshop = Arc::new(Workshop::open()?);
    let cases = TOPICS.iter().flat_map(|cases| cases());
    let trials = cases.map(|(name, run)| {
        let workshop = Arc::clone(&workshop);
        Trial::test(name, move || {
            run(&workshop).map_err(|error| Failed::from(format!("{error:#}")))
        })
    });
    let mut trials: Vec<Trial> = trials.collect();
    if workshop.has_ghost() {
        trials = exclude(trials)?;
    }
    trials.extend(program::trials(&workshop, arguments)?);
    let conclusion = libtest_mimic::run(arguments, trials);
    let cases = Cases {
        passed: conclusion.num_passed,
        excluded: conclusion.num_ignored,
    };
    if let Some(text) = workshop.report_ghosts(cases)? {
        print!("ghosts: {text}");
    }
    workshop.check_ghosts()?;
    Ok(conclusion.exit_code())
}

/// Lets what is excluded where there is a ghost be ignored.
fn exclude(trials: Vec<Trial>) -> Result<Vec<Trial>> {
    let mut names: BTreeSet<String> = program::names()?.into_iter().collect();
    names.extend(trials.iter().map(|trial| trial.name().to_owned()));
    ghost::check_excluded(&names)?;
    let mark = |trial: Trial| {
        let is_excluded = ghost::is_excluded(trial.name());
        trial.with_ignored_flag(is_excluded)
    };
    Ok(trials.into_iter().map(mark).collect())
}
