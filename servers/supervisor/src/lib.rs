#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod backtrace;
pub mod crash;
pub mod frames;
pub mod grant;
pub mod instance;
pub mod kernel;
pub mod layout;
pub mod links;
pub mod log;
pub mod native;
pub mod policy;
pub mod process;
pub mod slots;
pub mod store;
pub mod supervisor;
pub mod survey;
pub mod symbol;

#[cfg(test)]
mod host;
#[cfg(test)]
mod sample;
