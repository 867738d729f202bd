//! Messages: what travels from the registers of one thread to those of another.
//!
//! Sixteen words always travel, so nothing remains of what the receiver had in those registers. The tag
//! says what comes along: capabilities, into the receiver's window, and a long message, from buffer to
//! buffer (whose contents are not part of the state). Both sides are checked before anything happens;
//! what is left can only fail for a reply, which then arrives without its capabilities.

use ipc_abi::call::Window;
use ipc_abi::capability::Rights;
use ipc_abi::error::Error;
use ipc_abi::tag::{MessageKind, Tag};

use crate::state::{Message, Number, State, Wait};

/// Words of a message.
const WORDS: usize = 16;
/// The word that names the first capability.
const FIRST_CAPABILITY: usize = 12;
/// The register of the tag.
pub(crate) const TAG: usize = 16;
/// The register of the handle, and of the badge.
pub(crate) const HANDLE: usize = 17;
/// The register of the window.
pub(crate) const WINDOW: usize = 18;

impl State {
    /// The tag of the message that a thread sends.
    pub(crate) fn tag_of(&self, thread: Number) -> Tag {
        Tag::from_raw(self.threads[&thread].registers.x[TAG])
    }

    /// The handle with which a thread made its message call.
    pub(crate) fn handle_of(&self, thread: Number) -> u64 {
        self.threads[&thread].registers.x[HANDLE]
    }

    /// A thread declares its window.
    pub(crate) fn declare_window(&mut self, thread: Number) {
        let it = self.thread(thread);
        it.window = it.registers.x[WINDOW];
    }

    /// Checks what a thread wants to send: tag, buffer, right to send capabilities, capabilities.
    pub(crate) fn check_outgoing(
        &self,
        sender: Number,
        tag: Tag,
        may_grant: bool,
    ) -> Result<(), Error> {
        let raw = tag.into_raw();
        if raw & Tag::KERNEL_BITS != 0 || tag.capabilities() > Window::LIMIT {
            return Err(Error::BadArgument);
        }
        if tag.is_long() {
            if (raw >> 16) & 0xFFFF > Tag::BUFFER_BYTES as u64 {
                return Err(Error::TooLong);
            }
            if self.threads[&sender].buffer.is_none() {
                return Err(Error::NoBuffer);
            }
        }
        if tag.capabilities() != 0 && !may_grant {
            return Err(Error::NoRight);
        }
        for handle in self.handles_sent(sender, tag) {
            self.capability(sender, handle)?;
        }
        Ok(())
    }

    /// The handles of the capabilities that come along with a message.
    fn handles_sent(&self, sender: Number, tag: Tag) -> impl Iterator<Item = u64> + use<> {
        let words = self.threads[&sender].registers.x;
        (FIRST_CAPABILITY..WORDS)
            .zip(0..tag.capabilities())
            .map(move |(word, _)| words[word])
    }

    /// Checks that a thread can take a message: buffer, window.
    pub(crate) fn check_incoming(&self, receiver: Number, tag: Tag) -> Result<(), Error> {
        if tag.is_long() && self.threads[&receiver].buffer.is_none() {
            return Err(Error::NoBuffer);
        }
        if tag.capabilities() != 0 && !self.has_room(receiver, tag.capabilities()) {
            return Err(Error::NoSlots);
        }
        Ok(())
    }

    /// Whether the window of a thread has so many empty slots.
    fn has_room(&self, receiver: Number, count: u64) -> bool {
        let it = &self.threads[&receiver];
        let Some(table) = it.table else { return false };
        let window = Window::from_raw(it.window);
        let mut slots = (0..count).map(|index| window.base() + index);
        let limit = self.slot_count(table);
        count <= window.count()
            && slots.all(|slot| {
                slot != 0 && slot < limit && !self.tables[&table].slots.contains_key(&slot)
            })
    }

    /// Gives `receiver` the message of `sender`, both of which were checked.
    pub(crate) fn deliver(&mut self, sender: Number, receiver: Number, tag: Tag, badge: u64) {
        let mut words = [0; WORDS];
        words.copy_from_slice(&self.threads[&sender].registers.x[..WORDS]);
        let count = tag.capabilities();
        if count != 0 {
            let has_room = self.has_room(receiver, count);
            let base = Window::from_raw(self.threads[&receiver].window).base();
            let handles = (0..count).zip(self.handles_sent(sender, tag));
            for (word, (index, handle)) in words[FIRST_CAPABILITY..].iter_mut().zip(handles) {
                let found = self.capability(sender, handle).ok().filter(|_| has_room);
                *word = found.map_or(0, |_| base + index);
                if let (Some(capability), Some(table)) = (found, self.threads[&receiver].table) {
                    self.fill_slot((table, base + index), capability);
                }
            }
        }
        self.thread(receiver).registers.x[..WORDS].copy_from_slice(&words);
        self.finish_delivery(receiver, tag, badge);
    }

    /// Writes the registers around a message: tag, badge, window, flags.
    pub(crate) fn finish_delivery(&mut self, receiver: Number, tag: Tag, badge: u64) {
        let registers = &mut self.thread(receiver).registers;
        registers.x[TAG] = tag.into_raw();
        registers.x[HANDLE] = badge;
        registers.x[WINDOW] = 0;
        registers.program_state = 0;
    }

    /// Gives a thread signals.
    pub(crate) fn deliver_signal(&mut self, receiver: Number, bits: u64) {
        let words = &mut self.thread(receiver).registers.x;
        words[..WORDS].fill(0);
        words[0] = bits;
        self.finish_delivery(receiver, Tag::default().with_kind(MessageKind::Signal), 0);
    }

    /// Tells a thread that the message call that it just made was refused: the message stays as it was.
    pub(crate) fn refuse(&mut self, thread: Number, error: Error) {
        self.finish_delivery(thread, Tag::refusal(error), 0);
    }

    /// Tells a thread that the message call in which it waited was refused: the message is gone.
    pub(crate) fn refuse_waiter(&mut self, thread: Number, error: Error) {
        self.thread(thread).registers.x[..WORDS].fill(0);
        self.refuse(thread, error);
    }

    /// Tells a thread that the message call that it made succeeded.
    pub(crate) fn accept(&mut self, thread: Number) {
        self.finish_delivery(thread, Tag::default(), 0);
    }

    /// A thread begins to wait for a message: the registers that it will be written to hold nothing that
    /// anybody can see.
    pub(crate) fn clear_for_message(&mut self, thread: Number) {
        let registers = &mut self.thread(thread).registers;
        registers.x[..=WINDOW].fill(0);
        registers.program_state = 0;
    }

    /// Whether a thread faulted, and waits for the answer.
    pub(crate) fn is_faulted(&self, thread: Number) -> bool {
        let is_fault = |what: Message| matches!(what, Message::Fault(..));
        match self.threads[&thread].wait {
            Wait::Send { what, .. } | Wait::Reply { what, .. } | Wait::Saved { what, .. } => {
                is_fault(what)
            }
            Wait::Nothing | Wait::Receive(_) | Wait::Notification(_) | Wait::Sleep => false,
        }
    }

    /// Whether replies to a caller may bring capabilities along.
    pub(crate) fn may_grant_reply(&self, caller: Number) -> bool {
        let rights = self.threads[&caller].sent_through.map(|(_, rights)| rights);
        rights.is_some_and(|it| it.contains(Rights::GRANT_REPLY))
    }
}
