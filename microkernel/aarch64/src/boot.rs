//! From the first Rust instruction to the first process: [`start`].

use ipc_abi::boot::{ABI_VERSION, INFO_MAGIC, INFO_WORDS, KernelInfo, PACKAGE_HEADER_WORDS};
use pecan_core::boot::{BootPlan, Package};
use pecan_core::kernel::Kernel;
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{Frame, core_state, machine};

use crate::board::{Board, BoardError, GicVersion, Range};
use crate::console::{self, Part, epitaph};
use crate::direct_map::{DirectMap, this_core};
use crate::layout::{self, DIRECT_MAP, Layout};
use crate::memory::{bytes_at, make_frame_table, move_package, use_tables};
use crate::window::pointer;
use crate::{debug, firmware, frame, gic, hook, image, register, timer};

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
    hook::set_segments(&layout.segments);
    let kernel = this_core();
    make_objects(kernel);
    timer::set_up(board.timer_line);
    let Ok(lines) = gic::set_up(&board) else {
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
        slice_ticks: timer::slice_ticks(),
    }
}

fn read_board(tree: u64) -> Result<Board, BoardError> {
    /// The header's first two words: magic and length, big endian.
    const HEADER_BYTES: u64 = 8;
    /// More than any tree has.
    const TREE_BYTES_MAX: u64 = 2 << 20;
    let reach = EARLY_MEMORY.start..=EARLY_MEMORY.end - TREE_BYTES_MAX;
    if !tree.is_multiple_of(8) || !reach.contains(&tree) {
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

/// Fills in the objects of the image, which are zero.
fn make_objects(kernel: Kernel<DirectMap>) {
    let memory = kernel.memory;
    memory.set(kernel.core(), core_state::MACHINE, image::machine());
    debug::set_up(kernel);
    let machine = kernel.machine();
    memory.set(machine, machine::NULL_ENDPOINT, image::empty_endpoint());
    memory.set(machine, machine::NULL_ROOT, image::empty_root());
    memory.set(machine, machine::NULL_SLOTS, image::empty_slots());
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
    let page = pointer::<KernelInfo>(DIRECT_MAP | layout.information);
    frame::zero(DIRECT_MAP | layout.information, PAGE);
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
