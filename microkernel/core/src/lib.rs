//! All decisions of the Pecan microkernel: safe Rust, no heap, no lock, no system register.
//!
//! The same source runs in the kernel and on the host.

#![no_std]
#![forbid(unsafe_code)]

pub mod capability;
pub mod death;
pub mod fault;
pub mod ipc;
pub mod irq;
pub mod kernel;
pub mod lend;
pub mod list;
pub mod memory;
pub mod message;
pub mod notification;
pub mod object;
pub mod queue;
pub mod schedule;
pub mod thread;
