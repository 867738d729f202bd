//! Finding what a handle names, and writing capabilities into slots.
//!
//! A slot is two words. Word 0: the object's identity. Word 1: rights in bits 63:56, kind in bits
//! 55:48, the object's number in bits 45:6, zero in the rest; so the object's address is word 1 with
//! its top sixteen bits set. An empty slot is zero. Slot 0 of every table stays empty.
//!
//! A capability is valid while the kind byte of the object's frame is the capability's kind and the
//! object still has that identity; both are checked at every use, here and in the fast path.

use ipc_abi::call::Place;
use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;

use crate::kernel::Kernel;
use crate::memory::{Fields, Memory};
use crate::object::{
    CapTable, Field, Frame, ID_WORD, NUMBER_BITS, Number, Object, Slots, Thread, entry, table,
    thread,
};

/// The two words of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// The identity of the object.
    pub id: u64,
    /// Rights, kind and number.
    pub word: u64,
}

impl Capability {
    /// An empty slot.
    pub const EMPTY: Capability = Capability { id: 0, word: 0 };

    /// A capability to the object `number` of `kind`.
    #[must_use]
    pub const fn new(id: u64, kind: Kind, number: u64, rights: Rights) -> Capability {
        let number = number & ((1 << NUMBER_BITS) - 1);
        let word = (rights.into_raw() as u64) << 56 | (kind as u64) << 48 | number << 6;
        Capability { id, word }
    }

    /// Whether the slot is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.word == 0
    }

    /// The kind, as it stands in the frame's kind byte.
    #[must_use]
    pub const fn kind_byte(self) -> u8 {
        ((self.word >> 48) & 0xFF) as u8
    }

    /// The kind; `None` if the slot is empty.
    #[must_use]
    pub const fn kind(self) -> Option<Kind> {
        Kind::from_raw(self.kind_byte())
    }

    /// Whether it is of `kind` and has `rights`.
    #[must_use]
    pub const fn allows(self, kind: Kind, rights: Rights) -> bool {
        let wanted = (rights.into_raw() as u64) << 56 | (kind as u64) << 48;
        self.word & (wanted | 0xFF << 48) == wanted
    }

    /// The rights.
    #[must_use]
    pub const fn rights(self) -> Rights {
        Rights::from_raw((self.word >> 56) as u8)
    }

    /// The object's number.
    #[must_use]
    pub const fn number(self) -> u64 {
        (self.word >> 6) & ((1 << NUMBER_BITS) - 1)
    }

    /// The frame in which the object lies (for [`Kind::Frame`]: which it is).
    #[must_use]
    pub const fn frame(self) -> Frame {
        Frame(self.number() >> 6)
    }

    /// The same capability with no more than `rights`.
    #[must_use]
    pub const fn with_rights(self, rights: Rights) -> Capability {
        let kept = self.rights().intersection(rights).into_raw() as u64;
        Capability {
            id: self.id,
            word: (self.word & !(0xFF << 56)) | kept << 56,
        }
    }
}

/// A slot that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The chunk.
    pub chunk: Number<Slots>,
    /// The slot in the chunk, below [`table::CHUNK_SLOTS`].
    pub index: u64,
}

impl Slot {
    const fn word(self, word: u64) -> Field<Slots> {
        let index = self.index & (table::CHUNK_SLOTS - 1);
        Field::new(0).at(index.wrapping_mul(2).wrapping_add(word))
    }
}

impl<M: Memory + Copy> Kernel<M> {
    /// Reads a slot.
    #[must_use]
    #[inline(always)]
    pub fn read_slot(&self, slot: Slot) -> Capability {
        Capability {
            id: self.memory.get(slot.chunk, slot.word(0)),
            word: self.memory.get(slot.chunk, slot.word(1)),
        }
    }

    /// Writes a slot.
    pub fn write_slot(&self, slot: Slot, capability: Capability) {
        self.memory.set(slot.chunk, slot.word(0), capability.id);
        self.memory.set(slot.chunk, slot.word(1), capability.word);
    }

    /// Finds slot `index` of `table`; `None` outside it.
    #[must_use]
    pub fn slot_of(&self, table: Number<CapTable>, index: u64) -> Option<Slot> {
        let chunk = index / table::CHUNK_SLOTS;
        if chunk >= self.memory.get(table, table::CHUNKS) {
            return None;
        }
        Some(Slot {
            chunk: self.memory.link(table, table::CHUNK.at(chunk)),
            index: index % table::CHUNK_SLOTS,
        })
    }

    /// Reads what `handle` names in the table of `thread`, unchecked: see [`Kernel::check`].
    ///
    /// # Errors
    ///
    /// `BadHandle` if the handle is outside the table or its slot is empty.
    #[inline(always)]
    pub fn capability_of(&self, thread: Number<Thread>, handle: u64) -> Result<Capability, Error> {
        // As in `chunk_of`, which the compiler makes four instructions longer here.
        let mask = self.memory.get(thread, thread::MASK);
        let chunk = if handle & !mask == 0 {
            self.memory.link(thread, thread::SLOTS)
        } else {
            self.chunk_beyond(thread, handle)?
        };
        // The remainder also keeps the load inside the chunk under speculation.
        let index = handle % table::CHUNK_SLOTS;
        let slot = Slot { chunk, index };
        let capability = self.read_slot(slot);
        if capability.is_empty() {
            Err(Error::BadHandle)
        } else {
            Ok(capability)
        }
    }

    /// [`Kernel::capability_of`] the current thread, out of line.
    ///
    /// # Errors
    ///
    /// Those of [`Kernel::capability_of`].
    #[inline(never)]
    pub(crate) fn capability_seldom(&self, handle: u64) -> Result<Capability, Error> {
        self.capability_of(self.current(), handle)
    }

    /// The chunk of the table of `thread` in which `handle` is.
    ///
    /// # Errors
    ///
    /// `BadHandle` if the handle is outside the table.
    #[inline(always)]
    pub(crate) fn chunk_of(
        &self,
        thread: Number<Thread>,
        handle: u64,
    ) -> Result<Number<Slots>, Error> {
        if handle & !self.memory.get(thread, thread::MASK) == 0 {
            Ok(self.memory.link(thread, thread::SLOTS))
        } else {
            self.chunk_beyond(thread, handle)
        }
    }

    /// The slot of `thread` that `handle` names, if it is in the first chunk of its table: then it takes
    /// no call to find it. May be empty, and is unchecked: see [`Kernel::check`].
    #[inline(always)]
    fn read_nearby(&self, thread: Number<Thread>, handle: u64) -> Option<Capability> {
        if handle & !self.memory.get(thread, thread::MASK) != 0 {
            return None;
        }
        let chunk = self.memory.link(thread, thread::SLOTS);
        // The remainder also keeps the load inside the chunk under speculation.
        let index = handle % table::CHUNK_SLOTS;
        Some(self.read_slot(Slot { chunk, index }))
    }

    /// What `handle` of the current thread names, if that is in the first chunk of its table and
    /// something. Unchecked, too.
    #[inline(always)]
    pub(crate) fn capability_nearby(&self, handle: u64) -> Option<Capability> {
        self.read_nearby(self.current(), handle)
            .filter(|capability| !capability.is_empty())
    }

    /// What `handle` of `thread` names, if it is in the first chunk of its table, and alive, and has the
    /// `rights`. For the usual case of a call; the unusual ones begin anew with
    /// [`Kernel::find_seldom`], which knows the error.
    #[inline(always)]
    pub(crate) fn find_nearby(
        &self,
        thread: Number<Thread>,
        handle: u64,
        kind: Kind,
        rights: Rights,
    ) -> Option<Capability> {
        self.read_nearby(thread, handle)
            .filter(|it| it.allows(kind, rights) && self.is_live(*it))
    }

    /// Finds the chunk of a handle that is not in the first one. Out of line: the way of nearly all
    /// calls does not pay for it.
    #[cold]
    #[inline(never)]
    fn chunk_beyond(&self, thread: Number<Thread>, handle: u64) -> Result<Number<Slots>, Error> {
        let table = self.memory.link(thread, thread::TABLE);
        if table == Number::NONE {
            return Err(Error::BadHandle);
        }
        let slot = self.slot_of(table, handle).ok_or(Error::BadHandle)?;
        Ok(slot.chunk)
    }

    /// Whether the object of a capability still exists.
    #[must_use]
    #[inline(always)]
    pub fn is_live(&self, capability: Capability) -> bool {
        if self.memory.kind(capability.frame()) != capability.kind_byte() {
            return false;
        }
        let id = if capability.kind_byte() == Kind::Frame as u8 {
            self.memory.entry(capability.frame(), entry::ID)
        } else {
            self.memory.load(capability.number(), ID_WORD)
        };
        id == capability.id
    }

    /// The same for a capability to anything but a user frame.
    #[inline(always)]
    pub(crate) fn is_live_object(&self, capability: Capability) -> bool {
        self.memory.kind(capability.frame()) == capability.kind_byte()
            && self.memory.load(capability.number(), ID_WORD) == capability.id
    }

    /// Checks kind, rights and identity of a capability, in this order.
    ///
    /// # Errors
    ///
    /// `WrongKind`, `NoRight`, `Stale`.
    #[inline(always)]
    pub fn check(&self, capability: Capability, kind: Kind, rights: Rights) -> Result<(), Error> {
        if capability.kind_byte() != kind as u8 {
            return Err(Error::WrongKind);
        }
        if !capability.rights().contains(rights) {
            return Err(Error::NoRight);
        }
        if !self.is_live(capability) {
            return Err(Error::Stale);
        }
        Ok(())
    }

    /// Finds the object of type `O` that `handle` of the current thread names.
    ///
    /// # Errors
    ///
    /// `BadHandle`, `WrongKind`, `NoRight`, `Stale`.
    #[inline(always)]
    pub fn find<O: Object>(&self, handle: u64, rights: Rights) -> Result<Number<O>, Error> {
        let capability = self.find_kind(handle, O::KIND as u8, rights)?;
        Ok(Number::from_raw(capability.number()))
    }

    /// Finds the user frame that `handle` of the current thread names; its rights come along.
    ///
    /// # Errors
    ///
    /// `BadHandle`, `WrongKind`, `NoRight`, `Stale`.
    pub fn find_frame(&self, handle: u64, rights: Rights) -> Result<(Frame, Rights), Error> {
        let word = self.find_raw(handle, Kind::Frame as u8, rights)?;
        let capability = Capability { id: 0, word };
        Ok((capability.frame(), capability.rights()))
    }

    /// Finds the empty slot that `place` names, with a table of right `WRITE`.
    ///
    /// # Errors
    ///
    /// Those of the table's handle, `BadSlot` (outside the table, or slot 0), `SlotOccupied`.
    #[inline(never)]
    pub fn find_empty_slot(&self, place: u64) -> Result<Slot, Error> {
        let slot = self.find_slot(place, Rights::WRITE)?;
        if self.read_slot(slot).is_empty() {
            Ok(slot)
        } else {
            Err(Error::SlotOccupied)
        }
    }

    /// Finds the slot that `place` names.
    ///
    /// # Errors
    ///
    /// Those of the table's handle, `BadSlot` (outside the table, or slot 0).
    pub fn find_slot(&self, place: u64, rights: Rights) -> Result<Slot, Error> {
        let place = Place::from_raw(place);
        let table = self.find_seldom::<CapTable>(place.table(), rights)?;
        if place.slot() == 0 {
            return Err(Error::BadSlot);
        }
        self.slot_of(table, place.slot()).ok_or(Error::BadSlot)
    }

    /// [`Kernel::find`] out of line, for calls that are made too seldom to have their own copy.
    ///
    /// # Errors
    ///
    /// Those of [`Kernel::find`].
    pub(crate) fn find_seldom<O: Object>(
        &self,
        handle: u64,
        rights: Rights,
    ) -> Result<Number<O>, Error> {
        let word = self.find_raw(handle, O::KIND as u8, rights)?;
        Ok(Number::from_raw(word >> 6))
    }

    /// The second word of a checked capability: an answer that fits registers.
    #[inline(never)]
    fn find_raw(&self, handle: u64, kind: u8, rights: Rights) -> Result<u64, Error> {
        self.find_kind(handle, kind, rights)
            .map(|capability| capability.word)
    }

    #[inline(always)]
    fn find_kind(&self, handle: u64, kind: u8, rights: Rights) -> Result<Capability, Error> {
        let capability = self.capability_of(self.current(), handle)?;
        let kind = Kind::from_raw(kind).ok_or(Error::WrongKind)?;
        self.check(capability, kind, rights)?;
        Ok(capability)
    }
}
