#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod address;
mod buffer;
mod control;
mod counter;
mod desk;
mod device;
mod environment;
mod gate;
pub mod heap;
pub mod io;
mod lines;
mod memory;
mod panic;
mod provoke;
pub mod random;
pub mod ring;
mod serve;
#[doc(hidden)]
pub mod start;
pub mod sync;
pub mod syscall;
pub mod thread;
pub mod time;

pub use buffer::MessageBuffer;
pub use control::ThreadControl;
pub use counter::{
    kernel_info, read_counter_hertz, read_cycles, read_cycles_twice, read_ticks, start_cycles,
};
pub use desk::offer_replies;
pub use device::{Device, DeviceError, IrqLine};
pub use environment::{Environment, EnvironmentError, ServiceError};
pub use gate::{Endpoint, Gate, Notification, TimedGate};
pub use memory::{PageWindow, WindowError, package};
pub use panic::PANIC_TEXT_BYTES;
pub use provoke::{provoke_load, provoke_null, provoke_undefined, use_floating};
pub use serve::{Events, Fault, FaultAnswer, serve, serve_events};
pub use thread::{Stack, start_thread};

pub use ipc_abi;
pub use log;
pub use safe_mmio;

/// The examples of the book, which are tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/book/programs.md")]
struct Book;
