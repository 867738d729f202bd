//! What a person meets at the prompt.

use crate::{Case, case};
use anyhow::{Result, ensure};
use system_tests::{BootOptions, System, Workshop, expect_text};

/// The processes of the board's system.
const PROCESSES: [&str; 6] = [
    "supervisor",
    "console",
    "log",
    "shell",
    "bench",
    "bench-partner",
];

pub(crate) fn cases() -> Vec<Case> {
    let case = |name, run| case("shell", name, run);
    vec![
        case("help_lists_the_commands", help_lists_the_commands),
        case("ps_lists_the_processes", ps_lists_the_processes),
        case("mem_accounts_for_all_frames", mem_accounts_for_all_frames),
        case("caps_of_every_process_are_live", caps_of_every_process),
        case("echo_prints_its_words", echo_prints_its_words),
        case("wrong_lines_fail_with_a_reason", wrong_lines_fail),
        case("editing_keys_edit", editing_keys_edit),
        case("long_line_is_cut_and_answered", long_line_is_answered),
    ]
}

fn boot(workshop: &Workshop) -> Result<System> {
    workshop.boot_to_prompt(&BootOptions::default())
}

fn help_lists_the_commands(workshop: &Workshop) -> Result<()> {
    let mut system = boot(workshop)?;
    let answer = system.succeed("help")?;
    for command in ["help", "ps", "mem", "caps", "echo", "bench", "halt"] {
        ensure!(
            answer
                .lines()
                .any(|line| line.trim_start().starts_with(command)),
            "no {command} in the answer:\n{answer}"
        );
    }
    system.power_off()
}

fn ps_lists_the_processes(workshop: &Workshop) -> Result<()> {
    let mut system = boot(workshop)?;
    let answer = system.succeed("ps")?;
    for process in PROCESSES {
        ensure!(
            answer
                .lines()
                .any(|line| line.split_whitespace().next() == Some(process)),
            "no {process} in the answer:\n{answer}"
        );
    }
    system.power_off()
}

fn mem_accounts_for_all_frames(workshop: &Workshop) -> Result<()> {
    let mut system = boot(workshop)?;
    let answer = system.succeed("mem")?;
    let mut sum = 0;
    let mut all = None;
    for line in answer.lines().skip(1) {
        let mut words = line.split_whitespace();
        let (name, frames) = (words.next(), words.next());
        let frames: u64 = frames.unwrap_or_default().parse()?;
        match name {
            Some("(all)") => all = Some(frames),
            _ => sum += frames,
        }
    }
    ensure!(all == Some(sum), "the frames do not add up:\n{answer}");
    ensure!(!answer.contains("(lost)"), "frames are lost:\n{answer}");
    system.power_off()
}

fn caps_of_every_process(workshop: &Workshop) -> Result<()> {
    let mut system = boot(workshop)?;
    for process in PROCESSES {
        let answer = system.succeed(&format!("caps {process}"))?;
        ensure!(answer.lines().count() > 2, "none of {process}:\n{answer}");
        ensure!(!answer.contains("stale"), "stale ones:\n{answer}");
    }
    system.power_off()
}

fn echo_prints_its_words(workshop: &Workshop) -> Result<()> {
    let mut system = boot(workshop)?;
    ensure!(
        system.succeed("echo one  two")? == "one two\n",
        "not the words"
    );
    ensure!(system.succeed("echo")? == "\n", "not an empty line");
    expect_text(&system.succeed("echo grüße")?, "grüße")?;
    system.power_off()
}

fn wrong_lines_fail(workshop: &Workshop) -> Result<()> {
    let mut system = boot(workshop)?;
    for (line, culprit) in [
        ("frobnicate", "frobnicate"),
        ("ps all", "ps"),
        ("caps nobody", "nobody"),
        ("bench no/such/figure", "no/such/figure"),
        ("help frobnicate", "frobnicate"),
    ] {
        expect_text(&system.fail(line)?, culprit)?;
    }
    system.succeed("echo still here")?;
    system.power_off()
}

fn editing_keys_edit(workshop: &Workshop) -> Result<()> {
    let mut system = boot(workshop)?;
    // Backspace; Ctrl-A and Ctrl-E; Ctrl-U forgets; the arrow brings back the last line.
    ensure!(
        system.succeed("echo abd\u{7F}c")? == "abc\n",
        "no backspace"
    );
    ensure!(
        system.succeed("cho x\u{1}e\u{5}y")? == "xy\n",
        "no way to the ends"
    );
    ensure!(
        system.succeed("nonsense\u{15}echo z")? == "z\n",
        "no clearing"
    );
    ensure!(system.succeed("\u{1B}[A")? == "z\n", "no history");
    system.power_off()
}

fn long_line_is_answered(workshop: &Workshop) -> Result<()> {
    let mut system = boot(workshop)?;
    let line = format!("echo {}", "x".repeat(5000));
    let answer = system.succeed(&line)?;
    ensure!(answer.starts_with('x'), "not the words:\n{answer}");
    ensure!(
        system.succeed("echo next")? == "next\n",
        "the next line is not whole"
    );
    system.power_off()
}
