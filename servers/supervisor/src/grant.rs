//! Authority that outlives a process: its region, its share of time, its ASIDs and interrupt lines.
//!
//! They are made once. A dead process's region is emptied, frame by frame, before the next life
//! gets it; objects that it made with its allowances lie in its region and end with that.

use ipc_abi::boot::FirstHandle;
use ipc_abi::error::Error;
use ipc_abi::manifest::Authority;
use ipc_abi::time::{SHARE_WHOLE, TimeGrant};

use crate::kernel::{Handle, Kernel, Object};
use crate::store::{Holdings, MEMORY, MakeError, Store};

/// The most steps of one split: the kernel looks at 64 frames in each.
const SPLIT_STEPS_MAX: u32 = 1 << 16;
/// The most frames of one merge.
const MERGE_FRAMES: u64 = 64;
/// The most numbers that an allowance can lack.
const MERGE_NUMBERS_MAX: u16 = ipc_abi::manifest::ASIDS_MAX;

/// A region that was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantedRegion {
    /// The region.
    pub handle: Handle,
    /// Its first frame, in which the region's own object lies.
    pub first: u64,
    /// How many frames it has.
    pub frames: u64,
}

/// What a process was granted.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// Memory.
    pub memory: Option<GrantedRegion>,
    /// Memory for the gates of sessions.
    pub sessions: Option<GrantedRegion>,
    /// An allowance of time.
    pub time: Option<Handle>,
    /// An allowance of ASIDs.
    pub asids: Option<Handle>,
    /// An allowance of interrupt lines.
    pub irqs: Option<Handle>,
}

impl Grants {
    /// The regions that are its own, whether it lives or not.
    pub fn regions(&self) -> impl Iterator<Item = GrantedRegion> {
        [self.memory, self.sessions].into_iter().flatten()
    }
}

/// Splits a granted region of a process off all memory. Before any frame of it is taken.
///
/// # Errors
///
/// `NoMemory`, `Refused`.
pub fn split_memory<K: Kernel>(
    store: &mut Store<K>,
    holdings: &mut Holdings,
    frames: u64,
) -> Result<Option<GrantedRegion>, MakeError> {
    if frames == 0 {
        return Ok(None);
    }
    let handle = store.take_slot(holdings)?;
    for _ in 0..SPLIT_STEPS_MAX {
        match store.kernel.split_memory(frames, handle) {
            Err(refused) if refused.error == Error::Again => {}
            Err(refused) => return Err(refused.into()),
            Ok(()) => break,
        }
    }
    let (first, frames) = store.kernel.inspect_region(handle)?;
    Ok(Some(GrantedRegion {
        handle,
        first,
        frames,
    }))
}

/// Splits the granted allowances of a process off the supervisor's.
///
/// # Errors
///
/// `NoMemory`, `Refused`.
pub fn split_allowances<K: Kernel>(
    store: &mut Store<K>,
    holdings: &mut Holdings,
    authority: &Authority,
    grants: &mut Grants,
) -> Result<(), MakeError> {
    if let Some(priority) = authority.time {
        let from = FirstHandle::Time as Handle;
        let grant = TimeGrant {
            priority,
            unlimited: priority,
            share: SHARE_WHOLE * u64::from(authority.share) / 100,
        };
        let count = grant.into_raw();
        let object = Object::Allowance { from, count };
        grants.time = Some(store.make(holdings, object)?);
    }
    if authority.asids > 0 {
        let from = FirstHandle::Asids as Handle;
        let object = Object::Allowance {
            from,
            count: u64::from(authority.asids),
        };
        grants.asids = Some(store.make(holdings, object)?);
    }
    if authority.irqs > 0 {
        let from = FirstHandle::Irqs as Handle;
        let object = Object::Allowance {
            from,
            count: u64::from(authority.irqs),
        };
        grants.irqs = Some(store.make(holdings, object)?);
    }
    Ok(())
}

/// Takes back what a dead process made of its grants; tells how many frames could not be freed.
pub fn empty<K: Kernel>(store: &mut Store<K>, grants: &Grants) -> u64 {
    let regions = grants.regions();
    let lost = regions.map(|region| empty_region(store, &region)).sum();
    let allowances = [grants.time, grants.asids, grants.irqs];
    for allowance in allowances.into_iter().flatten() {
        // The kernel refuses when nothing is missing, or what is missing is still used.
        for _ in 0..MERGE_NUMBERS_MAX {
            if store.kernel.merge_allowance(allowance, 1).is_err() {
                break;
            }
        }
    }
    lost
}

fn empty_region<K: Kernel>(store: &mut Store<K>, region: &GrantedRegion) -> u64 {
    let mut lost = 0;
    for frame in region.first.saturating_add(1)..region.first.saturating_add(region.frames) {
        lost += u64::from(!store.reclaim(MEMORY, frame));
    }
    // What the process had split off comes back in, from below; a frame that is lost stops that.
    while let Ok((_, own)) = store.kernel.inspect_region(region.handle) {
        let missing = region.frames.saturating_sub(own);
        let step = missing.min(MERGE_FRAMES);
        if step == 0 || store.kernel.merge_region(region.handle, step).is_err() {
            break;
        }
    }
    lost
}
