//! Mapping frames: `map`, `unmap`, `protect`, and the records by which a frame finds its mappings.
//!
//! A frame's first mapping is in its table entry. Each further one is a [`Record`], made of a frame
//! of the mapping space's pool, in a doubly linked list that the frame's entry heads; the record's
//! number stands in the *shadow* of the last-level table, a frame beside it, at the same index. So
//! the frame finds every mapping, and a mapping its record, without a search.
//!
//! ```text
//!   entry(frame).SPACE, ADDRESS ───────────────▶ page at ADDRESS of SPACE     (first mapping)
//!   entry(frame).RECORDS ──▶ record ◀──▶ record  (each: SPACE, ADDRESS)       (further ones)
//!   entry(table).RECORDS ──▶ shadow[index] ──▶ record                         (0: first mapping)
//! ```
//!
//! Effects: `unmap` and `protect` leave one; `map` publishes its stores itself, which costs one
//! instruction and no effect.
//!
//! A frame of 2 MiB is mapped as one block in a table of level 2, whose shadow then names records in
//! the same way ([`crate::large`]).
//!
//! Break-before-make is never needed: an entry goes from invalid to valid, from valid to invalid
//! (with an invalidation before anything else runs), or changes permissions only: [`crate::rule`] has
//! what must follow each, and the tests hold every store against it.

use ipc_abi::capability::{Access, Kind, Rights};
use ipc_abi::error::Error;

use crate::frame::{FIRST_OR_LARGE, PAGE_BITS, SPACE_BITS};
use crate::kernel::{Answer, Effect, Kernel};
use crate::memory::{Fields, Memory};
use crate::object::{Field, Frame, Number, PageTable, Record, Space, entry, record, space, user};
use crate::space::{
    LAST_LEVEL, TABLE, TABLE_OR_PAGE, check_page_address, frame_of, index_at, slot_at,
    table_descriptor,
};

/// `AttrIndx` 1: device memory, nGnRnE. Normal memory is 0.
pub(crate) const DEVICE_MEMORY: u64 = 1 << 2;
/// `AP[1]`: EL0 may access.
pub(crate) const USER: u64 = 1 << 6;
/// `AP[2]`: nobody may write.
pub(crate) const READ_ONLY: u64 = 1 << 7;
/// `SH`: inner shareable.
const INNER_SHAREABLE: u64 = 0b11 << 8;
/// `AF`: no access flag fault.
const ACCESSED: u64 = 1 << 10;
/// `nG`: belongs to the ASID.
const NOT_GLOBAL: u64 = 1 << 11;
/// `PXN`: EL1 may not execute.
pub(crate) const NO_EXECUTE_KERNEL: u64 = 1 << 53;
/// `UXN`: EL0 may not execute.
pub(crate) const NO_EXECUTE_USER: u64 = 1 << 54;
/// Ignored by hardware (bits 58:55): the capability by which it was mapped has the right `WRITE`.
pub(crate) const MAY_WRITE: u64 = 1 << 55;
/// What every page has.
pub(crate) const EVERY_PAGE: u64 =
    TABLE_OR_PAGE | USER | INNER_SHAREABLE | ACCESSED | NOT_GLOBAL | NO_EXECUTE_KERNEL;

/// The attributes of a page: of a frame with these [`user`] bits, mapped by a capability with
/// `rights`, for `access`.
///
/// # Errors
///
/// `AccessDenied`.
#[inline(always)]
pub(crate) fn attributes_of(bits: u64, rights: Rights, access: Access) -> Result<u64, Error> {
    let is_code = bits & user::CODE != 0;
    let may_write = rights.contains(Rights::WRITE);
    if !rights.contains(Rights::READ)
        || access.is_writable() && (is_code || !may_write)
        || access.is_executable() && !(is_code && may_write)
    {
        return Err(Error::AccessDenied);
    }
    let mut attributes = EVERY_PAGE;
    if !access.is_writable() {
        attributes |= READ_ONLY;
    }
    if !access.is_executable() {
        attributes |= NO_EXECUTE_USER;
    }
    if bits & user::DEVICE != 0 {
        attributes |= DEVICE_MEMORY;
    }
    if may_write {
        attributes |= MAY_WRITE;
    }
    Ok(attributes)
}

/// A page or block as `old` is one, with the rest of `new`.
pub(crate) const fn like(old: u64, new: u64) -> u64 {
    new & !TABLE | old & TABLE
}

impl<M: Memory + Copy> Kernel<M> {
    /// `map`.
    ///
    /// # Errors
    ///
    /// Those of the handles of space (right `WRITE`) and frame; `BadArgument` for no access,
    /// `Misaligned`, `OutOfRange` for the address, `AccessDenied`, `AlreadyMapped`, `NeedMemory`.
    #[inline]
    pub fn map(&self, space: u64, frame: u64, address: u64, access: u64) -> Answer {
        let Some(space_found) = self.capability_nearby(space) else {
            return self.map_elsewhere(space, frame, address, access);
        };
        let Some(frame_found) = self.capability_nearby(frame) else {
            return self.map_elsewhere(space, frame, address, access);
        };
        self.check(space_found, Kind::AddressSpace, Rights::WRITE)?;
        self.check(frame_found, Kind::Frame, Rights::NONE)?;
        let access = Access::from_raw(access).ok_or(Error::BadArgument)?;
        let found = (frame_found.frame(), frame_found.rights());
        self.map_found(
            Number::from_raw(space_found.number()),
            found,
            address,
            access,
        )
    }

    /// `map` with a handle that is empty or not in the table's first chunk: with calls, so that the
    /// usual one has none and needs no stack.
    #[cold]
    #[inline(never)]
    fn map_elsewhere(&self, space: u64, frame: u64, address: u64, access: u64) -> Answer {
        let space = self.find_seldom::<Space>(space, Rights::WRITE)?;
        let found = self.find_frame(frame, Rights::NONE)?;
        let access = Access::from_raw(access).ok_or(Error::BadArgument)?;
        self.map_found(space, found, address, access)
    }

    /// Maps a frame that was found, with what its capability allows.
    #[inline(never)]
    pub(crate) fn map_found(
        &self,
        space: Number<Space>,
        (frame, rights): (Frame, Rights),
        address: u64,
        access: Access,
    ) -> Answer {
        check_page_address(address)?;
        let bits = self.memory.entry(frame, entry::SPACE);
        let attributes = attributes_of(bits, rights, access)?;
        self.map_page(space, frame, address, attributes)
    }

    /// Maps a user frame at a page address.
    #[inline(always)]
    fn map_page(
        &self,
        space: Number<Space>,
        frame: Frame,
        address: u64,
        attributes: u64,
    ) -> Answer {
        let Some(table) = self.find_last_table(space, address) else {
            return self.map_with_pool(space, frame, address, attributes);
        };
        let slot = slot_at(index_at(LAST_LEVEL, address));
        if self.memory.get(table, slot) != 0 {
            return Err(Error::AlreadyMapped);
        }
        if self.memory.entry(frame, entry::SPACE) & FIRST_OR_LARGE != 0 {
            return self.map_with_pool(space, frame, address, attributes);
        }
        self.set_first(space, frame, address);
        self.set_page(table, slot, table_descriptor(frame) | attributes);
        Ok(0)
    }

    /// Maps a frame for the boot of the first process.
    ///
    /// # Errors
    ///
    /// Those of `map`.
    #[inline(never)]
    pub(crate) fn map_at_boot(
        &self,
        space: Number<Space>,
        frame: Frame,
        address: u64,
        access: Access,
    ) -> Answer {
        let rights = if access == Access::READ {
            Rights::READ
        } else {
            Rights::ALL
        };
        self.map_found(space, (frame, rights), address, access)
    }

    pub(crate) fn set_first(&self, space: Number<Space>, frame: Frame, address: u64) {
        let bits = self.memory.entry(frame, entry::SPACE);
        self.memory
            .set_entry(frame, entry::SPACE, bits | space.into_raw());
        let word = self.memory.entry(frame, entry::ADDRESS);
        self.memory
            .set_entry(frame, entry::ADDRESS, word | address >> 12);
    }

    /// Makes an entry valid that was not.
    pub(crate) fn set_page(
        &self,
        table: Number<PageTable>,
        slot: Field<PageTable>,
        descriptor: u64,
    ) {
        self.memory.set(table, slot, descriptor);
        self.count_up(table);
        self.memory.publish_tables();
    }

    /// Maps where frames of the pool may be needed: for tables, a record, a shadow.
    #[inline(never)]
    fn map_with_pool(
        &self,
        space: Number<Space>,
        frame: Frame,
        address: u64,
        attributes: u64,
    ) -> Answer {
        let bits = self.memory.entry(frame, entry::SPACE);
        if bits & user::LARGE != 0 {
            return self.map_large(space, frame, address, attributes);
        }
        let is_first = bits & SPACE_BITS == 0;
        let mut needed = self.missing_tables(space, address)?;
        if !is_first {
            let table = self.find_last_table(space, address);
            needed = needed.wrapping_add(self.missing_for_record(space, table));
        }
        if self.memory.get(space, space::POOL_COUNT) < needed {
            return Err(Error::NeedMemory);
        }
        let table = self.make_last_table(space, address);
        if is_first {
            self.set_first(space, frame, address);
        } else {
            let index = index_at(LAST_LEVEL, address);
            self.add_record(space, (table, index), frame, address);
        }
        let slot = slot_at(index_at(LAST_LEVEL, address));
        self.set_page(table, slot, table_descriptor(frame) | attributes);
        Ok(0)
    }

    /// `unmap`.
    ///
    /// # Errors
    ///
    /// Those of the space's handle (right `WRITE`); `Misaligned`, `OutOfRange`, `NotMapped`.
    pub fn unmap(&self, space: u64, address: u64) -> Answer {
        let space = self.find_seldom::<Space>(space, Rights::WRITE)?;
        check_page_address(address)?;
        let Some(table) = self.find_last_table(space, address) else {
            return self.unmap_large(space, address);
        };
        let descriptor = self
            .memory
            .get(table, slot_at(index_at(LAST_LEVEL, address)));
        if descriptor == 0 {
            return Err(Error::NotMapped);
        }
        self.clear_page(space, table, address, frame_of(descriptor));
        Ok(0)
    }

    /// Removes a mapping: from the frame's side, from the table, from the machine.
    #[inline]
    fn clear_page(
        &self,
        space: Number<Space>,
        table: Number<PageTable>,
        address: u64,
        frame: Frame,
    ) {
        let is_usual = self.memory.entry(table.frame(), entry::RECORDS) == 0
            && self.memory.entry(table.frame(), entry::ID) > 1;
        if !is_usual {
            return self.clear_page_seldom(space, table, address, frame);
        }
        self.clear_first(frame);
        self.memory
            .set(table, slot_at(index_at(LAST_LEVEL, address)), 0);
        self.count_down(table);
        let asid = self.memory.get(space, space::ASID);
        self.leave(Effect::InvalidatePage { asid, address });
    }

    /// The same where records or the table's last mapping may have to go: with calls, so that the
    /// usual case has none and needs no stack.
    #[inline(never)]
    fn clear_page_seldom(
        &self,
        space: Number<Space>,
        table: Number<PageTable>,
        address: u64,
        frame: Frame,
    ) {
        let asid = self.memory.get(space, space::ASID);
        if self.clear_entry_seldom(table, address, frame) {
            self.drop_last_table(space, address);
            self.leave(Effect::InvalidateSpace { asid });
        } else {
            self.leave(Effect::InvalidatePage { asid, address });
        }
    }

    /// Removes a mapping from the frame's side and from the table; answers whether the table is
    /// empty now.
    #[inline(always)]
    pub(crate) fn clear_entry(&self, table: Number<PageTable>, address: u64, frame: Frame) -> bool {
        let is_usual = self.memory.entry(table.frame(), entry::RECORDS) == 0
            && self.memory.entry(table.frame(), entry::ID) > 1;
        if !is_usual {
            return self.clear_entry_seldom(table, address, frame);
        }
        self.clear_first(frame);
        self.memory
            .set(table, slot_at(index_at(LAST_LEVEL, address)), 0);
        self.count_down(table);
        false
    }

    /// The same where a record or the table's last mapping may have to go.
    #[inline(never)]
    fn clear_entry_seldom(&self, table: Number<PageTable>, address: u64, frame: Frame) -> bool {
        let index = index_at(LAST_LEVEL, address);
        self.forget_mapping(table, index, frame);
        self.memory.set(table, slot_at(index), 0);
        self.count_down(table) == 0
    }

    /// Removes the mapping of entry `index` of a table from the side of the frame.
    #[inline(never)]
    pub(crate) fn forget_mapping(&self, table: Number<PageTable>, index: u64, frame: Frame) {
        let record = self.take_shadow(table, index);
        if record.is_none() {
            self.clear_first(frame);
        } else {
            self.drop_record(record);
        }
    }

    /// A frame has no first mapping any more.
    pub(crate) fn clear_first(&self, frame: Frame) {
        let bits = self.memory.entry(frame, entry::SPACE);
        self.memory
            .set_entry(frame, entry::SPACE, bits & !SPACE_BITS);
        let word = self.memory.entry(frame, entry::ADDRESS);
        self.memory
            .set_entry(frame, entry::ADDRESS, word & !PAGE_BITS);
    }

    /// `protect`.
    ///
    /// # Errors
    ///
    /// Those of the space's handle (right `WRITE`); `BadArgument` for no access, `Misaligned`,
    /// `OutOfRange`, `NotMapped`, `AccessDenied` for what neither the frame's mode nor the
    /// capability by which it was mapped allows.
    pub fn protect(&self, space: u64, address: u64, access: u64) -> Answer {
        let space = self.find_seldom::<Space>(space, Rights::WRITE)?;
        let access = Access::from_raw(access).ok_or(Error::BadArgument)?;
        check_page_address(address)?;
        let Some(table) = self.find_last_table(space, address) else {
            return self.protect_large(space, address, access);
        };
        let slot = slot_at(index_at(LAST_LEVEL, address));
        let descriptor = self.memory.get(table, slot);
        if descriptor == 0 {
            return Err(Error::NotMapped);
        }
        self.memory
            .set(table, slot, self.protected(descriptor, access)?);
        let asid = self.memory.get(space, space::ASID);
        self.leave(Effect::InvalidatePage { asid, address });
        Ok(0)
    }

    /// The descriptor of a page with another access.
    ///
    /// # Errors
    ///
    /// `AccessDenied` for what neither the frame's mode nor the capability by which it was mapped
    /// allows.
    #[inline]
    pub(crate) fn protected(&self, descriptor: u64, access: Access) -> Answer {
        let frame = frame_of(descriptor);
        let rights = if descriptor & MAY_WRITE != 0 {
            Rights::READ.union(Rights::WRITE)
        } else {
            Rights::READ
        };
        let bits = self.memory.entry(frame, entry::SPACE);
        let attributes = attributes_of(bits, rights, access)?;
        Ok(like(descriptor, table_descriptor(frame) | attributes))
    }

    /// Removes one mapping of a user frame; answers whether there was one.
    pub(crate) fn unmap_one(&self, frame: Frame) -> bool {
        let record: Number<Record> = Number::from_raw(self.memory.entry(frame, entry::RECORDS));
        let first = self.memory.entry(frame, entry::SPACE) & SPACE_BITS;
        if first != 0 {
            let page = self.memory.entry(frame, entry::ADDRESS) & PAGE_BITS;
            if !self.unmap_from(Number::from_raw(first), page << 12) {
                self.clear_first(frame);
            }
            return true;
        }
        if record.is_none() {
            return false;
        }
        let space: Number<Space> = self.memory.link(record, record::SPACE);
        let address = self.memory.get(record, record::ADDRESS);
        if !self.unmap_from(space, address) {
            self.drop_record(record);
        }
        true
    }

    /// Removes the mapping at `address`; answers whether the space still has tables to walk.
    fn unmap_from(&self, space: Number<Space>, address: u64) -> bool {
        if self.memory.get(space, space::ROOT) == 0 {
            return false;
        }
        let Some(table) = self.find_last_table(space, address) else {
            return self.unmap_large(space, address).is_ok();
        };
        let descriptor = self
            .memory
            .get(table, slot_at(index_at(LAST_LEVEL, address)));
        if descriptor == 0 {
            return false;
        }
        self.clear_page_seldom(space, table, address, frame_of(descriptor));
        true
    }
}
