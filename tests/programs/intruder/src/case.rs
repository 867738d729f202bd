//! The attempts.

use ipc_abi::call::{Place, SystemCall};
use ipc_abi::capability::{Access, Rights};
use ipc_abi::error::Error;
use ipc_abi::fault::FaultCause;
use ipc_abi::tag::Tag;
use test_kit::service::{Secret, VictimClient};
use test_kit::{Action, Fact, Failure, Message, Plan, Printer, Step, World};
use userlib::Gate;

/// A priority above the intruder's own.
const HIGH: u64 = 110;
/// Where the kernel sees physical memory.
const DIRECT_MAP: u64 = 0xFFFF_0000_0000_0000;
/// The most slots of a table.
const SLOTS: u64 = 16_384;

/// What an attempt needs.
struct Attempt<'a> {
    world: &'a mut World,
    secret: Secret,
    gate: u64,
}

/// An attempt: its name and what it does.
type Case = (&'static str, fn(&mut Attempt<'_>) -> Fact);

const CASES: &[Case] = &[
    ("secret_is_not_mapped_here", secret_is_not_mapped_here),
    (
        "secret_is_not_behind_the_direct_map",
        secret_is_not_behind_the_direct_map,
    ),
    (
        "own_page_at_the_same_address_is_another",
        own_page_at_the_same_address_is_another,
    ),
    ("own_program_is_read_only", own_program_is_read_only),
    ("own_data_is_not_executable", own_data_is_not_executable),
    (
        "handles_of_the_victim_are_none_here",
        handles_of_the_victim_are_none_here,
    ),
    (
        "memory_of_the_victim_cannot_be_used",
        memory_of_the_victim_cannot_be_used,
    ),
    ("gate_is_no_endpoint", gate_is_no_endpoint),
    ("gate_carries_no_capabilities", gate_carries_no_capabilities),
    (
        "table_of_another_agent_is_another",
        table_of_another_agent_is_another,
    ),
    (
        "space_of_another_agent_is_another",
        space_of_another_agent_is_another,
    ),
];

/// Makes all attempts; after each, the victim must be unharmed.
pub(crate) fn all(
    world: &mut World,
    victim: &mut VictimClient<Gate>,
    gate: u64,
    printer: &mut Printer,
) {
    let Ok(secret) = victim.secret() else {
        panic!("the victim tells no secret");
    };
    for (name, run) in CASES {
        let fact = run(&mut Attempt {
            world,
            secret,
            gate,
        });
        let fact = fact.and(world.clear());
        let unharmed = match victim.is_unharmed() {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::from("the victim was harmed")),
            Err(_) => Err(Failure::from("the victim does not answer")),
        };
        printer.report(&alloc::format!("isolation/{name}"), fact.and(unharmed));
    }
}

/// Reads, writes and executes at an address: each must fault there.
fn expect_nothing_at(world: &mut World, address: u64) -> Fact {
    let patient = world.patient(HIGH)?;
    for (action, cause) in [
        (Action::Load, FaultCause::DataAbort),
        (Action::Store, FaultCause::DataAbort),
        (Action::Jump, FaultCause::InstructionAbort),
    ] {
        let what = |why: Failure| why.at(&alloc::format!("{action:?} at {address:#x}"));
        let fault = world
            .fault_of(patient, Step::action(action, address, 0, 9))
            .map_err(what)?;
        World::expect_fault(&fault, cause, address).map_err(what)?;
    }
    Ok(())
}

fn secret_is_not_mapped_here(attempt: &mut Attempt<'_>) -> Fact {
    let address = attempt.secret.address;
    for offset in [0, 8, 0xFF8] {
        expect_nothing_at(attempt.world, address + offset)?;
    }
    Ok(())
}

fn secret_is_not_behind_the_direct_map(attempt: &mut Attempt<'_>) -> Fact {
    let physical = attempt.secret.physical;
    expect_nothing_at(attempt.world, DIRECT_MAP | physical)?;
    // Nor at its physical address, nor where its kind and its entry are.
    expect_nothing_at(attempt.world, physical)?;
    expect_nothing_at(
        attempt.world,
        0xFFFF_8000_0000_0000 + physical / 4096 / 8 * 8,
    )?;
    expect_nothing_at(attempt.world, 0xFFFF_9000_0000_0000 + physical / 4096 * 32)
}

fn own_page_at_the_same_address_is_another(attempt: &mut Attempt<'_>) -> Fact {
    let Attempt { world, secret, .. } = attempt;
    let own = world.authority;
    let frame = world.user_frame()?;
    world.map(own.space, frame, secret.address, Access::READ_WRITE)?;
    let found = world.read(secret.address);
    world.write(secret.address, !secret.word);
    world.must(SystemCall::Unmap, &[own.space, secret.address])?;
    Failure::unless_same("the first word", found, 0)
}

/// The intruder's code and constants, which it does not hold as frames.
fn own_program_is_read_only(attempt: &mut Attempt<'_>) -> Fact {
    let patient = attempt.world.patient(HIGH)?;
    let code = own_program_is_read_only as fn(&mut Attempt<'_>) -> Fact as usize as u64 & !7;
    let constant = CASES.as_ptr() as u64;
    for address in [code, constant] {
        let step = Step::action(Action::Store, address, 0, 9);
        let fault = attempt.world.fault_of(patient, step)?;
        World::expect_fault(&fault, FaultCause::DataAbort, address)?;
    }
    let step = Step::action(Action::Jump, constant & !3, 0, 9);
    let fault = attempt.world.fault_of(patient, step)?;
    World::expect_fault(&fault, FaultCause::InstructionAbort, constant & !3)
}

/// Its heap, its stack, its message buffer.
fn own_data_is_not_executable(attempt: &mut Attempt<'_>) -> Fact {
    let patient = attempt.world.patient(HIGH)?;
    let boxed = alloc::boxed::Box::new(0xD65F_03C0_u64);
    let heap = &raw const *boxed as u64;
    let local = 0xD65F_03C0_u64;
    let stack = &raw const local as u64;
    for address in [heap, stack, attempt.world.authority.message_buffer] {
        let step = Step::action(Action::Jump, address, 0, 9);
        let fault = attempt.world.fault_of(patient, step)?;
        World::expect_fault(&fault, FaultCause::InstructionAbort, address)?;
    }
    Ok(())
}

/// A handle is an index into the intruder's own table: what the victim has there does not matter.
fn handles_of_the_victim_are_none_here(attempt: &mut Attempt<'_>) -> Fact {
    let world = &mut *attempt.world;
    let table = world.authority.table;
    let place = |slot| {
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Place::new(narrow(table), narrow(slot)).into_raw()
    };
    for slot in (world.slot()..256).chain([attempt.secret.handle + 256, SLOTS, u64::MAX]) {
        let is_empty = match world.function(SystemCall::CapabilityInspect, &[place(slot)]) {
            Ok(held) => held == 0,
            Err(_) => true,
        };
        Failure::unless(is_empty, "a slot that should be empty is not")?;
        for (call, arguments) in [
            (SystemCall::FrameInspect, [slot, 0]),
            (SystemCall::RegionInspect, [slot, 0]),
            (SystemCall::Destroy, [slot, 0]),
            (SystemCall::ThreadStop, [slot, 0]),
            (SystemCall::CapabilityCopy, [slot, place(table)]),
        ] {
            world.refuse(call, &arguments, Error::BadHandle)?;
        }
        let message = Message::to(slot, 1);
        for call in [
            SystemCall::TryCall,
            SystemCall::TryReceive,
            SystemCall::TryWait,
        ] {
            world.refuse_message(call, &message, Error::BadHandle)?;
        }
    }
    Ok(())
}

/// Its region does not cover the victim's frames: nothing is made, mapped or reclaimed there.
fn memory_of_the_victim_cannot_be_used(attempt: &mut Attempt<'_>) -> Fact {
    let Attempt { world, secret, .. } = attempt;
    let own = world.authority;
    let frame = secret.physical / 4096;
    let slot = world.slot();
    let place = world.place(slot);
    let out = Error::OutOfRange;
    for victim in [frame, secret.region, secret.region + 1] {
        let object = victim * 64;
        world.refuse(SystemCall::CreateFrame, &[own.memory, object, place], out)?;
        world.refuse(
            SystemCall::CreateEndpoint,
            &[own.memory, object, place],
            out,
        )?;
        world.refuse(
            SystemCall::CreateTable,
            &[own.memory, object, place, victim],
            out,
        )?;
        world.refuse(SystemCall::Reclaim, &[own.memory, victim], out)?;
        world.refuse(
            SystemCall::SpaceDonate,
            &[own.space, own.memory, victim],
            out,
        )?;
        world.refuse(
            SystemCall::TableExtend,
            &[own.table, own.memory, victim],
            out,
        )?;
    }
    Ok(())
}

fn gate_is_no_endpoint(attempt: &mut Attempt<'_>) -> Fact {
    let (world, gate) = (&mut *attempt.world, attempt.gate);
    let wrong = Error::WrongKind;
    world.refuse_message(SystemCall::Receive, &Message::to(gate, 1), wrong)?;
    world.refuse_message(SystemCall::ReplyReceive, &Message::to(gate, 1), wrong)?;
    world.refuse_message(SystemCall::Wait, &Message::to(gate, 1), wrong)?;
    world.refuse(SystemCall::Signal, &[gate], Error::NoRight)?;
    world.refuse(SystemCall::Destroy, &[gate], Error::NoRight)?;
    // A gate makes no gates.
    let (object, slot) = (
        world.object(ipc_abi::capability::Kind::Gate, 1),
        world.slot(),
    );
    let (memory, place) = (world.authority.memory, world.place(slot));
    world.refuse(
        SystemCall::CreateGate,
        &[memory, object, place, gate, 1],
        wrong,
    )
}

fn gate_carries_no_capabilities(attempt: &mut Attempt<'_>) -> Fact {
    let (world, gate) = (&mut *attempt.world, attempt.gate);
    let frame = world.user_frame()?;
    let message = Message::to(gate, 1)
        .tagged(Tag::new(3, 16))
        .with_capabilities(&[frame]);
    for call in [
        SystemCall::Call,
        SystemCall::TryCall,
        SystemCall::Send,
        SystemCall::TrySend,
    ] {
        world.refuse_message(call, &message, Error::NoRight)?;
    }
    Ok(())
}

/// An agent with an empty table of its own finds none of this program's capabilities.
fn table_of_another_agent_is_another(attempt: &mut Attempt<'_>) -> Fact {
    let world = &mut *attempt.world;
    let (table, gate) = (world.table()?, attempt.gate);
    let agent = world.planned_agent(Plan {
        table,
        ..Plan::beside(HIGH)
    })?;
    let own = world.authority;
    for handle in [own.memory, own.space, own.thread, own.time, gate, own.table] {
        let script = [
            Step::message(SystemCall::TryCall, &Message::to(handle, 1), 1),
            Step::function(SystemCall::RegionInspect, &[handle], 1),
            Step::function(SystemCall::ThreadInspect, &[handle], 1),
            Step::function(SystemCall::Destroy, &[handle], 1),
        ];
        world.run(agent, &script)?;
        for index in 0..script.len() {
            world.expect_refused(agent, index, Error::BadHandle)?;
        }
    }
    // Until one is given to it: exactly that one.
    let given = Place::new(u32::try_from(table).unwrap_or(0), 5).into_raw();
    world.copy_to(own.memory, given, Rights::READ)?;
    let script = [
        Step::function(SystemCall::RegionInspect, &[5], 1),
        Step::function(SystemCall::RegionSplit, &[5, 1, 0], 1),
    ];
    world.run(agent, &script)?;
    let answer = world.result(agent, 0)?.answer();
    Failure::unless(answer.is_ok(), "what was given does not work")?;
    world.expect_refused(agent, 1, Error::NoRight)
}

/// An agent with a space of its own finds none of this program's pages.
fn space_of_another_agent_is_another(attempt: &mut Attempt<'_>) -> Fact {
    let world = &mut *attempt.world;
    let endpoint = world.endpoint()?;
    let handler = world.gate(endpoint, 0xFA17)?;
    let space = world.agent_space()?;
    let agent = world.planned_agent(Plan {
        space,
        handler,
        ..Plan::beside(HIGH)
    })?;
    let patient = test_kit::Patient { agent, endpoint };
    let (_, page) = world.mapped_frame(Access::READ_WRITE)?;
    let code = own_program_is_read_only as fn(&mut Attempt<'_>) -> Fact as usize as u64 & !7;
    for address in [page, code, world.authority.message_buffer] {
        for action in [Action::Load, Action::Store] {
            let fault = world.fault_of(patient, Step::action(action, address, 0, 9))?;
            World::expect_fault(&fault, FaultCause::DataAbort, address)?;
        }
    }
    Ok(())
}
