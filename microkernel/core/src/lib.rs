#![doc = include_str!("../README.md")]
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
pub mod answer;
pub mod boot;
pub mod budget;
#[cfg(test)]
mod budget_test;
pub mod capability;
pub mod check;
pub mod core_field;
pub mod create;
pub mod deadline;
#[cfg(test)]
mod deadline_test;
pub mod death;
#[cfg(test)]
mod death_test;
pub mod debug;
pub mod destroy;
pub mod dma;
#[cfg(test)]
mod drain_test;
pub mod extra;
pub mod fault;
#[cfg(test)]
mod fault_test;
pub mod field;
pub mod frame;
pub mod help;
#[cfg(test)]
mod help_test;
#[cfg(test)]
mod helper_test;
#[cfg(any(test, feature = "host"))]
pub mod host;
#[cfg(test)]
mod interrupt_test;
pub mod ipc;
#[cfg(test)]
mod ipc_random_test;
#[cfg(test)]
mod ipc_test;
pub mod irq;
pub mod kernel;
pub mod large;
#[cfg(test)]
mod late_test;
pub mod lend;
#[cfg(test)]
mod lend_test;
pub mod links;
#[cfg(test)]
mod links_test;
pub mod list;
pub mod mapping;
pub mod memory;
pub mod message;
#[cfg(test)]
mod message_test;
pub mod notification;
pub mod object;
pub mod package;
pub mod queue;
pub mod range;
pub mod reclaim;
pub mod record;
#[cfg(test)]
mod refill_test;
pub mod region;
#[cfg(test)]
mod reply_test;
pub mod rule;
pub mod run_queue;
#[cfg(test)]
mod run_queue_test;
#[cfg(any(test, feature = "host"))]
pub mod scene;
pub mod schedule;
pub mod shared;
pub mod space;
pub mod table;
pub mod teardown;
pub mod thread;
pub mod thread_field;
#[cfg(test)]
mod thread_test;
pub mod timer;
#[cfg(test)]
mod timer_test;
#[cfg(test)]
mod wait_test;
#[cfg(any(test, feature = "host"))]
mod world;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod time_test;
