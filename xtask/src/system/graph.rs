//! The graph of a system as text: who may call whom, who drives what, who can reach whom.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::declaration::Process;
use super::rule::Declared;

/// Draws the graph.
#[must_use]
pub fn draw(declared: &Declared) -> String {
    let mut text = String::new();
    let board = &declared.board.name;
    let _ = writeln!(
        text,
        "system for board {board}: {} processes",
        declared.system.process.len()
    );
    draw_calls(declared, &mut text);
    draw_reach(declared, &mut text);
    text.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

fn width(declared: &Declared) -> usize {
    declared
        .system
        .process
        .iter()
        .map(|process| process.name.len())
        .max()
        .unwrap_or(0)
}

fn draw_calls(declared: &Declared, text: &mut String) {
    let width = width(declared);
    for process in &declared.system.process {
        let _ = writeln!(
            text,
            "\n{:width$}  priority {}",
            process.name, process.priority
        );
        for call in &process.calls {
            let _ = write!(text, "{:width$}  -> {}", "", call.service());
            if !call.permissions().is_empty() {
                let _ = write!(text, " ({})", call.permissions().join(", "));
            }
            if call.passes_capabilities() {
                text.push_str(" passing capabilities");
            }
            if call.ring() > 0 {
                let _ = write!(text, " by a ring of {}", call.ring());
            }
            text.push('\n');
        }
        for name in &process.devices {
            let Some(device) = declared.board.devices.get(name) else {
                continue;
            };
            let lines: Vec<String> = device.lines.iter().map(u32::to_string).collect();
            let _ = writeln!(
                text,
                "{:width$}  => {name}: {} at {:#x}, line {}",
                "",
                device.kind,
                device.address,
                lines.join(", ")
            );
        }
        for authority in authorities(process) {
            let _ = writeln!(text, "{:width$}  ++ {authority}", "");
        }
    }
}

fn authorities(process: &Process) -> Vec<String> {
    let mut list = Vec::new();
    if let Some(memory) = &process.memory {
        list.push(format!("memory: {memory}"));
    }
    if let Some(time) = process.time {
        list.push(match process.share {
            0 => format!("time up to priority {time}"),
            share => format!("time up to priority {time}, budgets up to {share} %"),
        });
    }
    if process.threads > 0 {
        list.push(format!("threads besides its first: {}", process.threads));
    }
    if let Some(log) = &process.log {
        list.push(format!("lines down to {log}"));
    }
    if process.asids > 0 {
        list.push(format!("address spaces: {}", process.asids));
    }
    if process.irqs > 0 {
        list.push(format!("interrupt lines: {}", process.irqs));
    }
    if process.itself {
        list.push("its own space, thread and context".to_string());
    }
    if process.platform {
        list.push("power".to_string());
    }
    list
}

/// The names of all that the process `name` can reach through any chain of calls.
fn reach<'a>(declared: &'a Declared, name: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![name];
    while let Some(next) = open.pop() {
        let Some(process) = declared.process(next) else {
            continue;
        };
        for call in &process.calls {
            if reached.insert(call.service()) {
                open.push(call.service());
            }
        }
    }
    reached
}

fn draw_reach(declared: &Declared, text: &mut String) {
    let width = width(declared);
    let callees: Vec<&Process> = declared
        .system
        .process
        .iter()
        .filter(|process| process.serves)
        .collect();
    let _ = write!(
        text,
        "\nwho can reach whom (C: calls, r: only through others)\n{:width$}",
        ""
    );
    for callee in &callees {
        let _ = write!(text, "  {}", callee.name);
    }
    text.push('\n');
    for process in &declared.system.process {
        let _ = write!(text, "{:width$}", process.name);
        let reached = reach(declared, &process.name);
        for callee in &callees {
            let is_direct = process
                .calls
                .iter()
                .any(|call| call.service() == callee.name);
            let mark = match (is_direct, reached.contains(callee.name.as_str())) {
                (true, _) => "C",
                (false, true) => "r",
                (false, false) => ".",
            };
            let _ = write!(text, "  {mark:^width$}", width = callee.name.len());
        }
        text.push('\n');
    }
}
