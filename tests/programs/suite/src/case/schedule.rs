//! Who runs when.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::Access;
use ipc_abi::error::Error;
use test_kit::{Action, Agent, Fact, Failure, Message, Step, World};

use super::{EQUAL, HIGH, LOW, Topic, call, function, receive, reply_receive, wait};

pub(super) const CASES: Topic = &[
    ("more_important_runs_at_once", more_important_runs_at_once),
    ("less_important_waits", less_important_waits),
    ("equal_waits_for_a_yield", equal_waits_for_a_yield),
    ("yield_takes_turns", yield_takes_turns),
    ("slices_take_turns", slices_take_turns),
    ("time_travels_with_the_call", time_travels_with_the_call),
    ("important_callers_come_first", important_callers_come_first),
    ("priority_has_a_limit", priority_has_a_limit),
    (
        "thread_without_time_does_not_run",
        thread_without_time_does_not_run,
    ),
];

/// Waits until every less important thread that can run has run.
fn let_others_run(world: &mut World) -> Fact {
    let notification = world.notification()?;
    let gate = world.gate(notification, 1)?;
    let last = world.agent(1)?;
    world.run(last, &[function(SystemCall::Signal, &[gate])])?;
    world
        .must_message(SystemCall::Wait, &Message::to(notification, 1))
        .map(|_| ())
}

fn store(address: u64, value: u64) -> Step {
    Step::action(Action::Store, address, value, 8)
}

/// Lets an agent of a priority wait for a signal; tells whether it has seen it after `signal`.
fn runs_at_signal(world: &mut World, priority: u64) -> Result<bool, Failure> {
    let notification = world.notification()?;
    let gate = world.gate(notification, 1)?;
    let agent = world.agent(priority)?;
    world.run(agent, &[wait(notification)])?;
    let_others_run(world)?;
    if priority == EQUAL {
        world.must(SystemCall::Yield, &[])?;
    }
    world.expect_inside(agent, 0)?;
    world.must(SystemCall::Signal, &[gate])?;
    let has_run = world.expect_inside(agent, 0).is_err();
    if !has_run {
        let_others_run(world)?;
        world.must(SystemCall::Yield, &[])?;
    }
    world.received(agent, 0)?;
    Ok(has_run)
}

fn more_important_runs_at_once(world: &mut World) -> Fact {
    let has_run = runs_at_signal(world, HIGH)?;
    Failure::unless(has_run, "the more important thread did not run")
}

fn less_important_waits(world: &mut World) -> Fact {
    let has_run = runs_at_signal(world, LOW)?;
    Failure::unless(!has_run, "the less important thread ran")
}

fn equal_waits_for_a_yield(world: &mut World) -> Fact {
    let has_run = runs_at_signal(world, EQUAL)?;
    Failure::unless(!has_run, "the equally important thread ran")
}

fn yield_takes_turns(world: &mut World) -> Fact {
    let (_, address) = world.mapped_frame(Access::READ_WRITE)?;
    let agent = world.agent(EQUAL)?;
    let pass = || function(SystemCall::Yield, &[]);
    let script = [
        store(address, 1),
        pass(),
        store(address, 2),
        pass(),
        store(address, 3),
    ];
    world.run(agent, &script)?;
    for turn in 0..4 {
        Failure::unless_same("the turn", world.read(address), turn)?;
        world.must(SystemCall::Yield, &[])?;
    }
    Ok(())
}

/// Two threads that never give way, and this one, which yields once: it goes on when each of the
/// others has used a slice.
fn slices_take_turns(world: &mut World) -> Fact {
    let (_, address) = world.mapped_frame(Access::READ_WRITE)?;
    let mut spinners = alloc::vec::Vec::new();
    for _ in 0..2 {
        let agent = world.agent(EQUAL)?;
        world.run(agent, &[Step::action(Action::Spin, address, 0, 8)])?;
        spinners.push(agent);
    }
    world.must(SystemCall::Yield, &[])?;
    for agent in &spinners {
        world.expect_inside(*agent, 0)?;
    }
    world.write(address, 1);
    for _ in 0..4 {
        world.must(SystemCall::Yield, &[])?;
    }
    for agent in spinners {
        let turns = world.result(agent, 0)?.words[1];
        Failure::unless(turns > 1000, "a thread did not get its slice")?;
    }
    Ok(())
}

/// A server of low priority, called by this thread, runs before one of middle priority.
fn time_travels_with_the_call(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let (_, address) = world.mapped_frame(Access::READ_WRITE)?;
    let server = world.agent(LOW)?;
    world.run(
        server,
        &[
            receive(endpoint),
            reply_receive(endpoint, 6),
            reply_receive(endpoint, 6),
        ],
    )?;
    let_others_run(world)?;
    world.expect_inside(server, 0)?;
    let middle = world.agent(LOW + 5)?;
    world.run(middle, &[store(address, 1)])?;
    for _ in 0..2 {
        world.must_message(SystemCall::Call, &Message::to(gate, 5))?;
        Failure::unless_same("the middle thread's mark", world.read(address), 0)?;
    }
    let_others_run(world)?;
    Failure::unless_same("the middle thread's mark", world.read(address), 1)
}

fn important_callers_come_first(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let mut clients: alloc::vec::Vec<Agent> = alloc::vec::Vec::new();
    for priority in [20, LOW, HIGH] {
        let gate = world.gate(endpoint, priority)?;
        let client = world.agent(priority)?;
        world.run(client, &[call(gate, 5)])?;
        let_others_run(world)?;
        clients.push(client);
    }
    for priority in [HIGH, LOW, 20] {
        let found = world.must_message(SystemCall::Receive, &Message::to(endpoint, 1))?;
        Failure::unless_same("the badge", found.badge, priority)?;
        world.must_message(SystemCall::Reply, &Message::to(0, 1))?;
    }
    Ok(())
}

fn priority_has_a_limit(world: &mut World) -> Fact {
    let own = world.authority;
    let (object, slot) = (
        world.object(ipc_abi::capability::Kind::SchedulingContext, 8),
        world.slot(),
    );
    let place = world.place(slot);
    let create = SystemCall::CreateContext;
    for priority in [121, 255, 256, u64::MAX] {
        let arguments = [own.memory, object, place, own.time, priority];
        world.refuse(create, &arguments, Error::OutOfRange)?;
    }
    for other in [own.asids, own.irqs] {
        world.refuse(
            create,
            &[own.memory, object, place, other, 1],
            Error::BadArgument,
        )?;
    }
    // A share of the time has its own limit.
    let share = world.allowance(own.time, 50 | 50 << 8)?;
    world.refuse(
        create,
        &[own.memory, object, place, share, 51],
        Error::OutOfRange,
    )?;
    world
        .must(create, &[own.memory, object, place, share, 50])
        .map(|_| ())
}

fn thread_without_time_does_not_run(world: &mut World) -> Fact {
    let own = world.authority;
    let thread = world.thread(own.table, own.space)?;
    world.refuse(
        SystemCall::ThreadStart,
        &[thread, 0x1000, 0x2000, 0],
        Error::NoTime,
    )?;
    let notification = world.notification()?;
    world.refuse(
        SystemCall::ThreadBind,
        &[thread, notification],
        Error::NoTime,
    )
}
