//! What `new-name` understands.

use core::fmt;

use crate::{interface, payload};

/// Keeps a total.
#[interface(version = 1)]
pub trait NewName {
    /// Adds `amount` to the total; tells the new one.
    ///
    /// # Errors
    ///
    /// `Overflow`; the total stays what it was.
    #[method(1)]
    fn add(&mut self, amount: u32) -> Result<u32, NewNameError>;
}

/// Why the server did not do what it was asked.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewNameError {
    /// The new total does not fit. Add less.
    Overflow,
}

impl fmt::Display for NewNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NewNameError::Overflow => "the total does not fit",
        })
    }
}
