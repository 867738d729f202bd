//! The tag of a message: register `x16`.
//!
//! | bits | who writes | what |
//! |---|---|---|
//! | 15:0 | sender | method (in a reply: the service's status) |
//! | 31:16 | sender | length in bytes; in registers if ≤ 128, else in the message buffer (`LONG`) |
//! | 34:32 | sender, counted by the kernel | capabilities that come along |
//! | 35 | sender | `LONG`: the message is in the message buffer |
//! | 39:36 | kernel | [`MessageKind`] |
//! | 63:40 | – | zero |
//!
//! A tag with any of bits 63:32 set takes the slow path; a sender that sets a bit of 63:36 is
//! refused with `BadArgument`, so nobody can forge a fault, a signal or a death.

use crate::error::Error;

/// What a message is, as the kernel vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MessageKind {
    /// To a receiver: a call that waits for a reply. To a caller: the reply.
    Message = 0,
    /// A one-way message: nobody waits for a reply.
    OneWay = 1,
    /// Signals: the bits are in `x0`.
    Signal = 2,
    /// A fault of the thread that the badge names: [`crate::fault::FaultMessage`] in `x0`–`x7`.
    Fault = 3,
    /// The kernel refuses: the [`Error`] is in bits 15:0.
    Refusal = 4,
}

/// Register `x16`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tag(u64);

impl Tag {
    /// Bytes that travel in registers.
    pub const REGISTER_BYTES: usize = 128;
    /// Bytes that travel in the message buffer at most.
    pub const BUFFER_BYTES: usize = 4096;
    /// The bits that a sender may not set.
    pub const KERNEL_BITS: u64 = !0 << 36;
    /// The bits that keep a message off the fast path.
    pub const SLOW_BITS: u64 = !0 << 32;
    /// Set when the message is in the message buffer.
    pub const LONG: u64 = 1 << 35;

    const CAPABILITIES_SHIFT: u32 = 32;
    const KIND_SHIFT: u32 = 36;

    /// A message in registers.
    #[must_use]
    pub const fn new(method: u16, length: u16) -> Tag {
        Tag(method as u64 | ((length as u64) << 16))
    }

    /// The same message with `count` (at most 4) capabilities, whose handles are in the last
    /// `count` words of the message: `x12`–`x15`, the first in `x12`.
    #[must_use]
    pub const fn with_capabilities(self, count: u64) -> Tag {
        Tag((self.0 & !(7 << Self::CAPABILITIES_SHIFT)) | ((count & 7) << Self::CAPABILITIES_SHIFT))
    }

    /// The same message, carried in the message buffer.
    #[must_use]
    pub const fn with_long(self) -> Tag {
        Tag(self.0 | Self::LONG)
    }

    /// The same tag, marked by the kernel as `kind`.
    #[must_use]
    pub const fn with_kind(self, kind: MessageKind) -> Tag {
        Tag((self.0 & !Self::KERNEL_BITS) | ((kind as u64) << Self::KIND_SHIFT))
    }

    /// The tag by which the kernel refuses a message call.
    #[must_use]
    pub const fn refusal(error: Error) -> Tag {
        Tag(error.into_raw()).with_kind(MessageKind::Refusal)
    }

    /// Reads the register.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Tag {
        Tag(raw)
    }

    /// The register.
    #[must_use]
    pub const fn into_raw(self) -> u64 {
        self.0
    }

    /// The method, or in a reply the status.
    #[must_use]
    pub const fn method(self) -> u16 {
        (self.0 & 0xFFFF) as u16
    }

    /// The length in bytes: never more than [`Tag::REGISTER_BYTES`], or
    /// [`Tag::BUFFER_BYTES`] in a long message.
    #[must_use]
    pub const fn length(self) -> usize {
        let length = ((self.0 >> 16) & 0xFFFF) as usize;
        let limit = if self.is_long() {
            Self::BUFFER_BYTES
        } else {
            Self::REGISTER_BYTES
        };
        if length > limit { limit } else { length }
    }

    /// How many capabilities came along (or, in a reply that did not fit, would have).
    #[must_use]
    pub const fn capabilities(self) -> u64 {
        (self.0 >> Self::CAPABILITIES_SHIFT) & 7
    }

    /// Whether the message is in the message buffer.
    #[must_use]
    pub const fn is_long(self) -> bool {
        self.0 & Self::LONG != 0
    }

    /// What the message is; `None` for a number the kernel never writes.
    #[must_use]
    pub const fn kind(self) -> Option<MessageKind> {
        match (self.0 >> Self::KIND_SHIFT) & 0xF {
            0 => Some(MessageKind::Message),
            1 => Some(MessageKind::OneWay),
            2 => Some(MessageKind::Signal),
            3 => Some(MessageKind::Fault),
            4 => Some(MessageKind::Refusal),
            _ => None,
        }
    }

    /// The error of a refusal; `None` if the tag is none.
    #[must_use]
    pub const fn error(self) -> Option<Error> {
        match self.kind() {
            Some(MessageKind::Refusal) => Error::from_raw(self.0 & 0xFFFF),
            Some(
                MessageKind::Message
                | MessageKind::OneWay
                | MessageKind::Signal
                | MessageKind::Fault,
            )
            | None => None,
        }
    }
}
