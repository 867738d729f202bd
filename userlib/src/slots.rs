//! The empty slots of the process's capability table: whoever fills one takes it here first.

use ipc_abi::startup::SlotRange;

use crate::sync::Mutex;

/// Slots of a table that was not extended.
const TABLE_SLOTS: usize = 256;

/// The slots of this process.
pub(crate) static SLOTS: Slots = Slots::new();

/// Which slots are whose.
#[derive(Debug)]
pub(crate) struct Slots {
    uses: Mutex<[Use; TABLE_SLOTS]>,
}

/// What a slot is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It is not this process's to fill.
    Closed,
    /// It is empty, and nobody's.
    Free,
    /// Somebody has it.
    Taken,
    /// Capabilities that come with requests arrive there.
    Window,
}

impl Slots {
    pub(crate) const fn new() -> Slots {
        Slots {
            uses: Mutex::new([Use::Closed; TABLE_SLOTS]),
        }
    }

    /// Adds slots; what is behind the end of the table is left alone.
    pub(crate) fn offer(&self, range: SlotRange) {
        let mut uses = self.uses.lock();
        let offered = uses.iter_mut().skip(range.first as usize);
        for slot in offered.take(range.count as usize) {
            *slot = Use::Free;
        }
    }

    /// Takes `count` slots, one after the other; tells the first.
    pub(crate) fn take(&self, count: u32, wanted: Use) -> Option<u32> {
        let mut uses = self.uses.lock();
        let mut first = 0;
        let mut length = 0;
        for (slot, found) in (0..).zip(uses.iter()) {
            if length == count {
                break;
            }
            if *found == Use::Free {
                length += 1;
            } else {
                (first, length) = (slot + 1, 0);
            }
        }
        if length < count {
            return None;
        }
        let run = uses.iter_mut().skip(first as usize);
        for slot in run.take(count as usize) {
            *slot = wanted;
        }
        Some(first)
    }

    /// Gives back `count` empty slots, one after the other.
    pub(crate) fn give_back(&self, first: u32, count: u32) {
        let mut uses = self.uses.lock();
        let run = uses.iter_mut().skip(first as usize);
        for slot in run.take(count as usize) {
            debug_assert!(matches!(*slot, Use::Taken | Use::Window));
            *slot = Use::Free;
        }
    }

    /// What a slot is used for.
    pub(crate) fn usage(&self, slot: u32) -> Use {
        let uses = self.uses.lock();
        uses.get(slot as usize).copied().unwrap_or(Use::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(first: u32, count: u32) -> Slots {
        let slots = Slots::new();
        slots.offer(SlotRange { first, count });
        slots
    }

    #[test]
    fn runs_are_taken_up_to_the_last_slot_and_come_back() {
        let slots = slots(32, 6);
        assert_eq!(slots.take(4, Use::Taken), Some(32));
        assert_eq!(slots.take(3, Use::Taken), None);
        assert_eq!(slots.take(2, Use::Window), Some(36));
        assert_eq!(slots.take(1, Use::Taken), None);
        slots.give_back(33, 2);
        assert_eq!(slots.take(3, Use::Taken), None, "not one after the other");
        assert_eq!(slots.take(2, Use::Taken), Some(33));
        assert_eq!(
            (slots.usage(35), slots.usage(36)),
            (Use::Taken, Use::Window)
        );
        assert_eq!(
            (slots.usage(31), slots.usage(9999)),
            (Use::Closed, Use::Closed)
        );
    }

    #[test]
    fn table_ends_where_it_ends() {
        let slots = slots(254, 9);
        assert_eq!(slots.take(3, Use::Taken), None);
        assert_eq!(slots.take(2, Use::Taken), Some(254));
        assert_eq!(Slots::new().take(1, Use::Taken), None);
    }
}
