//! Moving one message from the registers of one thread to those of another.
//!
//! Sixteen words always travel, so nothing of the receiver's own old registers remains. Capabilities
//! and long messages are checked first, on both sides; [`Kernel::deliver`] then cannot fail.

use ipc_abi::call::Window;
use ipc_abi::capability::Rights;
use ipc_abi::error::Error;
use ipc_abi::tag::{MessageKind, Tag};

use crate::capability::{Capability, Slot};
use crate::kernel::Kernel;
use crate::memory::{Fields, Memory};
use crate::object::{CapTable, Frame, LIGHT, Number, Thread, thread};

/// Words of a message in registers.
const MESSAGE_WORDS: usize = 16;
/// The message word that holds the first capability's handle.
const FIRST_CAPABILITY_WORD: u64 = 12;
/// The register of the tag.
const TAG: u64 = 16;
/// The register of the handle and the badge.
pub(crate) const HANDLE: u64 = 17;
/// The register of the window.
const WINDOW: u64 = 18;

impl<M: Memory + Copy> Kernel<M> {
    /// Reads register `x<index>` of a thread that is not running.
    #[inline(always)]
    pub(crate) fn register(&self, thread: Number<Thread>, index: u64) -> u64 {
        self.memory.get(thread, thread::X.at(index))
    }

    /// Writes register `x<index>` of a thread that is not running.
    #[inline(always)]
    pub(crate) fn set_register(&self, thread: Number<Thread>, index: u64, value: u64) {
        self.memory.set(thread, thread::X.at(index), value);
    }

    /// The tag of the message that `thread` sends.
    #[inline(always)]
    pub(crate) fn tag_of(&self, thread: Number<Thread>) -> Tag {
        Tag::from_raw(self.register(thread, TAG))
    }

    /// The handle with which `thread` made its message call.
    #[inline(always)]
    pub(crate) fn handle_of(&self, thread: Number<Thread>) -> u64 {
        self.register(thread, HANDLE)
    }

    /// Takes over the window that `thread` declared in this call.
    #[inline(always)]
    pub(crate) fn declare_window(&self, thread: Number<Thread>) {
        let window = self.register(thread, WINDOW);
        self.memory.set(thread, thread::WINDOW, window);
    }

    /// Checks what `sender` wants to send: tag, message buffer, capabilities.
    ///
    /// # Errors
    ///
    /// `BadArgument` for bits that only the kernel may set or more than [`Window::LIMIT`]
    /// capabilities, `TooLong`, `NoBuffer` if the sender has none, `NoRight` if `may_grant` is false
    /// and capabilities come along, `BadHandle` for one that is not there.
    #[inline(always)]
    pub(crate) fn check_outgoing(
        &self,
        sender: Number<Thread>,
        tag: Tag,
        may_grant: bool,
    ) -> Result<(), Error> {
        let raw = tag.into_raw();
        if raw & Tag::SLOW_BITS == 0 {
            return Ok(());
        }
        if raw & Tag::KERNEL_BITS != 0 || tag.capabilities() > Window::LIMIT {
            return Err(Error::BadArgument);
        }
        if tag.is_long() {
            if (raw >> 16) & 0xFFFF > Tag::BUFFER_BYTES as u64 {
                return Err(Error::TooLong);
            }
            if self.memory.get(sender, thread::BUFFER) == 0 {
                return Err(Error::NoBuffer);
            }
        }
        if tag.capabilities() == 0 {
            return Ok(());
        }
        if !may_grant {
            return Err(Error::NoRight);
        }
        self.check_capabilities(sender, tag.capabilities())
    }

    #[inline(never)]
    fn check_capabilities(&self, sender: Number<Thread>, count: u64) -> Result<(), Error> {
        for index in self.memory.at_most::<{ Window::LIMIT }>(0..count) {
            self.outgoing_capability(sender, index)?;
        }
        Ok(())
    }

    fn outgoing_capability(&self, sender: Number<Thread>, index: u64) -> Result<Capability, Error> {
        let word = FIRST_CAPABILITY_WORD.wrapping_add(index);
        self.capability_of(sender, self.register(sender, word))
    }

    /// Checks that `receiver` can take a message with `tag`.
    ///
    /// # Errors
    ///
    /// `NoBuffer`, `NoSlots`.
    #[inline(always)]
    pub(crate) fn check_incoming(&self, receiver: Number<Thread>, tag: Tag) -> Result<(), Error> {
        if tag.is_long() && self.memory.get(receiver, thread::BUFFER) == 0 {
            return Err(Error::NoBuffer);
        }
        let count = tag.capabilities();
        if count == 0 || self.has_room(receiver, count) {
            Ok(())
        } else {
            Err(Error::NoSlots)
        }
    }

    /// Whether the window of `receiver` has `count` empty slots.
    fn has_room(&self, receiver: Number<Thread>, count: u64) -> bool {
        let window = Window::from_raw(self.memory.get(receiver, thread::WINDOW));
        count <= window.count()
            && self
                .memory
                .at_most::<{ Window::LIMIT }>(0..count)
                .all(|index| {
                    self.window_slot(receiver, window, index)
                        .is_some_and(|slot| self.read_slot(slot).is_empty())
                })
    }

    fn window_slot(&self, receiver: Number<Thread>, window: Window, index: u64) -> Option<Slot> {
        let table: Number<CapTable> = self.memory.link(receiver, thread::TABLE);
        let slot = window.base().wrapping_add(index);
        if table.is_none() || slot == 0 {
            None
        } else {
            self.slot_of(table, slot)
        }
    }

    /// Gives `receiver` the message of `sender`, both of which were checked, with the tag as the
    /// kernel vouches for it and `badge`.
    pub(crate) fn deliver(
        &self,
        sender: Number<Thread>,
        receiver: Number<Thread>,
        tag: Tag,
        badge: u64,
    ) {
        self.copy_words(sender, receiver, 0);
        self.copy_words(sender, receiver, 4);
        self.copy_words(sender, receiver, 8);
        self.copy_words(sender, receiver, 12);
        if tag.into_raw() & Tag::SLOW_BITS != 0 {
            self.deliver_extras(sender, receiver, tag, badge);
        } else {
            self.finish_delivery(receiver, tag, badge);
        }
    }

    /// Copies four words: four loads before four stores, so that they become pairs.
    #[inline(always)]
    fn copy_words(&self, sender: Number<Thread>, receiver: Number<Thread>, first: u64) {
        let word = |at: u64| self.register(sender, first.wrapping_add(at));
        let (a, b, c, d) = (word(0), word(1), word(2), word(3));
        self.set_register(receiver, first, a);
        self.set_register(receiver, first.wrapping_add(1), b);
        self.set_register(receiver, first.wrapping_add(2), c);
        self.set_register(receiver, first.wrapping_add(3), d);
    }

    /// The end of `deliver`, if something does not travel in registers.
    #[inline(never)]
    fn deliver_extras(
        &self,
        sender: Number<Thread>,
        receiver: Number<Thread>,
        tag: Tag,
        badge: u64,
    ) {
        if tag.capabilities() != 0 {
            self.deliver_capabilities(sender, receiver, tag);
        }
        if tag.is_long() {
            self.memory.copy_message(
                Frame(self.memory.get(sender, thread::BUFFER)),
                Frame(self.memory.get(receiver, thread::BUFFER)),
                tag.length() as u64,
            );
        }
        self.finish_delivery(receiver, tag, badge);
    }

    /// Copies the capabilities into the receiver's window, and tells it their slots; if they do not
    /// fit (only a reply comes so far), none is copied and the slots are told as 0.
    #[inline(never)]
    fn deliver_capabilities(&self, sender: Number<Thread>, receiver: Number<Thread>, tag: Tag) {
        let count = tag.capabilities();
        let window = Window::from_raw(self.memory.get(receiver, thread::WINDOW));
        let fits = self.has_room(receiver, count);
        for index in self
            .memory
            .at_most::<{ Window::LIMIT }>(0..count.min(Window::LIMIT))
        {
            let capability = self.outgoing_capability(sender, index);
            let slot = self.window_slot(receiver, window, index);
            let told = match (fits, capability, slot) {
                (true, Ok(capability), Some(slot)) => {
                    self.write_slot(slot, capability);
                    window.base().wrapping_add(index)
                }
                (_, Ok(_) | Err(_), Some(_) | None) => 0,
            };
            self.set_register(receiver, FIRST_CAPABILITY_WORD.wrapping_add(index), told);
        }
    }

    /// Writes the registers that are not the message.
    #[inline(always)]
    pub(crate) fn finish_delivery(&self, receiver: Number<Thread>, tag: Tag, badge: u64) {
        self.set_register(receiver, TAG, tag.into_raw());
        self.set_register(receiver, HANDLE, badge);
        self.set_register(receiver, WINDOW, 0);
        self.memory.set(receiver, thread::PSTATE, 0);
    }

    /// Zeroes the message registers of `receiver` from `x<first>` on.
    #[inline(always)]
    pub(crate) fn clear_words(&self, receiver: Number<Thread>, first: u64) {
        let rest = self
            .memory
            .at_most::<{ MESSAGE_WORDS as u64 }>(first..MESSAGE_WORDS as u64);
        for index in rest {
            self.set_register(receiver, index, 0);
        }
    }

    /// Makes the frame of a thread that is not running a whole one, which others may look at.
    pub(crate) fn complete_frame(&self, thread: Number<Thread>) {
        if self.memory.get(thread, thread::PSTATE) == LIGHT {
            self.clear_words(thread, 2);
            let tag = self.tag_of(thread);
            self.finish_delivery(thread, tag, 0);
        }
    }

    /// Gives `receiver` signal bits.
    pub(crate) fn deliver_signal(&self, receiver: Number<Thread>, bits: u64) {
        self.set_register(receiver, 0, bits);
        self.clear_words(receiver, 1);
        self.finish_delivery(receiver, Tag::default().with_kind(MessageKind::Signal), 0);
    }

    /// Tells `thread` that its message call was refused; its message stays in its registers.
    pub(crate) fn refuse(&self, thread: Number<Thread>, error: Error) {
        self.finish_delivery(thread, Tag::refusal(error), 0);
    }

    /// Tells the thread that made a message call without waiting that it succeeded.
    pub(crate) fn accept(&self, thread: Number<Thread>) {
        self.finish_delivery(thread, Tag::default(), 0);
    }

    /// Whether the gate through which `caller` last called lets replies carry capabilities.
    #[inline(always)]
    pub(crate) fn may_grant_reply(&self, caller: Number<Thread>) -> bool {
        let word = self.memory.get(caller, thread::SENT_THROUGH);
        Capability { id: 0, word }
            .rights()
            .contains(Rights::GRANT_REPLY)
    }
}
