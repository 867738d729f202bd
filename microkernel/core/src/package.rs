//! The header of the boot package, checked: whoever wrote the package can stop the boot with an
//! exact error, and nothing else.

use ipc_abi::boot::{
    FIRST_STACK_PAGES, FIRST_STACK_TOP, PACKAGE_ADDRESS, PACKAGE_HEADER_WORDS, PACKAGE_MAGIC,
    PACKAGE_SEGMENTS, PACKAGE_VERSION, PAGE_BYTES, PackageHeader, PackageSegment,
};
use ipc_abi::capability::Access;
use ipc_abi::error::Error;

/// Why there is no first process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootError {
    /// No boot package was given: start the machine with one as the initial RAM disk.
    NoPackage,
    /// The package does not begin with `PECANPKG`: it is not one.
    BadMagic,
    /// The package has another version: build it with the tools of this kernel.
    BadVersion {
        /// The version it has.
        version: u64,
    },
    /// The package's length is no multiple of a page, less than its header's page, more than what
    /// was given, or more than fits at `PACKAGE_ADDRESS`.
    BadLength {
        /// The length it has.
        length: u64,
    },
    /// The package says it has more segments than a header holds, or none.
    BadSegmentCount {
        /// The count it has.
        count: u64,
    },
    /// An offset, address or size of a segment is no multiple of a page.
    SegmentMisaligned {
        /// Which segment.
        segment: u64,
    },
    /// A segment is empty, or has more bytes in the package than in memory.
    SegmentSize {
        /// Which segment.
        segment: u64,
    },
    /// A segment's bytes are not all inside the package, behind its header.
    SegmentOutsidePackage {
        /// Which segment.
        segment: u64,
    },
    /// A segment does not end below `PACKAGE_ADDRESS`.
    SegmentAddress {
        /// Which segment.
        segment: u64,
    },
    /// A segment's access is none.
    SegmentAccess {
        /// Which segment.
        segment: u64,
    },
    /// Two segments share addresses, or bytes of the package.
    SegmentsOverlap {
        /// One.
        segment: u64,
        /// The other.
        other: u64,
    },
    /// The entry is not an instruction of an executable segment.
    BadEntry {
        /// The entry.
        entry: u64,
    },
    /// There is not enough memory for the first process.
    NoMemory,
    /// A frame of the package, the information page, or the first frame of memory is in use.
    FrameTaken {
        /// Which frame.
        frame: u64,
    },
    /// A page of the first process cannot be mapped.
    Map {
        /// At which address.
        address: u64,
        /// Why.
        error: Error,
    },
}

impl BootError {
    /// What to tell a person; [`BootError::number`] goes with it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            BootError::NoPackage => "no boot package",
            BootError::BadMagic => "the boot package does not begin with PECANPKG",
            BootError::BadVersion { .. } => "the boot package has another version",
            BootError::BadLength { .. } => "the boot package's length is wrong",
            BootError::BadSegmentCount { .. } => "the boot package's count of segments is wrong",
            BootError::SegmentMisaligned { .. } => "a segment of the boot package is misaligned",
            BootError::SegmentSize { .. } => "a segment of the boot package has a wrong size",
            BootError::SegmentOutsidePackage { .. } => "a segment lies outside the boot package",
            BootError::SegmentAddress { .. } => "a segment of the boot package ends too high",
            BootError::SegmentAccess { .. } => "a segment of the boot package has no known access",
            BootError::SegmentsOverlap { .. } => "a segment of the boot package overlaps another",
            BootError::BadEntry { .. } => "the boot package's entry is in no executable segment",
            BootError::NoMemory => "too little memory for the first process",
            BootError::FrameTaken { .. } => "a frame of the first process is in use",
            BootError::Map { .. } => "a page of the first process cannot be mapped",
        }
    }

    /// The version, length, count, index, entry, frame or address that is wrong; 0 if there is none.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            BootError::NoPackage | BootError::BadMagic | BootError::NoMemory => 0,
            BootError::BadVersion { version: number }
            | BootError::BadLength { length: number }
            | BootError::BadSegmentCount { count: number }
            | BootError::SegmentMisaligned { segment: number }
            | BootError::SegmentSize { segment: number }
            | BootError::SegmentOutsidePackage { segment: number }
            | BootError::SegmentAddress { segment: number }
            | BootError::SegmentAccess { segment: number }
            | BootError::SegmentsOverlap {
                segment: number, ..
            }
            | BootError::BadEntry { entry: number }
            | BootError::FrameTaken { frame: number }
            | BootError::Map {
                address: number, ..
            } => number,
        }
    }
}

/// Where the package's pages must end: where the stack begins.
const PACKAGE_END: u64 = FIRST_STACK_TOP - FIRST_STACK_PAGES * PAGE_BYTES;

/// Reads a header from its words.
#[must_use]
pub fn read_header(words: &[u64; PACKAGE_HEADER_WORDS]) -> PackageHeader {
    let [magic, version, length, entry, segment_count, rest @ ..] = *words;
    let mut segments = [PackageSegment::default(); PACKAGE_SEGMENTS];
    let (chunks, _) = rest.as_chunks::<5>();
    for (segment, chunk) in segments.iter_mut().zip(chunks) {
        let [offset, address, file_bytes, memory_bytes, access] = *chunk;
        *segment = PackageSegment {
            offset,
            address,
            file_bytes,
            memory_bytes,
            access,
        };
    }
    PackageHeader {
        magic,
        version,
        length,
        entry,
        segment_count,
        segments,
    }
}

/// Checks a header against the frames that the package has.
///
/// # Errors
///
/// The first defect, as a [`BootError`].
pub fn check_header(header: &PackageHeader, frames: u64) -> Result<(), BootError> {
    if header.magic != PACKAGE_MAGIC {
        return Err(BootError::BadMagic);
    }
    if header.version != PACKAGE_VERSION {
        return Err(BootError::BadVersion {
            version: header.version,
        });
    }
    let length = header.length;
    let longest = frames
        .saturating_mul(PAGE_BYTES)
        .min(PACKAGE_END - PACKAGE_ADDRESS);
    if !is_page_multiple(length) || length < PAGE_BYTES || length > longest {
        return Err(BootError::BadLength { length });
    }
    let count = header.segment_count;
    if count == 0 || count > PACKAGE_SEGMENTS as u64 {
        return Err(BootError::BadSegmentCount { count });
    }
    for (number, segment) in (0..count).zip(&header.segments) {
        check_segment(number, segment, length)?;
        for (other, earlier) in (0..number).zip(&header.segments) {
            if overlaps(segment, earlier) {
                return Err(BootError::SegmentsOverlap {
                    segment: number,
                    other,
                });
            }
        }
    }
    check_entry(header)
}

fn check_segment(number: u64, segment: &PackageSegment, length: u64) -> Result<(), BootError> {
    let PackageSegment {
        offset,
        address,
        file_bytes,
        memory_bytes,
        access,
    } = *segment;
    if !is_page_multiple(offset | address | file_bytes | memory_bytes) {
        return Err(BootError::SegmentMisaligned { segment: number });
    }
    if memory_bytes == 0 || file_bytes > memory_bytes {
        return Err(BootError::SegmentSize { segment: number });
    }
    let is_inside = offset
        .checked_add(file_bytes)
        .is_some_and(|end| end <= length);
    if !is_inside || offset < PAGE_BYTES {
        return Err(BootError::SegmentOutsidePackage { segment: number });
    }
    let has_address = address
        .checked_add(memory_bytes)
        .is_some_and(|end| end <= PACKAGE_ADDRESS);
    if !has_address {
        return Err(BootError::SegmentAddress { segment: number });
    }
    match Access::from_raw(access) {
        Some(_) => Ok(()),
        None => Err(BootError::SegmentAccess { segment: number }),
    }
}

/// Whether two segments, each checked by itself, share addresses or bytes of the package.
fn overlaps(a: &PackageSegment, b: &PackageSegment) -> bool {
    share((a.address, a.memory_bytes), (b.address, b.memory_bytes))
        || share((a.offset, a.file_bytes), (b.offset, b.file_bytes))
}

/// Whether two ranges of a start and a length share anything.
const fn share((a, a_length): (u64, u64), (b, b_length): (u64, u64)) -> bool {
    a < b.saturating_add(b_length)
        && b < a.saturating_add(a_length)
        && a_length != 0
        && b_length != 0
}

fn check_entry(header: &PackageHeader) -> Result<(), BootError> {
    let entry = header.entry;
    let is_code = (0..header.segment_count)
        .zip(&header.segments)
        .any(|(_, segment)| {
            Access::from_raw(segment.access).is_some_and(Access::is_executable)
                && entry.wrapping_sub(segment.address) < segment.file_bytes
                && entry >= segment.address
        });
    if is_code && entry & 3 == 0 {
        Ok(())
    } else {
        Err(BootError::BadEntry { entry })
    }
}

const fn is_page_multiple(value: u64) -> bool {
    value & (PAGE_BYTES - 1) == 0
}
