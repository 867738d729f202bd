//! Address spaces: page tables of three levels, and the pool of frames that they are made of.
//!
//! An entry of a table is zero or valid. A table's frame counts its valid entries, and goes back to
//! the pool with the last one. Every frame that was given to a space is a table under its first one,
//! the shadow of one, in one of its lists of records, or in the list `POOL`. What is in `POOL` is all
//! zero, and can be withdrawn.
//!
//! An ASID is invalidated when its space dies, and again when it is given out: between the two, no
//! thread of the dead space runs, but the core may still walk its tables on speculation until it
//! loads another root.
//!
//! Arm ARM DDI 0487, D8.3: the stage 1 translation table descriptors of the 4 KiB granule.

use ipc_abi::boot::USER_END;
use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;

use crate::create::{HOLDER, frame_number};
use crate::frame::SPACE_BITS;
use crate::kernel::{Answer, Effect, Kernel};
use crate::memory::{Fields, Memory};
use crate::object::{
    Field, Frame, FrameKind, NUMBER_BITS, Number, PageTable, Region, Space, entry, sort, space,
};

/// A descriptor of a table, or of a page in a last-level table: valid, and not a block.
pub(crate) const TABLE_OR_PAGE: u64 = 0b11;
/// The bit of a valid descriptor that is clear in a block.
pub(crate) const TABLE: u64 = 0b10;
/// The address in a descriptor.
pub(crate) const DESCRIPTOR_ADDRESS: u64 = ((1 << (NUMBER_BITS + 6)) - 1) & !0xFFF;
/// Where the level of a table stands in its frame's entry word `SPACE`.
pub(crate) const LEVEL_SHIFT: u32 = 60;
/// The level of a space's first table.
pub(crate) const FIRST_LEVEL: u64 = 1;
/// The level of the tables in which a large frame is a block.
pub(crate) const BLOCK_LEVEL: u64 = 2;
/// The level of the tables whose entries are pages.
pub(crate) const LAST_LEVEL: u64 = 3;

/// Entries of a table.
pub(crate) const TABLE_ENTRIES: u64 = 512;

/// Where the ASID stands in `TTBR0_EL1`.
const ASID_SHIFT: u32 = 48;
/// Address bits below those that choose the entry of a last-level table.
const PAGE_SHIFT: u64 = 12;
/// Address bits that choose the entry of one level.
const LEVEL_BITS: u64 = 9;

/// Which entry of a table of `level` an address goes through.
#[must_use]
pub(crate) const fn index_at(level: u64, address: u64) -> u64 {
    let shift = PAGE_SHIFT.wrapping_add(LEVEL_BITS.wrapping_mul(LAST_LEVEL.wrapping_sub(level)));
    (address >> (shift & 63)) & ((1 << LEVEL_BITS) - 1)
}

/// How many pages go through one entry of a table of `level`.
#[must_use]
pub(crate) const fn pages_at(level: u64) -> u64 {
    1 << (LEVEL_BITS.wrapping_mul(LAST_LEVEL.wrapping_sub(level)) & 63)
}

/// Entry `index` of a table.
#[must_use]
pub(crate) const fn slot_at(index: u64) -> Field<PageTable> {
    Field::new(0).at(index)
}

/// The frame that a valid descriptor names.
#[must_use]
pub(crate) const fn frame_of(descriptor: u64) -> Frame {
    Frame((descriptor & DESCRIPTOR_ADDRESS) >> PAGE_SHIFT)
}

/// The descriptor of a table.
#[must_use]
pub(crate) const fn table_descriptor(frame: Frame) -> u64 {
    frame.0 << PAGE_SHIFT | TABLE_OR_PAGE
}

/// Checks an address that a system call names.
///
/// # Errors
///
/// `Misaligned`, `OutOfRange`.
pub(crate) const fn check_page_address(address: u64) -> Result<(), Error> {
    if address & 0xFFF != 0 {
        return Err(Error::Misaligned);
    }
    if address >= USER_END {
        Err(Error::OutOfRange)
    } else {
        Ok(())
    }
}

impl<M: Memory + Copy> Kernel<M> {
    /// `create_space`.
    ///
    /// # Errors
    ///
    /// Those of every creation, and of the handle `allowance` (right `WRITE`); `BadArgument` if it
    /// is not one of ASIDs, `Exhausted` if it has none left; `OutOfRange`, `NotWhole`, `NotFree` also
    /// for the frame `root`.
    pub fn create_space(
        &self,
        region: u64,
        object: u64,
        destination: u64,
        allowance: u64,
        root: u64,
    ) -> Answer {
        let vacancy = self.find_vacancy::<Space>(region, object, destination)?;
        let allowance = self.find_allowance(allowance, sort::ASID)?;
        let root = Frame(root);
        self.check_whole(vacancy.region, root)?;
        if root == vacancy.frame() {
            return Err(Error::NotFree);
        }
        let asid = self.find_asid(allowance)?;
        self.finish(&vacancy, Kind::AddressSpace, HOLDER)?;
        self.take_number(sort::ASID, asid, vacancy.number);
        self.prepare_space(vacancy.region, vacancy.number(), asid, root);
        self.leave(Effect::InvalidateSpace { asid });
        Ok(0)
    }

    /// Gives a new space its ASID and first table.
    pub(crate) fn prepare_space(
        &self,
        region: Number<Region>,
        space: Number<Space>,
        asid: u64,
        root: Frame,
    ) {
        let owner = space.into_raw() | FIRST_LEVEL << LEVEL_SHIFT;
        self.take_whole(region, root, FrameKind::PageTable, owner);
        self.memory.set(space, space::ASID, asid);
        self.memory
            .set_link(space, space::ROOT, frame_number::<PageTable>(root));
    }

    /// `TTBR0_EL1` of a space.
    pub(crate) fn root_of(&self, space: Number<Space>) -> u64 {
        let root: Number<PageTable> = self.memory.link(space, space::ROOT);
        self.memory.get(space, space::ASID) << ASID_SHIFT | root.into_raw() << 6
    }

    /// `space_donate`.
    ///
    /// # Errors
    ///
    /// Those of the handles of space and region (right `WRITE`); `OutOfRange`, `NotWhole`, `NotFree`
    /// for the frame.
    pub fn space_donate(&self, space: u64, region: u64, frame: u64) -> Answer {
        let space = self.find_seldom::<Space>(space, Rights::WRITE)?;
        let region = self.find_seldom::<Region>(region, Rights::WRITE)?;
        self.check_whole(region, Frame(frame))?;
        self.donate(space, region, Frame(frame));
        Ok(0)
    }

    /// `space_withdraw`.
    ///
    /// # Errors
    ///
    /// Those of the space's handle (right `WRITE`); `NeedMemory` if every frame is in use.
    pub fn space_withdraw(&self, space: u64) -> Answer {
        let space = self.find_seldom::<Space>(space, Rights::WRITE)?;
        if self.memory.get(space, space::POOL_COUNT) == 0 {
            return Err(Error::NeedMemory);
        }
        let frame = self.pop_pool(space, FrameKind::Pool);
        self.free_whole(frame);
        Ok(frame.0)
    }

    /// Adds a free frame of the region's own part to a space's pool.
    pub(crate) fn donate(&self, space: Number<Space>, region: Number<Region>, frame: Frame) {
        self.take_whole(region, frame, FrameKind::Pool, space.into_raw());
        self.push_pool(space, frame);
    }

    /// Adds a frame of the space, of kind `Pool` and all zero, to its pool.
    fn push_pool(&self, space: Number<Space>, frame: Frame) {
        self.memory
            .set_entry(frame, entry::RECORDS, self.memory.get(space, space::POOL));
        self.memory.set(space, space::POOL, frame.0);
        let count = self.memory.get(space, space::POOL_COUNT);
        self.memory
            .set(space, space::POOL_COUNT, count.wrapping_add(1));
    }

    /// Takes a frame from a pool that is known not to be empty, for use as `kind`.
    pub(crate) fn pop_pool(&self, space: Number<Space>, kind: FrameKind) -> Frame {
        let frame = Frame(self.memory.get(space, space::POOL));
        self.memory
            .set(space, space::POOL, self.memory.entry(frame, entry::RECORDS));
        self.memory.set_entry(frame, entry::RECORDS, 0);
        let count = self.memory.get(space, space::POOL_COUNT);
        self.memory
            .set(space, space::POOL_COUNT, count.wrapping_sub(1));
        self.memory.set_kind(frame, kind as u8);
        frame
    }

    /// Gives a frame of the space that is all zero back to its pool.
    pub(crate) fn return_to_pool(&self, space: Number<Space>, frame: Frame) {
        self.memory.set_kind(frame, FrameKind::Pool as u8);
        self.memory.set_entry(frame, entry::ID, 0);
        self.memory.set_entry(frame, entry::SPACE, space.into_raw());
        self.push_pool(space, frame);
    }

    /// The table below the entry for `address` in `table`, which is one of `level`; none if there is
    /// nothing or a block.
    #[inline(always)]
    pub(crate) fn next_table(
        &self,
        table: Number<PageTable>,
        level: u64,
        address: u64,
    ) -> Option<Number<PageTable>> {
        let descriptor = self.memory.get(table, slot_at(index_at(level, address)));
        if descriptor & TABLE == 0 {
            None
        } else {
            Some(frame_number(frame_of(descriptor)))
        }
    }

    /// The last-level table through which `address` goes, if there is one.
    #[inline(always)]
    pub(crate) fn find_last_table(
        &self,
        space: Number<Space>,
        address: u64,
    ) -> Option<Number<PageTable>> {
        let root: Number<PageTable> = self.memory.link(space, space::ROOT);
        let middle = self.next_table(root, FIRST_LEVEL, address)?;
        self.next_table(middle, BLOCK_LEVEL, address)
    }

    /// The table through which blocks at `address` go, if there is one.
    pub(crate) fn find_middle_table(
        &self,
        space: Number<Space>,
        address: u64,
    ) -> Option<Number<PageTable>> {
        let root: Number<PageTable> = self.memory.link(space, space::ROOT);
        self.next_table(root, FIRST_LEVEL, address)
    }

    /// How many tables are missing on the way to the page at `address`.
    ///
    /// # Errors
    ///
    /// `AlreadyMapped` if a block is in the way.
    pub(crate) fn missing_tables(&self, space: Number<Space>, address: u64) -> Answer {
        let Some(middle) = self.find_middle_table(space, address) else {
            return Ok(2);
        };
        let slot = slot_at(index_at(BLOCK_LEVEL, address));
        let descriptor = self.memory.get(middle, slot);
        if descriptor == 0 {
            Ok(1)
        } else if descriptor & TABLE == 0 {
            Err(Error::AlreadyMapped)
        } else {
            Ok(0)
        }
    }

    /// The last-level table for `address`, made of frames of the pool, which has enough, where it
    /// is missing.
    pub(crate) fn make_last_table(&self, space: Number<Space>, address: u64) -> Number<PageTable> {
        let middle = self.make_middle_table(space, address);
        self.make_next_table(space, middle, BLOCK_LEVEL, address)
    }

    /// The same for the table through which blocks go.
    pub(crate) fn make_middle_table(
        &self,
        space: Number<Space>,
        address: u64,
    ) -> Number<PageTable> {
        let root: Number<PageTable> = self.memory.link(space, space::ROOT);
        self.make_next_table(space, root, FIRST_LEVEL, address)
    }

    #[inline(never)]
    fn make_next_table(
        &self,
        space: Number<Space>,
        table: Number<PageTable>,
        level: u64,
        address: u64,
    ) -> Number<PageTable> {
        if let Some(next) = self.next_table(table, level, address) {
            return next;
        }
        let frame = self.pop_pool(space, FrameKind::PageTable);
        let owner = space.into_raw() | level.wrapping_add(1) << LEVEL_SHIFT;
        self.memory.set_entry(frame, entry::SPACE, owner);
        // That the frame is zero must be seen before that it is a table: a walk on speculation would
        // find what was there before, and a TLB would keep it.
        self.memory.publish_tables();
        self.memory.set(
            table,
            slot_at(index_at(level, address)),
            table_descriptor(frame),
        );
        self.count_up(table);
        frame_number(frame)
    }

    /// A table has one valid entry more.
    #[inline]
    pub(crate) fn count_up(&self, table: Number<PageTable>) {
        let count = self.memory.entry(table.frame(), entry::ID);
        self.memory
            .set_entry(table.frame(), entry::ID, count.wrapping_add(1));
    }

    /// A table has one valid entry less; answers how many are left.
    #[inline]
    pub(crate) fn count_down(&self, table: Number<PageTable>) -> u64 {
        self.count_by(table, 0_u64.wrapping_sub(1))
    }

    /// A table has `change` valid entries more, modulo 2 to the power of 64; answers how many it has.
    #[inline]
    pub(crate) fn count_by(&self, table: Number<PageTable>, change: u64) -> u64 {
        let count = self.memory.entry(table.frame(), entry::ID);
        let count = count.wrapping_add(change);
        self.memory.set_entry(table.frame(), entry::ID, count);
        count
    }

    /// Gives the last-level table for `address`, which is empty, and those above it that become
    /// empty, but not the first, back to the pool. The walk may have cached them: the caller leaves
    /// an [`Effect::InvalidateSpace`].
    #[inline(never)]
    pub(crate) fn drop_last_table(&self, space: Number<Space>, address: u64) {
        let Some(middle) = self.find_middle_table(space, address) else {
            return;
        };
        let Some(last) = self.next_table(middle, BLOCK_LEVEL, address) else {
            return;
        };
        self.return_table(space, last);
        self.memory
            .set(middle, slot_at(index_at(BLOCK_LEVEL, address)), 0);
        if self.count_down(middle) == 0 {
            self.drop_middle_table(space, middle, address);
        }
    }

    /// The same for a table of blocks and tables, which is empty.
    pub(crate) fn drop_middle_table(
        &self,
        space: Number<Space>,
        middle: Number<PageTable>,
        address: u64,
    ) {
        let root: Number<PageTable> = self.memory.link(space, space::ROOT);
        self.return_table(space, middle);
        self.memory
            .set(root, slot_at(index_at(FIRST_LEVEL, address)), 0);
        self.count_down(root);
    }

    /// Gives an empty table and its shadow back to the pool.
    #[inline(never)]
    fn return_table(&self, space: Number<Space>, table: Number<PageTable>) {
        let shadow = Frame(self.memory.entry(table.frame(), entry::RECORDS));
        if shadow.0 != 0 {
            self.return_to_pool(space, shadow);
        }
        self.return_to_pool(space, table.frame());
    }

    /// The space to which a table, shadow, record or pool frame belongs.
    pub(crate) fn space_of(&self, frame: Frame) -> Number<Space> {
        Number::from_raw(self.memory.entry(frame, entry::SPACE) & SPACE_BITS)
    }
}
