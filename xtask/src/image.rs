//! Builds what boots: the kernel's image and the boot package of a system.

use crate::flat;
use crate::outside;
use crate::step::Step;
use crate::system;
use crate::system::rule::Declared;
use crate::toolchain::{Kind, Toolchain};
use crate::workspace::{self, Package, TARGET};
use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSymbol};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The system of the board, as a person meets it.
pub const DEFAULT_SYSTEM: &str = "default";
/// The package of the kernel.
const KERNEL_PACKAGE: &str = "pecan-kernel";

/// What is left of an address of the kernel's without where it shows memory.
const PHYSICAL_BITS: u64 = (1 << 46) - 1;

/// Which kernel boots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kernel {
    /// The one that ships.
    #[default]
    Shipped,
    /// The same source with its assertions: a loop with more rounds than its bound is a panic.
    Checking,
    /// The same with its ghost too: after each exit everything is compared (`verification/ghost`).
    Ghost,
}

impl Kernel {
    /// The profile that cargo builds it with; also the folder where cargo puts it.
    fn profile(self) -> &'static str {
        match self {
            Self::Shipped => "release",
            Self::Checking | Self::Ghost => "ghost",
        }
    }

    /// The features that it is built with.
    fn features(self) -> &'static [&'static str] {
        match self {
            Self::Shipped | Self::Checking => &[],
            Self::Ghost => &["--features", "ghost"],
        }
    }

    /// What is done to build it.
    fn step(self) -> &'static str {
        match self {
            Self::Shipped => "building the kernel",
            Self::Checking => "building the kernel with assertions",
            Self::Ghost => "building the kernel with its ghost",
        }
    }

    /// The folder of the systems that are put together with it.
    fn images(self) -> &'static str {
        match self {
            Self::Shipped => "images",
            Self::Checking => "images-checking",
            Self::Ghost => "images-ghost",
        }
    }
}

/// The files of a system that can be booted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The kernel with its symbols.
    pub kernel_elf: PathBuf,
    /// The kernel as it is loaded.
    pub kernel: PathBuf,
    /// The boot package.
    pub package: PathBuf,
}

impl Image {
    /// The physical address of a symbol of the kernel.
    ///
    /// # Errors
    /// If the kernel has no such symbol.
    pub fn physical_address(&self, symbol: &str) -> Result<u64> {
        let elf = fs::read(&self.kernel_elf).context("cannot read the kernel")?;
        let file = object::File::parse(&*elf)?;
        let found = file.symbol_by_name(symbol);
        let found = found.with_context(|| format!("the kernel has no symbol {symbol}"))?;
        Ok(found.address() & PHYSICAL_BITS)
    }

    /// The bytes of code in the kernel.
    pub(crate) fn kernel_text_bytes(&self) -> Result<u64> {
        let elf = fs::read(&self.kernel_elf).context("cannot read the kernel")?;
        flat::count_text_bytes(&elf)
    }
}

/// Which system is built.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SystemChoice {
    name: String,
    /// The folders of servers that are added.
    outside: Vec<PathBuf>,
}

impl SystemChoice {
    /// A system of the tree by name; the board's own if `None`.
    #[must_use]
    pub fn of_tree(name: Option<&str>) -> Self {
        Self {
            name: name.unwrap_or(DEFAULT_SYSTEM).to_owned(),
            outside: Vec::new(),
        }
    }

    /// The same with the servers in these folders.
    ///
    /// # Errors
    /// If there is no such folder.
    pub(crate) fn with(name: &str, folders: &[PathBuf]) -> Result<Self> {
        let find = |folder: &PathBuf| {
            let found = fs::canonicalize(folder);
            found.with_context(|| format!("there is no folder {}", folder.display()))
        };
        Ok(Self {
            outside: folders.iter().map(find).collect::<Result<_>>()?,
            ..Self::of_tree(Some(name))
        })
    }

    /// Reads and checks its declaration.
    pub(crate) fn load(&self) -> Result<Declared> {
        let declaration = find_system(&self.name)?;
        system::load_with(&declaration, &board_file(), &self.outside)
    }

    /// The folder of its image.
    fn folder(&self) -> String {
        let names = self.outside.iter().filter_map(|folder| folder.file_name());
        let names = names.map(|name| format!("+{}", name.to_string_lossy()));
        names.fold(self.name.clone(), |folder, name| folder + &name)
    }
}

/// Where a system is declared: the board's own, or a small one of the tests.
fn find_system(name: &str) -> Result<PathBuf> {
    let root = workspace::root();
    let path = if name == DEFAULT_SYSTEM {
        root.join("boards/qemu-virt/system.toml")
    } else {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        ensure!(
            !name.is_empty() && name.bytes().all(is_plain),
            "no system can be called {name:?}: use a-z, 0-9 and -"
        );
        root.join("tests/systems").join(format!("{name}.toml"))
    };
    ensure!(
        path.is_file(),
        "no system {name}: there is no {}",
        path.display()
    );
    Ok(path)
}

/// Where the board is declared.
fn board_file() -> PathBuf {
    workspace::root().join("boards/qemu-virt/board.toml")
}

/// The kernel and the programs, compiled, from which systems are put together.
#[derive(Clone, Debug)]
pub struct Programs {
    kernel: PathBuf,
    /// The ELF files, by name.
    programs: BTreeMap<String, PathBuf>,
    images: PathBuf,
}

impl Programs {
    /// Compiles the kernel and every program of the tree.
    ///
    /// # Errors
    /// If something does not compile; the compiler's messages have been shown.
    pub fn build_all(toolchain: &Toolchain) -> Result<Self> {
        Self::build(toolchain, |_| true)
    }

    /// Compiles the kernel and the programs of one system.
    ///
    /// # Errors
    /// If there is no such system, or something does not compile; the compiler's messages have been
    /// shown.
    pub fn build_for(toolchain: &Toolchain, choice: &SystemChoice) -> Result<Self> {
        let declared = choice.load()?;
        let names = system::programs(&declared);
        let mut programs = Self::build(toolchain, |name| names.contains(name))?;
        for folder in &choice.outside {
            for (name, path) in outside::build(toolchain, folder)? {
                let other = programs.programs.insert(name.clone(), path);
                ensure!(
                    other.is_none(),
                    "{}: another program of the system is called `{name}`",
                    folder.display()
                );
            }
        }
        Ok(programs)
    }

    fn build(toolchain: &Toolchain, is_wanted: impl Fn(&str) -> bool) -> Result<Self> {
        let packages = workspace::packages(toolchain.cargo())?;
        let target = toolchain.target_directory();
        let folder = target.join(TARGET).join("release");
        let kernel = packages.iter().find(|it| it.name == KERNEL_PACKAGE);
        let kernel = kernel.context("there is no kernel in the workspace")?;
        let program = kernel.program().context("the kernel builds no program")?;
        // Alone, so that no program's features reach the kernel.
        let shipped = Kernel::Shipped;
        compile(toolchain, shipped.step(), shipped, &[kernel])?;
        let programs = packages.iter().filter(|it| is_user_program(it));
        let programs = programs.filter(|it| it.program().is_some_and(&is_wanted));
        let programs: Vec<&Package> = programs.collect();
        if !programs.is_empty() {
            let profile = Kernel::Shipped;
            compile(toolchain, "building the programs", profile, &programs)?;
        }
        let names = programs.iter().filter_map(|package| package.program());
        Ok(Self {
            kernel: folder.join(program),
            programs: names
                .map(|name| (name.to_owned(), folder.join(name)))
                .collect(),
            images: target.join("images"),
        })
    }

    /// The ELF file of a program.
    ///
    /// # Errors
    /// If the tree has no such program.
    pub fn find(&self, name: &str) -> Result<PathBuf> {
        let Some(path) = self.programs.get(name) else {
            let names: Vec<&str> = self.programs.keys().map(String::as_str).collect();
            bail!("no program {name}: there are {}", names.join(", "));
        };
        Ok(path.clone())
    }

    /// Takes another kernel instead of the one that ships; compiles it.
    ///
    /// # Errors
    /// If it does not compile; the compiler's messages have been shown.
    pub fn with_kernel(&self, toolchain: &Toolchain, which: Kernel) -> Result<Self> {
        let packages = workspace::packages(toolchain.cargo())?;
        let kernel = packages.iter().find(|it| it.name == KERNEL_PACKAGE);
        let kernel = kernel.context("there is no kernel in the workspace")?;
        let program = kernel.program().context("the kernel builds no program")?;
        compile(toolchain, which.step(), which, &[kernel])?;
        let target = toolchain.target_directory();
        let built = target.join(TARGET).join(which.profile()).join(program);
        // Two kernels have the same profile: each is kept with its images.
        let images = target.join(which.images());
        let kernel = images.join(program);
        fs::create_dir_all(&images).with_context(|| format!("cannot make {}", images.display()))?;
        fs::copy(&built, &kernel).with_context(|| format!("cannot copy {}", built.display()))?;
        Ok(Self {
            kernel,
            images,
            ..self.clone()
        })
    }

    /// Puts a system together.
    ///
    /// # Errors
    /// If the system breaks a rule of the builder, or a file cannot be written.
    pub fn assemble(&self, choice: &SystemChoice) -> Result<Image> {
        let declared = choice.load()?;
        let folder = self.images.join(choice.folder());
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let image = Image {
            kernel_elf: self.kernel.clone(),
            kernel: folder.join("Image"),
            package: folder.join("package"),
        };
        let elf = fs::read(&self.kernel)
            .with_context(|| format!("cannot read {}", self.kernel.display()))?;
        write(&image.kernel, &flat::flatten(&elf)?)?;
        system::build(&declared, &|name| self.find(name), &image.package)?;
        Ok(image)
    }
}

/// Compiles the kernel alone; returns its ELF file.
pub(crate) fn build_kernel(toolchain: &Toolchain) -> Result<PathBuf> {
    Ok(Programs::build(toolchain, |_| false)?.kernel)
}

/// Compiles what one system needs and puts it together.
pub(crate) fn build(toolchain: &Toolchain, choice: &SystemChoice) -> Result<Image> {
    Programs::build_for(toolchain, choice)?.assemble(choice)
}

/// The same with the ghost's kernel.
pub(crate) fn build_with_ghost(toolchain: &Toolchain, choice: &SystemChoice) -> Result<Image> {
    let programs = Programs::build_for(toolchain, choice)?;
    programs
        .with_kernel(toolchain, Kernel::Ghost)?
        .assemble(choice)
}

/// Whether a package is a program that runs in user space.
fn is_user_program(package: &Package) -> bool {
    let is_there = ["servers/", "tests/programs/"];
    is_there.iter().any(|it| package.folder.starts_with(it)) && package.program().is_some()
}

fn compile(
    toolchain: &Toolchain,
    name: &str,
    profile: Kernel,
    packages: &[&Package],
) -> Result<()> {
    let mut cargo = toolchain.cargo();
    cargo.args(["build", "--profile", profile.profile(), "--bins"]);
    cargo.args(toolchain.target_options());
    cargo.args(profile.features());
    for package in packages {
        cargo.args(["--package", &package.specification]);
    }
    let kind = match toolchain.kind() {
        Kind::Rustup => "rustup's Rust",
        Kind::Debian => "Debian's Rust",
    };
    Step::new(format!("{name} ({kind})")).run(&mut cargo)?;
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_system_is_named() {
        let error = find_system("no-such-system").expect_err("there is none");
        let text = error.to_string();
        assert!(
            text.starts_with("no system no-such-system: there is no "),
            "{text}"
        );
        assert!(
            text.ends_with("tests/systems/no-such-system.toml"),
            "{text}"
        );
    }

    #[test]
    fn image_of_a_system_with_more_has_a_folder_of_its_own() {
        let choice = SystemChoice::of_tree(None);
        assert_eq!(choice.folder(), "default");
        let servers = workspace::root().join("servers/log");
        let more = SystemChoice::with("default", &[servers]).expect("it is there");
        assert_eq!(more.folder(), "default+log");
        let nowhere = PathBuf::from("no/such/folder");
        let error = SystemChoice::with("default", &[nowhere]).expect_err("it is not");
        assert_eq!(error.to_string(), "there is no folder no/such/folder");
    }

    #[test]
    fn system_names_cannot_leave_the_folder() {
        for name in ["", "../board", "a/b", "A"] {
            let error = find_system(name).expect_err("not a name");
            assert_eq!(
                error.to_string(),
                format!("no system can be called {name:?}: use a-z, 0-9 and -")
            );
        }
    }
}
