//! What can go wrong between a client and a service, and who is to blame.

use core::fmt;

use super::Schema;
use crate::error::Error;
use crate::message::LongBufferError;

/// The status of a reply: the method field of its tag.
pub mod status {
    /// The reply is what the method returns.
    pub const OK: u16 = 0;
    /// The reply is the service's own error.
    pub const SERVICE_ERROR: u16 = 1;
    // From 16 on: a `ProtocolError`.
}

macro_rules! protocol_errors {
    ($($(#[$doc:meta])* $number:literal $name:ident,)*) => {
        /// Why a service did not understand a request, or could not say what it answers. It is the
        /// status of the reply, which is empty.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub enum ProtocolError {
            $($(#[$doc])* $name = $number,)*
        }

        impl ProtocolError {
            /// Every protocol error, by number.
            pub const ALL: &'static [ProtocolError] = &[$(ProtocolError::$name,)*];

            /// Reads a status.
            #[must_use]
            pub const fn from_raw(raw: u16) -> Option<ProtocolError> {
                match raw {
                    $($number => Some(ProtocolError::$name),)*
                    _ => None,
                }
            }

            /// The name of the error.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(ProtocolError::$name => stringify!($name),)*
                }
            }
        }
    };
}

protocol_errors! {
    /// The service has no method with this number. Ask for its schema.
    16 UnknownMethod,
    /// The request ends before its last argument does. Mend the encoder.
    17 Truncated,
    /// Bytes are left after the last argument. Mend the encoder.
    18 TrailingBytes,
    /// A `bool` is neither 0 nor 1. Mend the encoder.
    19 BadBool,
    /// A text is not UTF-8. Mend the encoder.
    20 BadUtf8,
    /// A character is none. Mend the encoder.
    21 BadCharacter,
    /// A number is longer than its type. Mend the encoder.
    22 BadNumber,
    /// An `Option` is neither 0 nor 1. Mend the encoder.
    23 BadOption,
    /// A value breaks a rule of its type: no such variant, too many elements. Mend the argument.
    24 BadValue,
    /// A message of at most 128 bytes came in the message buffer. Send it in registers.
    25 NotInRegisters,
    /// Capabilities came that the method does not take. Send none.
    26 UnexpectedCapabilities,
    /// A long message came to a service that has no message buffer. Send at most 128 bytes.
    27 NoBuffer,
    /// What the method returned is longer than a message can be. Ask for less; the service is to
    /// blame.
    28 ReplyTooLong,
    /// What the method returned cannot be encoded. The service is to blame.
    29 ReplyUnencodable,
    /// The service dropped what it was to answer later. The service is to blame.
    30 Unanswered,
    /// Every place for late answers is taken, or every one that the client may have. Ask again; `replies` in
    /// `system.toml` says how many there are.
    31 NoPlace,
    /// `system.toml` gives the two no ring. Mend it, or make calls.
    32 NoRing,
    /// The method answers later or by a list, or its answer is long: that does not go over a ring. Make
    /// a call.
    33 NotInRing,
    /// Another number of capabilities came than the method takes. Send as many as it takes.
    34 WrongCapabilities,
    /// A capability is not of the kind that the method takes, or its object is gone. Send another.
    35 WrongKind,
    /// The service has no slot for the capability. Ask again; whoever made the service gives it more.
    36 NoSlots,
    /// The method brings capabilities, and the client's gate does not let replies carry any. Mend
    /// `system.toml` (`passes_capabilities`).
    37 MayNotTakeCapabilities,
    /// A message of more than 96 bytes came in registers with capabilities. Send it in the message buffer.
    38 NotInBuffer,
    /// The session is over, or never was. Open another.
    39 NoSession,
}

impl ProtocolError {
    /// The status.
    #[must_use]
    pub const fn into_raw(self) -> u16 {
        self as u16
    }
}

impl From<LongBufferError> for ProtocolError {
    fn from(error: LongBufferError) -> ProtocolError {
        match error {
            LongBufferError::NoBuffer => ProtocolError::NoBuffer,
            LongBufferError::TooLong => ProtocolError::Truncated,
        }
    }
}

/// Why a value could not be written into a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// It takes more bytes than a message can have. Send less.
    TooLong,
    /// There is no message buffer for a message this long. Set one, or send less.
    NoBuffer,
    /// Its own `Serialize` refused. Mend the type.
    Unencodable,
}

impl From<LongBufferError> for EncodeError {
    fn from(error: LongBufferError) -> EncodeError {
        match error {
            LongBufferError::NoBuffer => EncodeError::NoBuffer,
            LongBufferError::TooLong => EncodeError::TooLong,
        }
    }
}

/// Why a call did not bring what its method returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The kernel refused; nothing was sent, or (`Died`) the service ended.
    Refused(Error),
    /// The request could not be written.
    Request(EncodeError),
    /// The service refused the request.
    Protocol(ProtocolError),
    /// What the service answered is no answer. The service is to blame.
    PeerMisbehavior(Misbehavior),
    /// The service answers later, which only a call through the kernel can wait for.
    Deferred,
}

impl CallError {
    /// The name of what went wrong, most exact part first.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CallError::Refused(error) => error.name(),
            CallError::Request(EncodeError::TooLong) => "TooLong",
            CallError::Request(EncodeError::NoBuffer) => "NoBuffer",
            CallError::Request(EncodeError::Unencodable) => "Unencodable",
            CallError::Protocol(error) => error.name(),
            CallError::PeerMisbehavior(Misbehavior::UnknownStatus(_)) => "UnknownStatus",
            CallError::PeerMisbehavior(Misbehavior::Malformed(_)) => "Malformed",
            CallError::PeerMisbehavior(Misbehavior::NoReply) => "NoReply",
            CallError::PeerMisbehavior(Misbehavior::NoSuchError) => "NoSuchError",
            CallError::PeerMisbehavior(Misbehavior::NoProgress) => "NoProgress",
            CallError::Deferred => "Deferred",
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl From<LongBufferError> for CallError {
    fn from(error: LongBufferError) -> CallError {
        CallError::Request(EncodeError::from(error))
    }
}

/// How a service answered nonsense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehavior {
    /// The status means nothing.
    UnknownStatus(u16),
    /// The bytes are not what the method returns.
    Malformed(ProtocolError),
    /// What came is no reply.
    NoReply,
    /// It answered with an error of its own, but the method has none.
    NoSuchError,
    /// It told where a list goes on, but not further than before.
    NoProgress,
}

/// Why a method that can fail brought no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure<E> {
    /// The service did what the method says and answered with its own error.
    Service(E),
    /// There is no answer.
    Call(CallError),
}

impl<E> From<CallError> for Failure<E> {
    fn from(error: CallError) -> Failure<E> {
        Failure::Call(error)
    }
}

/// Why a client does not fit a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// The service could not be asked.
    Call(CallError),
    /// The service was built from another interface. Rebuild the older side.
    SchemaMismatch {
        /// The name of the client's interface.
        interface: &'static str,
        /// The client's schema.
        ours: Schema,
        /// The service's schema.
        theirs: Schema,
    },
}

impl fmt::Display for ConnectError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (interface, ours, theirs) = match self {
            ConnectError::Call(error) => {
                return write!(formatter, "the service does not tell its schema: {error}");
            }
            ConnectError::SchemaMismatch {
                interface,
                ours,
                theirs,
            } => (interface, ours, theirs),
        };
        if ours.name != theirs.name {
            return write!(
                formatter,
                "the service speaks something else than `{interface}`"
            );
        }
        if ours.version != theirs.version {
            return write!(
                formatter,
                "the service speaks `{interface}` version {}, this program version {}: rebuild the \
                 older one",
                theirs.version, ours.version
            );
        }
        write!(
            formatter,
            "the service and this program speak `{interface}` version {}, but not the same ({:016x} \
             and {:016x}): rebuild both",
            ours.version, theirs.hash, ours.hash
        )
    }
}

impl From<CallError> for ConnectError {
    fn from(error: CallError) -> ConnectError {
        ConnectError::Call(error)
    }
}
