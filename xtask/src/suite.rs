//! `./x test`: the whole suite. Its last line sums up everything.

use crate::bench::{self, Reference};
use crate::check;
use crate::count::{Count, parse_failure, parse_summary};
use crate::image::{Image, Programs, SystemChoice};
use crate::install::Permission;
use crate::outside;
use crate::step::{self, Step};
use crate::toolchain::Toolchain;
use crate::tutorial;
use crate::verify;
use crate::workspace::{self, Package, Place};
use anyhow::Result;
use std::fmt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long the measurement may take.
const BENCH_BOUND: Duration = Duration::from_secs(300);
/// The package of the emulator tests.
const EMULATOR_TESTS: &str = "system-tests";
/// The variable that lets them run on the kernel with its ghost; it names a file for what is counted.
const GHOST_VARIABLE: &str = "PECAN_GHOST";

/// Parts of the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Checks,
    Host,
    /// What one server has on the host.
    Server,
    Image,
    Verification,
    Emulator,
    Figures,
    Tutorial,
}

impl Part {
    const ALL: [Self; 7] = [
        Self::Checks,
        Self::Host,
        Self::Image,
        Self::Verification,
        Self::Emulator,
        Self::Figures,
        Self::Tutorial,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Checks => "checks",
            Self::Host => "host",
            Self::Server => "server",
            Self::Image => "image",
            Self::Verification => "verification",
            Self::Emulator => "emulator",
            Self::Figures => "figures",
            Self::Tutorial => "tutorial",
        }
    }

    /// Parts that need nothing of the others: a filter that is their name runs nothing else.
    const ALONE: [Self; 2] = [Self::Checks, Self::Tutorial];

    /// Whether the part runs under a filter: those of single tests filter themselves.
    fn is_wanted(self, filter: Option<&str>) -> bool {
        if let Some(alone) = Self::ALONE.iter().find(|it| Some(it.name()) == filter) {
            return self == *alone;
        }
        match self {
            Self::Host | Self::Server | Self::Emulator | Self::Image => true,
            Self::Checks | Self::Verification | Self::Figures | Self::Tutorial => {
                filter.is_none_or(|filter| self.name().contains(filter))
            }
        }
    }
}

/// The whole suite has failures; they have been printed.
#[derive(Debug)]
pub(crate) struct SuiteFailed;

impl fmt::Display for SuiteFailed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the suite failed")
    }
}

impl std::error::Error for SuiteFailed {}

/// Runs the suite.
pub(crate) fn run(
    toolchain: &Toolchain,
    filter: Option<&str>,
    permission: Permission,
) -> Result<()> {
    let mut suite = Suite::new(toolchain, filter, permission)?;
    suite.run_parts(Part::ALL.into_iter().filter(|it| it.is_wanted(filter)))
}

/// Runs the emulator tests on the kernel with its ghost.
pub(crate) fn run_with_ghost(toolchain: &Toolchain, filter: Option<&str>) -> Result<()> {
    let mut suite = Suite::new(toolchain, filter, Permission::Refuse)?;
    suite.is_with_ghost = true;
    suite.run_parts([Part::Image, Part::Emulator])
}

/// Runs the tests of one server.
pub(crate) fn run_server(server: &str, prepare: impl Fn() -> Result<Toolchain>) -> Result<()> {
    let toolchain = prepare()?;
    let topic = format!("{server}::");
    let mut suite = Suite::new(&toolchain, Some(&topic), Permission::Refuse)?;
    let folder = format!("servers/{server}");
    suite.packages.retain(|package| package.folder == folder);
    anyhow::ensure!(
        !suite.packages.is_empty(),
        "there is no server `{server}`: servers/ has no folder of this name"
    );
    suite.run_parts([Part::Server, Part::Emulator])
}

/// Runs the host tests of a server outside of the tree.
pub(crate) fn run_outside(folder: &Path, prepare: impl Fn() -> Result<Toolchain>) -> Result<()> {
    let manifest = outside::manifest(folder)?;
    let toolchain = prepare()?;
    let mut suite = Suite::new(&toolchain, None, Permission::Refuse)?;
    let mut tests = suite.cargo_test("--manifest-path");
    tests.arg(manifest);
    suite.run_tests("host tests", &mut tests)?;
    suite.end()
}

struct Suite<'a> {
    toolchain: &'a Toolchain,
    filter: Option<&'a str>,
    permission: Permission,
    is_with_ghost: bool,
    packages: Vec<Package>,
    image: Option<Image>,
    count: Count,
    failures: Vec<String>,
}

impl<'a> Suite<'a> {
    fn new(
        toolchain: &'a Toolchain,
        filter: Option<&'a str>,
        permission: Permission,
    ) -> Result<Self> {
        Ok(Self {
            toolchain,
            filter,
            permission,
            is_with_ghost: false,
            packages: workspace::packages(toolchain.cargo())?,
            image: None,
            count: Count::default(),
            failures: Vec::new(),
        })
    }

    fn run_parts(&mut self, parts: impl IntoIterator<Item = Part>) -> Result<()> {
        for part in parts {
            if let Err(error) = self.run_part(part) {
                println!("{error:#}");
                self.add(part.name(), false);
            }
        }
        self.end()
    }

    /// Tells what failed, and how many there were.
    fn end(&self) -> Result<()> {
        if !self.failures.is_empty() {
            println!("failed:");
            for failure in &self.failures {
                println!("  {failure}");
            }
        }
        println!("{}", self.count);
        if self.count.failed == 0 {
            Ok(())
        } else {
            Err(SuiteFailed.into())
        }
    }

    fn run_part(&mut self, part: Part) -> Result<()> {
        match part {
            Part::Checks => self.run_checks(),
            Part::Host => self.run_host_tests(),
            Part::Server => self.run_server_tests(),
            Part::Image => self.build_image(),
            Part::Verification => self.run_verification(),
            Part::Emulator => self.run_emulator_tests(),
            Part::Figures => self.judge_figures(),
            Part::Tutorial => self.perform_tutorial(),
        }
    }

    fn add(&mut self, name: &str, has_passed: bool) {
        self.count += Count::one(has_passed);
        if !has_passed {
            self.failures.push(name.to_owned());
        }
    }

    fn run_checks(&mut self) -> Result<()> {
        for check in check::run(self.toolchain)? {
            self.add(&check.name, check.problem.is_none());
        }
        Ok(())
    }

    fn run_host_tests(&mut self) -> Result<()> {
        let mut libraries = self.cargo_test("--no-fail-fast");
        libraries.args(["--lib", "--test", "*", "--examples"]);
        let mut documentation = self.cargo_test("--doc");
        for package in self.packages.iter().filter(|it| is_tested_on_host(it)) {
            libraries.args(["--package", &package.specification]);
            if package
                .targets
                .iter()
                .any(|it| it.is_library() && it.doctest)
            {
                documentation.args(["--package", &package.specification]);
            }
        }
        for (name, mut command) in [
            ("host tests", libraries),
            ("documentation tests", documentation),
        ] {
            if let Some(filter) = self.filter {
                command.args(["--", filter]);
            }
            self.run_tests(name, &mut command)?;
        }
        Ok(())
    }

    /// The checks and the host tests of one server.
    fn run_server_tests(&mut self) -> Result<()> {
        for check in check::run_server(self.toolchain, &self.packages)? {
            self.add(&check.name, check.problem.is_none());
        }
        let mut libraries = self.cargo_test("--lib");
        for package in &self.packages {
            libraries.args(["--package", &package.specification]);
        }
        self.run_tests("host tests", &mut libraries)
    }

    fn cargo_test(&self, option: &str) -> Command {
        let mut cargo = self.toolchain.cargo();
        cargo.args(["test", option]);
        cargo
    }

    fn build_image(&mut self) -> Result<()> {
        let programs = Programs::build_all(self.toolchain)?;
        self.image = Some(programs.assemble(&SystemChoice::of_tree(None))?);
        if self.filter.is_none() {
            println!("image: ok");
            self.add("image", true);
        }
        Ok(())
    }

    fn run_verification(&mut self) -> Result<()> {
        let Some(image) = &self.image else {
            anyhow::bail!("verification needs the image");
        };
        let request = verify::Request {
            toolchain: self.toolchain,
            elf: &image.kernel_elf,
            extent: verify::Extent::Bounded,
            permission: self.permission,
        };
        for check in verify::run(request)? {
            self.add(&check.name, check.problem.is_none());
        }
        Ok(())
    }

    fn run_emulator_tests(&mut self) -> Result<()> {
        let mut cargo = self.cargo_test("--package");
        cargo.arg(EMULATOR_TESTS);
        cargo.env("PECAN_TOOLCHAIN", self.toolchain.kind().name());
        if self.is_with_ghost {
            let report = self.toolchain.target_directory().join("ghost.json");
            cargo.env(GHOST_VARIABLE, report);
        }
        if let Some(filter) = self.filter {
            cargo.args(["--", filter]);
        }
        self.run_tests("emulator tests", &mut cargo)
    }

    fn judge_figures(&mut self) -> Result<()> {
        let Some(image) = &self.image else {
            anyhow::bail!("the figures need the image");
        };
        let reference = Reference::load()?;
        let results = bench::measure(image, "", BENCH_BOUND)?;
        for verdict in bench::judge(&results, &reference, "") {
            match &verdict.problem {
                None => println!("figure {}: ok", verdict.name),
                Some(problem) => println!("figure {}: FAILED\n{problem}", verdict.name),
            }
            self.add(&verdict.name, verdict.problem.is_none());
        }
        Ok(())
    }

    fn perform_tutorial(&mut self) -> Result<()> {
        let elapsed = tutorial::perform(self.toolchain)?;
        println!("tutorial: ok ({:.1} s)", elapsed.as_secs_f64());
        self.add("tutorial", true);
        Ok(())
    }

    /// Runs a command that prints summaries, prints what matters of it, and adds up.
    fn run_tests(&mut self, name: &str, command: &mut Command) -> Result<()> {
        let mut count = Count::default();
        let mut failures = Vec::new();
        let outcome = Step::new(name).observe(command, |line| {
            if let Some(summary) = parse_summary(line) {
                count += summary;
            }
            failures.extend(parse_failure(line).map(|test| format!("{name}: {test}")));
        })?;
        if !outcome.status.success() {
            println!("{}", step::without_progress(&outcome.lines));
            if count.failed == 0 {
                // It could not be built, or died: that is a failure that nobody counted.
                count.failed += 1;
                failures.push(name.to_owned());
            }
        }
        println!("{name}: {count} ({:.1} s)", outcome.elapsed.as_secs_f64());
        self.count += count;
        self.failures.extend(failures);
        Ok(())
    }
}

/// Whether a package has tests that run on the host without an emulator.
fn is_tested_on_host(package: &Package) -> bool {
    package.place() != Place::Target && package.name != EMULATOR_TESTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_filter_everything_runs() {
        assert!(Part::ALL.iter().all(|part| part.is_wanted(None)));
    }

    #[test]
    fn filter_leaves_out_what_has_another_name() {
        assert!(Part::Emulator.is_wanted(Some("boots")));
        assert!(!Part::Verification.is_wanted(Some("boots")));
        assert!(Part::Verification.is_wanted(Some("verification")));
        let wanted = Part::ALL.iter().filter(|it| it.is_wanted(Some("tutorial")));
        assert_eq!(wanted.collect::<Vec<_>>(), [&Part::Tutorial]);
    }
}
