//! What has to follow when a descriptor of a page table that the machine may walk changes: the rules
//! of the Arm architecture as data.
//!
//! [`change_of`] tells from the old and the new descriptor what kind of change it is, [`duty_of`]
//! what must happen before user code runs again. The kernel makes only changes of which no rule is
//! [`Duty::Never`]: break-before-make takes an unmapped moment, which is for whoever maps to choose.
//! The host machine of the tests holds every store to a table of a living space against this table
//! ([`crate::host`]): whichever function made it, and whatever effects it left.
//!
//! Sources: Arm ARM DDI 0487, D8.16 (TLB maintenance), D8.16.1 (break-before-make), D8.3
//! (descriptors).

use crate::mapping::{NO_EXECUTE_KERNEL, NO_EXECUTE_USER, READ_ONLY};
use crate::space::{DESCRIPTOR_ADDRESS, TABLE};

/// A descriptor is valid.
const VALID: u64 = 1;
/// Bits that hardware ignores and software may use.
const IGNORED: u64 = 0xF << 55;
/// What may change while a page or block stays valid: permissions, and what hardware ignores.
const PERMISSIONS: u64 = READ_ONLY | NO_EXECUTE_KERNEL | NO_EXECUTE_USER | IGNORED;

/// A kind of change of one descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// None.
    Nothing,
    /// What was invalid becomes valid: a page, block or table.
    Appears,
    /// A page or block becomes invalid.
    LeafGoes,
    /// A table becomes invalid.
    TableGoes,
    /// A page or block gets other permissions.
    Permissions,
    /// A page or block gets another memory type, or is no longer of its ASID alone.
    Type,
    /// A page or block leads to another address, or a table to another table.
    Moves,
    /// A block becomes a table, or the reverse.
    Size,
}

/// What has to follow a change before user code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Nothing.
    Nothing,
    /// The store is complete for the table walk: `dsb ishst`. No TLB holds what was invalid.
    Publish,
    /// The same, then the address is invalidated, or all of the ASID.
    ForgetAddress,
    /// The same, then all of the ASID is invalidated: the walk may have cached the table itself.
    ForgetSpace,
    /// It must not be done while the descriptor is valid: make it invalid, invalidate, then write.
    Never,
}

/// Each change, what must follow, and where that is written.
pub const RULES: &[(Change, Duty, &str)] = &[
    (Change::Nothing, Duty::Nothing, "-"),
    (Change::Appears, Duty::Publish, "D8.16"),
    (Change::LeafGoes, Duty::ForgetAddress, "D8.16"),
    (Change::TableGoes, Duty::ForgetSpace, "D8.16"),
    (Change::Permissions, Duty::ForgetAddress, "D8.16.1"),
    (Change::Type, Duty::Never, "D8.16.1"),
    (Change::Moves, Duty::Never, "D8.16.1"),
    (Change::Size, Duty::Never, "D8.16.1"),
];

/// What kind of change it is when, in a table whose entries are pages (`is_last`) or not, `old`
/// becomes `new`.
#[must_use]
pub const fn change_of(is_last: bool, old: u64, new: u64) -> Change {
    let is_leaf = is_last || old & TABLE == 0;
    if old == new {
        Change::Nothing
    } else if old & VALID == 0 {
        Change::Appears
    } else if new & VALID == 0 {
        if is_leaf {
            Change::LeafGoes
        } else {
            Change::TableGoes
        }
    } else if (old ^ new) & TABLE != 0 {
        Change::Size
    } else if (old ^ new) & DESCRIPTOR_ADDRESS != 0 {
        Change::Moves
    } else if is_leaf && (old ^ new) & !PERMISSIONS == 0 {
        Change::Permissions
    } else {
        Change::Type
    }
}

/// What must follow a change.
#[must_use]
pub fn duty_of(change: Change) -> Duty {
    RULES
        .iter()
        .find(|rule| rule.0 == change)
        .map_or(Duty::Never, |rule| rule.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{DEVICE_MEMORY, MAY_WRITE};

    const PAGE: u64 = 0x4000_0000 | 0xF43;
    const BLOCK: u64 = PAGE & !TABLE;
    const TABLE_ENTRY: u64 = 0x4000_1000 | 3;

    #[test]
    fn every_change_has_one_rule() {
        let changes = [
            Change::Nothing,
            Change::Appears,
            Change::LeafGoes,
            Change::TableGoes,
            Change::Permissions,
            Change::Type,
            Change::Moves,
            Change::Size,
        ];
        for change in changes {
            let count = RULES.iter().filter(|rule| rule.0 == change).count();
            assert_eq!(count, 1, "{change:?}");
        }
        assert_eq!(RULES.len(), changes.len());
    }

    #[test]
    fn changes_are_told_apart() {
        for (is_last, old, new, change) in [
            (true, 0, PAGE, Change::Appears),
            (false, 0, BLOCK, Change::Appears),
            (false, 0, TABLE_ENTRY, Change::Appears),
            (true, PAGE, 0, Change::LeafGoes),
            (false, BLOCK, 0, Change::LeafGoes),
            (false, TABLE_ENTRY, 0, Change::TableGoes),
            (true, PAGE, PAGE, Change::Nothing),
            (true, PAGE, PAGE ^ READ_ONLY, Change::Permissions),
            (true, PAGE, PAGE ^ NO_EXECUTE_USER, Change::Permissions),
            (
                false,
                BLOCK,
                BLOCK ^ READ_ONLY ^ MAY_WRITE,
                Change::Permissions,
            ),
            (true, PAGE, PAGE ^ DEVICE_MEMORY, Change::Type),
            (true, PAGE, PAGE ^ 1 << 11, Change::Type),
            (true, PAGE, PAGE ^ 0x1000, Change::Moves),
            (false, TABLE_ENTRY, TABLE_ENTRY ^ 0x1000, Change::Moves),
            (false, BLOCK, TABLE_ENTRY, Change::Size),
            (false, TABLE_ENTRY, BLOCK, Change::Size),
        ] {
            assert_eq!(change_of(is_last, old, new), change, "{old:#x} {new:#x}");
        }
    }

    #[test]
    fn what_needs_break_before_make_is_never_done() {
        for change in [Change::Type, Change::Moves, Change::Size] {
            assert_eq!(duty_of(change), Duty::Never);
        }
    }
}
