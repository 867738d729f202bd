//! The rules for processes by themselves.

use anyhow::{Result, bail, ensure};
use ipc_abi::manifest::{
    PAGES_MAX, PROCESSES_MAX, REPLIES_MAX, SESSIONS_MAX, STACK_PAGES_MAX, THREADS_MAX,
};

use super::{Declared, is_name};
use crate::system::SUPERVISOR;
use crate::system::declaration::Process;
use crate::system::size::parse_pages;

pub(super) fn system_is_for_board(declared: &Declared) -> Result<()> {
    let (wanted, given) = (&declared.system.board, &declared.board.name);
    ensure!(
        wanted == given,
        "the system is for board `{wanted}`, not `{given}`"
    );
    Ok(())
}

pub(super) fn processes_are_few(declared: &Declared) -> Result<()> {
    let count = declared.system.process.len();
    ensure!(
        (1..=PROCESSES_MAX).contains(&count),
        "a system has 1 to {PROCESSES_MAX} processes, not {count}"
    );
    Ok(())
}

pub(super) fn names_are_names(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        for name in [&process.name, &process.program] {
            ensure!(
                is_name(name),
                "process `{}`: `{name}` is no name: small letters, digits and hyphens, at most 24",
                process.name
            );
        }
    }
    Ok(())
}

pub(super) fn names_are_unique(declared: &Declared) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for process in &declared.system.process {
        ensure!(
            seen.insert(&process.name),
            "two processes are called `{}`",
            process.name
        );
    }
    Ok(())
}

pub(super) fn supervisor_is_first(declared: &Declared) -> Result<()> {
    let first = declared.system.process.first();
    ensure!(
        first.is_none_or(|first| first.program == SUPERVISOR),
        "the first process must run the program `{SUPERVISOR}`"
    );
    Ok(())
}

pub(super) fn supervisor_is_alone(declared: &Declared) -> Result<()> {
    for process in declared.system.process.iter().skip(1) {
        ensure!(
            process.program != SUPERVISOR,
            "process `{}`: only the first process runs the program `{SUPERVISOR}`",
            process.name
        );
    }
    Ok(())
}

pub(super) fn supervisor_is_as_the_kernel_makes_it(declared: &Declared) -> Result<()> {
    let Some(first) = declared.system.process.first() else {
        return Ok(());
    };
    let granted = [
        ("heap", first.heap.is_some()),
        ("stack", first.stack.is_some()),
        ("restart", first.restart.is_some()),
        ("replies", first.replies != 0),
        ("sessions", first.sessions != 0),
        ("threads", first.threads != 0),
        ("calls", !first.calls.is_empty()),
        ("devices", !first.devices.is_empty()),
        ("log", first.log.is_some()),
        ("memory", first.memory.is_some()),
        ("time", first.time.is_some()),
        ("share", first.share != 0),
        ("asids", first.asids != 0),
        ("irqs", first.irqs != 0),
        ("itself", first.itself),
        ("platform", first.platform),
    ];
    for (key, is_set) in granted {
        ensure!(
            !is_set,
            "the first process cannot have the key `{key}`: the kernel makes it"
        );
    }
    Ok(())
}

pub(super) fn priority_is_below_supervisor(declared: &Declared) -> Result<()> {
    let Some((first, others)) = declared.system.process.split_first() else {
        return Ok(());
    };
    ensure!(
        first.priority == 255,
        "the first process has priority 255, not {}",
        first.priority
    );
    for process in others {
        ensure!(
            process.priority < 255,
            "process `{}`: priority {} is not from 0 to 254",
            process.name,
            process.priority
        );
    }
    Ok(())
}

pub(super) fn heap_is_a_size(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        let Some(heap) = &process.heap else { continue };
        check_size(&process.name, "heap", heap, PAGES_MAX)?;
    }
    Ok(())
}

pub(super) fn stack_is_given(declared: &Declared) -> Result<()> {
    for process in declared.system.process.iter().skip(1) {
        ensure!(
            process.stack.is_some(),
            "process `{}` has no stack",
            process.name
        );
    }
    Ok(())
}

pub(super) fn stack_is_a_size(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        let Some(stack) = &process.stack else {
            continue;
        };
        check_size(&process.name, "stack", stack, STACK_PAGES_MAX)?;
    }
    Ok(())
}

pub(super) fn restart_is_bounded(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        let Some(restart) = process.restart else {
            continue;
        };
        ensure!(
            restart.limit > 0 && restart.seconds > 0,
            "process `{}`: restart needs a limit and seconds above 0",
            process.name
        );
    }
    Ok(())
}

pub(super) fn replies_are_few(declared: &Declared) -> Result<()> {
    check_counts(declared, REPLIES_MAX, |process| {
        (process.replies, "keeps", "callers waiting")
    })
}

pub(super) fn sessions_are_few(declared: &Declared) -> Result<()> {
    check_counts(declared, SESSIONS_MAX, |process| {
        (process.sessions, "has", "sessions")
    })
}

pub(super) fn threads_are_few(declared: &Declared) -> Result<()> {
    check_counts(declared, THREADS_MAX, |process| {
        (process.threads, "has", "threads besides its first")
    })
}

/// Refuses a process of which something is more than `limit`: how many of what, and what it does with them.
fn check_counts(
    declared: &Declared,
    limit: usize,
    count: impl Fn(&Process) -> (u32, &'static str, &'static str),
) -> Result<()> {
    for process in &declared.system.process {
        let (count, does, what) = count(process);
        ensure!(
            count as usize <= limit,
            "process `{}` {does} {count} {what}, more than {limit}",
            process.name
        );
    }
    Ok(())
}

pub(super) fn sessions_are_served(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        ensure!(
            process.sessions == 0 || process.serves,
            "process `{}` has sessions and does not serve",
            process.name
        );
    }
    Ok(())
}

/// Refuses what is no size of at most `limit` pages.
pub(super) fn check_size(process: &str, what: &str, text: &str, limit: u32) -> Result<()> {
    match parse_pages(text) {
        Ok(pages) if pages <= u64::from(limit) => Ok(()),
        Ok(_) => {
            bail!(
                "process `{process}`: {what} `{text}` is more than {} KiB",
                u64::from(limit) * 4
            )
        }
        Err(error) => bail!("process `{process}`: {what} `{text}` {error}"),
    }
}
