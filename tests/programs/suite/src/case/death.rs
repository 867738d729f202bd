//! Death is an event: whoever waits for what dies is told.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Kind, Rights, ThreadState};
use ipc_abi::debug::thread_flag;
use ipc_abi::error::Error;
use test_kit::{Fact, Failure, Message, Plan, Step, World};

use super::{HIGH, Topic, call, function, receive, reply_receive};

pub(super) const CASES: Topic = &[
    (
        "endpoint_tells_who_waits_to_send",
        endpoint_tells_who_waits_to_send,
    ),
    ("endpoint_tells_who_receives", endpoint_tells_who_receives),
    ("gate_tells_only_its_own", gate_tells_only_its_own),
    (
        "stopped_server_tells_its_caller",
        stopped_server_tells_its_caller,
    ),
    (
        "dead_server_tells_its_incarnation",
        dead_server_tells_its_incarnation,
    ),
    (
        "dead_server_tells_its_callers",
        dead_server_tells_its_callers,
    ),
    ("dead_reply_tells_its_caller", dead_reply_tells_its_caller),
    ("dead_caller_is_forgotten", dead_caller_is_forgotten),
    (
        "chain_of_calls_survives_a_death_in_the_middle",
        chain_survives_a_death_in_the_middle,
    ),
    ("dead_table_stops_its_threads", dead_table_stops_its_threads),
    ("dead_space_stops_its_threads", dead_space_stops_its_threads),
    ("dead_context_stops_time", dead_context_stops_time),
    ("copies_die_with_the_object", copies_die_with_the_object),
    (
        "new_object_in_an_old_place_is_another",
        new_object_in_an_old_place_is_another,
    ),
];

fn endpoint_tells_who_waits_to_send(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let mut clients = alloc::vec::Vec::new();
    for calling in [
        SystemCall::Call,
        SystemCall::Send,
        SystemCall::Call,
        SystemCall::Send,
    ] {
        let client = world.agent(HIGH)?;
        world.run(client, &[Step::message(calling, &Message::to(gate, 5), 5)])?;
        world.expect_inside(client, 0)?;
        clients.push(client);
    }
    world.destroy(endpoint)?;
    settle(world)?;
    for client in clients {
        world.expect_refused(client, 0, Error::Died)?;
    }
    Ok(())
}

/// Gives the kernel a few more exits, each of which takes what is dead apart a little.
fn settle(world: &mut World) -> Fact {
    for _ in 0..64 {
        world.must(SystemCall::Yield, &[])?;
    }
    Ok(())
}

fn endpoint_tells_who_receives(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let (answering, receiving) = (world.agent(HIGH)?, world.agent(HIGH)?);
    world.run(answering, &[receive(endpoint), reply_receive(endpoint, 6)])?;
    world.must_message(SystemCall::Call, &Message::to(gate, 5))?;
    world.run(receiving, &[receive(endpoint)])?;
    world.expect_inside(answering, 1)?;
    world.expect_inside(receiving, 0)?;
    world.destroy(endpoint)?;
    settle(world)?;
    world.expect_refused(answering, 1, Error::Died)?;
    world.expect_refused(receiving, 0, Error::Died)
}

fn gate_tells_only_its_own(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let (dying, living) = (world.gate(endpoint, 7)?, world.gate(endpoint, 8)?);
    let mut clients = alloc::vec::Vec::new();
    for gate in [dying, living, dying, living] {
        let client = world.agent(HIGH)?;
        world.run(client, &[call(gate, 5)])?;
        clients.push(client);
    }
    world.destroy(dying)?;
    settle(world)?;
    world.expect_refused(clients[0], 0, Error::Died)?;
    world.expect_refused(clients[2], 0, Error::Died)?;
    for client in [clients[1], clients[3]] {
        world.expect_inside(client, 0)?;
        let found = world.must_message(SystemCall::Receive, &Message::to(endpoint, 1))?;
        Failure::unless_same("the badge", found.badge, 8)?;
        world.must_message(SystemCall::Reply, &Message::to(0, 1))?;
        world.received(client, 0)?;
    }
    world.refuse_message(SystemCall::Call, &Message::to(dying, 1), Error::Stale)
}

fn dead_server_tells_its_incarnation(world: &mut World) -> Fact {
    const INCARNATION: u64 = 0xFFFF_FFFE;
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let server = world.agent(HIGH)?;
    let thread = world.thread_of(server);
    let flags = INCARNATION << thread_flag::INCARNATION_SHIFT;
    world.must(SystemCall::ThreadConfigure, &[thread, flags])?;
    world.run(server, &[receive(endpoint)])?;
    let client = world.agent(HIGH)?;
    world.run(client, &[call(gate, 5)])?;
    world.expect_inside(client, 0)?;
    world.destroy(thread)?;
    let told = world.result(client, 0)?.received();
    Failure::unless_same("the refusal", told.refusal(), Some(Error::Died))?;
    Failure::unless_same("the incarnation", told.badge, INCARNATION)
}

fn stopped_server_tells_its_caller(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let inner = world.endpoint()?;
    let inner_gate = world.gate(inner, 8)?;
    let (server, client) = (world.agent(HIGH)?, world.agent(HIGH)?);
    // The server waits in a call of its own while it serves.
    world.run(
        server,
        &[
            receive(endpoint),
            call(inner_gate, 1),
            reply_receive(endpoint, 2),
        ],
    )?;
    world.run(client, &[call(gate, 5)])?;
    world.expect_state(server, ThreadState::Sending)?;
    let thread = world.thread_of(server);
    world.must(SystemCall::ThreadStop, &[thread])?;
    world.expect_refused(client, 0, Error::Died)?;
    world.must(SystemCall::ThreadResume, &[thread])?;
    world.expect_refused(server, 1, Error::Died)?;
    world.expect_refused(server, 2, Error::NoCaller)
}

fn dead_server_tells_its_callers(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let (server, served) = (world.agent(HIGH)?, world.agent(HIGH)?);
    let (first, second) = (world.agent(HIGH)?, world.agent(HIGH)?);
    let (one, two) = (world.reply()?, world.reply()?);
    let quiet = world.notification()?;
    let script = [
        receive(endpoint),
        function(SystemCall::SaveCaller, &[one]),
        receive(endpoint),
        function(SystemCall::SaveCaller, &[two]),
        receive(endpoint),
        super::wait(quiet),
    ];
    world.run(server, &script)?;
    for client in [first, second, served] {
        world.run(client, &[call(gate, 5)])?;
        world.expect_inside(client, 0)?;
    }
    let thread = world.thread_of(server);
    world.destroy(thread)?;
    settle(world)?;
    for client in [first, second, served] {
        world.expect_refused(client, 0, Error::Died)?;
    }
    Ok(())
}

fn dead_reply_tells_its_caller(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let (client, reply) = (world.agent(HIGH)?, world.reply()?);
    world.run(client, &[call(gate, 5)])?;
    world.must_message(SystemCall::Receive, &Message::to(endpoint, 1))?;
    world.must(SystemCall::SaveCaller, &[reply])?;
    world.destroy(reply)?;
    settle(world)?;
    world.expect_refused(client, 0, Error::Died)
}

/// Its answer is dropped, and the server goes on with the next.
fn dead_caller_is_forgotten(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let client = world.agent(HIGH)?;
    world.run(client, &[call(gate, 5)])?;
    world.must_message(SystemCall::Receive, &Message::to(endpoint, 1))?;
    let thread = world.thread_of(client);
    world.destroy(thread)?;
    settle(world)?;
    let next = world.agent(HIGH)?;
    world.run(next, &[call(gate, 6)])?;
    let found = world.must_message(SystemCall::ReplyReceive, &Message::to(endpoint, 1))?;
    Failure::unless_same("the words", found.words, Message::to(0, 6).words)?;
    world.must_message(SystemCall::Reply, &Message::to(0, 2))?;
    world.received(next, 0).map(|_| ())
}

/// A calls B calls C; B dies. A is told, C's answer is dropped, and both go on.
fn chain_survives_a_death_in_the_middle(world: &mut World) -> Fact {
    let (outer, inner) = (world.endpoint()?, world.endpoint()?);
    let (outer_gate, inner_gate) = (world.gate(outer, 1)?, world.gate(inner, 2)?);
    let (first, middle) = (world.agent(HIGH)?, world.agent(HIGH)?);
    world.run(
        middle,
        &[receive(outer), call(inner_gate, 3), reply_receive(outer, 4)],
    )?;
    world.run(first, &[call(outer_gate, 5), call(inner_gate, 6)])?;
    world.must_message(SystemCall::Receive, &Message::to(inner, 1))?;
    let thread = world.thread_of(middle);
    world.destroy(thread)?;
    settle(world)?;
    world.expect_refused(first, 0, Error::Died)?;
    world.expect_inside(first, 1)?;
    let found = world.must_message(SystemCall::ReplyReceive, &Message::to(inner, 7))?;
    Failure::unless_same("the words", found.words, Message::to(0, 6).words)?;
    world.must_message(SystemCall::Reply, &Message::to(0, 8))?;
    let found = world.received(first, 1)?;
    Failure::unless_same("the answer", found.words, Message::to(0, 8).words)
}

fn dead_table_stops_its_threads(world: &mut World) -> Fact {
    let (table, endpoint) = (world.table()?, world.endpoint()?);
    let place = ipc_abi::call::Place::new(u32::try_from(table).unwrap_or(0), 1).into_raw();
    world.copy_to(endpoint, place, Rights::ALL)?;
    let plan = Plan {
        table,
        ..Plan::beside(HIGH)
    };
    let agents = [world.planned_agent(plan)?, world.planned_agent(plan)?];
    for agent in agents {
        world.run(agent, &[receive(1), receive(1)])?;
        world.expect_state(agent, ThreadState::Receiving)?;
    }
    world.destroy(table)?;
    settle(world)?;
    for agent in agents {
        world.expect_state(agent, ThreadState::Stopped)?;
        // It finds no capability any more.
        let thread = world.thread_of(agent);
        world.must(SystemCall::ThreadResume, &[thread])?;
        world.expect_refused(agent, 0, Error::Died)?;
        world.expect_refused(agent, 1, Error::BadHandle)?;
    }
    Ok(())
}

fn dead_space_stops_its_threads(world: &mut World) -> Fact {
    let (space, endpoint) = (world.agent_space()?, world.endpoint()?);
    let plan = Plan {
        space,
        ..Plan::beside(HIGH)
    };
    let agents = [world.planned_agent(plan)?, world.planned_agent(plan)?];
    for agent in agents {
        world.run(agent, &[receive(endpoint)])?;
        world.expect_state(agent, ThreadState::Receiving)?;
    }
    world.destroy(space)?;
    settle(world)?;
    for agent in agents {
        world.expect_state(agent, ThreadState::Stopped)?;
        // It finds no memory any more: it faults, and has no handler.
        let thread = world.thread_of(agent);
        world.must(SystemCall::ThreadResume, &[thread])?;
        world.expect_state(agent, ThreadState::Stopped)?;
        world.expect_inside(agent, 0)?;
    }
    Ok(())
}

fn dead_context_stops_time(world: &mut World) -> Fact {
    let notification = world.notification()?;
    let gate = world.gate(notification, 1)?;
    let agent = world.agent(HIGH)?;
    world.run(agent, &[super::wait(notification)])?;
    let context = world.context_of(agent);
    world.destroy(context)?;
    world.must(SystemCall::Signal, &[gate])?;
    settle(world)?;
    world.expect_inside(agent, 0)?;
    let (thread, context) = (world.thread_of(agent), world.context(HIGH)?);
    world.must(SystemCall::ThreadSetContext, &[thread, context])?;
    world.received(agent, 0).map(|_| ())
}

fn copies_die_with_the_object(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let mut copies = alloc::vec::Vec::new();
    for _ in 0..20 {
        copies.push(world.copy(gate, Rights::ALL)?);
    }
    world.destroy(copies[10])?;
    for copy in copies.into_iter().chain([gate]) {
        world.refuse_message(SystemCall::TryCall, &Message::to(copy, 1), Error::Stale)?;
    }
    Ok(())
}

fn new_object_in_an_old_place_is_another(world: &mut World) -> Fact {
    let (endpoint, memory) = (world.endpoint()?, world.authority.memory);
    let object = world.object(Kind::Gate, 1);
    let mut old = alloc::vec::Vec::new();
    for badge in 0..10 {
        let slot = world.slot();
        let place = world.place(slot);
        world.must(
            SystemCall::CreateGate,
            &[memory, object, place, endpoint, badge],
        )?;
        for stale in &old {
            world.refuse_message(SystemCall::TryCall, &Message::to(*stale, 1), Error::Stale)?;
        }
        let message = Message::to(slot, 1);
        world.refuse_message(SystemCall::TryCall, &message, Error::WouldBlock)?;
        world.destroy(slot)?;
        old.push(slot);
    }
    Ok(())
}
