//! Commands that each ask one service: a file for each, and its line in [`COMMANDS`].
//!
//! The file `adder.rs` has the command `adder`: what `help` says about it, and what is asked and
//! printed, over the service's client. The shell finds the way to the service by the same name, in
//! what `system.toml` grants.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use userlib::TimedGate;

use crate::command::Description;
use crate::failure::ServiceFailure;

/// The commands, in the order of `help`.
pub const COMMANDS: &[ServiceCommand] = &[
    // `./x new-server` adds a line above this one.
];

/// What a command prints.
pub type Answer = Result<String, ServiceFailure>;

/// A command that asks the service of its name.
pub struct ServiceCommand {
    /// What `help` says about it; its name is that of the service.
    pub description: Description,
    /// Asks, over the way to the service, with the words that were typed.
    pub run: fn(TimedGate, &[String]) -> Answer,
}

impl PartialEq for ServiceCommand {
    fn eq(&self, other: &ServiceCommand) -> bool {
        self.description == other.description
    }
}

impl Eq for ServiceCommand {}

impl fmt::Debug for ServiceCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description.name)
    }
}

/// The command with this description.
pub(crate) fn find(description: &Description) -> Option<&'static ServiceCommand> {
    COMMANDS.iter().find(|it| it.description == *description)
}

/// Reads a number that was typed.
///
/// # Errors
///
/// `NoNumber`.
pub fn number<N: FromStr>(word: &str) -> Result<N, ServiceFailure> {
    word.parse()
        .map_err(|_| ServiceFailure::NoNumber(word.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_far_as_they_fit() {
        assert_eq!(number("4294967295"), Ok(u32::MAX));
        for word in ["", "x", "-1", "4294967296"] {
            assert_eq!(
                number::<u32>(word),
                Err(ServiceFailure::NoNumber(word.into()))
            );
        }
    }
}
