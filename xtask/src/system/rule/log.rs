//! The rules for lines that processes say.

use anyhow::{Result, ensure};
use ipc_abi::service::supervisor::{LogLevel, PERMISSION_LOG, PERMISSIONS};

use super::Declared;
use crate::system::declaration::Process;

pub(super) fn levels_exist(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        let Some(log) = &process.log else { continue };
        let names: Vec<&str> = LogLevel::ALL.iter().map(|level| level.name()).collect();
        ensure!(
            LogLevel::from_name(log).is_some(),
            "process `{}`: `{log}` is no level of lines: {}",
            process.name,
            names.join(", ")
        );
    }
    Ok(())
}

pub(super) fn lines_are_carried(declared: &Declared) -> Result<()> {
    let processes = &declared.system.process;
    let taken = PERMISSIONS.get(PERMISSION_LOG as usize).copied();
    let is_carrier = |process: &Process| {
        let mut permissions = process.calls.iter().flat_map(|call| call.permissions());
        permissions.any(|permission| Some(permission.as_str()) == taken)
    };
    let has_carrier = processes.iter().any(is_carrier);
    for process in processes.iter().filter(|process| process.log.is_some()) {
        ensure!(
            has_carrier,
            "process `{}` says lines, but nobody has the permission `log` to carry them",
            process.name
        );
    }
    Ok(())
}
