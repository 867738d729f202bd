//! The values of the control registers: memory attributes, translation, what user code may do, and
//! what the cycle counter counts. The fields that `aarch64-cpu` lacks are named here.

use aarch64_cpu::registers::{CPACR_EL1, ID_AA64MMFR1_EL1, MAIR_EL1, SCTLR_EL1, TCR_EL1};
use tock_registers::fields::{Field, FieldValue};

use crate::translation::{DEVICE, NORMAL};

/// `MAIR_EL1`: normal write-back memory, and devices without gathering, reordering or early
/// acknowledgement.
pub(crate) const MAIR: u64 = MAIR_EL1::Attr0_Normal_Outer::WriteBack_NonTransient_ReadWriteAlloc
    .value
    | MAIR_EL1::Attr0_Normal_Inner::WriteBack_NonTransient_ReadWriteAlloc.value
    | MAIR_EL1::Attr1_Device::nonGathering_nonReordering_noEarlyWriteAck.value;
const _: () = assert!(NORMAL == 0 && DEVICE == 1, "the indices above");

/// `TCR_EL1` but for IPS and AS, which depend on the core: 39 bits for user space, 48 for the kernel,
/// 4 KiB granules, walks in write-back inner-shareable memory, the ASID in `TTBR0_EL1`.
pub(crate) const TRANSLATION_CONTROL: u64 = TCR_EL1::T0SZ.val(64 - 39).value
    | TCR_EL1::IRGN0::WriteBack_ReadAlloc_WriteAlloc_Cacheable.value
    | TCR_EL1::ORGN0::WriteBack_ReadAlloc_WriteAlloc_Cacheable.value
    | TCR_EL1::SH0::Inner.value
    | TCR_EL1::TG0::KiB_4.value
    | TCR_EL1::A1::TTBR0.value
    | TCR_EL1::T1SZ.val(64 - 48).value
    | TCR_EL1::IRGN1::WriteBack_ReadAlloc_WriteAlloc_Cacheable.value
    | TCR_EL1::ORGN1::WriteBack_ReadAlloc_WriteAlloc_Cacheable.value
    | TCR_EL1::SH1::Inner.value
    | TCR_EL1::TG1::KiB_4.value;
/// User code cannot even probe kernel addresses.
pub(crate) const E0PD1: FieldValue<u64, TCR_EL1::Register> = FieldValue::<u64, _>::new(1, 56, 1);

// Fields of `SCTLR_EL1` that the crate lacks.
pub(crate) const TIDCP: u64 = 1 << 63;
pub(crate) const N_TLSMD: u64 = 1 << 29;
pub(crate) const LSMAOE: u64 = 1 << 28;
pub(crate) const SPAN: u64 = 1 << 23;
pub(crate) const EIS: u64 = 1 << 22;
pub(crate) const TSCXT: u64 = 1 << 20;
pub(crate) const EOS: u64 = 1 << 11;
pub(crate) const SED: u64 = 1 << 8;
pub(crate) const ITD: u64 = 1 << 7;

/// `SCTLR_EL1` bits that are 1 on a core without the features that define them. EIS and EOS:
/// exception entry and return synchronize.
pub(crate) const MMU_OFF_SCTLR: u64 = N_TLSMD | LSMAOE | SPAN | EIS | TSCXT | EOS;
/// With MMU, caches and the stack alignment check on.
pub(crate) const EARLY_SCTLR: u64 = MMU_OFF_SCTLR
    | SCTLR_EL1::M::Enable.value
    | SCTLR_EL1::C::Cacheable.value
    | SCTLR_EL1::I::Cacheable.value
    | SCTLR_EL1::SA::Enable.value;
/// What the kernel runs with: also no writable page is executable (WXN), the user stack pointer is
/// checked (SA0), and of what user code may be given nothing is: UMA, DZE, UCT, nTWI, nTWE, UCI are
/// 0, so `daif`, `dc zva`, `ctr_el0`, `wfi`, `wfe` and cache maintenance trap.
pub(crate) const SCTLR: u64 =
    EARLY_SCTLR | SCTLR_EL1::WXN::Enable.value | SCTLR_EL1::SA0::Enable.value | ITD | SED;

/// `CPACR_EL1`: floating point, SVE and SME trap (FPEN, ZEN, SMEN 0); so do trace registers (TTA).
pub(crate) const FLOATING_TRAPS: u64 = CPACR_EL1::TTA::TrapTrace.value;
/// What is added while user code may use the floating-point registers: nothing of them traps.
pub(crate) const FLOATING_ON: u64 = CPACR_EL1::FPEN::TrapNothing.value;

/// Whether the core can trap what is defined by the implementation (`SCTLR_EL1.TIDCP`).
pub(crate) const HAS_TIDCP: Field<u64, ID_AA64MMFR1_EL1::Register> = Field::<u64, _>::new(0xF, 52);

/// `PMCR_EL0`: count, 64 bits of cycle counter, event and cycle counters from zero.
pub(crate) const EARLY_PMCR: u64 = PMCR | 1 << 1 | 1 << 2;
pub(crate) const PMCR: u64 = 1 | 1 << 6;
