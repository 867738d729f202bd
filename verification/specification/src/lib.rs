//! The meaning of the kernel.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod event;
pub mod state;
