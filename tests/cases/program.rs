//! The test programs: each system of `tests/systems` runs until it switches the machine off, and
//! each fact that its program prints is a case.

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Failed, Trial};
use std::thread;
use std::time::Duration;
use system_tests::{BootOptions, Fact, Workshop, read_facts, system_names};

/// How long a test program may take.
const PROGRAM_BOUND: Duration = Duration::from_secs(180);

/// Runs the systems that the filter may mean, side by side, and makes cases of their facts.
pub(crate) fn trials(workshop: &Workshop, arguments: &Arguments) -> Result<Vec<Trial>> {
    let mut names = system_names()?;
    names.retain(|name| !arguments.list && may_mean(arguments.filter.as_deref(), name));
    let reports = thread::scope(|scope| {
        let runs: Vec<_> = names
            .iter()
            .map(|name| (name, scope.spawn(|| run(workshop, name))))
            .collect();
        let reports = runs.into_iter().map(|(name, run)| {
            let report = run.join();
            let report = report.unwrap_or_else(|_| Err(anyhow::anyhow!("the harness panicked")));
            (name.clone(), report)
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

fn run(workshop: &Workshop, name: &str) -> Result<Vec<Fact>> {
    let options = BootOptions {
        system: Some(name.to_owned()),
        ..BootOptions::default()
    };
    let mut system = workshop.boot(&options)?;
    let transcript = system.session().wait_for_end(0, PROGRAM_BOUND)?;
    read_facts(&transcript).with_context(|| format!("the system {name}"))
}

fn trial(system: &str, fact: Fact) -> Trial {
    let Fact { name, problem } = fact;
    Trial::test(format!("{system}::{name}"), move || match problem {
        None => Ok(()),
        Some(problem) => Err(Failed::from(problem)),
    })
}
