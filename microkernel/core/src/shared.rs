//! Where each field of what is not one object's alone lies, in words: a part of [`crate::object`].

/// Bits of a thread's `FLAGS`. Its `LINK`, `SPECIAL` and `MASK` follow from them.
pub mod flag {
    use ipc_abi::debug::thread_flag;
    /// It may use floating-point registers.
    pub const FLOATING: u64 = thread_flag::FLOATING;
    /// Its system calls are faults.
    pub const FOREIGN: u64 = thread_flag::FOREIGN;
    /// It executes one instruction only.
    pub const STEPPING: u64 = 4;
    /// A breakpoint or watchpoint of it is on.
    pub const WATCHED: u64 = 8;
    /// Any of the reasons for debug registers.
    pub const DEBUG: u64 = STEPPING | WATCHED;
}

/// Fields of the [`Machine`].
pub mod machine {
    use crate::object::{Field, Machine};
    type F = Field<Machine>;
    /// The next identity.
    pub const NEXT_ID: F = F::new(0);
    /// The endpoint of gates whose endpoint died.
    pub const NULL_ENDPOINT: F = F::new(1);
    /// `TTBR0_EL1` of a space that has nothing: for threads whose space died.
    pub const NULL_ROOT: F = F::new(2);
    /// Object number of a frame of empty slots: for threads whose table died.
    pub const NULL_SLOTS: F = F::new(3);
    /// Bit *n* % 64 of word *n* / 64: interrupt line *n* is in use (16 words).
    pub const LINES_USED: F = F::new(16);
    /// The same for ASIDs (16 words).
    pub const ASIDS_USED: F = F::new(32);
    /// The interrupt object of each line (1024 words).
    pub const IRQS: F = F::new(1024);
    /// The space that has each ASID (1024 words; more ASIDs are not used).
    pub const ASIDS: F = F::new(2048);
    /// The allowance that begins at each interrupt line (1024 words).
    pub const IRQ_FIRST: F = F::new(3072);
    /// The allowance that begins at each ASID (1024 words).
    pub const ASID_FIRST: F = F::new(4096);
    /// Interrupt lines, and ASIDs, at most.
    pub const LINES: u64 = 1024;
}
