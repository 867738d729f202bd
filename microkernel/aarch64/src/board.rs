//! What the device tree says about the machine: [`Board`]. Runs on the host.
//!
//! Devices are looked for among the children of the root, where QEMU's `virt` has them. The kernel
//! itself uses the interrupt controller, the timer and, for an epitaph, the first PL011.

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::{Node, Property};

/// The most ranges of memory that are looked at.
pub const MEMORY_RANGES: usize = 4;
/// The most nodes below the root that are looked at.
const NODES: usize = 256;
/// Bytes of one core's redistributor: two frames of 64 KiB.
const REDISTRIBUTOR_BYTES: u64 = 0x2_0000;

/// Physical addresses from `start` up to `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The first byte.
    pub start: u64,
    /// After the last byte.
    pub end: u64,
}

impl Range {
    /// How many bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    const fn overlaps(self, other: Range) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// The version of the interrupt controller's architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GicVersion {
    /// A CPU interface in memory.
    Two,
    /// A CPU interface of system registers, and redistributors.
    Three,
}

/// The interrupt controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gic {
    /// Its version.
    pub version: GicVersion,
    /// The distributor.
    pub distributor: Range,
    /// The CPU interface (version 2) or the redistributors of all cores (version 3).
    pub cores: Range,
}

/// How firmware is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduit {
    /// By `hvc`.
    Hypervisor,
    /// By `smc`.
    SecureMonitor,
}

/// The machine.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    memory: [Range; MEMORY_RANGES],
    memory_count: usize,
    /// How many cores.
    pub cores: u64,
    /// The interrupt controller.
    pub gic: Gic,
    /// The interrupt line of the virtual timer.
    pub timer_line: u64,
    /// The registers of the first PL011.
    pub console: Range,
    /// Its interrupt line.
    pub console_line: u64,
    /// How firmware is called.
    pub conduit: Conduit,
    /// The boot package: the initial RAM disk.
    pub package: Range,
    /// From the lowest to the highest page of the devices that user space drives.
    pub devices: Range,
}

/// What a device tree lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoardError {
    /// It is no device tree.
    NotATree,
    /// A property has not the form that its node's kind needs.
    Malformed,
    /// No memory.
    NoMemory,
    /// No interrupt controller of version 2 or 3.
    NoGic,
    /// No generic timer.
    NoTimer,
    /// No PL011.
    NoConsole,
    /// No PSCI.
    NoFirmware,
    /// No initial RAM disk.
    NoPackage,
    /// The interrupt controller lies among the devices of user space.
    GicAmongDevices,
}

impl BoardError {
    /// What to tell a person.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            BoardError::NotATree => "no device tree where x0 points: is this the flat image?",
            BoardError::Malformed => "a malformed property in the device tree",
            BoardError::NoMemory => "no memory in the device tree",
            BoardError::NoGic => "no GICv2 or GICv3 in the device tree",
            BoardError::NoTimer => "no generic timer in the device tree",
            BoardError::NoConsole => "no PL011 in the device tree",
            BoardError::NoFirmware => "no PSCI in the device tree",
            BoardError::NoPackage => "no boot package: none was given as the initial RAM disk",
            BoardError::GicAmongDevices => "the GIC lies among the devices of user space",
        }
    }
}

/// What was found so far.
#[derive(Default)]
struct Finding {
    memory: [Range; MEMORY_RANGES],
    memory_count: usize,
    gic: Option<Gic>,
    timer_line: Option<u64>,
    console: Option<(Range, u64)>,
    conduit: Option<Conduit>,
    devices: Option<Range>,
}

impl Board {
    /// Reads a flattened device tree.
    ///
    /// # Errors
    ///
    /// [`BoardError`].
    pub fn read(tree: &[u8]) -> Result<Board, BoardError> {
        let tree = Fdt::new(tree).map_err(|_| BoardError::NotATree)?;
        let mut finding = Finding::default();
        for node in tree.root().children().take(NODES) {
            finding.look_at(node)?;
        }
        let cores = count_cores(tree);
        let mut gic = finding.gic.ok_or(BoardError::NoGic)?;
        if gic.version == GicVersion::Three {
            let bytes = cores.saturating_mul(REDISTRIBUTOR_BYTES);
            gic.cores.end = gic.cores.end.min(gic.cores.start.saturating_add(bytes));
        }
        if finding.memory_count == 0 {
            return Err(BoardError::NoMemory);
        }
        let (console, console_line) = finding.console.ok_or(BoardError::NoConsole)?;
        let devices = finding.devices.ok_or(BoardError::NoConsole)?;
        if devices.overlaps(gic.distributor) || devices.overlaps(gic.cores) {
            return Err(BoardError::GicAmongDevices);
        }
        Ok(Board {
            memory: finding.memory,
            memory_count: finding.memory_count,
            cores,
            gic,
            timer_line: finding.timer_line.ok_or(BoardError::NoTimer)?,
            console,
            console_line,
            conduit: finding.conduit.ok_or(BoardError::NoFirmware)?,
            package: find_package(tree)?,
            devices,
        })
    }

    /// The ranges of memory.
    #[must_use]
    pub fn memory(&self) -> &[Range] {
        self.memory.get(..self.memory_count).unwrap_or_default()
    }

    /// Bytes of memory in all ranges.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.memory()
            .iter()
            .fold(0, |sum, range| sum.saturating_add(range.bytes()))
    }

    /// The devices that the kernel itself uses.
    #[must_use]
    pub fn kernel_devices(&self) -> [Range; 3] {
        [self.console, self.gic.distributor, self.gic.cores]
    }

    #[cfg(test)]
    pub(crate) fn set_memory(&mut self, range: Range) {
        self.memory[0] = range;
        self.memory_count = 1;
    }
}

impl Finding {
    fn look_at(&mut self, node: FdtNode<'_>) -> Result<(), BoardError> {
        let is_memory = node
            .property("device_type")
            .is_some_and(|kind| kind.value() == b"memory\0");
        if is_memory {
            return self.add_memory(node);
        }
        let Some(names) = node.compatible() else {
            return Ok(());
        };
        for name in names {
            match name {
                "arm,gic-v3" => self.add_gic(node, GicVersion::Three)?,
                "arm,cortex-a15-gic" | "arm,gic-400" | "arm,cortex-a9-gic" => {
                    self.add_gic(node, GicVersion::Two)?;
                }
                "arm,armv8-timer" => self.timer_line = Some(interrupt_line(node, 2)?),
                "arm,pl011" => self.add_console(node)?,
                "arm,pl031" | "virtio,mmio" => self.add_device(register_range(node, 0)?),
                "arm,psci-0.2" | "arm,psci-1.0" => self.add_firmware(node)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn add_memory(&mut self, node: FdtNode<'_>) -> Result<(), BoardError> {
        let ranges = node
            .reg()
            .map_err(|_| BoardError::Malformed)?
            .ok_or(BoardError::Malformed)?;
        for range in ranges {
            let start = range.address::<u64>().map_err(|_| BoardError::Malformed)?;
            let bytes = range.size::<u64>().map_err(|_| BoardError::Malformed)?;
            let Some(place) = self.memory.get_mut(self.memory_count) else {
                return Ok(());
            };
            *place = Range {
                start,
                end: start.checked_add(bytes).ok_or(BoardError::Malformed)?,
            };
            self.memory_count = self.memory_count.wrapping_add(1);
        }
        Ok(())
    }

    fn add_gic(&mut self, node: FdtNode<'_>, version: GicVersion) -> Result<(), BoardError> {
        let distributor = register_range(node, 0)?;
        let cores = register_range(node, 1)?;
        self.gic = Some(Gic {
            version,
            distributor,
            cores,
        });
        Ok(())
    }

    fn add_console(&mut self, node: FdtNode<'_>) -> Result<(), BoardError> {
        let range = register_range(node, 0)?;
        self.add_device(range);
        if self.console.is_none() {
            self.console = Some((range, interrupt_line(node, 0)?));
        }
        Ok(())
    }

    fn add_device(&mut self, range: Range) {
        const PAGE_MASK: u64 = 0xFFF;
        let start = range.start & !PAGE_MASK;
        let end = range.end.saturating_add(PAGE_MASK) & !PAGE_MASK;
        let all = self.devices.unwrap_or(Range { start, end });
        self.devices = Some(Range {
            start: all.start.min(start),
            end: all.end.max(end),
        });
    }

    fn add_firmware(&mut self, node: FdtNode<'_>) -> Result<(), BoardError> {
        let method = node.property("method").ok_or(BoardError::Malformed)?;
        self.conduit = Some(match method.value() {
            b"hvc\0" => Conduit::Hypervisor,
            b"smc\0" => Conduit::SecureMonitor,
            _ => return Err(BoardError::Malformed),
        });
        Ok(())
    }
}

/// Range `index` of a node's registers.
fn register_range(node: FdtNode<'_>, index: usize) -> Result<Range, BoardError> {
    let ranges = node.reg().map_err(|_| BoardError::Malformed)?;
    let range = ranges
        .and_then(|mut ranges| ranges.nth(index))
        .ok_or(BoardError::Malformed)?;
    let start = range.address::<u64>().map_err(|_| BoardError::Malformed)?;
    let bytes = range.size::<u64>().map_err(|_| BoardError::Malformed)?;
    Ok(Range {
        start,
        end: start.checked_add(bytes).ok_or(BoardError::Malformed)?,
    })
}

/// Interrupt `index` of a node as the GIC counts: shared ones from 32, a core's own from 16.
fn interrupt_line(node: FdtNode<'_>, index: usize) -> Result<u64, BoardError> {
    let property = node.property("interrupts").ok_or(BoardError::Malformed)?;
    let mut interrupts = property
        .as_prop_encoded_array([1, 1, 1])
        .map_err(|_| BoardError::Malformed)?;
    let [sort, number, _flags] = interrupts.nth(index).ok_or(BoardError::Malformed)?;
    let number = dtoolkit::ToCellInt::to_int::<u64>(number).map_err(|_| BoardError::Malformed)?;
    match dtoolkit::ToCellInt::to_int::<u64>(sort) {
        Ok(0) if number < 988 => Ok(number.wrapping_add(32)),
        Ok(1) if number < 16 => Ok(number.wrapping_add(16)),
        Ok(_) | Err(_) => Err(BoardError::Malformed),
    }
}

fn count_cores(tree: Fdt<'_>) -> u64 {
    let Some(cpus) = tree.find_node("/cpus") else {
        return 1;
    };
    let is_core = |node: &FdtNode<'_>| node.name_without_address() == "cpu";
    cpus.children()
        .take(NODES)
        .filter(is_core)
        .fold(0_u64, |count, _| count.saturating_add(1))
}

fn find_package(tree: Fdt<'_>) -> Result<Range, BoardError> {
    let chosen = tree.find_node("/chosen").ok_or(BoardError::NoPackage)?;
    let start = chosen
        .property("linux,initrd-start")
        .ok_or(BoardError::NoPackage)?;
    let end = chosen
        .property("linux,initrd-end")
        .ok_or(BoardError::NoPackage)?;
    let range = Range {
        start: number(start.value())?,
        end: number(end.value())?,
    };
    if range.start < range.end {
        Ok(range)
    } else {
        Err(BoardError::NoPackage)
    }
}

/// A number of one or two cells.
fn number(bytes: &[u8]) -> Result<u64, BoardError> {
    if bytes.len() != 4 && bytes.len() != 8 {
        return Err(BoardError::Malformed);
    }
    Ok(bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::vec::Vec;

    /// Trees that QEMU 7.2 gives to a kernel: `-M virt,gic-version=2 -m 1G -smp 2`, and
    /// `-M virt,gic-version=3,virtualization=on -m 2G -smp 4`; cut to the used length.
    const GIC2: &[u8] = include_bytes!("../tests/virt-gicv2.dtb");
    const GIC3: &[u8] = include_bytes!("../tests/virt-gicv3.dtb");

    pub(crate) fn virt() -> Board {
        Board::read(GIC2).unwrap()
    }

    fn range(start: u64, bytes: u64) -> Range {
        Range {
            start,
            end: start + bytes,
        }
    }

    /// The tree with every `from` replaced by `to`, of the same length.
    fn replace(from: &[u8], to: &[u8]) -> Vec<u8> {
        assert_eq!(from.len(), to.len());
        let mut tree = GIC2.to_vec();
        let mut found = 0;
        for at in 0..tree.len() - from.len() {
            if &tree[at..at + from.len()] == from {
                tree[at..at + from.len()].copy_from_slice(to);
                found += 1;
            }
        }
        assert!(found > 0);
        tree
    }

    fn error(tree: &[u8]) -> BoardError {
        Board::read(tree).unwrap_err()
    }

    #[test]
    fn virt_with_gicv2_is_read() {
        let board = virt();
        assert_eq!(board.memory(), [range(0x4000_0000, 1 << 30)]);
        assert_eq!(board.memory_bytes(), 1 << 30);
        assert_eq!(board.cores, 2);
        assert_eq!(board.gic.version, GicVersion::Two);
        assert_eq!(board.gic.distributor, range(0x0800_0000, 0x1_0000));
        assert_eq!(board.gic.cores, range(0x0801_0000, 0x1_0000));
        assert_eq!(board.timer_line, 27);
        assert_eq!(board.console, range(0x0900_0000, 0x1000));
        assert_eq!(board.console_line, 33);
        assert_eq!(board.conduit, Conduit::Hypervisor);
        assert_eq!(board.devices, range(0x0900_0000, 0x100_4000));
        assert_eq!(board.package.start, 0x4800_0000);
    }

    #[test]
    fn virt_with_gicv3_is_read() {
        let board = Board::read(GIC3).unwrap();
        assert_eq!(board.memory(), [range(0x4000_0000, 2 << 30)]);
        assert_eq!(board.cores, 4);
        assert_eq!(board.gic.version, GicVersion::Three);
        assert_eq!(board.gic.cores, range(0x080A_0000, 4 * 0x2_0000));
        assert_eq!(board.conduit, Conduit::SecureMonitor);
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        assert_eq!(error(&[]), BoardError::NotATree);
        assert_eq!(error(&[0; 64]), BoardError::NotATree);
        assert_eq!(error(&GIC2[..100]), BoardError::NotATree);
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            error(&replace(b"memory\0", b"memorx\0")),
            BoardError::NoMemory
        );
        assert_eq!(
            error(&replace(b"arm,cortex-a15-gic", b"arm,cortex-a15-gix")),
            BoardError::NoGic
        );
        assert_eq!(
            error(&replace(b"arm,armv8-timer", b"arm,armv8-timex")),
            BoardError::NoTimer
        );
        assert_eq!(
            error(&replace(b"arm,pl011", b"arm,pl099")),
            BoardError::NoConsole
        );
        assert_eq!(
            error(&replace(b"arm,psci-", b"arm,pscj-")),
            BoardError::NoFirmware
        );
        let tree = replace(b"linux,initrd-start", b"linux,initrd-starx");
        assert_eq!(error(&tree), BoardError::NoPackage);
    }

    #[test]
    fn an_unknown_conduit_is_malformed() {
        assert_eq!(error(&replace(b"hvc\0", b"hvd\0")), BoardError::Malformed);
    }
}
