//! Floating point: every thread has its own registers, and nobody sees another's.

use alloc::vec::Vec;

use ipc_abi::call::SystemCall;
use ipc_abi::debug::{Register, thread_flag};
use ipc_abi::error::Error;
use ipc_abi::fault::{FaultCause, FaultReply};
use test_kit::{Action, Agent, Fact, Failure, Plan, Step, World};

use super::{EQUAL, HIGH, Topic};

pub(super) const CASES: Topic = &[
    ("values_survive_other_threads", values_survive_other_threads),
    ("values_survive_preemption", values_survive_preemption),
    ("values_survive_calls", values_survive_calls),
    ("new_threads_find_zero", new_threads_find_zero),
    (
        "debugger_sees_and_changes_them",
        debugger_sees_and_changes_them,
    ),
    ("only_who_opted_in_has_them", only_who_opted_in_has_them),
];

const RETURN: u32 = 0xD65F_03C0;
const READ_CONTROL: u32 = 0xD53B_4400;
const WRITE_CONTROL: u32 = 0xD51B_4400;
const READ_STATUS: u32 = 0xD53B_4420;
const WRITE_STATUS: u32 = 0xD51B_4420;
/// `x4`: what is compared; `x5`: the differences.
const VALUE: u32 = 4;
const FOUND: u32 = 6;

const fn move_to_low(vector: u32, general: u32) -> u32 {
    0x9E67_0000 | general << 5 | vector
}
const fn move_to_high(vector: u32, general: u32) -> u32 {
    0x9EAF_0000 | general << 5 | vector
}
const fn move_from_low(general: u32, vector: u32) -> u32 {
    0x9E66_0000 | vector << 5 | general
}
const fn move_from_high(general: u32, vector: u32) -> u32 {
    0x9EAE_0000 | vector << 5 | general
}
/// `add x4, x4, #1`.
const NEXT_VALUE: u32 = 0x9100_0400 | VALUE << 5 | VALUE;
/// `mov x4, x1`.
const FIRST_VALUE: u32 = 0xAA01_03E0 | VALUE;
/// `eor x6, x6, x4`, `orr x5, x5, x6`.
const COMPARE: [u32; 2] = [0xCA04_00C6, 0xAA06_00A5];

/// Code that writes `x1`, `x1` + 1, … to all halves of all registers.
fn fill(code: &mut Vec<u32>) {
    code.push(FIRST_VALUE);
    for vector in 0..32 {
        code.extend([move_to_low(vector, VALUE), NEXT_VALUE]);
        code.extend([move_to_high(vector, VALUE), NEXT_VALUE]);
    }
}

/// Code that compares them, into `x5`.
fn compare(code: &mut Vec<u32>) {
    code.push(FIRST_VALUE);
    for vector in 0..32 {
        code.push(move_from_low(FOUND, vector));
        code.extend(COMPARE);
        code.push(NEXT_VALUE);
        code.push(move_from_high(FOUND, vector));
        code.extend(COMPARE);
        code.push(NEXT_VALUE);
    }
}

/// `mov x5, xzr`.
const NO_DIFFERENCE: u32 = 0xAA1F_03E5;

/// `b.ne` to so many instructions before.
fn branch_back_not_equal(instructions: usize) -> u32 {
    let back = u32::try_from(instructions).map_or(0, u32::wrapping_neg);
    0x5400_0001 | (back & 0x7_FFFF) << 5
}

/// Code that keeps its own values while `between` happens, `rounds` times (in `x3`); `x1` and `x3` are
/// kept in `x20`, `x21`, since calls take them.
fn keeper(between: &[u32], rounds: u16) -> Vec<u32> {
    let mut code = alloc::vec![
        0xAA01_03F4,                          // mov x20, x1
        0xD280_0015 | u32::from(rounds) << 5, // movz x21, #rounds
        0xAA1F_03F6,                          // mov x22, xzr: the differences
    ];
    fill(&mut code);
    let top = code.len();
    code.extend(between);
    code.push(0xAA14_03E1); // mov x1, x20
    code.push(NO_DIFFERENCE);
    compare(&mut code);
    code.push(0xAA05_02D6); // orr x22, x22, x5
    code.push(0xF100_06B5); // subs x21, x21, #1
    code.push(branch_back_not_equal(code.len() - top));
    code.push(RETURN);
    code
}

fn floating(world: &mut World, priority: u64) -> Result<Agent, Failure> {
    let agent = world.agent(priority)?;
    let thread = world.thread_of(agent);
    world.must(
        SystemCall::ThreadConfigure,
        &[thread, thread_flag::FLOATING],
    )?;
    Ok(agent)
}

/// Lets two agents keep their values while the suite waits for both.
fn keep_beside_each_other(world: &mut World, code: &[u32], waits: usize) -> Fact {
    let page = world.code_page(code)?;
    let agents = [floating(world, EQUAL)?, floating(world, EQUAL)?];
    for (agent, seed) in agents.into_iter().zip([0x1111_0000, 0x2222_0000]) {
        world.run(agent, &[Step::action(Action::Run, page, seed, 9)])?;
    }
    for _ in 0..waits {
        world.must(SystemCall::Yield, &[])?;
        let is_done = |world: &mut World, agent| world.peek(agent, 0).is_some();
        if is_done(world, agents[0]) && is_done(world, agents[1]) {
            break;
        }
    }
    for agent in agents {
        let done = world.result(agent, 0)?;
        Failure::unless_same("the differences", done.words[22], 0)?;
    }
    Ok(())
}

fn values_survive_other_threads(world: &mut World) -> Fact {
    let next = 0xD400_0001 | (SystemCall::Yield as u32) << 5;
    keep_beside_each_other(world, &keeper(&[next], 50), 10_000)
}

/// Long enough for many slices.
fn values_survive_preemption(world: &mut World) -> Fact {
    let spin = [
        0xD2A0_0202, // movz x2, #0x10, lsl #16
        0xF100_0442, // subs x2, x2, #1
        0x54FF_FFE1, // b.ne .-4
    ];
    keep_beside_each_other(world, &keeper(&spin, 40), 10_000)
}

/// A floating client calls a floating server, by the fast path; each clears what the other must not see.
fn values_survive_calls(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 5)?;
    let (client, server) = (floating(world, HIGH)?, floating(world, HIGH)?);
    let receive = |call: SystemCall| {
        [
            0xAA18_03F1, // mov x17, x24
            0xD280_0010, // movz x16, #0
            0xD280_0012, // movz x18, #0
            0xD400_0001 | (call as u32) << 5,
        ]
    };
    let client_page = world.code_page(&keeper(&receive(SystemCall::Call), 20))?;
    let mut code = alloc::vec![0xAA01_03F7]; // mov x23, x1
    code.extend(receive(SystemCall::Receive));
    code.push(0xAA17_03E1); // mov x1, x23
    code.extend(keeper(&receive(SystemCall::ReplyReceive), 20));
    let server_page = world.code_page(&code)?;
    let mut step = Step::action(Action::Run, server_page, 0x3333_0000, 9);
    step.words[24] = endpoint;
    world.run(server, &[step])?;
    step = Step::action(Action::Run, client_page, 0x4444_0000, 9);
    step.words[24] = gate;
    world.run(client, &[step])?;
    let done = world.result(client, 0)?;
    Failure::unless_same("the client's differences", done.words[22], 0)?;
    // The server waits for a call that does not come, with its values.
    let thread = world.thread_of(server);
    world.must(SystemCall::ThreadStop, &[thread])?;
    let differences = world.must(SystemCall::ThreadRead, &[thread, 22])?;
    Failure::unless_same("the server's differences", differences, 0)
}

/// Code that ors all of them, and the control registers, into `x5`, then fills them.
fn snoop() -> Vec<u32> {
    let mut code = alloc::vec![NO_DIFFERENCE];
    for vector in 0..32 {
        for instruction in [move_from_low(FOUND, vector), move_from_high(FOUND, vector)] {
            code.extend([instruction, COMPARE[1]]);
        }
    }
    for instruction in [READ_CONTROL | FOUND, READ_STATUS | FOUND] {
        code.extend([instruction, COMPARE[1]]);
    }
    fill(&mut code);
    code.extend([
        0xD2A0_0804, // movz x4, #0x40, lsl #16: round up
        WRITE_CONTROL | VALUE,
        0xD280_0104, // movz x4, #8
        WRITE_STATUS | VALUE,
        RETURN,
    ]);
    code
}

fn new_threads_find_zero(world: &mut World) -> Fact {
    let page = world.code_page(&snoop())?;
    let step = Step::action(Action::Run, page, 0x5555_0000, 9);
    let own = world.authority;
    let first = floating(world, HIGH)?;
    // Started anew; configured anew; another; and one at the very place of one that died.
    for round in 0..3 {
        world.run(first, &[step])?;
        let done = world.result(first, 0)?;
        Failure::unless_same("what was found", (round, done.words[5]), (round, 0))?;
        if round == 1 {
            let thread = world.thread_of(first);
            world.must(SystemCall::ThreadConfigure, &[thread, 0])?;
            world.must(SystemCall::ThreadConfigure, &[thread, 1])?;
        }
    }
    let thread = world.thread_of(first);
    let object = world.object_of(thread);
    world.destroy(thread)?;
    let place = world.place(thread);
    world.must(SystemCall::CapabilityDelete, &[place])?;
    let arguments = [own.memory, object, place, own.table, own.space];
    world.must(SystemCall::CreateThread, &arguments)?;
    world.must(
        SystemCall::ThreadSetContext,
        &[thread, world.context_of(first)],
    )?;
    world.must(SystemCall::ThreadConfigure, &[thread, 1])?;
    world.run(first, &[step])?;
    let done = world.result(first, 0)?;
    Failure::unless_same("what was found at the same place", done.words[5], 0)
}

fn debugger_sees_and_changes_them(world: &mut World) -> Fact {
    const BREAK: u32 = 0xD420_0000;
    let mut code = Vec::new();
    fill(&mut code);
    code.push(BREAK);
    code.push(NO_DIFFERENCE);
    compare(&mut code);
    code.push(RETURN);
    let page = world.code_page(&code)?;
    let patient = world.patient(HIGH)?;
    let thread = world.thread_of(patient.agent);
    world.must(SystemCall::ThreadConfigure, &[thread, 1])?;
    let step = Step::action(Action::Run, page, 0x6666_0000, 9);
    world.run(patient.agent, &[step])?;
    world.next_fault(patient)?;
    for half in 0..64 {
        let register = Register::VectorHalf(half).into_raw();
        let found = world.must(SystemCall::ThreadRead, &[thread, register])?;
        Failure::unless_same("a half", found, 0x6666_0000 + half)?;
        let other = 0x7777_0000 + half;
        world.must(SystemCall::ThreadWrite, &[thread, register, other])?;
    }
    for (register, value) in [
        (Register::FloatingControl, 1 << 22),
        (Register::FloatingStatus, 8),
    ] {
        let register = register.into_raw();
        world.must(SystemCall::ThreadWrite, &[thread, register, value])?;
        let wide = [thread, register, 1 << 32];
        world.refuse(SystemCall::ThreadWrite, &wide, Error::BadArgument)?;
    }
    world.must(SystemCall::ThreadWrite, &[thread, 1, 0x7777_0000])?;
    world.answer_fault(FaultReply::Skip, 0)?;
    world.next_fault(patient)?;
    world.answer_fault(FaultReply::Stop, 0)?;
    let done = world.result(patient.agent, 0)?;
    Failure::unless_same("the differences", done.words[5], 0)?;
    let control = world.must(SystemCall::ThreadRead, &[thread, 35])?;
    Failure::unless_same("fpcr", control, 1 << 22)
}

/// After a floating thread has run, another faults; with the flag it does not; without it again.
fn only_who_opted_in_has_them(world: &mut World) -> Fact {
    let user = floating(world, HIGH)?;
    let patient = world.patient(HIGH)?;
    let thread = world.thread_of(patient.agent);
    let plan = Plan::beside(HIGH);
    let plain = world.planned_agent(plan)?;
    for flags in [0, 1, 0] {
        for action in [Action::Float, Action::Vector] {
            world.run(user, &[Step::action(action, 0, 0, 9)])?;
            world.result(user, 0)?;
            world.must(SystemCall::ThreadConfigure, &[thread, flags])?;
            world.run(patient.agent, &[Step::action(action, 0, 0, 9)])?;
            if flags == 0 {
                let fault = world.next_fault(patient)?;
                World::expect_fault(&fault, FaultCause::UndefinedInstruction, 0)?;
                world.skip_action()?;
            }
            let end = world.next_fault(patient)?;
            World::expect_fault(&end, FaultCause::Breakpoint, 0)?;
            world.answer_fault(FaultReply::Stop, 0)?;
        }
    }
    world.run(plain, &[Step::action(Action::Float, 0, 0, 9)])?;
    world.expect_inside(plain, 0)
}
