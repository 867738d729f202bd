//! Installs what is missing, once, and says in one line each what and why.

use crate::step::Step;
use crate::toolchain::{find_on_path, read};
use crate::workspace::TARGET;
use anyhow::{Context, Result, bail};
use std::fmt;
use std::process::Command;

/// How long rustup may try to reach its server, in seconds.
const RUSTUP_SECONDS: &str = "120";

/// A package of the emulator's source that is often here by itself, for disk images.
const EMULATOR_TOOLS: &str = "qemu-utils";

/// A package of Debian and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// Its name.
    pub package: &'static str,
    /// What it is for.
    pub why: &'static str,
}

impl Need {
    /// The compiler.
    pub(crate) const COMPILER: Self = Self {
        package: "rustc-web",
        why: "Debian's Rust compiler, recent enough for the system",
    };
    /// Its cargo.
    pub(crate) const CARGO: Self = Self {
        package: "cargo-web",
        why: "the cargo of that compiler",
    };
    /// The source of the library.
    pub(crate) const SOURCE: Self = Self {
        package: "rust-web-src",
        why: "the source of core and alloc, which are built for the bare-metal target",
    };
    /// A linker.
    pub(crate) const LINKER: Self = Self {
        package: "lld",
        why: "links AArch64 programs",
    };
    /// The lints.
    pub(crate) const CLIPPY: Self = Self {
        package: "rust-web-clippy",
        why: "the lints of the checks",
    };
    /// The formatter.
    pub(crate) const FORMATTER: Self = Self {
        package: "rustfmt-web",
        why: "checks the formatting",
    };
    /// What environments of Python are made with.
    pub(crate) const PYTHON_ENVIRONMENTS: Self = Self {
        package: "python3-venv",
        why: "an environment of its own for the solvers of the proofs",
    };
    /// The emulator.
    pub(crate) const EMULATOR: Self = Self {
        package: "qemu-system-arm",
        why: "emulates the machine that the system runs on",
    };
}

/// Whether anything may be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// Install what is missing.
    Install,
    /// Name what is missing and stop.
    Refuse,
}

/// Something is missing and may not or cannot be installed. Ends `x` with [`Missing::EXIT_CODE`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// Each with its reason.
    pub needs: Vec<Need>,
    /// Why it was not installed.
    pub because: &'static str,
}

impl Missing {
    /// What `x` ends with.
    pub(crate) const EXIT_CODE: u8 = 3;
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for need in &self.needs {
            writeln!(formatter, "missing: {}: {}", need.package, need.why)?;
        }
        write!(formatter, "{}", self.because)
    }
}

impl std::error::Error for Missing {}

/// Whether an error says that something is missing.
pub(crate) fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Missing>().is_some()
}

/// Installs packages, if it may.
#[derive(Debug)]
pub(crate) struct Installer {
    permission: Permission,
}

impl Installer {
    /// An installer with a permission.
    pub(crate) fn new(permission: Permission) -> Self {
        Self { permission }
    }

    /// Installs Debian packages.
    pub(crate) fn install(&self, needs: &[Need]) -> Result<()> {
        if needs.is_empty() {
            return Ok(());
        }
        let refuse = |because| Missing {
            needs: needs.to_vec(),
            because,
        };
        if self.permission == Permission::Refuse {
            bail!(refuse("--no-install forbids to install"));
        }
        if find_on_path("apt-get").is_none() {
            bail!(refuse(
                "there is no apt-get here: install them in the way of this system"
            ));
        }
        if !is_root() && find_on_path("sudo").is_none() {
            bail!(refuse(
                "not root and no sudo: install them with apt-get as root"
            ));
        }
        for need in needs {
            eprintln!("x: installing {}: {}", need.package, need.why);
        }
        let mut update = apt_get();
        update.args(["update"]);
        Step::new("reading the lists of packages").run(&mut update)?;
        let mut install = apt_get();
        install.args(["install", "-y", "--no-install-recommends", "--no-remove"]);
        install.args(needs.iter().map(|need| need.package));
        if needs.contains(&Need::EMULATOR)
            && let Some(tools) = older_emulator_tools()
        {
            eprintln!("x: installing {tools}: a newer one excludes this release's emulator");
            install.args(["--allow-downgrades", &tools]);
        }
        Step::new("installing packages").run(&mut install)?;
        Ok(())
    }

    /// Asks rustup for the bare-metal target.
    pub(crate) fn add_rustup_target(&self) -> Result<()> {
        self.refuse_rustup("rustup target add", TARGET)?;
        eprintln!("x: installing {TARGET}: rustup's core and alloc for the bare-metal target");
        let mut command = bounded("rustup");
        command.args(["target", "add", TARGET]);
        let step = Step::new("rustup target add");
        step.run(&mut command)
            .context("rustup has no such target")?;
        Ok(())
    }

    /// Asks rustup for a component.
    pub(crate) fn add_rustup_component(&self, component: &str) -> Result<()> {
        self.refuse_rustup("rustup component add", component)?;
        eprintln!("x: installing {component}: rustup's, for the checks");
        let mut command = bounded("rustup");
        command.args(["component", "add", component]);
        Step::new("rustup component add").run(&mut command)?;
        Ok(())
    }

    fn refuse_rustup(&self, how: &str, what: &str) -> Result<()> {
        if self.permission == Permission::Refuse {
            let missing = Missing {
                needs: Vec::new(),
                because: "--no-install forbids to install",
            };
            return Err(anyhow::Error::new(missing).context(format!("missing: {what} ({how})")));
        }
        Ok(())
    }
}

/// A command that is ended when its server does not answer.
fn bounded(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args([RUSTUP_SECONDS, program]);
    command
}

/// The emulator's tools in the release of the emulator, if they are here in a newer one: they cannot be
/// here together, and nothing is removed.
fn older_emulator_tools() -> Option<String> {
    let format = "-f=${db:Status-Status} ${Version}";
    let here = read("dpkg-query", &["-W", format, EMULATOR_TOOLS])?;
    let here = here.strip_prefix("installed ")?;
    let show = ["show", "--no-all-versions", Need::EMULATOR.package];
    let shown = read("apt-cache", &show)?;
    let release = version_of(&shown)?;
    read("dpkg", &["--compare-versions", here, "gt", release])?;
    Some(format!("{EMULATOR_TOOLS}={release}"))
}

/// The version in what `apt-cache show` prints.
fn version_of(shown: &str) -> Option<&str> {
    shown
        .lines()
        .find_map(|line| line.strip_prefix("Version: "))
}

/// `apt-get` as root, asking nothing, waiting for another one's lock.
fn apt_get() -> Command {
    let mut command = if is_root() {
        Command::new("env")
    } else {
        let mut command = Command::new("sudo");
        command.arg("env");
        command
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]);
    command.args(["-o", "DPkg::Lock::Timeout=120"]);
    command
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_names_what_is_missing_and_why() {
        let installer = Installer::new(Permission::Refuse);
        let error = installer
            .install(&[Need::LINKER, Need::EMULATOR])
            .expect_err("nothing may be installed");
        assert!(is_missing(&error));
        assert_eq!(
            error.to_string(),
            "missing: lld: links AArch64 programs\n\
             missing: qemu-system-arm: emulates the machine that the system runs on\n\
             --no-install forbids to install"
        );
    }

    #[test]
    fn version_is_read() {
        let shown = "Package: qemu-system-arm\nVersion: 1:7.2+dfsg-7\nSource: qemu\n";
        assert_eq!(version_of(shown), Some("1:7.2+dfsg-7"));
        assert_eq!(version_of("N: no packages found\n"), None);
    }

    #[test]
    fn nothing_missing_needs_no_permission() {
        let installer = Installer::new(Permission::Refuse);
        assert!(installer.install(&[]).is_ok());
    }

    #[test]
    fn rustup_is_refused_too() {
        let installer = Installer::new(Permission::Refuse);
        let error = installer.add_rustup_target().expect_err("refused");
        assert!(is_missing(&error));
        assert_eq!(
            format!("{error:#}"),
            format!("missing: {TARGET} (rustup target add): --no-install forbids to install")
        );
    }
}
