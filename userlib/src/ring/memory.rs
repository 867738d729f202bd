//! The memory of a ring: mapped frames that the peer writes at the same time.

#![expect(
    unsafe_code,
    reason = "reaching memory that is shared with another process"
)]

use core::sync::atomic::AtomicU64;

use ipc_abi::ring::{RingWords, Slots};
use ipc_abi::startup::RingGrant;

use crate::address;

/// The memory of a ring that the supervisor mapped; `None` if the grant makes no sense.
pub(crate) fn memory_of(grant: &RingGrant) -> Option<RingWords<'static>> {
    let slots = Slots::new(u32::from(grant.slots))?;
    let start = address::from_abi(grant.address);
    if start == 0 || !start.is_multiple_of(align_of::<AtomicU64>()) {
        return None;
    }
    let start = core::ptr::with_exposed_provenance::<AtomicU64>(start);
    // SAFETY: the grant is the supervisor's (`ipc_abi::startup`): so many words are mapped there, readable
    // and writable, for as long as the process lives. Others write them at the same time: they are atomics.
    let words = unsafe { core::slice::from_raw_parts(start, slots.words()) };
    let (header, rest) = words.split_first_chunk()?;
    let (slots, _) = rest.as_chunks();
    RingWords::new(header, slots)
}
