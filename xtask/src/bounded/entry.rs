//! Where the kernel is entered: the vectors, and each system call.

use super::Kernel;
use super::constant::{Known, State};
use super::explore::Obscure;
use super::function::{Analysis, Summary};
use anyhow::Result;
use ipc_abi::call::SystemCall;
use std::collections::BTreeSet;

/// `ESR_EL1` of `svc #0` from AArch64 (Arm ARM DDI 0487, D24.2.40).
const SVC: u64 = 0x15 << 26 | 1 << 25;
/// Where the vectors of user code are, from the first on.
const SYNCHRONOUS: u64 = 0x400;
const INTERRUPT: u64 = 0x480;
const FAST_INTERRUPT: u64 = 0x500;
const SYSTEM_ERROR: u64 = 0x580;

/// An entry, and what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The system call, or what happened.
    pub name: String,
    /// What it costs, or why that is not known.
    pub outcome: Result<Summary, Obscure>,
}

/// What is known of all entries.
#[derive(Clone, Debug)]
pub(crate) struct Entries {
    /// Each of them.
    pub entries: Vec<Entry>,
    /// The instructions that can be reached from them.
    pub reached: BTreeSet<u64>,
}

/// Analyses all entries.
pub(crate) fn analyse(kernel: &Kernel) -> Result<Entries> {
    let vectors = kernel.find("vectors")?;
    let mut analysis = Analysis::new(kernel);
    let mut entries = Vec::new();
    let mut add = |name: &str, offset: u64, syndromes: &[u64]| {
        let mut outcome = Ok(Summary::default());
        for &syndrome in syndromes {
            let state = State::after_exception(syndrome);
            let summary = analysis.summarize(vectors + offset, state, Known::new());
            outcome = outcome.and_then(|one| Ok(one.worse(summary?)));
        }
        entries.push(Entry {
            name: name.to_owned(),
            outcome,
        });
    };
    for call in SystemCall::ALL {
        add(call.name(), SYNCHRONOUS, &[SVC + *call as u64]);
    }
    let unknown = SystemCall::ALL.len() as u64;
    add("unknown call", SYNCHRONOUS, &[SVC + unknown, SVC + 0xFFFF]);
    add("fault", SYNCHRONOUS, &faults());
    add("interrupt", INTERRUPT, &[0]);
    add("fast interrupt", FAST_INTERRUPT, &[0]);
    add("system error", SYSTEM_ERROR, &[0]);
    Ok(Entries {
        entries,
        reached: analysis.into_reached(),
    })
}

/// Syndromes of all that is no system call: each class, for the classes of aborts with each status.
fn faults() -> Vec<u64> {
    const CLASSES: std::ops::Range<u64> = 0..64;
    const ABORTS: [u64; 4] = [0x20, 0x21, 0x24, 0x25];
    let classes = CLASSES.filter(|class| *class != SVC >> 26);
    let syndromes = classes.flat_map(|class| {
        let statuses = if ABORTS.contains(&class) { 64 } else { 1 };
        (0..statuses).map(move |status| class << 26 | 1 << 25 | status)
    });
    syndromes.collect()
}
