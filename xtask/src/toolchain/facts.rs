//! What of Rust this machine has.

use super::{Kind, Purpose, RUST_NEEDED, Version};
use crate::install::Need;
use crate::machine::EMULATOR;
use crate::workspace::TARGET;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What of Rust this machine has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The version of the `rustc` on the path.
    pub path_rust: Option<Version>,
    /// Whether that one has the bare-metal target.
    pub has_path_target: bool,
    /// Whether rustup is on the path.
    pub has_rustup: bool,
    /// The version of `/usr/bin/rustc`.
    pub debian_rust: Option<Version>,
    /// Whether `/usr/bin/cargo` is there.
    pub has_debian_cargo: bool,
    /// Whether the source of the library is there.
    pub has_debian_source: bool,
    /// A linker for ELF.
    pub linker: Option<PathBuf>,
    /// Whether Debian's lints are there.
    pub has_debian_clippy: bool,
    /// Whether Debian's formatter is there.
    pub has_debian_formatter: bool,
    /// Whether the emulator is on the path.
    pub has_emulator: bool,
    /// Whether Python can make environments for the proofs.
    pub has_python_environments: bool,
}

impl Facts {
    /// Looks.
    pub(crate) fn collect() -> Self {
        let sysroot = read_line("rustc", &["--print", "sysroot"]).map(PathBuf::from);
        let has_path_target = sysroot
            .as_ref()
            .is_some_and(|root| root.join("lib/rustlib").join(TARGET).is_dir());
        let source = "/usr/lib/rustlib/src/rust/library/core/Cargo.toml";
        Self {
            path_rust: rust_version("rustc"),
            has_path_target,
            has_rustup: read_line("rustup", &["--version"]).is_some(),
            debian_rust: rust_version("/usr/bin/rustc"),
            has_debian_cargo: Path::new("/usr/bin/cargo").exists(),
            has_debian_source: Path::new(source).exists(),
            linker: rust_lld()
                .or_else(|| find_on_path("ld.lld"))
                .or_else(numbered_lld),
            has_debian_clippy: Path::new("/usr/bin/cargo-clippy").exists(),
            has_debian_formatter: Path::new("/usr/bin/rustfmt").exists(),
            has_emulator: find_on_path(EMULATOR).is_some(),
            has_python_environments: has_python_environments(),
        }
    }

    /// The packages that a purpose lacks with a toolchain.
    pub(crate) fn missing(&self, kind: Kind, purpose: Purpose) -> Vec<Need> {
        let mut missing = match kind {
            Kind::Debian => self.missing_for_debian(),
            Kind::Rustup => Vec::new(),
        };
        let is_debian = kind == Kind::Debian;
        let needs = [
            (purpose.runs(), self.has_emulator, Need::EMULATOR),
            (
                purpose.checks() && is_debian,
                self.has_debian_clippy,
                Need::CLIPPY,
            ),
            (
                purpose.checks() && is_debian,
                self.has_debian_formatter,
                Need::FORMATTER,
            ),
            (
                purpose.proves(),
                self.has_python_environments,
                Need::PYTHON_ENVIRONMENTS,
            ),
        ];
        let lacking = needs
            .into_iter()
            .filter(|(is_wanted, is_there, _)| *is_wanted && !is_there);
        missing.extend(lacking.map(|(_, _, need)| need));
        missing
    }

    /// Whether Debian's Rust can build the system as it is.
    pub(crate) fn is_debian_ready(&self) -> bool {
        self.missing_for_debian().is_empty()
    }

    /// The packages that Debian's Rust lacks.
    pub(crate) fn missing_for_debian(&self) -> Vec<Need> {
        let has_rust = self.debian_rust.is_some_and(|rust| rust >= RUST_NEEDED);
        let needs = [
            (has_rust, Need::COMPILER),
            (self.has_debian_cargo, Need::CARGO),
            (self.has_debian_source && has_rust, Need::SOURCE),
            (self.linker.is_some(), Need::LINKER),
        ];
        let missing = needs.into_iter().filter(|(is_there, _)| !is_there);
        missing.map(|(_, need)| need).collect()
    }
}

/// The version in a line like `rustc 1.96.0 (ac68faa20 2026-05-25)`.
pub(crate) fn parse_version(line: &str) -> Option<Version> {
    let mut parts = line.strip_prefix("rustc ")?.split(['.', '-', ' ']);
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    Some(Version { major, minor })
}

/// Where a program of the path is.
pub(crate) fn find_on_path(name: &str) -> Option<PathBuf> {
    find_all_on_path(name).into_iter().next()
}

fn find_all_on_path(name: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = std::env::split_paths(&path).map(|folder| folder.join(name));
    candidates.filter(|candidate| candidate.is_file()).collect()
}

/// The linker that rustup ships with a toolchain. Every `rustc` of the path is asked, not only the
/// first: the choice must not change when Debian's comes first, or everything is built again.
fn rust_lld() -> Option<PathBuf> {
    let compilers = find_all_on_path("rustc");
    compilers.iter().find_map(|compiler| {
        let sysroot = read_line(&compiler.to_string_lossy(), &["--print", "sysroot"])?;
        let hosts = std::fs::read_dir(Path::new(&sysroot).join("lib/rustlib")).ok()?;
        let mut linkers = hosts.flatten().map(|host| host.path().join("bin/rust-lld"));
        linkers.find(|linker| linker.is_file())
    })
}

/// The linker under the name that carries its version, as Debian's versioned packages have it.
fn numbered_lld() -> Option<PathBuf> {
    let folder = std::fs::read_dir("/usr/bin").ok()?;
    let version = |path: &PathBuf| -> Option<u32> {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix("ld.lld-")?.parse().ok()
    };
    let linkers = folder.flatten().map(|entry| entry.path());
    linkers
        .filter(|path| version(path).is_some())
        .max_by_key(version)
}

/// Whether the Python that the proofs take has what an environment needs.
fn has_python_environments() -> bool {
    let python = Path::new("/usr/bin/python3");
    let python = if python.exists() {
        "/usr/bin/python3"
    } else {
        "python3"
    };
    let probe = Command::new(python)
        .args(["-c", "import ensurepip, venv"])
        .output();
    probe.is_ok_and(|output| output.status.success())
}

fn rust_version(program: &str) -> Option<Version> {
    parse_version(&read_line(program, &["--version"])?)
}

/// What a program prints, if it is there and succeeds.
pub(crate) fn read(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).env_remove("RUSTUP_TOOLCHAIN");
    let output = command.output().ok().filter(|it| it.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// The first line of it.
fn read_line(program: &str, arguments: &[&str]) -> Option<String> {
    let text = read(program, arguments)?;
    text.lines().next().map(str::to_owned)
}
