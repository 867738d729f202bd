//! A shell that crashes is reported in one line and started again; nothing else notices.

use crate::{Case, case};
use anyhow::{Result, ensure};
use system_tests::memory::{ENTRY_WORDS, FIRST_FRAME, FRAMES, Snapshot, kind};
use system_tests::{BOOT_BOUND, BootOptions, System, Workshop, expect_text};
use xtask::machine::Machine;

/// How often the shell crashes in the case that looks for leaks; its policy allows it.
const CRASHES: usize = 5;
/// How often in the one that compares the frame table; the first few may still find new places.
const RESTARTS: usize = 100;
const FIRST_RESTARTS: usize = 10;

pub(crate) fn cases() -> Vec<Case> {
    let case = |name, run| case("crash", name, run);
    vec![
        case("panic_says_who_where_and_why", panic_is_reported),
        case("panic_in_library_names_its_caller", caller_is_reported),
        case("null_pointer_is_reported", null_pointer_is_reported),
        case("undefined_instruction_is_reported", undefined_is_reported),
        case("crashes_leak_no_memory", crashes_leak_no_memory),
        case("restarts_leave_the_frame_table", restarts_leave_table),
        case("ring_outlives_both_its_sides", ring_outlives_both),
    ]
}

/// A ring is used, and again after its server died, and after its client did.
fn ring_outlives_both(workshop: &Workshop) -> Result<()> {
    const USE_RING: &str = "bench ipc/ring/no-op";
    let mut system = boot(workshop)?;
    system.succeed(USE_RING)?;
    for victim in ["bench-partner", "bench", "bench-partner"] {
        system.succeed(&format!("kill {victim}"))?;
        system.wait_for(&format!("{victim} was killed by shell"))?;
        expect_text(&system.succeed(USE_RING)?, "ipc/ring/no-op")?;
    }
    system.power_off()
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

fn caller_is_reported(workshop: &Workshop) -> Result<()> {
    let mut system = boot(workshop)?;
    for (how, why, function) in [
        (
            "unwrap",
            "called `Option::unwrap()` on a `None` value",
            "unwrap",
        ),
        ("index", "the len is 4 but the index is 9", "index"),
        (
            "slice",
            "range end index 9 out of range for slice of length 4",
            "slice",
        ),
        (
            "memory",
            "memory allocation of 9223372036854775807 bytes failed",
            "exhaust_memory",
        ),
    ] {
        let report = crash(&mut system, how)?;
        expect_text(&report, why)?;
        expect_text(&report, &format!(" (in shell::crash::{function})"))?;
    }
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

/// What every frame is, and where it is mapped; not which identity it has, since that never repeats.
fn frame_table(memory: &Snapshot) -> Vec<(u8, [u64; ENTRY_WORDS])> {
    let frames = FIRST_FRAME..FIRST_FRAME + FRAMES;
    let look = |frame| {
        let mut entry = memory.entry(frame);
        let kind = memory.kind(frame);
        if kind == kind::USER {
            entry[0] = 0;
        }
        (kind, entry)
    };
    frames.map(look).collect()
}

fn restarts_leave_table(workshop: &Workshop) -> Result<()> {
    let options = BootOptions {
        system: Some("restarts".to_owned()),
        machine: Machine {
            memory: "64M".parse().map_err(anyhow::Error::msg)?,
            ..Machine::default()
        },
        ..BootOptions::default()
    };
    let mut watched = workshop.boot_monitored(&options, "restarts")?;
    watched
        .system
        .session()
        .wait_for_prompt(workshop.bound(BOOT_BOUND))?;
    let mut monitor = watched.monitor()?;
    for _ in 0..FIRST_RESTARTS {
        crash(&mut watched.system, "panic")?;
    }
    let before = frame_table(&watched.look(&mut monitor)?);
    for _ in 0..RESTARTS {
        crash(&mut watched.system, "panic")?;
    }
    let after = frame_table(&watched.look(&mut monitor)?);
    for (frame, (before, after)) in (FIRST_FRAME..).zip(before.iter().zip(&after)) {
        ensure!(
            before == after,
            "frame {frame:#x} was {before:x?}, is {after:x?}"
        );
    }
    watched
        .system
        .session()
        .power_off(workshop.bound(system_tests::OFF_BOUND))?;
    Ok(())
}
