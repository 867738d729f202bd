//! A random scenario: who there is, what each does, what happens meanwhile.

use alloc::vec::Vec;

use ipc_abi::call::SystemCall;
use test_kit::Random;

/// How many threads there are.
pub(crate) const ACTORS: usize = 8;
/// How many endpoints.
pub(crate) const ENDPOINTS: usize = 3;
/// How many gates: two for each endpoint.
pub(crate) const GATES: usize = 6;
/// How many notifications, each with a gate to signal it.
pub(crate) const NOTIFICATIONS: usize = 2;
/// How many reply objects.
pub(crate) const REPLIES: usize = 2;
/// Steps in a script.
const STEPS: u64 = 10;
/// Answers to a fault: all but the one that rewrites registers, which the actors' code trusts, and one
/// that there is not.
const METHODS: u64 = 5;
/// What happens from outside.
const EVENTS: u64 = 12;

/// Something that has a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    /// An endpoint.
    Endpoint(usize),
    /// A gate of an endpoint.
    Gate(usize),
    /// A notification.
    Notification(usize),
    /// A gate of a notification.
    Signal(usize),
    /// A reply object.
    Reply(usize),
}

/// Where a thread lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// With the program's own table and space.
    Here,
    /// With the program's own table, in another space.
    OtherSpace,
    /// With another table, in that space.
    OtherTable,
    /// With that table, in a third space.
    ThirdSpace,
}

/// One call of a thread, or a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    /// The call, unless it faults.
    pub(crate) call: SystemCall,
    /// Whether it is an undefined instruction.
    pub(crate) is_fault: bool,
    /// What it names; nothing for some calls.
    pub(crate) thing: Option<Thing>,
    /// From which its words are made.
    pub(crate) seed: u64,
    /// The low 32 bits of its tag.
    pub(crate) tag: u64,
    /// A capability that comes along.
    pub(crate) passed: Option<Thing>,
    /// How many slots its window has.
    pub(crate) window: u64,
}

/// A thread.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    /// Its priority: no two are the same, so that the order of all that happens is fixed.
    pub(crate) priority: u64,
    /// Where it lives.
    pub(crate) home: Home,
    /// The gate through which its faults go, if they go anywhere.
    pub(crate) handler: Option<usize>,
    /// What it does, and does again when it is started again.
    pub(crate) scripts: [Vec<Act>; 2],
}

/// What happens from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Signals.
    Signal(usize),
    /// Sends, if somebody receives.
    Send(usize, u64),
    /// Stops a thread.
    Stop(usize),
    /// Lets a stopped thread go on.
    Resume(usize),
    /// Starts a thread that is stopped with its second script.
    Restart(usize),
    /// Destroys.
    Destroy(Thing),
    /// Destroys a thread's context.
    DestroyTime(usize),
}

/// A scenario.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// The threads.
    pub(crate) actors: Vec<Actor>,
    /// In which order they are started.
    pub(crate) order: Vec<usize>,
    /// What happens then.
    pub(crate) events: Vec<Event>,
}

impl Scenario {
    /// Makes one up.
    pub(crate) fn random(random: &mut Random) -> Scenario {
        let mut priorities: Vec<u64> = (101..101 + ACTORS as u64).collect();
        shuffle(random, &mut priorities);
        let actors = priorities
            .into_iter()
            .map(|priority| actor(random, priority))
            .collect();
        let mut order: Vec<usize> = (0..ACTORS).collect();
        shuffle(random, &mut order);
        let events = (0..EVENTS).map(|_| event(random)).collect();
        Scenario {
            actors,
            order,
            events,
        }
    }
}

fn shuffle<T>(random: &mut Random, things: &mut [T]) {
    for last in (1..things.len()).rev() {
        things.swap(last, below(random, last + 1));
    }
}

fn below(random: &mut Random, limit: usize) -> usize {
    usize::try_from(random.below(limit as u64)).unwrap_or(0)
}

fn actor(random: &mut Random, priority: u64) -> Actor {
    let homes = [
        Home::Here,
        Home::OtherSpace,
        Home::OtherTable,
        Home::ThirdSpace,
    ];
    let home = random.choose(&homes);
    let scripts = [script(random), script(random)];
    let handler = if random.once_in(2) {
        Some(below(random, GATES))
    } else {
        None
    };
    Actor {
        priority,
        home,
        handler,
        scripts,
    }
}

/// A server receives and answers, a client calls; both do something else now and then.
fn script(random: &mut Random) -> Vec<Act> {
    let endpoint = Thing::Endpoint(below(random, ENDPOINTS));
    let is_server = random.once_in(2);
    let mut acts = Vec::new();
    if is_server {
        acts.push(act(random, SystemCall::Receive, Some(endpoint)));
    }
    for _ in 0..random.below(STEPS) {
        let usual = if is_server {
            act(random, SystemCall::ReplyReceive, Some(endpoint))
        } else {
            let gate = Thing::Gate(below(random, GATES));
            Act {
                is_fault: random.once_in(4),
                ..act(random, SystemCall::Call, Some(gate))
            }
        };
        acts.push(if random.once_in(5) {
            other_act(random)
        } else {
            usual
        });
    }
    acts
}

fn other_act(random: &mut Random) -> Act {
    let gate = Some(Thing::Gate(below(random, GATES)));
    let endpoint = Some(Thing::Endpoint(below(random, ENDPOINTS)));
    let notification = Some(Thing::Notification(below(random, NOTIFICATIONS)));
    let signal = Some(Thing::Signal(below(random, NOTIFICATIONS)));
    let reply = Some(Thing::Reply(below(random, REPLIES)));
    let (call, thing) = random.choose(&[
        (SystemCall::Call, gate),
        (SystemCall::TryCall, gate),
        (SystemCall::Send, gate),
        (SystemCall::TrySend, gate),
        (SystemCall::Receive, endpoint),
        (SystemCall::TryReceive, endpoint),
        (SystemCall::ReplyReceive, endpoint),
        (SystemCall::Reply, None),
        (SystemCall::ReplyTo, reply),
        (SystemCall::SaveCaller, reply),
        (SystemCall::Wait, notification),
        (SystemCall::TryWait, notification),
        (SystemCall::Signal, signal),
        (SystemCall::Null, None),
        (SystemCall::Yield, None),
        // The wrong kind of thing.
        (SystemCall::Call, endpoint),
        (SystemCall::Call, signal),
        (SystemCall::ReplyReceive, gate),
        (SystemCall::ReplyReceive, notification),
    ]);
    act(random, call, thing)
}

fn act(random: &mut Random, call: SystemCall, thing: Option<Thing>) -> Act {
    let things = [
        Thing::Reply(below(random, REPLIES)),
        Thing::Gate(below(random, GATES)),
        Thing::Endpoint(below(random, ENDPOINTS)),
    ];
    let passed = if random.once_in(10) {
        Some(random.choose(&things))
    } else {
        None
    };
    // Half of the methods are what a fault can be answered with.
    let mut tag = random.word() & 0xFFFF_FFFF;
    if random.once_in(2) {
        tag = tag & 0xFFFF_0000 | random.below(METHODS);
    }
    let window = if random.once_in(3) {
        random.below(5)
    } else {
        0
    };
    Act {
        call,
        is_fault: false,
        thing,
        seed: random.word() >> 8,
        tag,
        passed,
        window,
    }
}

fn event(random: &mut Random) -> Event {
    let actor = below(random, ACTORS);
    let doomed = [
        Thing::Endpoint(below(random, ENDPOINTS)),
        Thing::Gate(below(random, GATES)),
        Thing::Gate(below(random, GATES)),
        Thing::Notification(below(random, NOTIFICATIONS)),
        Thing::Reply(below(random, REPLIES)),
    ];
    match random.below(12) {
        0..3 => Event::Signal(below(random, NOTIFICATIONS)),
        3..6 => Event::Send(below(random, GATES), random.word() >> 8),
        6 => Event::Stop(actor),
        7 => Event::Resume(actor),
        8 | 9 => Event::Restart(actor),
        10 => Event::Destroy(random.choose(&doomed)),
        _ => Event::DestroyTime(actor),
    }
}
