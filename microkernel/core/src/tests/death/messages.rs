//! Senders that die, and endpoints, gates, notifications and reply objects.

use super::stage::{Actor, Outcome, Stage};
use super::*;
use ipc_abi::call::SystemCall;
use ipc_abi::capability::ThreadState;

/// A scenario.
const fn scenario(kind: Kind, name: &'static str, build: fn(&mut Stage)) -> Scenario {
    Scenario { name, kind, build }
}

const DIED: Outcome = Outcome::Refused(Error::Died);
const STOPPED: Outcome = Outcome::Is(ThreadState::Stopped);
const SENDING: Outcome = Outcome::Is(ThreadState::Sending);
const READY: Outcome = Outcome::Is(ThreadState::Ready);
const CALLING: Outcome = Outcome::Is(ThreadState::Calling);
const RECEIVING: Outcome = Outcome::Is(ThreadState::Receiving);
/// Interrupt lines for the scenarios.
const LINES: [u64; 3] = [50, 51, 52];

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario(Kind::Thread, "thread: sending, first", |s| sending(s, 0)),
    scenario(Kind::Thread, "thread: sending, second", |s| sending(s, 1)),
    scenario(Kind::Thread, "thread: sending, one way", |s| sending(s, 2)),
    scenario(Kind::Thread, "thread: sending, a fault", |s| sending(s, 3)),
    scenario(Kind::Thread, "thread: sending, lower", |s| sending(s, 4)),
    scenario(Kind::Thread, "thread: saved", |s| {
        let (client, server, _) = saved(s, false);
        s.dies(client.handle, &[(server, READY)]);
    }),
    scenario(Kind::Thread, "thread: fault saved", |s| {
        let (client, server, _) = saved(s, true);
        s.dies(client.handle, &[(server, READY)]);
    }),
    scenario(Kind::Thread, "thread: fault received", |s| {
        let (_, server, _, gate) = s.pair();
        let client = s.guarded(gate);
        s.fault(client);
        s.dies(client.handle, &[(server, READY)]);
    }),
    scenario(Kind::Endpoint, "endpoint: idle", |s| {
        let endpoint = s.endpoint();
        s.dies(endpoint, &[]);
    }),
    scenario(Kind::Endpoint, "endpoint: with senders", |s| {
        let (endpoint, _, actors) = crowd(s);
        let mut expected: Vec<_> = actors.iter().map(|actor| (*actor, DIED)).collect();
        expected[3].1 = STOPPED;
        s.dies(endpoint, &expected);
    }),
    scenario(Kind::Endpoint, "endpoint: with servers", |s| {
        let endpoint = s.endpoint();
        let servers = [s.actor(), s.actor(), s.actor()];
        for server in servers {
            s.receive(server, endpoint);
        }
        s.forget(servers[1].context);
        s.dies(endpoint, &servers.map(|server| (server, DIED)));
    }),
    scenario(Kind::Endpoint, "endpoint: with gates", |s| {
        let endpoint = s.endpoint();
        for _ in 0..5 {
            s.gate(endpoint);
        }
        s.dies(endpoint, &[]);
    }),
    scenario(Kind::Endpoint, "endpoint: of a call that is served", |s| {
        let (client, server, endpoint, gate) = s.pair();
        s.call(client, gate);
        s.dies(endpoint, &[(client, CALLING), (server, READY)]);
    }),
    scenario(Kind::Gate, "gate: idle", |s| {
        let endpoint = s.endpoint();
        let gates = [s.gate(endpoint), s.gate(endpoint), s.gate(endpoint)];
        s.dies(gates[1], &[]);
    }),
    scenario(Kind::Gate, "gate: with senders", |s| {
        let (_, gates, actors) = crowd(s);
        let expected = [
            (actors[0], DIED),
            (actors[1], SENDING),
            (actors[2], DIED),
            (actors[4], DIED),
        ];
        s.dies(gates[0], &expected);
    }),
    scenario(Kind::Gate, "gate: with a fault and a sender", |s| {
        let (_, gates, actors) = crowd(s);
        let expected = [
            (actors[0], SENDING),
            (actors[1], DIED),
            (actors[3], STOPPED),
        ];
        s.dies(gates[1], &expected);
    }),
    scenario(Kind::Gate, "gate: its endpoint dead", |s| {
        let endpoint = s.endpoint();
        let gate = s.gate(endpoint);
        s.forget(endpoint);
        s.dies(gate, &[]);
    }),
    scenario(Kind::Gate, "gate: of a call that is served", |s| {
        let (client, server, _, gate) = s.pair();
        s.call(client, gate);
        s.dies(gate, &[(client, CALLING), (server, READY)]);
    }),
    scenario(Kind::Gate, "gate: of a fault that is served", |s| {
        let (_, server, _, gate) = s.pair();
        let client = s.guarded(gate);
        s.fault(client);
        s.dies(gate, &[(server, READY)]);
    }),
    scenario(Kind::Gate, "gate: a fault handler", |s| {
        let (_, _, _, gate) = s.pair();
        let client = s.guarded(gate);
        s.dies(gate, &[(client, READY)]);
    }),
    scenario(Kind::Gate, "gate: of a notification", |s| {
        let target = s.notification();
        let gates = [s.gate(target), s.gate(target), s.gate(target)];
        s.done(s.kernel().signal(gates[1]));
        s.dies(gates[1], &[]);
    }),
    scenario(Kind::Gate, "gate: of a notification, youngest", |s| {
        let target = s.notification();
        s.gate(target);
        let gate = s.gate(target);
        s.dies(gate, &[]);
    }),
    scenario(Kind::Gate, "gate: its notification dead", |s| {
        let target = s.notification();
        let gate = s.gate(target);
        s.forget(target);
        s.dies(gate, &[]);
    }),
    scenario(Kind::Notification, "notification: idle", |s| {
        let target = s.notification();
        s.dies(target, &[]);
    }),
    scenario(Kind::Notification, "notification: waited for", |s| {
        let (actor, target) = (s.actor(), s.notification());
        s.message(actor, SystemCall::Wait, target);
        s.dies(target, &[(actor, DIED)]);
    }),
    scenario(Kind::Notification, "notification: with gates, bits", |s| {
        let target = s.notification();
        for _ in 0..4 {
            let gate = s.gate(target);
            s.done(s.kernel().signal(gate));
        }
        s.dies(target, &[]);
    }),
    scenario(Kind::Notification, "notification: with interrupts", |s| {
        let target = s.notification();
        for line in LINES {
            let irq = s.irq(line);
            s.done(s.kernel().irq_bind(irq, target, 2));
        }
        s.kernel().interrupt(LINES[1]);
        s.leave();
        s.dies(target, &[]);
    }),
    scenario(Kind::Notification, "notification: bound, signals", |s| {
        let (actor, target) = (s.actor(), s.notification());
        let gate = s.gate(target);
        s.done(s.kernel().thread_bind(actor.handle, target));
        s.done(s.kernel().signal(gate));
        s.dies(target, &[(actor, READY)]);
    }),
    scenario(Kind::Notification, "notification: bound, receiver", |s| {
        let (_, server, _, _) = s.pair();
        let target = s.notification();
        s.done(s.kernel().thread_bind(server.handle, target));
        s.dies(target, &[(server, RECEIVING)]);
    }),
    scenario(Kind::Notification, "notification: bound, waiter", |s| {
        let (actor, target) = (s.actor(), s.notification());
        s.done(s.kernel().thread_bind(actor.handle, target));
        s.message(actor, SystemCall::Wait, target);
        s.dies(target, &[(actor, DIED)]);
    }),
    scenario(Kind::Reply, "reply: empty", |s| {
        let reply = s.reply();
        s.dies(reply, &[]);
    }),
    scenario(Kind::Reply, "reply: with a caller", |s| {
        let (client, server, reply) = saved(s, false);
        s.dies(reply, &[(client, DIED), (server, READY)]);
    }),
    scenario(Kind::Reply, "reply: one of three of a server", |s| {
        let (client, server, endpoint, gate) = s.pair();
        let clients = [client, s.actor(), s.actor()];
        let replies = clients.map(|client| {
            let reply = s.reply();
            s.call(client, gate);
            s.save(server, reply);
            s.receive(server, endpoint);
            reply
        });
        let expected = [
            (clients[0], CALLING),
            (clients[1], DIED),
            (clients[2], CALLING),
            (server, RECEIVING),
        ];
        s.dies(replies[1], &expected);
    }),
    scenario(Kind::Reply, "reply: with a fault", |s| {
        let (client, server, reply) = saved(s, true);
        s.dies(reply, &[(client, STOPPED), (server, READY)]);
    }),
    scenario(Kind::Reply, "reply: stale", |s| {
        let (client, server, reply) = saved(s, false);
        s.forget(client.handle);
        s.dies(reply, &[(server, READY)]);
    }),
    scenario(Kind::Reply, "reply: its server dead", |s| {
        let (client, server, reply) = saved(s, false);
        s.forget(server.handle);
        s.dies(reply, &[(client, DIED)]);
    }),
    scenario(Kind::Reply, "reply: caller without time", |s| {
        let (client, server, reply) = saved(s, false);
        s.forget(client.context);
        s.dies(reply, &[(client, DIED), (server, READY)]);
    }),
];

/// A client whose call or fault was saved, its server, and the reply object.
fn saved(s: &mut Stage, is_fault: bool) -> (Actor, Actor, u64) {
    let (caller, server, _, gate) = s.pair();
    let reply = s.reply();
    if is_fault {
        let client = s.guarded(gate);
        s.fault(client);
        s.save(server, reply);
        return (client, server, reply);
    }
    s.call(caller, gate);
    s.save(server, reply);
    (caller, server, reply)
}

/// An endpoint, two gates, and who waits to send: through the first gate a call, a one-way message and
/// a call of another band; through the second a call and a fault.
fn crowd(s: &mut Stage) -> (u64, [u64; 2], [Actor; 5]) {
    let endpoint = s.endpoint();
    let gates = [s.gate(endpoint), s.gate(endpoint)];
    let lower = s.less_important(100, |s| {
        s.raw_message(SystemCall::Call, gates[0], ipc_abi::tag::Tag::new(3, 16));
    });
    let actors = [s.actor(), s.actor(), s.actor()];
    let faulty = s.guarded(gates[1]);
    s.call(actors[0], gates[0]);
    s.call(actors[1], gates[1]);
    s.message(actors[2], SystemCall::Send, gates[0]);
    s.fault(faulty);
    s.home();
    (
        endpoint,
        gates,
        [actors[0], actors[1], actors[2], faulty, lower],
    )
}

/// One of a crowd of senders dies; the others wait on.
fn sending(s: &mut Stage, index: usize) {
    let (_, _, actors) = crowd(s);
    let other = actors[usize::from(index == 0)];
    s.dies(actors[index].handle, &[(other, SENDING)]);
}
