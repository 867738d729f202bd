//! Capabilities as arguments and results: a [`Granted`] is one that a process holds, or lends.
//!
//! ```text
//!   arrives in the window --claim--> Granted --into_handle--> a handle of one's own
//!        | the method does not take it  | drop
//!        v                              v
//!   discarded                        released: the slot is empty again
//! ```
//!
//! What a capability must name is said by its type: `Granted<LogInterface>` is a way in to a service that speaks
//! `Log`, `Granted<object::Frame>` is memory. The kind is checked before the method runs; what service is behind a
//! gate cannot be, so who calls through one that it was given waits for answers until a deadline only.

use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;

use super::Interface;
use super::error::{EncodeError, ProtocolError};
use super::structure::{Payload, Structure};
use super::wire::{Decode, Encode, Reader, Sink};
use crate::call::Window;
use crate::capability::{Description, Kind, Rights};
use crate::message::{Incoming, MESSAGE_WORDS, Message};
use crate::tag::Tag;

/// The most capabilities that travel with one message.
pub const CAPABILITIES_MAX: usize = 4;
const _: () = assert!(CAPABILITIES_MAX as u64 == Window::LIMIT);
/// The word of a message that has the first one's handle.
const FIRST_WORD: usize = 12;
const _: () = assert!(FIRST_WORD + CAPABILITIES_MAX == MESSAGE_WORDS);
/// Bytes that travel in registers beside capabilities.
pub const BYTES_BESIDE: usize = FIRST_WORD * 8;

/// What a capability can be granted to: an interface's marker, or one of [`object`].
pub trait Grantable {
    /// The kind of object.
    const KIND: Kind;
    /// The rights without which it is of no use.
    const RIGHTS: Rights;
    /// The interface behind it, if it is a way in to a service.
    const INTERFACE: Option<&'static str>;

    /// Whether a capability is one of these.
    #[must_use]
    fn accepts(found: Description) -> bool {
        let is_kind = found.kind() == Some(Self::KIND);
        is_kind && found.is_live() && found.rights().contains(Self::RIGHTS)
    }
}

impl<I: Interface> Grantable for I {
    const KIND: Kind = Kind::Gate;
    const RIGHTS: Rights = Rights::SEND;
    const INTERFACE: Option<&'static str> = Some(I::NAME);
}

/// What a capability that is no way in to a service is granted to.
pub mod object {
    use super::{Grantable, Kind, Rights};

    macro_rules! objects {
        ($($(#[$doc:meta])* $name:ident = $kind:ident with $right:ident;)*) => {$(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $name;

            impl Grantable for $name {
                const KIND: Kind = Kind::$kind;
                const RIGHTS: Rights = Rights::$right;
                const INTERFACE: Option<&'static str> = None;
            }
        )*};
    }

    objects! {
        /// Authority over a range of frames.
        Region = Region with NONE;
        /// Authority over ASIDs, interrupt lines, or time.
        Allowance = Allowance with NONE;
        /// Memory.
        Frame = Frame with NONE;
        /// Page tables and an ASID.
        AddressSpace = AddressSpace with NONE;
        /// A table of capabilities.
        CapTable = CapTable with NONE;
        /// A thread.
        Thread = Thread with NONE;
        /// A scheduling context.
        SchedulingContext = SchedulingContext with NONE;
        /// Where a server receives.
        Endpoint = Endpoint with NONE;
        /// Where signals arrive.
        Notification = Notification with NONE;
        /// A way to signal: a gate to a notification.
        Signal = Gate with SIGNAL;
        /// A saved caller.
        Reply = Reply with NONE;
        /// An interrupt line.
        Irq = Irq with NONE;
    }
}

/// Who has the slots of a process's table: in a process the runtime, in a test a list.
pub trait Keeper {
    /// Takes a capability that arrived in `slot`, if it is one that `accepts` is content with; tells its handle.
    ///
    /// # Errors
    ///
    /// `WrongKind`, `NoSlots`; then it stays where it arrived.
    fn claim(&self, slot: u32, accepts: fn(Description) -> bool) -> Result<u32, ProtocolError>;

    /// Deletes what arrived in `slot` and was not claimed.
    fn discard(&self, slot: u32);

    /// Deletes a capability that nobody holds any more, and takes its slot back.
    fn release(&self, handle: u32);

    /// Whoever it was sent to has its own copy of it; otherwise the same.
    fn release_sent(&self, handle: u32) {
        self.release(handle);
    }
}

/// A capability that this process holds, or lends: a way in to a service that speaks `K`, or an [`object`].
///
/// Who drops one that it holds deletes it; to send one is to give a copy away.
#[must_use = "a capability that is dropped is deleted"]
pub struct Granted<K> {
    handle: u32,
    keeper: Option<&'static dyn Keeper>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Granted<K> {
    /// A capability whose handle this process keeps: it is not deleted when this is dropped.
    pub const fn lent(handle: u32) -> Granted<K> {
        Granted {
            handle,
            keeper: None,
            kind: PhantomData,
        }
    }

    /// A capability that is deleted by `keeper` when this is dropped.
    pub const fn held(handle: u32, keeper: &'static dyn Keeper) -> Granted<K> {
        Granted {
            handle,
            keeper: Some(keeper),
            kind: PhantomData,
        }
    }

    /// Its handle, which is this one's as long as it lives.
    #[must_use]
    pub const fn handle(&self) -> u32 {
        self.handle
    }

    /// Its handle, for ever: whoever asks deletes it.
    #[must_use]
    pub fn into_handle(mut self) -> u32 {
        self.keeper = None;
        self.handle
    }
}

impl<K> Drop for Granted<K> {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.release(self.handle);
        }
    }
}

impl<K: Grantable> fmt::Debug for Granted<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = K::INTERFACE.unwrap_or(K::KIND.name());
        write!(formatter, "Granted({kind}: {})", self.handle)
    }
}

impl<K: Grantable> Payload for Granted<K> {
    const STRUCTURE: Structure = Structure::Capability {
        kind: K::KIND.name(),
        interface: K::INTERFACE,
    };
}

impl<K: Grantable> Encode for Granted<K> {
    const SIZE: Option<usize> = Some(0);
    const CAPABILITIES: usize = 1;

    #[inline(always)]
    fn encode<S: Sink>(&self, _sink: &mut S) -> Result<(), EncodeError> {
        Ok(())
    }

    fn list_handles(&self, handles: &mut Handles) {
        handles.push(self.handle);
    }

    fn settle(mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.release_sent(self.handle);
        }
    }
}

impl<K: Grantable> Decode<'_> for Granted<K> {
    const SIZE: Option<usize> = Some(0);
    const CAPABILITIES: usize = 1;

    #[inline(always)]
    fn decode(reader: &mut Reader<'_>) -> Result<Granted<K>, ProtocolError> {
        let (handle, keeper) = reader.take_capability(K::accepts)?;
        Ok(Granted::held(handle, keeper))
    }
}

/// The handles of the capabilities that a message is to carry.
#[derive(Clone, Copy, Debug, Default)]
pub struct Handles {
    handles: [u32; CAPABILITIES_MAX],
    count: usize,
}

impl Handles {
    /// Adds one; there are never more than [`CAPABILITIES_MAX`], as the macro sees to.
    fn push(&mut self, handle: u32) {
        if let Some(place) = self.handles.get_mut(self.count) {
            *place = handle;
            self.count = self.count.saturating_add(1);
        }
    }

    /// The message with these capabilities.
    pub(super) fn add_to(&self, mut message: Message) -> Message {
        let places = message.words.iter_mut().skip(FIRST_WORD);
        let handles = self.handles.iter().take(self.count);
        for (place, handle) in places.zip(handles) {
            *place = u64::from(*handle);
        }
        message.tag = message.tag.with_capabilities(self.count as u64);
        message
    }
}

/// The capabilities that came with a message. What is not claimed of them is discarded at the end.
pub(super) struct Arrived {
    slots: [u32; CAPABILITIES_MAX],
    count: usize,
    next: Cell<usize>,
    keeper: Option<&'static dyn Keeper>,
}

impl Arrived {
    /// Those of `message`, whose words are trusted as far as the tag counts.
    pub(super) fn of(message: &Incoming, keeper: Option<&'static dyn Keeper>) -> Arrived {
        let mut slots = [0; CAPABILITIES_MAX];
        for (slot, word) in slots.iter_mut().zip(message.words.iter().skip(FIRST_WORD)) {
            *slot = u32::try_from(*word).unwrap_or(0);
        }
        Arrived {
            slots,
            count: count_of(message.tag),
            next: Cell::new(0),
            keeper,
        }
    }

    /// Claims the next, if it is one that `accepts` is content with.
    pub(super) fn claim(
        &self,
        accepts: fn(Description) -> bool,
    ) -> Result<(u32, &'static dyn Keeper), ProtocolError> {
        let keeper = self.keeper.ok_or(ProtocolError::WrongCapabilities)?;
        let next = self.next.get();
        let slots = self.slots.get(..self.count).unwrap_or_default();
        let slot = slots.get(next).ok_or(ProtocolError::WrongCapabilities)?;
        let handle = keeper.claim(*slot, accepts)?;
        self.next.set(next.saturating_add(1));
        Ok((handle, keeper))
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        let Some(keeper) = self.keeper else { return };
        let slots = self.slots.iter().take(self.count).skip(self.next.get());
        // 0 says that there was no place for it.
        for slot in slots.filter(|slot| **slot != 0) {
            keeper.discard(*slot);
        }
    }
}

/// The words of a message in which handles are.
#[cfg(not(target_os = "none"))]
pub(super) fn words_of(message: &mut Message) -> impl Iterator<Item = &mut u64> {
    message.words.iter_mut().skip(FIRST_WORD)
}

/// How many capabilities came with a message.
pub(super) fn count_of(tag: Tag) -> usize {
    usize::try_from(tag.capabilities())
        .map_or(CAPABILITIES_MAX, |count| count.min(CAPABILITIES_MAX))
}
