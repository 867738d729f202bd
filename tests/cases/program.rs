//! The test programs: each system of `tests/systems` runs until it switches the machine off, and
//! each fact that its program prints is a case.

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use system_tests::ghost::is_excluded;
use system_tests::{BootOptions, Fact, Workshop, read_facts, system_names};
use xtask::image::Kernel;
use xtask::machine::{Clock, Gic, Machine};

/// How long a test program may take.
const PROGRAM_BOUND: Duration = Duration::from_secs(180);

/// The systems that also run on the newest processor: it has registers, instructions and ways to
/// protect memory that the default one lacks.
const ON_NEWEST: [&str; 2] = ["suite", "isolation"];

/// The systems that also run where time is counted instructions: only there it is known how much of
/// it a thread gets, since an emulator with the host's clock stands still whenever the host likes.
const COUNTED: [&str; 1] = ["suite"];

/// The systems that only run there.
const ONLY_COUNTED: [&str; 1] = ["hogs"];

/// The systems that also run on the kernel with assertions.
const ON_CHECKING: [&str; 3] = ["suite", "equivalence", "hostile"];

/// What the programs of those systems say when they find that it is.
const COUNTED_TICKS: &str = " counted ticks";

/// The systems that a case of its own drives.
const DRIVEN: [&str; 5] = ["siege", "deaths", "restarts", "faller", "talker"];

/// A system on a machine, under the name that its facts have.
struct Run {
    name: String,
    options: BootOptions,
    is_only_counted: bool,
}

/// All that can be run.
fn runs() -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for system in system_names()? {
        if DRIVEN.contains(&system.as_str()) {
            continue;
        }
        let is_on_newest = ON_NEWEST.contains(&system.as_str());
        let is_only_counted = ONLY_COUNTED.contains(&system.as_str());
        let is_counted = is_only_counted || COUNTED.contains(&system.as_str());
        let clocks = [
            (!is_only_counted).then_some(Clock::Host),
            is_counted.then_some(Clock::Instructions),
        ];
        for clock in clocks.into_iter().flatten() {
            let machines = [Some(Machine::default()), is_on_newest.then(newest)];
            for machine in machines.into_iter().flatten() {
                let machine = Machine { clock, ..machine };
                runs.push(run_of(&system, machine, Kernel::Shipped));
            }
        }
        if ON_CHECKING.contains(&system.as_str()) {
            runs.push(run_of(&system, Machine::default(), Kernel::Checking));
        }
    }
    Ok(runs)
}

fn newest() -> Machine {
    Machine {
        cpu: "max".to_owned(),
        gic: Gic::V3,
        ..Machine::default()
    }
}

/// A system on a machine with a kernel.
fn run_of(system: &str, machine: Machine, kernel: Kernel) -> Run {
    let checking = match kernel {
        Kernel::Shipped => "",
        Kernel::Checking => "-checking",
        Kernel::Ghost => "-ghost",
    };
    Run {
        name: format!("{}{checking}", name(system, &machine)),
        options: BootOptions {
            system: Some(system.to_owned()),
            kernel,
            machine,
        },
        is_only_counted: ONLY_COUNTED.contains(&system),
    }
}

/// The name of a system on a machine.
fn name(system: &str, machine: &Machine) -> String {
    let usual = Machine::default();
    let counted = match machine.clock {
        Clock::Host => "",
        Clock::Instructions => "-counted",
    };
    let newest = if machine.cpu == usual.cpu {
        ""
    } else {
        "-on-max"
    };
    format!("{system}{counted}{newest}")
}

/// The names of all systems on all machines.
pub(crate) fn names() -> Result<Vec<String>> {
    Ok(runs()?.into_iter().map(|run| run.name).collect())
}

/// Runs the systems that the filter may mean, as many at once as the host has cores, and makes cases
/// of their facts.
pub(crate) fn trials(workshop: &Workshop, arguments: &Arguments) -> Result<Vec<Trial>> {
    let mut wanted = runs()?;
    let is_skipped = |name: &str| {
        arguments
            .skip
            .iter()
            .any(|skip| name.contains(skip.as_str()))
    };
    wanted.retain(|run| !arguments.list && may_mean(arguments.filter.as_deref(), &run.name));
    wanted.retain(|run| !is_skipped(&run.name));
    let is_here = |run: &Run| !workshop.has_ghost() || !is_excluded(&run.name);
    let (wanted, excluded): (Vec<Run>, Vec<Run>) = wanted.into_iter().partition(is_here);
    let ignored = excluded.into_iter().map(|run| {
        let trial = Trial::test(format!("{}::runs", run.name), || Ok(()));
        trial.with_ignored_flag(true)
    });
    let reports = run_all(workshop, &wanted);
    let trials = reports.into_iter().flat_map(|(name, report)| match report {
        Ok(facts) => facts.into_iter().map(|fact| trial(&name, fact)).collect(),
        Err(error) => vec![Trial::test(format!("{name}::runs"), move || {
            Err(Failed::from(format!("{error:#}")))
        })],
    });
    Ok(ignored.chain(trials).collect())
}

/// Runs them, and tells what each reports, in the same order.
fn run_all(workshop: &Workshop, runs: &[Run]) -> Vec<(String, Result<Vec<Fact>>)> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let left = Mutex::new(runs.iter().enumerate());
    let next = || {
        let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
        left.next()
    };
    let work = || {
        let done = std::iter::from_fn(next);
        done.map(|(index, wanted)| (index, run(workshop, wanted)))
            .collect::<Vec<_>>()
    };
    let mut reports: Vec<_> = runs
        .iter()
        .map(|run| {
            let panicked = anyhow::anyhow!("the harness panicked");
            (run.name.clone(), Err(panicked))
        })
        .collect();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for (index, report) in workers.into_iter().flat_map(|it| it.join()).flatten() {
            if let Some(place) = reports.get_mut(index) {
                place.1 = report;
            }
        }
    });
    reports
}

/// Whether a filter can be part of the name of a fact of a system: one that names another topic
/// before `::` cannot.
fn may_mean(filter: Option<&str>, system: &str) -> bool {
    let topic = filter.and_then(|filter| filter.split_once("::"));
    topic.is_none_or(|(topic, _)| system.ends_with(topic))
}

fn run(workshop: &Workshop, run: &Run) -> Result<Vec<Fact>> {
    let mut system = workshop.boot(&run.options)?;
    let transcript = system
        .session()
        .wait_for_end(0, workshop.bound(PROGRAM_BOUND))?;
    let is_counted = run.options.machine.clock == Clock::Instructions;
    let is_noticed = run.is_only_counted || transcript.contains(COUNTED_TICKS);
    ensure!(
        is_noticed || !is_counted,
        "the system {} did not notice that its time is counted",
        run.name
    );
    read_facts(&transcript).with_context(|| format!("the system {}", run.name))
}

fn trial(system: &str, fact: Fact) -> Trial {
    let Fact { name, problem } = fact;
    Trial::test(format!("{system}::{name}"), move || match problem {
        None => Ok(()),
        Some(problem) => Err(Failed::from(problem)),
    })
}
