//! What a debugger names: the registers of a thread, and what its debug registers may hold.

use crate::boot::USER_END;

/// The most hardware breakpoints of a thread; the processor may have fewer.
pub const BREAKPOINTS_MAX: u64 = 6;
/// The most watchpoints of a thread; the processor may have fewer.
pub const WATCHPOINTS_MAX: u64 = 4;

/// What `thread_configure` chooses: bits.
pub mod thread_flag {
    /// It may use floating-point and vector registers.
    pub const FLOATING: u64 = 1;
    /// Each `svc` of it is a fault of cause [`crate::fault::FaultCause::ForeignCall`].
    pub const FOREIGN: u64 = 2;
    /// From this bit on: its incarnation, any number by which its starter knows it. A caller learns it
    /// when the thread dies before it answers.
    pub const INCARNATION_SHIFT: u32 = 32;
    /// All of them.
    pub const ALL: u64 = FLOATING | FOREIGN | !0 << INCARNATION_SHIFT;
}

/// A register of a thread that is not running: see [`Register::from_raw`] for the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// `x0` to `x30`.
    General(u64),
    /// `sp`.
    StackPointer,
    /// The program counter.
    ProgramCounter,
    /// The bits of [`crate::fault::PROGRAM_STATE`].
    Flags,
    /// `TPIDR_EL0`.
    ThreadPointer,
    /// `fpcr`.
    FloatingControl,
    /// `fpsr`.
    FloatingStatus,
    /// Half *n* % 2 (0: the low one) of vector register *n* / 2.
    VectorHalf(u64),
    /// `DBGBVR<n>_EL1`: a multiple of 4 below [`USER_END`].
    BreakpointAddress(u64),
    /// `DBGBCR<n>_EL1`: 0 or [`BREAKPOINT_ON`].
    BreakpointControl(u64),
    /// `DBGWVR<n>_EL1`: a multiple of 8 below [`USER_END`].
    WatchpointAddress(u64),
    /// `DBGWCR<n>_EL1`: 0 or made by [`watchpoint_on`].
    WatchpointControl(u64),
}

const VECTOR: u64 = 64;
const BREAKPOINT: u64 = 128;
const WATCHPOINT: u64 = 144;

impl Register {
    /// Reads the number of a register: 0–30 `x0`–`x30`, 31 `sp`, 32 program counter, 33 flags, 34
    /// thread pointer, 35 `fpcr`, 36 `fpsr`, 64–127 halves of `v0`–`v31`, 128–139 address and control of
    /// each hardware breakpoint in turn, 144–151 of each watchpoint.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Option<Register> {
        Some(match raw {
            0..=30 => Register::General(raw),
            31 => Register::StackPointer,
            32 => Register::ProgramCounter,
            33 => Register::Flags,
            34 => Register::ThreadPointer,
            35 => Register::FloatingControl,
            36 => Register::FloatingStatus,
            64..=127 => Register::VectorHalf(raw & 63),
            128..=139 => match raw & 1 {
                0 => Register::BreakpointAddress((raw & 15) / 2),
                _ => Register::BreakpointControl((raw & 15) / 2),
            },
            144..=151 => match raw & 1 {
                0 => Register::WatchpointAddress((raw & 7) / 2),
                _ => Register::WatchpointControl((raw & 7) / 2),
            },
            _ => return None,
        })
    }

    /// The number of the register; one that no register has if the index is too great.
    #[must_use]
    pub const fn into_raw(self) -> u64 {
        const NONE: u64 = u64::MAX;
        let (first, index, count) = match self {
            Register::General(index) => (0, index, 31),
            Register::StackPointer => (31, 0, 1),
            Register::ProgramCounter => (32, 0, 1),
            Register::Flags => (33, 0, 1),
            Register::ThreadPointer => (34, 0, 1),
            Register::FloatingControl => (35, 0, 1),
            Register::FloatingStatus => (36, 0, 1),
            Register::VectorHalf(index) => (VECTOR, index, 64),
            Register::BreakpointAddress(index) | Register::BreakpointControl(index) => {
                (BREAKPOINT, index.saturating_mul(2), BREAKPOINTS_MAX * 2)
            }
            Register::WatchpointAddress(index) | Register::WatchpointControl(index) => {
                (WATCHPOINT, index.saturating_mul(2), WATCHPOINTS_MAX * 2)
            }
        };
        let odd = matches!(
            self,
            Register::BreakpointControl(_) | Register::WatchpointControl(_)
        );
        if index < count {
            first.saturating_add(index).saturating_add(odd as u64)
        } else {
            NONE
        }
    }
}

/// `DBGBCR<n>_EL1` of a breakpoint that is on: enabled (E), in EL0 only (PMC 0b10), at all four bytes
/// of an instruction (BAS), unlinked (Arm ARM DDI 0487, D24.3.2).
pub const BREAKPOINT_ON: u64 = 1 | 0b10 << 1 | 0xF << 5;

/// What of `DBGWCR<n>_EL1` is the same in every watchpoint that is on: enabled (E), in EL0 only (PAC
/// 0b10), unlinked (Arm ARM DDI 0487, D24.3.11).
const WATCHPOINT_FIXED: u64 = 1 | 0b10 << 1;
const LOADS: u64 = 1 << 3;
const STORES: u64 = 1 << 4;
const BYTES_SHIFT: u32 = 5;
const BYTES: u64 = 0xFF << BYTES_SHIFT;

/// Which accesses a watchpoint sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Loads.
    Loads,
    /// Stores.
    Stores,
    /// Both.
    Both,
}

/// `DBGWCR<n>_EL1` of a watchpoint that is on, for the bytes whose bits are set in `bytes`: a run of
/// neighbours among the eight from its address on.
#[must_use]
pub const fn watchpoint_on(watched: Watched, bytes: u8) -> u64 {
    let accesses = match watched {
        Watched::Loads => LOADS,
        Watched::Stores => STORES,
        Watched::Both => LOADS | STORES,
    };
    WATCHPOINT_FIXED | accesses | (bytes as u64) << BYTES_SHIFT
}

/// Whether a breakpoint's address is one that it may have.
#[must_use]
pub const fn is_breakpoint_address(value: u64) -> bool {
    value & 3 == 0 && value < USER_END
}

/// Whether a breakpoint's control is one that it may have.
#[must_use]
pub const fn is_breakpoint_control(value: u64) -> bool {
    value == 0 || value == BREAKPOINT_ON
}

/// Whether a watchpoint's address is one that it may have.
#[must_use]
pub const fn is_watchpoint_address(value: u64) -> bool {
    value & 7 == 0 && value < USER_END
}

/// Whether a watchpoint's control is one that it may have.
#[must_use]
pub const fn is_watchpoint_control(value: u64) -> bool {
    let bytes = (value & BYTES) >> BYTES_SHIFT;
    let accesses = value & (LOADS | STORES);
    // Adding the lowest bit of a run carries out of its highest.
    let above = bytes.saturating_add(bytes & bytes.wrapping_neg());
    let is_run = bytes != 0 && above & bytes == 0;
    let is_fixed = value & !(BYTES | LOADS | STORES) == WATCHPOINT_FIXED;
    value == 0 || is_fixed && accesses != 0 && is_run
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_one_register_or_none() {
        let known = (0..256).filter(|raw| Register::from_raw(*raw).is_some());
        assert_eq!(known.count(), 37 + 64 + 12 + 8);
        for raw in (0..256).chain([u64::MAX, 1 << 32, 1 << 63]) {
            if let Some(register) = Register::from_raw(raw) {
                assert_eq!(register.into_raw(), raw);
            }
        }
        for register in [
            Register::General(31),
            Register::VectorHalf(64),
            Register::BreakpointAddress(BREAKPOINTS_MAX),
            Register::WatchpointControl(WATCHPOINTS_MAX),
            Register::WatchpointControl(u64::MAX),
        ] {
            assert_eq!(Register::from_raw(register.into_raw()), None);
        }
    }

    #[test]
    fn a_breakpoint_is_off_or_for_user_code() {
        assert!(is_breakpoint_control(0) && is_breakpoint_control(BREAKPOINT_ON));
        for bit in 0..64 {
            assert!(!is_breakpoint_control(BREAKPOINT_ON ^ 1 << bit));
        }
        assert!(is_breakpoint_address(USER_END - 4) && !is_breakpoint_address(USER_END));
        assert!(!is_breakpoint_address(2) && !is_breakpoint_address(u64::MAX - 3));
    }

    #[test]
    fn a_watchpoint_is_off_or_for_user_code_and_a_run_of_bytes() {
        let runs = (0..=255_u8).filter(|&bytes| {
            [Watched::Loads, Watched::Stores, Watched::Both]
                .iter()
                .all(|&watched| is_watchpoint_control(watchpoint_on(watched, bytes)))
        });
        assert_eq!(runs.count(), 8 * 9 / 2);
        assert!(is_watchpoint_control(0));
        let good = watchpoint_on(Watched::Both, 0xFF);
        for bit in (0..64).filter(|bit| !(3..13).contains(bit)) {
            assert!(!is_watchpoint_control(good ^ 1 << bit));
        }
        assert!(!is_watchpoint_control(good & !(LOADS | STORES)));
        assert!(is_watchpoint_address(USER_END - 8) && !is_watchpoint_address(USER_END));
        assert!(!is_watchpoint_address(4));
    }
}
