//! What kernel, `userlib`, servers and host tools agree on.
//!
//! The first half is the kernel's interface, written out in `ABI.md`: system calls
//! ([`call`]), the registers of a message ([`tag`]), capabilities ([`capability`]), refusals
//! ([`error`]), faults ([`fault`]), and what a first process finds when it starts ([`boot`]).

#![no_std]
#![forbid(unsafe_code)]

extern crate self as ipc_abi;

pub mod boot;
pub mod call;
pub mod capability;
pub mod error;
pub mod fault;
pub mod interface;
pub mod manifest;
pub mod message;
pub mod refusal;
pub mod service;
pub mod startup;
pub mod tag;

pub use ipc_abi_macros::interface;
