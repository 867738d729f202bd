//! The host side of Pecan: what `./x` does, as a library that the emulator tests share.
//!
//! [`image`] compiles the kernel and the programs and puts a system together ([`system`]);
//! [`machine`] says what is emulated; [`session`] talks with what was booted. The rest serves one
//! command each.
#![forbid(unsafe_code)]

mod arguments;
mod bench;
mod bounded;
mod check;
mod count;
mod emulator;
mod epitaph;
mod flat;
pub mod image;
mod inspect;
mod install;
pub mod machine;
pub mod monitor;
mod outside;
mod run;
mod server;
mod services;
pub mod session;
mod step;
mod suite;
pub mod system;
mod tidy;
pub mod toolchain;
pub mod transcript;
mod tutorial;
mod verify;
pub mod workspace;

use anyhow::Result;
use arguments::{
    Arguments, Command, ImageArguments, SystemArguments, TestArguments, ToolchainArgument,
};
use clap::{Parser, ValueEnum};
use image::SystemChoice;
use install::{Installer, Missing, Permission};
use std::process::ExitCode;
use toolchain::{Purpose, Toolchain};

/// The variable that says what `--toolchain` says.
const TOOLCHAIN_VARIABLE: &str = "PECAN_TOOLCHAIN";

/// Does what the command line says. Exit codes: 0 success, 1 failure, 2 a command line that is
/// not understood, 3 something is missing and may not be installed.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let error = match execute(&arguments) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(error) => error,
    };
    if error.downcast_ref::<suite::SuiteFailed>().is_some() {
        // Its last line is the count.
        return ExitCode::FAILURE;
    }
    if install::is_missing(&error) {
        for line in format!("{error:#}").lines() {
            eprintln!("x: {line}");
        }
        return ExitCode::from(Missing::EXIT_CODE);
    }
    eprintln!("x: {error:#}");
    ExitCode::FAILURE
}

/// The toolchain of the environment, complete as it is: for tests, which install nothing.
///
/// # Errors
/// If the toolchain lacks something.
pub fn prepared_toolchain() -> Result<Toolchain> {
    let installer = Installer::new(Permission::Refuse);
    Toolchain::prepare(requested(None)?, Purpose::Run, &installer)
}

fn execute(arguments: &Arguments) -> Result<()> {
    let request = requested(arguments.toolchain)?;
    let permission = if arguments.no_install {
        Permission::Refuse
    } else {
        Permission::Install
    };
    let installer = Installer::new(permission);
    let prepare = |purpose| Toolchain::prepare(request, purpose, &installer);
    match &arguments.command {
        Command::Run(run) => {
            let choice = choose(&run.system)?;
            run::check(run)?;
            let build = if run.ghost {
                image::build_with_ghost
            } else {
                image::build
            };
            let image = build(&prepare(Purpose::Run)?, &choice)?;
            run::run(run, &image)
        }
        Command::Image(image) => build_image(image, || prepare(Purpose::Build)),
        Command::Test(test) if test.ghost => {
            suite::run_with_ghost(&prepare(Purpose::Run)?, test.filter.as_deref())
        }
        Command::Test(TestArguments {
            server: Some(server),
            ..
        }) => suite::run_server(server, || prepare(Purpose::Server)),
        Command::Test(TestArguments {
            with: Some(folder), ..
        }) => suite::run_outside(folder, || prepare(Purpose::Build)),
        Command::Test(test) => {
            suite::run(&prepare(Purpose::Test)?, test.filter.as_deref(), permission)
        }
        Command::Verify(arguments) if arguments.write_table => verify::write_table(),
        Command::Verify(arguments) => {
            verify::verify(arguments, permission, || prepare(Purpose::Prove))
        }
        Command::Inspect(arguments) => {
            inspect::inspect(&arguments.elf, &arguments.report, arguments.action())
        }
        Command::Bench(bench) => {
            let choice = SystemChoice::of_tree(None);
            let image = image::build(&prepare(Purpose::Run)?, &choice)?;
            bench::bench(bench, &image)
        }
        Command::NewServer(new) => server::new_server(new, || prepare(Purpose::Check)),
        Command::Check => check::check(&prepare(Purpose::Check)?),
        Command::Services => services::write(),
        Command::Fmt => check::format(&prepare(Purpose::Check)?),
    }
}

fn build_image(arguments: &ImageArguments, prepare: impl Fn() -> Result<Toolchain>) -> Result<()> {
    let choice = choose(&arguments.system)?;
    if arguments.graph {
        print!("{}", system::graph::draw(&choice.load()?));
        return Ok(());
    }
    let image = image::build(&prepare()?, &choice)?;
    println!("kernel with symbols: {}", image.kernel_elf.display());
    println!("kernel image: {}", image.kernel.display());
    println!("boot package: {}", image.package.display());
    Ok(())
}

/// The system that the command line names; it keeps every rule.
fn choose(arguments: &SystemArguments) -> Result<SystemChoice> {
    let choice = SystemChoice::with(&arguments.name, &arguments.with)?;
    choice.load()?;
    Ok(choice)
}

/// What the command line or else the environment asks for.
fn requested(argument: Option<ToolchainArgument>) -> Result<Option<ToolchainArgument>> {
    let Some(value) = std::env::var_os(TOOLCHAIN_VARIABLE).filter(|_| argument.is_none()) else {
        return Ok(argument);
    };
    let value = value.to_string_lossy();
    let parsed = ToolchainArgument::from_str(&value, false);
    let parsed = parsed.map_err(|_| {
        anyhow::anyhow!("{TOOLCHAIN_VARIABLE} is {value:?}: it must be rustup or debian")
    })?;
    Ok(Some(parsed))
}
