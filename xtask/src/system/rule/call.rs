//! The rules for who calls whom.

use anyhow::{Result, bail, ensure};
use ipc_abi::manifest::{CALLS_MAX, RINGS_MAX};
use ipc_abi::ring::{SLOTS_MAX, SLOTS_MIN, Slots};

use super::Declared;

pub(super) fn callee_exists(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        for call in &process.calls {
            let service = call.service();
            ensure!(
                declared.process(service).is_some(),
                "process `{}` calls `{service}`, which is no process",
                process.name
            );
        }
    }
    Ok(())
}

pub(super) fn callee_serves(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        for call in &process.calls {
            let service = call.service();
            let is_silent = declared
                .process(service)
                .is_some_and(|callee| !callee.serves);
            ensure!(
                !is_silent,
                "process `{}` calls `{service}`, which does not serve",
                process.name
            );
        }
    }
    Ok(())
}

pub(super) fn callee_is_named_once(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        let mut seen = std::collections::BTreeSet::new();
        for call in &process.calls {
            let service = call.service();
            ensure!(
                seen.insert(service),
                "process `{}` calls `{service}` twice",
                process.name
            );
        }
    }
    Ok(())
}

pub(super) fn callees_are_few(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        let count = process.calls.len();
        ensure!(
            count <= CALLS_MAX,
            "process `{}` calls {count} services, more than {CALLS_MAX}",
            process.name
        );
    }
    Ok(())
}

/// In one file each right stands once, with who has it. [`crate::system::outside`] turns callers
/// into calls.
pub(super) fn callers_are_outside(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        ensure!(
            process.callers.is_empty(),
            "process `{}` has `callers`, which are for processes from outside of the tree: give \
             the callers `calls`",
            process.name
        );
    }
    Ok(())
}

pub(super) fn permissions_exist(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        for call in &process.calls {
            let service = call.service();
            let Some(callee) = declared.process(service) else {
                continue;
            };
            let known = ipc_abi::service::permissions(&callee.program);
            for permission in call.permissions() {
                ensure!(
                    known.contains(&permission.as_str()),
                    "process `{}`: service `{service}` has no permission `{permission}`",
                    process.name
                );
            }
        }
    }
    Ok(())
}

/// A process waits for those that it calls: on a cycle all could wait for each other.
pub(super) fn nobody_waits_for_itself(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        let mut path = vec![process.name.as_str()];
        if finds_back(declared, &mut path) {
            path.push(&process.name);
            bail!("processes could wait for each other: {}", path.join(" -> "));
        }
    }
    Ok(())
}

/// Extends `path` by calls until it is about to come back to its first process.
fn finds_back<'a>(declared: &'a Declared, path: &mut Vec<&'a str>) -> bool {
    let (Some(&first), Some(&last)) = (path.first(), path.last()) else {
        return false;
    };
    let Some(process) = declared.process(last) else {
        return false;
    };
    for call in &process.calls {
        if call.service() == first {
            return true;
        }
        if !path.contains(&call.service()) {
            path.push(call.service());
            if finds_back(declared, path) {
                return true;
            }
            path.pop();
        }
    }
    false
}

pub(super) fn rings_have_slots(declared: &Declared) -> Result<()> {
    for process in &declared.system.process {
        for call in process.calls.iter().filter(|call| call.ring() > 0) {
            let (service, slots) = (call.service(), call.ring());
            ensure!(
                Slots::new(slots).is_some(),
                "process `{}`: the ring with `{service}` has {slots} slots, not a power of two from {SLOTS_MIN} to \
                 {SLOTS_MAX}",
                process.name
            );
        }
    }
    Ok(())
}

pub(super) fn rings_are_few(declared: &Declared) -> Result<()> {
    let processes = &declared.system.process;
    for process in processes {
        let own = process.calls.iter().filter(|call| call.ring() > 0).count();
        let calls = processes.iter().flat_map(|other| &other.calls);
        let theirs = calls.filter(|call| call.ring() > 0 && call.service() == process.name);
        let count = own + theirs.count();
        ensure!(
            count <= RINGS_MAX,
            "process `{}` has {count} rings, more than {RINGS_MAX}",
            process.name
        );
    }
    Ok(())
}

pub(super) fn supervisor_has_no_ring(declared: &Declared) -> Result<()> {
    let first = declared
        .system
        .process
        .first()
        .map(|first| first.name.as_str());
    for process in &declared.system.process {
        let mut rings = process.calls.iter().filter(|call| call.ring() > 0);
        ensure!(
            !rings.any(|call| Some(call.service()) == first),
            "process `{}`: the first process has no rings: it makes those of the others",
            process.name
        );
    }
    Ok(())
}
