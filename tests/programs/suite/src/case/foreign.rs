//! Foreign threads: every `svc` is a fault, and the handler is the system that they know.

use ipc_abi::call::{SYSTEM_CALL_COUNT, SystemCall};
use ipc_abi::debug::thread_flag;
use ipc_abi::error::Error;
use ipc_abi::fault::{FaultCause, FaultReply};
use test_kit::{Action, Fact, Failure, Patient, Plan, Step, World};

use super::{HIGH, Topic};

pub(super) const CASES: Topic = &[
    ("every_call_is_a_fault", every_call_is_a_fault),
    ("nothing_is_foreign_for_ever", nothing_is_foreign_for_ever),
    ("a_personality_runs", a_personality_runs),
    ("flags_of_a_thread_at_rest", flags_of_a_thread_at_rest),
];

const RETURN: u32 = 0xD65F_03C0;

const fn call_instruction(number: u32) -> u32 {
    0xD400_0001 | number << 5
}

fn foreign(world: &mut World) -> Result<Patient, Failure> {
    let patient = world.patient(HIGH)?;
    let thread = world.thread_of(patient.agent);
    world.must(SystemCall::ThreadConfigure, &[thread, thread_flag::FOREIGN])?;
    Ok(patient)
}

/// The patient's script ends.
fn finish(world: &mut World, patient: Patient) -> Fact {
    let end = world.next_fault(patient)?;
    World::expect_fault(&end, FaultCause::Breakpoint, 0)?;
    world.answer_fault(FaultReply::Stop, 0)
}

/// Whatever its number, and whatever is in the registers; and none of them changes.
fn every_call_is_a_fault(world: &mut World) -> Fact {
    let patient = foreign(world)?;
    let calls = (0..).take(SYSTEM_CALL_COUNT + 1);
    for number in calls.chain([0xFFFF]) {
        let page = world.code_page(&[call_instruction(number), RETURN])?;
        let step = Step::action(Action::Run, page, 3, 90 + u64::from(number));
        world.run(patient.agent, &[step])?;
        let fault = world.next_fault(patient)?;
        let named = |why: Failure| why.at(&alloc::format!("svc #{number}"));
        World::expect_fault(&fault, FaultCause::ForeignCall, 0).map_err(named)?;
        Failure::unless_same("the program counter", fault.words[1], page + 4).map_err(named)?;
        let immediate = fault.words[3] & 0xFFFF;
        Failure::unless_same("the number", immediate, number.into()).map_err(named)?;
        Failure::unless_same("x0 to x8", &fault.words[6..15], &step.words[..9]).map_err(named)?;
        let flags = fault.words[15] & 0xF000_0000;
        Failure::unless_same("the flags", flags, 0xF000_0000).map_err(named)?;
        world.answer_fault(FaultReply::Retry, 0)?;
        finish(world, patient)?;
        let after = world.result(patient.agent, 0)?;
        Failure::unless_same("x0 to x29", &after.words[..30], &step.words[..30]).map_err(named)?;
        Failure::unless_same("the flags", after.flags(), 0xF000_0000).map_err(named)?;
        Failure::unless_same("TPIDR_EL0", after.pointer(), step.pointer()).map_err(named)?;
    }
    Ok(())
}

/// Without the flag, calls are the kernel's again, the fast ones too.
fn nothing_is_foreign_for_ever(world: &mut World) -> Fact {
    let patient = foreign(world)?;
    let thread = world.thread_of(patient.agent);
    world.must(SystemCall::ThreadConfigure, &[thread, 0])?;
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 5)?;
    let server = world.agent(HIGH)?;
    let answer = super::reply_receive(endpoint, 7);
    world.run(server, &[super::receive(endpoint), answer])?;
    let script = [
        super::function(SystemCall::Null, &[]),
        super::call(gate, 3),
        super::function(SystemCall::Yield, &[]),
    ];
    world.run(patient.agent, &script)?;
    finish(world, patient)?;
    for index in 0..3 {
        world.result(patient.agent, index)?;
    }
    world.received(server, 0).map(|_| ())
}

/// A program of another system: it asks for its number, adds ten to it, writes the sum, and exits with
/// it. Its system takes the number of a call from `x8` and answers in `x0`.
fn a_personality_runs(world: &mut World) -> Fact {
    const GET_NUMBER: u16 = 172;
    const WRITE: u16 = 64;
    const EXIT: u16 = 93;
    const fn number(call: u16) -> u32 {
        0xD280_0008 | (call as u32) << 5 // movz x8, #call
    }
    let page = world.code_page(&[
        number(GET_NUMBER),
        call_instruction(0),
        0x9100_2801, // add x1, x0, #10
        0xD280_0020, // movz x0, #1
        number(WRITE),
        call_instruction(0),
        0xAA01_03E0, // mov x0, x1
        number(EXIT),
        call_instruction(0),
        0, // undefined
    ])?;
    let patient = foreign(world)?;
    world.run(patient.agent, &[Step::action(Action::Run, page, 0, 9)])?;
    let mut written = 0;
    for expected in [GET_NUMBER, WRITE, EXIT] {
        let fault = world.next_fault(patient)?;
        World::expect_fault(&fault, FaultCause::ForeignCall, 0)?;
        let mut words = fault.words;
        Failure::unless_same("the call", words[14], u64::from(expected))?;
        match expected {
            GET_NUMBER => words[6] = 4200,
            WRITE => (written, words[6]) = (words[7], 1),
            _ => {
                Failure::unless_same("what it exits with", words[6], 4210)?;
                world.answer_fault(FaultReply::Stop, 0)?;
                continue;
            }
        }
        world.rewrite(words, 56)?;
    }
    Failure::unless_same("what it wrote", written, 4210)
}

fn flags_of_a_thread_at_rest(world: &mut World) -> Fact {
    let patient = world.patient(HIGH)?;
    let thread = world.thread_of(patient.agent);
    for flags in [4, 8, 1 << 31, thread_flag::ALL | 4] {
        let arguments = [thread, flags];
        world.refuse(SystemCall::ThreadConfigure, &arguments, Error::BadArgument)?;
    }
    world.run(patient.agent, &[Step::action(Action::Undefined, 0, 0, 9)])?;
    world.refuse(SystemCall::ThreadConfigure, &[thread, 1], Error::NotStopped)?;
    world.next_fault(patient)?;
    world.refuse(SystemCall::ThreadConfigure, &[thread, 1], Error::NotStopped)?;
    world.answer_fault(FaultReply::Stop, 0)?;
    world.must(SystemCall::ThreadConfigure, &[thread, 1])?;
    let table = world.table()?;
    let plan = Plan {
        table,
        ..Plan::beside(HIGH)
    };
    let other = world.planned_agent(plan)?;
    let thread = world.thread_of(other);
    world.must(SystemCall::ThreadConfigure, &[thread, thread_flag::ALL])?;
    world
        .must(SystemCall::ThreadConfigure, &[thread, 0])
        .map(|_| ())
}
