//! Bugs that are planted in the kernel, each of which the other checks have to notice.

use super::{Findings, entry, panic};
use crate::bounded::decode::{Flow, Stack, bits, flow, stack};
use crate::bounded::entry::analyse;
use crate::bounded::function::PANICS;
use crate::bounded::kernel::Kernel;
use anyhow::{Context, Result};

/// Plants a bug, if there is a place for it.
type Plant = fn(&mut Kernel) -> Option<()>;

/// Each bug, and what has to be said of it.
const BUGS: [(&str, Plant, &str); 5] = [
    ("a call of a panic", call_panic, "reaches "),
    ("recursion", call_itself, "recursion"),
    (
        "larger frames on the stack",
        enlarge_frames,
        "bytes of stack",
    ),
    (
        "loops without a bound",
        forget_marks,
        "a loop without a bound",
    ),
    ("a trap", add_trap, "traps: panics.toml does not say why"),
];
/// The system call whose function is spoiled.
const SPOILED: &str = "thread_start";
/// `brk #1`.
const TRAP: u32 = 0xD420_0020;

pub(super) fn inspect(kernel: &Kernel, findings: &mut Findings) -> Result<()> {
    let mut failures = Vec::new();
    for (name, plant, complaint) in BUGS {
        let mut kernel = kernel.clone();
        plant(&mut kernel).with_context(|| format!("no place for {name}"))?;
        let entries = analyse(&kernel)?;
        let mut found = entry::find_failures(&entries)?;
        found.extend(panic::find_failures(&kernel, &entries)?);
        if !found.iter().any(|text| text.contains(complaint)) {
            failures.push(format!("{name} in the kernel: not noticed"));
        }
    }
    let noticed = BUGS.len() - failures.len();
    findings.add("static/spoiled", failures, noticed);
    Ok(())
}

/// The instructions of the spoiled function, with their addresses.
fn instructions(kernel: &Kernel) -> Option<Vec<(u64, u32)>> {
    let function = kernel.functions.values().find(|it| it.name == SPOILED)?;
    let addresses = (function.address..function.address + function.size).step_by(4);
    let with_words = addresses.map(|at| Some((at, kernel.instruction(at)?)));
    with_words.collect()
}

fn redirect_call(kernel: &mut Kernel, to: u64) -> Option<()> {
    let code = instructions(kernel)?;
    let mut calls = code.iter();
    let (from, _) = calls.find(|(at, word)| matches!(flow(*word, *at), Flow::Call(_)))?;
    let field = (to.wrapping_sub(*from) >> 2) & 0x3FF_FFFF;
    kernel.patch(*from, 0x9400_0000 | u32::try_from(field).ok()?)
}

fn call_panic(kernel: &mut Kernel) -> Option<()> {
    let is_panic = |name: &str| PANICS.iter().any(|panic| name.contains(panic));
    let mut functions = kernel.functions.values();
    let address = functions.find(|it| is_panic(&it.name))?.address;
    redirect_call(kernel, address)
}

fn call_itself(kernel: &mut Kernel) -> Option<()> {
    let mut functions = kernel.functions.values();
    let address = functions.find(|it| it.name == SPOILED)?.address;
    redirect_call(kernel, address)
}

/// Lets each function that begins with `stp …, [sp, #-N]!` take 128 bytes more, and each
/// `ldp …, [sp], #N` give them back.
fn enlarge_frames(kernel: &mut Kernel) -> Option<()> {
    const MORE: u32 = 128 / 8;
    let functions: Vec<_> = kernel.functions.values().cloned().collect();
    for function in functions {
        for at in (function.address..function.address + function.size).step_by(4) {
            let word = kernel.instruction(at)?;
            let is_pair = word & 0xFE80_0000 == 0xA880_0000;
            let Stack::Move(bytes) = stack(word) else {
                continue;
            };
            let field = bits(word, 15, 7);
            let field = match bytes {
                -384..0 if is_pair => field - MORE,
                0..=384 if is_pair => field + MORE,
                _ => continue,
            };
            kernel.patch(at, word & !(0x7F << 15) | field << 15)?;
        }
    }
    Some(())
}

fn forget_marks(kernel: &mut Kernel) -> Option<()> {
    kernel.marks.clear();
    Some(())
}

fn add_trap(kernel: &mut Kernel) -> Option<()> {
    let (last, _) = instructions(kernel)?.pop()?;
    kernel.patch(last, TRAP)
}
