//! No kind, no state of a thread and no link between objects is without a scenario: what is added to
//! the kernel and not here fails here.

use super::stage::{Draining, Made, Placement, Stage};
use super::*;
use crate::links::LINKS;
use crate::memory::Fields;
use crate::object::{
    Number, Thread, allowance, context, endpoint, gate, irq, notification, reply, sending, space,
    special, state, table, thread, timed, wait,
};
use std::collections::BTreeSet;
use std::string::String;

const PLAN: Plan = Plan {
    placement: Placement::Alone,
    manner: Manner::Destroy,
    draining: Draining::Whole,
};

/// The states of threads: the module of `thread_field.rs`, the constant, its value.
const STATES: &[(&str, &str, u64)] = &[
    ("wait", "REPLY", wait::REPLY),
    ("wait", "SLOW_REPLY", wait::SLOW_REPLY),
    ("wait", "SAVED", wait::SAVED),
    ("wait", "SEND", wait::SEND),
    ("wait", "RECEIVE", wait::RECEIVE),
    ("wait", "NOTIFICATION", wait::NOTIFICATION),
    ("wait", "SAVED_FAULT", wait::SAVED_FAULT),
    ("wait", "SLEEP", wait::SLEEP),
    ("special", "SIGNALLED", special::SIGNALLED),
    ("special", "CALLER_GONE", special::CALLER_GONE),
    ("special", "OWN_TIME", special::OWN_TIME),
    ("special", "FOREIGN", special::FOREIGN),
    ("special", "DEBUG", special::DEBUG),
    ("special", "DEADLINE", special::DEADLINE),
    ("state", "NEW", state::NEW),
    ("state", "LIVE", state::LIVE),
    ("state", "STOPPED", state::STOPPED),
    ("sending", "CALL", sending::CALL),
    ("sending", "ONE_WAY", sending::ONE_WAY),
    ("sending", "FAULT", sending::FAULT),
];

/// The kinds that only the kernel makes; `platform_dies_for_good` destroys it.
const MADE_BY_THE_KERNEL: [Kind; 1] = [Kind::Platform];

/// The links between objects of their own: the row of [`LINKS`], and the words of the holder.
const BETWEEN_OBJECTS: &[(&str, &str, Kind, &[usize])] = &[
    ("Thread", "CALLER", Kind::Thread, &[thread::CALLER.word()]),
    (
        "Thread",
        "GATE, GATE_NEXT, GATE_PREV",
        Kind::Thread,
        &[
            thread::GATE.word(),
            thread::GATE_NEXT.word(),
            thread::GATE_PREV.word(),
        ],
    ),
    (
        "Thread",
        "TABLE, TABLE_NEXT, TABLE_PREV",
        Kind::Thread,
        &[
            thread::TABLE.word(),
            thread::TABLE_NEXT.word(),
            thread::TABLE_PREV.word(),
        ],
    ),
    (
        "Thread",
        "SPACE, SPACE_NEXT, SPACE_PREV",
        Kind::Thread,
        &[
            thread::SPACE.word(),
            thread::SPACE_NEXT.word(),
            thread::SPACE_PREV.word(),
        ],
    ),
    (
        "Thread",
        "OWN_CONTEXT",
        Kind::Thread,
        &[thread::OWN_CONTEXT.word()],
    ),
    ("Thread", "CONTEXT", Kind::Thread, &[thread::CONTEXT.word()]),
    ("Thread", "HANDLER", Kind::Thread, &[thread::HANDLER.word()]),
    ("Thread", "BUFFER", Kind::Thread, &[thread::BUFFER.word()]),
    ("Thread", "BOUND", Kind::Thread, &[thread::BOUND.word()]),
    ("Thread", "REPLY", Kind::Thread, &[thread::REPLY.word()]),
    ("Thread", "REPLIES", Kind::Thread, &[thread::REPLIES.word()]),
    (
        "Thread",
        "NEXT, PREV",
        Kind::Thread,
        &[thread::NEXT.word(), thread::PREV.word()],
    ),
    (
        "Thread",
        "timer NEXT, PREV",
        Kind::Thread,
        &[timed::NEXT.word(), timed::PREV.word()],
    ),
    ("Reply", "CALLER", Kind::Reply, &[reply::CALLER.word()]),
    (
        "Reply",
        "SERVER, NEXT, PREV",
        Kind::Reply,
        &[reply::SERVER.word(), reply::NEXT.word(), reply::PREV.word()],
    ),
    (
        "SchedulingContext",
        "OWNER",
        Kind::SchedulingContext,
        &[context::OWNER.word()],
    ),
    (
        "SchedulingContext",
        "RUNNING",
        Kind::SchedulingContext,
        &[context::RUNNING.word()],
    ),
    (
        "SchedulingContext",
        "NEXT, PREV",
        Kind::SchedulingContext,
        &[context::NEXT.word(), context::PREV.word()],
    ),
    (
        "SchedulingContext",
        "timer NEXT, PREV",
        Kind::SchedulingContext,
        &[timed::NEXT.word(), timed::PREV.word()],
    ),
    (
        "SchedulingContext",
        "ALLOWANCE, ALLOWANCE_NEXT, ALLOWANCE_PREV",
        Kind::SchedulingContext,
        &[
            context::ALLOWANCE.word(),
            context::ALLOWANCE_NEXT.word(),
            context::ALLOWANCE_PREV.word(),
        ],
    ),
    (
        "SchedulingContext",
        "HANDLER",
        Kind::SchedulingContext,
        &[context::HANDLER.word()],
    ),
    (
        "Allowance",
        "CONTEXTS",
        Kind::Allowance,
        &[allowance::CONTEXTS.word()],
    ),
    (
        "Allowance",
        "PARENT, NEXT, PREV",
        Kind::Allowance,
        &[
            allowance::PARENT.word(),
            allowance::NEXT.word(),
            allowance::PREV.word(),
        ],
    ),
    (
        "Allowance",
        "CHILDREN",
        Kind::Allowance,
        &[allowance::CHILDREN.word()],
    ),
    (
        "Endpoint",
        "TAKEN",
        Kind::Endpoint,
        &[endpoint::TAKEN.word()],
    ),
    (
        "Endpoint",
        "SERVERS, DYING_SERVERS",
        Kind::Endpoint,
        &[endpoint::SERVERS.word()],
    ),
    (
        "Endpoint",
        "BAND_HEAD, BAND_TAIL",
        Kind::Endpoint,
        &[
            endpoint::BAND_HEAD.word() + 7,
            endpoint::BAND_TAIL.word() + 7,
        ],
    ),
    (
        "Endpoint",
        "GATES",
        Kind::Endpoint,
        &[endpoint::GATES.word()],
    ),
    (
        "Gate",
        "ENDPOINT, NEXT, PREV",
        Kind::Gate,
        &[gate::ENDPOINT.word(), gate::NEXT.word(), gate::PREV.word()],
    ),
    (
        "Gate",
        "NOTIFICATION, NEXT, PREV",
        Kind::Gate,
        &[
            gate::NOTIFICATION.word(),
            gate::NEXT.word(),
            gate::PREV.word(),
        ],
    ),
    ("Gate", "CALLERS", Kind::Gate, &[gate::CALLERS.word()]),
    (
        "Notification",
        "WAITER",
        Kind::Notification,
        &[notification::WAITER.word()],
    ),
    (
        "Notification",
        "BOUND",
        Kind::Notification,
        &[notification::BOUND.word()],
    ),
    (
        "Notification",
        "GATES",
        Kind::Notification,
        &[notification::GATES.word()],
    ),
    (
        "Notification",
        "IRQS",
        Kind::Notification,
        &[notification::IRQS.word()],
    ),
    (
        "Irq",
        "NOTIFICATION, NEXT, PREV",
        Kind::Irq,
        &[irq::NOTIFICATION.word(), irq::NEXT.word(), irq::PREV.word()],
    ),
    (
        "CapTable",
        "THREADS",
        Kind::CapTable,
        &[table::THREADS.word()],
    ),
    (
        "CapTable",
        "CHUNK",
        Kind::CapTable,
        &[table::CHUNK.word() + 1],
    ),
    (
        "AddressSpace",
        "THREADS",
        Kind::AddressSpace,
        &[space::THREADS.word()],
    ),
    (
        "AddressSpace",
        "ROOT, OLD_ROOT, POOL, RECORDS, FULL",
        Kind::AddressSpace,
        &[
            space::ROOT.word(),
            space::POOL.word(),
            space::POOL_COUNT.word(),
        ],
    ),
    (
        "AddressSpace",
        "ASID",
        Kind::AddressSpace,
        &[space::ASID.word()],
    ),
];

/// What `WAIT` leads to is covered by the states of threads.
const BY_STATE: &[(&str, &str)] = &[
    ("Thread", "WAIT = REPLY, SLOW_REPLY"),
    ("Thread", "WAIT = SAVED, SAVED_FAULT"),
    ("Thread", "WAIT = SEND"),
    ("Thread", "WAIT = RECEIVE"),
    ("Thread", "WAIT = NOTIFICATION"),
];

/// Links that an object cannot be without, or whose holder is no object: what they lead to dies in
/// every scenario of that kind, and the comparison at the end of a round sees each of them.
const ALWAYS_THERE: &[(&str, &str)] = &[
    ("Thread", "SLOTS, MASK"),
    ("Thread", "ROOT"),
    ("Record", "SPACE, FRAME, NEXT, PREV"),
    ("Frame entry", "SPACE, ADDRESS"),
    ("Frame entry", "ADDRESS = a device"),
    ("Slot", "word 1"),
    ("Core", "CURRENT"),
    ("Core", "CONTEXT"),
    ("Core", "FLOATING_OWNER"),
    ("Core", "QUEUE_HEAD, QUEUE_TAIL"),
    ("Core", "DRAIN"),
    ("Core", "WHEEL"),
    ("Core", "WOKEN"),
    ("Core", "AHEAD"),
    ("Core", "HELPER"),
    ("Core", "BILLED"),
    ("Core", "SLICE_CONTEXT"),
    ("Machine", "IRQS"),
    ("Machine", "ASIDS"),
    ("Machine", "IRQ_FIRST, ASID_FIRST"),
];

/// Looks at each scenario when it is built.
fn for_each_scene(mut look: impl FnMut(&Stage, Made)) {
    let mut stage = Stage::new(SEED);
    stage.is_checked = false;
    for scenario in scenarios() {
        let handles = build(&mut stage, scenario, PLAN);
        let is_victim = |made: &&Made| made.handle == stage.victim;
        let victim = *stage.made.iter().find(is_victim).expect("a victim");
        look(&stage, victim);
        for handle in handles {
            kill(&mut stage, handle, PLAN);
        }
        stage.end_round();
    }
}

#[test]
fn every_kind_has_a_scenario() {
    let covered: Vec<Kind> = scenarios().map(|scenario| scenario.kind).collect();
    for raw in 0..=u8::MAX {
        if let Some(kind) = Kind::from_raw(raw) {
            let is_covered = covered.contains(&kind) || MADE_BY_THE_KERNEL.contains(&kind);
            assert!(is_covered, "no scenario in which a {kind:?} dies");
        }
    }
}

#[test]
fn names_of_scenarios_differ() {
    let names: BTreeSet<&str> = scenarios().map(|scenario| scenario.name).collect();
    assert_eq!(names.len(), scenarios().count());
}

#[test]
fn a_thread_dies_in_every_state() {
    let source = include_str!("../../thread_field.rs");
    for module in ["wait", "special", "state", "sending"] {
        let (_, rest) = source
            .split_once(&std::format!("\npub mod {module} {{"))
            .expect("the module");
        let (body, _) = rest.split_once("\n}").expect("its end");
        let written = body.lines().filter_map(|line| {
            let name = line.trim().strip_prefix("pub const ")?;
            name.split_once(':').map(|(name, _)| name)
        });
        for name in written.filter(|name| *name != "REASON") {
            let is_known = STATES.iter().any(|row| (row.0, row.1) == (module, name));
            assert!(is_known, "{module}::{name} is missing in STATES");
        }
    }
    let mut seen = BTreeSet::new();
    for_each_scene(|stage, victim| {
        if victim.kind == Kind::Thread {
            seen.extend(states(stage, Number::from_raw(victim.number)));
        }
    });
    for (module, name, _) in STATES {
        let is_seen = seen.contains(&(*module, *name));
        assert!(
            is_seen,
            "no scenario in which a thread dies in {module}::{name}"
        );
    }
}

/// The states of a thread.
fn states(stage: &Stage, thread: Number<Thread>) -> Vec<(&'static str, &'static str)> {
    let memory = stage.kernel().memory;
    let is_in = |row: &&(&str, &str, u64)| match row.0 {
        "wait" => memory.get(thread, thread::WAIT) & wait::REASON == row.2,
        "special" => memory.get(thread, thread::SPECIAL) & row.2 != 0,
        "state" => memory.get(thread, thread::STATE) == row.2,
        _ => memory.get(thread, thread::SENDING) == row.2,
    };
    STATES
        .iter()
        .filter(is_in)
        .map(|row| (row.0, row.1))
        .collect()
}

#[test]
fn every_link_is_there_when_either_end_dies() {
    for row in LINKS {
        let name = (row.object, row.fields);
        let is_known = BETWEEN_OBJECTS.iter().any(|it| (it.0, it.1) == name)
            || BY_STATE.contains(&name)
            || ALWAYS_THERE.contains(&name);
        assert!(is_known, "{name:?} has no place in the tables of this test");
    }
    let (mut held, mut reached) = (BTreeSet::new(), BTreeSet::new());
    for_each_scene(|stage, victim| {
        let memory = stage.kernel().memory;
        for made in &stage.made {
            for (object, fields, kind, words) in BETWEEN_OBJECTS {
                if made.kind != *kind {
                    continue;
                }
                for word in *words {
                    let link = memory.load(made.number, *word);
                    let target = Number::<Thread>::from_raw(link).into_raw();
                    if link != 0 && made.number == victim.number {
                        held.insert((*object, *fields, *word));
                    }
                    if target == victim.number || target * UNITS_PER_FRAME == victim.number {
                        reached.insert((*object, *fields));
                    }
                }
            }
        }
    });
    let mut missing: Vec<String> = Vec::new();
    for (object, fields, _, words) in BETWEEN_OBJECTS {
        for word in *words {
            if !held.contains(&(*object, *fields, *word)) {
                missing.push(std::format!("holder of word {word} of {object} {fields}"));
            }
        }
        let is_to_object =
            !["CHUNK", "ROOT, OLD_ROOT, POOL, RECORDS, FULL", "ASID"].contains(fields);
        if is_to_object && !reached.contains(&(*object, *fields)) {
            missing.push(std::format!("target of {object} {fields}"));
        }
    }
    assert!(missing.is_empty(), "no scenario in which dies: {missing:?}");
}

/// There is one platform, and nobody can make another: this machine is spoilt afterwards.
#[test]
fn platform_dies_for_good() {
    const PLATFORM: u64 = ipc_abi::boot::FirstHandle::Platform as u64;
    let fixture = Fixture::new();
    let copy = fixture.copy(PLATFORM, Rights::READ);
    assert_eq!(fixture.call(|k| k.destroy(PLATFORM)), Ok(0));
    for handle in [PLATFORM, copy] {
        fixture.refuse(Error::NoRight, |k| k.platform_control(copy, 0));
        let found = fixture
            .kernel()
            .capability_of(fixture.kernel().current(), handle);
        let found = found.expect("the slot still holds it");
        assert!(!fixture.kernel().is_live(found));
    }
    fixture.refuse(Error::Stale, |k| k.destroy(PLATFORM));
}
