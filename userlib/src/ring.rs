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
//! ```no_run
//! use ipc_abi::service::bench_partner::PartnerRing;
//! use userlib::Environment;
//! use userlib::ring::{OpenError, Ring};
//!
//! fn double_all(environment: &Environment, numbers: &[u64]) -> Result<Vec<u64>, OpenError> {
//!     let mut partner = PartnerRing::new(Ring::connect(environment, "bench-partner")?);
//!     // As many as the ring has slots; another would be refused with `Full`.
//!     let submitted: Vec<_> = numbers.iter().flat_map(|it| partner.add(*it, *it)).collect();
//!     let brought = submitted.into_iter().map(|ticket| partner.transport().wait(ticket));
//!     Ok(brought.flatten().collect())
//! }
//! ```
//!
//! Submitting costs no system call. [`Ring::flush`] lets the server see what was submitted: one signal, and only if it
//! sleeps. [`Ring::wait`] does the same by one call, which the server answers when it has completed all of it; who has
//! better to do polls, and [`Ring::sleep`]s when there is nothing else.
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
