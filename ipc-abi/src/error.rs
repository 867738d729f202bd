//! Refusals: why the kernel did not do what it was asked. An error changes nothing.

macro_rules! errors {
    ($($(#[$doc:meta])* $number:literal $name:ident,)*) => {
        /// Why a system call was refused. Each says what the caller should do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u64)]
        pub enum Error {
            $($(#[$doc])* $name = $number,)*
        }

        impl Error {
            /// Every error, by number.
            pub const ALL: &'static [Error] = &[$(Error::$name,)*];

            /// The name by which the error goes in `ABI.md`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Error::$name => stringify!($name),)*
                }
            }

            /// Reads an error number; `None` if there is no such error.
            #[must_use]
            pub const fn from_raw(raw: u64) -> Option<Error> {
                match raw {
                    $($number => Some(Error::$name),)*
                    _ => None,
                }
            }
        }
    };
}

errors! {
    /// No capability there: the handle is outside the table or its slot is empty. Mend the handle.
    1 BadHandle,
    /// The capability is of another kind. Mend the handle.
    2 WrongKind,
    /// The object of this capability was destroyed. Delete the capability.
    3 Stale,
    /// The capability lacks the right. Ask whoever gave it for a stronger one.
    4 NoRight,
    /// The destination slot is outside its table, or is slot 0. Choose another.
    5 BadSlot,
    /// The destination slot holds a capability. Delete it or choose another.
    6 SlotOccupied,
    /// An argument has a value that this call does not know. Mend the argument.
    7 BadArgument,
    /// An address, frame or object number is not aligned as the call needs. Mend the argument.
    8 Misaligned,
    /// An address, frame or number lies outside what the capability covers. Mend the argument.
    9 OutOfRange,
    /// The frame or the place in it is in use. Choose another, or reclaim it.
    10 NotFree,
    /// The object does not lie wholly inside the region. Use a region that contains it.
    11 NotWhole,
    /// The space has no frame for a page table or a mapping record. Donate one, then repeat.
    12 NeedMemory,
    /// Something is mapped at this address. Unmap it first.
    13 AlreadyMapped,
    /// Nothing is mapped at this address. Nothing to do.
    14 NotMapped,
    /// The frame's mode or the capability's rights do not allow this access. Ask for less.
    15 AccessDenied,
    /// It would have to wait, and was asked not to. Do something else, then repeat.
    16 WouldBlock,
    /// The receiver's window cannot take the capabilities of this message. Send fewer.
    17 NoSlots,
    /// There is no caller to answer. Receive first.
    18 NoCaller,
    /// There is a caller that was not answered. Answer it or save it first.
    19 CallerWaits,
    /// Not done yet: each call does one bounded step. Repeat the call.
    20 Again,
    /// What the call waited for was destroyed or stopped. Find its successor.
    21 Died,
    /// The object already has what the call would give it. Undo that first.
    22 InUse,
    /// The allowance has less than was asked, or another object holds this number. Ask for less.
    23 Exhausted,
    /// The thread has no scheduling context to run on. Give it one.
    24 NoTime,
    /// A long message needs a message buffer on both sides. Set one, or send at most 128 bytes.
    25 NoBuffer,
    /// The message is longer than the message buffer. Send less.
    26 TooLong,
    /// The thread is not stopped. Stop it first.
    27 NotStopped,
    /// The thread was never started, or is not stopped. Start it.
    28 NotStarted,
    /// A thread cannot do this to itself. Ask another thread.
    29 Itself,
    /// The deadline came first. Repeat the call with a later one, or give up.
    30 TimedOut,
    /// The frame was given to a device that was not reset since. Have it reset, then repeat.
    31 Quarantined,
}

impl Error {
    /// The error number.
    #[must_use]
    pub const fn into_raw(self) -> u64 {
        self as u64
    }
}
