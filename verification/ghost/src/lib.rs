#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod difference;
pub mod ghost;
pub mod lockstep;
pub mod registers;
pub mod settled;
pub mod space;
pub mod walk;

pub use difference::Difference;
pub use ghost::{Ghost, Seen};
