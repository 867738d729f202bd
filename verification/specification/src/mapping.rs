//! Mapping: `map`, `unmap`, `protect`, and the same for ranges.
//!
//! No page is both writable and executable, through any alias: a frame is data (readable, writable) or
//! code (readable, executable), and changes only while it is mapped nowhere. To map it writable or
//! executable takes the right to write, then and for ever: a mapping remembers what it was made with.

use crate::fault::STEP_STATE;
use ipc_abi::boot::USER_END;
use ipc_abi::capability::{Access, Kind, Rights};
use ipc_abi::error::Error;

use crate::capability::Answer;
use crate::event::Inputs;
use crate::region::LARGE_FRAMES;
use crate::space::LARGE_BYTES;
use crate::state::{Address, Frame, Number, State};

const PAGE_BYTES: u64 = 4096;
/// The most pages of one call.
const RANGE_PAGES: u64 = 512;
/// Where the pages that are done stand in the last argument.
const DONE_SHIFT: u32 = 32;
/// Bytes of a `svc`.
const INSTRUCTION_BYTES: u64 = 4;

/// Checks the address of a page.
fn check_page_address(address: Address) -> Result<(), Error> {
    if !address.is_multiple_of(PAGE_BYTES) {
        Err(Error::Misaligned)
    } else if address >= USER_END {
        Err(Error::OutOfRange)
    } else {
        Ok(())
    }
}

/// What is done to each page of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RangeCall {
    /// `map_range`.
    Map,
    /// `unmap_range`.
    Unmap,
    /// `protect_range`.
    Protect,
}

impl RangeCall {
    /// In which registers a call has the address and the number of pages.
    const fn registers(self) -> (usize, usize) {
        match self {
            RangeCall::Map => (2, 4),
            RangeCall::Unmap => (1, 2),
            RangeCall::Protect => (1, 3),
        }
    }
}

/// The call on a range that is being made.
struct Range {
    call: RangeCall,
    space: Number,
    handle: u64,
    address: Address,
    access: Access,
    left: u64,
    done: u64,
}

impl State {
    /// Checks that a frame may be mapped, with a capability of these rights, for `access`.
    fn check_access(&self, frame: Frame, rights: Rights, access: Access) -> Result<(), Error> {
        let is_code = self.frames[&frame].is_code;
        let may_write = rights.contains(Rights::WRITE);
        let is_denied = !rights.contains(Rights::READ)
            || access.is_writable() && (is_code || !may_write)
            || access.is_executable() && !(is_code && may_write);
        if is_denied {
            Err(Error::AccessDenied)
        } else {
            Ok(())
        }
    }

    /// `map`.
    pub(crate) fn map(&mut self, space: u64, [frame, address, access]: [u64; 3]) -> Answer {
        let space = self.find(space, Kind::AddressSpace, Rights::WRITE)?;
        let found = self.find_frame(frame, Rights::NONE)?;
        let access = Access::from_raw(access).ok_or(Error::BadArgument)?;
        self.map_found(space, found, address, access)?;
        Ok(0)
    }

    fn map_found(
        &mut self,
        space: Number,
        (frame, rights): (Frame, Rights),
        address: Address,
        access: Access,
    ) -> Result<(), Error> {
        check_page_address(address)?;
        self.check_access(frame, rights, access)?;
        self.add_mapping(
            space,
            address,
            frame,
            (access, rights.contains(Rights::WRITE)),
        )
    }

    /// Checks that something is mapped at an address: of a large frame, at its first.
    fn find_mapping(&self, space: Number, address: Address) -> Result<(), Error> {
        let it = &self.spaces[&space];
        let large = address & !(LARGE_BYTES - 1);
        let is_page = it.last_table(address).is_some();
        match (
            it.mappings.contains_key(&address),
            it.mappings.contains_key(&large),
        ) {
            (true, _) => Ok(()),
            (false, true) if !is_page => Err(Error::Misaligned),
            (false, _) => Err(Error::NotMapped),
        }
    }

    /// `unmap`.
    pub(crate) fn unmap(&mut self, space: u64, address: Address) -> Answer {
        let space = self.find(space, Kind::AddressSpace, Rights::WRITE)?;
        check_page_address(address)?;
        self.find_mapping(space, address)?;
        self.remove_mapping(space, address);
        Ok(0)
    }

    /// `protect`.
    pub(crate) fn protect(&mut self, space: u64, address: Address, access: u64) -> Answer {
        let space = self.find(space, Kind::AddressSpace, Rights::WRITE)?;
        let access = Access::from_raw(access).ok_or(Error::BadArgument)?;
        check_page_address(address)?;
        self.find_mapping(space, address)?;
        self.protect_found(space, address, access)?;
        Ok(0)
    }

    fn protect_found(
        &mut self,
        space: Number,
        address: Address,
        access: Access,
    ) -> Result<(), Error> {
        let mapping = self.spaces[&space].mappings[&address];
        let rights = if mapping.may_write {
            Rights::READ.union(Rights::WRITE)
        } else {
            Rights::READ
        };
        self.check_access(mapping.frame, rights, access)?;
        let found = self.space(space).mappings.get_mut(&address);
        found.expect("a mapping").access = access;
        Ok(())
    }
}

/// Ranges.
impl State {
    /// `map_range`, `unmap_range`, `protect_range`: page after page, until one is refused; the pages before
    /// it are done. If an interrupt comes the call stops after some of them, with its arguments set
    /// forward, and is made again after it.
    pub(crate) fn range_call(&mut self, thread: Number, call: RangeCall, inputs: &Inputs) {
        let mut range = match self.read_range(thread, call) {
            Ok(range) => range,
            Err((error, done)) => return self.answer_range(thread, error.into_raw(), done),
        };
        let stop = inputs.pages.map_or(u64::MAX, |pages| range.done + pages);
        let status = loop {
            if range.left == 0 {
                break 0;
            }
            if range.done >= stop {
                return self.suspend_range(thread, &range);
            }
            match self.do_next(&range) {
                Err(error) => break error.into_raw(),
                Ok(pages) => range.advance(pages),
            }
        };
        self.answer_range(thread, status, range.done);
    }

    /// Reads and checks the arguments; an error comes with the pages that were done before.
    fn read_range(&self, thread: Number, call: RangeCall) -> Result<Range, (Error, u64)> {
        let x = self.threads[&thread].registers.x;
        let (address, count) = call.registers();
        let access = match call {
            RangeCall::Unmap => Access::READ.into_raw(),
            RangeCall::Map | RangeCall::Protect => x[count - 1],
        };
        let (address, count) = (x[address], x[count]);
        let done = count >> DONE_SHIFT;
        let left = count & ((1 << DONE_SHIFT) - 1);
        let told = if done >= RANGE_PAGES { 0 } else { done };
        let checked = || {
            let space = self.find(x[0], Kind::AddressSpace, Rights::WRITE)?;
            let access = Access::from_raw(access).ok_or(Error::BadArgument)?;
            check_page_address(address)?;
            let room = (USER_END - address) / PAGE_BYTES;
            if left == 0 || left + done > RANGE_PAGES || left > room {
                return Err(Error::OutOfRange);
            }
            Ok(Range {
                call,
                space,
                handle: x[1],
                address,
                access,
                left,
                done,
            })
        };
        checked().map_err(|error| (error, told))
    }

    /// Does the next page, or large frame: the answer is how many pages that is.
    fn do_next(&mut self, range: &Range) -> Answer {
        let Range {
            space,
            address,
            access,
            left,
            ..
        } = *range;
        if range.call == RangeCall::Map {
            let found = self.find_frame(range.handle, Rights::NONE)?;
            if self.frames[&found.0].is_large {
                return Err(Error::WrongKind);
            }
            self.map_found(space, found, address, access)?;
            return Ok(1);
        }
        let is_page = self.spaces[&space].last_table(address).is_some();
        let mapped = self.find_mapping(space, address);
        if range.call == RangeCall::Unmap && mapped == Err(Error::NotMapped) {
            return Ok(1);
        }
        mapped?;
        let pages = if is_page { 1 } else { LARGE_FRAMES };
        if left < pages {
            return Err(Error::Misaligned);
        }
        if range.call == RangeCall::Unmap {
            self.remove_mapping(space, address);
        } else {
            self.protect_found(space, address, access)?;
        }
        Ok(pages)
    }

    fn suspend_range(&mut self, thread: Number, range: &Range) {
        let it = self.thread(thread);
        let registers = &mut it.registers;
        let (address, count) = range.call.registers();
        if range.call == RangeCall::Map {
            registers.x[1] = range.handle;
        }
        registers.x[address] = range.address;
        registers.x[count] = range.left | range.done << DONE_SHIFT;
        registers.pc = registers.pc.wrapping_sub(INSTRUCTION_BYTES);
        if it.is_stepping {
            // The instruction is not done: it comes again in the same step.
            registers.program_state = STEP_STATE;
        }
    }

    fn answer_range(&mut self, thread: Number, status: u64, done: u64) {
        self.answer(thread, [status, done]);
    }
}

impl Range {
    fn advance(&mut self, pages: u64) {
        self.handle = self.handle.wrapping_add(pages);
        self.address += pages * PAGE_BYTES;
        self.left -= pages;
        self.done += pages;
    }
}
