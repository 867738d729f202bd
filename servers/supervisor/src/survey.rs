//! Which frames are free when the first process starts.
//!
//! The region of all memory has its own object in its first frame. The kernel made the first process
//! in the lowest free frames behind it; the boot package and the kernel information page lie
//! wherever they lie; all other frames are free.

use alloc::vec::Vec;

use ipc_abi::boot::{FirstHandle, PAGE_BYTES};
use ipc_abi::error::Error;

use crate::frames::Frames;
use crate::kernel::{Handle, Kernel, Object};
use crate::store::{Holdings, MEMORY, MakeError, Store};

/// Where the boot package lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackagePlace {
    /// Its physical address.
    pub address: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// Finds the frames that are free; what is to be split off all memory was split off before.
///
/// # Errors
///
/// `NoMemory`, `Refused`.
pub fn survey<K: Kernel>(store: &mut Store<K>, package: PackagePlace) -> Result<Frames, MakeError> {
    let (first, total) = store.kernel.inspect_region(MEMORY)?;
    let end = first.saturating_add(total);
    let package_end = package
        .address
        .saturating_add(package.bytes)
        .div_ceil(PAGE_BYTES);
    let info = store.kernel.frame_address(FirstHandle::Info as Handle)? / PAGE_BYTES;
    let mut taken = [
        (package.address / PAGE_BYTES, package_end),
        (info, info.saturating_add(1)),
    ];
    taken.sort_unstable();
    let low = find_first_free(store, first.saturating_add(1), end, &taken)?;
    Ok(Frames::new(total, gaps(low, end, &taken)))
}

/// The first free frame from `first` on that is in none of `taken`.
fn find_first_free<K: Kernel>(
    store: &mut Store<K>,
    first: u64,
    end: u64,
    taken: &[(u64, u64)],
) -> Result<u64, MakeError> {
    let mut holdings = Holdings::default();
    let slot = store.take_slot(&mut holdings)?;
    let is_taken = |frame: u64| taken.iter().any(|(from, to)| (*from..*to).contains(&frame));
    let mut found = end;
    for frame in (first..end).filter(|frame| !is_taken(*frame)) {
        match store
            .kernel
            .create(MEMORY, frame * PAGE_BYTES / 64, slot, Object::Frame)
        {
            Ok(()) => {
                found = frame;
                break;
            }
            Err(refused) if refused.error == Error::NotFree => {}
            Err(refused) => return Err(refused.into()),
        }
    }
    store.release(holdings);
    if found < end && !store.reclaim(MEMORY, found) {
        found = found.saturating_add(1);
    }
    Ok(found)
}

/// The ranges from `low` to `end` without the sorted `taken`.
fn gaps(low: u64, end: u64, taken: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut gaps = Vec::new();
    let mut next = low;
    for (from, to) in taken {
        if next < (*from).min(end) {
            gaps.push((next, (*from).min(end)));
        }
        next = next.max(*to);
    }
    if next < end {
        gaps.push((next, end));
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_what_is_not_taken() {
        assert_eq!(gaps(10, 20, &[]), [(10, 20)]);
        assert_eq!(
            gaps(10, 20, &[(12, 14), (17, 18)]),
            [(10, 12), (14, 17), (18, 20)]
        );
        assert_eq!(gaps(10, 20, &[(5, 12), (12, 13)]), [(13, 20)]);
        assert_eq!(gaps(10, 20, &[(0, 5), (18, 30)]), [(10, 18)]);
        assert_eq!(gaps(10, 20, &[(25, 30)]), [(10, 20)]);
        assert_eq!(gaps(10, 20, &[(8, 30)]), []);
        assert_eq!(gaps(20, 20, &[]), []);
    }
}
