//! What the test programs share.
//!
//! A [`World`] is a program's own authority (a region, time, ASIDs…) with everything that a case made
//! from it; [`World::clear`] takes all of it back through the kernel, so that each case starts from
//! nothing. Threads of a world are *agents* ([`Agent`]): they do a script of [`Step`]s, each one
//! system call (or another instruction) with every register chosen, and every register looked at
//! afterwards. The program's own thread does single steps in the same way.

#![no_std]

extern crate alloc;

mod agent;
mod authority;
mod failure;
mod ledger;
mod make;
mod patient;
mod printer;
mod random;
mod raw;
pub mod service;
mod step;
mod world;

pub use agent::{Agent, Plan};
pub use authority::{Authority, authority};
pub use failure::{Fact, Failure};
pub use ledger::Ledger;
pub use make::units_of;
pub use patient::Patient;
pub use printer::Printer;
pub use random::Random;
pub use step::{Action, Message, Received, Step, pattern};
pub use world::{World, perform, place_in, write_buffer};
