//! A shell that crashes is reported in one line and started again; nothing else notices.

use crate::{Case, case};
use anyhow::{Result, ensure};
use system_tests::{BootOptions, System, Workshop, expect_text};

/// How often the shell crashes in the case that looks for leaks; its policy allows it.
const CRASHES: usize = 5;

pub(crate) fn cases() -> Vec<Case> {
    let case = |name, run| case("crash", name, run);
    vec![
        case("panic_says_who_where_and_why", panic_is_reported),
        case("null_pointer_is_reported", null_pointer_is_reported),
        case("undefined_instruction_is_reported", undefined_is_reported),
        case("crashes_leak_no_memory", crashes_leak_no_memory),
    ]
}

fn boot(workshop: &Workshop) -> Result<System> {
    workshop.boot_to_prompt(&BootOptions::default())
}

/// Crashes the shell and tells the one line about it.
fn crash(system: &mut System, how: &str) -> Result<String> {
    let answer = system.fail(&format!("crash {how}"))?;
    let mut reports = answer
        .lines()
        .filter(|line| line.starts_with("shell crashed:"));
    let report = reports.next().unwrap_or_default().to_owned();
    ensure!(
        !report.is_empty() && reports.next().is_none(),
        "not one report:\n{answer}"
    );
    ensure!(system.succeed("echo again")? == "again\n", "no new shell");
    Ok(report)
}

fn expect_function_of_the_shell(report: &str) -> Result<()> {
    let place = report.split_once("(in ").map_or("", |(_, place)| place);
    ensure!(
        place.contains("shell::"),
        "no function of the shell: {report}"
    );
    Ok(())
}

fn panic_is_reported(workshop: &Workshop) -> Result<()> {
    let mut system = boot(workshop)?;
    let report = crash(&mut system, "panic")?;
    expect_text(&report, "panicked at servers/shell/")?;
    expect_function_of_the_shell(&report)?;
    system.power_off()
}

fn null_pointer_is_reported(workshop: &Workshop) -> Result<()> {
    let mut system = boot(workshop)?;
    let report = crash(&mut system, "null")?;
    expect_text(&report, "cannot read at 0x0 ")?;
    expect_function_of_the_shell(&report)?;
    system.power_off()
}

fn undefined_is_reported(workshop: &Workshop) -> Result<()> {
    let mut system = boot(workshop)?;
    let report = crash(&mut system, "undefined")?;
    expect_text(&report, "undefined instruction")?;
    system.power_off()
}

fn crashes_leak_no_memory(workshop: &Workshop) -> Result<()> {
    let mut system = boot(workshop)?;
    crash(&mut system, "panic")?;
    let before = system.succeed("mem")?;
    for _ in 0..CRASHES {
        crash(&mut system, "panic")?;
    }
    let after = system.succeed("mem")?;
    ensure!(before == after, "before:\n{before}after:\n{after}");
    system.power_off()
}
