//! The system calls: their numbers, which are the immediate of the `svc` instruction.
//!
//! Two register conventions:
//!
//! - **Message calls** ([`SystemCall::Call`] to [`SystemCall::WaitUntil`]): `x0`–`x15` message, `x16`
//!   tag ([`crate::tag::Tag`]) in and out, `x17` handle in and badge out, `x18` window in
//!   ([`Window`]) and zero out. `x19`–`x30`, `sp` and `TPIDR_EL0` are preserved. A refusal comes
//!   back as a tag of kind [`crate::tag::MessageKind::Refusal`].
//! - **Function calls** (all others): arguments in `x0`–`x5`; back come `x0` = 0 or the
//!   [`crate::error::Error`], `x1` = the value, `x2`–`x18` = 0.
//!
//! The condition flags are zero on return from both.

macro_rules! system_calls {
    ($($(#[$doc:meta])* $number:literal $name:ident $text:literal,)*) => {
        /// A system call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub enum SystemCall {
            $($(#[$doc])* $name = $number,)*
        }

        impl SystemCall {
            /// Every system call, by number.
            pub const ALL: &'static [SystemCall] = &[$(SystemCall::$name,)*];

            /// The name by which the call goes in `ABI.md`, the kernel and `userlib`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(SystemCall::$name => $text,)*
                }
            }
        }
    };
}

system_calls! {
    /// Sends the message through the gate `x17` (right `SEND`) and waits for the reply.
    0 Call "call",
    /// Answers the current caller, then receives from the endpoint `x17` (right `RECEIVE`).
    1 ReplyReceive "reply_receive",
    /// Receives from the endpoint `x17` (right `RECEIVE`): a call, a one-way message, a fault, or
    /// the signals of the bound notification.
    2 Receive "receive",
    /// Sends the message one way through the gate `x17` (right `SEND`); waits for a receiver.
    3 Send "send",
    /// `call`, but refuses with `WouldBlock` when nobody is receiving.
    4 TryCall "try_call",
    /// `send`, but refuses with `WouldBlock` when nobody is receiving.
    5 TrySend "try_send",
    /// `receive`, but refuses with `WouldBlock` when nothing is there.
    6 TryReceive "try_receive",
    /// Answers the current caller and goes on.
    7 Reply "reply",
    /// Answers the caller saved in the reply object `x17` and goes on.
    8 ReplyTo "reply_to",
    /// Waits for the notification `x17` (right `RECEIVE`); the signal bits come in `x0`.
    9 Wait "wait",
    /// `wait`, but refuses with `WouldBlock` when no bit is set.
    10 TryWait "try_wait",
    /// `call`, refused with `TimedOut` when the time `x20` comes before the reply.
    11 CallUntil "call_until",
    /// `receive`, refused with `TimedOut` when the time `x20` comes before anything else.
    12 ReceiveUntil "receive_until",
    /// `wait`, refused with `TimedOut` when the time `x20` comes before a signal.
    13 WaitUntil "wait_until",
    /// Maps the frames `x1`, `x1` + 1, … in the space `x0` at the address `x2` with the access `x3`:
    /// `x4` pages. Here and in the next two, `x1` = how many pages are done.
    14 MapRange "map_range",
    /// Removes every mapping in the `x2` pages from the address `x1` of the space `x0`.
    15 UnmapRange "unmap_range",
    /// Changes the access of the `x3` pages from the address `x1` of the space `x0` to `x2`.
    16 ProtectRange "protect_range",
    /// Does nothing.
    17 Null "null",
    /// Sets the bits of the gate `x0` (right `SIGNAL`) in its notification.
    18 Signal "signal",
    /// Lets the next scheduling context of the same priority run.
    19 Yield "yield",
    /// Moves the current caller into the reply object `x0`, to be answered later by `reply_to`.
    20 SaveCaller "save_caller",
    /// Copies the capability `x0` to the place `x1` with at most the rights `x2`.
    21 CapabilityCopy "capability_copy",
    /// Empties the place `x0`.
    22 CapabilityDelete "capability_delete",
    /// Tells what the place `x0` holds: `x1` = [`crate::capability::Description`].
    23 CapabilityInspect "capability_inspect",
    /// Destroys the object of the capability `x0` (right `DESTROY`): every copy dies at once.
    24 Destroy "destroy",
    /// Splits the last `x1` frames off the region `x0`; the new region goes to the place `x2`.
    25 RegionSplit "region_split",
    /// Takes `x1` (at most 64) free frames above what the region `x0` has back into it.
    26 RegionMerge "region_merge",
    /// Tells `x1` = the first frame (bits 33:0) and the frames left (bits 63:34) of the region `x0`.
    27 RegionInspect "region_inspect",
    /// Takes one step towards freeing the frame `x1` of the region `x0`, whatever it holds;
    /// `Again` until it is free.
    28 Reclaim "reclaim",
    /// Splits the last `x4` numbers (of time: what a [`crate::time::TimeGrant`] says) off the allowance
    /// `x3`: region `x0`, object `x1`, destination `x2`.
    29 AllowanceSplit "allowance_split",
    /// Takes `x1` (at most 64) unused numbers above what the allowance `x0` has back into it.
    30 AllowanceMerge "allowance_merge",
    /// Makes a zeroed frame of user memory, mode *data* (in a region of devices: the device's own
    /// registers): region `x0`, object `x1`, destination `x2`.
    31 CreateFrame "create_frame",
    /// Makes an address space: region `x0`, object `x1`, destination `x2`, ASID allowance `x3`,
    /// frame for its first table `x4`.
    32 CreateSpace "create_space",
    /// Makes a capability table: region `x0`, object `x1`, destination `x2`, frame for its first
    /// 256 slots `x3`.
    33 CreateTable "create_table",
    /// Makes a stopped thread: region `x0`, object `x1`, destination `x2`, table `x3`, space `x4`.
    34 CreateThread "create_thread",
    /// Makes a scheduling context: region `x0`, object `x1`, destination `x2`, time allowance `x3`,
    /// priority `x4`.
    35 CreateContext "create_context",
    /// Makes an endpoint: region `x0`, object `x1`, destination `x2`.
    36 CreateEndpoint "create_endpoint",
    /// Makes a gate: region `x0`, object `x1`, destination `x2`, target endpoint or notification
    /// `x3` (right `MAKE_GATE`), badge or signal bits `x4`.
    37 CreateGate "create_gate",
    /// Makes a notification: region `x0`, object `x1`, destination `x2`.
    38 CreateNotification "create_notification",
    /// Makes a reply object: region `x0`, object `x1`, destination `x2`.
    39 CreateReply "create_reply",
    /// Makes an interrupt object: region `x0`, object `x1`, destination `x2`, interrupt allowance
    /// `x3`, line `x4`.
    40 CreateIrq "create_irq",
    /// Gives the frame `x2` of the region `x1` to the pool of the space `x0`, for page tables and
    /// mapping records.
    41 SpaceDonate "space_donate",
    /// Maps the frame `x1` in the space `x0` at the address `x2` with the access `x3`
    /// ([`crate::capability::Access`]).
    42 Map "map",
    /// Removes the mapping at the address `x1` of the space `x0`.
    43 Unmap "unmap",
    /// Changes the access of the mapping at the address `x1` of the space `x0` to `x2`.
    44 Protect "protect",
    /// Adds 256 slots to the table `x0`, in the frame `x2` of the region `x1`.
    45 TableExtend "table_extend",
    /// Starts the stopped thread `x0` at the address `x1` with the stack pointer `x2` and the
    /// argument `x3` in its `x0`.
    46 ThreadStart "thread_start",
    /// Stops the thread `x0`; a call it waits in is abandoned.
    47 ThreadStop "thread_stop",
    /// Lets the stopped thread `x0` go on.
    48 ThreadResume "thread_resume",
    /// Gives the thread `x0` the frame `x1` as its message buffer.
    49 ThreadSetBuffer "thread_set_buffer",
    /// Sends the faults of the thread `x0` through the gate `x1`.
    50 ThreadSetHandler "thread_set_handler",
    /// Makes the scheduling context `x1` the thread `x0`'s own.
    51 ThreadSetContext "thread_set_context",
    /// Lets `receive` of the thread `x0` also see the signals of the notification `x1`.
    52 ThreadBind "thread_bind",
    /// Tells `x1` = the [`crate::capability::ThreadState`] of the thread `x0`.
    53 ThreadInspect "thread_inspect",
    /// Delivers the interrupt `x0` as the bits `x2` of the notification `x1`.
    54 IrqBind "irq_bind",
    /// Lets the interrupt `x0` come again.
    55 IrqAcknowledge "irq_acknowledge",
    /// Acts on the platform `x0`: `x1` is a [`PlatformOperation`].
    56 PlatformControl "platform_control",
    /// Changes the mode of the frame `x0`, which must not be mapped, to `x1`
    /// ([`crate::capability::FrameMode`]).
    57 FrameSetMode "frame_set_mode",
    /// Tells `x1` = the physical address of the frame `x0`.
    58 FrameInspect "frame_inspect",
    /// Gives the scheduling context `x0`, made from the time allowance `x1`, the priority `x2` and `x3`
    /// ticks in each period of `x4` (both 0: no limit).
    59 ContextConfigure "context_configure",
    /// Signals the gate `x1` whenever the scheduling context `x0` has used its budget up.
    60 ContextSetHandler "context_set_handler",
    /// Tells `x1` = the ticks that the scheduling context `x0` used since it got a budget.
    61 ContextInspect "context_inspect",
    /// Tells `x1` = a count that the kernel keeps for the platform `x0`: `x1` is a [`PlatformCount`].
    62 PlatformInspect "platform_inspect",
    /// Waits until the time `x0`.
    63 Sleep "sleep",
    /// Chooses for the thread `x0`, new or stopped, the flags `x1`
    /// ([`crate::debug::thread_flag`]).
    64 ThreadConfigure "thread_configure",
    /// Tells `x1` = the register `x1` ([`crate::debug::Register`]) of the thread `x0`.
    65 ThreadRead "thread_read",
    /// Writes `x2` to the register `x1` ([`crate::debug::Register`]) of the thread `x0`.
    66 ThreadWrite "thread_write",
    /// Tells `x1` = the word at the address `x1` of the thread `x0`'s space.
    67 ThreadPeek "thread_peek",
    /// Writes `x2` to the word at the address `x1` of the thread `x0`'s space.
    68 ThreadPoke "thread_poke",
    /// Makes a zeroed frame of 2 MiB, mode *data*: region `x0`, object `x1`, destination `x2`. `Again` until
    /// all of it is taken.
    69 CreateLargeFrame "create_large_frame",
    /// Takes an unused frame out of the pool of the space `x0`: `x1` = its number; it is free.
    70 SpaceWithdraw "space_withdraw",
    /// Does `x1` ([`CacheOperation`]) to `x3` bytes (at most 4096) from the offset `x2` of the frame `x0`.
    71 FrameMaintain "frame_maintain",
    /// Gives the frame `x0` to the device of the frame `x1`: `x1` = its physical address.
    72 FrameGive "frame_give",
    /// Says that the device of the frame `x0` (right `DESTROY`) was reset: what was given to it and died
    /// until now can be reclaimed.
    73 DeviceConfirmReset "device_confirm_reset",
}

impl SystemCall {
    /// Whether it is a message call.
    #[must_use]
    pub const fn is_message(self) -> bool {
        self as u16 <= SystemCall::WaitUntil as u16
    }
}

/// What `frame_maintain` does, by cache line, to the point of coherency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum CacheOperation {
    /// Write back what caches hold, before a device reads.
    Clean = 0,
    /// The same, and forget it, before the program reads what a device wrote.
    CleanInvalidate = 1,
}

impl CacheOperation {
    /// Reads the register.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Option<CacheOperation> {
        match raw {
            0 => Some(CacheOperation::Clean),
            1 => Some(CacheOperation::CleanInvalidate),
            _ => None,
        }
    }
}

/// How many system calls there are; a greater `svc` immediate is a fault.
pub const SYSTEM_CALL_COUNT: usize = SystemCall::ALL.len();

/// What `platform_control` can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum PlatformOperation {
    /// Switch the machine off.
    PowerOff = 0,
    /// Restart the machine.
    Reset = 1,
}

/// What `platform_inspect` can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum PlatformCount {
    /// Times a caller of a busy server waited without helping it, because the chain of calls was too
    /// long.
    Unhelped = 0,
}

/// Where a thread wants capabilities that come with a message: `count` (at most
/// [`Window::LIMIT`]) empty slots of its own table from slot `base`. Register `x18`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window(u64);

impl Window {
    /// The most capabilities one message can carry.
    pub const LIMIT: u64 = 4;
    /// A window that takes no capability.
    pub const NONE: Window = Window(0);

    /// Makes a window of `count` slots (clamped to [`Window::LIMIT`]) from slot `base`.
    #[must_use]
    pub const fn new(base: u32, count: u64) -> Window {
        let count = if count > Self::LIMIT {
            Self::LIMIT
        } else {
            count
        };
        Window((count << 32) | base as u64)
    }

    /// Reads the register; a count over [`Window::LIMIT`] counts as [`Window::LIMIT`].
    #[must_use]
    pub const fn from_raw(raw: u64) -> Window {
        Window(raw)
    }

    /// The register.
    #[must_use]
    pub const fn into_raw(self) -> u64 {
        self.0
    }

    /// The first slot.
    #[must_use]
    pub const fn base(self) -> u64 {
        self.0 & 0xFFFF_FFFF
    }

    /// How many slots.
    #[must_use]
    pub const fn count(self) -> u64 {
        let count = self.0 >> 32;
        if count > Self::LIMIT {
            Self::LIMIT
        } else {
            count
        }
    }
}

/// A slot of a table that is itself named by a handle: where a new capability goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(u64);

impl Place {
    /// Names slot `slot` of the table whose handle is `table` (right `WRITE`).
    #[must_use]
    pub const fn new(table: u32, slot: u32) -> Place {
        Place(((table as u64) << 32) | slot as u64)
    }

    /// Reads the register.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Place {
        Place(raw)
    }

    /// The register: the table's handle in bits 63:32, the slot in bits 31:0.
    #[must_use]
    pub const fn into_raw(self) -> u64 {
        self.0
    }

    /// The handle of the table.
    #[must_use]
    pub const fn table(self) -> u64 {
        self.0 >> 32
    }

    /// The slot in it.
    #[must_use]
    pub const fn slot(self) -> u64 {
        self.0 & 0xFFFF_FFFF
    }
}
