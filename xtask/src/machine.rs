//! The emulated machine: what can be asked for, and how QEMU is told.

use anyhow::{Result, bail, ensure};
use clap::ValueEnum;
use std::path::Path;
use std::str::FromStr;

/// The program that emulates.
pub const EMULATOR: &str = "qemu-system-aarch64";
/// The most cores; QEMU's `virt` with a GICv2 has at most [`CPUS_MAX_GIC2`].
pub const CPUS_MAX: u32 = 64;
/// The most cores that a GICv2 can interrupt.
pub const CPUS_MAX_GIC2: u32 = 8;

const MEBIBYTES_MIN: u64 = 64;
const MEBIBYTES_MAX: u64 = 64 * 1024;
/// From here on the host promises no memory in advance: the guest touches little of it.
const MEBIBYTES_UNRESERVED: u64 = 4 * 1024;

/// An amount of memory, in MiB; 64 MiB to 64 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemorySize(u64);

impl MemorySize {
    /// 1 GiB.
    pub const GIBIBYTE: Self = Self(1024);

    /// The size in MiB.
    #[must_use]
    pub fn mebibytes(self) -> u64 {
        self.0
    }
}

impl FromStr for MemorySize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, unit) = match text.strip_suffix(['G', 'g']) {
            Some(digits) => (digits, 1024),
            None => (text.strip_suffix(['M', 'm']).unwrap_or(text), 1),
        };
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let size = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
        match size {
            Some(size) if is_number && (MEBIBYTES_MIN..=MEBIBYTES_MAX).contains(&size) => {
                Ok(Self(size))
            }
            _ if is_number => Err("must be from 64M to 64G".to_owned()),
            _ => Err("write a size like 64M or 1G (a bare number is MiB)".to_owned()),
        }
    }
}

/// The version of the interrupt controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Gic {
    /// GICv2.
    #[value(name = "2")]
    V2,
    /// GICv3.
    #[value(name = "3")]
    V3,
}

/// Whether time is the host's or counted in instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The host's.
    Host,
    /// One nanosecond per instruction: the same on every run and machine.
    Instructions,
}

/// The exception level that the kernel starts at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExceptionLevel {
    /// As under a hypervisor.
    One,
    /// As from firmware.
    Two,
}

/// A machine to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Number of cores.
    pub cpus: u32,
    /// Memory.
    pub memory: MemorySize,
    /// QEMU's name of the processor.
    pub cpu: String,
    /// The interrupt controller.
    pub gic: Gic,
    /// Where time comes from.
    pub clock: Clock,
    /// Where the kernel starts.
    pub level: ExceptionLevel,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            cpus: 1,
            memory: MemorySize::GIBIBYTE,
            cpu: "cortex-a53".to_owned(),
            gic: Gic::V2,
            clock: Clock::Host,
            level: ExceptionLevel::One,
        }
    }
}

impl Machine {
    /// The machine of all measurements, the same as the reference figures'.
    #[must_use]
    pub fn for_measurement() -> Self {
        Self {
            clock: Clock::Instructions,
            ..Self::default()
        }
    }

    /// QEMU's arguments for this machine, without what is connected to its serial line.
    ///
    /// # Errors
    /// If the machine cannot exist.
    pub fn arguments(&self, kernel: &Path, package: &Path) -> Result<Vec<String>> {
        ensure!(
            (1..=CPUS_MAX).contains(&self.cpus),
            "--cpus {}: must be from 1 to {CPUS_MAX}",
            self.cpus
        );
        if self.gic == Gic::V2 && self.cpus > CPUS_MAX_GIC2 {
            bail!(
                "--cpus {}: a GICv2 has at most {CPUS_MAX_GIC2}; add --gic 3",
                self.cpus
            );
        }
        let mut arguments = Vec::new();
        let mut push = |option: &str, value: String| {
            arguments.extend([option.to_owned(), value]);
        };
        push("-machine", self.machine_argument());
        push("-cpu", self.cpu.clone());
        push("-smp", self.cpus.to_string());
        push("-m", self.memory.mebibytes().to_string());
        if self.is_unreserved() {
            let size = self.memory.mebibytes();
            push(
                "-object",
                format!("memory-backend-ram,id=ram,size={size}M,reserve=off"),
            );
        }
        if self.clock == Clock::Instructions {
            push("-icount", "shift=0,sleep=off".to_owned());
        }
        push("-nic", "none".to_owned());
        push("-display", "none".to_owned());
        push("-kernel", kernel.display().to_string());
        push("-initrd", package.display().to_string());
        arguments.push("-no-reboot".to_owned());
        Ok(arguments)
    }

    fn is_unreserved(&self) -> bool {
        self.memory.mebibytes() > MEBIBYTES_UNRESERVED
    }

    fn machine_argument(&self) -> String {
        let mut text = String::from(match self.gic {
            Gic::V2 => "virt,gic-version=2",
            Gic::V3 => "virt,gic-version=3",
        });
        if self.level == ExceptionLevel::Two {
            text.push_str(",virtualization=on");
        }
        if self.is_unreserved() {
            text.push_str(",memory-backend=ram");
        }
        text
    }
}

/// Takes a processor's name; QEMU knows which exist.
pub(crate) fn parse_cpu(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.,=+".contains(&byte);
    if !text.is_empty() && !text.starts_with('-') && text.bytes().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("write a processor as QEMU names it, like cortex-a53".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(machine: &Machine) -> Result<String> {
        let arguments = machine.arguments(Path::new("Image"), Path::new("package"))?;
        Ok(arguments.join(" "))
    }

    #[test]
    fn sizes_are_read_in_both_units() {
        assert_eq!("64M".parse(), Ok(MemorySize(64)));
        assert_eq!("64g".parse(), Ok(MemorySize(65_536)));
        assert_eq!("512".parse(), Ok(MemorySize(512)));
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        for text in ["63M", "65G", "0", "65537", "99999999999999999999G"] {
            let error = text.parse::<MemorySize>();
            assert_eq!(error, Err("must be from 64M to 64G".to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "G", "1T", "-1", "+64", "1.5G", "64 M"] {
            let error = text.parse::<MemorySize>();
            assert_eq!(
                error,
                Err("write a size like 64M or 1G (a bare number is MiB)".to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn measurement_machine_is_the_reference_one() {
        let text = arguments(&Machine::for_measurement()).expect("it exists");
        assert_eq!(
            text,
            "-machine virt,gic-version=2 -cpu cortex-a53 -smp 1 -m 1024 \
             -icount shift=0,sleep=off -nic none -display none -kernel Image -initrd package \
             -no-reboot"
        );
    }

    #[test]
    fn large_memory_is_not_reserved() {
        let machine = Machine {
            memory: MemorySize(MEBIBYTES_MAX),
            gic: Gic::V3,
            level: ExceptionLevel::Two,
            ..Machine::default()
        };
        let text = arguments(&machine).expect("it exists");
        assert!(text.contains("size=65536M,reserve=off"), "{text}");
        assert!(
            text.contains("virt,gic-version=3,virtualization=on,memory-backend=ram"),
            "{text}"
        );
    }

    #[test]
    fn nine_cores_need_a_gic3() {
        let nine = Machine {
            cpus: 9,
            ..Machine::default()
        };
        let error = arguments(&nine).expect_err("too many");
        assert_eq!(
            error.to_string(),
            "--cpus 9: a GICv2 has at most 8; add --gic 3"
        );
        let nine = Machine {
            gic: Gic::V3,
            ..nine
        };
        assert!(arguments(&nine).is_ok());
    }

    #[test]
    fn no_cores_are_refused() {
        let none = Machine {
            cpus: 0,
            ..Machine::default()
        };
        let error = arguments(&none).expect_err("too few");
        assert_eq!(error.to_string(), "--cpus 0: must be from 1 to 64");
    }

    #[test]
    fn processor_names_cannot_smuggle_options() {
        assert!(parse_cpu("max,sve=off").is_ok());
        for text in ["", "-kernel", "max -S", "a\nb"] {
            assert!(parse_cpu(text).is_err(), "{text}");
        }
    }
}
