//! The test programs: each system of `tests/systems` runs until it switches the machine off, and
//! each fact that its program prints is a case.

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Failed, Trial};
use std::thread;
use std::time::Duration;
use system_tests::{BootOptions, Fact, Workshop, read_facts, system_names};
use xtask::machine::{Gic, Machine};

/// How long a test program may take.
const PROGRAM_BOUND: Duration = Duration::from_secs(180);

/// The systems that also run on the newest processor: it has registers, instructions and ways to
/// protect memory that the default one lacks.
const ON_NEWEST: [&str; 2] = ["suite", "isolation"];

/// The systems that a case of its own drives.
const DRIVEN: [&str; 1] = ["siege"];

/// A system on a machine, under the name that its facts have.
struct Run {
    name: String,
    system: String,
    machine: Machine,
}

/// All that can be run.
fn runs() -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for system in system_names()? {
        if DRIVEN.contains(&system.as_str()) {
            continue;
        }
        let is_on_newest = ON_NEWEST.contains(&system.as_str());
        runs.push(Run {
            name: system.clone(),
            system: system.clone(),
            machine: Machine::default(),
        });
        if is_on_newest {
            runs.push(Run {
                name: format!("{system}-on-max"),
                system,
                machine: Machine {
                    cpu: "max".to_owned(),
                    gic: Gic::V3,
                    ..Machine::default()
                },
            });
        }
    }
    Ok(runs)
}

/// Runs the systems that the filter may mean, side by side, and makes cases of their facts.
pub(crate) fn trials(workshop: &Workshop, arguments: &Arguments) -> Result<Vec<Trial>> {
    let mut wanted = runs()?;
    wanted.retain(|run| !arguments.list && may_mean(arguments.filter.as_deref(), &run.name));
    let reports = thread::scope(|scope| {
        let runs: Vec<_> = wanted
            .iter()
            .map(|wanted| (wanted, scope.spawn(|| run(workshop, wanted))))
            .collect();
        let reports = runs.into_iter().map(|(wanted, run)| {
            let report = run.join();
            let report = report.unwrap_or_else(|_| Err(anyhow::anyhow!("the harness panicked")));
            (wanted.name.clone(), report)
        });
        reports.collect::<Vec<_>>()
    });
    Ok(reports
        .into_iter()
        .flat_map(|(name, report)| match report {
            Ok(facts) => facts.into_iter().map(|fact| trial(&name, fact)).collect(),
            Err(error) => vec![Trial::test(format!("{name}::runs"), move || {
                Err(Failed::from(format!("{error:#}")))
            })],
        })
        .collect())
}

/// Whether a filter can be part of the name of a fact of a system: one that names another topic
/// before `::` cannot.
fn may_mean(filter: Option<&str>, system: &str) -> bool {
    let topic = filter.and_then(|filter| filter.split_once("::"));
    topic.is_none_or(|(topic, _)| system.ends_with(topic))
}

fn run(workshop: &Workshop, run: &Run) -> Result<Vec<Fact>> {
    let options = BootOptions {
        system: Some(run.system.clone()),
        machine: run.machine.clone(),
    };
    let mut system = workshop.boot(&options)?;
    let transcript = system.session().wait_for_end(0, PROGRAM_BOUND)?;
    read_facts(&transcript).with_context(|| format!("the system {}", run.name))
}

fn trial(system: &str, fact: Fact) -> Trial {
    let Fact { name, problem } = fact;
    Trial::test(format!("{system}::{name}"), move || match problem {
        None => Ok(()),
        Some(problem) => Err(Failed::from(problem)),
    })
}
