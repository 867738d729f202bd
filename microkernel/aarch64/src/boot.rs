//! From the first Rust instruction to the first process: [`start`].

use core::ptr::with_exposed_provenance;
use core::ptr::with_exposed_provenance_mut;
use core::slice;

use ipc_abi::boot::{ABI_VERSION, INFO_MAGIC, INFO_WORDS, KernelInfo, PACKAGE_HEADER_WORDS};
use pecan_core::boot::{BootPlan, Package};
use pecan_core::kernel::Kernel;
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{Frame, FrameKind, Number, core_state, machine};

use crate::board::{Board, BoardError, GicVersion, Range};
use crate::console::{self, Part, epitaph};
use crate::direct_map::{DirectMap, this_core};
use crate::layout::{self, DIRECT_MAP, ENTRIES, ENTRY_BYTES, KINDS, Layout, Segment};
use crate::translation::{TABLES, Table, Tables};
use crate::{effect, firmware, image, interrupt, register, timer};

const PAGE: u64 = 4096;
/// What the early tables map of memory; the boot loader puts the device tree there.
const EARLY_MEMORY: Range = Range {
    start: 1 << 30,
    end: 2 << 30,
};
/// ASIDs that the machine's table has room for.
const ASIDS_MAX: u64 = machine::LINES;

/// Makes the machine ready and creates the first process, from the physical address of the device tree
/// and the counter at start. Called once, with the early tables; writes an epitaph if the machine or
/// the package lacks something.
#[inline(never)]
pub fn start(tree: u64, start_ticks: u64) {
    let plan = prepare(tree, start_ticks);
    if let Err(error) = this_core().start(&plan) {
        epitaph(&[
            Part::Text(error.text()),
            Part::Text(": "),
            Part::Number(error.number()),
        ]);
    }
}

/// Makes everything ready.
fn prepare(tree: u64, start_ticks: u64) -> BootPlan {
    let board = match read_board(tree) {
        Ok(board) => board,
        Err(error) => epitaph(&[Part::Text(error.text())]),
    };
    console::set_address(board.console.start);
    firmware::set_conduit(board.conduit);
    let parts = image::parts();
    let layout = match layout::plan(&board, parts.end) {
        Ok(layout) => layout,
        Err(error) => epitaph(&[Part::Text(error.text())]),
    };
    use_tables(&board, &layout);
    register::set_up();
    move_package(board.package, layout.package);
    make_frame_table(&board, &layout);
    let kernel = this_core();
    make_objects(kernel);
    timer::set_up(board.timer_line);
    let Ok(lines) = interrupt::set_up(&board, board.timer_line) else {
        epitaph(&[Part::Text("no GIC redistributor of this core")])
    };
    write_information(&board, &layout, start_ticks);
    BootPlan {
        first: Frame(layout.free.start / PAGE),
        end: Frame(layout.free.end / PAGE),
        device_first: Frame(board.devices.start / PAGE),
        device_end: Frame(board.devices.end / PAGE),
        lines,
        asids: register::asid_count().min(ASIDS_MAX),
        package: Some(read_package(layout.package)),
        info: Frame(layout.information / PAGE),
    }
}

fn read_board(tree: u64) -> Result<Board, BoardError> {
    /// The header's first two words: magic and length, big endian.
    const HEADER_BYTES: u64 = 8;
    /// More than any tree has.
    const TREE_BYTES_MAX: u64 = 2 << 20;
    if tree % 8 != 0 || tree < EARLY_MEMORY.start || tree > EARLY_MEMORY.end - TREE_BYTES_MAX {
        return Err(BoardError::NotATree);
    }
    let address = DIRECT_MAP | tree;
    // SAFETY: the early tables map this address; see below.
    let header = unsafe { bytes_at(address, HEADER_BYTES) };
    let Some((_magic, length)) = header.split_first_chunk::<4>() else {
        return Err(BoardError::NotATree);
    };
    let length = length
        .iter()
        .fold(0, |length, byte| length << 8 | u64::from(*byte));
    if length > TREE_BYTES_MAX {
        return Err(BoardError::NotATree);
    }
    // SAFETY: as above, for the bytes that the header names. Nobody writes them: `Board` copies what
    // it needs before `prepare` writes to memory outside the image.
    Board::read(unsafe { bytes_at(address, length) })
}

/// # Safety
///
/// The early tables map the bytes, nothing writes them while the result is used, and they are
/// outside the image.
unsafe fn bytes_at<'a>(address: u64, length: u64) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(with_exposed_provenance(address as usize), length as usize) }
}

/// Builds the kernel's tables and goes over to them.
fn use_tables(board: &Board, layout: &Layout) {
    unsafe extern "C" {
        fn replace_tables(root: u64, empty: u64);
    }
    let physical = image::tables();
    let room = with_exposed_provenance_mut::<Table>((DIRECT_MAP | physical) as usize);
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
fn move_package(source: Range, target: Range) {
    let from = with_exposed_provenance::<u8>((DIRECT_MAP | source.start) as usize);
    let to = with_exposed_provenance_mut::<u8>((DIRECT_MAP | target.start) as usize);
    // SAFETY: both lie in memory outside the image (`layout::plan`), where nothing is yet.
    unsafe { from.copy_to(to, source.bytes() as usize) }
    // What is left of the last page may hold anything.
    let end = layout::round_up(target.end, PAGE);
    let tail = with_exposed_provenance_mut::<u8>((DIRECT_MAP | target.end) as usize);
    // SAFETY: as above: the rest of the package's last page.
    unsafe { tail.write_bytes(0, end.saturating_sub(target.end) as usize) }
    effect::synchronize_code(DIRECT_MAP | target.start, end.saturating_sub(target.start));
}

/// Zeroes the frame table and marks what is not free.
fn make_frame_table(board: &Board, layout: &Layout) {
    let [memory, devices] = layout.segments;
    for segment in [memory, devices] {
        effect::zero(DIRECT_MAP | segment.kinds, segment.frames);
        let bytes = segment.frames.wrapping_mul(ENTRY_BYTES);
        effect::zero(
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
    let bytes = end.saturating_sub(first) as usize;
    let kinds = with_exposed_provenance_mut::<u8>(KINDS.wrapping_add(first) as usize);
    // SAFETY: the kinds of frames of one segment, mapped and used by nobody else yet.
    unsafe { kinds.write_bytes(kind as u8, bytes) }
}

/// Fills in the objects of the image, which are zero.
fn make_objects(kernel: Kernel<DirectMap>) {
    let memory = kernel.memory;
    memory.set(kernel.core, core_state::MACHINE, image::machine());
    let machine = kernel.machine();
    memory.set(machine, machine::NULL_ENDPOINT, image::empty_endpoint());
    memory.set(machine, machine::NULL_ROOT, image::empty_root());
    memory.set(machine, machine::NULL_SLOTS, image::empty_slots());
    debug_assert!(kernel.core != Number::NONE);
}

fn write_information(board: &Board, layout: &Layout, boot_ticks: u64) {
    let info = KernelInfo {
        magic: INFO_MAGIC,
        abi_version: ABI_VERSION,
        cores: board.cores,
        counter_hertz: register::counter_hertz(),
        memory_bytes: board.memory_bytes(),
        gic_version: match board.gic.version {
            GicVersion::Two => 2,
            GicVersion::Three => 3,
        },
        processor: register::processor(),
        kernel_text_bytes: image::text_bytes(),
        package_bytes: board.package.bytes(),
        console_address: board.console.start,
        console_irq: board.console_line,
        boot_ticks,
        package_address: layout.package.start,
    };
    const { assert!(size_of::<KernelInfo>() == INFO_WORDS * 8) };
    let page =
        with_exposed_provenance_mut::<KernelInfo>((DIRECT_MAP | layout.information) as usize);
    effect::zero(DIRECT_MAP | layout.information, PAGE);
    // SAFETY: a page kept for this by the layout, which nobody has mapped yet.
    unsafe { page.write(info) }
}

fn read_package(range: Range) -> Package {
    if range.bytes() < PAGE {
        epitaph(&[Part::Text(
            "the boot package is shorter than its first page",
        )]);
    }
    let mut header = [0; PACKAGE_HEADER_WORDS];
    for (index, word) in header.iter_mut().enumerate() {
        *word = this_core().memory.load(range.start >> 6, index);
    }
    Package {
        first: Frame(range.start / PAGE),
        frames: range.bytes().div_ceil(PAGE),
        header,
    }
}
