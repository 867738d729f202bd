//! The free slots of the supervisor's own capability table.

use alloc::vec::Vec;

/// Which slots are free.
#[derive(Clone, Debug)]
pub struct Slots {
    returned: Vec<u32>,
    next: u32,
    end: u32,
}

impl Slots {
    /// Starts with the slots from `first` to below `end`.
    #[must_use]
    pub const fn new(first: u32, end: u32) -> Slots {
        Slots {
            returned: Vec::new(),
            next: first,
            end,
        }
    }

    /// Takes a slot; `None` if the table has to be extended first.
    pub fn take(&mut self) -> Option<u32> {
        if let Some(slot) = self.returned.pop() {
            return Some(slot);
        }
        let slot = self.next;
        if slot >= self.end {
            return None;
        }
        self.next = slot.saturating_add(1);
        Some(slot)
    }

    /// Gives back an empty slot that [`Slots::take`] gave, once.
    pub fn give_back(&mut self, slot: u32) {
        self.returned.push(slot);
    }

    /// The table has got `count` slots more.
    pub const fn extend(&mut self, count: u32) {
        self.end = self.end.saturating_add(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_given_once_and_come_back() {
        let mut slots = Slots::new(16, 18);
        assert_eq!(
            [slots.take(), slots.take(), slots.take()],
            [Some(16), Some(17), None]
        );
        slots.give_back(16);
        assert_eq!([slots.take(), slots.take()], [Some(16), None]);
        slots.extend(1);
        assert_eq!([slots.take(), slots.take()], [Some(18), None]);
    }
}
