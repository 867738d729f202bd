//! Capabilities: the kinds of object they name, and what they allow.

macro_rules! kinds {
    ($($(#[$doc:meta])* $number:literal $name:ident,)*) => {
        /// What kind of object a capability names. Zero is no capability.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $name = $number,)*
        }

        impl Kind {
            /// Every kind, by number.
            pub const ALL: &'static [Kind] = &[$(Kind::$name,)*];

            /// The name of the kind, as `caps` prints it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Kind::$name => stringify!($name),)*
                }
            }

            /// Reads a kind number.
            #[must_use]
            pub const fn from_raw(raw: u8) -> Option<Kind> {
                match raw {
                    $($number => Some(Kind::$name),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// Authority over a range of frames.
    1 Region,
    /// Authority over ASIDs, interrupt lines, or time.
    2 Allowance,
    /// Power and other firmware calls.
    3 Platform,
    /// One 4 KiB frame of user or device memory.
    4 Frame,
    /// Page tables and an ASID.
    5 AddressSpace,
    /// A table of capabilities.
    6 CapTable,
    /// A thread.
    7 Thread,
    /// A scheduling context.
    8 SchedulingContext,
    /// Where servers receive.
    9 Endpoint,
    /// A way in to an endpoint or a notification.
    10 Gate,
    /// 64 signal bits and a waiter.
    11 Notification,
    /// A saved caller.
    12 Reply,
    /// An interrupt line.
    13 Irq,
}

/// What a capability allows: a set of bits that copies can only lose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights(u8);

impl Rights {
    /// No right.
    pub const NONE: Rights = Rights(0);
    /// Gate: send and call. (Never in a capability to a gate of a notification.)
    pub const SEND: Rights = Rights(1 << 0);
    /// Gate: set its bits in the notification. (Never in a capability to a gate of an endpoint.)
    pub const SIGNAL: Rights = Rights(1 << 1);
    /// Gate: send capabilities along.
    pub const GRANT: Rights = Rights(1 << 2);
    /// Gate: receive capabilities in replies.
    pub const GRANT_REPLY: Rights = Rights(1 << 3);
    /// Endpoint, notification: receive or wait. Frame: map readable. All others: inspect.
    pub const READ: Rights = Rights(1 << 4);
    /// Frame: map writable or, in code mode, executable. All others: change and use.
    pub const WRITE: Rights = Rights(1 << 5);
    /// Endpoint, notification: make gates to it.
    pub const MAKE_GATE: Rights = Rights(1 << 6);
    /// Destroy the object.
    pub const DESTROY: Rights = Rights(1 << 7);
    /// Endpoint, notification: receive or wait; the same bit as [`Rights::READ`].
    pub const RECEIVE: Rights = Rights::READ;
    /// Every right.
    pub const ALL: Rights = Rights(0xFF);

    /// Reads a set of rights; unknown bits do not exist.
    #[must_use]
    pub const fn from_raw(raw: u8) -> Rights {
        Rights(raw)
    }

    /// The set as a number.
    #[must_use]
    pub const fn into_raw(self) -> u8 {
        self.0
    }

    /// Whether all of `other` are in this set.
    #[must_use]
    pub const fn contains(self, other: Rights) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }
}

/// What a frame may be mapped as; changed only while it is mapped nowhere, so that no alias is ever
/// both writable and executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum FrameMode {
    /// Readable or writable.
    Data = 0,
    /// Readable or executable; the instruction cache is made coherent when it becomes so.
    Code = 1,
}

/// How a frame is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access(u64);

impl Access {
    /// Readable.
    pub const READ: Access = Access(1);
    /// Readable and writable (frames of mode *data*, right `WRITE`).
    pub const READ_WRITE: Access = Access(3);
    /// Readable and executable (frames of mode *code*).
    pub const READ_EXECUTE: Access = Access(5);

    /// Reads the argument; `None` for any other number.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Option<Access> {
        match raw {
            1 | 3 | 5 => Some(Access(raw)),
            _ => None,
        }
    }

    /// The argument.
    #[must_use]
    pub const fn into_raw(self) -> u64 {
        self.0
    }

    /// Whether it can be written.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.0 & 2 != 0
    }

    /// Whether it can be executed.
    #[must_use]
    pub const fn is_executable(self) -> bool {
        self.0 & 4 != 0
    }
}

/// What `capability_inspect` tells: kind in bits 7:0 (0: empty), rights in bits 15:8, bit 16 set if
/// the object still exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description(u64);

impl Description {
    /// Describes an empty slot.
    pub const EMPTY: Description = Description(0);

    /// Describes a capability.
    #[must_use]
    pub const fn new(kind: Kind, rights: Rights, is_live: bool) -> Description {
        Description(kind as u64 | ((rights.0 as u64) << 8) | ((is_live as u64) << 16))
    }

    /// Reads the value.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Description {
        Description(raw)
    }

    /// The value.
    #[must_use]
    pub const fn into_raw(self) -> u64 {
        self.0
    }

    /// The kind; `None` if the slot is empty.
    #[must_use]
    pub const fn kind(self) -> Option<Kind> {
        Kind::from_raw((self.0 & 0xFF) as u8)
    }

    /// The rights.
    #[must_use]
    pub const fn rights(self) -> Rights {
        Rights(((self.0 >> 8) & 0xFF) as u8)
    }

    /// Whether the object still exists.
    #[must_use]
    pub const fn is_live(self) -> bool {
        self.0 & (1 << 16) != 0
    }
}

/// What a thread is doing, as `thread_inspect` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum ThreadState {
    /// Never started.
    New = 0,
    /// Runs or could run.
    Ready = 1,
    /// Waits for the reply to a call.
    Calling = 2,
    /// Waits for somebody to receive its message.
    Sending = 3,
    /// Waits in `receive`.
    Receiving = 4,
    /// Waits for a notification.
    Waiting = 5,
    /// Waits for its fault handler.
    Faulted = 6,
    /// Stopped.
    Stopped = 7,
}

impl ThreadState {
    /// Every state, by number.
    pub const ALL: &'static [ThreadState] = &[
        ThreadState::New,
        ThreadState::Ready,
        ThreadState::Calling,
        ThreadState::Sending,
        ThreadState::Receiving,
        ThreadState::Waiting,
        ThreadState::Faulted,
        ThreadState::Stopped,
    ];
}
