//! Capabilities: from a handle to an object, and the calls on tables.
//!
//! A handle is a slot of the running thread's table. A capability counts while the object that it names
//! has the identity that it was made for; so to destroy an object is to forget its identity. Whatever a
//! call names is checked in this order: there is a capability (`BadHandle`), of the right kind
//! (`WrongKind`), with the rights (`NoRight`), to an object that exists (`Stale`). Copies can only lose
//! rights.

use ipc_abi::call::Place;
use ipc_abi::capability::{Description, Kind, Rights};
use ipc_abi::error::Error;

use crate::state::{Capability, Frame, FrameLife, Identity, Number, State};

/// What a function call answers: a value, or why not.
pub type Answer = Result<u64, Error>;

/// Slots in one frame of a table.
pub const CHUNK_SLOTS: u64 = 256;
/// The most frames of slots of a table.
pub const CHUNKS_MAX: usize = 64;
/// Object numbers in a frame.
pub const UNITS_PER_FRAME: u64 = 64;

impl State {
    /// The thread that runs.
    pub(crate) fn current(&self) -> Option<Number> {
        self.running.map(|running| running.thread)
    }

    /// The identity of the object of `kind` at a place; none if there is no living one.
    pub(crate) fn identity(&self, kind: Kind, number: Number) -> Option<Identity> {
        match kind {
            Kind::Region => self.regions.get(&number)?.id,
            Kind::Allowance => self.allowances.get(&number)?.id,
            Kind::Platform => *self.platforms.get(&number)?,
            Kind::Frame => match self.frames.get(&(number / UNITS_PER_FRAME))?.life {
                FrameLife::Live(id) => Some(id),
                FrameLife::Dying | FrameLife::Quarantined(..) => None,
            },
            Kind::AddressSpace => self.spaces.get(&number)?.id,
            Kind::CapTable => self.tables.get(&number)?.id,
            Kind::Thread => self.threads.get(&number)?.id,
            Kind::SchedulingContext => self.contexts.get(&number)?.id,
            Kind::Endpoint => self.endpoints.get(&number)?.id,
            Kind::Gate => self.gates.get(&number)?.id,
            Kind::Notification => self.notifications.get(&number)?.id,
            Kind::Reply => self.replies.get(&number)?.id,
            Kind::Irq => self.irqs.get(&number)?.id,
        }
    }

    /// Whether the object of a capability exists.
    pub(crate) fn is_live(&self, capability: &Capability) -> bool {
        self.identity(capability.kind, capability.number) == Some(capability.id)
    }

    /// What `handle` of a thread names.
    pub(crate) fn capability(&self, thread: Number, handle: u64) -> Result<Capability, Error> {
        let table = self.threads[&thread].table.ok_or(Error::BadHandle)?;
        let slots = &self.tables[&table].slots;
        slots.get(&handle).copied().ok_or(Error::BadHandle)
    }

    /// What `handle` of the running thread names.
    pub(crate) fn capability_here(&self, handle: u64) -> Result<Capability, Error> {
        self.capability(self.current().ok_or(Error::BadHandle)?, handle)
    }

    /// Checks kind, rights and identity of a capability.
    pub(crate) fn check(
        &self,
        capability: &Capability,
        kind: Kind,
        rights: Rights,
    ) -> Result<(), Error> {
        if capability.kind != kind {
            Err(Error::WrongKind)
        } else if !capability.rights.contains(rights) {
            Err(Error::NoRight)
        } else if !self.is_live(capability) {
            Err(Error::Stale)
        } else {
            Ok(())
        }
    }

    /// The object of `kind` that `handle` of the running thread names.
    pub(crate) fn find(&self, handle: u64, kind: Kind, rights: Rights) -> Result<Number, Error> {
        let capability = self.capability_here(handle)?;
        self.check(&capability, kind, rights)?;
        Ok(capability.number)
    }

    /// The user frame that `handle` names, with what its capability allows.
    pub(crate) fn find_frame(&self, handle: u64, rights: Rights) -> Result<(Frame, Rights), Error> {
        let capability = self.capability_here(handle)?;
        self.check(&capability, Kind::Frame, rights)?;
        Ok((capability.number / UNITS_PER_FRAME, capability.rights))
    }

    /// The table and slot that `place` names.
    fn find_slot(&self, place: u64, rights: Rights) -> Result<(Number, u64), Error> {
        let place = Place::from_raw(place);
        let table = self.find(place.table(), Kind::CapTable, rights)?;
        let slot = place.slot();
        if slot == 0 || slot >= self.slot_count(table) {
            return Err(Error::BadSlot);
        }
        Ok((table, slot))
    }

    /// How many slots a table has.
    pub(crate) fn slot_count(&self, table: Number) -> u64 {
        self.tables[&table].chunks.len() as u64 * CHUNK_SLOTS
    }

    /// The same, if the slot is empty.
    pub(crate) fn find_empty_slot(&self, place: u64) -> Result<(Number, u64), Error> {
        let (table, slot) = self.find_slot(place, Rights::WRITE)?;
        if self.tables[&table].slots.contains_key(&slot) {
            return Err(Error::SlotOccupied);
        }
        Ok((table, slot))
    }

    /// Writes a capability into a slot.
    pub(crate) fn fill_slot(&mut self, (table, slot): (Number, u64), capability: Capability) {
        self.table(table).slots.insert(slot, capability);
    }

    /// `capability_copy`: what is copied may be of any kind. Bits of `rights` that are none do not count.
    pub(crate) fn capability_copy(&mut self, handle: u64, place: u64, rights: u64) -> Answer {
        let mut capability = self.capability_here(handle)?;
        if !self.is_live(&capability) {
            return Err(Error::Stale);
        }
        let slot = self.find_empty_slot(place)?;
        let [rights, ..] = rights.to_le_bytes();
        capability.rights = capability.rights.intersection(Rights::from_raw(rights));
        self.fill_slot(slot, capability);
        Ok(0)
    }

    /// `capability_delete`: the object stays.
    pub(crate) fn capability_delete(&mut self, place: u64) -> Answer {
        let (table, slot) = self.find_slot(place, Rights::WRITE)?;
        match self.table(table).slots.remove(&slot) {
            Some(_) => Ok(0),
            None => Err(Error::BadHandle),
        }
    }

    /// `capability_inspect`.
    pub(crate) fn capability_inspect(&self, place: u64) -> Answer {
        let (table, slot) = self.find_slot(place, Rights::READ)?;
        let described = match self.tables[&table].slots.get(&slot) {
            None => Description::EMPTY,
            Some(it) => Description::new(it.kind, it.rights, self.is_live(it)),
        };
        Ok(described.into_raw())
    }

    /// `table_extend`.
    pub(crate) fn table_extend(&mut self, table: u64, region: u64, frame: Frame) -> Answer {
        let table = self.find(table, Kind::CapTable, Rights::WRITE)?;
        let region = self.find(region, Kind::Region, Rights::WRITE)?;
        self.check_whole(region, frame)?;
        if self.tables[&table].chunks.len() >= CHUNKS_MAX {
            return Err(Error::Exhausted);
        }
        self.use_frame(region, frame);
        self.table(table).chunks.push(frame);
        Ok(0)
    }
}
