//! The figures of mapping: one page, and the most that one call maps.

use ipc_abi::boot::PAGE_BYTES;
use ipc_abi::call::SystemCall;
use ipc_abi::capability::Access;
use ipc_abi::error::Error;
use ipc_abi::service::bench::BenchError;
use userlib::syscall;

use crate::measure::{measure, measure_prepared};
use crate::rig::{MAP_ADDRESS, RANGE_ADDRESS, Rig};
use crate::samples::Summary;
use crate::workbench::{Workbench, refused};

/// The most pages of one call.
pub const RANGE_PAGES: u64 = 512;
/// Slots in an extension of a capability table.
const CHUNK_SLOTS: u64 = 256;

/// Makes the frames of a range, behind the slots that the table has at first: for good. Tells the
/// handle of the first.
///
/// # Errors
///
/// `OutOfMemory`, `Refused`.
pub fn make_range(workbench: &mut Workbench) -> Result<u32, BenchError> {
    let (table, region) = (workbench.table(), workbench.region());
    for _ in 0..RANGE_PAGES / CHUNK_SLOTS {
        let frame = workbench.take_frame()?;
        syscall::table_extend(table, region, frame).map_err(refused(SystemCall::TableExtend))?;
    }
    for page in 0..RANGE_PAGES {
        let object = workbench.take_frame()?.saturating_mul(64);
        let slot = u32::try_from(CHUNK_SLOTS.saturating_add(page)).unwrap_or(u32::MAX);
        syscall::create_frame(region, object, workbench.place(slot))
            .map_err(refused(SystemCall::CreateFrame))?;
    }
    Ok(u32::try_from(CHUNK_SLOTS).unwrap_or(u32::MAX))
}

fn map(rig: &Rig) -> Result<(), Error> {
    syscall::map(rig.space, rig.frame, MAP_ADDRESS, Access::READ_WRITE)
}

pub(crate) fn measure_map(rig: &mut Rig) -> Result<Summary, BenchError> {
    measure(
        || map(rig),
        |result| {
            result.map_err(refused(SystemCall::Map))?;
            syscall::unmap(rig.space, MAP_ADDRESS).map_err(refused(SystemCall::Unmap))
        },
    )
}

pub(crate) fn measure_unmap(rig: &mut Rig) -> Result<Summary, BenchError> {
    measure_prepared(
        || map(rig).map_err(refused(SystemCall::Map)),
        || syscall::unmap(rig.space, MAP_ADDRESS),
        |result| result.map_err(refused(SystemCall::Unmap)),
    )
}

pub(crate) fn measure_protect(rig: &mut Rig) -> Result<Summary, BenchError> {
    let address = MAP_ADDRESS + PAGE_BYTES;
    measure(
        || syscall::protect(rig.space, address, Access::READ_WRITE),
        |result| result.map_err(refused(SystemCall::Protect)),
    )
}

fn map_range(rig: &Rig) -> Result<(), (u64, Error)> {
    let access = Access::READ_WRITE;
    syscall::map_range(rig.space, rig.range, RANGE_ADDRESS, access, RANGE_PAGES)
}

fn unmap_range(rig: &Rig) -> Result<(), (u64, Error)> {
    syscall::unmap_range(rig.space, RANGE_ADDRESS, RANGE_PAGES)
}

fn refused_range(call: SystemCall) -> impl FnOnce((u64, Error)) -> BenchError {
    move |(_, error)| refused(call)(error)
}

pub(crate) fn measure_map_range(rig: &mut Rig) -> Result<Summary, BenchError> {
    measure(
        || map_range(rig),
        |result| {
            result.map_err(refused_range(SystemCall::MapRange))?;
            unmap_range(rig).map_err(refused_range(SystemCall::UnmapRange))
        },
    )
}

pub(crate) fn measure_unmap_range(rig: &mut Rig) -> Result<Summary, BenchError> {
    measure_prepared(
        || map_range(rig).map_err(refused_range(SystemCall::MapRange)),
        || unmap_range(rig),
        |result| result.map_err(refused_range(SystemCall::UnmapRange)),
    )
}
