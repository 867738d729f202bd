//! What EL0 reaches of the system registers: every encoding of `mrs`, `msr`, `sys` and `sysl` is
//! executed, and must fault as an undefined instruction unless it is in a list here.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Access, FrameMode};
use ipc_abi::debug::thread_flag;
use ipc_abi::fault::{FaultCause, FaultReply};
use ipc_abi::tag::{MessageKind, Tag};
use test_kit::{Fact, Failure, Message, Plan, Step, World};

use super::{HIGH, Topic};

pub(super) const CASES: Topic = &[
    ("only_these_can_be_read", only_these_can_be_read),
    ("only_these_can_be_written", only_these_can_be_written),
    ("floating_adds_two", floating_adds_two),
    ("no_maintenance_but_zeroing", no_maintenance_but_zeroing),
    ("counters_count", counters_count),
];

/// A system register as an instruction names it: op0, op1, CRn, CRm, op2.
type Name = (u32, u32, u32, u32, u32);

/// What EL0 can read: what `ABI.md` promises, and what the architecture does not let a kernel hide.
const READABLE: &[(Name, &str)] = &[
    // Trapped by MDSCR_EL1.TDCC, which some emulators do not know; there it reads as 0.
    ((2, 3, 0, 1, 0), "MDCCSR_EL0"),
    ((3, 3, 0, 0, 1), "CTR_EL0"),
    ((3, 3, 0, 0, 7), "DCZID_EL0"),
    ((3, 3, 2, 4, 0), "RNDR"),
    ((3, 3, 2, 4, 1), "RNDRRS"),
    ((3, 3, 4, 2, 0), "NZCV"),
    ((3, 3, 4, 2, 5), "DIT"),
    ((3, 3, 4, 2, 6), "SSBS"),
    ((3, 3, 4, 2, 7), "TCO"),
    ((3, 3, 9, 13, 0), "PMCCNTR_EL0"),
    ((3, 3, 9, 14, 0), "PMUSERENR_EL0"),
    ((3, 3, 13, 0, 2), "TPIDR_EL0"),
    ((3, 3, 13, 0, 3), "TPIDRRO_EL0"),
    ((3, 3, 14, 0, 0), "CNTFRQ_EL0"),
    ((3, 3, 14, 0, 2), "CNTVCT_EL0"),
    ((3, 3, 14, 0, 6), "CNTVCTSS_EL0"),
];

/// What EL0 can write: program state and its thread pointer.
const WRITABLE: &[(Name, &str)] = &[
    ((3, 3, 4, 2, 0), "NZCV"),
    ((3, 3, 4, 2, 5), "DIT"),
    ((3, 3, 4, 2, 6), "SSBS"),
    ((3, 3, 4, 2, 7), "TCO"),
    ((3, 3, 13, 0, 2), "TPIDR_EL0"),
];

/// What EL0 can do with caches: zero its own memory, here at address 0, which faults.
const ZEROING: &[(Name, &str)] = &[
    ((1, 3, 7, 4, 1), "DC ZVA"),
    ((1, 3, 7, 4, 3), "DC GVA"),
    ((1, 3, 7, 4, 4), "DC GZVA"),
];

/// Instructions in one page of code: the last ends it.
const PAGE_INSTRUCTIONS: u32 = 1023;
/// Encodings of one `op0`.
const ENCODINGS: u32 = 1 << 14;
/// `brk #0`.
const BREAK: u32 = 0xD420_0000;

/// The encoding with a number, of an `op0`.
const fn name_of(op0: u32, number: u32) -> Name {
    (
        op0,
        number >> 11,
        (number >> 7) & 15,
        (number >> 3) & 15,
        number & 7,
    )
}

/// The instruction that reads (`L` = 1) or writes a register, from or to nowhere (`xzr`).
const fn instruction(name: Name, is_read: bool) -> u32 {
    let (op0, op1, crn, crm, op2) = name;
    let read = if is_read { 1 << 21 } else { 0 };
    0xD500_0000 | read | op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5 | 31
}

/// How an instruction ended.
struct Ended {
    name: Name,
    /// The cause of its fault; `None` if it did not fault.
    cause: Option<u64>,
    address: u64,
}

/// What a thread with the flag *floating* can read and write besides.
const FLOATING: &[(Name, &str)] = &[((3, 3, 4, 4, 0), "FPCR"), ((3, 3, 4, 4, 1), "FPSR")];

/// Executes every encoding of an `op0`; tells those that did not fault as undefined.
fn sweep(world: &mut World, op0: u32, is_read: bool) -> Result<Vec<Ended>, Failure> {
    sweep_with(world, op0, is_read, 0)
}

/// The same, by a thread with flags.
fn sweep_with(
    world: &mut World,
    op0: u32,
    is_read: bool,
    flags: u64,
) -> Result<Vec<Ended>, Failure> {
    let mut strange = Vec::new();
    let mut first = 0;
    while first < ENCODINGS {
        let count = PAGE_INSTRUCTIONS.min(ENCODINGS - first);
        let names: Vec<Name> = (first..first + count)
            .map(|number| name_of(op0, number))
            .collect();
        strange.extend(execute(world, &names, is_read, flags)?);
        first += count;
    }
    Ok(strange)
}

/// Executes one page of instructions; tells those that did not fault as undefined.
fn execute(
    world: &mut World,
    names: &[Name],
    is_read: bool,
    flags: u64,
) -> Result<Vec<Ended>, Failure> {
    let own = world.authority;
    let (frame, page) = world.mapped_frame(Access::READ_WRITE)?;
    let mut code: Vec<u32> = names
        .iter()
        .map(|name| instruction(*name, is_read))
        .collect();
    code.resize(1024, BREAK);
    for (index, pair) in (0..).zip(code.chunks_exact(2)) {
        world.write(
            page + 8 * index,
            u64::from(pair[0]) | u64::from(pair[1]) << 32,
        );
    }
    world.must(SystemCall::Unmap, &[own.space, page])?;
    world.must(SystemCall::FrameSetMode, &[frame, FrameMode::Code as u64])?;
    world.map(own.space, frame, page, Access::READ_EXECUTE)?;
    let endpoint = world.endpoint()?;
    let handler = world.gate(endpoint, 1)?;
    let agent = world.planned_agent(Plan {
        handler,
        ..Plan::beside(HIGH)
    })?;
    let thread = world.thread_of(agent);
    world.must(SystemCall::ThreadConfigure, &[thread, flags])?;
    world.run(agent, &[Step::action(test_kit::Action::Run, page, 0, 9)])?;
    let ended = watch(world, endpoint, page, names);
    world.clear()?;
    ended
}

/// Takes the faults of a page of instructions, each of which goes on behind the last.
fn watch(
    world: &mut World,
    endpoint: u64,
    page: u64,
    names: &[Name],
) -> Result<Vec<Ended>, Failure> {
    let mut strange = Vec::new();
    let mut next = 0;
    loop {
        let fault = world.must_message(SystemCall::Receive, &Message::to(endpoint, 1))?;
        Failure::unless_same("the kind", fault.tag.kind(), Some(MessageKind::Fault))?;
        let (cause, pc, address) = (fault.words[0], fault.words[1], fault.words[2]);
        let index = usize::try_from(pc.wrapping_sub(page) / 4).unwrap_or(usize::MAX);
        if index > names.len() {
            return Err(Failure(format!("a fault of cause {cause} at {pc:#x}")));
        }
        for name in &names[next..index] {
            strange.push(Ended {
                name: *name,
                cause: None,
                address: 0,
            });
        }
        let Some(name) = names.get(index) else { break };
        if cause != FaultCause::UndefinedInstruction as u64 {
            strange.push(Ended {
                name: *name,
                cause: Some(cause),
                address,
            });
        }
        next = index + 1;
        let tag = Tag::new(FaultReply::ContinueAt as u16, 8);
        let answer = Message::to(0, 1).tagged(tag).with_word(0, pc + 4);
        world.must_message(SystemCall::Reply, &answer)?;
    }
    let stop = Message::to(0, 1).tagged(Tag::new(FaultReply::Stop as u16, 0));
    world.must_message(SystemCall::Reply, &stop)?;
    Ok(strange)
}

/// Fails with those that are not in a list.
fn expect_listed(strange: &[Ended], list: &[(Name, &str)], cause: Option<FaultCause>) -> Fact {
    let mut others = String::new();
    for ended in strange {
        let is_listed = list.iter().any(|(name, _)| *name == ended.name);
        let is_expected = ended.cause == cause.map(|cause| cause as u64) && ended.address == 0;
        if !is_listed || !is_expected {
            let (op0, op1, crn, crm, op2) = ended.name;
            let (cause, address) = (ended.cause, ended.address);
            let name = format!("S{op0}_{op1}_C{crn}_C{crm}_{op2}");
            others.push_str(&format!(" {name} (cause {cause:?} at {address:#x})"));
        }
    }
    Failure::unless_same("others", others.as_str(), "")
}

fn only_these_can_be_read(world: &mut World) -> Fact {
    for op0 in [2, 3] {
        let strange = sweep(world, op0, true)?;
        expect_listed(&strange, READABLE, None)?;
    }
    Ok(())
}

fn only_these_can_be_written(world: &mut World) -> Fact {
    for op0 in [2, 3] {
        let strange = sweep(world, op0, false)?;
        expect_listed(&strange, WRITABLE, None)?;
    }
    Ok(())
}

fn floating_adds_two(world: &mut World) -> Fact {
    for (is_read, list) in [(true, READABLE), (false, WRITABLE)] {
        let strange = sweep_with(world, 3, is_read, thread_flag::FLOATING)?;
        let list: Vec<(Name, &str)> = list.iter().chain(FLOATING).copied().collect();
        expect_listed(&strange, &list, None)?;
        for (name, _) in FLOATING {
            let is_there = strange.iter().any(|ended| ended.name == *name);
            Failure::unless(is_there, "a floating thread reaches FPCR and FPSR")?;
        }
    }
    Ok(())
}

fn no_maintenance_but_zeroing(world: &mut World) -> Fact {
    for is_read in [false, true] {
        let strange = sweep(world, 1, is_read)?;
        expect_listed(&strange, ZEROING, Some(FaultCause::DataAbort))?;
    }
    Ok(())
}

/// The cycle counter and the time never go back.
fn counters_count(_world: &mut World) -> Fact {
    let (mut cycles, mut ticks) = (userlib::read_cycles(), userlib::read_ticks());
    let first = (cycles, ticks);
    for _ in 0..100_000 {
        let now = (userlib::read_cycles(), userlib::read_ticks());
        Failure::unless(now.0 >= cycles && now.1 >= ticks, "a counter went back")?;
        (cycles, ticks) = now;
    }
    Failure::unless(cycles > first.0, "PMCCNTR_EL0 does not count")?;
    Failure::unless(ticks > first.1, "CNTVCT_EL0 does not count")
}
