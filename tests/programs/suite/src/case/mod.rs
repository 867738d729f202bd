//! The cases, one file per topic.

use alloc::string::String;
use alloc::vec::Vec;

use test_kit::{Fact, Message, Step, World};

mod authority;
mod death;
mod debug;
mod fault;
mod floating;
mod foreign;
mod large;
mod message;
mod range;
mod register;
mod reply;
mod schedule;
mod signal;
mod space;
mod thread;
mod time;
mod transfer;

use ipc_abi::call::SystemCall;

/// A priority above the suite's own: such an agent runs at once, until it waits.
pub(crate) const HIGH: u64 = 110;
/// A priority above that: such an agent runs at once also while the suite serves the former.
pub(crate) const HIGHER: u64 = 118;
/// The suite's own.
pub(crate) const EQUAL: u64 = 100;
/// A priority below: such an agent runs while the suite waits.
pub(crate) const LOW: u64 = 90;

/// What is expected of the kernel, and whether it is so.
pub(crate) struct Case {
    /// Its name.
    pub(crate) name: String,
    /// What it does.
    pub(crate) run: Run,
}

/// What a case does.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// A function of its own.
    Fact(fn(&mut World) -> Fact),
    /// Tries a call with every mistake.
    Mistakes(SystemCall),
}

/// All cases, in the order in which they run.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for call in SystemCall::ALL {
        let name = alloc::format!("mistake/{}", call.name());
        cases.push(Case {
            name,
            run: Run::Mistakes(*call),
        });
    }
    let topics: [(&str, Topic); 17] = [
        ("message", message::CASES),
        ("reply", reply::CASES),
        ("transfer", transfer::CASES),
        ("signal", signal::CASES),
        ("death", death::CASES),
        ("schedule", schedule::CASES),
        ("thread", thread::CASES),
        ("time", time::CASES),
        ("authority", authority::CASES),
        ("space", space::CASES),
        ("range", range::CASES),
        ("large", large::CASES),
        ("fault", fault::CASES),
        ("register", register::CASES),
        ("debug", debug::CASES),
        ("foreign", foreign::CASES),
        ("floating", floating::CASES),
    ];
    for (topic, facts) in topics {
        for (name, run) in facts {
            let name = alloc::format!("{topic}/{name}");
            cases.push(Case {
                name,
                run: Run::Fact(*run),
            });
        }
    }
    cases
}

/// The cases of one topic.
pub(crate) type Topic = &'static [(&'static str, fn(&mut World) -> Fact)];

/// A step that calls.
pub(crate) fn call(gate: u64, seed: u64) -> Step {
    Step::message(SystemCall::Call, &Message::to(gate, seed), seed)
}

/// A step that receives.
pub(crate) fn receive(endpoint: u64) -> Step {
    Step::message(SystemCall::Receive, &Message::to(endpoint, 101), 101)
}

/// A step that answers and receives.
pub(crate) fn reply_receive(endpoint: u64, seed: u64) -> Step {
    Step::message(SystemCall::ReplyReceive, &Message::to(endpoint, seed), seed)
}

/// A step that waits.
pub(crate) fn wait(notification: u64) -> Step {
    Step::message(SystemCall::Wait, &Message::to(notification, 102), 102)
}

/// A step that makes a function call.
pub(crate) fn function(call: SystemCall, arguments: &[u64]) -> Step {
    Step::function(call, arguments, 103)
}
