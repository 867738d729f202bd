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
//! | `AdderInterface` | its name, schema and methods ([`Interface`]), and its dispatchers ([`Dispatch`], [`AsyncDispatch`]) |
//! | `AsyncAdder` | the trait by methods that may wait: `async`, with `&self`, and what is promised returned; not if capabilities travel |
//!
//! | a method returns | the server | the client gets |
//! |---|---|---|
//! | `T` | returns it | `Result<T, CallError>` |
//! | `Result<T, E>` | returns it | `Result<T, Failure<E>>` |
//! | nothing, but takes a [`Promise<T>`](Promise) last | answers that, now or later | what it gets if the method returns `T` |
//! | nothing or `Result<(), E>`, but takes a [`&mut Batch<'_, T>`](Batch) last | fills it | an iterator over `Result<T, CallError>` or `Result<T, Failure<E>>` |
//!
//! A method that nobody waits for is `#[method(2, one_way)]` and returns nothing: the client gets
//! `Result<(), CallError>` as soon as the service has the message. It comes at most once, and not at
//! all if the service dies over it. If a client calls such a method all the same, the reply is empty; a
//! method that returns something is not done when it comes one way.
//!
//! Numbers start at 1 and leave none out. A method that is taken away leaves its number and its name
//! behind, so that nobody gives them another meaning: `#[interface(version = 2, reserved(2, "note"))]`.
//!
//! Types of one's own are sent when `#[payload]` stands before them: it derives how they are written and
//! read, and how they are made up ([`Payload`]), which is part of the interface's schema.
//!
//! A capability is an argument or a result of type [`Granted<K>`](Granted), by itself, in a tuple or in `Ok`: `K` is
//! an interface's marker, which makes it a way in to a service, or one of [`object`]. At most four travel with a
//! message, beside its bytes. A method with a batch takes none, and no late answer brings any.
//!
//! What cannot be sent is refused by the compiler, at the place of the mistake and once: a type that the attribute
//! knows to be wrong, and one that is not [`Sendable`] when the compiler knows what it is. Only for one that borrows
//! (`Option<&Point>`), and for a field of a `#[payload]`, there are more errors than mistakes: those of serde beside
//! the one about [`Payload`]. A method's own words, `Granted`, `Promise`, `Batch`, `Caller` and `Result`, are
//! known by their names, so by another one (`type Memory = Granted<object::Frame>`) they cannot be sent.
//!
//! All other names mean what they mean beside the trait, whatever they are; nothing that is made takes one of them.
//!
//! A number belongs to one method:
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

pub mod asynchronous;
pub mod batch;
pub mod client;
pub mod error;
pub mod granted;
#[cfg(not(target_os = "none"))]
mod local;
mod payload;
pub mod promise;
pub mod ring;
mod schema;
pub mod server;
pub mod structure;
pub mod wire;

pub use asynchronous::AsyncDispatch;
pub use batch::{Batch, Full};
pub use client::Transport;
pub use error::{CallError, ConnectError, EncodeError, Failure, Misbehavior, ProtocolError};
pub use granted::{Grantable, Granted, object};
#[cfg(not(target_os = "none"))]
pub use local::{
    Answer, HostBuffer, HostCapability, HostTable, Local, Mishap, Through, send_rubbish,
};
pub use promise::Promise;
pub use ring::{RingError, RingTransport, Ticket};
pub use schema::{MethodInfo, MethodKind, Schema, ValueInfo};
pub use server::{Caller, Dispatch, Replier};
pub use structure::{Payload, Sendable};

/// The method that every interface has: no arguments, returns a [`Schema`] as `(u64, u64, u32)`.
pub const METHOD_SCHEMA: u16 = 0;
/// The method by which a client opens its side of the ring that `system.toml` gives the two: no arguments, returns
/// nothing. Whatever was under way in it is forgotten.
pub const METHOD_RING: u16 = 65_534;
/// The method by which a client ends the session that the gate leads to through which it comes: no arguments,
/// returns nothing.
pub const METHOD_CLOSE: u16 = 65_535;
/// The method by which a client lets the service complete all that it has published in the ring: no arguments, returns
/// nothing, when it is done. It is for who waits: one call in place of two signals.
pub const METHOD_RING_TURN: u16 = 65_533;
/// The greatest number of a method of a trait; those above are for every interface's own.
pub const METHOD_MAX: u16 = 65_000;

/// What an interface is.
pub trait Interface {
    /// The trait's name.
    const NAME: &'static str;
    /// The trait's documentation.
    const DOCS: &'static str;
    /// What tells it from others.
    const SCHEMA: Schema;
    /// Its methods, in the order of their numbers.
    const METHODS: &'static [MethodInfo];
    /// Whether some of its methods take capabilities: then its server has places for them.
    const TAKES_CAPABILITIES: bool = false;
    /// Whether some of its methods bring capabilities.
    const BRINGS_CAPABILITIES: bool = false;

    /// Its client over a transport.
    type Client<T>;

    /// Makes a client without asking whether the service has the same schema.
    fn client<T: Transport>(transport: T) -> Self::Client<T>;
}

#[cfg(test)]
mod tests;
