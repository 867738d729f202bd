//! `new-name`: what it answers at the prompt, and that it is started again when it dies.

use crate::{Case, case};
use anyhow::{Result, ensure};
use system_tests::{BootOptions, Workshop, expect_text};

pub(crate) fn cases() -> Vec<Case> {
    let case = |name, run| case("new-name", name, run);
    vec![
        case("total_grows", total_grows),
        case("wrong_amounts_are_refused", wrong_amounts_are_refused),
        case("successor_answers", successor_answers),
    ]
}

fn total_grows(workshop: &Workshop) -> Result<()> {
    let mut system = workshop.boot_to_prompt(&BootOptions::default())?;
    ensure!(system.succeed("new-name 2")? == "2\n", "not what was added");
    ensure!(system.succeed("new-name 3")? == "5\n", "not the sum");
    ensure!(system.succeed("new-name")? == "5\n", "not the total");
    system.power_off()
}

fn wrong_amounts_are_refused(workshop: &Workshop) -> Result<()> {
    let mut system = workshop.boot_to_prompt(&BootOptions::default())?;
    expect_text(&system.fail("new-name x")?, "new-name: 'x' is no number")?;
    system.succeed("new-name 1")?;
    let too_much = format!("new-name {}", u32::MAX);
    expect_text(&system.fail(&too_much)?, "the total does not fit")?;
    ensure!(system.succeed("new-name")? == "1\n", "the total changed");
    system.power_off()
}

fn successor_answers(workshop: &Workshop) -> Result<()> {
    let mut system = workshop.boot_to_prompt(&BootOptions::default())?;
    system.succeed("new-name 7")?;
    system.succeed("kill new-name")?;
    system.wait_for("new-name was killed by shell")?;
    ensure!(
        system.succeed("new-name 1")? == "1\n",
        "the total outlived the server"
    );
    system.power_off()
}
