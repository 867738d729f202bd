//! Every machine that the kernel knows reaches the prompt and goes off again.

use crate::Case;
use anyhow::Result;
use system_tests::{BootOptions, Workshop, expect_text};
use xtask::machine::{Clock, ExceptionLevel, Gic, Machine};

pub(crate) fn cases() -> Vec<Case> {
    machines()
        .into_iter()
        .map(|(name, machine)| -> Case {
            (
                format!("boot::{name}"),
                Box::new(move |workshop| boots(workshop, machine)),
            )
        })
        .collect()
}

/// The machines, each different from the default in what its name says.
fn machines() -> Vec<(&'static str, Machine)> {
    let base = Machine::default;
    let cpu = |cpu: &str, gic| Machine {
        cpu: cpu.to_owned(),
        gic,
        ..base()
    };
    let memory = |size: &str| Machine {
        memory: size.parse().unwrap_or(base().memory),
        ..base()
    };
    let level2 = |machine: Machine| Machine {
        level: ExceptionLevel::Two,
        ..machine
    };
    vec![
        ("cortex_a53_with_gic2", cpu("cortex-a53", Gic::V2)),
        ("cortex_a53_with_gic3", cpu("cortex-a53", Gic::V3)),
        ("cortex_a72_with_gic2", cpu("cortex-a72", Gic::V2)),
        ("cortex_a72_with_gic3", cpu("cortex-a72", Gic::V3)),
        ("max_with_gic2", cpu("max", Gic::V2)),
        ("max_with_gic3", cpu("max", Gic::V3)),
        ("64_mebibytes", memory("64M")),
        ("3_gibibytes", memory("3G")),
        ("64_gibibytes", memory("64G")),
        ("level_2_with_gic2", level2(cpu("cortex-a53", Gic::V2))),
        ("level_2_with_gic3", level2(cpu("max", Gic::V3))),
        (
            "two_cores",
            Machine {
                cpus: 2,
                gic: Gic::V3,
                ..base()
            },
        ),
        (
            "counted_instructions",
            Machine {
                clock: Clock::Instructions,
                ..base()
            },
        ),
    ]
}

fn boots(workshop: &Workshop, machine: Machine) -> Result<()> {
    let gic = match machine.gic {
        Gic::V2 => "2",
        Gic::V3 => "3",
    };
    let options = BootOptions {
        machine,
        ..BootOptions::default()
    };
    let mut system = workshop.boot_to_prompt(&options)?;
    expect_text(&system.succeed("echo it lives")?, "it lives\n")?;
    let info = system.succeed("info")?;
    let has_gic = info
        .lines()
        .any(|line| line.to_lowercase().contains("gic") && line.trim_end().ends_with(gic));
    anyhow::ensure!(has_gic, "no GICv{gic} in the answer:\n{info}");
    system.power_off()
}
