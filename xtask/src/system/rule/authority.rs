//! The rules for memory, time, ASIDs and interrupt lines.

use anyhow::{Result, ensure};
use ipc_abi::manifest::{ASIDS_MAX, IRQS_MAX, PAGES_MAX};

use super::Declared;
use super::process::check_size;
use crate::system::size::parse_pages;

pub(super) fn memory_is_a_size(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        let Some(memory) = &process.memory else {
            continue;
        };
        check_size(&process.name, "memory", memory, PAGES_MAX)?;
    }
    Ok(())
}

/// Counts what is declared; programs, tables and kernel objects come on top and are small.
pub(super) fn memory_fits_the_board(declared: &Declared) -> Result<()> {
    let Ok(board) = parse_pages(&declared.board.memory) else {
        return Ok(());
    };
    let pages = |size: &Option<String>| {
        let size = size.as_ref();
        size.and_then(|text| parse_pages(text).ok()).unwrap_or(0)
    };
    let processes = declared.system.process.iter();
    let needs = processes.map(|process| {
        let stacks = pages(&process.stack).saturating_mul(1 + u64::from(process.threads));
        pages(&process.heap) + stacks + pages(&process.memory)
    });
    let total: u64 = needs.sum();
    ensure!(
        total <= board,
        "heaps, stacks and memory take {} KiB, but board `{}` may have only {} KiB",
        total * 4,
        declared.board.name,
        board * 4
    );
    Ok(())
}

pub(super) fn time_is_below_supervisor(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        let Some(time) = process.time else { continue };
        ensure!(
            time < 255,
            "process `{}`: time of priority {time} is not from 0 to 254",
            process.name
        );
    }
    Ok(())
}

pub(super) fn shares_fit_a_core(declared: &Declared) -> Result<()> {
    const WHOLE: u64 = 100;
    let processes = declared.system.process.iter();
    for process in processes.clone() {
        ensure!(
            process.share == 0 || process.time.is_some(),
            "process `{}` has a share of time, but no `time`",
            process.name
        );
    }
    let total: u64 = processes.map(|process| u64::from(process.share)).sum();
    ensure!(
        total <= WHOLE,
        "the shares of time add up to {total} %, more than {WHOLE} %"
    );
    Ok(())
}

pub(super) fn asids_suffice(declared: &Declared) -> Result<()> {
    let processes = declared.system.process.len() as u64;
    let granted: u64 = declared
        .system
        .process
        .iter()
        .map(|process| u64::from(process.asids))
        .sum();
    let total = processes + granted;
    ensure!(
        total <= u64::from(ASIDS_MAX),
        "the processes need {total} address spaces, more than {ASIDS_MAX}"
    );
    Ok(())
}

pub(super) fn irqs_suffice(declared: &Declared) -> Result<()> {
    let processes = declared.system.process.iter();
    let total: u64 = processes.map(|process| u64::from(process.irqs)).sum();
    ensure!(
        total <= u64::from(IRQS_MAX),
        "the processes may use {total} interrupt lines besides those of devices, more than {IRQS_MAX}"
    );
    Ok(())
}
