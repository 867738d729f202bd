//! One life of the hostile process: building it, and taking everything of it back.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Kind, Rights};
use ipc_abi::time::{SHARE_WHOLE, TimeGrant};
use test_kit::{Fact, Failure, RAIDERS, Raid, World, place_in};

/// Frames of the hostile process's region: a power of two. A place for a frame of 2 MiB is in it.
pub(crate) const FRAMES: u64 = 1024;
/// Frames that go to the pool of its space.
const POOL: u64 = 12;
/// Its highest priority.
const PRIORITY: u8 = 40;
/// Its part of the core's time, for budgets.
const SHARE: u64 = SHARE_WHOLE / 8;
/// Frames before the place of a large one.
const SMALL_FRAMES: u64 = 64;
/// Object units between places for frames of 2 MiB.
const LARGE_UNITS: u64 = 1 << 15;
/// ASIDs of its own.
const ASIDS: u64 = 4;
/// Interrupt lines of its own.
pub(crate) const IRQS: u64 = 4;
/// Frames that one `region_merge` takes back at most.
const MERGE: u64 = 64;
/// The most capabilities of a life.
const HANDLES: u64 = 64;
/// Where its time and its lines are in its table.
const TIME: u64 = 3;
const LINES: u64 = 5;

/// The hostile process. Slot *n* of its table holds what slot `first_slot + n - 1` of this program's
/// does; slot 1 holds the table itself.
pub(crate) struct Life {
    first_slot: u64,
    count: u64,
    first_frame: u64,
    next_frame: u64,
    first_line: u64,
    threads: [u64; RAIDERS],
}

/// What is not the hostile process's, and what it may do with it.
fn foreign(world: &World, victim: u64) -> [u64; 7] {
    let own = world.authority;
    [
        own.table,
        own.space,
        own.thread,
        own.memory,
        own.time,
        own.platform,
        victim,
    ]
}

impl Life {
    /// Builds the process; its capabilities go to the slots from `first_slot` on.
    /// Its interrupt lines are four from `first_line` on.
    pub(crate) fn begin(
        world: &mut World,
        first_slot: u64,
        victim: u64,
        first_line: u64,
    ) -> Result<Life, Failure> {
        let own = world.authority;
        let mut life = Life {
            first_slot,
            count: 0,
            first_frame: 0,
            next_frame: 0,
            first_line,
            threads: [0; RAIDERS],
        };
        let region = first_slot + HANDLES - 1;
        let place = world.place(region);
        world.must_finish(SystemCall::RegionSplit, &[own.memory, FRAMES, place])?;
        let range = world.must(SystemCall::RegionInspect, &[region])?;
        life.first_frame = range & ((1 << 34) - 1);
        life.next_frame = life.first_frame + 1;
        life.populate(world, region)?;
        for handle in foreign(world, victim) {
            life.receive(world, handle, Rights::READ)?;
        }
        life.furnish(world)?;
        Ok(life)
    }

    /// What a raider attacks with.
    pub(crate) fn raid(&self, number: u64, seed: u64, calls: u64) -> Raid {
        Raid {
            number,
            seed: seed.wrapping_mul(2).wrapping_add(1),
            calls,
            first_frame: self.first_frame,
            frames: FRAMES,
            first_line: self.first_line,
        }
    }

    /// The handles of its threads.
    pub(crate) const fn threads(&self) -> [u64; RAIDERS] {
        self.threads
    }

    /// The region's first frame.
    pub(crate) const fn first_frame(&self) -> u64 {
        self.first_frame
    }

    fn frame(&mut self) -> u64 {
        self.next_frame += 1;
        self.next_frame - 1
    }

    /// The next slot.
    fn slot(&mut self) -> u64 {
        self.count += 1;
        self.first_slot + self.count - 1
    }

    /// Makes an object in a frame of its own; its handle.
    fn make(
        &mut self,
        world: &mut World,
        region: u64,
        call: SystemCall,
        rest: &[u64],
    ) -> Result<u64, Failure> {
        let (object, slot) = (self.frame() * 64, self.slot());
        let mut arguments = alloc::vec![region, object, world.place(slot)];
        arguments.extend_from_slice(rest);
        world.must(call, &arguments)?;
        Ok(slot)
    }

    /// Takes a copy of a capability of this program's.
    fn receive(&mut self, world: &mut World, handle: u64, rights: Rights) -> Fact {
        let slot = self.slot();
        let rights = u64::from(rights.into_raw());
        let arguments = [handle, world.place(slot), rights];
        world
            .must(SystemCall::CapabilityCopy, &arguments)
            .map(|_| ())
    }

    /// Makes everything that is the process's own.
    fn populate(&mut self, world: &mut World, region: u64) -> Fact {
        let own = world.authority;
        let frame = self.frame();
        let table = self.make(world, region, SystemCall::CreateTable, &[frame])?;
        let frame = self.frame();
        let space = self.make(world, region, SystemCall::CreateSpace, &[own.asids, frame])?;
        for _ in 0..POOL {
            let frame = self.frame();
            world.must(SystemCall::SpaceDonate, &[space, region, frame])?;
        }
        world.map_raid(space)?;
        let grant = TimeGrant {
            priority: PRIORITY,
            unlimited: PRIORITY,
            share: SHARE,
        };
        for split in [
            [own.time, grant.into_raw()],
            [own.asids, ASIDS],
            [own.irqs, IRQS],
        ] {
            self.make(world, region, SystemCall::AllowanceSplit, &split)?;
        }
        for number in 0..self.threads.len() {
            let thread = self.make(world, region, SystemCall::CreateThread, &[table, space])?;
            let context = self.make_context(world, region, number as u64 % 2)?;
            world.must(SystemCall::ThreadSetContext, &[thread, context])?;
            self.threads[number] = thread;
        }
        let endpoint = self.make(world, region, SystemCall::CreateEndpoint, &[])?;
        let target = self.make(world, region, SystemCall::CreateNotification, &[])?;
        for goal in [endpoint, target] {
            self.make(world, region, SystemCall::CreateGate, &[goal, 3])?;
        }
        self.make(world, region, SystemCall::CreateReply, &[])?;
        for _ in 0..2 {
            self.make(world, region, SystemCall::CreateFrame, &[])?;
        }
        self.make_large_frame(world, region)?;
        self.receive(world, region, Rights::ALL)?;
        self.make(world, region, SystemCall::CreateThread, &[table, space])?;
        self.make_context(world, region, 0)?;
        let line = [self.first_slot + LINES - 1, self.first_line];
        self.make(world, region, SystemCall::CreateIrq, &line)
            .map(|_| ())
    }

    /// Makes a context from the process's own time.
    fn make_context(&mut self, world: &mut World, region: u64, below: u64) -> Result<u64, Failure> {
        let time = [self.first_slot + TIME - 1, u64::from(PRIORITY) - below];
        self.make(world, region, SystemCall::CreateContext, &time)
    }

    /// Makes a frame of 2 MiB where the raiders do, too.
    fn make_large_frame(&mut self, world: &mut World, region: u64) -> Fact {
        let object = ((self.first_frame + SMALL_FRAMES) * 64).next_multiple_of(LARGE_UNITS);
        let slot = self.slot();
        let arguments = [region, object, world.place(slot)];
        world.must_finish(SystemCall::CreateLargeFrame, &arguments)
    }

    /// Copies everything into the process's own table.
    fn furnish(&mut self, world: &mut World) -> Fact {
        let table = self.first_slot;
        for number in 0..self.count {
            let all = u64::from(Rights::ALL.into_raw());
            let place = place_in(table, number + 1);
            let arguments = [self.first_slot + number, place, all];
            world.must(SystemCall::CapabilityCopy, &arguments)?;
        }
        Ok(())
    }

    /// Takes everything back.
    pub(crate) fn end(self, world: &mut World) -> Fact {
        let own = world.authority;
        for frame in self.first_frame..self.first_frame + FRAMES {
            world.must_finish(SystemCall::Reclaim, &[own.memory, frame])?;
        }
        for _ in 0..FRAMES / MERGE {
            world.must(SystemCall::RegionMerge, &[own.memory, MERGE])?;
        }
        world.must(SystemCall::AllowanceMerge, &[own.asids, ASIDS])?;
        world.must(SystemCall::AllowanceMerge, &[own.irqs, IRQS])?;
        for slot in self.first_slot..self.first_slot + HANDLES {
            let place = world.place(slot);
            // Not every slot was used.
            let _ = world.function(SystemCall::CapabilityDelete, &[place]);
        }
        Ok(())
    }
}

const _: () = assert!(Kind::Irq as u64 == 13, "a new kind belongs into a life");
