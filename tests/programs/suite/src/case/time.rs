//! Deadlines, sleep, budgets.

use core::time::Duration;

use ipc_abi::call::SystemCall;
use ipc_abi::capability::Access;
use ipc_abi::error::Error;
use ipc_abi::interface::Transport;
use ipc_abi::time::{BUDGET_TICKS_MIN, PERIOD_TICKS_MAX, SHARE_WHOLE, TimeGrant};
use test_kit::{Action, Fact, Failure, Message, Step, World};
use userlib::time::{Deadline, Instant, sleep};
use userlib::{Endpoint, Gate, Notification};

use super::{HIGH, LOW, Topic, call, function, receive};
use crate::mistake::refusal_of;

pub(super) const CASES: Topic = &[
    ("sleep_lasts_until_its_time", sleep_lasts_until_its_time),
    ("library_never_wakes_early", library_never_wakes_early),
    ("library_calls_time_out", library_calls_time_out),
    ("calls_time_out", calls_time_out),
    ("late_answers_are_nobodys", late_answers_are_nobodys),
    ("past_deadlines_are_refused", past_deadlines_are_refused),
    (
        "waiter_with_a_deadline_is_told",
        waiter_with_a_deadline_is_told,
    ),
    ("budgets_have_limits", budgets_have_limits),
    ("hog_gets_its_budget", hog_gets_its_budget),
    ("busy_server_is_helped", busy_server_is_helped),
    ("handler_hears_of_the_end", handler_hears_of_the_end),
    ("unknown_count_is_refused", unknown_count_is_refused),
];

/// Ticks until a deadline.
const SOON: u64 = 100_000;
/// How often a case waits that long for what comes soon.
const PATIENCE: u64 = 1000;
/// The same, when something is to be done before.
const LATER: u64 = 1 << 22;

/// The step of a message call with a deadline.
fn until(call: SystemCall, handle: u64, deadline: u64) -> Step {
    Step::message(call, &Message::to(handle, 104), 104).until(deadline)
}

/// Makes a message call that must time out, and not before `deadline`.
fn must_time_out(world: &mut World, call: SystemCall, handle: u64, deadline: u64) -> Fact {
    let done = world.perform(until(call, handle, deadline));
    world.expect(call, refusal_of(call, &done), Error::TimedOut)?;
    Failure::unless(userlib::read_ticks() >= deadline, "it ended too early")
}

fn sleep_lasts_until_its_time(world: &mut World) -> Fact {
    for ticks in [0, 1, 1000, SOON] {
        let deadline = userlib::read_ticks() + ticks;
        world.must(SystemCall::Sleep, &[deadline])?;
        let is_over = userlib::read_ticks() >= deadline;
        Failure::unless(is_over, "it ended too early")?;
    }
    Ok(())
}

/// Durations from the shortest to many ticks.
fn library_never_wakes_early(_world: &mut World) -> Fact {
    let hertz = userlib::kernel_info().counter_hertz;
    Failure::unless_same("the rate", userlib::read_counter_hertz().into(), hertz)?;
    for nanoseconds in [0, 1, 15, 16, 17, 1000, 1_000_000, 3_000_001] {
        let asked = Duration::from_nanos(nanoseconds);
        let before = Instant::now();
        sleep(asked);
        let why = alloc::format!("it slept less than {asked:?}");
        Failure::unless(before.elapsed() >= asked, &why)?;
    }
    Ok(())
}

fn library_calls_time_out(world: &mut World) -> Fact {
    let short = |handle: u64| u32::try_from(handle).unwrap_or(0);
    let (endpoint, notification) = (world.endpoint()?, world.notification()?);
    let gate = Gate::new(short(world.gate(endpoint, 7)?));
    let (endpoint, notification) = (short(endpoint), short(notification));
    for duration in [Duration::ZERO, Duration::from_millis(1)] {
        let deadline = Deadline::after(duration);
        let found = Notification::new(notification).wait_until(deadline);
        Failure::unless_same("wait", found, Err(Error::TimedOut))?;
        Failure::unless(deadline.is_over(), "wait ended too early")?;
        let deadline = Deadline::after(duration);
        let found = Endpoint::new(endpoint).receive_until(deadline).tag.error();
        Failure::unless_same("receive", found, Some(Error::TimedOut))?;
        Failure::unless(deadline.is_over(), "receive ended too early")?;
        let deadline = Deadline::after(duration);
        let request = ipc_abi::message::Message::empty(0);
        let found = gate.until(deadline).call(request);
        let found = found.map(|answer| answer.tag.error());
        Failure::unless_same("call", found, Ok(Some(Error::TimedOut)))?;
        Failure::unless_same("what is left", deadline.left(), Duration::ZERO)?;
    }
    Ok(())
}

fn calls_time_out(world: &mut World) -> Fact {
    let (endpoint, notification) = (world.endpoint()?, world.notification()?);
    let gate = world.gate(endpoint, 7)?;
    for (call, handle) in [
        (SystemCall::CallUntil, gate),
        (SystemCall::ReceiveUntil, endpoint),
        (SystemCall::WaitUntil, notification),
    ] {
        must_time_out(world, call, handle, userlib::read_ticks() + SOON)?;
    }
    // A server that never answers.
    let server = world.agent(HIGH)?;
    let sleep = function(SystemCall::Sleep, &[u64::MAX]);
    world.run(server, &[receive(endpoint), sleep])?;
    must_time_out(
        world,
        SystemCall::CallUntil,
        gate,
        userlib::read_ticks() + SOON,
    )?;
    world.expect_inside(server, 1)
}

/// How a server answers a call that timed out.
#[derive(Clone, Copy)]
enum Late {
    Reply,
    ReplyReceive,
    Save,
    ReplyTo,
}

/// A call times out, and its caller makes another one, to another server or the same: what comes late
/// reaches nobody.
fn late_answers_are_nobodys(world: &mut World) -> Fact {
    for late in [Late::Reply, Late::ReplyReceive, Late::Save, Late::ReplyTo] {
        let endpoints = [world.endpoint()?, world.endpoint()?];
        let gates = [world.gate(endpoints[0], 7)?, world.gate(endpoints[1], 8)?];
        for second in 0..2 {
            answer_late(world, late, endpoints, [gates[0], gates[second]])?;
        }
    }
    Ok(())
}

fn answer_late(world: &mut World, late: Late, endpoints: [u64; 2], gates: [u64; 2]) -> Fact {
    let (client, reply) = (world.agent(HIGH)?, world.reply()?);
    let deadline = userlib::read_ticks() + LATER;
    let script = [
        until(SystemCall::CallUntil, gates[0], deadline),
        call(gates[1], 6),
    ];
    world.run(client, &script)?;
    world.must_message(SystemCall::Receive, &Message::to(endpoints[0], 1))?;
    if matches!(late, Late::ReplyTo) {
        world.must(SystemCall::SaveCaller, &[reply])?;
    }
    world.must(SystemCall::Sleep, &[deadline + 1000])?;
    world.expect_refused(client, 0, Error::TimedOut)?;
    let is_same = gates[0] == gates[1];
    let mut endpoint = endpoints[usize::from(!is_same)];
    match late {
        Late::ReplyReceive if is_same => {
            // It is the second call that comes; the late answer went nowhere.
            world.must_message(SystemCall::ReplyReceive, &Message::to(endpoint, 9))?;
            endpoint = 0;
        }
        Late::Reply | Late::ReplyReceive => {
            world.must_message(SystemCall::Reply, &Message::to(0, 9))?;
        }
        Late::Save => world.refuse(SystemCall::SaveCaller, &[reply], Error::Died)?,
        Late::ReplyTo => {
            let message = Message::to(reply, 9);
            world.refuse_message(SystemCall::ReplyTo, &message, Error::Died)?;
        }
    }
    world.expect_inside(client, 1)?;
    if endpoint != 0 {
        world.must_message(SystemCall::Receive, &Message::to(endpoint, 1))?;
    }
    world.must_message(SystemCall::Reply, &Message::to(0, 10))?;
    let found = world.received(client, 1)?;
    Failure::unless_same("the answer", found.words, Message::to(0, 10).words)?;
    world.forget_agent(client)
}

fn past_deadlines_are_refused(world: &mut World) -> Fact {
    let (endpoint, notification) = (world.endpoint()?, world.notification()?);
    let gate = world.gate(endpoint, 7)?;
    for past in [0, userlib::read_ticks()] {
        must_time_out(world, SystemCall::CallUntil, gate, past)?;
        must_time_out(world, SystemCall::ReceiveUntil, endpoint, past)?;
        must_time_out(world, SystemCall::WaitUntil, notification, past)?;
    }
    let bell = world.gate(notification, 2)?;
    world.must(SystemCall::Signal, &[bell])?;
    let done = world.perform(until(SystemCall::WaitUntil, notification, 0));
    Failure::unless_same("the signal", done.words[0], 2)
}

/// Who waits with a deadline hears of a death, and that another waits.
fn waiter_with_a_deadline_is_told(world: &mut World) -> Fact {
    let (endpoint, notification) = (world.endpoint()?, world.notification()?);
    let (receiver, waiter) = (world.agent(HIGH)?, world.agent(HIGH)?);
    let never = u64::MAX;
    world.run(
        receiver,
        &[until(SystemCall::ReceiveUntil, endpoint, never)],
    )?;
    world.run(waiter, &[until(SystemCall::WaitUntil, notification, never)])?;
    let later = userlib::read_ticks() + SOON;
    let done = world.perform(until(SystemCall::WaitUntil, notification, later));
    let found = refusal_of(SystemCall::WaitUntil, &done);
    world.expect(SystemCall::WaitUntil, found, Error::InUse)?;
    world.destroy(endpoint)?;
    world.destroy(notification)?;
    world.expect_refused(receiver, 0, Error::Died)?;
    world.expect_refused(waiter, 0, Error::Died)
}

fn budgets_have_limits(world: &mut World) -> Fact {
    let configure = SystemCall::ContextConfigure;
    let own = world.authority;
    let context = world.context(1)?;
    let most = PERIOD_TICKS_MAX;
    for (priority, budget, period) in [
        (1, BUDGET_TICKS_MIN - 1, most),
        (1, 0, most),
        (1, most, 0),
        (1, most, most - 1),
        (1, BUDGET_TICKS_MIN, most + 1),
        (121, BUDGET_TICKS_MIN, most),
        (121, 0, 0),
    ] {
        let arguments = [context, own.time, priority, budget, period];
        world.refuse(configure, &arguments, Error::OutOfRange)?;
    }
    // The whole core is more than this program has.
    let whole = [context, own.time, 1, most, most];
    world.refuse(configure, &whole, Error::Exhausted)?;
    let grant = TimeGrant {
        priority: 9,
        unlimited: 1,
        share: SHARE_WHOLE / 64,
    };
    let other = world.allowance(own.time, grant.into_raw())?;
    let foreign = [context, other, 1, BUDGET_TICKS_MIN, most];
    world.refuse(configure, &foreign, Error::BadArgument)
}

/// An agent that spins with a budget of a quarter, while this program, less important, spins too.
///
/// Where time is counted instructions, the first attempt must be right to one per cent. Elsewhere the
/// emulator stands still whenever the host likes, and the counter runs on: then the hog is billed for
/// time in which it did not run, or its refill comes late. So there nothing is said about how much it
/// gets, but that it gets some in each attempt and this program too; the figures are noted.
fn hog_gets_its_budget(world: &mut World) -> Fact {
    const PERIOD: u64 = 1 << 19;
    const PERIODS: u64 = 16;
    const ATTEMPTS: u64 = 8;
    let (_, address) = world.mapped_frame(Access::READ_WRITE)?;
    let hog = world.agent(HIGH)?;
    let (context, time) = (world.context_of(hog), world.authority.time);
    let arguments = [context, time, HIGH, PERIOD / 4, PERIOD];
    world.must(SystemCall::ContextConfigure, &arguments)?;
    world.run(hog, &[Step::action(Action::Spin, address, 0, 8)])?;
    let (is_exact, mut is_right) = (is_time_counted(), false);
    let attempts = if is_exact { 1 } else { ATTEMPTS };
    for _ in 0..attempts {
        let start = userlib::read_ticks();
        let before = world.must(SystemCall::ContextInspect, &[context])?;
        while userlib::read_ticks() < start + PERIODS * PERIOD {}
        let used = world.must(SystemCall::ContextInspect, &[context])? - before;
        let ticks = userlib::read_ticks() - start;
        is_right = used.abs_diff(ticks / 4) <= ticks / 100;
        let clock = if is_exact { "counted" } else { "host's" };
        world.note(alloc::format!("{used} of {ticks} {clock} ticks"));
        Failure::unless(used > 0 && used < ticks, "somebody got nothing")?;
        if is_right {
            break;
        }
    }
    world.write(address, 1);
    Failure::unless(is_right || !is_exact, "it used not a quarter")
}

/// Whether time is counted instructions: then the same code always takes the same time.
fn is_time_counted() -> bool {
    const READINGS: usize = 64;
    let mut costs = core::iter::repeat_with(|| {
        let (first, second) = userlib::read_cycles_twice();
        second.wrapping_sub(first)
    });
    let cost = costs.next();
    costs.take(READINGS).all(|other| Some(other) == cost)
}

/// A client of high priority meets a server of low priority that is busy, and a hog between them.
fn busy_server_is_helped(world: &mut World) -> Fact {
    let endpoint = world.endpoint()?;
    let gate = world.gate(endpoint, 7)?;
    let (_, address) = world.mapped_frame(Access::READ_WRITE)?;
    let server = world.agent(LOW)?;
    let spin = Step::action(Action::Spin, address, 0, 8);
    let answer = super::reply_receive(endpoint, 6);
    world.run(server, &[receive(endpoint), spin, answer, answer, answer])?;
    let client = world.agent(LOW)?;
    world.run(client, &[call(gate, 5)])?;
    // Until the server serves the client. A busy host may let no time pass for them.
    for _ in 0..PATIENCE {
        world.must(SystemCall::Sleep, &[userlib::read_ticks() + SOON])?;
        if world.expect_inside(server, 1).is_ok() {
            break;
        }
    }
    world.expect_inside(server, 1)?;
    let (_, mark) = world.mapped_frame(Access::READ_WRITE)?;
    let middle = world.agent(LOW + 5)?;
    world.run(middle, &[Step::action(Action::Store, mark, 1, 8)])?;
    world.write(address, 1);
    world.must_message(SystemCall::Call, &Message::to(gate, 5))?;
    Failure::unless_same("the middle thread's mark", world.read(mark), 0)
}

fn handler_hears_of_the_end(world: &mut World) -> Fact {
    let notification = world.notification()?;
    let gate = world.gate(notification, 4)?;
    let (_, address) = world.mapped_frame(Access::READ_WRITE)?;
    let hog = world.agent(HIGH)?;
    let (context, time) = (world.context_of(hog), world.authority.time);
    let arguments = [context, time, HIGH, BUDGET_TICKS_MIN, 1 << 30];
    world.must(SystemCall::ContextConfigure, &arguments)?;
    world.must(SystemCall::ContextSetHandler, &[context, gate])?;
    world.run(hog, &[Step::action(Action::Spin, address, 0, 8)])?;
    let found = world.must_message(SystemCall::Wait, &Message::to(notification, 1))?;
    Failure::unless_same("the signal", found.words[0], 4)
}

fn unknown_count_is_refused(world: &mut World) -> Fact {
    let platform = world.authority.platform;
    for count in [1, 2, u64::MAX] {
        let inspect = SystemCall::PlatformInspect;
        world.refuse(inspect, &[platform, count], Error::BadArgument)?;
    }
    Ok(())
}
