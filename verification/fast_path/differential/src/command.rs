//! The command: what is run, and what is written down.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use serde_json::{Value, json};

use crate::image::Image;
use crate::paths::Labels;
use crate::{dead, facts, mutant, sample, trial};

/// Compares the two message paths of a kernel image.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Runs both paths on random scenarios.
    Compare(Common),
    /// Runs the fast path with one instruction changed, each in turn.
    Mutants(Common),
    /// Writes down scenarios and how they end, for another emulator to run.
    Sample(Common),
    /// Writes down what the proof needs to know.
    Facts(Common),
}

#[derive(Args)]
struct Common {
    /// The kernel image.
    #[arg(long)]
    elf: PathBuf,
    /// The page with the table of dead fields.
    #[arg(long)]
    readme: PathBuf,
    /// How many scenarios.
    #[arg(long)]
    scenarios: u64,
    /// The first scenario follows from this, the next from the number after it.
    #[arg(long)]
    seed: u64,
    /// Where what was found goes, as JSON.
    #[arg(long)]
    report: PathBuf,
}

pub(crate) fn main() -> ExitCode {
    match run(&Options::parse().mode) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fast_path: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(mode: &Mode) -> Result<()> {
    let (Mode::Compare(common)
    | Mode::Mutants(common)
    | Mode::Sample(common)
    | Mode::Facts(common)) = mode;
    let rows = dead::check(&common.readme)?;
    let image = Image::load(&common.elf)?;
    let labels = Labels::find(&image)?;
    let seeds = common.seed..common.seed + common.scenarios;
    let found = match mode {
        Mode::Compare(_) => trial::compare_many(&image, labels, seeds),
        Mode::Mutants(_) => mutant::try_all(&image, labels, seeds),
        Mode::Sample(_) => sample::take(&image, labels, seeds),
        Mode::Facts(_) => facts::all(&image, labels)?,
    };
    write(&common.report, &json!({"dead_rows": rows, "found": found}))
}

fn write(path: &Path, report: &Value) -> Result<()> {
    let text = serde_json::to_string(report)?;
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
