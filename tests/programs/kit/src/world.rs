//! Everything that a case makes, and taking it back.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use ipc_abi::boot::OBJECTS_PER_FRAME;
use ipc_abi::call::{Place, SystemCall};
use ipc_abi::capability::{Access, FrameMode, Kind};
use ipc_abi::error::Error;

use crate::agent::{AGENT_PAGES, AgentState};
use crate::authority::Authority;
use crate::failure::{Fact, Failure};
use crate::ledger::Ledger;
use crate::raw;
use crate::step::{Message, Received, Step};

/// Where the kit maps its own pages: 2 MiB, one last-level table.
pub(crate) const AREA: u64 = 0x60_0000_0000;
/// Bytes in a page.
pub(crate) const PAGE: u64 = 4096;
/// Pages for the agents' code.
pub(crate) const CODE_PAGES: u64 = 2;
/// Where a case's own pages start.
const WORK: u64 = AREA + (CODE_PAGES + AGENT_PAGES) * PAGE;
/// Where they end.
const WORK_END: u64 = AREA + 512 * PAGE;
/// Frames given to the program's own space: tables, records, a shadow.
const OWN_POOL: u64 = 8;
/// Slots that a table has at first.
const CHUNK_SLOTS: u64 = 256;
/// Frames in one of 2 MiB.
const LARGE_FRAMES: u64 = 512;
/// Steps that reclaiming one frame may take.
const RECLAIM_STEPS: u64 = 1 << 20;
/// How many object kinds there are, with 0.
const KINDS: usize = 14;

/// A frame in which objects of one kind are made.
#[derive(Clone, Copy, Default)]
struct Pool {
    next: u64,
    end: u64,
}

/// A program's authority and what was made from it.
pub struct World {
    /// What the program was given.
    pub authority: Authority,
    /// The errors that were seen.
    pub ledger: Ledger,
    pub(crate) agents: Vec<AgentState>,
    pub(crate) code: Vec<u64>,
    pub(crate) pages: Vec<u64>,
    violation: Option<String>,
    pub(crate) made: Vec<(u64, u64)>,
    pools: [Pool; KINDS],
    base_frame: u64,
    frames: u64,
    first_frame: u64,
    next_frame: u64,
    split_frames: u64,
    split_asids: u64,
    split_irqs: u64,
    first_slot: u64,
    next_slot: u64,
    next_page: u64,
    high_slots: u64,
    seed: u64,
    pub(crate) first_line: u64,
    /// What a case has to tell beside whether it holds.
    pub(crate) notes: Vec<String>,
}

impl World {
    /// Prepares the pages that all agents use.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn new(authority: Authority) -> Result<World, Failure> {
        let mut world = World {
            authority,
            ledger: Ledger::default(),
            agents: Vec::new(),
            code: Vec::new(),
            pages: Vec::new(),
            violation: None,
            made: Vec::new(),
            pools: [Pool::default(); KINDS],
            base_frame: 0,
            frames: 0,
            first_frame: 0,
            next_frame: 0,
            split_frames: 0,
            split_asids: 0,
            split_irqs: 0,
            first_slot: authority.first_slot,
            next_slot: authority.first_slot,
            next_page: WORK,
            high_slots: 0,
            seed: 1,
            first_line: 0,
            notes: Vec::new(),
        };
        let region = world.must(SystemCall::RegionInspect, &[authority.memory])?;
        world.base_frame = region & ((1 << 34) - 1);
        world.frames = region >> 34;
        world.next_frame = world.base_frame + 1;
        for _ in 0..OWN_POOL {
            let frame = world.frame();
            world.must(
                SystemCall::SpaceDonate,
                &[authority.space, authority.memory, frame],
            )?;
        }
        world.make_code()?;
        for page in 0..AGENT_PAGES {
            let frame = world.user_frame()?;
            world.pages.push(frame);
            world.map(
                authority.space,
                frame,
                AREA + (CODE_PAGES + page) * PAGE,
                Access::READ_WRITE,
            )?;
        }
        world.first_frame = world.next_frame;
        world.first_slot = world.next_slot;
        Ok(world)
    }

    /// Adds 256 slots to the program's own table, for good. Handles from 256 on are for
    /// [`World::high_slot`]; the kernel's fast path does not see them.
    ///
    /// # Errors
    ///
    /// What the kernel refused; that a case has begun.
    pub fn extend_own_table(&mut self) -> Fact {
        Failure::unless_same("the next frame", self.next_frame, self.first_frame)?;
        let (own, frame) = (self.authority, self.frame());
        self.must(SystemCall::TableExtend, &[own.table, own.memory, frame])?;
        self.first_frame = self.next_frame;
        Ok(())
    }

    /// An empty slot behind the first 256; [`World::clear`] empties it.
    pub fn high_slot(&mut self) -> u64 {
        let slot = CHUNK_SLOTS + self.high_slots;
        self.high_slots += 1;
        slot
    }

    /// Copies the agents' code into frames of its own, which other spaces can map.
    fn make_code(&mut self) -> Fact {
        let (start, bytes) = raw::agent_code_range();
        Failure::unless(
            bytes <= CODE_PAGES * PAGE,
            "the agents' code is longer than its pages",
        )?;
        let space = self.authority.space;
        for page in 0..CODE_PAGES {
            let frame = self.user_frame()?;
            let address = AREA + page * PAGE;
            self.map(space, frame, address, Access::READ_WRITE)?;
            for offset in (0..PAGE).step_by(8) {
                let from = page * PAGE + offset;
                if from < bytes {
                    raw::write_word(address + offset, raw::read_word(start + from));
                }
            }
            self.must(SystemCall::Unmap, &[space, address])?;
            self.must(SystemCall::FrameSetMode, &[frame, FrameMode::Code as u64])?;
            self.map(space, frame, address, Access::READ_EXECUTE)?;
            self.code.push(frame);
        }
        Ok(())
    }

    // ---- System calls ------------------------------------------------------------------------

    /// Does a step on this thread and looks at every register.
    pub fn perform(&mut self, step: Step) -> Step {
        let (done, verdict) = perform(step);
        if let Err(why) = verdict {
            self.note_violation(why);
        }
        done
    }

    /// Notes that a register was not what it must be; the case fails at its end.
    pub(crate) fn note_violation(&mut self, why: String) {
        self.violation.get_or_insert(why);
    }

    /// A number that no step had yet.
    pub fn new_seed(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(64);
        self.seed
    }

    /// Makes a function call.
    ///
    /// # Errors
    ///
    /// What the kernel refused with.
    pub fn function(&mut self, call: SystemCall, arguments: &[u64]) -> Result<u64, Error> {
        let seed = self.new_seed();
        self.perform(Step::function(call, arguments, seed)).answer()
    }

    /// Makes a message call.
    pub fn message(&mut self, call: SystemCall, message: &Message) -> Received {
        let seed = self.new_seed();
        self.perform(Step::message(call, message, seed)).received()
    }

    /// Makes a function call that must succeed.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub fn must(&mut self, call: SystemCall, arguments: &[u64]) -> Result<u64, Failure> {
        self.function(call, arguments)
            .map_err(|error| Failure::refused(call, error))
    }

    /// Makes a message call that must succeed.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub fn must_message(
        &mut self,
        call: SystemCall,
        message: &Message,
    ) -> Result<Received, Failure> {
        let received = self.message(call, message);
        match received.refusal() {
            None => Ok(received),
            Some(error) => Err(Failure::refused(call, error)),
        }
    }

    /// Repeats a function call until it no longer answers `Again`.
    ///
    /// # Errors
    ///
    /// If it does not succeed in the end.
    pub fn must_finish(&mut self, call: SystemCall, arguments: &[u64]) -> Fact {
        for _ in 0..RECLAIM_STEPS {
            match self.function(call, arguments) {
                Ok(_) => return Ok(()),
                Err(Error::Again) => {}
                Err(error) => return Err(Failure::refused(call, error)),
            }
        }
        Err(Failure(format!("{} never ended", call.name())))
    }

    /// Makes a function call that must be refused with `error`.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn refuse(&mut self, call: SystemCall, arguments: &[u64], error: Error) -> Fact {
        let answer = self.function(call, arguments).err();
        self.expect(call, answer, error)
    }

    /// Makes a message call that must be refused with `error`.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn refuse_message(&mut self, call: SystemCall, message: &Message, error: Error) -> Fact {
        let received = self.message(call, message);
        self.expect(call, received.refusal(), error)
    }

    /// Compares how a call was refused with how it must be.
    ///
    /// # Errors
    ///
    /// If the two differ.
    pub fn expect(&mut self, call: SystemCall, found: Option<Error>, wanted: Error) -> Fact {
        if found == Some(wanted) {
            self.ledger.note_seen(call, wanted);
            return Ok(());
        }
        let found = found.map_or("success", Error::name);
        let why = format!("{}: {found}, not {}", call.name(), wanted.name());
        self.ledger.note_failed(call, wanted, &why);
        Err(Failure(why))
    }

    // ---- Places ------------------------------------------------------------------------------

    /// An empty slot of the program's own table.
    pub fn slot(&mut self) -> u64 {
        let slot = self.next_slot;
        self.next_slot += 1;
        slot
    }

    /// Several empty slots in a row; the first.
    pub fn slots(&mut self, count: u64) -> u64 {
        let slot = self.next_slot;
        self.next_slot += count;
        slot
    }

    /// Lets the last `count` slots, which are empty again, be given out again.
    pub fn give_slots_back(&mut self, count: u64) {
        self.next_slot -= count;
    }

    /// A slot as a place in the program's own table.
    #[must_use]
    pub fn place(&self, slot: u64) -> u64 {
        place_in(self.authority.table, slot)
    }

    /// A free frame of the region.
    pub fn frame(&mut self) -> u64 {
        let frame = self.next_frame;
        self.next_frame += 1;
        frame
    }

    /// The first frame of a free place for one of 2 MiB.
    pub fn large_place(&mut self) -> u64 {
        let first = self.next_frame.next_multiple_of(LARGE_FRAMES);
        self.next_frame = first + LARGE_FRAMES;
        first
    }

    /// A free frame beyond those that [`World::frame`] gives, from the top: number `index`.
    #[must_use]
    pub const fn top_frame(&self, index: u64) -> u64 {
        self.base_frame + self.frames - self.split_frames - 1 - index
    }

    /// The frames that [`World::frame`] gave since the last time.
    #[must_use]
    pub const fn used_frames(&self) -> Range<u64> {
        self.first_frame..self.next_frame
    }

    /// The first frame of the region and the first behind it.
    #[must_use]
    pub const fn region_range(&self) -> (u64, u64) {
        (self.base_frame, self.base_frame + self.frames)
    }

    /// A free place for an object of a kind that takes `units` times 64 bytes.
    pub fn object(&mut self, kind: Kind, units: u64) -> u64 {
        let mut pool = self.pools[kind as usize];
        if pool.next + units > pool.end {
            let frame = self.frame();
            pool = Pool {
                next: frame * OBJECTS_PER_FRAME,
                end: (frame + 1) * OBJECTS_PER_FRAME,
            };
        }
        let object = pool.next;
        pool.next += units;
        self.pools[kind as usize] = pool;
        object
    }

    /// The number of the object that was made for a slot; 0 if none was.
    #[must_use]
    pub fn object_of(&self, slot: u64) -> u64 {
        let made = self.made.iter().find(|(made, _)| *made == slot);
        made.map_or(0, |(_, object)| *object)
    }

    /// An unmapped page of the program's own space.
    ///
    /// # Panics
    ///
    /// If a case maps more pages than one table has.
    pub fn page(&mut self) -> u64 {
        let page = self.next_page;
        self.next_page += PAGE;
        assert!(page < WORK_END, "a case maps more pages than one table has");
        page
    }

    /// Reads a word of a page that was mapped.
    #[must_use]
    pub fn read(&self, address: u64) -> u64 {
        raw::read_word(address)
    }

    /// Writes a word of a page that was mapped.
    pub fn write(&mut self, address: u64, value: u64) {
        raw::write_word(address, value);
    }

    /// Reads a register of the program's device, at an offset.
    #[must_use]
    pub fn read_device(&self, offset: u64) -> u32 {
        raw::read_register(self.authority.device.address + offset)
    }

    /// Writes a register of the program's device.
    pub fn write_device(&mut self, offset: u64, value: u32) {
        raw::write_register(self.authority.device.address + offset, value);
    }

    /// Notes that frames were split off the region's end.
    pub(crate) fn note_split(&mut self, frames: u64) {
        self.split_frames += frames;
    }

    /// Notes that numbers were split off the allowance `handle`.
    pub(crate) fn note_split_numbers(&mut self, handle: u64, count: u64) {
        if handle == self.authority.asids {
            self.split_asids += count;
        } else if handle == self.authority.irqs {
            self.split_irqs += count;
        }
    }

    // ---- Taking back -------------------------------------------------------------------------

    /// Takes back everything that was made since the last time, and tells whether a register ever
    /// was not what it must be.
    ///
    /// # Errors
    ///
    /// If it was not, or something cannot be taken back.
    pub fn clear(&mut self) -> Fact {
        self.agents.clear();
        self.made.clear();
        let (_, end) = self.region_range();
        let split = end - self.split_frames;
        for frame in self.used_frames().chain(split..end) {
            self.must_finish(SystemCall::Reclaim, &[self.authority.memory, frame])?;
        }
        while self.split_frames > 0 {
            let count = self.split_frames.min(64);
            self.must(SystemCall::RegionMerge, &[self.authority.memory, count])?;
            self.split_frames -= count;
        }
        let high = CHUNK_SLOTS..CHUNK_SLOTS + core::mem::take(&mut self.high_slots);
        for slot in (self.first_slot..self.next_slot).chain(high) {
            let place = self.place(slot);
            match self.function(SystemCall::CapabilityDelete, &[place]) {
                Ok(_) | Err(Error::BadHandle) => {}
                Err(error) => return Err(Failure::refused(SystemCall::CapabilityDelete, error)),
            }
        }
        self.merge_numbers()?;
        self.pools = [Pool::default(); KINDS];
        self.next_frame = self.first_frame;
        self.next_slot = self.first_slot;
        self.next_page = WORK;
        match self.violation.take() {
            None => Ok(()),
            Some(why) => Err(Failure(why)),
        }
    }

    fn merge_numbers(&mut self) -> Fact {
        let asids = (self.authority.asids, core::mem::take(&mut self.split_asids));
        let irqs = (self.authority.irqs, core::mem::take(&mut self.split_irqs));
        for (allowance, count) in [asids, irqs] {
            if count > 0 {
                self.must(SystemCall::AllowanceMerge, &[allowance, count])?;
            }
        }
        Ok(())
    }
}

/// Does a step on the program's own thread; tells the registers afterwards, and whether they are what
/// they must be.
pub fn perform(step: Step) -> (Step, Result<(), String>) {
    let step = step.with_pointer(raw::thread_pointer());
    let mut done = step;
    raw::perform(&mut done);
    let verdict = done.check(&step);
    (done, verdict)
}

/// A slot of a table as a place.
#[must_use]
pub fn place_in(table: u64, slot: u64) -> u64 {
    let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Place::new(narrow(table), narrow(slot)).into_raw()
}
