//! The tutorial of the book, performed: each block of the page is done as a reader would do it, on a
//! copy of the tree, and what is printed must be what the page shows.
//!
//! A fenced block follows a paragraph that names its file. One in `console` is typed: a line that
//! starts with `$ ` by the reader, at the root; behind `./x run`, a line that starts with the prompt
//! at the prompt. The other lines are what comes on standard output ([`compare`] says what may
//! differ); where they have a line `x: …`, the command must fail with that as its last line.
//! A `diff` changes the file; after the word `Write` the block becomes the file; any other block must
//! be in the file as it is.

mod compare;
mod copy;
mod page;
mod seed;

use crate::step::{self, Step};
use crate::toolchain::Toolchain;
use crate::transcript::{PROMPT, PROMPT_AFTER_FAILURE};
use crate::workspace;
use anyhow::{Context, Result, bail, ensure};
use copy::Copy;
use page::Action;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The page.
const PAGE: &str = "docs/book/servers.md";
/// What starts a line that is typed at the host's prompt.
const TYPED: &str = "$ ";
/// What starts a complaint of `./x`.
const COMPLAINT: &str = "x: ";

/// Performs the page; tells how long it took.
pub(crate) fn perform(toolchain: &Toolchain) -> Result<Duration> {
    let started = Instant::now();
    let tree = workspace::root();
    let text = fs::read_to_string(tree.join(PAGE)).with_context(|| PAGE.to_owned())?;
    let copy = Copy::make(&tree, &tree.join("target/tutorial"))?;
    let built = copy.root().join("target");
    if !built.exists() {
        let packages = workspace::packages(toolchain.cargo())?;
        seed::copy(
            &packages,
            toolchain.kind().name(),
            &tree.join("target"),
            &built,
        )?;
    }
    for step in page::read_page(&text).context(PAGE)? {
        let done = match &step.action {
            Action::Show(content) => copy.show(content),
            Action::Write(content) => copy.write(content),
            Action::Change(content) => copy.change(content),
            Action::Type(lines) => converse(&copy, toolchain, lines),
        };
        done.with_context(|| format!("{PAGE}, line {}", step.line))?;
    }
    Ok(started.elapsed())
}

/// Types the commands of a block and compares what they print.
fn converse(copy: &Copy, toolchain: &Toolchain, lines: &[String]) -> Result<()> {
    let mut rest = lines;
    while let Some((first, behind)) = rest.split_first() {
        let command = first.strip_prefix(TYPED);
        let command =
            command.with_context(|| format!("{first:?} is printed before anything is typed"))?;
        let end = behind.iter().position(|line| line.starts_with(TYPED));
        let (shown, next) = behind.split_at(end.unwrap_or(behind.len()));
        Talk::new(command, shown)
            .hold(copy, toolchain)
            .with_context(|| format!("$ {command}"))?;
        rest = next;
    }
    Ok(())
}

/// A command, and what the page shows of it.
struct Talk<'a> {
    command: &'a str,
    shown: Vec<&'a str>,
    /// What is typed at the prompt of the system.
    typed: Vec<&'a str>,
}

impl<'a> Talk<'a> {
    fn new(command: &'a str, shown: &'a [String]) -> Self {
        let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
        let prompts = [PROMPT, PROMPT_AFTER_FAILURE];
        let typed = shown.iter().filter_map(|line| {
            let mut behind = prompts
                .iter()
                .filter_map(|prompt| line.strip_prefix(prompt));
            behind.next()
        });
        Self {
            command,
            typed: typed.collect(),
            shown,
        }
    }

    /// Whether the page shows that the command fails.
    fn fails(&self) -> bool {
        let is_failure = |line: &&str| {
            line.starts_with(COMPLAINT)
                || line.starts_with(PROMPT_AFTER_FAILURE)
                || crate::transcript::is_crash_report(line)
        };
        self.shown.iter().any(is_failure)
    }

    fn hold(&self, copy: &Copy, toolchain: &Toolchain) -> Result<()> {
        ensure!(self.command.starts_with("./x "), "only ./x is typed");
        let output = self.run(copy, toolchain)?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut printed: Vec<&str> = printed.lines().collect();
        let has_complaint = self.shown.iter().any(|line| line.starts_with(COMPLAINT));
        if has_complaint {
            printed.extend(errors.lines().last());
        }
        let is_shown = compare::fits(&self.shown, &printed);
        if is_shown && output.status.success() != self.fails() {
            return Ok(());
        }
        let errors: Vec<String> = errors.lines().map(str::to_owned).collect();
        bail!(
            "it ended with {} and printed\n{}\nand on standard error\n{}\nbut the page shows\n{}",
            output.status,
            printed.join("\n"),
            step::without_progress(&errors),
            self.shown.join("\n")
        )
    }

    fn run(&self, copy: &Copy, toolchain: &Toolchain) -> Result<std::process::Output> {
        let mut shell = Command::new("sh");
        shell.args(["-c", self.command]).current_dir(copy.root());
        shell.env(crate::TOOLCHAIN_VARIABLE, toolchain.kind().name());
        for variable in ["CARGO_TARGET_DIR", "CARGO_MANIFEST_DIR"] {
            shell.env_remove(variable);
        }
        shell.stdin(Stdio::piped());
        shell.stdout(Stdio::piped()).stderr(Stdio::piped());
        let _shown_meanwhile = Step::new(format!("tutorial: {}", self.command));
        let mut child = shell.spawn().context("cannot run sh")?;
        if let Some(mut input) = child.stdin.take() {
            let lines: String = self.typed.iter().map(|line| format!("{line}\n")).collect();
            // A command that reads nothing may have ended already.
            let _ended = input.write_all(lines.as_bytes());
        }
        child.wait_with_output().context("cannot wait for sh")
    }
}
