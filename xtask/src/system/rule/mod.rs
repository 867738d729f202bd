//! The rules that a system must keep: each one function, one bad example under `xtask/tests`
//! (`bad-boards/` and `bad-systems/`, named like the rule), one exact message.

mod authority;
mod board;
mod call;
mod device;
mod log;
mod process;

use anyhow::{Result, anyhow};

use super::declaration::{Board, Process, System};

/// What the rules look at.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The board.
    pub board: Board,
    /// The system that is to run on it.
    pub system: System,
}

impl Declared {
    /// The process called `name`.
    #[must_use]
    pub fn process(&self, name: &str) -> Option<&Process> {
        self.system
            .process
            .iter()
            .find(|process| process.name == name)
    }
}

/// A rule.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Its name, and that of its bad example.
    pub name: &'static str,
    /// What must hold; the error is the message.
    pub check: fn(&Declared) -> Result<()>,
}

const fn rule(name: &'static str, check: fn(&Declared) -> Result<()>) -> Rule {
    Rule { name, check }
}

/// The rules for boards.
pub const BOARD_RULES: &[Rule] = &[
    rule("board-memory", board::memory_is_a_size),
    rule("device-name", board::device_names_are_names),
    rule("device-pages", board::devices_are_whole_pages),
    rule("device-overlap", board::devices_do_not_overlap),
    rule("line-count", board::lines_are_few),
    rule("line-range", board::lines_are_shared_interrupts),
    rule("line-shared", board::lines_have_one_device),
];

/// The rules for systems.
pub const SYSTEM_RULES: &[Rule] = &[
    rule("board-name", process::system_is_for_board),
    rule("process-count", process::processes_are_few),
    rule("process-name", process::names_are_names),
    rule("process-unique", process::names_are_unique),
    rule("supervisor-first", process::supervisor_is_first),
    rule("supervisor-once", process::supervisor_is_alone),
    rule(
        "supervisor-keys",
        process::supervisor_is_as_the_kernel_makes_it,
    ),
    rule("priority", process::priority_is_below_supervisor),
    rule("heap-size", process::heap_is_a_size),
    rule("stack-missing", process::stack_is_given),
    rule("stack-size", process::stack_is_a_size),
    rule("restart-bound", process::restart_is_bounded),
    rule("reply-count", process::replies_are_few),
    rule("session-count", process::sessions_are_few),
    rule("session-silent", process::sessions_are_served),
    rule("thread-count", process::threads_are_few),
    rule("call-unknown", call::callee_exists),
    rule("call-silent", call::callee_serves),
    rule("call-twice", call::callee_is_named_once),
    rule("call-count", call::callees_are_few),
    rule("call-permission", call::permissions_exist),
    rule("caller-inside", call::callers_are_outside),
    rule("call-cycle", call::nobody_waits_for_itself),
    rule("ring-slots", call::rings_have_slots),
    rule("ring-count", call::rings_are_few),
    rule("ring-supervisor", call::supervisor_has_no_ring),
    rule("device-unknown", device::device_exists),
    rule("device-owner", device::device_has_one_driver),
    rule("device-count", device::devices_are_few),
    rule("device-lines", device::lines_have_signals),
    rule("log-level", log::levels_exist),
    rule("log-carrier", log::lines_are_carried),
    rule("memory-size", authority::memory_is_a_size),
    rule("memory-total", authority::memory_fits_the_board),
    rule("time-priority", authority::time_is_below_supervisor),
    rule("time-share", authority::shares_fit_a_core),
    rule("asid-total", authority::asids_suffice),
    rule("irq-total", authority::irqs_suffice),
];

/// Checks all `rules`.
///
/// # Errors
///
/// The messages of all rules that `declared` breaks, one a line.
pub fn check(rules: &[Rule], declared: &Declared) -> Result<()> {
    let broken: Vec<String> = rules
        .iter()
        .filter_map(|rule| (rule.check)(declared).err())
        .map(|error| error.to_string())
        .collect();
    if broken.is_empty() {
        Ok(())
    } else {
        Err(anyhow!(broken.join("\n")))
    }
}

/// Whether `name` can name a process, a program or a device: a small letter, then small letters,
/// digits and hyphens, in all at most [`ipc_abi::manifest::NAME_BYTES`].
#[must_use]
pub fn is_name(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.len() <= ipc_abi::manifest::NAME_BYTES
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(is_inner)
}
