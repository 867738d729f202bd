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
    /// A `svc` whose immediate is no system call; the program counter is that of the `svc`.
    UnknownSystemCall = 6,
    /// Any other exception; see the syndrome.
    Other = 7,
    /// The program counter reached a hardware breakpoint; the instruction was not executed.
    HardwareBreakpoint = 8,
    /// A load or store touched a watchpoint, and was not done; `address` is near what it touched.
    Watchpoint = 9,
    /// The instruction that [`FaultReply::Step`] asked for is done.
    SingleStep = 10,
    /// A `svc` of a *foreign* thread: its immediate is in the syndrome, the program counter is that
    /// of the next instruction, and all registers are as the thread left them.
    ForeignCall = 11,
    /// An asynchronous error of the machine (`SError`); the thread may not have caused it.
    SystemError = 12,
    /// A floating-point exception that the thread asked to be trapped, on processors that can.
    FloatingPoint = 13,
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
        FaultCause::HardwareBreakpoint,
        FaultCause::Watchpoint,
        FaultCause::SingleStep,
        FaultCause::ForeignCall,
        FaultCause::SystemError,
        FaultCause::FloatingPoint,
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
    /// The thread's `x0`; `x1` to `x8` follow.
    Register0 = 6,
    /// The thread's `x1`.
    Register1 = 7,
    /// The thread's program state: the bits of [`PROGRAM_STATE`].
    Flags = 15,
}

/// How many words a fault message has.
pub const FAULT_WORDS: usize = 16;
/// How many registers from `x0` on are in it.
pub const FAULT_REGISTERS: u64 = 9;

/// The bits of `SPSR_EL1` that are a thread's own: condition flags, TCO, DIT, SSBS and BTYPE (Arm ARM
/// DDI 0487, C5.2.18).
pub const PROGRAM_STATE: u64 = 0xF << 28 | 1 << 25 | 1 << 24 | 1 << 12 | 3 << 10;

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
    /// Go on four bytes behind the program counter.
    Skip = 3,
    /// Execute one instruction, then fault with [`FaultCause::SingleStep`]. Hardware breakpoints and
    /// watchpoints are off meanwhile.
    Step = 4,
    /// Go on with the registers in the reply, which has the words of a fault message: as many as its
    /// length covers are taken over, but for cause, address and syndrome.
    Rewrite = 5,
}

impl FaultReply {
    /// Every answer.
    pub const ALL: &'static [FaultReply] = &[
        FaultReply::Retry,
        FaultReply::ContinueAt,
        FaultReply::Stop,
        FaultReply::Skip,
        FaultReply::Step,
        FaultReply::Rewrite,
    ];

    /// Reads the method of a handler's reply.
    #[must_use]
    pub const fn from_raw(raw: u16) -> Option<FaultReply> {
        match raw {
            0 => Some(FaultReply::Retry),
            1 => Some(FaultReply::ContinueAt),
            2 => Some(FaultReply::Stop),
            3 => Some(FaultReply::Skip),
            4 => Some(FaultReply::Step),
            5 => Some(FaultReply::Rewrite),
            _ => None,
        }
    }
}
