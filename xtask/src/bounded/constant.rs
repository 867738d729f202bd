//! What registers are known to hold at a place of the code. That tells the system calls apart, finds
//! the function of each in the assembly's table, and knows how many bytes a `memcpy` is for.

use super::decode::{SP, bits, register, signed_bits};
use super::kernel::Kernel;
use std::collections::BTreeMap;

/// Registers whose value is known when a function is entered.
pub(crate) type Known = BTreeMap<u8, u64>;

/// `ESR_EL1` in the encoding of `mrs`, and the register's place in it.
const READ_SYNDROME: u32 = 0xD538_5200;
/// Registers that carry arguments: `x0` to `x7`.
const ARGUMENTS: u8 = 8;

/// Condition flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flags {
    negative: bool,
    zero: bool,
    carry: bool,
    overflow: bool,
}

/// What is known at a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    known: Known,
    flags: Option<Flags>,
    /// What `ESR_EL1` holds.
    pub syndrome: Option<u64>,
}

fn mask(is_wide: bool) -> u64 {
    if is_wide {
        u64::MAX
    } else {
        u64::from(u32::MAX)
    }
}

fn subtract(one: u64, other: u64, is_wide: bool) -> (u64, Flags) {
    let result = one.wrapping_sub(other) & mask(is_wide);
    let sign = |value: u64| value >> (if is_wide { 63 } else { 31 }) & 1 == 1;
    let flags = Flags {
        negative: sign(result),
        zero: result == 0,
        carry: one >= other,
        overflow: sign(one) != sign(other) && sign(result) != sign(one),
    };
    (result, flags)
}

impl State {
    /// With registers that are known.
    pub(crate) fn with(known: &Known) -> Self {
        Self {
            known: known.clone(),
            ..Self::default()
        }
    }

    /// After an exception with a syndrome.
    pub(crate) fn after_exception(syndrome: u64) -> Self {
        Self {
            syndrome: Some(syndrome),
            ..Self::default()
        }
    }

    /// What is known whichever of two ways control came.
    pub(crate) fn meet(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.known
            .retain(|register, value| other.known.get(register) == Some(value));
        both.flags = self.flags.filter(|_| self.flags == other.flags);
        both.syndrome = self.syndrome.filter(|_| self.syndrome == other.syndrome);
        both
    }

    /// What is known after a call: nothing of registers.
    pub(crate) fn after_call(&self) -> Self {
        Self {
            syndrome: self.syndrome,
            ..Self::default()
        }
    }

    /// A register's value; register 31 is zero here.
    pub(crate) fn get(&self, register: u8) -> Option<u64> {
        if u32::from(register) == SP {
            return Some(0);
        }
        self.known.get(&register).copied()
    }

    /// What is known of the arguments.
    pub(crate) fn arguments(&self) -> Known {
        let known = self
            .known
            .iter()
            .filter(|(register, _)| **register < ARGUMENTS);
        known.map(|(register, value)| (*register, *value)).collect()
    }

    fn set(&mut self, register: u8, value: Option<u64>) {
        match value {
            Some(value) if u32::from(register) != SP => {
                self.known.insert(register, value);
            }
            _ => {
                self.known.remove(&register);
            }
        }
    }

    fn is_true(&self, condition: u32) -> Option<bool> {
        let it = self.flags?;
        let holds = match condition >> 1 {
            0 => it.zero,
            1 => it.carry,
            2 => it.negative,
            3 => it.overflow,
            4 => it.carry && !it.zero,
            5 => it.negative == it.overflow,
            6 => it.negative == it.overflow && !it.zero,
            _ => return Some(true),
        };
        Some(holds != (condition & 1 == 1))
    }

    /// Whether the conditional branch `word` is taken.
    pub(crate) fn is_taken(&self, word: u32) -> Option<bool> {
        let is_inverted = bits(word, 24, 1) == 1;
        match word >> 24 {
            0x54 => self.is_true(bits(word, 0, 4)),
            0x34 | 0x35 | 0xB4 | 0xB5 => {
                let value = self.get(register(word, 0))? & mask(word >> 31 == 1);
                Some((value == 0) != is_inverted)
            }
            _ => {
                let bit = bits(word, 31, 1) << 5 | bits(word, 19, 5);
                let value = self.get(register(word, 0))? >> bit & 1;
                Some((value == 0) != is_inverted)
            }
        }
    }

    /// Performs an instruction that is no branch, or forgets whatever it may have changed.
    pub(crate) fn perform(&mut self, word: u32, address: u64, kernel: &Kernel) {
        if let Some(value) = self.result(word, address, kernel) {
            self.set(register(word, 0), value);
            return;
        }
        if self.compare(word) {
            return;
        }
        // Stores without write-back, of one register and of a pair, and `msr`, change no register.
        let is_store = word & 0xFFC0_0000 == 0xF900_0000 || word & 0xFFC0_0000 == 0xA900_0000;
        if is_store || word & 0xFFF0_0000 == 0xD510_0000 {
            return;
        }
        // The fields in which an instruction can name a register that it writes.
        for low in [0, 5, 10, 16] {
            self.set(register(word, low), None);
        }
        self.flags = None;
    }

    /// What goes to the target of an instruction that changes nothing else; `None` for any other.
    fn result(&self, word: u32, address: u64, kernel: &Kernel) -> Option<Option<u64>> {
        let is_wide = word >> 31 == 1;
        let base = self.get(register(word, 5));
        let second = self.get(register(word, 16));
        let amount = u64::from(bits(word, 10, 12)) << (12 * bits(word, 22, 1));
        let is_plain = u32::from(register(word, 5)) != SP && u32::from(register(word, 0)) != SP;
        let value = match word >> 23 & 0x3F {
            // movz
            0x25 if bits(word, 29, 2) == 2 => {
                Some(u64::from(bits(word, 5, 16)) << (16 * bits(word, 21, 2)))
            }
            // add, sub with a constant
            0x22 if is_plain && bits(word, 29, 1) == 0 => {
                let is_less = bits(word, 30, 1) == 1;
                let sum = |it: u64| match is_less {
                    true => it.wrapping_sub(amount),
                    false => it.wrapping_add(amount),
                };
                base.map(|it| sum(it) & mask(is_wide))
            }
            _ => return self.other_result(word, address, kernel, second),
        };
        Some(value)
    }

    fn other_result(
        &self,
        word: u32,
        address: u64,
        kernel: &Kernel,
        second: Option<u64>,
    ) -> Option<Option<u64>> {
        let is_wide = word >> 31 == 1;
        let base = self.get(register(word, 5));
        // mov of a register
        if word & 0x7FE0_FFE0 == 0x2A00_03E0 {
            return Some(second.map(|it| it & mask(is_wide)));
        }
        // adr
        if word & 0x9F00_0000 == 0x1000_0000 {
            let offset = signed_bits(word, 5, 19) << 2 | i64::from(bits(word, 29, 2));
            return Some(Some(address.wrapping_add_signed(offset)));
        }
        // adrp
        if word & 0x9F00_0000 == 0x9000_0000 {
            let pages = signed_bits(word, 5, 19) << 2 | i64::from(bits(word, 29, 2));
            return Some(Some((address & !0xFFF).wrapping_add_signed(pages << 12)));
        }
        // add of a shifted register
        if word & 0x7FE0_0000 == 0x0B00_0000 {
            let shifted = second.map(|it| it << bits(word, 10, 6));
            let sum = base.and_then(|base| shifted.map(|it| base.wrapping_add(it)));
            return Some(sum.map(|it| it & mask(is_wide)));
        }
        // and with a constant of ones
        if word & 0x7FE0_0000 == 0x1200_0000 && bits(word, 16, 6) == 0 && !is_wide {
            let ones = mask(false) >> (31 - bits(word, 10, 6).min(31));
            return Some(base.map(|it| it & ones));
        }
        // csel
        if word & 0x7FE0_0C00 == 0x1A80_0000 {
            let chosen = self
                .is_true(bits(word, 12, 4))
                .and_then(|is_first| match is_first {
                    true => base,
                    false => second,
                });
            return Some(chosen.map(|it| it & mask(is_wide)));
        }
        if word & 0xFFFF_FFE0 == READ_SYNDROME {
            return Some(self.syndrome);
        }
        // mrs of any other register; ldr with an offset
        if word & 0xFFF0_0000 == 0xD530_0000 || word & 0xBFC0_0000 == 0xB940_0000 {
            return Some(None);
        }
        self.loaded(word, kernel)
    }

    /// Loads by base and index, as tables are read.
    fn loaded(&self, word: u32, kernel: &Kernel) -> Option<Option<u64>> {
        if word & 0x3F20_0C00 != 0x3820_0800 || bits(word, 22, 2) == 0 {
            return None;
        }
        let size_log = bits(word, 30, 2);
        let index = self.get(register(word, 16));
        let index = match bits(word, 13, 3) {
            2 => index.map(|it| it & mask(false)),
            3 => index,
            _ => None,
        };
        let index = index.map(|it| it << (size_log * bits(word, 12, 1)));
        let address = self.get(register(word, 5)).zip(index);
        let address = address.map(|(base, index)| base.wrapping_add(index));
        let value = address.and_then(|it| kernel.constant(it, 1 << size_log));
        Some(match (bits(word, 22, 2), size_log) {
            (1, _) => value,
            // ldrsw
            (2, 2) => value.map(signed_word),
            _ => None,
        })
    }

    /// `cmp` with a constant, `subs` of constants or registers: the flags, and the difference.
    fn compare(&mut self, word: u32) -> bool {
        let is_wide = word >> 31 == 1;
        let first = self.get(register(word, 5));
        let second = if word & 0x7F80_0000 == 0x7100_0000 {
            Some(u64::from(bits(word, 10, 12)) << (12 * bits(word, 22, 1)))
        } else if word & 0x7FE0_FC00 == 0x6B00_0000 {
            self.get(register(word, 16))
        } else {
            return false;
        };
        // In the form with a constant, register 31 is the stack pointer.
        let is_stack = word & 0x7F80_0000 == 0x7100_0000 && bits(word, 5, 5) == SP;
        let both = first.zip(second).filter(|_| !is_stack);
        let outcome =
            both.map(|(one, other)| subtract(one & mask(is_wide), other & mask(is_wide), is_wide));
        self.flags = outcome.map(|(_, flags)| flags);
        self.set(register(word, 0), outcome.map(|(difference, _)| difference));
        true
    }
}

fn signed_word(value: u64) -> u64 {
    let sign = 1_u64 << 31;
    (value ^ sign).wrapping_sub(sign)
}
