//! Addresses as the ABI gives them and as Rust takes them.

/// The address as a `usize`, which is as wide wherever this crate compiles.
#[inline(always)]
pub(crate) const fn from_abi(address: u64) -> usize {
    usize::from_ne_bytes(address.to_ne_bytes())
}
