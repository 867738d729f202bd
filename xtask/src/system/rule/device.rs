//! The rules for devices and their drivers.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use ipc_abi::manifest::DEVICES_MAX;
use ipc_abi::signal::LINES_MAX;

use super::Declared;

pub(super) fn device_exists(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        for device in &process.devices {
            ensure!(
                declared.board.devices.contains_key(device),
                "process `{}` drives `{device}`, which board `{}` does not have",
                process.name,
                declared.board.name
            );
        }
    }
    Ok(())
}

pub(super) fn device_has_one_driver(declared: &Declared) -> Result<()> {
    let mut drivers = BTreeMap::new();
    for process in &declared.system.process {
        for device in &process.devices {
            if let Some(first) = drivers.insert(device, &process.name) {
                bail!(
                    "device `{device}` has two drivers: `{first}` and `{}`",
                    process.name
                );
            }
        }
    }
    Ok(())
}

pub(super) fn devices_are_few(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        let count = process.devices.len();
        ensure!(
            count <= DEVICES_MAX,
            "process `{}` drives {count} devices, more than {DEVICES_MAX}",
            process.name
        );
    }
    Ok(())
}

pub(super) fn lines_have_signals(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        let devices = process.devices.iter();
        let devices = devices.filter_map(|name| declared.board.devices.get(name));
        let count: usize = devices.map(|device| device.lines.len()).sum();
        ensure!(
            count <= LINES_MAX,
            "the devices of process `{}` have {count} interrupt lines, more than {LINES_MAX}",
            process.name
        );
    }
    Ok(())
}
