//! Debugging: stepping, breakpoints, watchpoints, registers and memory of another thread.

use ipc_abi::boot::USER_END;
use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Access, Rights};
use ipc_abi::debug::{BREAKPOINT_ON, Register, Watched, watchpoint_on};
use ipc_abi::error::Error;
use ipc_abi::fault::{FaultCause, FaultReply};
use test_kit::{Action, Agent, Fact, Failure, Patient, Step, World};

use super::{HIGH, HIGHER, LOW, Topic};

pub(super) const CASES: Topic = &[
    ("steps_through_code", steps_through_code),
    ("a_step_meets_a_fault", a_step_meets_a_fault),
    (
        "a_step_over_a_call_that_waits",
        a_step_over_a_call_that_waits,
    ),
    ("breakpoint_is_hit", breakpoint_is_hit),
    ("every_breakpoint_works", every_breakpoint_works),
    ("watchpoint_is_hit", watchpoint_is_hit),
    ("others_are_not_disturbed", others_are_not_disturbed),
    (
        "registers_are_read_and_written",
        registers_are_read_and_written,
    ),
    ("memory_is_read_and_written", memory_is_read_and_written),
    ("code_is_patched", code_is_patched),
    ("refused_registers", refused_registers),
    ("refused_addresses", refused_addresses),
];

/// The condition flags; what else is in the program state depends on the processor.
const CONDITIONS: u64 = 0xF000_0000;
const BREAK: u32 = 0xD420_0000;
const NOP: u32 = 0xD503_201F;
const RETURN: u32 = 0xD65F_03C0;
const LOAD: u32 = 0xF940_0041; // ldr x1, [x2]
const STORE: u32 = 0xF900_0041; // str x1, [x2]
const LOAD_BYTE: u32 = 0x3940_0041; // ldrb w1, [x2]
const INCREMENT: u32 = 0x9100_0463; // add x3, x3, #1

const fn call_instruction(call: SystemCall) -> u32 {
    0xD400_0001 | (call as u32) << 5
}

/// Lets a patient run code up to its first instruction, which is a `brk`; it goes on behind it.
fn stop_at(world: &mut World, patient: Patient, page: u64) -> Fact {
    world.run(patient.agent, &[Step::action(Action::Run, page, 0, 9)])?;
    world.expect_next(patient, FaultCause::Breakpoint, page)?;
    write(world, patient.agent, Register::ProgramCounter, page + 4)
}

fn write(world: &mut World, agent: Agent, register: Register, value: u64) -> Fact {
    let thread = world.thread_of(agent);
    let arguments = [thread, register.into_raw(), value];
    world.must(SystemCall::ThreadWrite, &arguments).map(|_| ())
}

fn read(world: &mut World, agent: Agent, register: Register) -> Result<u64, Failure> {
    let thread = world.thread_of(agent);
    world.must(SystemCall::ThreadRead, &[thread, register.into_raw()])
}

/// The patient's script ends.
fn finish(world: &mut World, patient: Patient) -> Fact {
    let end = world.next_fault(patient)?;
    World::expect_fault(&end, FaultCause::Breakpoint, 0)?;
    world.answer_fault(FaultReply::Stop, 0)?;
    world.result(patient.agent, 0).map(|_| ())
}

fn steps_through_code(world: &mut World) -> Fact {
    let null = call_instruction(SystemCall::Null);
    let inspect = call_instruction(SystemCall::ThreadInspect);
    let next = call_instruction(SystemCall::Yield);
    let code = [
        BREAK, INCREMENT, INCREMENT, null, INCREMENT, inspect, next, NOP, RETURN,
    ];
    let page = world.code_page(&code)?;
    let patient = world.patient(HIGH)?;
    stop_at(world, patient, page)?;
    write(world, patient.agent, Register::General(3), 10)?;
    let counts = [11, 12, 0, 1, 0, 0, 0];
    for (index, count) in (2..).zip(counts) {
        world.answer_fault(FaultReply::Step, 0)?;
        let at = page + 4 * index;
        world.expect_next(patient, FaultCause::SingleStep, at)?;
        let found = read(world, patient.agent, Register::General(3))?;
        Failure::unless_same("x3", (at, found), (at, count))?;
    }
    // The calls were made: the last cleared what the one before had answered.
    let status = read(world, patient.agent, Register::General(0))?;
    Failure::unless_same("x0", status, 0)?;
    world.answer_fault(FaultReply::Retry, 0)?;
    finish(world, patient)
}

/// The fault of an instruction that is stepped comes first; mended, the step ends behind it.
fn a_step_meets_a_fault(world: &mut World) -> Fact {
    let page = world.code_page(&[BREAK, STORE, NOP, RETURN])?;
    let patient = world.patient(HIGH)?;
    let (frame, data) = (world.user_frame()?, world.page());
    stop_at(world, patient, page)?;
    write(world, patient.agent, Register::General(1), 0x77)?;
    write(world, patient.agent, Register::General(2), data)?;
    world.answer_fault(FaultReply::Step, 0)?;
    world.expect_next(patient, FaultCause::DataAbort, page + 4)?;
    let space = world.authority.space;
    world.map(space, frame, data, Access::READ_WRITE)?;
    world.answer_fault(FaultReply::Retry, 0)?;
    world.expect_next(patient, FaultCause::SingleStep, page + 8)?;
    Failure::unless_same("what was stored", world.read(data), 0x77)?;
    // Rewritten, it is stepped no further.
    world.answer_fault(FaultReply::Retry, 0)?;
    finish(world, patient)
}

/// The step of a call that waits ends with the call.
fn a_step_over_a_call_that_waits(world: &mut World) -> Fact {
    let wait = call_instruction(SystemCall::Wait);
    let page = world.code_page(&[BREAK, wait, NOP, RETURN])?;
    let patient = world.patient(HIGH)?;
    let notification = world.notification()?;
    let gate = world.gate(notification, 0x40)?;
    stop_at(world, patient, page)?;
    write(world, patient.agent, Register::General(17), notification)?;
    world.answer_fault(FaultReply::Step, 0)?;
    world.expect_state(patient.agent, ipc_abi::capability::ThreadState::Waiting)?;
    let thread = world.thread_of(patient.agent);
    let program_counter = Register::ProgramCounter.into_raw();
    let arguments = [thread, program_counter];
    world.refuse(SystemCall::ThreadRead, &arguments, Error::NotStopped)?;
    world.must(SystemCall::Signal, &[gate])?;
    world.expect_next(patient, FaultCause::SingleStep, page + 8)?;
    let bits = read(world, patient.agent, Register::General(0))?;
    Failure::unless_same("the signals", bits, 0x40)?;
    world.answer_fault(FaultReply::Retry, 0)?;
    finish(world, patient)
}

fn breakpoint_is_hit(world: &mut World) -> Fact {
    let page = world.code_page(&[NOP, NOP, INCREMENT, NOP, RETURN])?;
    let patient = world.patient(HIGH)?;
    // On before the thread starts: it stays.
    write(
        world,
        patient.agent,
        Register::BreakpointAddress(0),
        page + 8,
    )?;
    write(
        world,
        patient.agent,
        Register::BreakpointControl(0),
        BREAKPOINT_ON,
    )?;
    for _ in 0..2 {
        world.run(patient.agent, &[Step::action(Action::Run, page, 0, 9)])?;
        for _ in 0..2 {
            // Not executed, and met again.
            world.expect_next(patient, FaultCause::HardwareBreakpoint, page + 8)?;
            world.answer_fault(FaultReply::Retry, 0)?;
        }
        world.expect_next(patient, FaultCause::HardwareBreakpoint, page + 8)?;
        let before = read(world, patient.agent, Register::General(3))?;
        world.answer_fault(FaultReply::Step, 0)?;
        world.expect_next(patient, FaultCause::SingleStep, page + 12)?;
        let after = read(world, patient.agent, Register::General(3))?;
        Failure::unless_same("x3", after, before.wrapping_add(1))?;
        world.answer_fault(FaultReply::Retry, 0)?;
        finish(world, patient)?;
    }
    write(world, patient.agent, Register::BreakpointControl(0), 0)?;
    world.run(patient.agent, &[Step::action(Action::Run, page, 0, 9)])?;
    finish(world, patient)
}

/// How many registers of a kind the processor has.
fn count_of(world: &mut World, agent: Agent, register: fn(u64) -> Register) -> u64 {
    let thread = world.thread_of(agent);
    let has = |index: &u64| {
        let arguments = [thread, register(*index).into_raw()];
        world.function(SystemCall::ThreadRead, &arguments).is_ok()
    };
    (0..16).take_while(has).count() as u64
}

fn every_breakpoint_works(world: &mut World) -> Fact {
    let code: [u32; 17] = core::array::from_fn(|index| if index == 16 { RETURN } else { NOP });
    let page = world.code_page(&code)?;
    let patient = world.patient(HIGH)?;
    let count = count_of(world, patient.agent, Register::BreakpointAddress);
    Failure::unless((2..=6).contains(&count), "there are 2 to 6 breakpoints")?;
    for index in 0..count {
        let address = page + 8 * index;
        write(
            world,
            patient.agent,
            Register::BreakpointAddress(index),
            address,
        )?;
        write(
            world,
            patient.agent,
            Register::BreakpointControl(index),
            BREAKPOINT_ON,
        )?;
    }
    world.run(patient.agent, &[Step::action(Action::Run, page, 0, 9)])?;
    for index in 0..count {
        let address = page + 8 * index;
        world.expect_next(patient, FaultCause::HardwareBreakpoint, address)?;
        world.answer_fault(FaultReply::Skip, 0)?;
    }
    finish(world, patient)
}

fn watchpoint_is_hit(world: &mut World) -> Fact {
    let code = world.code_page(&[NOP, LOAD, STORE, LOAD_BYTE, RETURN])?;
    let (_, data) = world.mapped_frame(Access::READ_WRITE)?;
    let patient = world.patient(HIGH)?;
    let count = count_of(world, patient.agent, Register::WatchpointAddress);
    Failure::unless((2..=4).contains(&count), "there are 2 to 4 watchpoints")?;
    for (watched, bytes, offset, hits) in [
        (Watched::Loads, 0xFF, 0, &[1, 3][..]),
        (Watched::Stores, 0xFF, 0, &[2]),
        (Watched::Both, 0xFF, 0, &[1, 2, 3]),
        (Watched::Both, 0xF0, 0, &[1, 2]),
        (Watched::Both, 0xFF, 8, &[]),
    ] {
        let index = count - 1;
        let control = watchpoint_on(watched, bytes);
        write(
            world,
            patient.agent,
            Register::WatchpointAddress(index),
            data + offset,
        )?;
        write(
            world,
            patient.agent,
            Register::WatchpointControl(index),
            control,
        )?;
        let mut step = Step::action(Action::Run, code, 0x99, 9);
        step.words[2] = data;
        world.write(data, 7);
        world.run(patient.agent, &[step])?;
        for at in hits {
            let fault = world.next_fault(patient)?;
            let what = |why: Failure| why.at(&alloc::format!("{watched:?} {bytes:#x}"));
            let pc = code + 4 * at;
            Failure::unless_same("the program counter", fault.words[1], pc).map_err(what)?;
            let cause = FaultCause::Watchpoint as u64;
            Failure::unless_same("the cause", fault.words[0], cause)?;
            let is_near = fault.words[2].wrapping_sub(data) < 8;
            Failure::unless(is_near, "the address is near")?;
            // Neither done yet nor lost.
            world.answer_fault(FaultReply::Step, 0)?;
            world.expect_next(patient, FaultCause::SingleStep, pc + 4)?;
            world.answer_fault(FaultReply::Retry, 0)?;
        }
        finish(world, patient)?;
    }
    Ok(())
}

/// Breakpoints and steps are one thread's, whoever runs the same code, before and after.
fn others_are_not_disturbed(world: &mut World) -> Fact {
    let page = world.code_page(&[NOP, INCREMENT, RETURN])?;
    let (patient, other) = (world.patient(HIGH)?, world.agent(HIGHER)?);
    write(
        world,
        patient.agent,
        Register::BreakpointAddress(1),
        page + 4,
    )?;
    write(
        world,
        patient.agent,
        Register::BreakpointControl(1),
        BREAKPOINT_ON,
    )?;
    let step = Step::action(Action::Run, page, 0, 9);
    world.run(patient.agent, &[step])?;
    world.run(other, &[step])?;
    world.result(other, 0)?;
    world.expect_next(patient, FaultCause::HardwareBreakpoint, page + 4)?;
    world.run(other, &[step])?;
    world.result(other, 0)?;
    world.answer_fault(FaultReply::Step, 0)?;
    world.run(other, &[step])?;
    world.result(other, 0)?;
    world.expect_next(patient, FaultCause::SingleStep, page + 8)?;
    let thread = world.thread_of(patient.agent);
    world.must(SystemCall::ThreadStop, &[thread])?;
    world.destroy(thread)?;
    world.run(other, &[step])?;
    world.result(other, 0).map(|_| ())
}

fn registers_are_read_and_written(world: &mut World) -> Fact {
    let patient = world.patient(HIGH)?;
    let step = Step::action(Action::Undefined, 1, 2, 81);
    world.run(patient.agent, &[step])?;
    let fault = world.next_fault(patient)?;
    let agent = patient.agent;
    for index in 0..30 {
        let found = read(world, agent, Register::General(index))?;
        let sent = step.words[usize::try_from(index).unwrap_or(0)];
        Failure::unless_same("a register", (index, found), (index, sent))?;
        write(world, agent, Register::General(index), !sent)?;
    }
    for (register, value) in [
        (Register::ProgramCounter, fault.words[1]),
        (Register::StackPointer, fault.words[4]),
        (Register::General(30), fault.words[5]),
        (Register::ThreadPointer, step.pointer()),
    ] {
        let found = read(world, agent, register)?;
        Failure::unless_same("a register", (register, found), (register, value))?;
    }
    let flags = read(world, agent, Register::Flags)?;
    Failure::unless_same("the flags", flags & CONDITIONS, CONDITIONS)?;
    write(world, agent, Register::Flags, 0x6000_0000)?;
    write(world, agent, Register::ThreadPointer, 0x1230)?;
    let after = world.after_action();
    write(world, agent, Register::ProgramCounter, after)?;
    world.answer_fault(FaultReply::Retry, 0)?;
    let done = world.result(agent, 0)?;
    for (found, sent) in done.words.iter().zip(step.words).take(30) {
        Failure::unless_same("a register", *found, !sent)?;
    }
    Failure::unless_same("the flags", done.flags(), 0x6000_0000)?;
    Failure::unless_same("TPIDR_EL0", done.pointer(), 0x1230)
}

fn memory_is_read_and_written(world: &mut World) -> Fact {
    let (space, frame) = (world.agent_space()?, world.user_frame()?);
    let table = world.authority.table;
    let thread = world.thread(table, space)?;
    let own = world.authority.space;
    let (page, elsewhere) = (world.page(), world.page());
    world.map(own, frame, page, Access::READ_WRITE)?;
    world.map(space, frame, elsewhere, Access::READ)?;
    for offset in [0, 8, 2048, 4088] {
        world.write(page + offset, offset ^ 0x5A5A);
        let found = world.must(SystemCall::ThreadPeek, &[thread, elsewhere + offset])?;
        Failure::unless_same("what is seen", found, offset ^ 0x5A5A)?;
        world.must(
            SystemCall::ThreadPoke,
            &[thread, elsewhere + offset, offset + 1],
        )?;
        Failure::unless_same("what was written", world.read(page + offset), offset + 1)?;
    }
    Ok(())
}

/// A software breakpoint is planted, hit, and taken away, while the thread is started.
fn code_is_patched(world: &mut World) -> Fact {
    let page = world.code_page(&[NOP, NOP, INCREMENT, NOP, RETURN])?;
    let patient = world.patient(HIGH)?;
    let thread = world.thread_of(patient.agent);
    let step = Step::action(Action::Run, page, 0, 9);
    world.run(patient.agent, &[step])?;
    finish(world, patient)?;
    let old = world.must(SystemCall::ThreadPeek, &[thread, page + 8])?;
    let new = old & !0xFFFF_FFFF | u64::from(BREAK);
    world.must(SystemCall::ThreadPoke, &[thread, page + 8, new])?;
    world.run(patient.agent, &[step])?;
    world.expect_next(patient, FaultCause::Breakpoint, page + 8)?;
    world.must(SystemCall::ThreadPoke, &[thread, page + 8, old])?;
    world.answer_fault(FaultReply::Retry, 0)?;
    finish(world, patient)
}

fn refused_registers(world: &mut World) -> Fact {
    let running = world.agent(LOW)?;
    let spin = Step::action(Action::Spin, world.page(), 0, 9);
    world.run(running, &[spin])?;
    let thread = world.thread_of(running);
    for register in [Register::General(0), Register::ProgramCounter] {
        let raw = register.into_raw();
        world.refuse(SystemCall::ThreadRead, &[thread, raw], Error::NotStopped)?;
        world.refuse(
            SystemCall::ThreadWrite,
            &[thread, raw, 0],
            Error::NotStopped,
        )?;
    }
    let own = world.authority.thread;
    world.refuse(SystemCall::ThreadRead, &[own, 0], Error::NotStopped)?;
    let quiet = world.agent(HIGH)?;
    let thread = world.thread_of(quiet);
    for raw in [35, 36, 37, 63, 64, 127, 140, 143, 152, 1 << 32, u64::MAX] {
        world.refuse(SystemCall::ThreadRead, &[thread, raw], Error::BadArgument)?;
        world.refuse(
            SystemCall::ThreadWrite,
            &[thread, raw, 0],
            Error::BadArgument,
        )?;
    }
    let watch = watchpoint_on(Watched::Both, 0xFF);
    for (register, value) in [
        (Register::Flags, 1 << 21),
        (Register::Flags, 0x3C5),
        (Register::BreakpointAddress(0), 2),
        (Register::BreakpointAddress(0), USER_END),
        (Register::BreakpointAddress(0), 0xFFFF_0000_4020_0000),
        // Of the kernel too, linked, disabled but for the rest, of some bytes.
        (Register::BreakpointControl(0), BREAKPOINT_ON | 1 << 1),
        (Register::BreakpointControl(0), BREAKPOINT_ON | 1 << 13),
        (Register::BreakpointControl(0), BREAKPOINT_ON | 1 << 20),
        (Register::BreakpointControl(0), BREAKPOINT_ON & !1),
        (Register::BreakpointControl(0), BREAKPOINT_ON & !(1 << 5)),
        (Register::WatchpointAddress(0), 4),
        (Register::WatchpointAddress(0), USER_END),
        (Register::WatchpointControl(0), watch | 1 << 1),
        (Register::WatchpointControl(0), watch | 1 << 13),
        (Register::WatchpointControl(0), watch | 1 << 20),
        (Register::WatchpointControl(0), watch | 1 << 24),
        (Register::WatchpointControl(0), watch & !1),
        (
            Register::WatchpointControl(0),
            watchpoint_on(Watched::Both, 0),
        ),
        (
            Register::WatchpointControl(0),
            watchpoint_on(Watched::Both, 0b101),
        ),
    ] {
        let arguments = [thread, register.into_raw(), value];
        world.refuse(SystemCall::ThreadWrite, &arguments, Error::BadArgument)?;
    }
    Ok(())
}

fn refused_addresses(world: &mut World) -> Fact {
    let own = world.authority;
    let (frame, page) = world.mapped_frame(Access::READ_WRITE)?;
    let weak = world.copy(frame, Rights::READ)?;
    let (seen, hole) = (world.page(), world.page());
    world.map(own.space, weak, seen, Access::READ)?;
    let thread = world.thread(own.table, own.space)?;
    let device = own.device.address;
    for (address, error) in [
        (page + 1, Error::Misaligned),
        (page + 4, Error::Misaligned),
        (u64::MAX, Error::Misaligned),
        (USER_END, Error::OutOfRange),
        (0xFFFF_0000_4020_0000, Error::OutOfRange),
        (!7, Error::OutOfRange),
        (0, Error::NotMapped),
        (hole, Error::NotMapped),
        (0x7F_FFFF_FFF8, Error::NotMapped),
        (device, Error::AccessDenied),
    ] {
        world.refuse(SystemCall::ThreadPeek, &[thread, address], error)?;
        world.refuse(SystemCall::ThreadPoke, &[thread, address, 0], error)?;
    }
    world.must(SystemCall::ThreadPeek, &[thread, seen])?;
    let arguments = [thread, seen, 0];
    world.refuse(SystemCall::ThreadPoke, &arguments, Error::AccessDenied)?;
    // A thread that lost its space sees nothing.
    let space = world.agent_space()?;
    let lost = world.thread(own.table, space)?;
    let code = world.after_action() & !4095;
    world.must(SystemCall::ThreadPeek, &[lost, code])?;
    world.destroy(space)?;
    for _ in 0..64 {
        world.must(SystemCall::Yield, &[])?;
    }
    world.refuse(SystemCall::ThreadPeek, &[lost, code], Error::NotMapped)
}
