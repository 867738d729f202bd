//! Which registers are zero and which are not, as far as tests have told. Compilers thread jumps so
//! that what was straight code becomes a cycle that is never gone round twice; this shows it.

use super::decode::{Flow, SP, bits, flow, register};
use std::collections::BTreeMap;

/// What is known of registers: which hold the same value, and whether values are zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Values by register; a register that is not there holds the value of its own number.
    values: BTreeMap<u8, u32>,
    is_zero: BTreeMap<u32, bool>,
    next: u32,
}

/// Whether an instruction is `cbz` or `cbnz` of a whole register.
fn is_test(word: u32) -> bool {
    matches!(word >> 24, 0xB4 | 0xB5)
}

impl Facts {
    fn value(&self, register: u8) -> u32 {
        let value = self.values.get(&register).copied();
        value.unwrap_or_else(|| u32::from(register))
    }

    /// Whether a `cbz` or `cbnz` is taken, if that is known.
    pub(crate) fn test(&self, word: u32) -> Option<bool> {
        let value = self.value(register(word, 0));
        let is_zero = *self.is_zero.get(&value).filter(|_| is_test(word))?;
        Some(is_zero != (bits(word, 24, 1) == 1))
    }

    /// Learns from a branch that it was taken, or not.
    pub(crate) fn learn(&mut self, word: u32, is_taken: bool) {
        if is_test(word) {
            let is_zero = is_taken != (bits(word, 24, 1) == 1);
            self.is_zero.insert(self.value(register(word, 0)), is_zero);
        } else {
            self.perform(word);
        }
    }

    /// Performs an instruction: a move copies a value, any other makes new ones.
    pub(crate) fn perform(&mut self, word: u32) {
        let is_move = word & 0xFFE0_FFE0 == 0xAA00_03E0 && bits(word, 16, 5) != SP;
        if is_move {
            let value = self.value(register(word, 16));
            self.values.insert(register(word, 0), value);
            return;
        }
        match flow(word, 0) {
            Flow::Next => {
                for low in [0, 5, 10, 16] {
                    self.forget(register(word, low));
                }
            }
            Flow::Jump(_) | Flow::Branch(_) => {}
            Flow::Call(_)
            | Flow::IndirectJump(_)
            | Flow::IndirectCall(_)
            | Flow::Return
            | Flow::Leave
            | Flow::Trap
            | Flow::Unknown => (0..32).for_each(|it| self.forget(it)),
        }
    }

    fn forget(&mut self, register: u8) {
        /// Above the values that registers hold from the beginning.
        const FIRST: u32 = 32;
        self.next += 1;
        self.values.insert(register, FIRST + self.next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOVE_8_TO_24: u32 = 0xAA08_03F8;
    const BRANCH_IF_8: u32 = 0xB500_0008;
    const BRANCH_IF_24: u32 = 0xB500_0018;

    #[test]
    fn what_was_tested_is_known_of_its_copy() {
        let mut facts = Facts::default();
        facts.learn(BRANCH_IF_8, true);
        assert_eq!(facts.test(BRANCH_IF_24), None);
        facts.perform(MOVE_8_TO_24);
        assert_eq!(facts.test(BRANCH_IF_24), Some(true));
    }

    #[test]
    fn what_is_tested_later_is_known_of_an_earlier_copy() {
        let mut facts = Facts::default();
        facts.perform(MOVE_8_TO_24);
        facts.learn(BRANCH_IF_8, true);
        assert_eq!(facts.test(BRANCH_IF_24), Some(true));
    }

    #[test]
    fn what_is_written_is_unknown() {
        let mut facts = Facts::default();
        facts.learn(BRANCH_IF_8, true);
        facts.perform(0xF940_0008); // ldr x8, [x0]
        assert_eq!(facts.test(BRANCH_IF_8), None);
    }
}
