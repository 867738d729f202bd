//! Why a case failed.

use alloc::format;
use alloc::string::String;
use core::fmt::Debug;

use ipc_abi::call::SystemCall;
use ipc_abi::error::Error;

/// Why a case failed, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(pub String);

/// That a case did not fail.
pub type Fact = Result<(), Failure>;

impl From<String> for Failure {
    fn from(text: String) -> Failure {
        Failure(text)
    }
}

impl From<&str> for Failure {
    fn from(text: &str) -> Failure {
        Failure(String::from(text))
    }
}

impl Failure {
    /// A call was refused that must succeed.
    #[must_use]
    pub fn refused(call: SystemCall, error: Error) -> Failure {
        Failure(format!("{} was refused: {}", call.name(), error.name()))
    }

    /// The same, with where it happened.
    #[must_use]
    pub fn at(self, place: &str) -> Failure {
        Failure(format!("{place}: {}", self.0))
    }

    /// Compares.
    ///
    /// # Errors
    ///
    /// If the two differ.
    pub fn unless_same<T: PartialEq + Debug>(what: &str, found: T, wanted: T) -> Fact {
        if found == wanted {
            Ok(())
        } else {
            Err(Failure(format!("{what}: {found:x?}, not {wanted:x?}")))
        }
    }

    /// Asserts.
    ///
    /// # Errors
    ///
    /// If it does not hold.
    pub fn unless(holds: bool, what: &str) -> Fact {
        if holds {
            Ok(())
        } else {
            Err(Failure::from(what))
        }
    }
}
