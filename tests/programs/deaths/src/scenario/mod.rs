//! The states in which objects die.

mod messages;
mod objects;
mod threads;
mod time;

use ipc_abi::capability::Kind;
use test_kit::Fact;

use crate::stage::Stage;

/// A state in which an object of some kind dies.
pub(crate) struct Scenario {
    /// Its name.
    pub(crate) name: &'static str,
    /// The victim's kind.
    pub(crate) kind: Kind,
    /// Builds it.
    pub(crate) build: fn(&mut Stage) -> Fact,
}

const fn scenario(kind: Kind, name: &'static str, build: fn(&mut Stage) -> Fact) -> Scenario {
    Scenario { name, kind, build }
}

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Scenario> {
    threads::SCENARIOS
        .iter()
        .chain(messages::SCENARIOS)
        .chain(objects::SCENARIOS)
        .chain(time::SCENARIOS)
}
