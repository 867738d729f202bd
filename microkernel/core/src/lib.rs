//! All decisions of the Pecan microkernel: safe Rust, no heap, no lock, no system register.
//!
//! The same source runs in the kernel and on the host.

#![no_std]
#![forbid(unsafe_code)]

pub mod capability;
pub mod kernel;
pub mod list;
pub mod memory;
pub mod object;
