//! `board.toml` and `system.toml` as they are written: names and sizes, nothing resolved yet.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A `board.toml`: what a board has.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// The board's name: that of its folder.
    pub name: String,
    /// The least memory it is run with.
    pub memory: String,
    /// Its devices, by name.
    #[serde(default)]
    pub devices: BTreeMap<String, Device>,
}

/// A device of a board.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// What it is: says which driver understands it.
    pub kind: String,
    /// The physical address of its registers.
    pub address: u64,
    /// Bytes of registers.
    pub bytes: u64,
    /// Its interrupt lines.
    #[serde(default)]
    pub lines: Vec<u32>,
}

/// A `system.toml`: which processes run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// The board it is for.
    pub board: String,
    /// The processes, in the order in which they get their numbers and are started.
    #[serde(default)]
    pub process: Vec<Process>,
}

/// A process of a system.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Its name.
    pub name: String,
    /// The program that it runs.
    pub program: String,
    /// The priority of its thread.
    pub priority: u32,
    /// The size of its heap.
    pub heap: Option<String>,
    /// The size of its stack.
    pub stack: Option<String>,
    /// How often it is started again; without it, never.
    pub restart: Option<Restart>,
    /// Whether it serves.
    #[serde(default)]
    pub serves: bool,
    /// How many callers it can keep waiting.
    #[serde(default)]
    pub replies: u32,
    /// How many sessions of its clients it can have open.
    #[serde(default)]
    pub sessions: u32,
    /// How many threads it can have besides its first.
    #[serde(default)]
    pub threads: u32,
    /// Whom it may call.
    #[serde(default)]
    pub calls: Vec<Call>,
    /// Who may call it: for a process from outside of the tree.
    #[serde(default)]
    pub callers: Vec<String>,
    /// What it drives.
    #[serde(default)]
    pub devices: Vec<String>,
    /// Down to which level it may say lines.
    pub log: Option<String>,
    /// The size of its own region of memory.
    pub memory: Option<String>,
    /// The highest priority of the time that it may give out.
    pub time: Option<u32>,
    /// How much of a core the budgets may take that it gives out, in per cent.
    #[serde(default)]
    pub share: u32,
    /// How many address spaces it may make.
    #[serde(default)]
    pub asids: u32,
    /// How many interrupt lines it may use besides those of its devices.
    #[serde(default)]
    pub irqs: u32,
    /// Whether it holds its own space, thread and context.
    #[serde(default)]
    pub itself: bool,
    /// Whether it may switch the machine off.
    #[serde(default)]
    pub platform: bool,
}

/// How often a process is started again.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// At most so many times
    pub limit: u16,
    /// in so many seconds.
    pub seconds: u16,
}

/// Whom a process may call.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Call {
    /// A service, as everybody.
    Plain(String),
    /// A service, with permissions.
    Permitted(PermittedCall),
}

/// A service that may be called with permissions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermittedCall {
    /// The service.
    pub service: String,
    /// The names of the permissions.
    #[serde(default)]
    pub may: Vec<String>,
    /// Whether capabilities can be passed with these calls and their replies.
    #[serde(default)]
    pub passes_capabilities: bool,
    /// How many slots the queues of the ring with that service have; 0 for none.
    #[serde(default)]
    pub ring: u32,
}

impl Call {
    /// The name of the service.
    #[must_use]
    pub fn service(&self) -> &str {
        match self {
            Call::Plain(service) => service,
            Call::Permitted(call) => &call.service,
        }
    }

    /// Whether capabilities can be passed.
    #[must_use]
    pub const fn passes_capabilities(&self) -> bool {
        match self {
            Call::Plain(_) => false,
            Call::Permitted(call) => call.passes_capabilities,
        }
    }

    /// How many slots the queues of the ring have; 0 for none.
    #[must_use]
    pub const fn ring(&self) -> u32 {
        match self {
            Call::Plain(_) => 0,
            Call::Permitted(call) => call.ring,
        }
    }

    /// The names of the permissions.
    #[must_use]
    pub fn permissions(&self) -> &[String] {
        match self {
            Call::Plain(_) => &[],
            Call::Permitted(call) => &call.may,
        }
    }
}

/// Reads a declaration.
///
/// # Errors
///
/// What is wrong with the text, after the number of the line where it is.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text
            .bytes()
            .take(start)
            .filter(|&byte| byte == b'\n')
            .count()
            + 1;
        anyhow!("line {line}: {}", error.message())
    })
}
