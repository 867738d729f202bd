//! The kernel's own page tables: descriptors, and [`Tables`], which fills them. Runs on the host.
//!
//! Four levels of 4 KiB tables for the upper half of the address space (`TTBR1_EL1`, 48 bits). The
//! tables are written once, before they are used; user tables are `pecan_core`'s.

/// Bytes of one table.
pub const TABLE_BYTES: usize = 4096;
/// How many tables the kernel has: enough for 64 GiB of memory in one range (a host test counts).
pub const TABLES: usize = 48;
/// Entries of one table.
const ENTRIES: usize = 512;
/// A table.
pub type Table = [u64; ENTRIES];

const VALID: u64 = 1;
/// At level 3 a page, above it a table; without it a block.
const TABLE_OR_PAGE: u64 = 1 << 1;
const ATTRIBUTE_SHIFT: u32 = 2;
const READ_ONLY: u64 = 1 << 7;
const INNER_SHAREABLE: u64 = 3 << 8;
const ACCESSED: u64 = 1 << 10;
const PRIVILEGED_EXECUTE_NEVER: u64 = 1 << 53;
const USER_EXECUTE_NEVER: u64 = 1 << 54;
const ADDRESS: u64 = 0x0000_FFFF_FFFF_F000;

/// Index in `MAIR_EL1` of normal memory, write-back.
pub const NORMAL: u64 = 0;
/// Index in `MAIR_EL1` of devices: nGnRnE.
pub const DEVICE: u64 = 1;

/// What the kernel may do with a page. User code can do nothing with any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everything: only in the first tables, until the kernel has read the device tree.
    EarlyMemory,
    /// Read and write.
    Data,
    /// Read.
    Constants,
    /// Read and execute.
    Code,
    /// Read and write, registers of a device.
    Device,
}

impl Access {
    const fn bits(self) -> u64 {
        let normal = NORMAL << ATTRIBUTE_SHIFT | INNER_SHAREABLE;
        let common = VALID | ACCESSED | USER_EXECUTE_NEVER;
        match self {
            Access::EarlyMemory => common | normal,
            Access::Data => common | normal | PRIVILEGED_EXECUTE_NEVER,
            Access::Constants => common | normal | PRIVILEGED_EXECUTE_NEVER | READ_ONLY,
            Access::Code => common | normal | READ_ONLY,
            Access::Device => common | DEVICE << ATTRIBUTE_SHIFT | PRIVILEGED_EXECUTE_NEVER,
        }
    }
}

/// The descriptor of a block (levels 1 and 2) at `physical`.
#[must_use]
pub const fn block(physical: u64, access: Access) -> u64 {
    physical & ADDRESS | access.bits()
}

const fn page(physical: u64, access: Access) -> u64 {
    block(physical, access) | TABLE_OR_PAGE
}

/// Why something cannot be mapped. Both are mistakes of the kernel or a board that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TablesError {
    /// More tables are needed than [`TABLES`].
    Full,
    /// Something else is mapped there.
    Occupied,
}

impl TablesError {
    /// What to tell a person.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            TablesError::Full => "too few tables for this machine's memory",
            TablesError::Occupied => "two things of this machine lie at one address",
        }
    }
}

/// The kernel's tables while they are written. The first one is the root (level 0).
pub struct Tables<'a> {
    tables: &'a mut [Table],
    physical: u64,
    used: usize,
}

impl<'a> Tables<'a> {
    /// Starts with `tables`, all zero, which lie at `physical`.
    #[must_use]
    pub fn new(tables: &'a mut [Table], physical: u64) -> Tables<'a> {
        Tables {
            tables,
            physical,
            used: 1,
        }
    }

    /// The physical address of the root.
    #[must_use]
    pub fn root(&self) -> u64 {
        self.physical
    }

    /// How many tables are in use.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used
    }

    /// Maps `bytes` bytes from `address` to `physical` (all multiples of 4096), with blocks of 1 GiB
    /// and 2 MiB where they fit.
    ///
    /// # Errors
    ///
    /// [`TablesError`]; the tables are then of no use.
    pub fn map(
        &mut self,
        mut address: u64,
        mut physical: u64,
        bytes: u64,
        access: Access,
    ) -> Result<(), TablesError> {
        let mut left = bytes;
        while left > 0 {
            let level = largest_level(address | physical, left);
            let descriptor = if level == 3 {
                page(physical, access)
            } else {
                block(physical, access)
            };
            self.set(address, level, descriptor)?;
            let size = level_bytes(level);
            address = address.wrapping_add(size);
            physical = physical.wrapping_add(size);
            left = left.saturating_sub(size);
        }
        Ok(())
    }

    fn set(&mut self, address: u64, level: u32, descriptor: u64) -> Result<(), TablesError> {
        let mut table = 0;
        for above in 0..level {
            table = self.descend(table, index(address, above))?;
        }
        let entry = self.entry(table, index(address, level))?;
        if *entry != 0 {
            return Err(TablesError::Occupied);
        }
        *entry = descriptor;
        Ok(())
    }

    /// The table below entry `index` of `table`; a new one if there is none.
    fn descend(&mut self, table: usize, index: usize) -> Result<usize, TablesError> {
        let base = self.physical;
        let next = self.used;
        let entry = self.entry(table, index)?;
        if *entry == 0 {
            let address = base.wrapping_add((next as u64).wrapping_mul(TABLE_BYTES as u64));
            *entry = address | VALID | TABLE_OR_PAGE;
            self.used = next.wrapping_add(1);
            return if self.used > self.tables.len() {
                Err(TablesError::Full)
            } else {
                Ok(next)
            };
        }
        if *entry & TABLE_OR_PAGE == 0 {
            return Err(TablesError::Occupied);
        }
        let offset = (*entry & ADDRESS).wrapping_sub(base);
        usize::try_from(offset >> 12).map_err(|_| TablesError::Full)
    }

    fn entry(&mut self, table: usize, index: usize) -> Result<&mut u64, TablesError> {
        self.tables
            .get_mut(table)
            .and_then(|table| table.get_mut(index))
            .ok_or(TablesError::Full)
    }
}

/// Bytes that an entry of `level` (0–3) covers.
const fn level_bytes(level: u32) -> u64 {
    1 << 12_u32.wrapping_add(9_u32.wrapping_mul(3_u32.wrapping_sub(level)))
}

/// The level of the largest block or page that `alignment` and `bytes` allow.
const fn largest_level(alignment: u64, bytes: u64) -> u32 {
    let mut level = 1;
    while level < 3 {
        let size = level_bytes(level);
        if alignment & size.wrapping_sub(1) == 0 && bytes >= size {
            return level;
        }
        level = level.wrapping_add(1);
    }
    3
}

const fn index(address: u64, level: u32) -> usize {
    let shift = 12_u32.wrapping_add(9_u32.wrapping_mul(3_u32.wrapping_sub(level)));
    ((address >> shift) & 0x1FF) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    const BASE: u64 = 0x4030_0000;

    fn empty(count: usize) -> Vec<Table> {
        vec![[0; ENTRIES]; count]
    }

    /// Walks like the hardware: the physical address and the leaf's bits.
    fn walk(tables: &[Table], address: u64) -> Option<(u64, u64)> {
        let mut table = 0;
        for level in 0..4 {
            let entry = tables[table][index(address, level)];
            if entry & VALID == 0 {
                return None;
            }
            if level == 3 || entry & TABLE_OR_PAGE == 0 {
                let offset = address & (level_bytes(level) - 1);
                return Some(((entry & ADDRESS) + offset, entry & !ADDRESS));
            }
            table = usize::try_from((entry & ADDRESS) - BASE).unwrap() / TABLE_BYTES;
        }
        None
    }

    #[test]
    fn a_range_is_mapped_exactly() {
        let mut memory = empty(8);
        let mut tables = Tables::new(&mut memory, BASE);
        let start = 0xFFFF_0000_401F_F000;
        tables
            .map(start, 0x401F_F000, 0x40_2000, Access::Data)
            .unwrap();
        for offset in (0..0x40_2000).step_by(4096) {
            assert_eq!(
                walk(&memory, start + offset).unwrap().0,
                0x401F_F000 + offset
            );
        }
        assert_eq!(walk(&memory, start - 1), None);
        assert_eq!(walk(&memory, start + 0x40_2000), None);
    }

    #[test]
    fn large_blocks_are_used_where_they_fit() {
        let mut memory = empty(2);
        let mut tables = Tables::new(&mut memory, BASE);
        tables
            .map(0xFFFF_0000_4000_0000, 0x4000_0000, 64 << 30, Access::Data)
            .unwrap();
        assert_eq!(tables.used(), 2);
    }

    #[test]
    fn what_does_not_line_up_is_mapped_in_pages() {
        let mut memory = empty(5);
        let mut tables = Tables::new(&mut memory, BASE);
        tables
            .map(0xFFFF_0000_4000_0000, 0x4000_1000, 2 << 20, Access::Data)
            .unwrap();
        let (physical, bits) = walk(&memory, 0xFFFF_0000_4000_0000).unwrap();
        assert_eq!(
            (physical, bits & TABLE_OR_PAGE),
            (0x4000_1000, TABLE_OR_PAGE)
        );
    }

    #[test]
    fn nothing_is_mapped_twice() {
        let mut memory = empty(8);
        let mut tables = Tables::new(&mut memory, BASE);
        tables
            .map(0xFFFF_0000_4000_0000, 0x4000_0000, 2 << 20, Access::Data)
            .unwrap();
        let again = tables.map(0xFFFF_0000_4000_1000, 0x4000_1000, 4096, Access::Data);
        assert_eq!(again, Err(TablesError::Occupied));
        let again = tables.map(0xFFFF_0000_4000_0000, 0x4000_0000, 2 << 20, Access::Data);
        assert_eq!(again, Err(TablesError::Occupied));
    }

    #[test]
    fn one_table_too_few_is_an_error() {
        let mut memory = empty(3);
        let mut tables = Tables::new(&mut memory, BASE);
        let result = tables.map(0xFFFF_0000_4000_0000, 0x4000_0000, 4096, Access::Data);
        assert_eq!(result, Err(TablesError::Full));
    }

    #[test]
    fn no_access_is_both_writable_and_executable() {
        for access in [
            Access::Data,
            Access::Constants,
            Access::Code,
            Access::Device,
        ] {
            let bits = access.bits();
            let is_writable = bits & READ_ONLY == 0;
            let is_executable = bits & PRIVILEGED_EXECUTE_NEVER == 0;
            assert!(!(is_writable && is_executable), "{access:?}");
        }
    }

    #[test]
    fn user_code_reaches_nothing() {
        let user_accessible = 1 << 6;
        for access in [
            Access::EarlyMemory,
            Access::Data,
            Access::Constants,
            Access::Code,
            Access::Device,
        ] {
            assert_eq!(access.bits() & user_accessible, 0);
            assert_ne!(access.bits() & USER_EXECUTE_NEVER, 0);
        }
    }
}
