#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod agent;
mod authority;
mod failure;
mod harness;
mod hog;
mod ledger;
mod make;
mod patient;
mod printer;
mod raider;
mod random;
mod raw;
pub mod ring;
pub mod service;
mod step;
pub mod vault;
mod world;

pub use agent::{Agent, Plan};
pub use authority::{Authority, DeviceAuthority, authority, write_buffer};
pub use failure::{Fact, Failure};
pub use harness::Harness;
pub use hog::STRETCHES;
pub use ledger::Ledger;
pub use make::units_of;
pub use patient::Patient;
pub use printer::Printer;
pub use raider::{HINTS, RAIDERS, Raid, Sort};
pub use random::Random;
pub use step::{Action, Message, Received, Step, pattern};
pub use world::{World, perform, place_in};
