//! From names to numbers: a checked declaration becomes the manifest's processes.

use anyhow::{Context, Result, anyhow};
use ipc_abi::boot::FIRST_STACK_PAGES;
use ipc_abi::manifest::{Authority, Call, Device, Name, Process, Program, Restart};
use ipc_abi::service::supervisor::LogLevel;

use super::declaration;
use super::package::Entry;
use super::rule::Declared;
use super::size::parse_pages;

/// Resolves a declaration that keeps all rules.
///
/// # Errors
///
/// If the declaration breaks a rule after all.
pub fn resolve(declared: &Declared) -> Result<Vec<Entry>> {
    let processes = declared.system.process.iter().enumerate();
    processes
        .map(|(number, process)| resolve_process(declared, number, process))
        .collect()
}

fn resolve_process(
    declared: &Declared,
    number: usize,
    process: &declaration::Process,
) -> Result<Entry> {
    let stack_pages = match &process.stack {
        None if number == 0 => u32::try_from(FIRST_STACK_PAGES)?,
        stack => pages(stack.as_ref())?,
    };
    let restart = process
        .restart
        .map_or(Restart::Never, |restart| Restart::Always {
            limit: restart.limit,
            seconds: restart.seconds,
        });
    let mut resolved = Process {
        name: name(&process.name)?,
        program: Program::default(),
        priority: u8::try_from(process.priority)?,
        heap_pages: pages(process.heap.as_ref())?,
        stack_pages,
        restart,
        serves: process.serves,
        replies: u8::try_from(process.replies)?,
        sessions: u8::try_from(process.sessions)?,
        threads: u8::try_from(process.threads)?,
        calls: heapless::Vec::new(),
        devices: heapless::Vec::new(),
        authority: Authority {
            memory_frames: pages(process.memory.as_ref())?,
            time: process.time.map(u8::try_from).transpose()?,
            share: u8::try_from(process.share)?,
            asids: u16::try_from(process.asids)?,
            irqs: u16::try_from(process.irqs)?,
            itself: process.itself,
            platform: process.platform,
        },
        log: process.log.as_deref().map(level).transpose()?,
    };
    for call in &process.calls {
        let pushed = resolved.calls.push(resolve_call(declared, call)?);
        pushed.map_err(|_| anyhow!("too many calls"))?;
    }
    for device in &process.devices {
        let pushed = resolved.devices.push(resolve_device(declared, device)?);
        pushed.map_err(|_| anyhow!("too many devices"))?;
    }
    Ok(Entry {
        process: resolved,
        program: process.program.clone(),
    })
}

fn resolve_call(declared: &Declared, call: &declaration::Call) -> Result<Call> {
    let service = call.service();
    let processes = &declared.system.process;
    let number = processes.iter().position(|process| process.name == service);
    let number = number.context("a call to no process")?;
    let callee = processes.get(number).context("a call to no process")?;
    let known = ipc_abi::service::permissions(&callee.program);
    let mut permissions = 0;
    for wanted in call.permissions() {
        let bit = known.iter().position(|permission| permission == wanted);
        permissions |= 1_u32 << bit.context("no such permission")?;
    }
    Ok(Call {
        service: name(service)?,
        process: u8::try_from(number)?,
        permissions,
        passes_capabilities: call.passes_capabilities(),
        ring_slots: u16::try_from(call.ring())?,
    })
}

fn resolve_device(declared: &Declared, device: &str) -> Result<Device> {
    let found = declared
        .board
        .devices
        .get(device)
        .context("no such device")?;
    let mut lines = heapless::Vec::new();
    for line in &found.lines {
        lines
            .push(*line)
            .map_err(|_| anyhow!("too many interrupt lines"))?;
    }
    let pages = u32::try_from(found.bytes / ipc_abi::boot::PAGE_BYTES)?;
    Ok(Device {
        name: name(device)?,
        address: found.address,
        pages,
        lines,
    })
}

fn level(name: &str) -> Result<LogLevel> {
    LogLevel::from_name(name).context("no such level")
}

fn name(text: &str) -> Result<Name> {
    Name::try_from(text).map_err(|_| anyhow!("the name `{text}` is too long"))
}

fn pages(size: Option<&String>) -> Result<u32> {
    let Some(size) = size else { return Ok(0) };
    let pages = parse_pages(size).map_err(|error| anyhow!("`{size}` {error}"))?;
    Ok(u32::try_from(pages)?)
}
