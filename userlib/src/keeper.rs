//! The capabilities that come to this process and go from it with messages.
//!
//! What comes with a request arrives in the window of the loop that receives ([`Window`]); what the method takes is
//! copied out of it, and the loop empties the window before it receives again. What comes with a reply arrives in
//! slots that the caller took for it.

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering};

use ipc_abi::call::{Place, Window as SlotWindow};
use ipc_abi::capability::{Description, Rights};
use ipc_abi::error::Error;
use ipc_abi::interface::granted::{CAPABILITIES_MAX, Keeper};
use ipc_abi::interface::{CallError, ProtocolError};
use ipc_abi::message::Incoming;
use ipc_abi::tag::{MessageKind, Tag};

use crate::slots::{SLOTS, Slots, Use};
use crate::syscall;

/// How many slots a window has.
const WINDOW_SLOTS: u32 = 4;
const _: () = assert!(WINDOW_SLOTS as usize == CAPABILITIES_MAX);

/// The keeper of this process.
pub(crate) static KEEPER: SlotKeeper<Native> = SlotKeeper {
    table: Native {
        handle: AtomicU32::new(0),
    },
    slots: &SLOTS,
};

/// What is asked of the kernel.
pub(crate) trait Table {
    fn inspect(&self, slot: u32) -> Result<Description, Error>;
    fn copy(&self, handle: u32, slot: u32, rights: Rights) -> Result<(), Error>;
    fn delete(&self, slot: u32) -> Result<(), Error>;
}

/// The process's own table.
pub(crate) struct Native {
    handle: AtomicU32,
}

impl Native {
    /// Names the table.
    pub(crate) fn set(&self, handle: u32) {
        self.handle.store(handle, Ordering::Relaxed);
    }

    /// A slot of it.
    pub(crate) fn place(&self, slot: u32) -> Place {
        Place::new(self.handle.load(Ordering::Relaxed), slot)
    }
}

impl Table for Native {
    fn inspect(&self, slot: u32) -> Result<Description, Error> {
        syscall::capability_inspect(self.place(slot))
    }

    fn copy(&self, handle: u32, slot: u32, rights: Rights) -> Result<(), Error> {
        syscall::capability_copy(handle, self.place(slot), rights)
    }

    fn delete(&self, slot: u32) -> Result<(), Error> {
        syscall::capability_delete(self.place(slot))
    }
}

/// Who has the slots.
pub(crate) struct SlotKeeper<T: 'static> {
    pub(crate) table: T,
    slots: &'static Slots,
}

impl<T: Table> SlotKeeper<T> {
    /// Copies a capability with at most these rights into a slot of its own; tells the slot.
    ///
    /// # Errors
    ///
    /// `NoSlots`, and those of the copy.
    pub(crate) fn copy(&self, handle: u32, rights: Rights) -> Result<u32, Error> {
        let slot = self.slots.take(1, Use::Taken).ok_or(Error::NoSlots)?;
        if let Err(error) = self.table.copy(handle, slot, rights) {
            self.slots.give_back(slot, 1);
            return Err(error);
        }
        Ok(slot)
    }

    /// Lets `call` make a call with `count` slots for the capabilities of its reply.
    ///
    /// # Errors
    ///
    /// `NoSlots`; then nothing was called.
    pub(crate) fn call_taking(
        &self,
        count: usize,
        call: impl FnOnce(SlotWindow) -> Incoming,
    ) -> Result<Incoming, CallError> {
        let no_slots = CallError::Refused(Error::NoSlots);
        let count = u32::try_from(count).map_err(|_| no_slots)?;
        let first = self.slots.take(count, Use::Taken).ok_or(no_slots)?;
        let reply = call(SlotWindow::new(first, u64::from(count)));
        let came = came_with(reply.tag);
        // Of more than there is room for, none came.
        let filled = if came > count { 0 } else { came };
        self.slots.give_back(first + filled, count - filled);
        Ok(reply)
    }

    fn empty(&self, slot: u32) {
        // Refused if it is empty already.
        let _ = self.table.delete(slot);
    }
}

/// How many capabilities came with a message.
fn came_with(tag: Tag) -> u32 {
    match tag.kind() {
        Some(MessageKind::Message | MessageKind::OneWay) => {
            u32::try_from(tag.capabilities()).unwrap_or(0)
        }
        Some(MessageKind::Signal | MessageKind::Fault | MessageKind::Refusal) | None => 0,
    }
}

impl<T: Table> Keeper for SlotKeeper<T> {
    fn claim(&self, slot: u32, accepts: fn(Description) -> bool) -> Result<u32, ProtocolError> {
        let found = self.table.inspect(slot);
        if !found.is_ok_and(accepts) {
            return Err(ProtocolError::WrongKind);
        }
        match self.slots.usage(slot) {
            Use::Window => self.copy(slot, Rights::ALL).map_err(|error| {
                if error == Error::NoSlots {
                    ProtocolError::NoSlots
                } else {
                    // Its object was destroyed since it arrived.
                    ProtocolError::WrongKind
                }
            }),
            Use::Taken => Ok(slot),
            Use::Closed | Use::Free => Err(ProtocolError::WrongKind),
        }
    }

    fn discard(&self, slot: u32) {
        // The loop empties its window itself.
        if self.slots.usage(slot) == Use::Taken {
            self.release(slot);
        }
    }

    fn release(&self, handle: u32) {
        self.empty(handle);
        self.slots.give_back(handle, 1);
    }
}

/// Where capabilities arrive that come with requests to one loop.
pub(crate) struct Window<T: Table + 'static> {
    keeper: &'static SlotKeeper<T>,
    /// `None` if there were no slots for it: then whoever sends capabilities is refused.
    first: Option<u32>,
    filled: Cell<u32>,
}

impl<T: Table> Window<T> {
    /// Takes slots for a window.
    pub(crate) fn take(keeper: &'static SlotKeeper<T>) -> Window<T> {
        Window {
            keeper,
            first: keeper.slots.take(WINDOW_SLOTS, Use::Window),
            filled: Cell::new(0),
        }
    }

    /// What the kernel is told of it: it is empty.
    pub(crate) fn open(&self) -> SlotWindow {
        self.clear();
        match self.first {
            Some(first) => SlotWindow::new(first, u64::from(WINDOW_SLOTS)),
            None => SlotWindow::NONE,
        }
    }

    /// Takes note of what came with a message.
    pub(crate) fn note(&self, tag: Tag) {
        self.filled.set(came_with(tag).min(WINDOW_SLOTS));
    }

    fn clear(&self) {
        let Some(first) = self.first else { return };
        for slot in first..first + self.filled.take() {
            self.keeper.empty(slot);
        }
    }
}

impl<T: Table> Drop for Window<T> {
    fn drop(&mut self) {
        self.clear();
        if let Some(first) = self.first {
            self.keeper.slots.give_back(first, WINDOW_SLOTS);
        }
    }
}

#[cfg(test)]
#[path = "keeper_test.rs"]
mod tests;
