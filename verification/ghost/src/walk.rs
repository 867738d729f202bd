//! What an address means to the processor: the tables under a `TTBR0_EL1`, walked as the hardware walks
//! them, by the bits that the architecture names and by nothing of the kernel's.
//!
//! Arm ARM DDI 0487, D8.2 and D8.3: stage 1, 4 KiB granule, 39 bits of address, so three levels.

use alloc::vec::Vec;

/// The level at which a walk of 39 bits starts.
const FIRST_LEVEL: u32 = 1;
/// The level whose descriptors are pages.
const LAST_LEVEL: u32 = 3;
/// Descriptors of a table.
const DESCRIPTORS: u64 = 512;

// Descriptor bits (D8.3.1).
const VALID: u64 = 1;
const TABLE_OR_PAGE: u64 = 1 << 1;
const ADDRESS: u64 = 0x0000_FFFF_FFFF_F000;
const ATTRIBUTE_INDEX: u64 = 7 << 2;
const ACCESS_EL0: u64 = 1 << 6;
const READ_ONLY: u64 = 1 << 7;
const INNER_SHAREABLE: u64 = 3 << 8;
const ACCESSED: u64 = 1 << 10;
const NOT_GLOBAL: u64 = 1 << 11;
const EXECUTE_NEVER_EL1: u64 = 1 << 53;
const EXECUTE_NEVER_EL0: u64 = 1 << 54;
/// Of a table's descriptor: bits 63:59 restrict what is below.
const RESTRICTIONS: u64 = 0x1F << 59;

/// What a page or block lets user code do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its first address.
    pub address: u64,
    /// The frame that is there.
    pub frame: u64,
    /// How many frames it covers: 1 or 512.
    pub frames: u64,
    /// Whether user code may write.
    pub is_writable: bool,
    /// Whether user code may execute.
    pub is_executable: bool,
    /// Which of the memory attributes of `MAIR_EL1` it has.
    pub attribute: u64,
}

/// A descriptor that no table of the kernel's should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Odd {
    /// What is wrong with it.
    pub rule: &'static str,
    /// The physical address of the descriptor.
    pub at: u64,
    /// The descriptor.
    pub descriptor: u64,
}

/// All that user code can reach under `root`, the value of `TTBR0_EL1`, in the order of addresses. `load`
/// reads a word of physical memory.
///
/// # Errors
///
/// The first descriptor that is [`Odd`].
pub fn walk(load: &impl Fn(u64) -> u64, root: u64) -> Result<Vec<Leaf>, Odd> {
    let mut leaves = Vec::new();
    walk_table(load, root & ADDRESS, FIRST_LEVEL, 0, &mut leaves)?;
    Ok(leaves)
}

fn walk_table(
    load: &impl Fn(u64) -> u64,
    table: u64,
    level: u32,
    base: u64,
    leaves: &mut Vec<Leaf>,
) -> Result<(), Odd> {
    let shift = 12 + 9 * (LAST_LEVEL - level);
    for index in 0..DESCRIPTORS {
        let at = table + index * 8;
        let descriptor = load(at);
        if descriptor & VALID == 0 {
            // The kernel keeps nothing in what the hardware ignores.
            ensure(
                descriptor == 0,
                "an invalid descriptor is zero",
                at,
                descriptor,
            )?;
            continue;
        }
        let address = base | index << shift;
        let is_table_or_page = descriptor & TABLE_OR_PAGE != 0;
        if level < LAST_LEVEL && is_table_or_page {
            let is_plain = descriptor & RESTRICTIONS == 0;
            ensure(is_plain, "a table restricts nothing", at, descriptor)?;
            walk_table(load, descriptor & ADDRESS, level + 1, address, leaves)?;
        } else {
            let is_known = if level == LAST_LEVEL {
                is_table_or_page
            } else {
                level + 1 == LAST_LEVEL
            };
            ensure(
                is_known,
                "a leaf is a page or a block of 2 MiB",
                at,
                descriptor,
            )?;
            leaves.push(read_leaf(descriptor, at, (address, 1 << (shift - 12)))?);
        }
    }
    Ok(())
}

fn read_leaf(descriptor: u64, at: u64, (address, frames): (u64, u64)) -> Result<Leaf, Odd> {
    let has = |bits| descriptor & bits == bits;
    let frame = (descriptor & ADDRESS) >> 12;
    for (fact, rule) in [
        (has(ACCESS_EL0), "a leaf is for user code"),
        (has(INNER_SHAREABLE), "a leaf is inner shareable"),
        (has(ACCESSED), "a leaf needs no access flag"),
        (has(NOT_GLOBAL), "a leaf belongs to its ASID"),
        (has(EXECUTE_NEVER_EL1), "the kernel executes no user memory"),
        (frame.is_multiple_of(frames), "a block is aligned"),
    ] {
        ensure(fact, rule, at, descriptor)?;
    }
    let leaf = Leaf {
        address,
        frame,
        frames,
        is_writable: !has(READ_ONLY),
        is_executable: !has(EXECUTE_NEVER_EL0),
        attribute: (descriptor & ATTRIBUTE_INDEX) >> 2,
    };
    let is_both = leaf.is_writable && leaf.is_executable;
    ensure(
        !is_both,
        "nothing is writable and executable",
        at,
        descriptor,
    )?;
    Ok(leaf)
}

const fn ensure(fact: bool, rule: &'static str, at: u64, descriptor: u64) -> Result<(), Odd> {
    if fact {
        Ok(())
    } else {
        Err(Odd {
            rule,
            at,
            descriptor,
        })
    }
}
