//! `./x check`: formatting, lints, and the rules of the house.

use crate::bounded;
use crate::image;
use crate::services;
use crate::step::{self, Step};
use crate::tidy;
use crate::toolchain::Toolchain;
use crate::verify;
use crate::workspace::{self, Package, Place};
use anyhow::{Result, bail};
use std::process::Command;

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// What was checked.
    pub name: String,
    /// What is wrong, if something is.
    pub problem: Option<String>,
}

/// Runs all checks and fails if one does.
pub(crate) fn check(toolchain: &Toolchain) -> Result<()> {
    let checks = run(toolchain)?;
    let failed = checks.iter().filter(|check| check.problem.is_some());
    let failed: Vec<&str> = failed.map(|check| check.name.as_str()).collect();
    match failed.as_slice() {
        [] => Ok(()),
        failed => bail!("failed: {}", failed.join(", ")),
    }
}

/// Formats the Rust code.
pub(crate) fn format(toolchain: &Toolchain) -> Result<()> {
    let mut cargo = toolchain.cargo();
    Step::new("formatting").run(cargo.args(["fmt", "--all"]))?;
    Ok(())
}

/// Runs all checks and prints each outcome.
pub(crate) fn run(toolchain: &Toolchain) -> Result<Vec<Check>> {
    let packages = workspace::packages(toolchain.cargo())?;
    let mut checks = vec![
        command("format", &mut check_format(toolchain))?,
        command(
            "clippy on the host",
            &mut clippy_on_host(toolchain, &packages),
        )?,
        command(
            "clippy on the target",
            &mut clippy_on_target(toolchain, &packages),
        )?,
        command("clippy on the ghost", &mut clippy_on_ghost(toolchain))?,
    ];
    for outcome in tidy::check()? {
        let findings = outcome.findings.iter().map(ToString::to_string);
        let findings: Vec<String> = findings.collect();
        let problem = (!findings.is_empty()).then(|| findings.join("\n"));
        checks.push(report(format!("tidy: {}", outcome.rule), problem));
    }
    checks.push(report("claims table".to_owned(), verify::check_table()));
    checks.push(report(
        "pages of the services".to_owned(),
        services::check(),
    ));
    checks.push(bounded(toolchain)?);
    Ok(checks)
}

/// The packages that a new server changes besides its own.
const SERVER_PARTS: [&str; 2] = ["ipc-abi", "shell"];

/// Runs the checks that a server can break, and prints each outcome.
pub(crate) fn run_server(toolchain: &Toolchain, packages: &[Package]) -> Result<Vec<Check>> {
    let mut lints = toolchain.cargo();
    lints.args(["clippy", "--tests", "--lib"]);
    for package in packages {
        lints.args(["--package", &package.specification]);
    }
    for package in SERVER_PARTS {
        lints.args(["--package", package]);
    }
    lints.args(["--", "-D", "warnings"]);
    Ok(vec![
        command("format", &mut check_format(toolchain))?,
        command("lints", &mut lints)?,
    ])
}

/// Names only: `./x fmt` mends them.
fn check_format(toolchain: &Toolchain) -> Command {
    let mut format = toolchain.cargo();
    format.args(["fmt", "--all", "--check", "--", "--files-with-diff"]);
    format
}

/// The longest stretch of the kernel that nothing interrupts.
fn bounded(toolchain: &Toolchain) -> Result<Check> {
    let elf = image::build_kernel(toolchain)?;
    let report = toolchain.target_directory().join("bounded.json");
    let findings = bounded::check(&elf, &report)?;
    print!("{}", findings.table);
    let problem = (!findings.problems.is_empty()).then(|| findings.problems.join("\n"));
    Ok(self::report("bounded".to_owned(), problem))
}

fn command(name: &str, command: &mut Command) -> Result<Check> {
    let outcome = Step::new(name).observe(command, |_| ())?;
    let problem = (!outcome.status.success()).then(|| step::without_progress(&outcome.lines));
    Ok(report(name.to_owned(), problem))
}

fn report(name: String, problem: Option<String>) -> Check {
    let check = Check { name, problem };
    print(&check);
    check
}

/// Prints an outcome.
pub(crate) fn print(check: &Check) {
    let name = &check.name;
    match &check.problem {
        None => println!("{name}: ok"),
        Some(problem) => println!("{name}: FAILED\n{problem}"),
    }
}

fn clippy_on_host(toolchain: &Toolchain, packages: &[Package]) -> Command {
    let mut cargo = toolchain.cargo();
    cargo.args(["clippy", "--tests", "--lib", "--examples"]);
    let mut has_bin = false;
    for package in packages.iter().filter(|it| it.place() != Place::Target) {
        cargo.args(["--package", &package.specification]);
        has_bin |= package.folder == "xtask";
    }
    if has_bin {
        cargo.args(["--bin", "xtask"]);
    }
    cargo.args(["--", "-D", "warnings"]);
    cargo
}

/// The kernel's two crates as they are with a ghost.
fn clippy_on_ghost(toolchain: &Toolchain) -> Command {
    let mut cargo = toolchain.cargo();
    cargo.args(["clippy", "--lib", "--bins"]);
    cargo.args(toolchain.target_options());
    cargo.args(["--package", "pecan-kernel", "--package", "pecan-aarch64"]);
    cargo.args(["--features", "pecan-kernel/ghost,pecan-aarch64/ghost"]);
    cargo.args(["--", "-D", "warnings"]);
    cargo
}

fn clippy_on_target(toolchain: &Toolchain, packages: &[Package]) -> Command {
    let mut cargo = toolchain.cargo();
    cargo.args(["clippy", "--lib", "--bins"]);
    cargo.args(toolchain.target_options());
    for package in packages.iter().filter(|it| it.place() != Place::Host) {
        cargo.args(["--package", &package.specification]);
    }
    cargo.args(["--", "-D", "warnings"]);
    cargo
}
