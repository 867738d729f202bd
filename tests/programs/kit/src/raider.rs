//! Raiders: threads that make random system calls without end, in a process of their own.
//!
//! Each takes what it needs from a page of its own, and counts its calls there. Its registers are drawn
//! so that calls often succeed: handles of its table, places in it, objects and frames of its region,
//! addresses of its space, small numbers, single bits, or anything; three times of four of the [`Sort`]
//! that was hinted for the register of the call.

use alloc::vec::Vec;

use ipc_abi::call::{SYSTEM_CALL_COUNT, SystemCall};
use ipc_abi::capability::Access;

use crate::agent::AGENT_PAGES;
use crate::failure::{Fact, Failure};
use crate::raw;
use crate::world::{AREA, CODE_PAGES, PAGE, World};

/// The most raiders.
pub const RAIDERS: usize = 4;
/// The first of the agents' pages that are the raiders'.
const FIRST_PAGE: u64 = AGENT_PAGES - RAIDERS as u64;
/// Registers that are hinted: `x0` to `x5`, and `x17`.
pub const HINTS: usize = 7;

/// What a register may be. The order is that of `raider_sorts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A low handle.
    LowHandle,
    /// A line of its interrupts.
    Line,
    /// A small number.
    Small,
    /// A time that comes soon.
    Time,
    /// How long something takes, in ticks: one bit.
    Span,
    /// A place in the own table.
    Place,
    /// The place of a frame of 2 MiB in the region.
    LargeFrame,
    /// An object at the start of a frame of the region.
    WholeFrame,
    /// An object of the region.
    Object,
    /// A frame of the region.
    Frame,
    /// An address of a page.
    Address,
    /// A small number, one bit, or anything.
    Number,
    /// This handle, below 128.
    Handle(u8),
}

impl Sort {
    const fn into_raw(self) -> u8 {
        match self {
            Sort::LowHandle => 0,
            Sort::Line => 2,
            Sort::Small => 3,
            Sort::Time => 4,
            Sort::Span => 5,
            Sort::Place => 7,
            Sort::LargeFrame => 9,
            Sort::WholeFrame => 11,
            Sort::Object => 12,
            Sort::Frame => 13,
            Sort::Address => 14,
            Sort::Number => 15,
            Sort::Handle(handle) => handle | 0x80,
        }
    }
}

/// Where things are in a raider's page, by word.
pub(crate) mod raid {
    /// The state of its random numbers.
    pub(crate) const STATE: usize = 0;
    /// How many calls it is still to make.
    pub(crate) const LEFT: usize = 1;
    /// How many calls came back.
    pub(crate) const DONE: usize = 2;
    /// The first object number of its region.
    pub(crate) const OBJECT: usize = 3;
    /// The object units of its region, a power of two, less one.
    pub(crate) const UNITS: usize = 4;
    /// The number of the call that it makes.
    pub(crate) const CALL: usize = 5;
    /// In the first raider's page: which moment of quiet it is; 0 if none.
    pub(crate) const QUIET: usize = 6;
    /// The first of its four interrupt lines.
    pub(crate) const LINE: usize = 7;
    /// The 19 registers that are drawn.
    pub(crate) const REGISTERS: usize = 8;
    /// How often each call succeeded.
    pub(crate) const SUCCESSES: usize = 28;
    /// A byte for each register that is hinted, a word for each call.
    pub(crate) const HINTS: usize = 256;
}

const _: () = assert!(
    raid::SUCCESSES + SYSTEM_CALL_COUNT + 2 <= raid::HINTS,
    "a word for each call"
);

/// What a raider is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raid {
    /// Which it is, below [`RAIDERS`].
    pub number: u64,
    /// From where its random numbers start: not 0.
    pub seed: u64,
    /// How many calls it is to make.
    pub calls: u64,
    /// First frame of the region that it attacks with.
    pub first_frame: u64,
    /// How many frames that has: a power of two.
    pub frames: u64,
    /// The first of the four interrupt lines that it has.
    pub first_line: u64,
}

impl Raid {
    /// What the raider's thread is started with.
    #[must_use]
    pub const fn argument(&self) -> u64 {
        AREA + (CODE_PAGES + FIRST_PAGE + self.number) * PAGE
    }
}

impl World {
    /// Lets raiders run in `space`: maps their code and the raid's page there.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn map_raid(&mut self, space: u64) -> Fact {
        for (page, frame) in (0..).zip(self.code.clone()) {
            self.map(space, frame, AREA + page * PAGE, Access::READ_EXECUTE)?;
        }
        let first = usize::try_from(FIRST_PAGE).unwrap_or(0);
        let pages: Vec<u64> = self.pages[first..].to_vec();
        for (page, frame) in (CODE_PAGES + FIRST_PAGE..).zip(pages) {
            self.map(space, frame, AREA + page * PAGE, Access::READ_WRITE)?;
        }
        Ok(())
    }

    /// Hints what the registers of a call may be.
    pub fn hint(&mut self, raid: &Raid, call: SystemCall, sorts: [Sort; HINTS]) {
        let mut bytes = [0; 8];
        for (byte, sort) in bytes.iter_mut().zip(sorts) {
            *byte = sort.into_raw();
        }
        let word = raid::HINTS as u64 + call as u64;
        raw::write_word(raid.argument() + 8 * word, u64::from_le_bytes(bytes));
    }

    /// Tells a raider what to do.
    pub fn brief(&mut self, raid: &Raid) {
        let words = [
            (raid::STATE, raid.seed),
            (raid::LEFT, raid.calls),
            (raid::DONE, 0),
            (raid::OBJECT, raid.first_frame * 64),
            (raid::UNITS, raid.frames * 64 - 1),
            (raid::LINE, raid.first_line),
        ];
        for (word, value) in words {
            raw::write_word(raid.argument() + 8 * word as u64, value);
        }
    }

    /// Tells whoever looks at memory from outside which moment of quiet it is; 0 if none.
    pub fn tell_quiet(&mut self, moment: u64) {
        let page = AREA + (CODE_PAGES + FIRST_PAGE) * PAGE;
        raw::write_word(page + 8 * raid::QUIET as u64, moment);
    }

    /// How many calls a raider still has to make.
    #[must_use]
    pub fn calls_left(&self, raid: &Raid) -> u64 {
        raw::read_word(raid.argument() + 8 * raid::LEFT as u64)
    }

    /// How often a raider made a call with success; for ever, not only since the last brief.
    #[must_use]
    pub fn successes(&self, raid: &Raid, call: SystemCall) -> u64 {
        let word = raid::SUCCESSES as u64 + call as u64;
        raw::read_word(raid.argument() + 8 * word)
    }

    /// Starts a raider, or starts it anew.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn start_raider(&mut self, thread: u64, raid: &Raid) -> Fact {
        let code = AREA + raw::raider_offset();
        let argument = raid.argument();
        self.must(SystemCall::ThreadStart, &[thread, code, 0, argument])
            .map(|_| ())
    }

    /// Starts a thread that signals through `gate` whenever nobody more important runs.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn start_watchdog(&mut self, gate: u64) -> Result<(), Failure> {
        let own = self.authority;
        let thread = self.thread(own.table, own.space)?;
        let context = self.context(0)?;
        self.must(SystemCall::ThreadSetContext, &[thread, context])?;
        let code = AREA + raw::watchdog_offset();
        self.must(SystemCall::ThreadStart, &[thread, code, 0, gate])
            .map(|_| ())
    }

    /// The physical address of the first raider's page.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn raid_page(&mut self) -> Result<u64, Failure> {
        let first = usize::try_from(FIRST_PAGE).unwrap_or(0);
        let frame = self.pages[first];
        self.must(SystemCall::FrameInspect, &[frame])
    }
}
