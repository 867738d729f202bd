//! What the processor says about an exception of user code, in the kernel's words. Runs on the host.

use ipc_abi::fault::{FaultCause, PROGRAM_STATE};

/// `ESR_EL1` of `svc #0` from AArch64: class 0x15, a 32-bit instruction. The number of a system call
/// is what exceeds this.
pub const SVC_SYNDROME: u64 = 0x15 << 26 | 1 << 25;

/// The class of a trapped use of floating point.
pub const FLOATING_CLASS: u64 = 0x07;

/// The bits of `SPSR_EL1` that a thread keeps: its program state, and SS, which is 0 but while it is
/// stepped. The rest is 0: EL0, AArch64, nothing masked (Arm ARM DDI 0487, C5.2.18).
pub const USER_PSTATE: u64 = PROGRAM_STATE | 1 << 21;

/// The exception class of a syndrome.
const fn class(syndrome: u64) -> u64 {
    (syndrome >> 26) & 0x3F
}

/// A fault, as the kernel tells it to a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Why.
    pub cause: FaultCause,
    /// What was touched; 0 if the exception has no address.
    pub address: u64,
    /// How far the saved program counter is past the instruction.
    pub advance: u64,
}

/// Reads `ESR_EL1` and `FAR_EL1` of an exception from EL0 (Arm ARM DDI 0487, D24.2.40).
#[must_use]
pub const fn decode_fault(syndrome: u64, fault_address: u64) -> Fault {
    /// "Alignment fault" among the fault status codes.
    const ALIGNMENT_STATUS: u64 = 0b10_0001;
    let (cause, address) = match class(syndrome) {
        // Unknown; WFI and WFE; floating point; SVE; a trapped system register; SME.
        0x00 | 0x01 | 0x07 | 0x18 | 0x19 | 0x1D => (FaultCause::UndefinedInstruction, 0),
        0x15 => (FaultCause::UnknownSystemCall, 0),
        0x20 => (FaultCause::InstructionAbort, fault_address),
        0x22 => (FaultCause::Alignment, fault_address),
        0x24 if syndrome & 0x3F == ALIGNMENT_STATUS => (FaultCause::Alignment, fault_address),
        0x24 => (FaultCause::DataAbort, fault_address),
        0x26 => (FaultCause::Alignment, 0),
        0x2C => (FaultCause::FloatingPoint, 0),
        0x30 => (FaultCause::HardwareBreakpoint, 0),
        0x32 => (FaultCause::SingleStep, 0),
        0x34 => (FaultCause::Watchpoint, fault_address),
        0x3C => (FaultCause::Breakpoint, 0),
        _ => (FaultCause::Other, 0),
    };
    // `svc` alone leaves the address of the instruction after it.
    let advance = if matches!(cause, FaultCause::UnknownSystemCall) {
        4
    } else {
        0
    };
    Fault {
        cause,
        address,
        advance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause_of(class: u64, rest: u64) -> FaultCause {
        decode_fault(class << 26 | 1 << 25 | rest, 0x1234).cause
    }

    #[test]
    fn aborts_keep_their_address() {
        let fault = decode_fault(0x24 << 26 | 0b00_0110, 0x1234);
        assert_eq!(
            fault,
            Fault {
                cause: FaultCause::DataAbort,
                address: 0x1234,
                advance: 0
            }
        );
        let fault = decode_fault(0x20 << 26, 0x1234);
        assert_eq!(
            fault,
            Fault {
                cause: FaultCause::InstructionAbort,
                address: 0x1234,
                advance: 0
            }
        );
    }

    #[test]
    fn misalignment_is_told_from_other_aborts() {
        assert_eq!(cause_of(0x24, 0b10_0001), FaultCause::Alignment);
        assert_eq!(cause_of(0x24, 0b10_0000), FaultCause::DataAbort);
        assert_eq!(cause_of(0x22, 0), FaultCause::Alignment);
        assert_eq!(cause_of(0x26, 0), FaultCause::Alignment);
    }

    #[test]
    fn an_exception_without_address_has_none() {
        for class in [0x00, 0x01, 0x07, 0x0E, 0x15, 0x18, 0x26, 0x3C] {
            assert_eq!(decode_fault(class << 26, 0x1234).address, 0);
        }
    }

    #[test]
    fn what_is_switched_off_is_undefined() {
        for class in [0x00, 0x01, 0x07, 0x18, 0x19] {
            assert_eq!(cause_of(class, 0), FaultCause::UndefinedInstruction);
        }
    }

    #[test]
    fn an_unknown_system_call_points_at_its_instruction() {
        let fault = decode_fault(SVC_SYNDROME | 999, 0);
        assert_eq!(
            fault,
            Fault {
                cause: FaultCause::UnknownSystemCall,
                address: 0,
                advance: 4
            }
        );
        assert_eq!(cause_of(0x3C, 1), FaultCause::Breakpoint);
    }

    #[test]
    fn debug_exceptions_have_causes_of_their_own() {
        assert_eq!(cause_of(0x30, 0x22), FaultCause::HardwareBreakpoint);
        assert_eq!(cause_of(0x32, 0x22), FaultCause::SingleStep);
        assert_eq!(cause_of(0x2C, 0), FaultCause::FloatingPoint);
        let fault = decode_fault(0x34 << 26 | 1 << 6 | 0x22, 0x1234);
        assert_eq!(
            (fault.cause, fault.address),
            (FaultCause::Watchpoint, 0x1234)
        );
    }

    #[test]
    fn every_class_has_a_cause() {
        for class in 0..64 {
            assert!(FaultCause::ALL.contains(&cause_of(class, 0)));
        }
    }
}
