//! Where everything lies in physical memory and in the kernel's address space. Runs on the host.
//!
//! ```text
//! physical memory:  | 2 MiB | image | region | information | package | ...... | frame table |
//! kernel addresses: direct map 0xFFFF_0000…  kinds 0xFFFF_8000…  entries 0xFFFF_9000…
//! ```
//!
//! The boot loader puts the package somewhere above the image; it is moved down, so that what is left
//! is one range. All between image and frame table is given to the first process, with the object of
//! its region in the first frame, then the kernel information page, then the package. The frame table is at the end of memory. It has a segment for memory and one for
//! devices; a segment covers whole multiples of [`SEGMENT_FRAMES`], so that both of its parts are
//! whole pages.

use crate::board::{Board, Range};
use crate::translation::{Access, Tables, TablesError};

/// Where the direct map begins: the address of physical address 0.
pub const DIRECT_MAP: u64 = 0xFFFF_0000_0000_0000;
/// The kind byte of frame 0.
pub const KINDS: u64 = 0xFFFF_8000_0000_0000;
/// The frame table's entry of frame 0.
pub const ENTRIES: u64 = 0xFFFF_9000_0000_0000;
/// Bytes of an entry.
pub const ENTRY_BYTES: u64 = 32;
/// How far into memory the image is loaded.
pub const IMAGE_OFFSET: u64 = 0x20_0000;
/// Frames in the unit of segments: their kind bytes fill one page.
pub const SEGMENT_FRAMES: u64 = 4096;

const PAGE: u64 = 4096;
const BLOCK: u64 = 2 << 20;

/// The parts of the image, by physical address; each begins where the one before ends.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    /// First code.
    pub text: u64,
    /// First constant.
    pub rodata: u64,
    /// First variable.
    pub data: u64,
    /// After everything.
    pub end: u64,
    /// Pages below stacks: never mapped.
    pub guards: [u64; 2],
}

/// A part of the frame table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The first frame it describes.
    pub first: u64,
    /// How many.
    pub frames: u64,
    /// Where its kind bytes are.
    pub kinds: u64,
    /// Where its entries are.
    pub entries: u64,
}

/// Where everything lies, by physical address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Memory: the range in which the image is.
    pub memory: Range,
    /// What the first process gets: all but image and frame table.
    pub free: Range,
    /// The page of the kernel information, inside `free`.
    pub information: u64,
    /// Where the package goes, inside `free`.
    pub package: Range,
    /// The frame table of memory and of devices.
    pub segments: [Segment; 2],
}

/// Why the kernel cannot run on a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutError {
    /// No range of memory holds the image.
    NoMemory,
    /// Memory ends before image, package and frame table fit.
    TooLittleMemory,
    /// The package does not lie two pages or more above the image in the same range of memory.
    PackageMisplaced,
}

impl LayoutError {
    /// What to tell a person.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            LayoutError::NoMemory => "no range of memory in the device tree holds the kernel",
            LayoutError::TooLittleMemory => "too little memory: 64 MiB are enough",
            LayoutError::PackageMisplaced => "the boot package is not above the kernel in memory",
        }
    }
}

/// Plans the layout of `board` for an image that ends at `image_end`.
///
/// # Errors
///
/// [`LayoutError`].
pub fn plan(board: &Board, image_end: u64) -> Result<Layout, LayoutError> {
    let holds = |range: &&Range| range.start <= image_end && image_end < range.end;
    let memory = *board
        .memory()
        .iter()
        .find(holds)
        .ok_or(LayoutError::NoMemory)?;
    let source = board.package;
    let information = image_end.wrapping_add(PAGE);
    let start = information.wrapping_add(PAGE);
    // It is moved down, never up.
    if source.start < start || source.end > memory.end || source.start > source.end {
        return Err(LayoutError::PackageMisplaced);
    }
    let package = Range {
        start,
        end: start.wrapping_add(source.bytes()),
    };
    let mut top = memory.end & !PAGE.wrapping_sub(1);
    let memory_segment = place_segment(memory, &mut top)?;
    let device_segment = place_segment(board.devices, &mut top)?;
    let free = Range {
        start: image_end,
        end: top,
    };
    if package.end > free.end {
        return Err(LayoutError::TooLittleMemory);
    }
    Ok(Layout {
        memory,
        free,
        information,
        package,
        segments: [memory_segment, device_segment],
    })
}

/// Takes room for the segment of `range` below `top`.
fn place_segment(range: Range, top: &mut u64) -> Result<Segment, LayoutError> {
    let unit = SEGMENT_FRAMES.wrapping_mul(PAGE);
    let first = round_down(range.start, unit) / PAGE;
    let last = round_up(range.end, unit) / PAGE;
    let frames = last.wrapping_sub(first);
    let entries = place(frames.wrapping_mul(ENTRY_BYTES), top)?;
    let kinds = place(frames, top)?;
    Ok(Segment {
        first,
        frames,
        kinds,
        entries,
    })
}

/// Takes `bytes` below `top`, so that large blocks can map them.
fn place(bytes: u64, top: &mut u64) -> Result<u64, LayoutError> {
    let unit = if bytes >= BLOCK { BLOCK } else { PAGE };
    let start = top.checked_sub(bytes).ok_or(LayoutError::TooLittleMemory)?;
    *top = round_down(start, unit);
    Ok(*top)
}

/// Maps everything the kernel reaches: memory, its own image, devices, the frame table.
///
/// # Errors
///
/// [`TablesError`].
pub fn map_kernel(
    tables: &mut Tables<'_>,
    board: &Board,
    layout: &Layout,
    image: &Image,
) -> Result<(), TablesError> {
    let mut direct = |start: u64, end: u64, access| {
        tables.map(DIRECT_MAP | start, start, end.saturating_sub(start), access)
    };
    direct(layout.memory.start, image.text, Access::Data)?;
    direct(image.text, image.rodata, Access::Code)?;
    direct(image.rodata, image.data, Access::Constants)?;
    let mut from = image.data;
    for guard in image.guards {
        direct(from, guard, Access::Data)?;
        from = guard.wrapping_add(PAGE);
    }
    direct(from, round_down(layout.memory.end, PAGE), Access::Data)?;
    for device in board.kernel_devices() {
        direct(
            round_down(device.start, PAGE),
            round_up(device.end, PAGE),
            Access::Device,
        )?;
    }
    for segment in layout.segments {
        let kinds = KINDS.wrapping_add(segment.first);
        tables.map(kinds, segment.kinds, segment.frames, Access::Data)?;
        let bytes = segment.frames.wrapping_mul(ENTRY_BYTES);
        let entries = ENTRIES.wrapping_add(segment.first.wrapping_mul(ENTRY_BYTES));
        tables.map(entries, segment.entries, bytes, Access::Data)?;
    }
    Ok(())
}

/// `value`, up to the next multiple of `unit`, a power of two.
#[must_use]
pub const fn round_up(value: u64, unit: u64) -> u64 {
    round_down(value.wrapping_add(unit.wrapping_sub(1)), unit)
}

/// `value`, down to a multiple of `unit`, a power of two.
#[must_use]
pub const fn round_down(value: u64, unit: u64) -> u64 {
    value & !unit.wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translation::{TABLE_BYTES, TABLES, Table};
    use std::vec;

    const IMAGE: Image = Image {
        text: 0x4020_0000,
        rodata: 0x4020_A000,
        data: 0x4020_D000,
        end: 0x4028_0000,
        guards: [0x4021_0000, 0x4021_8000],
    };

    fn board(mebibytes: u64) -> Board {
        let mut board = crate::board::tests::virt();
        board.set_memory(Range {
            start: 0x4000_0000,
            end: 0x4000_0000 + (mebibytes << 20),
        });
        let package = 0x4000_0000 + (mebibytes << 19).min(128 << 20);
        board.package = Range {
            start: package,
            end: package + 0x20_1000,
        };
        board
    }

    fn mapped(board: &Board) -> Result<usize, TablesError> {
        let layout = plan(board, IMAGE.end).unwrap();
        let mut memory: std::vec::Vec<Table> = vec![[0; TABLE_BYTES / 8]; TABLES];
        let mut tables = Tables::new(&mut memory, 0x4022_0000);
        map_kernel(&mut tables, board, &layout, &IMAGE).map(|()| tables.used())
    }

    #[test]
    fn every_size_from_64_mebibytes_to_64_gibibytes_fits_the_tables() {
        for mebibytes in [
            64, 65, 96, 100, 127, 128, 255, 1000, 1024, 1025, 3000, 4096, 65536,
        ] {
            let used = mapped(&board(mebibytes)).unwrap();
            assert!(used <= TABLES, "{mebibytes} MiB: {used}");
        }
    }

    #[test]
    fn nothing_overlaps() {
        for mebibytes in [64, 1024, 65536] {
            let board = board(mebibytes);
            let layout = plan(&board, IMAGE.end).unwrap();
            let [memory, devices] = layout.segments;
            let bounds = [
                IMAGE.end,
                layout.free.start,
                layout.free.start + PAGE,
                layout.information,
                layout.information + PAGE,
                layout.package.start,
                layout.package.end,
                layout.free.end,
                devices.kinds,
                devices.kinds + devices.frames,
                devices.entries,
                devices.entries + devices.frames * ENTRY_BYTES,
                memory.kinds,
                memory.kinds + memory.frames,
                memory.entries,
                memory.entries + memory.frames * ENTRY_BYTES,
                layout.memory.end,
            ];
            assert!(bounds.is_sorted(), "{bounds:x?}");
            assert_eq!(layout.package.bytes(), board.package.bytes());
            assert!(memory.first * PAGE <= layout.memory.start);
            assert!((memory.first + memory.frames) * PAGE >= layout.memory.end);
        }
    }

    #[test]
    fn the_smallest_machine_keeps_most_of_its_memory() {
        let layout = plan(&board(64), IMAGE.end).unwrap();
        assert!(layout.free.bytes() > 56 << 20);
    }

    #[test]
    fn a_kernel_outside_memory_is_refused() {
        assert_eq!(plan(&board(64), 0x3000_0000), Err(LayoutError::NoMemory));
    }

    #[test]
    fn a_package_below_the_image_or_outside_memory_is_refused() {
        let mut low = board(64);
        low.package = Range {
            start: 0x4000_0000,
            end: 0x4010_0000,
        };
        assert_eq!(plan(&low, IMAGE.end), Err(LayoutError::PackageMisplaced));
        // Two pages above the image is where it goes.
        let mut near = board(64);
        near.package = Range {
            start: IMAGE.end + 2 * PAGE,
            end: IMAGE.end + 3 * PAGE,
        };
        assert!(plan(&near, IMAGE.end).is_ok());
        near.package.start -= 1;
        assert_eq!(plan(&near, IMAGE.end), Err(LayoutError::PackageMisplaced));
        let mut high = board(64);
        high.package.end = high.memory()[0].end + 1;
        assert_eq!(plan(&high, IMAGE.end), Err(LayoutError::PackageMisplaced));
    }

    #[test]
    fn too_little_memory_is_refused() {
        let mut small = board(64);
        small.set_memory(Range {
            start: 0x4000_0000,
            end: 0x402C_0000,
        });
        small.package = Range {
            start: 0x402A_0000,
            end: 0x402B_F000,
        };
        assert_eq!(plan(&small, IMAGE.end), Err(LayoutError::TooLittleMemory));
    }
}
