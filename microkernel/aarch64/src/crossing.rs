//! A crossing between user code and the kernel, as [`crate::ghost`] sees it: the types, for whoever judges
//! it. Runs on the host.

use pecan_core::object::Frame;

/// Where a thread was, and is, in user code.
#[derive(Clone, Copy, Debug)]
pub struct Registers {
    /// `x0` to `x30`.
    pub x: [u64; 31],
    /// The number of the thread that runs: `SP_EL1`.
    pub thread: u64,
    /// `ELR_EL1`.
    pub counter: u64,
    /// `SP_EL0`.
    pub stack: u64,
    /// `TPIDR_EL0`.
    pub pointer: u64,
    /// `SPSR_EL1`.
    pub state: u64,
}

/// How the kernel was entered.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Which vector was taken: 8 for a synchronous exception, 9 and 10 for interrupts, 11 for an error;
    /// `None` for the start, and for the end of a sleep.
    pub vector: Option<u64>,
    /// The registers of the thread that ran.
    pub registers: Registers,
    /// `ESR_EL1`.
    pub syndrome: u64,
    /// `FAR_EL1`.
    pub address: u64,
    /// `CNTVCT_EL0`.
    pub now: u64,
}

/// How it is left.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// The registers that user code goes on with.
    pub registers: Registers,
    /// `TTBR0_EL1`.
    pub root: u64,
    /// `TPIDRRO_EL0`.
    pub shared_pointer: u64,
    /// `CPACR_EL1`.
    pub access: u64,
}

/// When the kernel is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// User code goes on.
    Exit = 0,
    /// The core sleeps.
    Sleep = 1,
    /// The machine is switched off, in the midst of a call.
    End = 2,
}

impl Moment {
    /// Reads the number of a moment; any other is [`Moment::End`].
    #[must_use]
    pub const fn from_raw(raw: u64) -> Moment {
        match raw {
            0 => Moment::Exit,
            1 => Moment::Sleep,
            _ => Moment::End,
        }
    }
}

/// Something that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// A word of this object.
    Object(u64),
    /// The kind or the entry of this frame.
    Entry(Frame),
}

/// An interrupt that the kernel took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The line.
    pub line: u64,
    /// When.
    pub now: u64,
}
