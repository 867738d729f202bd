//! Senders, endpoints, gates, notifications and reply objects that die.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Kind, ThreadState};
use test_kit::{Agent, Fact, Failure, Plan};

use super::{Scenario, scenario};
use crate::stage::{LOW, Outcome, Stage, call, message, park, receive, save, wait};

/// A server that goes on with what it did after its receive.
const SERVES: Outcome = Outcome::Inside(1);
/// A server that goes on after it saved its caller.
const SAVED: Outcome = Outcome::Inside(2);
/// A client whose call ends.
const DIED: Outcome = Outcome::Died(0);
/// Somebody whose first step goes on.
const WAITS: Outcome = Outcome::Inside(0);

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario(Kind::Thread, "thread_sending_first", |s| sending(s, 0)),
    scenario(Kind::Thread, "thread_sending_second", |s| sending(s, 1)),
    scenario(Kind::Thread, "thread_sending_one_way", |s| sending(s, 2)),
    scenario(Kind::Thread, "thread_sending_a_fault", |s| sending(s, 3)),
    scenario(Kind::Thread, "thread_sending_lower", |s| sending(s, 4)),
    scenario(Kind::Thread, "thread_saved", |s| {
        let (client, server, _) = saved(s)?;
        s.agent_dies(client, &[(server, SAVED)])
    }),
    scenario(Kind::Thread, "thread_fault_saved", |s| {
        let (faulty, server, _) = saved_fault(s)?;
        s.agent_dies(faulty, &[(server, SAVED)])
    }),
    scenario(Kind::Thread, "thread_fault_received", |s| {
        let (server, _, gate) = s.server()?;
        let faulty = s.faulty(gate)?;
        s.agent_dies(faulty, &[(server, SERVES)])
    }),
    scenario(Kind::Endpoint, "endpoint_idle", |s| {
        let endpoint = s.world.endpoint()?;
        s.dies(endpoint, &[])
    }),
    scenario(Kind::Endpoint, "endpoint_with_senders", |s| {
        let (endpoint, _, actors) = crowd(s)?;
        let mut expected = actors.map(|actor| (actor, DIED));
        expected[3].1 = Outcome::Stopped;
        s.dies(endpoint, &expected)
    }),
    scenario(Kind::Endpoint, "endpoint_with_servers", |s| {
        let endpoint = s.world.endpoint()?;
        let mut servers = [s.actor(&[receive(endpoint)])?; 3];
        for server in &mut servers[1..] {
            *server = s.actor(&[receive(endpoint)])?;
        }
        s.dies(endpoint, &servers.map(|server| (server, DIED)))
    }),
    scenario(Kind::Endpoint, "endpoint_with_gates", |s| {
        let endpoint = s.world.endpoint()?;
        for badge in 0..5 {
            s.world.gate(endpoint, badge)?;
        }
        s.dies(endpoint, &[])
    }),
    scenario(Kind::Endpoint, "endpoint_of_a_served_call", |s| {
        let (client, server, [endpoint, _]) = s.served()?;
        s.dies(endpoint, &[(client, WAITS), (server, SERVES)])
    }),
    scenario(Kind::Gate, "gate_idle", |s| {
        let endpoint = s.world.endpoint()?;
        s.world.gate(endpoint, 1)?;
        let gate = s.world.gate(endpoint, 2)?;
        s.world.gate(endpoint, 3)?;
        s.dies(gate, &[])
    }),
    scenario(Kind::Gate, "gate_with_senders", |s| {
        let (_, [gate, _], actors) = crowd(s)?;
        let expected = [
            (actors[0], DIED),
            (actors[1], WAITS),
            (actors[2], DIED),
            (actors[4], DIED),
        ];
        s.dies(gate, &expected)
    }),
    scenario(Kind::Gate, "gate_with_a_fault_and_a_sender", |s| {
        let (_, [_, gate], actors) = crowd(s)?;
        let expected = [
            (actors[0], WAITS),
            (actors[1], DIED),
            (actors[3], Outcome::Stopped),
        ];
        s.dies(gate, &expected)
    }),
    scenario(Kind::Gate, "gate_its_endpoint_dead", |s| {
        let endpoint = s.world.endpoint()?;
        let gate = s.world.gate(endpoint, 1)?;
        s.forget(endpoint)?;
        s.dies(gate, &[])
    }),
    scenario(Kind::Gate, "gate_of_a_served_call", |s| {
        let (client, server, [_, gate]) = s.served()?;
        s.dies(gate, &[(client, WAITS), (server, SERVES)])
    }),
    scenario(Kind::Gate, "gate_of_a_served_fault", |s| {
        let (server, _, gate) = s.server()?;
        let faulty = s.faulty(gate)?;
        s.dies(gate, &[(faulty, WAITS), (server, SERVES)])
    }),
    scenario(Kind::Gate, "gate_a_fault_handler", |s| {
        let endpoint = s.world.endpoint()?;
        let handler = s.world.gate(endpoint, 1)?;
        let plan = Plan {
            handler,
            ..Plan::beside(crate::stage::HIGH)
        };
        let agent = s.actor_as(plan, &[park()])?;
        s.dies(handler, &[(agent, WAITS)])
    }),
    scenario(Kind::Gate, "gate_of_a_notification", |s| {
        let target = s.world.notification()?;
        let mut gates = [0; 3];
        for gate in &mut gates {
            *gate = s.world.gate(target, 2)?;
        }
        s.done(SystemCall::Signal, &[gates[1]])?;
        s.dies(gates[1], &[])
    }),
    scenario(Kind::Gate, "gate_its_notification_dead", |s| {
        let target = s.world.notification()?;
        let gate = s.world.gate(target, 2)?;
        s.forget(target)?;
        s.dies(gate, &[])
    }),
    scenario(Kind::Notification, "notification_idle", |s| {
        let target = s.world.notification()?;
        s.dies(target, &[])
    }),
    scenario(Kind::Notification, "notification_waited_for", |s| {
        let target = s.world.notification()?;
        let agent = s.actor(&[wait(target)])?;
        s.dies(target, &[(agent, DIED)])
    }),
    scenario(Kind::Notification, "notification_with_gates", |s| {
        let target = s.world.notification()?;
        for bit in 0..4 {
            let gate = s.world.gate(target, 1 << bit)?;
            s.done(SystemCall::Signal, &[gate])?;
        }
        s.dies(target, &[])
    }),
    scenario(Kind::Notification, "notification_with_an_interrupt", |s| {
        let target = s.world.notification()?;
        let line = s.world.spare_line()?;
        let irq = s.world.irq(line)?;
        s.done(SystemCall::IrqBind, &[irq, target, 2])?;
        s.dies(target, &[])
    }),
    scenario(Kind::Notification, "notification_bound_with_signals", |s| {
        let agent = s.actor(&[park()])?;
        let target = s.world.notification()?;
        let bell = s.world.gate(target, 1)?;
        s.done(SystemCall::ThreadBind, &[s.world.thread_of(agent), target])?;
        s.done(SystemCall::Signal, &[bell])?;
        s.dies(target, &[(agent, WAITS)])
    }),
    scenario(Kind::Notification, "notification_bound_receiver", |s| {
        let (server, _, _) = s.server()?;
        let target = s.world.notification()?;
        s.done(SystemCall::ThreadBind, &[s.world.thread_of(server), target])?;
        s.dies(target, &[(server, WAITS)])
    }),
    scenario(Kind::Reply, "reply_empty", |s| {
        let reply = s.world.reply()?;
        s.dies(reply, &[])
    }),
    scenario(Kind::Reply, "reply_with_a_caller", |s| {
        let (client, server, reply) = saved(s)?;
        s.dies(reply, &[(client, DIED), (server, SAVED)])
    }),
    scenario(Kind::Reply, "reply_one_of_two", |s| {
        let endpoint = s.world.endpoint()?;
        let gate = s.world.gate(endpoint, 7)?;
        let (one, two) = (s.world.reply()?, s.world.reply()?);
        let script = [
            receive(endpoint),
            save(one),
            receive(endpoint),
            save(two),
            park(),
        ];
        let server = s.actor(&script)?;
        let (first, second) = (s.actor(&[call(gate)])?, s.actor(&[call(gate)])?);
        let serves = Outcome::Inside(4);
        s.dies(one, &[(first, DIED), (second, WAITS), (server, serves)])
    }),
    scenario(Kind::Reply, "reply_with_a_fault", |s| {
        let (faulty, server, reply) = saved_fault(s)?;
        s.dies(reply, &[(faulty, Outcome::Stopped), (server, SAVED)])
    }),
    scenario(Kind::Reply, "reply_stale", |s| {
        let (client, server, reply) = saved(s)?;
        s.forget(s.world.thread_of(client))?;
        s.dies(reply, &[(server, SAVED)])
    }),
    scenario(Kind::Reply, "reply_its_server_dead", |s| {
        let (client, server, reply) = saved(s)?;
        s.forget(s.world.thread_of(server))?;
        s.dies(reply, &[(client, DIED)])
    }),
];

/// A server that saves its first caller in a reply object.
fn saver(s: &mut Stage) -> Result<(Agent, u64, u64), Failure> {
    let endpoint = s.world.endpoint()?;
    let gate = s.world.gate(endpoint, 7)?;
    let reply = s.world.reply()?;
    let server = s.actor(&[receive(endpoint), save(reply), park()])?;
    Ok((server, gate, reply))
}

/// A client whose call was saved, its server, the reply object.
fn saved(s: &mut Stage) -> Result<(Agent, Agent, u64), Failure> {
    let (server, gate, reply) = saver(s)?;
    Ok((s.actor(&[call(gate)])?, server, reply))
}

/// The same with a fault.
fn saved_fault(s: &mut Stage) -> Result<(Agent, Agent, u64), Failure> {
    let (server, gate, reply) = saver(s)?;
    Ok((s.faulty(gate)?, server, reply))
}

/// An endpoint, two gates, and who waits to send: through the first gate a call, a one-way message and
/// a call of another band; through the second a call and a fault.
fn crowd(s: &mut Stage) -> Result<(u64, [u64; 2], [Agent; 5]), Failure> {
    let endpoint = s.world.endpoint()?;
    let gates = [s.world.gate(endpoint, 1)?, s.world.gate(endpoint, 2)?];
    let low = Plan::beside(LOW - 64);
    let lower = s.low_actor(low, &[call(gates[0])], (0, ThreadState::Sending))?;
    let actors = [
        s.actor(&[call(gates[0])])?,
        s.actor(&[call(gates[1])])?,
        s.actor(&[message(SystemCall::Send, gates[0])])?,
        s.faulty(gates[1])?,
        lower,
    ];
    Ok((endpoint, gates, actors))
}

/// One of a crowd of senders dies; the others wait on.
fn sending(s: &mut Stage, index: usize) -> Fact {
    let (_, _, actors) = crowd(s)?;
    let other = actors[usize::from(index == 0)];
    s.agent_dies(actors[index], &[(other, WAITS)])
}
