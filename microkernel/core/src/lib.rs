//! All decisions of the Pecan microkernel: safe Rust, no heap, no lock, no system register.
//!
//! The same source runs in the kernel and on the host.

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

pub mod allowance;
pub mod boot;
pub mod capability;
pub mod check;
pub mod create;
pub mod death;
pub mod destroy;
pub mod fault;
pub mod frame;
#[cfg(any(test, feature = "host"))]
pub mod host;
pub mod ipc;
#[cfg(test)]
mod ipc_random_test;
#[cfg(test)]
mod ipc_test;
pub mod irq;
pub mod kernel;
pub mod lend;
pub mod links;
pub mod list;
pub mod mapping;
pub mod memory;
pub mod message;
pub mod notification;
pub mod object;
pub mod package;
pub mod queue;
pub mod reclaim;
pub mod region;
pub mod schedule;
pub mod space;
pub mod table;
pub mod thread;
#[cfg(test)]
mod world;

#[cfg(test)]
mod tests;
