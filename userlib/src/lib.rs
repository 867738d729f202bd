#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;
#[cfg(not(target_os = "none"))]
extern crate std;

mod address;
mod buffer;
mod control;
mod counter;
mod desk;
mod device;
mod environment;
pub mod executor;
mod gate;
pub mod heap;
pub mod io;
mod keeper;
mod lines;
mod memory;
mod owned;
mod panic;
mod provoke;
pub mod random;
pub mod ring;
mod serve;
pub mod session;
mod slots;
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
pub use executor::{AsyncEvents, serve_async, serve_async_events};
pub use gate::{Endpoint, Gate, Notification, TimedGate};
pub use memory::{PageWindow, WindowError, package};
pub use owned::{OwnedGate, SessionGate};
pub use panic::PANIC_TEXT_BYTES;
pub use provoke::{provoke_load, provoke_null, provoke_undefined, use_floating};
pub use serve::{Events, Fault, FaultAnswer, serve, serve_events};
pub use session::{HasSessions, InRoot, SessionError, Sessions, WithSessions};
pub use thread::{Stack, start_thread};

/// The book's page, whose examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/book/sessions.md")]
struct SessionsPage;

/// The same.
#[cfg(doctest)]
#[doc = include_str!("../../docs/book/interfaces.md")]
struct InterfacesPage;

pub use ipc_abi;
pub use log;
pub use safe_mmio;

/// The examples of the book, which are tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/book/programs.md")]
struct Book;
