//! Servers from outside of the tree: what their `system.toml` adds to a system.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;

use super::command::SHELL;
use super::declaration::{Call, Process, System, parse};

/// The file, in the folder of such a server.
pub const FRAGMENT: &str = "system.toml";

/// A `system.toml` outside of the tree.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fragment {
    /// The processes that it adds, behind those of the system.
    #[serde(default)]
    pub process: Vec<Process>,
}

impl Fragment {
    /// Reads the one in a folder.
    ///
    /// # Errors
    ///
    /// If there is none, or what is wrong with it.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(FRAGMENT);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        parse(&text).with_context(|| path.display().to_string())
    }

    /// Adds the processes to a system, and to `calls` of others what `callers` says.
    ///
    /// # Errors
    ///
    /// If a caller is no process.
    pub fn add_to(&self, system: &mut System) -> Result<()> {
        for process in &self.process {
            let mut process = process.clone();
            process.callers.clear();
            system.process.push(process);
        }
        for process in &self.process {
            for caller in &process.callers {
                let mut others = system.process.iter_mut();
                let found = others.find(|other| other.name == *caller);
                let name = &process.name;
                let found = found.ok_or_else(|| {
                    anyhow!("process `{name}` has the caller `{caller}`, which is no process")
                })?;
                found.calls.push(Call::Plain(name.clone()));
            }
        }
        Ok(())
    }

    /// Checks that the shell asks each process that it may call: not those that are called as one of its own
    /// `commands`.
    ///
    /// # Errors
    ///
    /// Which process it would never ask.
    pub fn check_commands(&self, system: &System, commands: &BTreeSet<String>) -> Result<()> {
        let runs_shell = |name: &String| {
            let mut processes = system.process.iter();
            processes.any(|process| process.name == *name && process.program == SHELL)
        };
        let mut hidden = self.process.iter().filter(|process| {
            commands.contains(&process.name) && process.callers.iter().any(runs_shell)
        });
        match hidden.next() {
            None => Ok(()),
            Some(process) => bail!(
                "process `{}` would never be asked by the shell, which has a command of this name itself: call it \
                 otherwise",
                process.name
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: &str =
        "board = \"b\"\n[[process]]\nname = \"shell\"\nprogram = \"shell\"\npriority = 1\n";
    const NEW: &str =
        "[[process]]\nname = \"new\"\nprogram = \"new\"\npriority = 2\nserves = true\n";

    fn add(fragment: &str) -> Result<System> {
        let mut system: System = parse(SYSTEM)?;
        let fragment: Fragment = parse(fragment)?;
        fragment.add_to(&mut system)?;
        Ok(system)
    }

    #[test]
    fn processes_come_last_and_callers_call_them() {
        let system = add(&format!("{NEW}callers = [\"shell\"]\n")).expect("it is good");
        let names: Vec<&str> = system.process.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["shell", "new"]);
        let calls = system.process.iter().map(|it| it.calls.len());
        assert_eq!(calls.collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn caller_that_is_no_process_is_named() {
        let error = add(&format!("{NEW}callers = [\"shall\"]\n")).expect_err("there is none");
        let text = "process `new` has the caller `shall`, which is no process";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn fragment_names_no_board() {
        let error = add("board = \"b\"\n").expect_err("it is not its business");
        assert_eq!(
            error.to_string(),
            "line 1: unknown field `board`, expected `process`"
        );
    }
}
