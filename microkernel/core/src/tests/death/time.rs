//! Deaths of and among those who sleep, wait with a deadline, run on a budget, or help.

use super::stage::{Actor, Outcome, Stage};
use super::*;
use crate::memory::Fields;
use crate::object::{Context, Number, Timed, context, core_state, timed};
use ipc_abi::call::SystemCall;
use ipc_abi::capability::ThreadState;
use ipc_abi::tag::Tag;
use ipc_abi::time::{BUDGET_TICKS_MIN, SHARE_WHOLE, TimeGrant};

/// A scenario.
const fn scenario(kind: Kind, name: &'static str, build: fn(&mut Stage)) -> Scenario {
    Scenario { name, kind, build }
}

const DIED: Outcome = Outcome::Refused(Error::Died);
const SENDING: Outcome = Outcome::Is(ThreadState::Sending);
const READY: Outcome = Outcome::Is(ThreadState::Ready);
const CALLING: Outcome = Outcome::Is(ThreadState::Calling);
/// The priority of who is helped.
const LOW: u64 = 100;
/// Ticks of a period, of which three fit one slot of a wheel.
const PERIOD: u64 = 1 << 36;

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario(Kind::Thread, "thread: asleep for good", |s| {
        let actor = s.actor();
        s.sleep(actor, None);
        s.dies(actor.handle, &[]);
    }),
    scenario(Kind::Thread, "thread: asleep, first of three", |s| {
        asleep(s, 2)
    }),
    scenario(Kind::Thread, "thread: asleep, second of three", |s| {
        asleep(s, 1)
    }),
    scenario(Kind::Thread, "thread: asleep, last of three", |s| {
        asleep(s, 0)
    }),
    scenario(Kind::SchedulingContext, "context: of a sleeper", |s| {
        let actor = s.actor();
        s.sleep(actor, Some(s.far()));
        s.dies(actor.context, &[]);
    }),
    scenario(Kind::Thread, "thread: calling until", |s| {
        let (client, server, _, _) = calling_until(s);
        s.dies(client.handle, &[(server, READY)]);
    }),
    scenario(Kind::Thread, "thread: serving a call until", |s| {
        let (client, server, _, _) = calling_until(s);
        s.dies(server.handle, &[(client, DIED)]);
    }),
    scenario(Kind::Thread, "thread: sending until", |s| {
        let (_, _, client) = sending_until(s);
        s.dies(client.handle, &[]);
    }),
    scenario(Kind::Endpoint, "endpoint: with a sender until", |s| {
        let (endpoint, _, client) = sending_until(s);
        s.dies(endpoint, &[(client, DIED)]);
    }),
    scenario(Kind::Gate, "gate: with a sender until", |s| {
        let (_, gate, client) = sending_until(s);
        s.dies(gate, &[(client, DIED)]);
    }),
    scenario(Kind::Thread, "thread: receiving until", |s| {
        let (server, endpoint) = (s.actor(), s.endpoint());
        s.message(server, SystemCall::ReceiveUntil, endpoint);
        s.dies(server.handle, &[]);
    }),
    scenario(Kind::Endpoint, "endpoint: with a server until", |s| {
        let (server, endpoint) = (s.actor(), s.endpoint());
        s.message(server, SystemCall::ReceiveUntil, endpoint);
        s.dies(endpoint, &[(server, DIED)]);
    }),
    scenario(Kind::Thread, "thread: waiting until", |s| {
        let (actor, target) = (s.actor(), s.notification());
        s.message(actor, SystemCall::WaitUntil, target);
        s.dies(actor.handle, &[]);
    }),
    scenario(Kind::Notification, "notification: waited for until", |s| {
        let (actor, target) = (s.actor(), s.notification());
        s.message(actor, SystemCall::WaitUntil, target);
        s.dies(target, &[(actor, DIED)]);
    }),
    scenario(Kind::Thread, "thread: saved until", |s| {
        let (client, server, reply) = saved_until(s);
        s.dies(client.handle, &[(server, READY)]);
        assert_ne!(reply, 0);
    }),
    scenario(Kind::Reply, "reply: with a caller until", |s| {
        let (client, server, reply) = saved_until(s);
        s.dies(reply, &[(client, DIED), (server, READY)]);
    }),
    scenario(Kind::SchedulingContext, "context: budget, of nobody", |s| {
        let context = s.context(TIME, 3);
        s.configure(context, BUDGET_TICKS_MIN, PERIOD);
        s.dies(context, &[]);
    }),
    scenario(Kind::SchedulingContext, "context: budget, queued", |s| {
        let actor = s.actor();
        s.configure(actor.context, BUDGET_TICKS_MIN, PERIOD);
        s.dies(actor.context, &[(actor, READY)]);
    }),
    scenario(Kind::SchedulingContext, "context: budget, current", |s| {
        let actor = s.actor();
        s.configure(actor.context, BUDGET_TICKS_MIN, PERIOD);
        s.dies(actor.context, &[(actor, READY)]);
        s.killer = Some(actor);
    }),
    scenario(Kind::SchedulingContext, "context: budget, lent", |s| {
        let (client, server, _, gate) = s.pair();
        s.configure(client.context, BUDGET_TICKS_MIN, PERIOD);
        s.call(client, gate);
        s.dies(client.context, &[(client, CALLING), (server, READY)]);
        s.killer = Some(server);
    }),
    scenario(
        Kind::SchedulingContext,
        "context: budget used up, first",
        |s| {
            let actors = exhausted(s);
            s.dies(actors[2].context, &[(actors[0], READY)]);
        },
    ),
    scenario(
        Kind::SchedulingContext,
        "context: budget used up, second",
        |s| {
            let actors = exhausted(s);
            s.dies(actors[1].context, &[(actors[0], READY)]);
        },
    ),
    scenario(Kind::Thread, "thread: budget used up", |s| {
        let actors = exhausted(s);
        s.dies(actors[1].handle, &[(actors[0], READY)]);
    }),
    scenario(Kind::SchedulingContext, "context: lent, used up", |s| {
        let (client, server) = fallen_back(s);
        s.dies(client.context, &[(client, CALLING), (server, READY)]);
    }),
    scenario(Kind::Thread, "thread: its lent context used up", |s| {
        let (client, server) = fallen_back(s);
        s.dies(server.handle, &[(client, DIED)]);
    }),
    scenario(Kind::SchedulingContext, "context: with a handler", |s| {
        let (actor, _, _) = handled(s);
        s.dies(actor.context, &[]);
    }),
    scenario(Kind::Gate, "gate: of a context's handler", |s| {
        let (actor, _, gate) = handled(s);
        s.dies(gate, &[(actor, READY)]);
    }),
    scenario(Kind::Notification, "notification: of a handler", |s| {
        let (actor, target, _) = handled(s);
        s.dies(target, &[(actor, READY)]);
    }),
    scenario(Kind::Thread, "thread: helping", |s| {
        let scene = helping(s);
        let expected = [(scene.client, CALLING), (scene.server, READY)];
        s.dies(scene.helper.handle, &expected);
        s.killer = Some(scene.server);
    }),
    scenario(Kind::Thread, "thread: helper in the queue", |s| {
        let scene = helping(s);
        let expected = [(scene.client, CALLING), (scene.server, READY)];
        s.dies(scene.helper.handle, &expected);
    }),
    scenario(Kind::Thread, "thread: helped", |s| {
        let scene = helping(s);
        let expected = [(scene.client, DIED), (scene.helper, SENDING)];
        s.dies(scene.server.handle, &expected);
    }),
    scenario(Kind::Thread, "thread: caller of one who is helped", |s| {
        let scene = helping(s);
        let expected = [(scene.helper, SENDING), (scene.server, READY)];
        s.dies(scene.client.handle, &expected);
        s.killer = Some(scene.server);
    }),
    scenario(Kind::SchedulingContext, "context: helping", |s| {
        let scene = helping(s);
        let expected = [(scene.client, CALLING), (scene.helper, SENDING)];
        s.dies(scene.helper.context, &expected);
        s.killer = Some(scene.server);
    }),
    scenario(
        Kind::SchedulingContext,
        "context: helping, in its queue",
        |s| {
            let scene = helping(s);
            let expected = [(scene.client, CALLING), (scene.helper, SENDING)];
            s.dies(scene.helper.context, &expected);
        },
    ),
    scenario(Kind::SchedulingContext, "context: helped", |s| {
        let scene = helping(s);
        let expected = [(scene.client, CALLING), (scene.server, READY)];
        s.dies(scene.client.context, &expected);
        s.killer = Some(scene.server);
    }),
    scenario(Kind::Endpoint, "endpoint: of a helper", |s| {
        let scene = helping(s);
        let expected = [(scene.helper, DIED), (scene.client, CALLING)];
        s.dies(scene.endpoint, &expected);
        s.killer = Some(scene.server);
    }),
    scenario(Kind::Gate, "gate: of a helper", |s| {
        let scene = helping(s);
        let expected = [(scene.helper, DIED), (scene.client, CALLING)];
        s.dies(scene.gate, &expected);
        s.killer = Some(scene.server);
    }),
    scenario(Kind::SchedulingContext, "context: helper's, used up", |s| {
        let scene = helping(s);
        s.configure(scene.helper.context, BUDGET_TICKS_MIN, PERIOD);
        help(s, &scene);
        s.pass(scene.server.thread, 2 * BUDGET_TICKS_MIN);
        let context: Number<Timed> = s.number_of(scene.helper.context);
        assert_ne!(s.kernel().memory.get(context, timed::SLOT), 0);
        let expected = [(scene.client, CALLING), (scene.helper, SENDING)];
        s.dies(scene.helper.context, &expected);
    }),
    scenario(Kind::Allowance, "allowance: of budgets", |s| {
        let time = time(s, TIME);
        let actor = s.actor();
        s.forget(actor.context);
        for _ in 0..3 {
            let context = s.context(time, 9);
            let kernel = s.kernel();
            s.done(kernel.context_configure(context, time, 200, BUDGET_TICKS_MIN, PERIOD));
        }
        let context = s.context(time, 9);
        s.done(s.kernel().thread_set_context(actor.handle, context));
        s.dies(time, &[(actor, READY)]);
    }),
    scenario(Kind::Allowance, "allowance: of its killer's time", |s| {
        let whole = TimeGrant {
            priority: 255,
            unlimited: 255,
            share: 0,
        };
        let time = s.allowance(TIME, whole.into_raw());
        let actor = s.actor();
        s.forget(actor.context);
        let context = s.context(time, 255);
        s.done(s.kernel().thread_set_context(actor.handle, context));
        s.dies(time, &[(actor, READY)]);
        s.killer = Some(actor);
    }),
    scenario(Kind::Allowance, "allowance: second of three of time", |s| {
        let family = family(s);
        s.dies(family[2], &[]);
    }),
    scenario(
        Kind::Allowance,
        "allowance: youngest of three of time",
        |s| {
            let family = family(s);
            s.dies(family[3], &[]);
        },
    ),
    scenario(
        Kind::SchedulingContext,
        "context: youngest of its time",
        |s| {
            let time = time(s, TIME);
            s.context(time, 9);
            let context = s.context(time, 9);
            s.dies(context, &[]);
        },
    ),
    scenario(Kind::Allowance, "allowance: with three of time", |s| {
        let family = family(s);
        s.dies(family[0], &[]);
    }),
];

/// One of three sleepers whose deadlines are in one slot.
fn asleep(s: &mut Stage, index: usize) {
    let actors = [s.actor(), s.actor(), s.actor()];
    for actor in actors {
        s.sleep(actor, Some(s.far()));
    }
    s.dies(actors[index].handle, &[]);
}

/// A client whose call with a deadline is served, its server, endpoint and gate.
fn calling_until(s: &mut Stage) -> (Actor, Actor, u64, u64) {
    let (client, server, endpoint, gate) = s.pair();
    s.message(client, SystemCall::CallUntil, gate);
    (client, server, endpoint, gate)
}

/// An endpoint, a gate, and a client that waits to call with a deadline.
fn sending_until(s: &mut Stage) -> (u64, u64, Actor) {
    let (endpoint, client) = (s.endpoint(), s.actor());
    let gate = s.gate(endpoint);
    s.message(client, SystemCall::CallUntil, gate);
    (endpoint, gate, client)
}

/// A client whose call with a deadline was saved, its server, the reply object.
fn saved_until(s: &mut Stage) -> (Actor, Actor, u64) {
    let (client, server, _, _) = calling_until(s);
    let reply = s.reply();
    s.save(server, reply);
    (client, server, reply)
}

/// Three threads whose budgets are used up, and who wait for refills in one slot.
fn exhausted(s: &mut Stage) -> [Actor; 3] {
    let actors = [s.actor(), s.actor(), s.actor()];
    for actor in actors {
        s.configure(actor.context, BUDGET_TICKS_MIN, PERIOD);
    }
    for actor in actors {
        s.pass(actor.thread, BUDGET_TICKS_MIN);
        let context: Number<Timed> = s.number_of(actor.context);
        assert_ne!(s.kernel().memory.get(context, timed::SLOT), 0);
    }
    actors
}

/// A client that lent its budget, which is used up, and a server that goes on with its own.
fn fallen_back(s: &mut Stage) -> (Actor, Actor) {
    let (client, server, _, gate) = s.pair();
    s.configure(client.context, BUDGET_TICKS_MIN, PERIOD);
    s.call(client, gate);
    s.pass(server.thread, BUDGET_TICKS_MIN);
    s.turn_to(server.thread);
    let own: Number<Context> = s.number_of(server.context);
    assert_eq!(s.kernel().current_context(), own);
    (client, server)
}

/// A thread with a budget, the notification and the gate that hear when it is used up.
fn handled(s: &mut Stage) -> (Actor, u64, u64) {
    let (actor, target) = (s.actor(), s.notification());
    let gate = s.gate(target);
    s.configure(actor.context, BUDGET_TICKS_MIN, PERIOD);
    s.done(s.kernel().context_set_handler(actor.context, gate));
    (actor, target, gate)
}

/// A client of low priority, the server that it called, and an important caller that helps.
struct Helping {
    client: Actor,
    server: Actor,
    helper: Actor,
    endpoint: u64,
    gate: u64,
}

fn helping(s: &mut Stage) -> Helping {
    let (endpoint, server) = (s.endpoint(), s.actor());
    let (gate, other) = (s.gate(endpoint), s.gate(endpoint));
    s.receive(server, endpoint);
    let client = s.less_important(LOW, |s| {
        s.raw_message(SystemCall::Call, other, Tag::new(3, 16));
    });
    let helper = s.actor();
    s.call(helper, gate);
    let scene = Helping {
        client,
        server,
        helper,
        endpoint,
        gate,
    };
    help(s, &scene);
    scene
}

/// Lets the server run on the helper's time.
fn help(s: &Stage, scene: &Helping) {
    s.turn_to(scene.server.thread);
    let kernel = s.kernel();
    let helper: Number<Context> = s.number_of(scene.helper.context);
    assert_eq!(
        kernel.memory.link(kernel.core(), core_state::HELPER),
        helper
    );
    let used = kernel.current_context();
    assert_eq!(kernel.memory.get(used, context::PRIORITY), LOW);
}

/// An allowance with some share of the time.
fn time(s: &mut Stage, parent: u64) -> u64 {
    let grant = TimeGrant {
        priority: 200,
        unlimited: 9,
        share: SHARE_WHOLE / 16,
    };
    s.allowance(parent, grant.into_raw())
}

/// An allowance of time and three split off it, of which the second has two.
fn family(s: &mut Stage) -> [u64; 4] {
    let whole = TimeGrant {
        priority: 255,
        unlimited: 255,
        share: SHARE_WHOLE,
    };
    let parent = s.allowance(TIME, whole.into_raw());
    let children = [time(s, parent), time(s, parent), time(s, parent)];
    let none = TimeGrant {
        share: 0,
        ..TimeGrant::from_raw(9)
    };
    s.allowance(children[1], none.into_raw());
    s.allowance(children[1], none.into_raw());
    [parent, children[0], children[1], children[2]]
}
