//! What a service can be asked, as a trait: `#[interface]` makes from it the client, the dispatcher
//! and the marker type that names them.
//!
//! ```
//! use ipc_abi::interface;
//! use ipc_abi::interface::Local;
//!
//! /// Adds.
//! #[interface(version = 1)]
//! pub trait Adder {
//!     /// Adds two numbers; wraps around.
//!     #[method(1)]
//!     fn add(&mut self, left: u64, right: u64) -> u64;
//! }
//!
//! struct Server;
//!
//! impl Adder for Server {
//!     fn add(&mut self, left: u64, right: u64) -> u64 {
//!         left.wrapping_add(right)
//!     }
//! }
//!
//! let mut client = AdderClient::new(Local::<AdderInterface, _>::new(Server));
//! assert_eq!(client.add(2, 3), Ok(5));
//! ```
//!
//! | made of `trait Adder` | what it is |
//! |---|---|
//! | `AdderClient<T>` | the trait's methods, over a [`Transport`] |
//! | `AdderInterface` | its name, version and schema ([`Interface`]), and its dispatcher ([`Dispatch`]) |
//!
//! | a method returns | the server | the client gets |
//! |---|---|---|
//! | `T` | returns it | `Result<T, CallError>` |
//! | `Result<T, E>` | returns it | `Result<T, Failure<E>>` |
//! | `Deferrable<T>`, `Deferrable<Result<T, E>>` | may answer later, with what `AdderInterface::<method>_reply` makes | the same as without `Deferrable` |
//!
//! What cannot be sent is refused by the compiler, at the place of the mistake:
//!
//! ```compile_fail
//! # use ipc_abi::interface;
//! #[interface(version = 1)]
//! pub trait Adder {
//!     #[method(1)]
//!     fn add(&mut self, left: u64, right: u64) -> u64;
//!     #[method(1)] // error: number 1 is taken by `add`
//!     fn subtract(&mut self, left: u64, right: u64) -> u64;
//! }
//! ```
//!
//! An argument of type [`Caller`] is filled in from the badge, and the client does not see it.
//! Method 0 of every interface is [`METHOD_SCHEMA`].

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

pub mod client;
pub mod error;
mod local;
mod payload;
pub mod server;
pub mod wire;

pub use client::Transport;
pub use error::{CallError, ConnectError, EncodeError, Failure, Misbehavior, ProtocolError};
pub use local::{HostBuffer, Local};
pub use server::{Caller, Deferrable, Dispatch, Replier};

/// The method that every interface has: no arguments, returns the schema hash as a `u64`.
pub const METHOD_SCHEMA: u16 = 0;

/// What an interface is.
pub trait Interface {
    /// The trait's name.
    const NAME: &'static str;
    /// The version that its author gave it.
    const VERSION: u32;
    /// A hash over its name, version, and the number, name and types of each method, as written.
    const SCHEMA_HASH: u64;
    /// Its methods, in the order of their numbers.
    const METHODS: &'static [MethodInfo];
}

/// What a method is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodInfo {
    /// Its number.
    pub number: u16,
    /// Its name.
    pub name: &'static str,
    /// Its arguments and what it returns, as they are hashed.
    pub signature: &'static str,
}

/// The schema hash of an interface: FNV-1a, 64 bits, over its text.
#[must_use]
pub const fn schema_hash(text: &str) -> u64 {
    const OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01B3;
    let mut hash = OFFSET;
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(PRIME);
        rest = tail;
    }
    hash
}

#[cfg(test)]
mod tests;
