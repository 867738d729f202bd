//! The rules for boards.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use ipc_abi::boot::PAGE_BYTES;
use ipc_abi::manifest::DEVICE_LINES_MAX;

use super::{Declared, is_name};
use crate::system::size::parse_pages;

/// Physical addresses end here: object numbers have 40 bits of 64 bytes.
const PHYSICAL_END: u64 = 1 << 46;
/// The lines that devices share with cores are below, special numbers above (GIC specification
/// IHI 0069, 2.2).
const SHARED_LINES: std::ops::Range<u32> = 32..1020;

pub(super) fn memory_is_a_size(declared: &Declared) -> Result<()> {
    let memory = &declared.board.memory;
    match parse_pages(memory) {
        Ok(_) => Ok(()),
        Err(error) => bail!("the board's memory `{memory}` {error}"),
    }
}

pub(super) fn device_names_are_names(declared: &Declared) -> Result<()> {
    for name in declared.board.devices.keys() {
        ensure!(
            is_name(name),
            "device `{name}`: a name is small letters, digits and hyphens, at most 24"
        );
    }
    Ok(())
}

pub(super) fn devices_are_whole_pages(declared: &Declared) -> Result<()> {
    for (name, device) in &declared.board.devices {
        let is_whole = device.address % PAGE_BYTES == 0 && device.bytes % PAGE_BYTES == 0;
        let end = device.address.checked_add(device.bytes);
        let is_inside = end.is_some_and(|end| end <= PHYSICAL_END);
        ensure!(
            is_whole && device.bytes > 0 && is_inside,
            "device `{name}`: {:#x} bytes at {:#x} are not whole pages of physical memory",
            device.bytes,
            device.address
        );
    }
    Ok(())
}

pub(super) fn devices_do_not_overlap(declared: &Declared) -> Result<()> {
    let mut devices: Vec<_> = declared.board.devices.iter().collect();
    devices.sort_by_key(|(_, device)| device.address);
    for pair in devices.windows(2) {
        if let [(first, before), (second, after)] = pair {
            ensure!(
                before.address.saturating_add(before.bytes) <= after.address,
                "devices `{first}` and `{second}` overlap at {:#x}",
                after.address
            );
        }
    }
    Ok(())
}

pub(super) fn lines_are_few(declared: &Declared) -> Result<()> {
    for (name, device) in &declared.board.devices {
        let count = device.lines.len();
        ensure!(
            count <= DEVICE_LINES_MAX,
            "device `{name}` has {count} interrupt lines, more than {DEVICE_LINES_MAX}"
        );
    }
    Ok(())
}

pub(super) fn lines_are_shared_interrupts(declared: &Declared) -> Result<()> {
    for (name, device) in &declared.board.devices {
        for line in &device.lines {
            ensure!(
                SHARED_LINES.contains(line),
                "device `{name}`: line {line} is no shared interrupt (32 to 1019)"
            );
        }
    }
    Ok(())
}

pub(super) fn lines_have_one_device(declared: &Declared) -> Result<()> {
    let mut owners = BTreeMap::new();
    for (name, device) in &declared.board.devices {
        for line in &device.lines {
            if let Some(first) = owners.insert(line, name) {
                bail!("devices `{first}` and `{name}` share line {line}");
            }
        }
    }
    Ok(())
}
