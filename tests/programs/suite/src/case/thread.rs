//! Threads: starting, stopping, what belongs to them.

use alloc::vec;

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{FrameMode, ThreadState};
use ipc_abi::error::Error;
use test_kit::{Fact, Message, Plan, World};

use super::{HIGH, LOW, Topic, call, function, receive, wait};

pub(super) const CASES: Topic = &[
    ("states_are_told", states_are_told),
    (
        "running_thread_cannot_be_started",
        running_thread_cannot_be_started,
    ),
    (
        "only_a_started_thread_stops_and_goes_on",
        only_a_started_thread_stops_and_goes_on,
    ),
    (
        "thread_cannot_do_this_to_itself",
        thread_cannot_do_this_to_itself,
    ),
    ("context_has_one_owner", context_has_one_owner),
    ("notification_is_bound_once", notification_is_bound_once),
    ("buffer_is_data_of_one_thread", buffer_is_data_of_one_thread),
    (
        "stopped_while_it_waits_its_call_is_refused",
        stopped_while_it_waits_its_call_is_refused,
    ),
];

fn states_are_told(world: &mut World) -> Fact {
    let (endpoint, other) = (world.endpoint()?, world.endpoint()?);
    let (gate, notification) = (world.gate(endpoint, 7)?, world.notification()?);
    let agent = world.agent(HIGH)?;
    world.expect_state(agent, ThreadState::New)?;
    let thread = world.thread_of(agent);
    let send = test_kit::Step::message(SystemCall::Send, &Message::to(gate, 1), 1);
    for (step, state) in [
        (receive(other), ThreadState::Receiving),
        (wait(notification), ThreadState::Waiting),
        (send, ThreadState::Sending),
    ] {
        world.run(agent, &[step])?;
        world.expect_state(agent, state)?;
        world.must(SystemCall::ThreadStop, &[thread])?;
        world.expect_state(agent, ThreadState::Stopped)?;
    }
    world.run(agent, &[call(gate, 1)])?;
    world.expect_state(agent, ThreadState::Sending)?;
    world.must_message(SystemCall::Receive, &Message::to(endpoint, 1))?;
    world.expect_state(agent, ThreadState::Calling)?;
    world.must_message(SystemCall::Reply, &Message::to(0, 1))?;
    world.expect_state(agent, ThreadState::Stopped)?;
    let faulting = world.planned_agent(Plan {
        handler: gate,
        ..Plan::beside(HIGH)
    })?;
    world.run(faulting, &[])?;
    world.expect_state(faulting, ThreadState::Faulted)?;
    let waiting = world.agent(LOW)?;
    world.run(waiting, &[function(SystemCall::Null, &[])])?;
    world.expect_state(waiting, ThreadState::Ready)
}

fn running_thread_cannot_be_started(world: &mut World) -> Fact {
    let notification = world.notification()?;
    let (waiting, ready) = (world.agent(HIGH)?, world.agent(LOW)?);
    world.run(waiting, &[wait(notification)])?;
    world.run(ready, &[wait(notification)])?;
    let own = world.authority.thread;
    for thread in [world.thread_of(waiting), world.thread_of(ready), own] {
        world.refuse(
            SystemCall::ThreadStart,
            &[thread, 0x1000, 0x2000, 0],
            Error::NotStopped,
        )?;
    }
    world.expect_inside(waiting, 0)
}

fn only_a_started_thread_stops_and_goes_on(world: &mut World) -> Fact {
    let notification = world.notification()?;
    let agent = world.agent(HIGH)?;
    let thread = world.thread_of(agent);
    world.refuse(SystemCall::ThreadStop, &[thread], Error::NotStarted)?;
    world.refuse(SystemCall::ThreadResume, &[thread], Error::NotStarted)?;
    world.run(agent, &[wait(notification)])?;
    world.refuse(SystemCall::ThreadResume, &[thread], Error::NotStarted)?;
    world.must(SystemCall::ThreadStop, &[thread])?;
    world.refuse(SystemCall::ThreadStop, &[thread], Error::NotStarted)?;
    world.must(SystemCall::ThreadResume, &[thread])?;
    world.expect_refused(agent, 0, Error::Died)
}

fn thread_cannot_do_this_to_itself(world: &mut World) -> Fact {
    let own = world.authority;
    world.refuse(SystemCall::ThreadStop, &[own.thread], Error::Itself)?;
    let (table, space) = (world.table()?, world.agent_space()?);
    let agent = world.planned_agent(Plan {
        table,
        space,
        ..Plan::beside(HIGH)
    })?;
    let place =
        |slot| ipc_abi::call::Place::new(u32::try_from(table).unwrap_or(0), slot).into_raw();
    let mine = [world.thread_of(agent), table, space, own.memory];
    for (slot, handle) in (1..).zip(mine) {
        world.copy_to(handle, place(slot), ipc_abi::capability::Rights::ALL)?;
    }
    let mut script = vec![function(SystemCall::ThreadStop, &[1])];
    for handle in 1..4 {
        script.push(function(SystemCall::Destroy, &[handle]));
    }
    for handle in &mine[..3] {
        let frame = world.object_of(*handle) / 64;
        script.push(function(SystemCall::Reclaim, &[4, frame]));
    }
    world.run(agent, &script)?;
    for index in 0..script.len() {
        world.expect_refused(agent, index, Error::Itself)?;
    }
    Ok(())
}

fn context_has_one_owner(world: &mut World) -> Fact {
    let own = world.authority;
    let threads = [
        world.thread(own.table, own.space)?,
        world.thread(own.table, own.space)?,
    ];
    let contexts = [world.context(1)?, world.context(1)?];
    let set = SystemCall::ThreadSetContext;
    world.must(set, &[threads[0], contexts[0]])?;
    world.refuse(set, &[threads[0], contexts[1]], Error::InUse)?;
    world.refuse(set, &[threads[1], contexts[0]], Error::InUse)?;
    world.destroy(contexts[0])?;
    world.must(set, &[threads[0], contexts[1]]).map(|_| ())
}

fn notification_is_bound_once(world: &mut World) -> Fact {
    let agents = [world.agent(HIGH)?, world.agent(HIGH)?];
    let threads = agents.map(|agent| world.thread_of(agent));
    let notifications = [world.notification()?, world.notification()?];
    let bind = SystemCall::ThreadBind;
    world.must(bind, &[threads[0], notifications[0]])?;
    world.refuse(bind, &[threads[0], notifications[1]], Error::InUse)?;
    world.refuse(bind, &[threads[1], notifications[0]], Error::InUse)?;
    world.destroy(notifications[0])?;
    world
        .must(bind, &[threads[0], notifications[1]])
        .map(|_| ())
}

fn buffer_is_data_of_one_thread(world: &mut World) -> Fact {
    let own = world.authority;
    let threads = [
        world.thread(own.table, own.space)?,
        world.thread(own.table, own.space)?,
    ];
    let frames = [world.user_frame()?, world.user_frame()?];
    let set = SystemCall::ThreadSetBuffer;
    world.must(
        SystemCall::FrameSetMode,
        &[frames[1], FrameMode::Code as u64],
    )?;
    world.refuse(set, &[threads[0], frames[1]], Error::AccessDenied)?;
    world.must(set, &[threads[0], frames[0]])?;
    world.must(set, &[threads[0], frames[0]])?;
    world.refuse(set, &[threads[1], frames[0]], Error::InUse)?;
    // A message buffer keeps its mode.
    let code = FrameMode::Code as u64;
    world.refuse(SystemCall::FrameSetMode, &[frames[0], code], Error::InUse)?;
    world.destroy(threads[0])?;
    world.must(set, &[threads[1], frames[0]]).map(|_| ())
}

fn stopped_while_it_waits_its_call_is_refused(world: &mut World) -> Fact {
    let (endpoint, notification) = (world.endpoint()?, world.notification()?);
    let gate = world.gate(endpoint, 7)?;
    let agent = world.agent(HIGH)?;
    let thread = world.thread_of(agent);
    let send = test_kit::Step::message(SystemCall::Send, &Message::to(gate, 1), 1);
    for step in [receive(endpoint), wait(notification), send, call(gate, 1)] {
        world.run(agent, &[step])?;
        world.expect_inside(agent, 0)?;
        world.must(SystemCall::ThreadStop, &[thread])?;
        world.must(SystemCall::ThreadResume, &[thread])?;
        world.expect_refused(agent, 0, Error::Died)?;
    }
    // Nothing of it is left in any queue.
    let none = Error::WouldBlock;
    world.refuse_message(SystemCall::TryReceive, &Message::to(endpoint, 1), none)?;
    world.refuse_message(SystemCall::TryCall, &Message::to(gate, 1), none)
}
