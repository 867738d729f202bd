//! The real image in the emulator, seen from outside.
#![forbid(unsafe_code)]

mod boot;
mod crash;
mod deaths;
mod program;
mod shell;
mod siege;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use std::process::ExitCode;
use std::sync::Arc;
use system_tests::Workshop;

/// A case: its name, and what it does with the compiled programs.
type Case = (String, Box<dyn FnOnce(&Workshop) -> Result<()> + Send>);

/// A case that is one function.
fn case(topic: &str, name: &str, run: fn(&Workshop) -> Result<()>) -> Case {
    (format!("{topic}::{name}"), Box::new(run))
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let workshop = match Workshop::open() {
        Ok(workshop) => Arc::new(workshop),
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::FAILURE;
        }
    };
    let cases = boot::cases().into_iter().chain(shell::cases());
    let cases = cases.chain(crash::cases()).chain(siege::cases());
    let cases = cases.chain(deaths::cases());
    let trials = cases.map(|(name, run)| {
        let workshop = Arc::clone(&workshop);
        Trial::test(name, move || {
            run(&workshop).map_err(|error| Failed::from(format!("{error:#}")))
        })
    });
    let mut trials: Vec<Trial> = trials.collect();
    match program::trials(&workshop, &arguments) {
        Ok(programs) => trials.extend(programs),
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::FAILURE;
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    match workshop.report_ghosts() {
        Ok(None) => {}
        Ok(Some(text)) => print!("ghosts: {text}"),
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::FAILURE;
        }
    }
    conclusion.exit_code()
}
