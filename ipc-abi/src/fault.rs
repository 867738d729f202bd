//! Faults: calls that the kernel makes on a thread's behalf to its fault handler.
//!
//! The handler receives a message of kind [`crate::tag::MessageKind::Fault`] whose badge is that of
//! the gate given to `thread_set_handler`, with the words below. It answers with `reply` or
//! `reply_receive`: the method of the reply's tag is a [`FaultReply`].

/// Why a thread faulted: word 0 of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum FaultCause {
    /// A load or store that the page tables do not allow; `address` is what it touched.
    DataAbort = 1,
    /// A jump to where nothing executable is mapped.
    InstructionAbort = 2,
    /// An undefined or privileged instruction, or one that is switched off (floating point).
    UndefinedInstruction = 3,
    /// A misaligned access, program counter or stack pointer.
    Alignment = 4,
    /// A `brk` instruction: its immediate is in the syndrome. `brk #1` is a panic of `userlib`, with
    /// `x0` = address and `x1` = length of the text.
    Breakpoint = 5,
    /// A `svc` whose immediate is no system call.
    UnknownSystemCall = 6,
    /// Any other exception; see the syndrome.
    Other = 7,
}

impl FaultCause {
    /// Every cause.
    pub const ALL: &'static [FaultCause] = &[
        FaultCause::DataAbort,
        FaultCause::InstructionAbort,
        FaultCause::UndefinedInstruction,
        FaultCause::Alignment,
        FaultCause::Breakpoint,
        FaultCause::UnknownSystemCall,
        FaultCause::Other,
    ];
}

/// The words of a fault message, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum FaultWord {
    /// A [`FaultCause`].
    Cause = 0,
    /// The program counter.
    ProgramCounter = 1,
    /// The address that was touched (`FAR_EL1`), or 0.
    Address = 2,
    /// The exception syndrome (`ESR_EL1`, Arm ARM D24.2.40).
    Syndrome = 3,
    /// The stack pointer.
    StackPointer = 4,
    /// The thread's `x30`.
    LinkRegister = 5,
    /// The thread's `x0`.
    Register0 = 6,
    /// The thread's `x1`.
    Register1 = 7,
}

/// How many words a fault message has.
pub const FAULT_WORDS: usize = 8;

/// What the handler answers: the method of the reply's tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum FaultReply {
    /// Go on at the instruction that faulted.
    Retry = 0,
    /// Go on at the address in word 0 of the reply.
    ContinueAt = 1,
    /// Stay stopped; `thread_resume` or `thread_start` may follow.
    Stop = 2,
}

impl FaultReply {
    /// Reads the method of a handler's reply.
    #[must_use]
    pub const fn from_raw(raw: u16) -> Option<FaultReply> {
        match raw {
            0 => Some(FaultReply::Retry),
            1 => Some(FaultReply::ContinueAt),
            2 => Some(FaultReply::Stop),
            _ => None,
        }
    }
}
