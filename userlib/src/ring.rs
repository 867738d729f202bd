//! Rings: many operations with one signal, through memory that the supervisor maps in both processes.
//!
//! ```toml
//! calls = [{ service = "adder", ring = 32 }]
//! ```
//!
//! gives a process a ring with the service `adder`. The client opens it ([`Ring::connect`]) and submits operations by the
//! interface's ring client; the server needs to do nothing: `serve` takes them from the ring as it takes calls from the
//! endpoint, and hands them to the same methods.
//!
//! | who | when | what becomes of the ring |
//! |---|---|---|
//! | the client | opens it | what was under way is forgotten on both sides |
//! | the client | dies | the server closes its side |
//! | the server | dies | what was under way brings `Died`; the client opens the ring again |
//! | a peer | breaks the rules | the other closes its side |

mod client;
mod memory;
mod server;

pub use client::{OpenError, Ring};
pub(crate) use server::{More, RINGS};

use ipc_abi::startup::RingGrant;

/// Tells this process which rings it has a side of: once, when it starts.
pub(crate) fn take_grants(grants: &[RingGrant]) {
    RINGS.take_grants(grants);
}
