//! What the threads of a process share: [`Mutex`], [`Condvar`], [`Once`], [`Lazy`], [`channel`].
//!
//! As long as nobody has to wait, no system call is made. Who has to, sleeps at a notification of its own until
//! it is woken, and takes no time. The threads of a process have one priority and get their turn in order: a
//! lock goes from hand to hand ([`protocol`]). Waiting for a lock lends no priority: a thread that runs on the
//! time of a more important client waits at the priority of whoever has the lock, so locks are held shortly
//! and not across calls.
//!
//! A thread that was started by hand ([`crate::start_thread`]) cannot be woken: it asks again and again, and lets
//! others of its priority run in between.

mod channel;
mod condvar;
mod once;
#[doc(hidden)]
pub mod protocol;
mod raw;

pub use channel::{ReceiveError, Receiver, SendError, Sender, channel};
pub use condvar::{Condvar, Wait};
pub use once::{Lazy, Once};
pub use raw::RawLock;

/// A value that one thread at a time has. A thread that locks what it has locked waits for ever.
pub type Mutex<T> = lock_api::Mutex<RawLock, T>;
/// The value, until this is dropped.
pub type MutexGuard<'a, T> = lock_api::MutexGuard<'a, RawLock, T>;

#[cfg(test)]
mod tests;
