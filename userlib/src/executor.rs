//! Methods that may wait: `async fn` methods, served by one thread.
//!
//! A server implements the `Async…` form of its trait and hands itself to [`serve_async`]. A call that is answered
//! at once costs what it does with `serve`. One that waits becomes a *task*: its caller is kept in one of the
//! process's reply objects, and the thread serves others meanwhile.
//!
//! ```text
//!   a call --polled--> answered at once, by the call that receives the next
//!              |
//!              | it waits
//!              v
//!   no place, or one task too many: dropped; the caller has `NoPlace`
//!              |
//!              v
//!          a task --woken, polled--> answered
//!              |
//!              | its client dies or gives up
//!              v
//!           dropped
//! ```
//!
//! A method may be dropped wherever it awaits: what it holds is dropped with it, and what it did before stays
//! done. So what must not stay half done belongs between two awaits, or into a `Drop`.
//!
//! What a task waits for: time ([`sleep_for`], [`timeout`]), signals such as interrupts ([`signal`]), what
//! other tasks do ([`Change`]), or any future of others that is woken on this thread. A call to another
//! service is none of these: it blocks the thread, and so every task.
//!
//! The page *Methods that wait* of the book has an example.

mod change;
mod clock;
mod dispatch;
mod memory;
mod pool;
mod source;
#[cfg(test)]
mod tests;
mod wait;
mod waiting;

pub use change::{Change, Until};
pub use dispatch::{InTasks, Tasks};
pub use wait::{
    Signal, Sleep, TimedOut, Yield, signal, sleep_for, sleep_until, timeout, yield_now,
};

use alloc::rc::Rc;
use core::future::Future;

use ipc_abi::error::Error;
use ipc_abi::interface::AsyncDispatch;
#[cfg(not(target_os = "none"))]
use ipc_abi::interface::Local;

use crate::gate::Endpoint;
use crate::serve::{Fault, FaultAnswer, run};
use source::{TaskEars, Turns};

/// The examples of the book, which are tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/book/async.md")]
struct Book;

/// How many calls and one-way messages may wait at once. One more that would have to wait is dropped where it
/// waits first; a caller gets `NoPlace`. Those that are answered at once do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all. `replies` in `system.toml` is a limit of its own, for those that have a caller.
    pub tasks: usize,
    /// Of each client: so many that none can take the places of all others.
    pub tasks_per_client: usize,
}

/// What a server whose methods may wait hears beside requests, and does beside answering them.
pub trait AsyncEvents {
    /// What the server does as long as it lives, such as waiting for interrupts: a task of its own.
    fn background(&self) -> impl Future<Output = ()> {
        core::future::ready(())
    }

    /// The client with this process number died. Its tasks were dropped, nothing that it has sent is left, and
    /// its successor, which has the same number, has not sent anything yet.
    fn on_disconnect(&self, client: u8) {
        let _ = client;
    }

    /// A thread whose faults come here has faulted.
    fn on_fault(&self, fault: Fault) -> FaultAnswer {
        let _ = fault;
        FaultAnswer::Stop
    }
}

/// Nothing is heard.
struct Deaf;

impl AsyncEvents for Deaf {}

/// Serves requests on `endpoint` for ever, by methods that may wait; returns only if it cannot be received from.
/// Tasks that wait then are dropped, and their callers get `Unanswered`.
pub fn serve_async<I: AsyncDispatch<S>, S>(
    interface: I,
    endpoint: Endpoint,
    server: &S,
    limits: Limits,
) -> Error {
    serve_tasks(interface, endpoint, (server, &Deaf), limits)
}

/// [`serve_async`] for a server that also hears of the deaths of its clients, and has a task of its own.
pub fn serve_async_events<I: AsyncDispatch<S>, S: AsyncEvents>(
    interface: I,
    endpoint: Endpoint,
    server: &S,
    limits: Limits,
) -> Error {
    serve_tasks(interface, endpoint, (server, server), limits)
}

fn serve_tasks<'a, I: AsyncDispatch<S> + 'a, S, E: AsyncEvents>(
    _interface: I,
    endpoint: Endpoint,
    (server, events): (&'a S, &'a E),
    limits: Limits,
) -> Error {
    let mut tasks = Tasks::new(server, limits);
    let pool = Rc::clone(tasks.pool());
    pool.spawn(events.background());
    let source = Turns::new(endpoint, &pool);
    let ears = TaskEars::new(&pool, events);
    run(InTasks::<I>::new(), source, &mut tasks, &ears)
}

/// A server whose methods may wait, inside the caller's own process: for tests on the host.
///
/// A call that waits fails with `Deferred`. Its task goes on in [`Tasks::run`] and [`Tasks::advance`], which
/// `server()` of it gives, and `take_answer` fetches what it answers.
#[cfg(not(target_os = "none"))]
pub type LocalTasks<'a, I, S> = Local<InTasks<I>, Tasks<'a, S>>;
