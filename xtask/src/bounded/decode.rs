//! One instruction: where control goes after it, and what it does to the stack pointer. Nothing else
//! of an instruction matters here (Arm ARM DDI 0487, C4.1).

/// Where control goes after an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// To the next instruction.
    Next,
    /// To an address.
    Jump(u64),
    /// To an address or to the next instruction.
    Branch(u64),
    /// To a function, and then to the next instruction.
    Call(u64),
    /// To where a register says.
    IndirectJump(u8),
    /// To the function that a register names, and then to the next instruction.
    IndirectCall(u8),
    /// Back to the caller.
    Return,
    /// To user code.
    Leave,
    /// Nowhere: the instruction is a trap.
    Trap,
    /// Nobody knows.
    Unknown,
}

/// What an instruction does to the stack pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    /// Nothing.
    Same,
    /// It moves by so many bytes.
    Move(i64),
    /// It gets another stack's address.
    Switch,
    /// Nobody knows.
    Unknown,
}

/// The number that stands for the stack pointer or for zero.
pub(crate) const SP: u32 = 31;

/// `width` bits of `word` from bit `low` on.
pub(crate) const fn bits(word: u32, low: u32, width: u32) -> u32 {
    (word >> low) & ((1 << width) - 1)
}

/// The same, as a signed number.
pub(crate) fn signed_bits(word: u32, low: u32, width: u32) -> i64 {
    let value = i64::from(bits(word, low, width));
    let sign = 1_i64 << (width - 1);
    (value ^ sign) - sign
}

/// A register field.
pub(crate) fn register(word: u32, low: u32) -> u8 {
    u8::try_from(bits(word, low, 5)).unwrap_or_default()
}

/// Where control goes after the instruction `word` at `address`.
pub(crate) fn flow(word: u32, address: u64) -> Flow {
    let to = |low, width| address.wrapping_add_signed(4 * signed_bits(word, low, width));
    match word >> 24 {
        0x14..=0x17 => Flow::Jump(to(0, 26)),
        0x94..=0x97 => Flow::Call(to(0, 26)),
        // `b.cond`, `cbz` and `cbnz`, `tbz` and `tbnz`.
        0x54 | 0x34 | 0x35 | 0xB4 | 0xB5 => Flow::Branch(to(5, 19)),
        0x36 | 0x37 | 0xB6 | 0xB7 => Flow::Branch(to(5, 14)),
        // Compare and branch of Armv9.6.
        0x74 | 0x75 | 0xF4 | 0xF5 => Flow::Unknown,
        0xD6 | 0xD7 => match word & 0xFFFF_FC1F {
            0xD61F_0000 => Flow::IndirectJump(register(word, 5)),
            0xD63F_0000 => Flow::IndirectCall(register(word, 5)),
            0xD65F_0000 => Flow::Return,
            0xD69F_0000 => Flow::Leave,
            _ => Flow::Unknown,
        },
        0xD4 => match word & 0xFFE0_001F {
            // `hvc` and `smc`: firmware, which comes back.
            0xD400_0002 | 0xD400_0003 => Flow::Next,
            0xD420_0000 | 0xD440_0000 => Flow::Trap,
            _ => Flow::Unknown,
        },
        0 => Flow::Trap,
        _ => Flow::Next,
    }
}

/// What the instruction does to the stack pointer.
pub(crate) fn stack(word: u32) -> Stack {
    let (target, base) = (bits(word, 0, 5), bits(word, 5, 5));
    // Loads and stores that write their address back: of a pair, of one register.
    let is_pair = word & 0x3A80_0000 == 0x2880_0000;
    let is_single = word & 0x3B20_0400 == 0x3800_0400;
    if (is_pair || is_single) && base == SP {
        let size = if bits(word, 26, 1) == 1 {
            4 << bits(word, 30, 2)
        } else {
            4 << bits(word, 31, 1)
        };
        let single = signed_bits(word, 12, 9);
        let pair = signed_bits(word, 15, 7) * size;
        return Stack::Move(if is_pair { pair } else { single });
    }
    if target != SP {
        return Stack::Same;
    }
    // `add` and `sub` of a constant, without flags.
    if word & 0x3F80_0000 == 0x1100_0000 {
        let amount = i64::from(bits(word, 10, 12)) << (12 * bits(word, 22, 1));
        let is_less = bits(word, 30, 1) == 1;
        return match base {
            SP => Stack::Move(if is_less { -amount } else { amount }),
            _ if amount == 0 => Stack::Switch,
            _ => Stack::Unknown,
        };
    }
    // `add` and `sub` of an extended register, logic with a constant: both can write it.
    let is_extended = word & 0x3FE0_0000 == 0x0B20_0000;
    let is_logic = word & 0x1F80_0000 == 0x1200_0000 && bits(word, 29, 2) != 3;
    if is_extended || is_logic {
        return Stack::Unknown;
    }
    Stack::Same
}

/// How far the address of a load or store moves with each use, in bytes; 0 if it does not.
pub(crate) fn stride(word: u32) -> u64 {
    let is_pair = word & 0x3A80_0000 == 0x2880_0000;
    let is_single = word & 0x3B20_0400 == 0x3800_0400;
    let moved = if is_pair {
        signed_bits(word, 15, 7) * (4 << bits(word, 31, 1))
    } else if is_single {
        signed_bits(word, 12, 9)
    } else {
        0
    };
    moved.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: u64 = 0x4000;

    #[test]
    fn branches_go_where_they_say() {
        for (word, expected) in [
            (0x1400_0002, Flow::Jump(AT + 8)),
            (0x17FF_FFFF, Flow::Jump(AT - 4)),
            (0x9400_0010, Flow::Call(AT + 64)),
            (0x5400_0041, Flow::Branch(AT + 8)),
            (0xB4FF_FFE0, Flow::Branch(AT - 4)),
            (0x3600_0060, Flow::Branch(AT + 12)),
            (0xD61F_0140, Flow::IndirectJump(10)),
            (0xD63F_0100, Flow::IndirectCall(8)),
            (0xD65F_03C0, Flow::Return),
            (0xD69F_03E0, Flow::Leave),
            (0xD420_0020, Flow::Trap),
            (0x0000_0000, Flow::Trap),
            (0xD400_0003, Flow::Next),
            (0xD503_201F, Flow::Next),
        ] {
            assert_eq!(flow(word, AT), expected, "{word:08x}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        // `retaa`, `svc #0`, `cbgt`.
        for word in [0xD65F_0BFF, 0xD400_0001, 0x7400_0000] {
            assert_eq!(flow(word, AT), Flow::Unknown, "{word:08x}");
        }
    }

    #[test]
    fn stack_moves_are_seen() {
        for (word, expected) in [
            (0xA9BD_7BFD, Stack::Move(-48)),  // stp x29, x30, [sp, #-48]!
            (0xA8C3_7BFD, Stack::Move(48)),   // ldp x29, x30, [sp], #48
            (0xF81E_0FFE, Stack::Move(-32)),  // str x30, [sp, #-32]!
            (0xF842_07FE, Stack::Move(32)),   // ldr x30, [sp], #32
            (0xD101_43FF, Stack::Move(-80)),  // sub sp, sp, #80
            (0x9140_07FF, Stack::Move(4096)), // add sp, sp, #1, lsl #12
            (0x9100_00FF, Stack::Switch),     // mov sp, x7
            (0x927C_EC1F, Stack::Unknown),    // and sp, x0, #-16
            (0xCB28_63FF, Stack::Unknown),    // sub sp, sp, x8
            (0xA901_53F3, Stack::Same),       // stp x19, x20, [sp, #16]
            (0xEB01_001F, Stack::Same),       // cmp x0, x1
            (0xF100_401F, Stack::Same),       // cmp x0, #16
        ] {
            assert_eq!(stack(word), expected, "{word:08x}");
        }
    }

    #[test]
    fn strides_are_those_of_the_address() {
        assert_eq!(stride(0xF800_852B), 8); // str x11, [x9], #8
        assert_eq!(stride(0x3800_156D), 1); // strb w13, [x11], #1
        assert_eq!(stride(0xA881_7C1F), 16); // stp xzr, xzr, [x0], #16
        assert_eq!(stride(0xF940_0000), 0); // ldr x0, [x0]
    }
}
