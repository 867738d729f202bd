//! The command line of `./x`.

use crate::inspect::Action;
use crate::machine::{Gic, MemorySize};
use crate::verify::Extent;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Builds, boots, tests and measures Pecan.
#[derive(Debug, Parser)]
#[command(name = "x", bin_name = "./x", arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// Whose Rust to use; the default is what is there, else rustup's, else Debian's.
    /// PECAN_TOOLCHAIN says the same.
    #[arg(long, global = true, value_enum, value_name = "WHOSE")]
    pub toolchain: Option<ToolchainArgument>,
    /// Install nothing: name what is missing and stop with exit code 3.
    #[arg(long, global = true)]
    pub no_install: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Values of `--toolchain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ToolchainArgument {
    /// The Rust on the path, with its bare-metal target.
    Rustup,
    /// Debian's rustc-web, with core and alloc built from rust-web-src.
    Debian,
}

/// What `./x` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Boots the system in the emulator and gives its console (Ctrl-A x ends it).
    Run(RunArguments),
    /// Builds the kernel image and the boot package.
    Image(ImageArguments),
    /// Runs every check and test; the last line is `N passed, N failed`.
    Test(TestArguments),
    /// Checks the shipped kernel against its specification: proofs, exploration, static checks.
    Verify(VerifyArguments),
    /// The part of verification/static that reads the kernel and the source.
    #[command(hide = true)]
    Inspect(InspectArguments),
    /// Counts the instructions of IPC and compares them with seL4's and Linux's.
    Bench(BenchArguments),
    /// Writes a new server that works: interface, program, tests, command of the shell.
    NewServer(NewServerArguments),
    /// Checks formatting, lints, the rules of the house and the bounds of the kernel.
    Check,
    /// Formats the Rust code.
    Fmt,
    /// Writes the services' pages of the book from their interfaces.
    Services,
}

/// Arguments of `./x run`.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Types LINE at the prompt and prints the answer; may be given several times. Then the
    /// system is powered off. The exit code is 0 if every line succeeded.
    #[arg(long, value_name = "LINE")]
    pub exec: Vec<String>,
    /// Runs the kernel with its ghost, from EL2.
    #[arg(long)]
    pub ghost: bool,
    /// Seconds that the boot and each line may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArguments,
    /// Which system runs.
    #[command(flatten)]
    pub system: SystemArguments,
}

/// The emulated machine.
#[derive(Debug, Args)]
pub(crate) struct MachineArguments {
    /// How many cores.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub cpus: u32,
    /// How much memory: 64M to 64G.
    #[arg(long, value_name = "SIZE", default_value = "1G")]
    pub memory: MemorySize,
    /// Which processor, as QEMU names it: cortex-a53, cortex-a72, max.
    #[arg(long, value_name = "MODEL", default_value = "cortex-a53", value_parser = crate::machine::parse_cpu)]
    pub cpu: String,
    /// The version of the interrupt controller.
    #[arg(long, value_enum, value_name = "VERSION", default_value_t = Gic::V2)]
    pub gic: Gic,
    /// Count instructions as time: exact and repeatable, and slower.
    #[arg(long)]
    pub icount: bool,
    /// Start at EL2, as a machine with a hypervisor extension does.
    #[arg(long)]
    pub el2: bool,
}

/// Which system runs on the machine.
#[derive(Debug, Args)]
pub(crate) struct SystemArguments {
    /// A system of tests/systems by name, or the one of the board.
    #[arg(long = "system", value_name = "NAME", default_value = crate::image::DEFAULT_SYSTEM)]
    pub name: String,
    /// Adds the server in this folder, which is outside of the tree: its programs, and the processes
    /// of its system.toml. May be given several times.
    #[arg(long, value_name = "PATH")]
    pub with: Vec<PathBuf>,
}

/// Arguments of `./x image`.
#[derive(Debug, Args)]
pub(crate) struct ImageArguments {
    /// Prints who can reach whom.
    #[arg(long)]
    pub graph: bool,
    /// Which system.
    #[command(flatten)]
    pub system: SystemArguments,
}

/// Arguments of `./x test`.
#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// Runs only what has TEXT in its name.
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Runs the emulator tests alone, on the kernel with its ghost: after each exit, what the kernel
    /// left is compared with what it should have.
    #[arg(long)]
    pub ghost: bool,
    /// Runs only what one server has: formatting, lints, its own tests, and those in the emulator
    /// that are called after it.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["filter", "ghost"])]
    pub server: Option<String>,
}

/// Arguments of `./x new-server`.
#[derive(Debug, Args)]
pub(crate) struct NewServerArguments {
    /// What it is called: at most 24 bytes (20 with --outside), a small letter, then small letters,
    /// digits and single hyphens, none at the end; no name that Rust, cargo or the tree has.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Writes it into this folder, outside of the tree: a package of its own for `./x run --with`.
    #[arg(long, value_name = "PATH")]
    pub outside: Option<PathBuf>,
}

/// Arguments of `./x verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// Checks everything, not only what the tests have time for.
    #[arg(long)]
    pub all: bool,
    /// Writes the claims table into verification/README.md, and checks nothing.
    #[arg(long, conflicts_with_all = ["all", "parts"])]
    pub write_table: bool,
    /// Only these parts of verification/.
    #[arg(value_name = "PART")]
    pub parts: Vec<String>,
}

impl VerifyArguments {
    /// How much is checked.
    pub(crate) fn extent(&self) -> Extent {
        if self.all {
            Extent::All
        } else {
            Extent::Bounded
        }
    }
}

/// Arguments of `./x inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// The kernel.
    #[arg(long, value_name = "KERNEL")]
    pub elf: PathBuf,
    /// Where what was found is written.
    #[arg(long, value_name = "FILE")]
    pub report: PathBuf,
    /// Writes the files that are compared, too.
    #[arg(long)]
    pub write: bool,
}

impl InspectArguments {
    /// What to do with the files that are compared.
    pub(crate) fn action(&self) -> Action {
        if self.write {
            Action::Write
        } else {
            Action::Compare
        }
    }
}

/// Arguments of `./x bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// Also writes the figures to FILE.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Measures only what has TEXT in its name.
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Seconds that the measurement may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use ipc_abi::manifest::NAME_BYTES;

    #[test]
    fn help_states_the_limits_of_a_name() {
        let arguments = Arguments::command();
        let new = arguments.find_subcommand("new-server");
        let help = new.expect("it is there").clone().render_help().to_string();
        let outside = NAME_BYTES - "ask-".len();
        let limits = format!("at most {NAME_BYTES} bytes ({outside} with --outside)");
        assert!(help.contains(&limits), "{help}");
    }
}
