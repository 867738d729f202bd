#![doc = include_str!("../../../docs/book/semantics.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod access;
pub mod allowance;
pub mod capability;
pub mod create;
pub mod death;
pub mod debug;
pub mod event;
pub mod fault;
pub mod follow;
pub mod frame;
pub mod help;
pub mod invariant;
pub mod lend;
pub mod mapping;
pub mod message;
pub mod notification;
pub mod receive;
pub mod region;
pub mod reply;
pub mod schedule;
pub mod send;
pub mod space;
pub mod state;
pub mod step;
#[cfg(test)]
mod tests;
pub mod thread;
pub mod time;
