//! Which Rust builds the system, and how cargo is run with it.
//!
//! Everything that runs in the emulator is stable Rust of [`RUST_NEEDED`] for [`TARGET`]. Rustup
//! has that target ready; Debian has not, so there core and alloc are built from source.

mod facts;

pub(crate) use facts::{Facts, find_on_path, read};

use crate::arguments::ToolchainArgument;
use crate::install::{self, Installer};
use crate::workspace::{self, TARGET};
use anyhow::{Context, Result, bail, ensure};
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A Rust version: `1.N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    /// 1.
    pub major: u32,
    /// The part that counts.
    pub minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// The oldest Rust that builds the system (`rust-version` of the workspace).
pub(crate) const RUST_NEEDED: Version = Version {
    major: 1,
    minor: 96,
};

/// Whose Rust it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The one on the path, with its bare-metal target.
    Rustup,
    /// Debian's rustc-web.
    Debian,
}

impl Kind {
    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rustup => "rustup",
            Self::Debian => "debian",
        }
    }
}

/// What a toolchain is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To compile.
    Build,
    /// To boot what was compiled.
    Run,
    /// To format and lint; nothing is booted.
    Check,
    /// To check, boot and test one server.
    Server,
    /// To verify: to prove, and to boot the kernel beside its specification.
    Prove,
    /// All of it.
    Test,
}

impl Purpose {
    /// Whether something is booted.
    pub(crate) fn runs(self) -> bool {
        matches!(self, Self::Run | Self::Server | Self::Prove | Self::Test)
    }

    /// Whether the code is formatted or linted.
    pub(crate) fn checks(self) -> bool {
        matches!(self, Self::Check | Self::Server | Self::Test)
    }

    /// Whether something is proved.
    pub(crate) fn proves(self) -> bool {
        matches!(self, Self::Prove | Self::Test)
    }
}

/// What to do to have a toolchain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is complete.
    Use(Kind),
    /// `rustup target add`; if that fails, the other.
    AddTarget(Otherwise),
    /// Debian's packages have to be installed.
    InstallDebian,
    /// Nothing can be done; why.
    Refuse(String),
}

/// What to do when rustup cannot add the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Otherwise {
    /// Use Debian's.
    Debian,
    /// Stop.
    Refuse,
}

/// Decides by what was asked for and what is there.
pub(crate) fn decide(request: Option<ToolchainArgument>, facts: &Facts) -> Decision {
    let is_recent = facts.path_rust.is_some_and(|rust| rust >= RUST_NEEDED);
    match request {
        Some(ToolchainArgument::Debian) if facts.is_debian_ready() => Decision::Use(Kind::Debian),
        Some(ToolchainArgument::Debian) => Decision::InstallDebian,
        Some(ToolchainArgument::Rustup) => match facts.path_rust {
            None => Decision::Refuse("there is no rustc on the path".to_owned()),
            Some(rust) if !is_recent => Decision::Refuse(format!(
                "the Rust on the path is {rust} and {RUST_NEEDED} is needed: run `rustup update`"
            )),
            Some(_) if facts.has_path_target => Decision::Use(Kind::Rustup),
            Some(_) if facts.has_rustup => Decision::AddTarget(Otherwise::Refuse),
            Some(_) => Decision::Refuse(format!(
                "the Rust on the path has no target {TARGET}, and there is no rustup to add it"
            )),
        },
        None if is_recent && facts.has_path_target => Decision::Use(Kind::Rustup),
        None if facts.is_debian_ready() => Decision::Use(Kind::Debian),
        None if is_recent && facts.has_rustup => Decision::AddTarget(Otherwise::Debian),
        None => Decision::InstallDebian,
    }
}

/// A toolchain that is complete.
#[derive(Clone, Debug)]
pub struct Toolchain {
    kind: Kind,
    linker: Option<PathBuf>,
}

impl Toolchain {
    /// Finds the toolchain, and with `installer`'s permission installs what it and a purpose lack,
    /// all at once.
    pub(crate) fn prepare(
        request: Option<ToolchainArgument>,
        purpose: Purpose,
        installer: &Installer,
    ) -> Result<Self> {
        let facts = Facts::collect();
        let complete = |kind, facts: &Facts| Self::complete(kind, purpose, facts, installer);
        match decide(request, &facts) {
            Decision::Use(kind) => complete(kind, &facts),
            Decision::Refuse(why) => bail!("{why}"),
            Decision::InstallDebian => complete(Kind::Debian, &facts),
            Decision::AddTarget(otherwise) => match installer.add_rustup_target() {
                Ok(()) => complete(Kind::Rustup, &Facts::collect()),
                Err(error) if otherwise == Otherwise::Debian && !install::is_missing(&error) => {
                    eprintln!("x: {error:#}; Debian's Rust is used instead");
                    complete(Kind::Debian, &facts)
                }
                Err(error) => Err(error),
            },
        }
    }

    fn complete(
        kind: Kind,
        purpose: Purpose,
        facts: &Facts,
        installer: &Installer,
    ) -> Result<Self> {
        let missing = facts.missing(kind, purpose);
        if missing.is_empty() {
            return Self::finish(kind, purpose, facts, installer);
        }
        installer.install(&missing)?;
        let facts = Facts::collect();
        if let Some(rust) = facts.debian_rust.filter(|rust| *rust < RUST_NEEDED) {
            ensure!(
                kind == Kind::Rustup,
                "Debian's rustc-web here is {rust} and {RUST_NEEDED} is needed: \
                 enable the security archive of Debian 12"
            );
        }
        if let Some(need) = facts.missing(kind, purpose).first() {
            bail!("{} was installed and is still not found", need.package);
        }
        Self::finish(kind, purpose, &facts, installer)
    }

    fn finish(kind: Kind, purpose: Purpose, facts: &Facts, installer: &Installer) -> Result<Self> {
        let linker = match kind {
            Kind::Rustup => None,
            Kind::Debian => facts.linker.clone(),
        };
        let toolchain = Self { kind, linker };
        if kind == Kind::Rustup && purpose.checks() {
            toolchain.add_components(installer)?;
        }
        Ok(toolchain)
    }

    /// Has rustup add what the checks need.
    fn add_components(&self, installer: &Installer) -> Result<()> {
        for (command, component) in [("clippy", "clippy"), ("fmt", "rustfmt")] {
            let mut probe = self.cargo();
            let probe = probe.args([command, "--version"]).output();
            if !probe.is_ok_and(|output| output.status.success()) {
                installer.add_rustup_component(component)?;
            }
        }
        Ok(())
    }

    /// Whose it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Where its builds go.
    pub(crate) fn target_directory(&self) -> PathBuf {
        workspace::root().join("target").join(self.kind.name())
    }

    /// Cargo, run at the root, with its builds in [`Self::target_directory`].
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(self.cargo_program());
        self.set_environment(&mut command);
        command
    }

    /// Formats a Rust source as `./x fmt` does.
    pub(crate) fn format(&self, source: &str) -> Result<String> {
        let mut formatter = Command::new(match self.kind {
            Kind::Rustup => "rustfmt",
            Kind::Debian => "/usr/bin/rustfmt",
        });
        self.set_environment(&mut formatter);
        formatter.args(["--edition", "2024", "--emit", "stdout"]);
        formatter.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = formatter.spawn().context("cannot run rustfmt")?;
        if let Some(mut input) = child.stdin.take() {
            // What it does not read it complains about by its status.
            let _ended = input.write_all(source.as_bytes());
        }
        let output = child.wait_with_output().context("cannot run rustfmt")?;
        ensure!(
            output.status.success(),
            "rustfmt refused ({})",
            output.status
        );
        String::from_utf8(output.stdout).context("rustfmt writes no text")
    }

    fn cargo_program(&self) -> &'static str {
        match self.kind {
            Kind::Rustup => "cargo",
            Kind::Debian => "/usr/bin/cargo",
        }
    }

    /// Has a command run at the root, and what it runs use this toolchain as [`Self::cargo`] does.
    /// `CARGO` names the cargo.
    pub(crate) fn set_environment(&self, command: &mut Command) {
        if self.kind == Kind::Debian {
            set_debian_environment(command);
        }
        command.env("CARGO", self.cargo_program());
        command.current_dir(workspace::root());
        command.env("CARGO_TARGET_DIR", self.target_directory());
        command.env_remove("CARGO_BUILD_TARGET");
        for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
            command.env_remove(variable);
        }
        if let Some(linker) = &self.linker {
            command.env("CARGO_TARGET_AARCH64_UNKNOWN_NONE_SOFTFLOAT_LINKER", linker);
        }
    }

    /// The options that make a cargo command build for the emulator.
    pub(crate) fn target_options(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Rustup => &["--target", TARGET],
            Kind::Debian => &["--target", TARGET, "-Zbuild-std=core,alloc"],
        }
    }
}

/// Debian's tools, whatever comes first on the path.
///
/// `RUSTC_BOOTSTRAP` is for `-Zbuild-std` only: the tree has no unstable feature, and tidy checks.
fn set_debian_environment(command: &mut Command) {
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("/usr/bin:{path}"));
    command.env("RUSTC", "/usr/bin/rustc");
    command.env("RUSTDOC", "/usr/bin/rustdoc");
    command.env("RUSTC_BOOTSTRAP", "1");
    for variable in ["RUSTUP_TOOLCHAIN", "RUSTC_WRAPPER"] {
        command.env_remove(variable);
    }
}

#[cfg(test)]
mod tests;
