//! What the proof needs to know of the kernel's types, from the crates that own it.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Kind, Rights};
use ipc_abi::fault::PROGRAM_STATE;
use pecan_core::object::{
    Core, DEBUG_MARK, EXTRA_MARK, Endpoint, FrameKind, Gate, LIGHT, Layout, NUMBER_BITS,
    Notification, REPLY_MARK, Slots, Thread, core_state, endpoint, gate, notification, sending,
    special, state, thread, wait,
};
use serde_json::{Value, json};

use crate::dead;
use crate::image::Image;
use crate::machine::Registers;
use crate::paths::Labels;
use crate::scenario::{Cast, Route, SVC, Scenario};

/// `SPSR_EL1.SS`, which user code may have beside the flags.
const STEP_STATE: u64 = 1 << 21;

/// The pieces of the fast path, by which its instructions are named.
const PIECES: [&str; 7] = [
    "call",
    "end_call",
    "reply_receive",
    "end_reply",
    "reply_to_fault",
    "call_extra",
    "reply_extra",
];

/// Fields, constants, dead fields and labels.
pub(crate) fn all(image: &Image, labels: Labels) -> anyhow::Result<Value> {
    let mut places = labels.named();
    for name in PIECES {
        places.push((name, image.label(name)?));
    }
    let places: Vec<Value> = places.iter().map(|(name, at)| json!([name, at])).collect();
    Ok(json!({
        "sizes": sizes(),
        "fields": fields(),
        "constants": constants(),
        "dead": {
            "Call": dead_of(Route::Call),
            "Reply": dead_of(Route::Reply),
            "Fault": dead_of(Route::Fault),
        },
        "labels": places,
    }))
}

fn sizes() -> Value {
    json!({
        "Thread": Thread::WORDS,
        "Endpoint": Endpoint::WORDS,
        "Gate": Gate::WORDS,
        "Slots": Slots::WORDS,
        "Notification": Notification::WORDS,
        "Core": Core::WORDS,
    })
}

fn fields() -> Value {
    json!({
        "Thread.LINK": thread::LINK.word(),
        "Thread.CORE": thread::CORE.word(),
        "Thread.SLOTS": thread::SLOTS.word(),
        "Thread.MASK": thread::MASK.word(),
        "Thread.CALLER": thread::CALLER.word(),
        "Thread.WAIT": thread::WAIT.word(),
        "Thread.NEXT": thread::NEXT.word(),
        "Thread.PREV": thread::PREV.word(),
        "Thread.SPECIAL": thread::SPECIAL.word(),
        "Thread.PC": thread::PC.word(),
        "Thread.SP": thread::SP.word(),
        "Thread.ROOT": thread::ROOT.word(),
        "Thread.POINTER": thread::POINTER.word(),
        "Thread.WINDOW": thread::WINDOW.word(),
        "Thread.PSTATE": thread::PSTATE.word(),
        "Thread.OWN_CONTEXT": thread::OWN_CONTEXT.word(),
        "Thread.X": thread::X.word(),
        "Thread.BOUND": thread::BOUND.word(),
        "Thread.STATE": thread::STATE.word(),
        "Thread.SENDING": thread::SENDING.word(),
        "Thread.SENT_THROUGH": thread::SENT_THROUGH.word(),
        "Endpoint.ID": endpoint::ID.word(),
        "Endpoint.WAITING": endpoint::WAITING.word(),
        "Endpoint.SERVERS": endpoint::SERVERS.word(),
        "Endpoint.TAKEN": endpoint::TAKEN.word(),
        "Gate.ID": gate::ID.word(),
        "Gate.BADGE": gate::BADGE.word(),
        "Gate.ENDPOINT": gate::ENDPOINT.word(),
        "Notification.BITS": notification::BITS.word(),
        "Core.CURRENT": core_state::CURRENT.word(),
        "Core.PENDING": core_state::PENDING.word(),
        "Core.CONTEXT": core_state::CONTEXT.word(),
        "Core.INDEX": core_state::INDEX.word(),
        "Core.EXTRA": core_state::EXTRA.word(),
        "Core.FLOATING_OWNER": core_state::FLOATING_OWNER.word(),
    })
}

fn constants() -> Value {
    json!({
        "NUMBER_BITS": NUMBER_BITS,
        "REPLY_MARK": REPLY_MARK,
        "EXTRA_MARK": EXTRA_MARK,
        "DEBUG_MARK": DEBUG_MARK,
        "LIGHT": LIGHT,
        "WAIT_RECEIVE": wait::RECEIVE,
        "WAIT_SLOW_REPLY": wait::SLOW_REPLY,
        "LIVE": state::LIVE,
        "FAULT": sending::FAULT,
        "FOREIGN": special::FOREIGN,
        "DEBUG": special::DEBUG,
        "KIND_GATE": Kind::Gate as u64,
        "KIND_ENDPOINT": Kind::Endpoint as u64,
        "KIND_THREAD": Kind::Thread as u64,
        "KIND_NOTIFICATION": Kind::Notification as u64,
        "KIND_SLOTS": FrameKind::Slots as u64,
        "KIND_KERNEL": FrameKind::Kernel as u64,
        "SEND": Rights::SEND.into_raw(),
        "RECEIVE": Rights::RECEIVE.into_raw(),
        "PROGRAM_STATE": PROGRAM_STATE,
        "STEP_STATE": STEP_STATE,
        "SVC": SVC,
        "CALL": SystemCall::Call as u64,
        "REPLY_RECEIVE": SystemCall::ReplyReceive as u64,
    })
}

/// The dead words after a route, each by its object and its place in that.
fn dead_of(route: Route) -> Vec<Value> {
    // Far apart, so that a place tells whose it is.
    let cast = Cast {
        core: 1 << 20,
        current: 2 << 20,
        partner: 3 << 20,
        ..Cast::default()
    };
    let scenario = Scenario {
        route,
        cast,
        registers: Registers::zero(),
        spoils: Vec::new(),
    };
    let names = [
        ("core", cast.core),
        ("current", cast.current),
        ("partner", cast.partner),
    ];
    let places = dead::places(&scenario);
    let name = |place: u64| names.iter().find(|it| it.1 >> 20 == place >> 26);
    places
        .iter()
        .filter_map(|place| {
            let (name, number) = name(place.0)?;
            Some(json!([name, (place.0 - (number << 6)) >> 3]))
        })
        .collect()
}
