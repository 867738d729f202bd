//! Deaths of and among those who sleep, wait with a deadline, run on a budget, or help.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Kind, ThreadState};
use ipc_abi::time::{BUDGET_TICKS_MIN, SHARE_WHOLE, TimeGrant};
use test_kit::{Agent, Fact, Failure, Plan};

use super::{Scenario, scenario};
use crate::stage::{
    HIGH, LOW, MIDDLE, Outcome, PERIOD, Stage, call, far, park, receive, save, until,
};

const SERVES: Outcome = Outcome::Inside(1);
const DIED: Outcome = Outcome::Died(0);
const WAITS: Outcome = Outcome::Inside(0);

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario(Kind::Thread, "thread_asleep_for_good", |s| {
        let agent = s.actor(&[park()])?;
        s.agent_dies(agent, &[])
    }),
    scenario(Kind::Thread, "thread_asleep_first", |s| asleep(s, 2)),
    scenario(Kind::Thread, "thread_asleep_second", |s| asleep(s, 1)),
    scenario(Kind::Thread, "thread_asleep_last", |s| asleep(s, 0)),
    scenario(Kind::SchedulingContext, "context_of_a_sleeper", |s| {
        let agents = sleepers(s)?;
        s.dies(s.world.context_of(agents[1]), &[(agents[1], WAITS)])
    }),
    scenario(Kind::Thread, "thread_calling_until", |s| {
        let (client, server, _) = served_until(s)?;
        s.agent_dies(client, &[(server, SERVES)])
    }),
    scenario(Kind::Thread, "thread_serving_a_call_until", |s| {
        let (client, server, _) = served_until(s)?;
        s.agent_dies(server, &[(client, DIED)])
    }),
    scenario(Kind::Thread, "thread_sending_until", |s| {
        let (client, _) = sending_until(s)?;
        s.agent_dies(client, &[])
    }),
    scenario(Kind::Endpoint, "endpoint_with_a_sender_until", |s| {
        let (client, [endpoint, _]) = sending_until(s)?;
        s.dies(endpoint, &[(client, DIED)])
    }),
    scenario(Kind::Gate, "gate_with_a_sender_until", |s| {
        let (client, [_, gate]) = sending_until(s)?;
        s.dies(gate, &[(client, DIED)])
    }),
    scenario(Kind::Thread, "thread_receiving_until", |s| {
        let endpoint = s.world.endpoint()?;
        let server = s.actor(&[until(SystemCall::ReceiveUntil, endpoint)])?;
        s.agent_dies(server, &[])
    }),
    scenario(Kind::Endpoint, "endpoint_with_a_server_until", |s| {
        let endpoint = s.world.endpoint()?;
        let server = s.actor(&[until(SystemCall::ReceiveUntil, endpoint)])?;
        s.dies(endpoint, &[(server, DIED)])
    }),
    scenario(Kind::Thread, "thread_waiting_until", |s| {
        let target = s.world.notification()?;
        let agent = s.actor(&[until(SystemCall::WaitUntil, target)])?;
        s.agent_dies(agent, &[])
    }),
    scenario(Kind::Notification, "notification_waited_for_until", |s| {
        let target = s.world.notification()?;
        let agent = s.actor(&[until(SystemCall::WaitUntil, target)])?;
        s.dies(target, &[(agent, DIED)])
    }),
    scenario(Kind::Thread, "thread_saved_until", |s| {
        let (client, server, _) = saved_until(s)?;
        s.agent_dies(client, &[(server, Outcome::Inside(2))])
    }),
    scenario(Kind::Reply, "reply_with_a_caller_until", |s| {
        let (client, server, reply) = saved_until(s)?;
        s.dies(reply, &[(client, DIED), (server, Outcome::Inside(2))])
    }),
    scenario(Kind::SchedulingContext, "budget_of_nobody", |s| {
        let context = s.world.context(3)?;
        s.limit(context, 3)?;
        s.dies(context, &[])
    }),
    scenario(Kind::SchedulingContext, "budget_queued", |s| {
        let spin = s.spin()?;
        let agent = s.actor_as(Plan::beside(LOW), &[spin])?;
        s.limit(s.world.context_of(agent), LOW)?;
        s.dies(s.world.context_of(agent), &[])
    }),
    scenario(Kind::SchedulingContext, "budget_current", |s| {
        let agent = s.actor(&[])?;
        s.limit(s.world.context_of(agent), HIGH)?;
        s.killer = Some(agent);
        s.dies(s.world.context_of(agent), &[])
    }),
    scenario(Kind::SchedulingContext, "budget_lent", |s| {
        let (server, _, gate) = s.server()?;
        let client = s.world.agent(HIGH)?;
        s.limit(s.world.context_of(client), HIGH)?;
        s.world.run(client, &[call(gate)])?;
        s.dies(
            s.world.context_of(client),
            &[(client, WAITS), (server, SERVES)],
        )
    }),
    scenario(Kind::SchedulingContext, "budget_used_up_first", |s| {
        let agents = exhausted(s)?;
        s.dies(s.world.context_of(agents[2]), &[(agents[0], WAITS)])
    }),
    scenario(Kind::SchedulingContext, "budget_used_up_second", |s| {
        let agents = exhausted(s)?;
        s.dies(s.world.context_of(agents[1]), &[(agents[0], WAITS)])
    }),
    scenario(Kind::Thread, "thread_budget_used_up", |s| {
        let agents = exhausted(s)?;
        s.agent_dies(agents[1], &[(agents[0], WAITS)])
    }),
    scenario(Kind::SchedulingContext, "budget_lent_and_used_up", |s| {
        let (client, server) = fallen_back(s)?;
        s.dies(
            s.world.context_of(client),
            &[(client, WAITS), (server, SERVES)],
        )
    }),
    scenario(Kind::Thread, "thread_its_lent_budget_used_up", |s| {
        let (client, server) = fallen_back(s)?;
        // It has no time to find out that its call was refused.
        s.agent_dies(server, &[(client, WAITS)])
    }),
    scenario(Kind::Thread, "thread_its_own_lent_budget_used_up", |s| {
        let (client, server) = fallen_back(s)?;
        s.agent_dies(client, &[(server, SERVES)])
    }),
    scenario(Kind::SchedulingContext, "context_with_a_handler", |s| {
        let (agent, _, _) = handled(s)?;
        s.dies(s.world.context_of(agent), &[])
    }),
    scenario(Kind::Gate, "gate_a_timeout_handler", |s| {
        let (agent, _, gate) = handled(s)?;
        s.dies(gate, &[(agent, WAITS)])
    }),
    scenario(Kind::Notification, "notification_of_a_handler", |s| {
        let (agent, target, _) = handled(s)?;
        s.dies(target, &[(agent, WAITS)])
    }),
    scenario(Kind::Thread, "thread_helping", |s| {
        let scene = helping(s)?;
        s.agent_dies(
            scene.helper,
            &[(scene.client, WAITS), (scene.server, SERVES)],
        )
    }),
    scenario(Kind::Thread, "thread_helped", |s| {
        let scene = helping(s)?;
        s.agent_dies(scene.server, &[(scene.helper, WAITS)])
    }),
    scenario(Kind::Thread, "thread_caller_of_one_who_is_helped", |s| {
        let scene = helping(s)?;
        s.agent_dies(
            scene.client,
            &[(scene.helper, WAITS), (scene.server, SERVES)],
        )
    }),
    scenario(Kind::SchedulingContext, "context_helping", |s| {
        let scene = helping(s)?;
        s.dies(
            s.world.context_of(scene.helper),
            &[(scene.client, WAITS), (scene.helper, WAITS)],
        )
    }),
    scenario(Kind::SchedulingContext, "context_helped", |s| {
        let scene = helping(s)?;
        s.dies(
            s.world.context_of(scene.client),
            &[(scene.client, WAITS), (scene.server, SERVES)],
        )
    }),
    scenario(Kind::Endpoint, "endpoint_of_a_helper", |s| {
        let scene = helping(s)?;
        s.dies(
            scene.endpoint,
            &[(scene.client, WAITS), (scene.server, SERVES)],
        )
    }),
    scenario(Kind::Gate, "gate_of_a_helper", |s| {
        let scene = helping(s)?;
        s.dies(scene.gate, &[(scene.client, WAITS), (scene.server, SERVES)])
    }),
    scenario(Kind::Allowance, "allowance_of_budgets", |s| {
        let allowance = time(s, s.world.authority.time)?;
        for unit in 0..3 {
            let (object, slot) = (s.world.object(Kind::SchedulingContext, 8), s.world.slot());
            let memory = s.world.authority.memory;
            let place = s.world.place(slot);
            s.done(
                SystemCall::CreateContext,
                &[memory, object, place, allowance, unit],
            )?;
            let arguments = [slot, allowance, HIGH, BUDGET_TICKS_MIN, PERIOD];
            s.done(SystemCall::ContextConfigure, &arguments)?;
        }
        s.dies(allowance, &[])
    }),
    scenario(Kind::Allowance, "allowance_with_a_family", |s| {
        let allowance = time(s, s.world.authority.time)?;
        for _ in 0..3 {
            let none = TimeGrant {
                priority: 9,
                unlimited: 9,
                share: 0,
            };
            let (object, slot) = (s.world.object(Kind::Allowance, 2), s.world.slot());
            let memory = s.world.authority.memory;
            let place = s.world.place(slot);
            s.done(
                SystemCall::AllowanceSplit,
                &[memory, object, place, allowance, none.into_raw()],
            )?;
        }
        s.dies(allowance, &[])
    }),
];

/// Three sleepers whose deadlines are in one slot of a wheel.
fn sleepers(s: &mut Stage) -> Result<[Agent; 3], Failure> {
    let sleep = test_kit::Step::function(SystemCall::Sleep, &[far()], 9);
    Ok([s.actor(&[sleep])?, s.actor(&[sleep])?, s.actor(&[sleep])?])
}

fn asleep(s: &mut Stage, index: usize) -> Fact {
    let agents = sleepers(s)?;
    let other = agents[(index + 1) % 3];
    s.agent_dies(agents[index], &[(other, WAITS)])
}

/// A client whose call with a deadline is served, its server, the gate.
fn served_until(s: &mut Stage) -> Result<(Agent, Agent, u64), Failure> {
    let (server, _, gate) = s.server()?;
    let client = s.actor(&[until(SystemCall::CallUntil, gate)])?;
    Ok((client, server, gate))
}

/// A client that waits to call with a deadline, the endpoint and the gate.
fn sending_until(s: &mut Stage) -> Result<(Agent, [u64; 2]), Failure> {
    let endpoint = s.world.endpoint()?;
    let gate = s.world.gate(endpoint, 7)?;
    let client = s.actor(&[until(SystemCall::CallUntil, gate)])?;
    Ok((client, [endpoint, gate]))
}

/// A client whose call with a deadline was saved, its server, the reply object.
fn saved_until(s: &mut Stage) -> Result<(Agent, Agent, u64), Failure> {
    let endpoint = s.world.endpoint()?;
    let gate = s.world.gate(endpoint, 7)?;
    let reply = s.world.reply()?;
    let server = s.actor(&[receive(endpoint), save(reply), park()])?;
    let client = s.actor(&[until(SystemCall::CallUntil, gate)])?;
    Ok((client, server, reply))
}

/// Three threads whose budgets are used up.
fn exhausted(s: &mut Stage) -> Result<[Agent; 3], Failure> {
    let spin = s.spin()?;
    let mut agents = [s.world.agent(HIGH)?; 3];
    for agent in &mut agents[1..] {
        *agent = s.world.agent(HIGH)?;
    }
    for agent in agents {
        s.limit(s.world.context_of(agent), HIGH)?;
        // It is above this thread: when this goes on, that has used everything up.
        s.world.run(agent, &[spin])?;
        s.world.expect_inside(agent, 0)?;
    }
    Ok(agents)
}

/// A client that lent its budget, which is used up, and a less important server that goes on with its
/// own context.
fn fallen_back(s: &mut Stage) -> Result<(Agent, Agent), Failure> {
    let endpoint = s.world.endpoint()?;
    let gate = s.world.gate(endpoint, 7)?;
    let spin = s.spin()?;
    let server = s.low_actor(
        Plan::beside(LOW),
        &[receive(endpoint), spin],
        (0, ThreadState::Receiving),
    )?;
    let client = s.world.agent(HIGH)?;
    s.limit(s.world.context_of(client), HIGH)?;
    s.world.run(client, &[call(gate)])?;
    s.world.expect_inside(server, 1)?;
    Ok((client, server))
}

/// A thread with a budget, and the notification and the gate that hear when it is used up.
fn handled(s: &mut Stage) -> Result<(Agent, u64, u64), Failure> {
    let target = s.world.notification()?;
    let gate = s.world.gate(target, 1)?;
    let agent = s.world.agent(HIGH)?;
    let context = s.world.context_of(agent);
    s.limit(context, HIGH)?;
    s.done(SystemCall::ContextSetHandler, &[context, gate])?;
    let spin = s.spin()?;
    s.world.run(agent, &[spin])?;
    let signal = s
        .world
        .must_message(SystemCall::TryWait, &test_kit::Message::to(target, 1))?;
    Failure::unless_same("the signal", signal.words[0], 1)?;
    Ok((agent, target, gate))
}

/// A client, the server that it called, and a more important caller that helps; all of them below this
/// thread.
struct Helping {
    client: Agent,
    server: Agent,
    helper: Agent,
    endpoint: u64,
    gate: u64,
}

fn helping(s: &mut Stage) -> Result<Helping, Failure> {
    let endpoint = s.world.endpoint()?;
    let (gate, other) = (s.world.gate(endpoint, 1)?, s.world.gate(endpoint, 2)?);
    let spin = s.spin()?;
    let server = s.actor_as(Plan::beside(LOW), &[receive(endpoint), spin])?;
    let client = s.actor_as(Plan::beside(LOW), &[call(other)])?;
    s.nap_until(client, 0, ThreadState::Calling)?;
    s.nap_until(server, 1, ThreadState::Ready)?;
    let helper = s.actor_as(Plan::beside(MIDDLE), &[call(gate)])?;
    s.nap_until(helper, 0, ThreadState::Sending)?;
    Ok(Helping {
        client,
        server,
        helper,
        endpoint,
        gate,
    })
}

/// An allowance with some share of the time.
fn time(s: &mut Stage, parent: u64) -> Result<u64, Failure> {
    let grant = TimeGrant {
        priority: 120,
        unlimited: 9,
        share: SHARE_WHOLE / 16,
    };
    s.world.allowance(parent, grant.into_raw())
}
