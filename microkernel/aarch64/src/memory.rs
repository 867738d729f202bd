//! Memory made ready, once, at start: the kernel's tables in use, the package moved, the frame table
//! zeroed and marked.

use core::slice;

use pecan_core::object::FrameKind;

use crate::board::{Board, Range};
use crate::console::{Part, epitaph};
use crate::layout::{self, DIRECT_MAP, ENTRIES, ENTRY_BYTES, KINDS, Layout, Segment};
use crate::translation::{TABLES, Table, Tables};
use crate::window::{pointer, to_usize};
use crate::{cache, effect, frame, image};

const PAGE: u64 = 4096;

/// Bytes of memory that the early tables map.
///
/// # Safety
///
/// The early tables map the bytes, nothing writes them while the result is used, and they are
/// outside the image.
pub(crate) unsafe fn bytes_at<'a>(address: u64, length: u64) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(pointer(address), to_usize(length)) }
}

/// Builds the kernel's tables and goes over to them.
pub(crate) fn use_tables(board: &Board, layout: &Layout) {
    unsafe extern "C" {
        fn replace_tables(root: u64, empty: u64);
    }
    let physical = image::tables();
    let room = pointer::<Table>(DIRECT_MAP | physical);
    // SAFETY: reserved for this in `start.s`, zeroed, not used by anybody yet; the reference ends
    // before the tables are used.
    let room = unsafe { slice::from_raw_parts_mut(room, TABLES) };
    let mut tables = Tables::new(room, physical);
    if let Err(error) = layout::map_kernel(&mut tables, board, layout, &image::parts()) {
        epitaph(&[Part::Text(error.text())]);
    }
    let root = tables.root();
    effect::publish_tables();
    // SAFETY: the new tables map the image, the stack and the devices in use where they are now.
    unsafe { replace_tables(root, image::empty_root()) }
}

/// Moves the package down, near the end of the image, and makes its code executable.
pub(crate) fn move_package(source: Range, target: Range) {
    frame::move_down(
        DIRECT_MAP | source.start,
        DIRECT_MAP | target.start,
        source.bytes(),
    );
    // What is left of the last page may hold anything.
    let end = layout::round_up(target.end, PAGE);
    let tail = pointer::<u8>(DIRECT_MAP | target.end);
    // SAFETY: the rest of the package's last page, in memory outside the image (`layout::plan`).
    unsafe { tail.write_bytes(0, to_usize(end.saturating_sub(target.end))) }
    cache::synchronize_code(DIRECT_MAP | target.start, end.saturating_sub(target.start));
}

/// Zeroes the frame table and marks what is not free.
pub(crate) fn make_frame_table(board: &Board, layout: &Layout) {
    let [memory, devices] = layout.segments;
    for segment in [memory, devices] {
        frame::zero(DIRECT_MAP | segment.kinds, segment.frames);
        let bytes = segment.frames.wrapping_mul(ENTRY_BYTES);
        frame::zero(
            ENTRIES.wrapping_add(segment.first.wrapping_mul(ENTRY_BYTES)),
            bytes,
        );
    }
    mark_outside(memory, layout.memory, FrameKind::Absent);
    mark_outside(devices, board.devices, FrameKind::Absent);
    mark(
        layout.memory.start / PAGE,
        layout.free.start / PAGE,
        FrameKind::Kernel,
    );
    mark(
        layout.free.end / PAGE,
        layout.memory.end / PAGE,
        FrameKind::Kernel,
    );
}

/// Marks the frames of a segment that are not in `range`.
fn mark_outside(segment: Segment, range: Range, kind: FrameKind) {
    mark(segment.first, range.start.div_ceil(PAGE), kind);
    mark(
        range.end / PAGE,
        segment.first.wrapping_add(segment.frames),
        kind,
    );
}

fn mark(first: u64, end: u64, kind: FrameKind) {
    let bytes = to_usize(end.saturating_sub(first));
    let kinds = pointer::<u8>(KINDS.wrapping_add(first));
    // SAFETY: the kinds of frames of one segment, mapped and used by nobody else yet.
    unsafe { kinds.write_bytes(kind as u8, bytes) }
}
