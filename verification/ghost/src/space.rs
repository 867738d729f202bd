//! An address space from both ends: what the processor finds under its root, and what the frame table
//! says of its frames.

use alloc::collections::BTreeSet;

use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{
    Frame, FrameKind, Number, Record, Space, UNITS_PER_FRAME, entry, record, user,
};

use crate::difference::Difference;
use crate::walk::{Leaf, walk};

/// The page number of a first mapping.
const PAGE: u64 = (1 << 27) - 1;
/// The index in `MAIR_EL1` of device memory.
const DEVICE: u64 = 1;

/// The pages at which the frame table says that a space maps a frame.
fn told<M: Memory>(memory: &M, frame: Frame, space: Number<Space>) -> BTreeSet<u64> {
    let mut pages = BTreeSet::new();
    if of(memory, frame) == space {
        pages.insert((memory.entry(frame, entry::ADDRESS) & PAGE) << 12);
    }
    let mut next: Number<Record> = Number::from_raw(memory.entry(frame, entry::RECORDS));
    while !next.is_none() {
        if memory.link(next, record::SPACE) == space {
            pages.insert(memory.get(next, record::ADDRESS));
        }
        next = memory.link(next, record::NEXT);
    }
    pages
}

/// Compares what the processor finds under `root` with what the frame table says of the space whose root
/// it is. Returns how many mappings there are.
///
/// # Errors
///
/// The first [`Difference`].
pub fn compare<M: Memory>(memory: &M, root: u64) -> Result<u64, Difference> {
    let load = |address: u64| {
        let word = usize::try_from(address >> 3 & 7).unwrap_or(0);
        memory.load(address >> 6, word)
    };
    let leaves = walk(&load, root)?;
    let space = of(memory, Frame((root & 0x0000_FFFF_FFFF_F000) >> 12));
    for leaf in &leaves {
        if !is_told(memory, leaf, space) {
            return Err(Difference::Unknown {
                root,
                address: leaf.address,
                frame: leaf.frame,
            });
        }
    }
    Ok(leaves.len() as u64)
}

/// Whether the frame of a leaf says the same of it.
fn is_told<M: Memory>(memory: &M, leaf: &Leaf, space: Number<Space>) -> bool {
    let frame = Frame(leaf.frame);
    let bits = memory.entry(frame, entry::SPACE);
    let is_large = leaf.frames != 1;
    memory.kind(frame) == FrameKind::User as u8
        && is_large == (bits & user::LARGE != 0)
        && (leaf.attribute == DEVICE) == (bits & user::DEVICE != 0)
        && !(leaf.is_writable && bits & user::CODE != 0)
        && !(leaf.is_executable && bits & user::CODE == 0)
        && told(memory, frame, space).contains(&leaf.address)
}

/// How many mappings the frame table tells of, of all `frames` in a space.
pub fn count_told<M: Memory>(
    memory: &M,
    frames: impl Iterator<Item = Frame>,
    space: Number<Space>,
) -> u64 {
    let user = frames.filter(|&frame| memory.kind(frame) == FrameKind::User as u8);
    user.map(|frame| told(memory, frame, space).len() as u64)
        .sum()
}

/// The space that a frame's entry names.
pub fn of<M: Memory>(memory: &M, frame: Frame) -> Number<Space> {
    Number::from_raw(memory.entry(frame, entry::SPACE))
}

/// The number of the object at the start of a frame.
pub const fn number_of(frame: Frame) -> u64 {
    frame.0.wrapping_mul(UNITS_PER_FRAME)
}
