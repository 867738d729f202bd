//! Faults: what a handler is told, and what it can answer.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Access, FrameMode, ThreadState};
use ipc_abi::error::Error;
use ipc_abi::fault::{FaultCause, FaultReply};
use ipc_abi::tag::{MessageKind, Tag};
use test_kit::{Action, Fact, Failure, Message, Plan, Step, World};

use super::{HIGH, Topic, function};

pub(super) const CASES: Topic = &[
    ("causes_are_told", causes_are_told),
    ("data_aborts_tell_the_address", data_aborts_tell_the_address),
    (
        "instruction_aborts_tell_the_address",
        instruction_aborts_tell_the_address,
    ),
    (
        "pages_are_what_they_are_mapped_as",
        pages_are_what_they_are_mapped_as,
    ),
    (
        "unmapped_page_is_gone_at_once",
        unmapped_page_is_gone_at_once,
    ),
    ("kernel_is_out_of_reach", kernel_is_out_of_reach),
    ("registers_survive_a_fault", registers_survive_a_fault),
    ("handler_lets_it_retry", handler_lets_it_retry),
    ("handler_knows_six_answers", handler_knows_six_answers),
    ("handler_lets_it_skip", handler_lets_it_skip),
    ("handler_rewrites_registers", handler_rewrites_registers),
    ("message_has_registers", message_has_registers),
    ("handler_stops_it", handler_stops_it),
    ("fault_waits_for_its_handler", fault_waits_for_its_handler),
    ("without_a_handler_it_stops", without_a_handler_it_stops),
    (
        "saved_fault_is_answered_later",
        saved_fault_is_answered_later,
    ),
];

/// An address at which nothing is mapped.
const NOWHERE: u64 = 0x50_0000_0000;

fn causes_are_told(world: &mut World) -> Fact {
    let patient = world.patient(HIGH)?;
    let (_, page) = world.mapped_frame(Access::READ_WRITE)?;
    let code = world.after_action();
    let undefined = FaultCause::UndefinedInstruction;
    for (action, x0, cause, address) in [
        (Action::UnknownCall, 0, FaultCause::UnknownSystemCall, 0),
        (Action::LastCall, 0, FaultCause::UnknownSystemCall, 0),
        (Action::Float, 0, undefined, 0),
        (Action::Vector, 0, undefined, 0),
        (Action::Undefined, 0, undefined, 0),
        (Action::Halt, 0, undefined, 0),
        (Action::Supervise, 0, undefined, 0),
        (Action::Monitor, 0, undefined, 0),
        (Action::Return, 0, undefined, 0),
        (Action::WaitForInterrupt, 0, undefined, 0),
        (Action::Break, 0, FaultCause::Breakpoint, 0),
        (
            Action::LoadExclusive,
            page + 1,
            FaultCause::Alignment,
            page + 1,
        ),
        (Action::Load, NOWHERE, FaultCause::DataAbort, NOWHERE),
        (Action::Jump, code + 2, FaultCause::Alignment, code + 2),
    ] {
        let step = Step::action(action, x0, 0x51, 9);
        let fault = world.fault_of(patient, step)?;
        let named = |why: Failure| why.at(&alloc::format!("{action:?}"));
        World::expect_fault(&fault, cause, address).map_err(named)?;
        Failure::unless_same("x0", fault.words[6], x0).map_err(named)?;
        Failure::unless_same("x1", fault.words[7], 0x51).map_err(named)?;
        let class = fault.words[3] >> 26;
        Failure::unless(class != 0 || cause == undefined, "there is no syndrome").map_err(named)?;
    }
    Ok(())
}

fn data_aborts_tell_the_address(world: &mut World) -> Fact {
    let patient = world.patient(HIGH)?;
    for address in [0, 8, NOWHERE, NOWHERE + 0x123, (1 << 39) - 8] {
        for action in [Action::Load, Action::Store] {
            let fault = world.fault_of(patient, Step::action(action, address, 0, 9))?;
            World::expect_fault(&fault, FaultCause::DataAbort, address)?;
            // WnR says whether it was a store.
            let is_store = fault.words[3] & 1 << 6 != 0;
            Failure::unless_same("is it a store", is_store, action == Action::Store)?;
        }
    }
    Ok(())
}

fn instruction_aborts_tell_the_address(world: &mut World) -> Fact {
    let patient = world.patient(HIGH)?;
    for address in [0, 4, NOWHERE, NOWHERE + 0x120, (1 << 39) - 4] {
        let fault = world.fault_of(patient, Step::action(Action::Jump, address, 0, 9))?;
        World::expect_fault(&fault, FaultCause::InstructionAbort, address)?;
        Failure::unless_same("the program counter", fault.words[1], address)?;
    }
    Ok(())
}

/// Reading, writing and executing of every kind of page, in every mode.
fn pages_are_what_they_are_mapped_as(world: &mut World) -> Fact {
    const RETURN: u64 = 0xD65F_03C0;
    let patient = world.patient(HIGH)?;
    let own = world.authority;
    for (mode, access) in [
        (FrameMode::Data, Access::READ),
        (FrameMode::Data, Access::READ_WRITE),
        (FrameMode::Code, Access::READ),
        (FrameMode::Code, Access::READ_EXECUTE),
    ] {
        let (frame, page) = world.mapped_frame(Access::READ_WRITE)?;
        world.write(page, RETURN);
        world.must(SystemCall::Unmap, &[own.space, page])?;
        world.must(SystemCall::FrameSetMode, &[frame, mode as u64])?;
        world.map(own.space, frame, page, access)?;
        for (action, is_allowed, cause) in [
            (Action::Load, true, FaultCause::DataAbort),
            (Action::Store, access.is_writable(), FaultCause::DataAbort),
            (
                Action::Run,
                access.is_executable(),
                FaultCause::InstructionAbort,
            ),
        ] {
            let step = Step::action(action, page, RETURN, 9);
            let what = |why: Failure| why.at(&alloc::format!("{action:?} in {mode:?} {access:?}"));
            if is_allowed {
                let agent = world.agent(HIGH)?;
                world.run(agent, &[step])?;
                world.result(agent, 0).map_err(what)?;
                world.forget_agent(agent)?;
            } else {
                let fault = world.fault_of(patient, step).map_err(what)?;
                World::expect_fault(&fault, cause, page).map_err(what)?;
            }
        }
    }
    Ok(())
}

/// No translation outlives `unmap`, `protect` or the frame.
fn unmapped_page_is_gone_at_once(world: &mut World) -> Fact {
    let patient = world.patient(HIGH)?;
    let own = world.authority;
    for ending in 0..3 {
        let (frame, page) = world.mapped_frame(Access::READ_WRITE)?;
        for word in 0..8 {
            world.write(page + 8 * word, word);
        }
        let number = world.must(SystemCall::FrameInspect, &[frame])? / 4096;
        match ending {
            0 => world
                .must(SystemCall::Unmap, &[own.space, page])
                .map(|_| ())?,
            1 => world
                .must(SystemCall::Protect, &[own.space, page, 1])
                .map(|_| ())?,
            _ => world.must_finish(SystemCall::Reclaim, &[own.memory, number])?,
        }
        let fault = world.fault_of(patient, Step::action(Action::Store, page, 1, 9))?;
        World::expect_fault(&fault, FaultCause::DataAbort, page)?;
    }
    Ok(())
}

/// The kernel's image, direct map and tables, and addresses that are no addresses.
fn kernel_is_out_of_reach(world: &mut World) -> Fact {
    let patient = world.patient(HIGH)?;
    for address in [
        0xFFFF_0000_4020_0000,
        0xFFFF_0000_4000_0000,
        0xFFFF_0000_0900_0000,
        0xFFFF_8000_0004_0000,
        0xFFFF_9000_0080_0000,
        0xFFFF_FFFF_FFFF_F000,
        0xFFFF_0000_0000_0000,
        0x0000_0080_0000_0000,
        0x0000_8000_0000_0000,
        0x8000_0000_0000_0000,
        0x0001_0000_4020_0000,
    ] {
        let what = |why: Failure| why.at(&alloc::format!("{address:#x}"));
        for action in [Action::Load, Action::Store] {
            let step = Step::action(action, address, 0, 9);
            let fault = world.fault_of(patient, step).map_err(what)?;
            World::expect_fault(&fault, FaultCause::DataAbort, address).map_err(what)?;
        }
        let step = Step::action(Action::Jump, address, 0, 9);
        let fault = world.fault_of(patient, step).map_err(what)?;
        World::expect_fault(&fault, FaultCause::InstructionAbort, address).map_err(what)?;
    }
    Ok(())
}

fn registers_survive_a_fault(world: &mut World) -> Fact {
    let patient = world.patient(HIGH)?;
    let step = Step::action(Action::Undefined, 1, 2, 77);
    world.fault_of(patient, step)?;
    let after = world.result(patient.agent, 0)?;
    Failure::unless_same("x0 to x29", &after.words[..30], &step.words[..30])?;
    Failure::unless_same("TPIDR_EL0", after.pointer(), step.pointer())?;
    // All condition flags were set, and a fault is no call.
    Failure::unless_same("the flags", after.flags(), 0xF000_0000)
}

/// The handler mends the cause: the same instruction is done again and succeeds.
fn handler_lets_it_retry(world: &mut World) -> Fact {
    let patient = world.patient(HIGH)?;
    let (frame, page) = (world.user_frame()?, world.page());
    world.run(
        patient.agent,
        &[Step::action(Action::Store, page, 0xABCD, 9)],
    )?;
    for _ in 0..2 {
        let fault = world.next_fault(patient)?;
        World::expect_fault(&fault, FaultCause::DataAbort, page)?;
        world.answer_fault(FaultReply::Retry, 0)?;
    }
    world.next_fault(patient)?;
    let space = world.authority.space;
    world.map(space, frame, page, Access::READ_WRITE)?;
    world.answer_fault(FaultReply::Retry, 0)?;
    let end = world.next_fault(patient)?;
    World::expect_fault(&end, FaultCause::Breakpoint, 0)?;
    Failure::unless_same("what was stored", world.read(page), 0xABCD)?;
    world.result(patient.agent, 0).map(|_| ())
}

fn handler_knows_six_answers(world: &mut World) -> Fact {
    let patient = world.patient(HIGH)?;
    world.run(patient.agent, &[Step::action(Action::Undefined, 0, 0, 9)])?;
    world.next_fault(patient)?;
    let plain = Message::to(patient.endpoint, 1);
    for method in [6, 7, 0xFFFF] {
        for answering in [SystemCall::Reply, SystemCall::ReplyReceive] {
            let message = plain.tagged(Tag::new(method, 8));
            world.refuse_message(answering, &message, Error::BadArgument)?;
        }
    }
    for tag in [
        Tag::new(0, 8).with_capabilities(1),
        Tag::new(0, 8).with_long(),
    ] {
        let message = plain.tagged(tag);
        world.refuse_message(SystemCall::Reply, &message, Error::BadArgument)?;
    }
    world.skip_action()?;
    world.result(patient.agent, 0).map(|_| ())
}

fn message_has_registers(world: &mut World) -> Fact {
    let patient = world.patient(HIGH)?;
    let step = Step::action(Action::Undefined, 1, 2, 78);
    let fault = world.fault_of(patient, step)?;
    Failure::unless_same("x0 to x8", &fault.words[6..15], &step.words[..9])?;
    Failure::unless_same("the flags", fault.words[15] & 0xF000_0000, 0xF000_0000)
}

fn handler_lets_it_skip(world: &mut World) -> Fact {
    let patient = world.patient(HIGH)?;
    let step = Step::action(Action::Undefined, 1, 2, 79);
    world.run(patient.agent, &[step])?;
    world.next_fault(patient)?;
    world.answer_fault(FaultReply::Skip, 0)?;
    let end = world.next_fault(patient)?;
    World::expect_fault(&end, FaultCause::Breakpoint, 0)?;
    let after = world.result(patient.agent, 0)?;
    Failure::unless_same("x0 to x29", &after.words[..30], &step.words[..30])
}

/// As many words are taken over as the reply's length covers, and of the program state no bit that
/// is not the thread's own.
fn handler_rewrites_registers(world: &mut World) -> Fact {
    let patient = world.patient(HIGH)?;
    let after_action = world.after_action();
    for covered in [2, 6, 7, 9, 15, 16] {
        let step = Step::action(Action::Undefined, 1, 2, 80);
        world.run(patient.agent, &[step])?;
        let mut words = world.next_fault(patient)?.words;
        words[1] = after_action;
        for (index, word) in (0..).zip(&mut words[6..15]) {
            *word = 0x1000 + index;
        }
        // Everything masked, the highest exception level, AArch32, single step.
        words[15] = 0x5000_0000 | 0x20_03DF;
        world.rewrite(words, 8 * covered)?;
        let end = world.next_fault(patient)?;
        World::expect_fault(&end, FaultCause::Breakpoint, 0)?;
        world.answer_fault(FaultReply::Stop, 0)?;
        let after = world.result(patient.agent, 0)?;
        for (index, sent) in (0..30).zip(step.words) {
            let is_covered = index < 9 && index + 6 < u64::from(covered);
            let wanted = if is_covered { 0x1000 + index } else { sent };
            let found = after.words[usize::try_from(index).unwrap_or(0)];
            Failure::unless_same("a register", (index, found), (index, wanted))?;
        }
        let flags = if covered == 16 {
            0x5000_0000
        } else {
            0xF000_0000
        };
        Failure::unless_same("the flags", after.flags(), flags)?;
    }
    Ok(())
}

fn handler_stops_it(world: &mut World) -> Fact {
    let patient = world.patient(HIGH)?;
    world.run(patient.agent, &[Step::action(Action::Undefined, 0, 0, 9)])?;
    world.next_fault(patient)?;
    world.expect_state(patient.agent, ThreadState::Faulted)?;
    world.answer_fault(FaultReply::Stop, 0)?;
    world.expect_state(patient.agent, ThreadState::Stopped)?;
    // It goes on where it was, and faults again.
    let thread = world.thread_of(patient.agent);
    world.must(SystemCall::ThreadResume, &[thread])?;
    world.next_fault(patient)?;
    world.skip_action()?;
    world.result(patient.agent, 0).map(|_| ())
}

/// A handler that waits already gets the fault at once; one that does not, when it receives.
fn fault_waits_for_its_handler(world: &mut World) -> Fact {
    let patient = world.patient(HIGH)?;
    let handler = world.agent(HIGH)?;
    world.run(handler, &[super::receive(patient.endpoint)])?;
    world.run(patient.agent, &[function(SystemCall::Null, &[])])?;
    let fault = world.received(handler, 0)?;
    World::expect_fault(&fault, FaultCause::Breakpoint, 0)?;
    Failure::unless_same("the kind", fault.tag.kind(), Some(MessageKind::Fault))?;
    // The handler goes away without an answer: the patient stops.
    let thread = world.thread_of(handler);
    world.destroy(thread)?;
    for _ in 0..16 {
        world.must(SystemCall::Yield, &[])?;
    }
    world.expect_state(patient.agent, ThreadState::Stopped)
}

fn without_a_handler_it_stops(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let handler = world.gate(endpoint, 1)?;
    let agents = [
        world.agent(HIGH)?,
        world.planned_agent(Plan {
            handler,
            ..Plan::beside(HIGH)
        })?,
        world.planned_agent(Plan {
            handler,
            ..Plan::beside(HIGH)
        })?,
    ];
    let step = Step::action(Action::Undefined, 0, 0, 9);
    world.run(agents[0], &[step])?;
    // One fault is on its way when the endpoint dies, one comes after.
    world.run(agents[1], &[step])?;
    world.expect_state(agents[1], ThreadState::Faulted)?;
    world.destroy(endpoint)?;
    for _ in 0..16 {
        world.must(SystemCall::Yield, &[])?;
    }
    world.run(agents[2], &[step])?;
    for agent in agents {
        world.expect_state(agent, ThreadState::Stopped)?;
        world.expect_inside(agent, 0)?;
    }
    Ok(())
}

fn saved_fault_is_answered_later(world: &mut World) -> Fact {
    let patient = world.patient(HIGH)?;
    let reply = world.reply()?;
    world.run(patient.agent, &[Step::action(Action::Undefined, 0, 0, 9)])?;
    world.next_fault(patient)?;
    world.must(SystemCall::SaveCaller, &[reply])?;
    world.expect_state(patient.agent, ThreadState::Faulted)?;
    let unknown = Message::to(reply, 1).tagged(Tag::new(6, 8));
    world.refuse_message(SystemCall::ReplyTo, &unknown, Error::BadArgument)?;
    let after = world.after_action();
    let tag = Tag::new(FaultReply::ContinueAt as u16, 8);
    let message = Message::to(reply, 1).tagged(tag).with_word(0, after);
    world.must_message(SystemCall::ReplyTo, &message)?;
    world.result(patient.agent, 0).map(|_| ())
}
