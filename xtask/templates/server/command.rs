//! `new-name [amount]`: adds to the server's total.

use alloc::format;
use alloc::string::String;

use ipc_abi::service::new_name::NewNameClient;
use userlib::TimedGate;

use super::{Answer, ServiceCommand, number};
use crate::command::describe;

pub(super) const COMMAND: ServiceCommand = ServiceCommand {
    description: describe(
        "new-name",
        "[amount]",
        1,
        "adds an amount (default: 0) to a total, and tells it",
    ),
    run: add,
};

fn add(gate: TimedGate, words: &[String]) -> Answer {
    let amount = words.first().map_or(Ok(0), |word| number(word))?;
    let total = NewNameClient::new(gate).add(amount)?;
    Ok(format!("{total}\n"))
}
