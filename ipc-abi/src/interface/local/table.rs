//! The capabilities that a test has: numbers, of which it is written down what they name.

use core::cell::{Cell, RefCell};
use std::boxed::Box;
use std::collections::BTreeMap;

use crate::capability::{Description, Kind, Rights};
use crate::error::Error;
use crate::interface::error::ProtocolError;
use crate::interface::granted::{Grantable, Granted, Keeper};
use crate::manifest::Badge;

/// The capabilities of a thread of a test, those of its servers and of their clients. Each copy has a handle of
/// its own, so what is not deleted can be counted.
#[derive(Debug, Default)]
pub struct HostTable {
    next_handle: Cell<u32>,
    next_object: Cell<u64>,
    held: RefCell<BTreeMap<u32, HostCapability>>,
}

/// What a handle names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostCapability {
    /// Which object: copies have the same.
    pub object: u64,
    /// Its kind.
    pub kind: Kind,
    /// What the capability allows.
    pub rights: Rights,
    /// Of a gate, its badge.
    pub badge: Badge,
    /// Whether the object still exists.
    pub is_live: bool,
}

std::thread_local! {
    /// A capability may outlive the way by which it came, so this is for ever.
    static TABLE: &'static HostTable = Box::leak(Box::default());
}

impl HostTable {
    /// That of this thread.
    #[must_use]
    pub fn of_thread() -> &'static HostTable {
        TABLE.with(|table| *table)
    }

    /// Makes an object; tells the capability to it.
    pub fn make<K: Grantable>(&'static self) -> Granted<K> {
        let handle = self.make_object(K::KIND, Rights::ALL, Badge::from_raw(0));
        Granted::held(handle, self)
    }

    /// Makes an object of this kind (a gate with this badge); tells the handle.
    pub fn make_object(&self, kind: Kind, rights: Rights, badge: Badge) -> u32 {
        let object = self.next_object.get().wrapping_add(1);
        self.next_object.set(object);
        self.insert(HostCapability {
            object,
            kind,
            rights,
            badge,
            is_live: true,
        })
    }

    /// What `handle` names.
    #[must_use]
    pub fn find(&self, handle: u32) -> Option<HostCapability> {
        self.held.borrow().get(&handle).copied()
    }

    /// How many capabilities there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.held.borrow().len()
    }

    /// Destroys the object that `handle` names: all copies are dead.
    pub fn destroy(&self, handle: u32) {
        let Some(found) = self.find(handle) else {
            return;
        };
        let mut held = self.held.borrow_mut();
        let copies = held.values_mut().filter(|it| it.object == found.object);
        copies.for_each(|copy| copy.is_live = false);
    }

    /// Copies a capability with at most these rights.
    ///
    /// # Errors
    ///
    /// `BadHandle`, `Stale`.
    pub fn copy(&self, handle: u32, rights: Rights) -> Result<u32, Error> {
        if self.find(handle).is_some_and(|found| !found.is_live) {
            return Err(Error::Stale);
        }
        self.pass(handle, rights)
    }

    /// The same for a message, by which dead ones pass too.
    pub(super) fn pass(&self, handle: u32, rights: Rights) -> Result<u32, Error> {
        let found = self.find(handle).ok_or(Error::BadHandle)?;
        let rights = found.rights.intersection(rights);
        Ok(self.insert(HostCapability { rights, ..found }))
    }

    /// Deletes a capability.
    pub fn delete(&self, handle: u32) {
        self.held.borrow_mut().remove(&handle);
    }

    fn insert(&self, capability: HostCapability) -> u32 {
        let handle = self.next_handle.get().wrapping_add(1);
        self.next_handle.set(handle);
        self.held.borrow_mut().insert(handle, capability);
        handle
    }
}

impl Keeper for HostTable {
    fn claim(&self, slot: u32, accepts: fn(Description) -> bool) -> Result<u32, ProtocolError> {
        let found = self.find(slot).ok_or(ProtocolError::WrongKind)?;
        let description = Description::new(found.kind, found.rights, found.is_live);
        if !accepts(description) {
            return Err(ProtocolError::WrongKind);
        }
        // It moves out of where it arrived, as it does in a process.
        self.delete(slot);
        Ok(self.insert(found))
    }

    fn discard(&self, slot: u32) {
        self.delete(slot);
    }

    fn release(&self, handle: u32) {
        self.delete(handle);
    }
}
