//! Data processing of the interpreter: immediates and registers.

use crate::machine::{Machine, Stop, bits, cut, register, signed};

type Done = Option<Result<(), Stop>>;

/// The low `count` bits set.
const fn ones(count: u32) -> u64 {
    if count >= 64 { !0 } else { (1 << count) - 1 }
}

/// The masks of a bitfield or of a logical immediate (`DecodeBitMasks` of the Arm manual).
fn bit_masks(word: u32, is_immediate: bool) -> Option<(u64, u64)> {
    let (n, r, s) = (bits(word, 22, 1), bits(word, 16, 6), bits(word, 10, 6));
    let length = (n << 6 | (!s & 0x3F)).checked_ilog2()?;
    if length < 1 {
        return None;
    }
    let size = 1 << length;
    let levels = size - 1;
    if is_immediate && s & levels == levels {
        return None;
    }
    let (s, r) = (s & levels, r & levels);
    let difference = s.wrapping_sub(r) & levels;
    let spread = |element: u64| {
        let mut value = element;
        let mut width = size;
        while width < 64 {
            value |= value << width;
            width *= 2;
        }
        value
    };
    let wide = ones(s + 1);
    let turned = (wide >> r | wide << ((size - r) % size)) & ones(size);
    let turned = if r == 0 { wide } else { turned };
    Some((spread(turned), spread(ones(difference + 1))))
}

/// Shifts or turns the low 64 or 32 bits.
fn shifted(value: u64, kind: u32, amount: u32, is_64: bool) -> u64 {
    let width = if is_64 { 64 } else { 32 };
    let amount = amount % width;
    let value = cut(value, is_64);
    let result = match kind {
        0 => value << amount,
        1 => value >> amount,
        2 => {
            let wide = if is_64 { value } else { extended(value, 6) };
            (wide.cast_signed() >> amount).cast_unsigned()
        }
        _ if is_64 => value.rotate_right(amount),
        _ => value >> amount | value << ((32 - amount) % 32),
    };
    cut(result, is_64)
}

/// An extended register, by its option (`uxtb` to `sxtx`).
pub(crate) fn extended(value: u64, option: u32) -> u64 {
    let width = 8 << (option & 3);
    let low = value & ones(width);
    let is_negative = option & 4 != 0 && low >> (width - 1) & 1 != 0;
    if is_negative { low | !ones(width) } else { low }
}

impl Machine<'_> {
    /// Data processing with an immediate.
    pub(crate) fn immediate(&mut self, address: u64, word: u32) -> Done {
        let is_64 = word >> 31 != 0;
        let (to, from) = (register(word, 0), register(word, 5));
        match bits(word, 23, 3) {
            0 | 1 => {
                let offset = signed(word, 5, 19) << 2 | i64::from(bits(word, 29, 2));
                let value = if is_64 {
                    (address & !0xFFF).wrapping_add_signed(offset << 12)
                } else {
                    address.wrapping_add_signed(offset)
                };
                self.set_x(to, true, value);
            }
            2 => {
                let shift = 12 * bits(word, 22, 1);
                let right = u64::from(bits(word, 10, 12)) << shift;
                let value = self.sum(word, self.x_or_sp(from), right);
                if bits(word, 29, 1) != 0 {
                    self.set_x(to, is_64, value);
                } else {
                    self.set_x_or_sp(to, is_64, value);
                }
            }
            4 => return self.logical_immediate(word),
            5 => return self.move_wide(word),
            6 => return self.bitfield(word),
            7 => return self.extract(word),
            _ => return None,
        }
        Some(Ok(()))
    }

    /// Adds or subtracts as bits 30 and 29 say; sets the flags if they are wanted.
    fn sum(&mut self, word: u32, left: u64, right: u64) -> u64 {
        let is_64 = word >> 31 != 0;
        let is_difference = bits(word, 30, 1) != 0;
        if bits(word, 29, 1) != 0 {
            self.registers.flags = compared(left, right, is_difference, is_64);
        }
        if is_difference {
            left.wrapping_sub(right)
        } else {
            left.wrapping_add(right)
        }
    }

    fn logical_immediate(&mut self, word: u32) -> Done {
        let is_64 = word >> 31 != 0;
        if !is_64 && bits(word, 22, 1) != 0 {
            return None;
        }
        let (mask, _) = bit_masks(word, true)?;
        self.logic(word, mask, true)
    }

    /// `and`, `orr`, `eor`, `ands` with the second operand `right`.
    fn logic(&mut self, word: u32, right: u64, is_immediate: bool) -> Done {
        let is_64 = word >> 31 != 0;
        let left = self.x(register(word, 5));
        let kind = bits(word, 29, 2);
        let value = match kind {
            0 | 3 => left & right,
            1 => left | right,
            _ => left ^ right,
        };
        let value = cut(value, is_64);
        if kind == 3 {
            self.set_logic_flags(value, is_64);
        }
        if is_immediate && kind != 3 {
            self.set_x_or_sp(register(word, 0), is_64, value);
        } else {
            self.set_x(register(word, 0), is_64, value);
        }
        Some(Ok(()))
    }

    fn set_logic_flags(&mut self, value: u64, is_64: bool) {
        let top = if is_64 { 63 } else { 31 };
        let is_negative = value >> top & 1 != 0;
        self.registers.flags = u32::from(is_negative) << 3 | u32::from(value == 0) << 2;
    }

    fn move_wide(&mut self, word: u32) -> Done {
        let is_64 = word >> 31 != 0;
        let place = bits(word, 21, 2);
        if !is_64 && place > 1 {
            return None;
        }
        let shift = 16 * place;
        let value = u64::from(bits(word, 5, 16)) << shift;
        let to = register(word, 0);
        let value = match bits(word, 29, 2) {
            0 => !value,
            2 => value,
            3 => self.x(to) & !(0xFFFF << shift) | value,
            _ => return None,
        };
        self.set_x(to, is_64, value);
        Some(Ok(()))
    }

    fn bitfield(&mut self, word: u32) -> Done {
        let is_64 = word >> 31 != 0;
        let is_sound = bits(word, 22, 1) == u32::from(is_64)
            && (is_64 || bits(word, 16, 6) < 32 && bits(word, 10, 6) < 32);
        if !is_sound {
            return None;
        }
        let (turned_mask, top_mask) = bit_masks(word, false)?;
        let (r, s) = (bits(word, 16, 6), bits(word, 10, 6));
        let (to, source) = (register(word, 0), self.x(register(word, 5)));
        let kind = bits(word, 29, 2);
        let below = if kind == 1 { self.x(to) } else { 0 };
        let turned = shifted(source, 3, r, is_64);
        let bottom = below & !turned_mask | turned & turned_mask;
        let top = match kind {
            0 if source >> s & 1 != 0 => !0,
            0 | 2 => 0,
            1 => self.x(to),
            _ => return None,
        };
        self.set_x(to, is_64, top & !top_mask | bottom & top_mask);
        Some(Ok(()))
    }

    fn extract(&mut self, word: u32) -> Done {
        let is_64 = word >> 31 != 0;
        let amount = bits(word, 10, 6);
        let is_sound = bits(word, 29, 2) == 0
            && bits(word, 21, 1) == 0
            && bits(word, 22, 1) == u32::from(is_64)
            && (is_64 || amount < 32);
        if !is_sound {
            return None;
        }
        let width = if is_64 { 64 } else { 32 };
        let low = cut(self.x(register(word, 16)), is_64) >> amount;
        let high = cut(self.x(register(word, 5)), is_64);
        let high = if amount == 0 {
            0
        } else {
            high << (width - amount)
        };
        self.set_x(register(word, 0), is_64, low | high);
        Some(Ok(()))
    }

    /// Data processing with registers.
    pub(crate) fn register_operation(&mut self, word: u32) -> Done {
        let is_64 = word >> 31 != 0;
        match (bits(word, 28, 1), bits(word, 21, 4)) {
            (0, 0..=7) => {
                let amount = bits(word, 10, 6);
                if !is_64 && amount > 31 {
                    return None;
                }
                let right = shifted(self.x(register(word, 16)), bits(word, 22, 2), amount, is_64);
                let right = if bits(word, 21, 1) != 0 {
                    !right
                } else {
                    right
                };
                self.logic(word, right, false)
            }
            (0, 8 | 10 | 12) => {
                let amount = bits(word, 10, 6);
                if !is_64 && amount > 31 {
                    return None;
                }
                let right = shifted(self.x(register(word, 16)), bits(word, 22, 2), amount, is_64);
                let value = self.sum(word, self.x(register(word, 5)), right);
                self.set_x(register(word, 0), is_64, value);
                Some(Ok(()))
            }
            (0, 9) => self.sum_extended(word),
            (1, 2) => self.compare_if(word),
            (1, 4) => self.select(word),
            (1, 6) if bits(word, 30, 1) != 0 => self.one_source(word),
            (1, 6) => self.two_sources(word),
            (1, 8 | 9 | 13) => self.three_sources(word),
            _ => None,
        }
    }

    fn sum_extended(&mut self, word: u32) -> Done {
        let is_64 = word >> 31 != 0;
        let shift = bits(word, 10, 3);
        if shift > 4 {
            return None;
        }
        let right = extended(self.x(register(word, 16)), bits(word, 13, 3)) << shift;
        let value = self.sum(word, self.x_or_sp(register(word, 5)), right);
        if bits(word, 29, 1) != 0 {
            self.set_x(register(word, 0), is_64, value);
        } else {
            self.set_x_or_sp(register(word, 0), is_64, value);
        }
        Some(Ok(()))
    }

    fn compare_if(&mut self, word: u32) -> Done {
        if bits(word, 29, 1) == 0 || bits(word, 10, 1) != 0 || bits(word, 4, 1) != 0 {
            return None;
        }
        self.registers.flags = if self.holds(bits(word, 12, 4)) {
            let right = if bits(word, 11, 1) != 0 {
                u64::from(bits(word, 16, 5))
            } else {
                self.x(register(word, 16))
            };
            let is_difference = bits(word, 30, 1) != 0;
            compared(
                self.x(register(word, 5)),
                right,
                is_difference,
                word >> 31 != 0,
            )
        } else {
            bits(word, 0, 4)
        };
        Some(Ok(()))
    }

    fn select(&mut self, word: u32) -> Done {
        if bits(word, 29, 1) != 0 || bits(word, 11, 1) != 0 {
            return None;
        }
        let (first, second) = (self.x(register(word, 5)), self.x(register(word, 16)));
        let value = if self.holds(bits(word, 12, 4)) {
            first
        } else {
            let kept = if bits(word, 30, 1) != 0 {
                !second
            } else {
                second
            };
            kept.wrapping_add(u64::from(bits(word, 10, 1)))
        };
        self.set_x(register(word, 0), word >> 31 != 0, value);
        Some(Ok(()))
    }

    fn one_source(&mut self, word: u32) -> Done {
        let is_64 = word >> 31 != 0;
        if bits(word, 29, 1) != 0 || bits(word, 16, 5) != 0 {
            return None;
        }
        let source = cut(self.x(register(word, 5)), is_64);
        let spare = if is_64 { 0 } else { 32 };
        let value = match bits(word, 10, 6) {
            0 => source.reverse_bits() >> spare,
            4 => u64::from(source.leading_zeros() - spare),
            _ => return None,
        };
        self.set_x(register(word, 0), is_64, value);
        Some(Ok(()))
    }

    fn two_sources(&mut self, word: u32) -> Done {
        let is_64 = word >> 31 != 0;
        if bits(word, 29, 1) != 0 {
            return None;
        }
        let (left, right) = (self.x(register(word, 5)), self.x(register(word, 16)));
        let value = match bits(word, 10, 6) {
            kind @ 8..=11 => shifted(left, kind - 8, bits_of_amount(right, is_64), is_64),
            _ => return None,
        };
        self.set_x(register(word, 0), is_64, value);
        Some(Ok(()))
    }

    fn three_sources(&mut self, word: u32) -> Done {
        let is_64 = word >> 31 != 0;
        let (left, right) = (self.x(register(word, 5)), self.x(register(word, 16)));
        let product = match (bits(word, 29, 2), bits(word, 21, 3)) {
            (0, 0) => left.wrapping_mul(right),
            (0, 5) if is_64 => cut(left, false) * cut(right, false),
            _ => return None,
        };
        let rest = self.x(register(word, 10));
        let value = if bits(word, 15, 1) != 0 {
            rest.wrapping_sub(product)
        } else {
            rest.wrapping_add(product)
        };
        self.set_x(register(word, 0), is_64, value);
        Some(Ok(()))
    }
}

fn bits_of_amount(value: u64, is_64: bool) -> u32 {
    let mask = if is_64 { 63 } else { 31 };
    u32::try_from(value & mask).unwrap_or(0)
}

/// N, Z, C and V of a sum or difference.
fn compared(left: u64, right: u64, is_difference: bool, is_64: bool) -> u32 {
    let width = if is_64 { 64 } else { 32 };
    let left = cut(left, is_64);
    let right = cut(if is_difference { !right } else { right }, is_64);
    let whole = u128::from(left) + u128::from(right) + u128::from(is_difference);
    let value = whole & u128::from(ones(width));
    let top = |it: u128| it >> (width - 1) & 1 != 0;
    let same = top(left.into()) == top(right.into());
    let overflow = same && top(value) != top(left.into());
    u32::from(top(value)) << 3
        | u32::from(value == 0) << 2
        | u32::from(whole >> width != 0) << 1
        | u32::from(overflow)
}
