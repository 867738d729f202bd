//! What the device tree says about the machine: [`Board`]. Runs on the host.
//!
//! Devices are looked for among the children of the root, where QEMU's `virt` has them. The kernel
//! itself uses the interrupt controller, the timer and, for an epitaph, the first PL011.

use crate::tree::{BadTree, Token, Tree};

mod node;

use node::{Node, Property, interrupt_line, number};

/// The most ranges of memory that are looked at.
pub const MEMORY_RANGES: usize = 4;
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

impl From<BadTree> for BoardError {
    fn from(_: BadTree) -> BoardError {
        BoardError::NotATree
    }
}

/// How many cells an address and a size have below the root.
#[derive(Clone, Copy)]
struct Cells {
    address: usize,
    size: usize,
}

/// What a node is, by a name in its property `compatible`.
const DEVICES: [(&[u8], Device); 10] = [
    (b"arm,gic-v3", Device::Gic(GicVersion::Three)),
    (b"arm,cortex-a15-gic", Device::Gic(GicVersion::Two)),
    (b"arm,gic-400", Device::Gic(GicVersion::Two)),
    (b"arm,cortex-a9-gic", Device::Gic(GicVersion::Two)),
    (b"arm,armv8-timer", Device::Timer),
    (b"arm,pl011", Device::Console),
    (b"arm,pl031", Device::User),
    (b"virtio,mmio", Device::User),
    (b"arm,psci-0.2", Device::Firmware),
    (b"arm,psci-1.0", Device::Firmware),
];

#[derive(Clone, Copy)]
enum Device {
    Gic(GicVersion),
    Timer,
    Console,
    /// Driven in user space.
    User,
    Firmware,
}

/// What was found so far.
struct Finding {
    cells: Cells,
    memory: [Range; MEMORY_RANGES],
    memory_count: usize,
    cores: u64,
    gic: Option<Gic>,
    timer_line: Option<u64>,
    console: Option<(Range, u64)>,
    conduit: Option<Conduit>,
    devices: Option<Range>,
    package: Option<Range>,
}

impl Board {
    /// Reads a flattened device tree.
    ///
    /// # Errors
    ///
    /// [`BoardError`].
    pub fn read(tree: &[u8]) -> Result<Board, BoardError> {
        let mut finding = Finding::new();
        finding.read(tree)?;
        let mut gic = finding.gic.ok_or(BoardError::NoGic)?;
        if gic.version == GicVersion::Three {
            let bytes = finding.cores.saturating_mul(REDISTRIBUTOR_BYTES);
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
            cores: finding.cores,
            gic,
            timer_line: finding.timer_line.ok_or(BoardError::NoTimer)?,
            console,
            console_line,
            conduit: finding.conduit.ok_or(BoardError::NoFirmware)?,
            package: finding.package.ok_or(BoardError::NoPackage)?,
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
    fn new() -> Finding {
        Finding {
            cells: Cells {
                address: 2,
                size: 1,
            },
            memory: [Range::default(); MEMORY_RANGES],
            memory_count: 0,
            cores: 0,
            gic: None,
            timer_line: None,
            console: None,
            conduit: None,
            devices: None,
            package: None,
        }
    }

    /// Reads a tree.
    fn read(&mut self, tree: &[u8]) -> Result<(), BoardError> {
        let mut tokens = Tree::new(tree)?.tokens();
        let mut root = Node::root();
        let mut node = Node::default();
        let mut depth = 0_u32;
        while let Some(token) = tokens.read()? {
            match token {
                Token::Begin { name } => {
                    depth = depth.saturating_add(1);
                    match depth {
                        2 => {
                            self.note_cells(&root)?;
                            node = Node::new(name);
                        }
                        3 => self.count_core(&node, name),
                        _ => {}
                    }
                }
                Token::Property { name, value } => match depth {
                    1 => root.note(name, value),
                    2 => node.note(name, value),
                    _ => {}
                },
                Token::End => {
                    if depth == 2 {
                        self.look_at(&node)?;
                    }
                    depth = depth.saturating_sub(1);
                }
            }
        }
        Ok(())
    }

    /// How many cells addresses and sizes have below the root.
    fn note_cells(&mut self, root: &Node<'_>) -> Result<(), BoardError> {
        for (cells, property) in [
            (&mut self.cells.address, Property::AddressCells),
            (&mut self.cells.size, Property::SizeCells),
        ] {
            *cells = match number(root.value(property))? {
                1 => 1,
                2 => 2,
                _ => return Err(BoardError::Malformed),
            };
        }
        Ok(())
    }

    fn count_core(&mut self, parent: &Node<'_>, name: &[u8]) {
        if parent.name == b"cpus" && name.starts_with(b"cpu@") {
            self.cores = self.cores.saturating_add(1);
        }
    }

    fn look_at(&mut self, node: &Node<'_>) -> Result<(), BoardError> {
        if node.value(Property::Sort) == b"memory\0" {
            return self.add_memory(node);
        }
        if node.name == b"chosen" {
            return self.add_package(node);
        }
        for name in node.value(Property::Compatible).split(|byte| *byte == 0) {
            if let Some((_, device)) = DEVICES.iter().find(|(known, _)| *known == name) {
                self.add(node, *device)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, node: &Node<'_>, device: Device) -> Result<(), BoardError> {
        match device {
            Device::Gic(version) => self.add_gic(node, version)?,
            Device::Timer => self.timer_line = Some(interrupt_line(node, 2)?),
            Device::Console => self.add_console(node)?,
            Device::User => self.add_device(self.range(node, 0)?),
            Device::Firmware => self.add_firmware(node)?,
        }
        Ok(())
    }

    /// Range `index` of a node's registers.
    fn range(&self, node: &Node<'_>, index: usize) -> Result<Range, BoardError> {
        let Cells { address, size } = self.cells;
        let [address, size] = [address, size].map(|cells| cells.wrapping_mul(4));
        let mut ranges = node
            .value(Property::Registers)
            .chunks_exact(address.wrapping_add(size));
        let range = ranges.nth(index).ok_or(BoardError::Malformed)?;
        let (start, bytes) = range
            .split_at_checked(address)
            .ok_or(BoardError::Malformed)?;
        let start = number(start)?;
        let end = start
            .checked_add(number(bytes)?)
            .ok_or(BoardError::Malformed)?;
        Ok(Range { start, end })
    }

    fn add_memory(&mut self, node: &Node<'_>) -> Result<(), BoardError> {
        for index in 0..MEMORY_RANGES {
            let range = match self.range(node, index) {
                Err(_) if index > 0 => return Ok(()),
                range => range?,
            };
            let Some(place) = self.memory.get_mut(self.memory_count) else {
                return Ok(());
            };
            *place = range;
            self.memory_count = self.memory_count.wrapping_add(1);
        }
        Ok(())
    }

    fn add_package(&mut self, node: &Node<'_>) -> Result<(), BoardError> {
        let start = node.value(Property::PackageStart);
        let end = node.value(Property::PackageEnd);
        if start.is_empty() || end.is_empty() {
            return Ok(());
        }
        let range = Range {
            start: number(start)?,
            end: number(end)?,
        };
        self.package = (range.start < range.end).then_some(range);
        Ok(())
    }

    fn add_gic(&mut self, node: &Node<'_>, version: GicVersion) -> Result<(), BoardError> {
        let distributor = self.range(node, 0)?;
        let cores = self.range(node, 1)?;
        self.gic = Some(Gic {
            version,
            distributor,
            cores,
        });
        Ok(())
    }

    fn add_console(&mut self, node: &Node<'_>) -> Result<(), BoardError> {
        let range = self.range(node, 0)?;
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

    fn add_firmware(&mut self, node: &Node<'_>) -> Result<(), BoardError> {
        self.conduit = Some(match node.value(Property::Method) {
            b"hvc\0" => Conduit::Hypervisor,
            b"smc\0" => Conduit::SecureMonitor,
            _ => return Err(BoardError::Malformed),
        });
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
