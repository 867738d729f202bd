//! What the first process finds when it starts, and the package it is loaded from.
//!
//! The boot package is one file, given to the kernel as the initial RAM disk. Its first page is a
//! [`PackageHeader`] as little-endian words; the kernel reads nothing else of it: it maps the first
//! process's segments, page by page and in place, and the whole package read-only at
//! [`PACKAGE_ADDRESS`]. What follows (manifest, program images) is between `xtask`, which writes
//! the package, and the supervisor.

/// Where user addresses end: 39 bits.
pub const USER_END: u64 = 1 << 39;
/// Where the first process sees the package, read-only.
pub const PACKAGE_ADDRESS: u64 = 0x10_0000_0000;
/// Where every process sees the kernel information page ([`KernelInfo`]), read-only.
pub const INFO_ADDRESS: u64 = 0x7F_0000_0000;
/// Where the first process's stack ends; it has [`FIRST_STACK_PAGES`].
pub const FIRST_STACK_TOP: u64 = 0x7E_0000_0000;
/// How many pages the first process's stack has.
pub const FIRST_STACK_PAGES: u64 = 16;
/// Where the first process's message buffer is mapped.
pub const FIRST_BUFFER_ADDRESS: u64 = 0x7E_1000_0000;

/// Bytes in a page and in a frame.
pub const PAGE_BYTES: u64 = 4096;
/// Object numbers in one frame: the number of an object is its physical address divided by 64.
pub const OBJECTS_PER_FRAME: u64 = 64;

/// The first word of a package: `PECANPKG`.
pub const PACKAGE_MAGIC: u64 = u64::from_le_bytes(*b"PECANPKG");
/// The version of the package's first page.
pub const PACKAGE_VERSION: u64 = 1;
/// The most segments the first process can have.
pub const PACKAGE_SEGMENTS: usize = 8;

/// The first page of a package, as `u64` words in this order. All offsets and sizes are multiples
/// of [`PAGE_BYTES`], offsets from the start of the package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct PackageHeader {
    /// [`PACKAGE_MAGIC`].
    pub magic: u64,
    /// [`PACKAGE_VERSION`].
    pub version: u64,
    /// The whole package, in bytes.
    pub length: u64,
    /// Where the first process starts.
    pub entry: u64,
    /// How many of `segments` count.
    pub segment_count: u64,
    /// The first process's memory.
    pub segments: [PackageSegment; PACKAGE_SEGMENTS],
}

/// Words in a [`PackageHeader`].
pub const PACKAGE_HEADER_WORDS: usize = 5 + 5 * PACKAGE_SEGMENTS;

/// A piece of the first process's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct PackageSegment {
    /// Where its bytes are in the package.
    pub offset: u64,
    /// The user address.
    pub address: u64,
    /// Bytes in the package.
    pub file_bytes: u64,
    /// Bytes in memory; what the package does not give is zero.
    pub memory_bytes: u64,
    /// [`crate::capability::Access`].
    pub access: u64,
}

/// The handles in the first process's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum FirstHandle {
    /// Its capability table.
    Table = 1,
    /// Its address space.
    Space = 2,
    /// Its thread.
    Thread = 3,
    /// Its scheduling context.
    Context = 4,
    /// All memory that the kernel does not use.
    Memory = 5,
    /// The frames of devices.
    Devices = 6,
    /// All time of core 0.
    Time = 7,
    /// All interrupt lines.
    Irqs = 8,
    /// All ASIDs but the first process's own.
    Asids = 9,
    /// Power.
    Platform = 10,
    /// The frame of the kernel information page, to be mapped in other processes.
    Info = 11,
}

/// The first slot of the first process's table that is empty at start.
pub const FIRST_FREE_SLOT: u32 = 16;

/// The first word of the kernel information page: `PECANKRN`.
pub const INFO_MAGIC: u64 = u64::from_le_bytes(*b"PECANKRN");
/// The version of the system calls.
pub const ABI_VERSION: u64 = 1;

/// The kernel information page, as `u64` words in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct KernelInfo {
    /// [`INFO_MAGIC`].
    pub magic: u64,
    /// [`ABI_VERSION`].
    pub abi_version: u64,
    /// Cores that the machine has.
    pub cores: u64,
    /// `CNTFRQ_EL0`: ticks of the counter per second.
    pub counter_hertz: u64,
    /// Bytes of memory that the machine has.
    pub memory_bytes: u64,
    /// The GIC's architecture version: 2 or 3.
    pub gic_version: u64,
    /// `MIDR_EL1`: which processor.
    pub processor: u64,
    /// Bytes of the kernel's code.
    pub kernel_text_bytes: u64,
    /// Bytes of the package at [`PACKAGE_ADDRESS`] (first process only; 0 if there is none).
    pub package_bytes: u64,
    /// The physical address of the console's PL011.
    pub console_address: u64,
    /// Its interrupt line.
    pub console_irq: u64,
    /// `CNTVCT_EL0` when the kernel started.
    pub boot_ticks: u64,
    /// The physical address of the package, whose frames are in the region
    /// [`FirstHandle::Memory`] and not free.
    pub package_address: u64,
}

/// Words in a [`KernelInfo`].
pub const INFO_WORDS: usize = 13;
