//! The bench program's service: one figure at a time.

use heapless::String;

use crate::{interface, payload};

/// The most bytes of a figure's name.
pub const FIGURE_NAME_BYTES: usize = 48;

/// The name of a figure, such as `ipc/call-reply/0-words`.
pub type FigureName = String<FIGURE_NAME_BYTES>;

/// Measures what operations of the kernel cost.
#[interface(version = 1)]
pub trait Bench {
    /// How many figures there are; they are numbered from 0.
    #[method(1)]
    fn count(&mut self) -> u32;

    /// The name of a figure.
    ///
    /// # Errors
    ///
    /// `NoFigure`.
    #[method(2)]
    fn name(&mut self, figure: u32) -> Result<FigureName, BenchError>;

    /// Measures a figure.
    ///
    /// # Errors
    ///
    /// Why it could not be measured.
    #[method(3)]
    fn measure(&mut self, figure: u32) -> Result<Figure, BenchError>;

    /// What the counter counts.
    #[method(4)]
    fn unit(&mut self) -> Unit;
}

/// What `PMCCNTR_EL0` counts.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Instructions, exactly: the emulator runs with `-icount shift=0`.
    Instructions,
    /// Cycles, or what the emulator takes for them.
    Cycles,
}

impl Unit {
    /// The word by which it is printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Instructions => "instructions",
            Unit::Cycles => "cycles",
        }
    }
}

/// What an operation cost, over all rounds, in the [`Unit`] of the counter.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The least.
    pub min: u64,
    /// The middle.
    pub median: u64,
    /// The greatest.
    pub max: u64,
}

/// Why a figure could not be measured.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BenchError {
    /// There is no figure of this number. Ask for `count`.
    NoFigure,
    /// The bench program was not granted this handle. Mend `system.toml`.
    NotGranted(Grant),
    /// Its region of memory is used up. Grant more in `system.toml`.
    OutOfMemory,
    /// Its part of the capability table is used up. Grant more in `system.toml`.
    OutOfSlots,
    /// The kernel refused a call that the measurement needs.
    Refused(Refusal),
    /// Its partner answered what it was not asked.
    PartnerMisbehavior,
    /// The two threads of a measurement did not take turns.
    NoTurns,
    /// The device did not interrupt when it had to.
    NoInterrupt,
}

/// What the bench program needs.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A region, as `memory`.
    Memory,
    /// An allowance of time, as `time`.
    Time,
    /// Its own address space, as `space`.
    Space,
    /// The gate to its partner, as `bench-partner`.
    Partner,
    /// The ring with its partner.
    Ring,
    /// A message buffer.
    Buffer,
    /// A PL061, as the device `gpio0`.
    Device,
}

/// A call that the kernel refused.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The number of the [`crate::call::SystemCall`].
    pub call: u16,
    /// The number of the [`crate::error::Error`].
    pub error: u16,
}
