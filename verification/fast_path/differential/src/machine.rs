//! An interpreter of AArch64 instructions: registers, branches and system instructions.
//!
//! It knows the instructions of the two message paths and refuses every other encoding, so that what it
//! does not know is noticed. That it is right about them is checked against Unicorn (see the README).
//! Arithmetic is in `arithmetic`, loads and stores in `transfer`.

use crate::image::{INSTRUCTION_BYTES, Image};
use crate::store::Store;

/// Instructions after which a run is given up.
const INSTRUCTIONS_MAX: u64 = 4_000;

/// A system register that the paths use, by its fields in `mrs` and `msr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SystemRegister {
    /// Its name.
    pub(crate) name: &'static str,
    /// Bits 20:5 of the instruction.
    code: u32,
}

const fn system(name: &'static str, parts: [u32; 5]) -> SystemRegister {
    let [op0, op1, crn, crm, op2] = parts;
    let code = op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2;
    SystemRegister { name, code }
}

/// The system registers of the model.
pub(crate) const SYSTEM: [SystemRegister; 9] = [
    system("esr_el1", [3, 0, 5, 2, 0]),
    system("elr_el1", [3, 0, 4, 0, 1]),
    system("spsr_el1", [3, 0, 4, 0, 0]),
    system("sp_el0", [3, 0, 4, 1, 0]),
    system("tpidr_el0", [3, 3, 13, 0, 2]),
    system("tpidr_el1", [3, 0, 13, 0, 4]),
    system("ttbr0_el1", [3, 0, 2, 0, 0]),
    system("cpacr_el1", [3, 0, 1, 0, 2]),
    system("far_el1", [3, 0, 6, 0, 0]),
];

/// Places in [`SYSTEM`].
pub(crate) const ESR: usize = 0;
/// The user's program counter.
pub(crate) const ELR: usize = 1;
/// The user's program state.
pub(crate) const SPSR: usize = 2;
/// The user's stack pointer.
pub(crate) const SP_EL0: usize = 3;
/// The user's thread pointer.
pub(crate) const TPIDR_EL0: usize = 4;
/// The core's object.
pub(crate) const TPIDR_EL1: usize = 5;
/// The user's tables.
pub(crate) const TTBR0: usize = 6;
/// Who may use floating-point registers.
pub(crate) const CPACR: usize = 7;

/// All registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registers {
    /// `x0` to `x30`.
    pub(crate) x: [u64; 31],
    /// `SP_EL1`.
    pub(crate) sp: u64,
    /// The next instruction.
    pub(crate) pc: u64,
    /// N, Z, C and V, in bits 3:0.
    pub(crate) flags: u32,
    /// In the order of [`SYSTEM`].
    pub(crate) system: [u64; SYSTEM.len()],
}

impl Registers {
    /// All of them zero.
    pub(crate) const fn zero() -> Registers {
        Registers {
            x: [0; 31],
            sp: 0,
            pc: 0,
            flags: 0,
            system: [0; SYSTEM.len()],
        }
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// At an `eret`, which was not executed.
    Return,
    /// Before the instruction at an address that the caller named.
    Reached(u64),
    /// At an instruction that is not on the list.
    Refused(u64),
    /// At an access to an address that no scenario has.
    Fault(u64),
    /// It never ends.
    Endless,
}

/// A processor with its memory.
pub(crate) struct Machine<'a> {
    pub(crate) image: &'a Image,
    pub(crate) store: &'a Store,
    pub(crate) registers: Registers,
}

/// Bits `low` to `low + width - 1` of an instruction.
pub(crate) const fn bits(word: u32, low: u32, width: u32) -> u32 {
    word >> low & ((1 << width) - 1)
}

/// The same as a signed number.
pub(crate) const fn signed(word: u32, low: u32, width: u32) -> i64 {
    let value = bits(word, low, width) as i64;
    value - ((value >> (width - 1)) << width)
}

/// The register in bits `low` to `low + 4`.
pub(crate) const fn register(word: u32, low: u32) -> usize {
    bits(word, low, 5) as usize
}

impl Machine<'_> {
    /// Runs until an `eret`, or until one of the addresses `ends`; calls `each` with every address and
    /// whether the instruction branched.
    pub(crate) fn run(&mut self, ends: &[u64], mut each: impl FnMut(u64, bool)) -> Stop {
        for _ in 0..INSTRUCTIONS_MAX {
            let address = self.registers.pc;
            if ends.contains(&address) {
                return Stop::Reached(address);
            }
            let Some(word) = self.image.instruction(address) else {
                return Stop::Refused(address);
            };
            self.registers.pc = address.wrapping_add(INSTRUCTION_BYTES);
            if let Err(stop) = self.execute(address, word) {
                self.registers.pc = address;
                return stop;
            }
            each(address, self.registers.pc != address.wrapping_add(4));
        }
        Stop::Endless
    }

    fn execute(&mut self, address: u64, word: u32) -> Result<(), Stop> {
        match bits(word, 25, 4) {
            0b1000 | 0b1001 => self.immediate(address, word),
            0b1010 | 0b1011 => self.branch(address, word),
            0b0100 | 0b0110 | 0b1100 | 0b1110 => self.transfer(word),
            0b0101 | 0b1101 => self.register_operation(word),
            _ => None,
        }
        .unwrap_or(Err(Stop::Refused(address)))
    }

    /// `x<index>`, or zero.
    pub(crate) fn x(&self, index: usize) -> u64 {
        self.registers.x.get(index).copied().unwrap_or(0)
    }

    /// `x<index>` or, where 31 means it, the stack pointer.
    pub(crate) fn x_or_sp(&self, index: usize) -> u64 {
        let registers = &self.registers;
        registers.x.get(index).copied().unwrap_or(registers.sp)
    }

    /// Writes `x<index>`, or nothing.
    pub(crate) fn set_x(&mut self, index: usize, is_64: bool, value: u64) {
        if let Some(register) = self.registers.x.get_mut(index) {
            *register = cut(value, is_64);
        }
    }

    /// Writes `x<index>` or the stack pointer.
    pub(crate) fn set_x_or_sp(&mut self, index: usize, is_64: bool, value: u64) {
        if index == 31 {
            self.registers.sp = cut(value, is_64);
        } else {
            self.set_x(index, is_64, value);
        }
    }

    /// Whether a condition holds.
    pub(crate) fn holds(&self, condition: u32) -> bool {
        let flag = |bit: u32| self.registers.flags >> bit & 1 != 0;
        let (n, z, c, v) = (flag(3), flag(2), flag(1), flag(0));
        let base = match condition >> 1 {
            0 => z,
            1 => c,
            2 => n,
            3 => v,
            4 => c && !z,
            5 => n == v,
            6 => n == v && !z,
            _ => return true,
        };
        base != (condition & 1 != 0)
    }

    /// Branches and system instructions. `None` if it is none of them.
    fn branch(&mut self, address: u64, word: u32) -> Option<Result<(), Stop>> {
        let jump = |offset: i64| address.wrapping_add_signed(offset * 4);
        let target = if bits(word, 26, 5) == 0b00101 {
            if word >> 31 != 0 {
                self.registers.x[30] = address.wrapping_add(INSTRUCTION_BYTES);
            }
            Some(jump(signed(word, 0, 26)))
        } else if bits(word, 24, 8) == 0b0101_0100 && bits(word, 4, 1) == 0 {
            self.holds(bits(word, 0, 4))
                .then(|| jump(signed(word, 5, 19)))
        } else if bits(word, 25, 6) == 0b011010 {
            let is_zero = cut(self.x(register(word, 0)), word >> 31 != 0) == 0;
            (is_zero != (bits(word, 24, 1) != 0)).then(|| jump(signed(word, 5, 19)))
        } else if bits(word, 25, 6) == 0b011011 {
            let bit = bits(word, 31, 1) << 5 | bits(word, 19, 5);
            let is_zero = self.x(register(word, 0)) >> bit & 1 == 0;
            (is_zero != (bits(word, 24, 1) != 0)).then(|| jump(signed(word, 5, 14)))
        } else if word & 0xFF9F_FC1F == 0xD61F_0000 && bits(word, 21, 2) != 3 {
            let target = self.x(register(word, 5));
            if bits(word, 21, 2) == 1 {
                self.registers.x[30] = address.wrapping_add(INSTRUCTION_BYTES);
            }
            Some(target)
        } else if word == 0xD69F_03E0 {
            return Some(Err(Stop::Return));
        } else {
            return self.system(word);
        };
        if let Some(target) = target {
            self.registers.pc = target;
        }
        Some(Ok(()))
    }

    fn system(&mut self, word: u32) -> Option<Result<(), Stop>> {
        const NOP: u32 = 0xD503_201F;
        // `dsb`, `dmb` and `isb` order what one core does anyway.
        let is_barrier = word & 0xFFFF_F01F == 0xD503_301F && matches!(bits(word, 5, 3), 4..=6);
        if word == NOP || is_barrier {
            return Some(Ok(()));
        }
        let is_read = match bits(word, 20, 12) {
            0b1101_0101_0011 => true,
            0b1101_0101_0001 => false,
            _ => return None,
        };
        let code = bits(word, 5, 15) | 1 << 15;
        let at = SYSTEM.iter().position(|known| known.code == code)?;
        if is_read {
            self.set_x(register(word, 0), true, self.registers.system[at]);
        } else {
            self.registers.system[at] = self.x(register(word, 0));
        }
        Some(Ok(()))
    }
}

/// A value as a register of 64 or 32 bits holds it.
pub(crate) const fn cut(value: u64, is_64: bool) -> u64 {
    if is_64 { value } else { value & 0xFFFF_FFFF }
}
