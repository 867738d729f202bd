#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(test)]
extern crate std;

pub mod editor;
#[cfg(test)]
mod fake;
pub mod history;
pub mod key;
pub mod line;
pub mod pl011;
pub mod service;
pub mod system;
pub mod terminal;
pub mod wire;
