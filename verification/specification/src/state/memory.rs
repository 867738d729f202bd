//! The state of user memory: frames and address spaces. A part of [`crate::state`].

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use ipc_abi::capability::Access;

use super::{Address, Frame, Identity, Number};

/// A frame of user memory or of a device's registers, of 4 KiB or 2 MiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserFrame {
    /// What stage of its life it is in.
    pub life: FrameLife,
    /// Whether it holds code (readable, executable) and no data (readable, writable).
    pub is_code: bool,
    /// Whether it is a device's registers.
    pub is_device: bool,
    /// Whether it is one of 2 MiB.
    pub is_large: bool,
    /// Of a large one that is becoming code: how many parts are.
    pub coherent: u64,
    /// The device that it was given to: a frame of its registers.
    pub given: Option<Frame>,
    /// Of a device: how often its reset was confirmed.
    pub resets: u64,
    /// Where it is mapped: space and address. (The other end of [`Space::mappings`].)
    pub mapped: BTreeSet<(Number, Address)>,
    /// Of a large one that dies and is mapped nowhere: how many of its frames, from the last one down, are
    /// free again.
    pub freed: u64,
}

/// The stages of a user frame's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameLife {
    /// It exists.
    Live(Identity),
    /// It was destroyed and is being unmapped.
    Dying,
    /// It was destroyed and unmapped while a device may still reach it. The device's identity then (none
    /// if it had died) and its confirmed resets.
    Quarantined(Option<Identity>, u64),
}

/// Page tables and what they say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Its identity; none while it dies.
    pub id: Option<Identity>,
    /// The number by which the machine knows its translations; none once nothing can use them.
    pub asid: Option<u64>,
    /// What is mapped where.
    pub mappings: BTreeMap<Address, Mapping>,
    /// Its page tables: by level (1 to 3) and the first address that goes through them.
    pub tables: BTreeMap<(u64, Address), PageTable>,
    /// Frames of records with room for more, the last one next: each with how many are in use.
    pub records: Vec<(Frame, u64)>,
    /// Frames of records without room.
    pub full: BTreeSet<Frame>,
    /// Frames that it was given and does not use, the last one next.
    pub pool: Vec<Frame>,
    /// What is left of its frames, once nothing can use its translations.
    pub remains: BTreeSet<Frame>,
}

/// One page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageTable {
    /// Its frame.
    pub frame: Frame,
    /// The frame beside it that finds the records of what it maps, if something needs one.
    pub shadow: Option<Frame>,
}

/// A page, or a block of 2 MiB, of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The frame.
    pub frame: Frame,
    /// How it may be used.
    pub access: Access,
    /// Whether the capability by which it was mapped had the right to write.
    pub may_write: bool,
    /// The frame of records that it has one in; none for the first mapping of its frame.
    pub record: Option<Frame>,
}
