//! The kernel information page, as people read it.

use alloc::format;
use alloc::string::String;

use ipc_abi::boot::KernelInfo;

use crate::unit::write_bytes;

/// The processors that people meet, by the implementer and part fields of `MIDR_EL1` (Arm ARM
/// D24.2.122 and each processor's manual).
const PROCESSORS: &[(u64, u64, &str)] = &[
    (0x41, 0xD03, "Cortex-A53"),
    (0x41, 0xD04, "Cortex-A35"),
    (0x41, 0xD05, "Cortex-A55"),
    (0x41, 0xD07, "Cortex-A57"),
    (0x41, 0xD08, "Cortex-A72"),
    (0x41, 0xD0B, "Cortex-A76"),
    (0x41, 0xD0C, "Neoverse N1"),
    (0x46, 0x001, "A64FX"),
    (0x00, 0x051, "QEMU max"),
];

/// Writes the page, one fact a line.
#[must_use]
pub fn describe_info(info: &KernelInfo) -> String {
    let facts = [
        ("system calls", format!("version {}", info.abi_version)),
        ("kernel code", write_bytes(info.kernel_text_bytes)),
        ("processor", describe_processor(info.processor)),
        ("cores", format!("{}", info.cores)),
        ("memory", write_bytes(info.memory_bytes)),
        ("interrupts", format!("GICv{}", info.gic_version)),
        ("counter", format!("{} Hz", info.counter_hertz)),
        (
            "console",
            format!(
                "PL011 at {:#x}, line {}",
                info.console_address, info.console_irq
            ),
        ),
    ];
    let mut text = String::new();
    for (name, fact) in facts {
        text.push_str(&format!("{name:<12}  {fact}\n"));
    }
    text
}

fn describe_processor(midr: u64) -> String {
    let implementer = (midr >> 24) & 0xFF;
    let part = (midr >> 4) & 0xFFF;
    let (variant, revision) = ((midr >> 20) & 0xF, midr & 0xF);
    let known = PROCESSORS
        .iter()
        .find(|(by, number, _)| (*by, *number) == (implementer, part));
    match known {
        Some((_, _, name)) => format!("{name} r{variant}p{revision}"),
        None => format!("MIDR {midr:#010x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_has_its_line() {
        let info = KernelInfo {
            abi_version: 1,
            cores: 2,
            counter_hertz: 62_500_000,
            memory_bytes: 1 << 30,
            gic_version: 3,
            processor: 0x410F_D034,
            kernel_text_bytes: 40_960,
            console_address: 0x0900_0000,
            console_irq: 33,
            ..KernelInfo::default()
        };
        assert_eq!(
            describe_info(&info),
            "system calls  version 1\n\
             kernel code   40 KiB\n\
             processor     Cortex-A53 r0p4\n\
             cores         2\n\
             memory        1 GiB\n\
             interrupts    GICv3\n\
             counter       62500000 Hz\n\
             console       PL011 at 0x9000000, line 33\n"
        );
    }

    #[test]
    fn an_unknown_processor_is_shown_by_number() {
        assert_eq!(describe_processor(0x000F_0510), "QEMU max r0p0");
        assert_eq!(describe_processor(0x5100_0000), "MIDR 0x51000000");
    }
}
