//! `./x bench`: counts instructions on a machine where counting is exact, and compares.

mod figure;
mod reference;
mod table;

pub(crate) use reference::Reference;

use crate::arguments::BenchArguments;
use crate::image::Image;
use crate::machine::Machine;
use crate::session::Session;
use crate::transcript::Status;
use anyhow::{Context, Result, bail, ensure};
use figure::{Results, parse_line};
use std::time::Duration;

/// The figure that is read from the kernel's file.
const TEXT_BYTES: &str = "kernel/text-bytes";

/// Whether a figure keeps its bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The figure.
    pub name: String,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// Measures, prints the table, writes the file, and fails if a figure does.
pub(crate) fn bench(arguments: &BenchArguments, image: &Image) -> Result<()> {
    let reference = Reference::load()?;
    let bound = Duration::from_secs(arguments.timeout);
    let filter = arguments.filter.as_deref().unwrap_or_default();
    let results = measure(image, filter, bound)?;
    print!("{}", table::print(&results, &reference));
    if let Some(path) = &arguments.json {
        let json = serde_json::to_string_pretty(&results).context("the figures are no JSON")?;
        std::fs::write(path, json + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let verdicts = judge(&results, &reference, filter);
    let problems: Vec<&str> = verdicts
        .iter()
        .filter_map(|verdict| verdict.problem.as_deref())
        .collect();
    match problems.as_slice() {
        [] => Ok(()),
        problems => bail!("{}", problems.join("\n")),
    }
}

/// Boots the measuring machine and types `bench`.
pub(crate) fn measure(image: &Image, filter: &str, bound: Duration) -> Result<Results> {
    let mut session = Session::boot(&Machine::for_measurement(), image)?;
    session.wait_for_prompt(bound)?;
    let command = format!("bench {filter}");
    let answer = session.command(command.trim_end(), bound, |line| eprintln!("{line}"))?;
    ensure!(
        answer.status() == Status::Succeeded,
        "the bench program failed:\n{}",
        answer.text
    );
    let mut results = Results::default();
    for line in answer.text.lines() {
        if let Some(result) = parse_line(line)? {
            results.add(result)?;
        }
    }
    if TEXT_BYTES.contains(filter) {
        results.add(figure::Measured::exact(
            TEXT_BYTES,
            "bytes",
            image.kernel_text_bytes()?,
        ))?;
    }
    session.power_off(bound)?;
    Ok(results)
}

/// Judges every figure that has a place in the table of bars.
pub(crate) fn judge(results: &Results, reference: &Reference, filter: &str) -> Vec<Verdict> {
    let wanted = reference.figures().iter();
    let wanted = wanted.filter(|figure| figure.name.contains(filter));
    let verdicts = wanted.map(|figure| {
        let name = figure.name.clone();
        let problem = match results.find(&name) {
            None => Some(format!("{name} was not measured")),
            Some(measured) if measured.unit != figure.unit => Some(format!(
                "{name} is in {}, not in {}",
                measured.unit, figure.unit
            )),
            Some(measured) => figure.bar.and_then(|bar| {
                let is_over = measured.median > bar;
                is_over.then(|| format!("{name} is {}, over its bar of {bar}", measured.median))
            }),
        };
        Verdict { name, problem }
    });
    verdicts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use figure::Measured;

    fn results(name: &str, unit: &str, value: u64) -> Results {
        let mut results = Results::default();
        let added = results.add(Measured::exact(name, unit, value));
        assert!(added.is_ok());
        results
    }

    fn problem(results: &Results) -> Option<String> {
        let reference = Reference::load().expect("the files are right");
        let mut verdicts = judge(results, &reference, "syscall/null");
        assert_eq!(verdicts.len(), 1);
        verdicts.pop().and_then(|verdict| verdict.problem)
    }

    #[test]
    fn figure_at_its_bar_passes_and_one_over_fails() {
        assert_eq!(problem(&results("syscall/null", "instructions", 40)), None);
        assert_eq!(
            problem(&results("syscall/null", "instructions", 41)),
            Some("syscall/null is 41, over its bar of 40".to_owned())
        );
    }

    #[test]
    fn missing_figure_fails() {
        assert_eq!(
            problem(&Results::default()),
            Some("syscall/null was not measured".to_owned())
        );
    }

    #[test]
    fn wrong_unit_fails() {
        assert_eq!(
            problem(&results("syscall/null", "ticks", 1)),
            Some("syscall/null is in ticks, not in instructions".to_owned())
        );
    }
}
