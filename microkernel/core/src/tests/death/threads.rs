//! Threads that die, in every state.

use super::stage::{Outcome, Stage};
use super::*;
use crate::memory::Fields;
use crate::object::core_state;
use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Access, ThreadState};
use ipc_abi::debug::{BREAKPOINT_ON, Register, thread_flag};

/// A scenario in which a thread dies.
const fn thread(name: &'static str, build: fn(&mut Stage)) -> Scenario {
    Scenario {
        name,
        kind: Kind::Thread,
        build,
    }
}

const DIED: Outcome = Outcome::Refused(Error::Died);
const READY: Outcome = Outcome::Is(ThreadState::Ready);
const STOPPED: Outcome = Outcome::Is(ThreadState::Stopped);

pub(super) const SCENARIOS: &[Scenario] = &[
    thread("thread: new", |s| {
        let actor = s.new_actor_in(TABLE, SPACE, 255);
        s.dies(actor.handle, &[]);
    }),
    thread("thread: new, without time", |s| {
        let thread = s.thread(TABLE, SPACE);
        s.dies(thread, &[]);
    }),
    thread("thread: ready", |s| {
        let actor = s.actor();
        s.dies(actor.handle, &[]);
    }),
    thread("thread: ready, its time destroyed", |s| {
        let actor = s.actor();
        s.forget(actor.context);
        s.dies(actor.handle, &[]);
    }),
    thread("thread: stopped", |s| {
        let actor = s.actor();
        s.done(s.kernel().thread_stop(actor.handle));
        s.dies(actor.handle, &[]);
    }),
    thread("thread: stopped by a fault", |s| {
        let actor = s.actor();
        s.fault(actor);
        s.dies(actor.handle, &[]);
    }),
    thread("thread: stopped by a fault, serving", |s| {
        let (client, server, _, gate) = s.pair();
        s.call(client, gate);
        s.fault(server);
        s.dies(server.handle, &[(client, DIED)]);
    }),
    thread("thread: of another process", |s| {
        let (table, space) = (s.table(), s.space(ASIDS));
        let actor = s.new_actor_in(table, space, 255);
        s.start(actor);
        s.dies(actor.handle, &[]);
    }),
    thread("thread: foreign and floating", |s| {
        let actor = s.new_actor_in(TABLE, SPACE, 255);
        s.done(s.kernel().thread_configure(actor.handle, thread_flag::ALL));
        s.start(actor);
        let kernel = s.kernel();
        kernel
            .memory
            .set_link(kernel.core(), core_state::FLOATING_OWNER, actor.thread);
        s.dies(actor.handle, &[]);
    }),
    thread("thread: with a breakpoint", |s| {
        let actor = s.new_actor_in(TABLE, SPACE, 255);
        let control = Register::BreakpointControl(0).into_raw();
        let kernel = s.kernel();
        s.done(kernel.thread_write(actor.handle, control, BREAKPOINT_ON));
        s.start(actor);
        s.dies(actor.handle, &[]);
    }),
    thread("thread: with a message buffer", |s| {
        let (actor, frame) = (s.actor(), s.frame());
        s.done(s.kernel().thread_set_buffer(actor.handle, frame));
        let access = Access::READ_WRITE.into_raw();
        s.done(s.kernel().map(SPACE, frame, 0x20_4000, access));
        s.dies(actor.handle, &[]);
    }),
    thread("thread: bound, ready", |s| {
        let (actor, target) = (s.actor(), s.notification());
        s.done(s.kernel().thread_bind(actor.handle, target));
        s.dies(actor.handle, &[]);
    }),
    thread("thread: bound, with signals", |s| {
        let (actor, target) = (s.actor(), s.notification());
        let gate = s.gate(target);
        s.done(s.kernel().thread_bind(actor.handle, target));
        s.done(s.kernel().signal(gate));
        s.dies(actor.handle, &[]);
    }),
    thread("thread: bound, receiving", |s| {
        let (_, server, _, _) = s.pair();
        let target = s.notification();
        s.done(s.kernel().thread_bind(server.handle, target));
        s.dies(server.handle, &[]);
    }),
    thread("thread: its fault handler dead", |s| {
        let endpoint = s.endpoint();
        let gate = s.gate(endpoint);
        let actor = s.guarded(gate);
        s.forget(gate);
        s.dies(actor.handle, &[]);
    }),
    thread("thread: waiting for a notification", |s| {
        let (actor, target) = (s.actor(), s.notification());
        s.message(actor, SystemCall::Wait, target);
        s.dies(actor.handle, &[]);
    }),
    thread("thread: receiving, first of three", |s| receiving(s, 2)),
    thread("thread: receiving, second of three", |s| receiving(s, 1)),
    thread("thread: receiving, last of three", |s| receiving(s, 0)),
    thread("thread: receiving, without time", |s| {
        let (_, server, _, _) = s.pair();
        s.forget(server.context);
        s.dies(server.handle, &[]);
    }),
    thread("thread: serving", |s| {
        let (client, server, _, gate) = s.pair();
        s.call(client, gate);
        s.dies(server.handle, &[(client, DIED)]);
    }),
    thread("thread: serving, without time of its own", |s| {
        let (client, server, _, gate) = s.pair();
        s.forget(server.context);
        s.call(client, gate);
        s.dies(server.handle, &[(client, DIED)]);
    }),
    thread("thread: serving, on its own time", |s| {
        let (client, server, _, gate) = s.pair();
        s.call(client, gate);
        s.forget(client.context);
        s.dies(server.handle, &[(client, DIED)]);
    }),
    thread("thread: serving a fault", |s| {
        let (_, server, _, gate) = s.pair();
        let client = s.guarded(gate);
        s.fault(client);
        s.dies(server.handle, &[(client, STOPPED)]);
    }),
    thread("thread: serving one who is gone", |s| {
        let (client, server, _, gate) = s.pair();
        s.call(client, gate);
        s.forget(client.handle);
        s.dies(server.handle, &[]);
    }),
    thread("thread: with three saved callers and a saved fault", saver),
    thread("thread: ready among waiting senders and servers", |s| {
        let (client, server, _, gate) = s.pair();
        let (second, third) = (s.actor(), s.actor());
        s.call(client, gate);
        s.call(second, gate);
        s.call(third, gate);
        let sending = Outcome::Is(ThreadState::Sending);
        s.dies(
            server.handle,
            &[(client, DIED), (second, sending), (third, sending)],
        );
    }),
    thread("thread: calling", |s| {
        let (client, server, _, gate) = s.pair();
        s.call(client, gate);
        s.dies(client.handle, &[(server, READY)]);
    }),
    thread("thread: calling one without time of its own", |s| {
        let (client, server, _, gate) = s.pair();
        s.forget(server.context);
        s.call(client, gate);
        s.dies(client.handle, &[(server, READY)]);
    }),
    thread("thread: first of a chain", |s| chain(s, 0)),
    thread("thread: second of a chain", |s| chain(s, 1)),
    thread("thread: third of a chain", |s| chain(s, 2)),
    thread("thread: last of a chain", |s| chain(s, 3)),
];

fn receiving(s: &mut Stage, index: usize) {
    let endpoint = s.endpoint();
    let servers = [s.actor(), s.actor(), s.actor()];
    for server in servers {
        s.receive(server, endpoint);
    }
    let other = Outcome::Is(ThreadState::Receiving);
    let (victim, last) = (servers[index], servers[(index + 1) % 3]);
    s.dies(victim.handle, &[(last, other)]);
}

/// Four threads, each calling the next.
fn chain(s: &mut Stage, index: usize) {
    let links = [s.pair(), s.pair(), s.pair()];
    let first = links[0].0;
    let actors = [first, links[0].1, links[1].1, links[2].1];
    for (actor, link) in actors.iter().zip(links) {
        s.call(*actor, link.3);
    }
    let calling = Outcome::Is(ThreadState::Calling);
    let mut expected = Vec::new();
    for (place, actor) in actors.iter().enumerate() {
        let outcome = match place {
            3 => READY,
            place if place + 1 == index => DIED,
            _ => calling,
        };
        if place != index {
            expected.push((*actor, outcome));
        }
    }
    s.dies(actors[index].handle, &expected);
}

/// A server that saved three callers and a fault.
fn saver(s: &mut Stage) {
    let (first, server, endpoint, gate) = s.pair();
    let clients = [first, s.actor(), s.actor()];
    let victim = s.guarded(gate);
    for client in clients {
        let reply = s.reply();
        s.call(client, gate);
        s.save(server, reply);
        s.receive(server, endpoint);
    }
    let reply = s.reply();
    s.fault(victim);
    s.save(server, reply);
    let mut expected: Vec<_> = clients.iter().map(|client| (*client, DIED)).collect();
    expected.push((victim, STOPPED));
    s.dies(server.handle, &expected);
}
