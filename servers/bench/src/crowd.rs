//! The figures that must not grow: destroying what many capabilities point at, and calls in a system
//! with many threads.

use ipc_abi::boot::OBJECTS_PER_FRAME;
use ipc_abi::call::{Place, SystemCall};
use ipc_abi::capability::Rights;
use ipc_abi::error::Error;
use ipc_abi::service::bench::BenchError;
use userlib::syscall;

use crate::figure::measure_words_0;
use crate::measure::measure_prepared;
use crate::rig::Rig;
use crate::samples::Summary;
use crate::workbench::{Workbench, refused};

/// Capabilities that point at what is destroyed; threads of the largest crowd.
pub const MANY: u32 = 10_000;
/// Threads of a small crowd.
pub const FEW: u32 = 100;
/// Slots in a chunk of a capability table.
const CHUNK_SLOTS: u32 = 256;
/// Object units that a thread takes, and a context at most.
const THREAD_UNITS: u64 = 32;
const CONTEXT_UNITS: u64 = 8;
/// How important the threads of a crowd are: less than all others.
const PRIORITY: u8 = 1;

/// What the figures use up.
#[derive(Debug)]
pub struct Crowd {
    workbench: Workbench,
    time: u32,
    space: u32,
    endpoint: u32,
    /// Where the object that is destroyed lies, and its capability.
    object: u64,
    slot: u32,
    /// A slot for what is copied on.
    spare: u32,
    /// The table that holds the many capabilities.
    table: u32,
    threads: u32,
    thread_place: Pool,
    context_place: Pool,
}

/// Places for objects of one size, frame by frame.
#[derive(Clone, Copy, Debug, Default)]
struct Pool {
    next: u64,
    end: u64,
}

impl Pool {
    fn take(&mut self, units: u64, workbench: &mut Workbench) -> Result<u64, BenchError> {
        if self.next >= self.end {
            self.next = workbench.take_frame()?.saturating_mul(OBJECTS_PER_FRAME);
            self.end = self.next.saturating_add(OBJECTS_PER_FRAME);
        }
        let place = self.next;
        self.next = place.saturating_add(units);
        Ok(place)
    }
}

impl Crowd {
    /// Takes what is left of the workbench.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`, `OutOfSlots`, `Refused`.
    pub fn new(mut workbench: Workbench, space: u32, time: u32) -> Result<Crowd, BenchError> {
        let endpoint = workbench.create(SystemCall::CreateEndpoint, syscall::create_endpoint)?;
        let slots = workbench.take_frame()?;
        let table = workbench.create(SystemCall::CreateTable, |region, object, place| {
            syscall::create_table(region, object, place, slots)
        })?;
        for _ in 1..(2 * MANY).div_ceil(CHUNK_SLOTS).min(64) {
            let frame = workbench.take_frame()?;
            syscall::table_extend(table, workbench.region(), frame)
                .map_err(refused(SystemCall::TableExtend))?;
        }
        let object = workbench.take_frame()?.saturating_mul(OBJECTS_PER_FRAME);
        let (slot, spare) = (workbench.take_slot()?, workbench.take_slot()?);
        Ok(Crowd {
            workbench,
            time,
            space,
            endpoint,
            object,
            slot,
            spare,
            table,
            threads: 0,
            thread_place: Pool::default(),
            context_place: Pool::default(),
        })
    }

    fn place(&self) -> Place {
        self.workbench.place(self.slot)
    }

    fn make_gate(&self) -> Result<(), BenchError> {
        let region = self.workbench.region();
        syscall::create_gate(region, self.object, self.place(), self.endpoint, 7)
            .map_err(refused(SystemCall::CreateGate))
    }

    fn make_endpoint(&self) -> Result<(), BenchError> {
        syscall::create_endpoint(self.workbench.region(), self.object, self.place())
            .map_err(refused(SystemCall::CreateEndpoint))
    }

    fn forget(&self, destroyed: Result<(), Error>) -> Result<(), BenchError> {
        destroyed.map_err(refused(SystemCall::Destroy))?;
        syscall::capability_delete(self.place()).map_err(refused(SystemCall::CapabilityDelete))
    }

    /// Fills the table with copies of the capability to the object.
    fn copy(&self) -> Result<(), BenchError> {
        for slot in 1..=MANY {
            let place = Place::new(self.table, slot);
            // What is there is stale by now, or nothing is.
            let _ = syscall::capability_delete(place);
            syscall::capability_copy(self.slot, place, Rights::ALL)
                .map_err(refused(SystemCall::CapabilityCopy))?;
        }
        Ok(())
    }

    /// Makes threads that are ready for ever, until there are `count`.
    fn grow(&mut self, count: u32) -> Result<(), BenchError> {
        while self.threads < count {
            let table = self.workbench.table();
            let object = self.thread_place.take(THREAD_UNITS, &mut self.workbench)?;
            let region = self.workbench.region();
            syscall::create_thread(region, object, self.place(), table, self.space)
                .map_err(refused(SystemCall::CreateThread))?;
            let object = self
                .context_place
                .take(CONTEXT_UNITS, &mut self.workbench)?;
            let spare = self.workbench.place(self.spare);
            syscall::create_context(region, object, spare, self.time, PRIORITY)
                .map_err(refused(SystemCall::CreateContext))?;
            syscall::thread_set_context(self.slot, self.spare)
                .map_err(refused(SystemCall::ThreadSetContext))?;
            syscall::thread_start(self.slot, 0, 0, 0).map_err(refused(SystemCall::ThreadStart))?;
            self.threads = self.threads.saturating_add(1);
            let place = Place::new(self.table, self.threads);
            let _ = syscall::capability_delete(place);
            syscall::capability_copy(self.slot, place, Rights::ALL)
                .map_err(refused(SystemCall::CapabilityCopy))?;
            for place in [self.place(), spare] {
                syscall::capability_delete(place).map_err(refused(SystemCall::CapabilityDelete))?;
            }
        }
        Ok(())
    }
}

pub(crate) fn measure_destroy_gate(rig: &mut Rig) -> Result<Summary, BenchError> {
    let crowd = &rig.crowd;
    measure_prepared(
        || crowd.make_gate(),
        || syscall::destroy(crowd.slot),
        |result| crowd.forget(result),
    )
}

pub(crate) fn measure_destroy_endpoint(rig: &mut Rig) -> Result<Summary, BenchError> {
    let crowd = &rig.crowd;
    measure_prepared(
        || crowd.make_endpoint(),
        || syscall::destroy(crowd.slot),
        |result| crowd.forget(result),
    )
}

/// Measures with the many capabilities in some of the rounds: one is as good as all, and filling the
/// table takes long.
fn only_sometimes(round: &mut u32, crowd: &Crowd) -> Result<(), BenchError> {
    *round = round.wrapping_add(1);
    if round.is_multiple_of(64) {
        crowd.copy()?;
    }
    Ok(())
}

pub(crate) fn measure_destroy_gate_of_many(rig: &mut Rig) -> Result<Summary, BenchError> {
    let (crowd, mut round) = (&rig.crowd, 0);
    measure_prepared(
        || {
            crowd.make_gate()?;
            only_sometimes(&mut round, crowd)
        },
        || syscall::destroy(crowd.slot),
        |result| crowd.forget(result),
    )
}

pub(crate) fn measure_destroy_endpoint_of_many(rig: &mut Rig) -> Result<Summary, BenchError> {
    let (crowd, mut round) = (&rig.crowd, 0);
    measure_prepared(
        || {
            crowd.make_endpoint()?;
            only_sometimes(&mut round, crowd)
        },
        || syscall::destroy(crowd.slot),
        |result| crowd.forget(result),
    )
}

/// Measures empty calls beside `COUNT` threads that are ready.
pub(crate) fn measure_crowded<const COUNT: u32>(rig: &mut Rig) -> Result<Summary, BenchError> {
    rig.crowd.grow(COUNT)?;
    measure_words_0(rig)
}
