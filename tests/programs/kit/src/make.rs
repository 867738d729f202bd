//! Making objects that a case needs, each in a fresh place, its capability in a fresh slot.

use alloc::vec::Vec;

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Access, FrameMode, Kind, Rights};
use ipc_abi::error::Error;

use crate::failure::{Fact, Failure};
use crate::world::{AREA, PAGE, World};

/// Frames given to a new space: two tables, a shadow, records, and some to spare.
const POOL_FRAMES: u64 = 6;

/// More interrupt lines than there are.
const LINES: u64 = 1024;

/// How many units of 64 bytes an object of a kind takes.
#[must_use]
pub fn units_of(kind: Kind) -> u64 {
    match kind {
        Kind::Frame | Kind::Region => 64,
        Kind::Thread => 32,
        Kind::CapTable => 16,
        Kind::Endpoint | Kind::SchedulingContext => 8,
        Kind::AddressSpace | Kind::Notification | Kind::Allowance => 2,
        Kind::Platform | Kind::Gate | Kind::Reply | Kind::Irq => 1,
    }
}

impl World {
    /// The handles of what was made, in this order; regions are not among them.
    #[must_use]
    pub fn handles(&self) -> Vec<u64> {
        self.made.iter().map(|(slot, _)| *slot).collect()
    }

    /// Makes an object of `kind` by `call`, with `rest` behind region, object and destination.
    fn make(&mut self, call: SystemCall, kind: Kind, rest: &[u64]) -> Result<u64, Failure> {
        let object = self.object(kind, units_of(kind));
        let slot = self.slot();
        let mut arguments = alloc::vec![self.authority.memory, object, self.place(slot)];
        arguments.extend_from_slice(rest);
        self.must(call, &arguments)?;
        self.made.push((slot, object));
        Ok(slot)
    }

    /// Makes an endpoint.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn endpoint(&mut self) -> Result<u64, Failure> {
        self.make(SystemCall::CreateEndpoint, Kind::Endpoint, &[])
    }

    /// Makes a gate to an endpoint or a notification.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn gate(&mut self, target: u64, badge: u64) -> Result<u64, Failure> {
        self.make(SystemCall::CreateGate, Kind::Gate, &[target, badge])
    }

    /// Makes a notification.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn notification(&mut self) -> Result<u64, Failure> {
        self.make(SystemCall::CreateNotification, Kind::Notification, &[])
    }

    /// Makes a reply object.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn reply(&mut self) -> Result<u64, Failure> {
        self.make(SystemCall::CreateReply, Kind::Reply, &[])
    }

    /// Makes a capability table of 256 slots.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn table(&mut self) -> Result<u64, Failure> {
        let slots = self.frame();
        self.make(SystemCall::CreateTable, Kind::CapTable, &[slots])
    }

    /// Makes an address space with some frames in its pool and nothing mapped.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn space(&mut self) -> Result<u64, Failure> {
        let root = self.frame();
        let asids = self.authority.asids;
        let space = self.make(SystemCall::CreateSpace, Kind::AddressSpace, &[asids, root])?;
        for _ in 0..POOL_FRAMES {
            let frame = self.frame();
            self.must(
                SystemCall::SpaceDonate,
                &[space, self.authority.memory, frame],
            )?;
        }
        Ok(space)
    }

    /// Makes an address space in which agents can run.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn agent_space(&mut self) -> Result<u64, Failure> {
        let space = self.space()?;
        for (page, frame) in (0..).zip(self.code.clone()) {
            self.map(space, frame, AREA + page * PAGE, Access::READ_EXECUTE)?;
        }
        Ok(space)
    }

    /// Makes a thread.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn thread(&mut self, table: u64, space: u64) -> Result<u64, Failure> {
        self.make(SystemCall::CreateThread, Kind::Thread, &[table, space])
    }

    /// Makes a scheduling context.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn context(&mut self, priority: u64) -> Result<u64, Failure> {
        let time = self.authority.time;
        self.make(
            SystemCall::CreateContext,
            Kind::SchedulingContext,
            &[time, priority],
        )
    }

    /// Makes a frame of user memory.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn user_frame(&mut self) -> Result<u64, Failure> {
        self.make(SystemCall::CreateFrame, Kind::Frame, &[])
    }

    /// Makes an interrupt object.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn irq(&mut self, line: u64) -> Result<u64, Failure> {
        let irqs = self.authority.irqs;
        self.make(SystemCall::CreateIrq, Kind::Irq, &[irqs, line])
    }

    /// An interrupt line that the program may use and nobody does.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn spare_line(&mut self) -> Result<u64, Failure> {
        let object = self.object(Kind::Irq, 1);
        let slot = self.slot();
        let (memory, irqs, place) = (self.authority.memory, self.authority.irqs, self.place(slot));
        for line in self.first_line..LINES {
            let answer = self.function(SystemCall::CreateIrq, &[memory, object, place, irqs, line]);
            match answer {
                Ok(_) => {
                    self.destroy(slot)?;
                    return Ok(line);
                }
                Err(Error::OutOfRange) => self.first_line = line + 1,
                Err(Error::Exhausted) => {}
                Err(error) => return Err(Failure::refused(SystemCall::CreateIrq, error)),
            }
        }
        Err(Failure::from("there is no spare interrupt line"))
    }

    /// Splits an allowance.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn allowance(&mut self, parent: u64, count: u64) -> Result<u64, Failure> {
        let slot = self.make(
            SystemCall::AllowanceSplit,
            Kind::Allowance,
            &[parent, count],
        )?;
        self.note_split_numbers(parent, count);
        Ok(slot)
    }

    /// Splits frames off the region's end.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn region(&mut self, frames: u64) -> Result<u64, Failure> {
        let slot = self.slot();
        let place = self.place(slot);
        self.must_finish(
            SystemCall::RegionSplit,
            &[self.authority.memory, frames, place],
        )?;
        self.note_split(frames);
        Ok(slot)
    }

    /// Makes an object of any kind that can be made.
    ///
    /// # Errors
    ///
    /// What the kernel refused; that nobody can make a platform.
    pub fn any(&mut self, kind: Kind) -> Result<u64, Failure> {
        match kind {
            Kind::Region => self.region(2),
            Kind::Allowance => self.allowance(self.authority.time, 1),
            Kind::Platform => Err(Failure::from("there is one platform")),
            Kind::Frame => self.user_frame(),
            Kind::AddressSpace => self.space(),
            Kind::CapTable => self.table(),
            Kind::Thread => {
                let (table, space) = (self.authority.table, self.authority.space);
                self.thread(table, space)
            }
            Kind::SchedulingContext => self.context(1),
            Kind::Endpoint => self.endpoint(),
            Kind::Gate => {
                let endpoint = self.endpoint()?;
                self.gate(endpoint, 1)
            }
            Kind::Notification => self.notification(),
            Kind::Reply => self.reply(),
            Kind::Irq => {
                let line = self.spare_line()?;
                self.irq(line)
            }
        }
    }

    /// A capability to an object that is dead.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn stale(&mut self, kind: Kind) -> Result<u64, Failure> {
        let handle = self.any(kind)?;
        self.destroy(handle)?;
        Ok(handle)
    }

    /// Copies a capability into a fresh slot.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn copy(&mut self, handle: u64, rights: Rights) -> Result<u64, Failure> {
        let slot = self.slot();
        self.copy_to(handle, self.place(slot), rights)?;
        Ok(slot)
    }

    /// Copies a capability to a place.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn copy_to(&mut self, handle: u64, place: u64, rights: Rights) -> Fact {
        let rights = u64::from(rights.into_raw());
        self.must(SystemCall::CapabilityCopy, &[handle, place, rights])
            .map(|_| ())
    }

    /// Destroys an object.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn destroy(&mut self, handle: u64) -> Fact {
        self.must_finish(SystemCall::Destroy, &[handle])
    }

    /// Maps a frame.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn map(&mut self, space: u64, frame: u64, address: u64, access: Access) -> Fact {
        self.must(SystemCall::Map, &[space, frame, address, access.into_raw()])
            .map(|_| ())
    }

    /// Makes a page of code in the program's own space; its address.
    ///
    /// # Errors
    ///
    /// What the kernel refused; that it does not fit a page.
    pub fn code_page(&mut self, instructions: &[u32]) -> Result<u64, Failure> {
        let own = self.authority.space;
        let (frame, page) = self.mapped_frame(Access::READ_WRITE)?;
        Failure::unless(instructions.len() <= 1024, "more than a page of code")?;
        for (index, pair) in (0..).zip(instructions.chunks(2)) {
            let high = pair.get(1).copied().unwrap_or(0);
            self.write(page + 8 * index, u64::from(pair[0]) | u64::from(high) << 32);
        }
        self.must(SystemCall::Unmap, &[own, page])?;
        self.must(SystemCall::FrameSetMode, &[frame, FrameMode::Code as u64])?;
        self.map(own, frame, page, Access::READ_EXECUTE)?;
        Ok(page)
    }

    /// Makes a frame and maps it in the program's own space; its handle and address.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn mapped_frame(&mut self, access: Access) -> Result<(u64, u64), Failure> {
        let frame = self.user_frame()?;
        let address = self.page();
        self.map(self.authority.space, frame, address, access)?;
        Ok((frame, address))
    }
}
