//! `explore --report FILE [--all] [--only NAME]`: every check of this part.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use ipc_abi::error::Error;
use pecan_refinement::configuration::ALL;
use pecan_refinement::explore::{Bound, Configuration, Summary, explore};
use pecan_refinement::random;
use pecan_refinement::report::Report;
use pecan_refinement::seeded::seed_all;
use pecan_refinement::transition::Refusals;
use serde_json::json;

/// What the command line says.
#[derive(Default)]
struct Options {
    report: Option<PathBuf>,
    is_all: bool,
    only: String,
    states: Option<u64>,
}

/// What all configurations add up to.
#[derive(Default)]
struct Sum {
    transitions: u64,
    states: u64,
    complete: u64,
    refusals: Refusals,
}

/// Pairs of call and error that the ABI lists, as `claims.toml` says.
const LISTED: u64 = 519;
/// The errors that say that something was missing: memory, a place, a slot, a number.
const MISSING: [Error; 7] = [
    Error::NeedMemory,
    Error::NotFree,
    Error::NotWhole,
    Error::Exhausted,
    Error::NoSlots,
    Error::NoBuffer,
    Error::NoTime,
];

/// Threads of the host that explore, and seed.
const WORKERS: usize = 2;
/// Random cases of the bounded run, and with `--all`.
const CASES: u32 = 60;
const CASES_ALL: u32 = 1_500;

fn main() -> ExitCode {
    let Some(options) = read_options(std::env::args().skip(1)) else {
        eprintln!("explore --report FILE [--all] [--only NAME] [--states COUNT]");
        return ExitCode::from(2);
    };
    // What panics is caught and told with the way there.
    std::panic::set_hook(Box::new(|_| {}));
    let mut report = Report::default();
    explore_all(&options, &mut report);
    seed_bugs(&options, &mut report);
    play_random(&options, &mut report);
    let Some(file) = options.report else {
        return ExitCode::SUCCESS;
    };
    match report.write(&file) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            ExitCode::from(2)
        }
    }
}

fn read_options(mut words: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options::default();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--all" => options.is_all = true,
            "--report" => options.report = Some(words.next()?.into()),
            "--only" => options.only = words.next()?,
            "--states" => options.states = Some(words.next()?.parse().ok()?),
            _ => return None,
        }
    }
    Some(options)
}

fn chosen(options: &Options) -> impl Iterator<Item = &'static Configuration> {
    ALL.iter()
        .filter(|configuration| configuration.name.contains(&options.only))
}

fn explore_all(options: &Options, report: &mut Report) {
    let mut sum = Sum::default();
    let mut table = Vec::new();
    for configuration in chosen(options) {
        let bound = Bound {
            states: options
                .states
                .unwrap_or(configuration.states[usize::from(options.is_all)]),
            workers: WORKERS,
        };
        let start = Instant::now();
        let summary = explore(configuration, bound);
        tell(configuration, &summary, start);
        table.push(json!({
            "name": configuration.name,
            "has": configuration.has,
            "transitions": summary.transitions,
            "states": summary.states,
            "depth": summary.depth,
            "complete": summary.is_complete,
        }));
        sum.transitions += summary.transitions;
        sum.states += summary.states;
        sum.complete += u64::from(summary.is_complete);
        sum.refusals.add(&summary.refusals);
        for failure in summary.failures {
            let path: Vec<String> = failure
                .path
                .iter()
                .map(|it| format!("\n    {it:?}"))
                .collect();
            report.fail(format!(
                "{}: {}{}",
                configuration.name,
                failure.what,
                path.concat()
            ));
        }
    }
    report.fact("configurations", json!(table));
    let (met, missing) = sum.refusals.listed();
    if met + missing.len() as u64 != LISTED {
        report.fail(format!(
            "the ABI does not list {LISTED} pairs of call and error"
        ));
    }
    report.fact("refusals that did not come", json!(missing));
    report.count("transitions", sum.transitions);
    report.count("states", sum.states);
    report.count("complete-sets", sum.complete);
    report.count("refusals", sum.refusals.compared());
    report.count("listed-refusals", met);
    report.count("injected-failures", sum.refusals.with(&MISSING));
}

fn tell(configuration: &Configuration, summary: &Summary, start: Instant) {
    let extent = if summary.is_complete {
        "complete".to_owned()
    } else {
        format!("to depth {}", summary.depth)
    };
    println!(
        "{} ({}): {} transitions, {} states, {extent}, {:.1} s",
        configuration.name,
        configuration.has,
        summary.transitions,
        summary.states,
        start.elapsed().as_secs_f64()
    );
}

fn play_random(options: &Options, report: &mut Report) {
    if !options.only.is_empty() && options.only != "random" {
        return;
    }
    let outcome = random::play(if options.is_all { CASES_ALL } else { CASES });
    report.fact(
        "seed of the random cases",
        json!(String::from_utf8_lossy(&random::SEED)),
    );
    report.count("random-steps", outcome.steps);
    if let Some(failure) = outcome.failure {
        report.fail(format!("random: {failure}"));
    }
}

fn seed_bugs(options: &Options, report: &mut Report) {
    let fate = seed_all(&chosen(options).collect::<Vec<_>>(), WORKERS);
    report.count("seeded-bugs", fate.noticed);
    report.fact("harmless seeded bugs", json!(fate.harmless));
    report.fact(
        "seeded bugs in words that no transition shows",
        json!(fate.unseen),
    );
    for (word, (count, example)) in fate.missed {
        report.fail(format!(
            "nothing notices {count} wrong stores to {word}, such as {example}"
        ));
    }
}
