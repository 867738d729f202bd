//! What the ghost found: [`Difference`].

use alloc::string::String;
use core::fmt;

use pecan_core::check::Violation;

use crate::walk::Odd;

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The specification comes to another state.
    Specified {
        /// Which part of the state.
        field: &'static str,
        /// Which object, if it is one of many.
        number: Option<u64>,
        /// Both sides.
        text: String,
    },
    /// Something changed, and nobody saw it written.
    Unseen {
        /// Which part of the state.
        field: &'static str,
        /// Which object, if it is one of many.
        number: Option<u64>,
        /// Both sides.
        text: String,
    },
    /// An invariant does not hold.
    Broken(Violation),
    /// A page table says what it must not.
    Odd(Odd),
    /// A register is not what user code must find.
    Register {
        /// Which.
        name: &'static str,
        /// What it must be.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// A space maps what the frame table does not tell of it.
    Unknown {
        /// The value of `TTBR0_EL1`.
        root: u64,
        /// The address.
        address: u64,
        /// The frame that is there.
        frame: u64,
    },
    /// The frame table tells of mappings that a space does not have.
    Missing {
        /// The value of `TTBR0_EL1`.
        root: u64,
        /// How many there are.
        found: u64,
        /// How many the frame table tells of.
        told: u64,
    },
}

impl From<Violation> for Difference {
    fn from(violation: Violation) -> Difference {
        Difference::Broken(violation)
    }
}

impl From<Odd> for Difference {
    fn from(odd: Odd) -> Difference {
        Difference::Odd(odd)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Specified {
                field,
                number,
                text,
            } => write!(formatter, "{field} {number:x?} are not as specified{text}"),
            Self::Unseen {
                field,
                number,
                text,
            } => write!(formatter, "{field} {number:x?} changed unseen{text}"),
            Self::Broken(Violation { rule, at }) => {
                write!(formatter, "it does not hold at {at:#x} that {rule}")
            }
            Self::Odd(Odd {
                rule,
                at,
                descriptor,
            }) => write!(
                formatter,
                "it does not hold of the descriptor {descriptor:#x} at {at:#x} that {rule}"
            ),
            Self::Register {
                name,
                expected,
                found,
            } => write!(formatter, "{name} is {found:#x} and not {expected:#x}"),
            Self::Unknown {
                root,
                address,
                frame,
            } => write!(
                formatter,
                "under {root:#x}, {address:#x} is mapped to frame {frame:#x}, which does not tell"
            ),
            Self::Missing { root, found, told } => write!(
                formatter,
                "under {root:#x} there are {found} mappings, and the frame table tells of {told}"
            ),
        }
    }
}
