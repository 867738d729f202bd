//! The first process: made by the kernel itself, once, from the boot package.
//!
//! [`PackageHeader`] is checked like any other input, in `package.rs`; then the process gets the
//! table, space, thread, context and authorities of [`FirstHandle`], its segments in place, its
//! stack, its message buffer, the package and the information page. Everything lies in frames of
//! the region [`FirstHandle::Memory`], so that who holds it can reclaim even these.
//!
//! Loops over frames are as long as the package: this runs once, before there is anybody to wait.

use ipc_abi::boot::{
    FIRST_BUFFER_ADDRESS, FIRST_STACK_PAGES, FIRST_STACK_TOP, FirstHandle, INFO_ADDRESS,
    PACKAGE_ADDRESS, PACKAGE_HEADER_WORDS, PAGE_BYTES, PackageHeader, PackageSegment,
};
use ipc_abi::capability::{Access, Kind, Rights};
use ipc_abi::error::Error;
use ipc_abi::time::{SHARE_WHOLE, TimeGrant};

use crate::capability::Capability;
use crate::create::{HOLDER, frame_number};
use crate::kernel::Kernel;
use crate::memory::{Fields, Memory};
use crate::object::{
    Allowance, CapTable, Context, Frame, FrameKind, ID_WORD, Number, Object, Platform, Region,
    Space, Thread, context, core_state, entry, machine, region, sort, state, thread, user,
};
use crate::package::{BootError, check_header, read_header};
use crate::timer::OFF;

/// What the boot code found: what there is to give to the first process.
#[derive(Clone, Copy, Debug)]
pub struct BootPlan {
    /// First frame of memory that the kernel does not use. The package and the information page may
    /// lie inside the range, but not in this frame.
    pub first: Frame,
    /// The end of that memory.
    pub end: Frame,
    /// First frame of the devices.
    pub device_first: Frame,
    /// The end of the devices.
    pub device_end: Frame,
    /// Interrupt lines of the interrupt controller.
    pub lines: u64,
    /// ASIDs of the processor.
    pub asids: u64,
    /// The boot package.
    pub package: Option<Package>,
    /// The kernel information page.
    pub info: Frame,
    /// Ticks of a slice.
    pub slice_ticks: u64,
}

/// Where the boot package is.
#[derive(Clone, Copy, Debug)]
pub struct Package {
    /// Its first frame.
    pub first: Frame,
    /// How many frames it has.
    pub frames: u64,
    /// The first words of its first frame.
    pub header: [u64; PACKAGE_HEADER_WORDS],
}

/// The first interrupt line that is given out: those below belong to the cores.
pub const FIRST_SHARED_LINE: u64 = 32;
/// The first ASID that is given out: 0 is the one of the empty space.
const FIRST_ASID: u64 = 1;
/// The priority of the first process.
const FIRST_PRIORITY: u8 = u8::MAX;

/// Hands out the frames of the first region, lowest first.
struct Supply {
    region: Number<Region>,
    next: u64,
    end: u64,
}

/// The objects of the first process.
struct First {
    space: Number<Space>,
    thread: Number<Thread>,
}

impl<M: Memory + Copy> Kernel<M> {
    /// Makes the first process and lets it be the current thread. Called once, with the objects
    /// [`crate::object::Core`] and [`crate::object::Machine`] zero but for the fields that only the
    /// boot code knows (`MACHINE`, `INDEX`, `NULL_ENDPOINT`, `NULL_ROOT`, `NULL_SLOTS`), and every
    /// frame of the plan free. The caller makes the instruction cache coherent with memory before
    /// the first instruction of the process.
    ///
    /// # Errors
    ///
    /// [`BootError`]. Then nothing can run.
    pub fn start(&self, plan: &BootPlan) -> Result<(), BootError> {
        let package = plan.package.as_ref().ok_or(BootError::NoPackage)?;
        let header = read_header(&package.header);
        check_header(&header, package.frames)?;
        self.memory.set(self.machine(), machine::NEXT_ID, 1);
        self.memory.set(self.core(), core_state::ARMED, OFF);
        self.memory
            .set(self.core(), core_state::SLICE_TICKS, plan.slice_ticks);
        self.claim_frames(package.first, package.frames, &header)?;
        self.claim_user_frame(plan.info, 0)?;
        let mut supply = self.make_supply(plan)?;
        let first = self.make_process(plan, &mut supply)?;
        self.map_package(&mut supply, first.space, package, &header)?;
        self.map_rest(&mut supply, &first, plan.info)?;
        self.memory.set(first.thread, thread::PC, header.entry);
        self.memory.set(first.thread, thread::SP, FIRST_STACK_TOP);
        self.memory.set(first.thread, thread::STATE, state::LIVE);
        self.memory
            .set_link(self.core(), core_state::CURRENT, first.thread);
        Ok(())
    }

    /// Makes the frames of the package user frames; those of executable segments are code.
    fn claim_frames(
        &self,
        first: Frame,
        frames: u64,
        header: &PackageHeader,
    ) -> Result<(), BootError> {
        for index in 0..frames {
            let offset = index.wrapping_mul(PAGE_BYTES);
            let is_code = used_segments(header).any(|segment| {
                is_executable(segment) && offset.wrapping_sub(segment.offset) < segment.file_bytes
            });
            let bits = if is_code { user::CODE } else { 0 };
            self.claim_user_frame(Frame(first.0.wrapping_add(index)), bits)?;
        }
        Ok(())
    }

    #[inline(never)]
    fn claim_user_frame(&self, frame: Frame, bits: u64) -> Result<(), BootError> {
        if self.memory.kind(frame) != FrameKind::Free as u8 {
            return Err(BootError::FrameTaken { frame: frame.0 });
        }
        self.make_user_frame(frame, bits);
        Ok(())
    }

    /// Makes the region of all memory, in its first frame.
    fn make_supply(&self, plan: &BootPlan) -> Result<Supply, BootError> {
        let frames = plan
            .end
            .0
            .checked_sub(plan.first.0)
            .ok_or(BootError::NoMemory)?;
        if frames == 0 {
            return Err(BootError::NoMemory);
        }
        if self.memory.kind(plan.first) != FrameKind::Free as u8 {
            return Err(BootError::FrameTaken {
                frame: plan.first.0,
            });
        }
        let region = self.make_region(plan.first, frames);
        for index in 0..frames {
            let frame = Frame(plan.first.0.wrapping_add(index));
            if self.memory.kind(frame) != FrameKind::Free as u8 {
                self.raise_high(region, frame);
            }
        }
        Ok(Supply {
            region,
            next: plan.first.0.wrapping_add(1),
            end: plan.end.0,
        })
    }

    /// Takes a free frame.
    #[inline(never)]
    fn supply_frame(&self, supply: &mut Supply) -> Result<Frame, BootError> {
        while supply.next < supply.end {
            let frame = Frame(supply.next);
            supply.next = supply.next.wrapping_add(1);
            if self.memory.kind(frame) == FrameKind::Free as u8 {
                return Ok(frame);
            }
        }
        Err(BootError::NoMemory)
    }

    /// Makes an object in a frame of its own.
    fn supply_object<O: Object>(&self, supply: &mut Supply) -> Result<Number<O>, BootError> {
        self.supply_number(supply, O::KIND).map(Number::from_raw)
    }

    #[inline(never)]
    fn supply_number(&self, supply: &mut Supply, kind: FrameKind) -> Result<u64, BootError> {
        let number = frame_number::<()>(self.supply_frame(supply)?).into_raw();
        self.occupy(supply.region, number, kind as u8);
        Ok(number)
    }

    /// Makes a zeroed user frame.
    #[inline(never)]
    fn supply_page(&self, supply: &mut Supply, bits: u64) -> Result<Frame, BootError> {
        let frame = self.supply_frame(supply)?;
        self.memory.zero(frame);
        self.make_user_frame(frame, bits);
        self.raise_high(supply.region, frame);
        Ok(frame)
    }
}

/// The objects and handles of the first process.
impl<M: Memory + Copy> Kernel<M> {
    fn make_process(&self, plan: &BootPlan, supply: &mut Supply) -> Result<First, BootError> {
        let table: Number<CapTable> = self.supply_object(supply)?;
        let slots = self.supply_frame(supply)?;
        self.add_chunk(supply.region, table, slots);
        let space: Number<Space> = self.supply_object(supply)?;
        let root = self.supply_frame(supply)?;
        self.prepare_space(supply.region, space, FIRST_ASID, root);
        self.take_number(sort::ASID, FIRST_ASID, space.into_raw());
        let thread: Number<Thread> = self.supply_object(supply)?;
        self.prepare_thread(thread, table, space);
        let context: Number<Context> = self.supply_object(supply)?;
        self.give_first_context(thread, context);
        let devices = self.make_devices(plan, supply)?;
        let platform: Number<Platform> = self.supply_object(supply)?;
        self.give(table, FirstHandle::Table, table, HOLDER);
        self.give(table, FirstHandle::Space, space, HOLDER);
        self.give(table, FirstHandle::Thread, thread, HOLDER);
        self.give(table, FirstHandle::Context, context, HOLDER);
        self.give(table, FirstHandle::Memory, supply.region, HOLDER);
        self.give(table, FirstHandle::Devices, devices, HOLDER);
        self.give(table, FirstHandle::Platform, platform, HOLDER);
        self.make_allowances(plan, supply, table)?;
        let info = Capability::new(
            self.memory.entry(plan.info, entry::ID),
            Kind::Frame,
            frame_number::<()>(plan.info).into_raw(),
            Rights::READ,
        );
        self.give_capability(table, FirstHandle::Info, info);
        Ok(First { space, thread })
    }

    fn give_first_context(&self, thread: Number<Thread>, context: Number<Context>) {
        self.memory.set_link(context, context::OWNER, thread);
        self.memory.set_link(context, context::RUNNING, thread);
        self.memory.set_link(thread, thread::OWN_CONTEXT, context);
        self.memory.set_link(thread, thread::CONTEXT, context);
        self.memory
            .set_link(self.core(), core_state::CONTEXT, context);
    }

    /// The region of the devices: its object is in memory, since its own frames are none.
    fn make_devices(
        &self,
        plan: &BootPlan,
        supply: &mut Supply,
    ) -> Result<Number<Region>, BootError> {
        let devices: Number<Region> = self.supply_object(supply)?;
        let frames = plan.device_end.0.saturating_sub(plan.device_first.0);
        let end = plan.device_first.0.wrapping_add(frames);
        self.memory.set(devices, region::BASE, plan.device_first.0);
        self.memory.set(devices, region::FRAMES, frames);
        self.memory.set(devices, region::LIMIT, end);
        self.memory.set(devices, region::HIGH, plan.device_first.0);
        self.memory.set(devices, region::DEVICE, 1);
        Ok(devices)
    }

    fn make_allowances(
        &self,
        plan: &BootPlan,
        supply: &mut Supply,
        table: Number<CapTable>,
    ) -> Result<(), BootError> {
        let lines = plan
            .lines
            .min(machine::LINES)
            .saturating_sub(FIRST_SHARED_LINE);
        let asids = plan.asids.min(machine::LINES).saturating_sub(FIRST_ASID);
        let time: Number<Allowance> = self.supply_object(supply)?;
        let whole = TimeGrant {
            priority: FIRST_PRIORITY,
            unlimited: FIRST_PRIORITY,
            share: SHARE_WHOLE,
        };
        self.fill_time(time, 0, whole);
        self.prepare_context(self.current_context(), time, u64::from(FIRST_PRIORITY));
        self.give(table, FirstHandle::Time, time, HOLDER);
        let irqs: Number<Allowance> = self.supply_object(supply)?;
        self.fill_allowance(irqs, sort::IRQ, FIRST_SHARED_LINE, lines);
        self.give(table, FirstHandle::Irqs, irqs, HOLDER);
        let asid: Number<Allowance> = self.supply_object(supply)?;
        self.fill_allowance(asid, sort::ASID, FIRST_ASID, asids);
        self.give(table, FirstHandle::Asids, asid, HOLDER);
        Ok(())
    }

    fn give<O: Object>(
        &self,
        table: Number<CapTable>,
        handle: FirstHandle,
        object: Number<O>,
        rights: Rights,
    ) {
        if let Some(kind) = Kind::from_raw(O::KIND as u8) {
            let id = self.memory.load(object.into_raw(), ID_WORD);
            let capability = Capability::new(id, kind, object.into_raw(), rights);
            self.give_capability(table, handle, capability);
        }
    }

    #[inline(never)]
    fn give_capability(
        &self,
        table: Number<CapTable>,
        handle: FirstHandle,
        capability: Capability,
    ) {
        if let Some(slot) = self.slot_of(table, handle as u64) {
            self.write_slot(slot, capability);
        }
    }
}

/// The memory of the first process.
impl<M: Memory + Copy> Kernel<M> {
    /// Maps the package, read-only and whole, and its segments, in place.
    fn map_package(
        &self,
        supply: &mut Supply,
        space: Number<Space>,
        package: &Package,
        header: &PackageHeader,
    ) -> Result<(), BootError> {
        for index in 0..header.length / PAGE_BYTES {
            let frame = Frame(package.first.0.wrapping_add(index));
            let address = PACKAGE_ADDRESS.wrapping_add(index.wrapping_mul(PAGE_BYTES));
            self.map_first(supply, space, (frame, address), Access::READ)?;
        }
        for segment in used_segments(header) {
            let access = Access::from_raw(segment.access).unwrap_or(Access::READ);
            let bits = if is_executable(segment) {
                user::CODE
            } else {
                0
            };
            for index in 0..segment.memory_bytes / PAGE_BYTES {
                let offset = index.wrapping_mul(PAGE_BYTES);
                let frame = if offset < segment.file_bytes {
                    let page = segment.offset.wrapping_add(offset) / PAGE_BYTES;
                    Frame(package.first.0.wrapping_add(page))
                } else {
                    self.supply_page(supply, bits)?
                };
                let address = segment.address.wrapping_add(offset);
                self.map_first(supply, space, (frame, address), access)?;
            }
        }
        Ok(())
    }

    /// Maps stack, message buffer and information page.
    fn map_rest(&self, supply: &mut Supply, first: &First, info: Frame) -> Result<(), BootError> {
        for page in 1..=FIRST_STACK_PAGES {
            let frame = self.supply_page(supply, 0)?;
            let address = FIRST_STACK_TOP.wrapping_sub(page.wrapping_mul(PAGE_BYTES));
            self.map_first(supply, first.space, (frame, address), Access::READ_WRITE)?;
        }
        let buffer = self.supply_page(supply, 0)?;
        self.attach_buffer(first.thread, buffer);
        let place = (buffer, FIRST_BUFFER_ADDRESS);
        self.map_first(supply, first.space, place, Access::READ_WRITE)?;
        self.map_first(supply, first.space, (info, INFO_ADDRESS), Access::READ)
    }

    /// Maps a frame at an address, with as many frames for tables as it takes.
    #[inline(never)]
    fn map_first(
        &self,
        supply: &mut Supply,
        space: Number<Space>,
        (frame, address): (Frame, u64),
        access: Access,
    ) -> Result<(), BootError> {
        loop {
            match self.map_at_boot(space, frame, address, access) {
                Ok(_) => return Ok(()),
                Err(Error::NeedMemory) => {
                    let table = self.supply_frame(supply)?;
                    self.donate(space, supply.region, table);
                }
                Err(error) => return Err(BootError::Map { address, error }),
            }
        }
    }
}

/// The segments that count.
fn used_segments(header: &PackageHeader) -> impl Iterator<Item = &PackageSegment> {
    (0..header.segment_count)
        .zip(&header.segments)
        .map(|(_, segment)| segment)
}

fn is_executable(segment: &PackageSegment) -> bool {
    Access::from_raw(segment.access).is_some_and(Access::is_executable)
}
