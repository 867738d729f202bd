#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(not(target_os = "none"))]
extern crate std;

extern crate self as ipc_abi;

pub mod boot;
pub mod call;
pub mod capability;
pub mod debug;
pub mod error;
pub mod fault;
pub mod interface;
pub mod manifest;
pub mod message;
pub mod refusal;
pub mod ring;
pub mod service;
pub mod signal;
pub mod startup;
pub mod symbol;
pub mod tag;
pub mod time;

pub use ipc_abi_macros::{interface, payload};
#[doc(hidden)]
pub use serde;
