//! Threads.
//!
//! A process has as many as `threads = N` in `system.toml` says, besides its first. The supervisor makes them
//! with the process: each has a stack with a page below it that is never mapped, a message buffer, a fault
//! handler, and the priority of the first. They sleep until [`spawn`] has something for them, and when that has
//! ended they sleep again: nothing is made or freed. The process has no capability to any of them.
//!
//! A panic or a fault of any thread ends the process, and the supervisor says which thread it was.

mod job;
pub(crate) mod local;
mod own;
pub(crate) mod place;

use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use ipc_abi::manifest::{Name, THREADS_MAX};

use crate::sync::protocol::Threads;
use crate::sync::{Condvar, Mutex};

pub use crate::time::{sleep, sleep_until};
pub(crate) use job::work;
pub use local::LocalKey;
pub use own::{Stack, start_thread};
use place::Places;

/// The threads of a process, the first one included.
pub(crate) const THREADS: usize = THREADS_MAX + 1;

/// A thread of this process: something to call it by, and to wake it.
#[derive(Clone, Debug)]
pub struct Thread {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: Name,
    /// Its number; `None` if it cannot be woken.
    number: Option<u8>,
    is_unparked: AtomicBool,
}

impl Thread {
    fn new(name: Name, number: Option<u8>) -> Thread {
        let inner = Inner {
            name,
            number,
            is_unparked: AtomicBool::new(false),
        };
        Thread {
            inner: Arc::new(inner),
        }
    }

    /// Its name; empty if nobody gave it one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Ends its [`park`], or the next one at once. Does nothing to a thread that has ended, whoever has its
    /// place now.
    pub fn unpark(&self) {
        self.inner.is_unparked.store(true, Ordering::Release);
        if let Some(number) = self.inner.number {
            Places.wake(number);
        }
    }
}

/// The current thread.
#[must_use]
pub fn current() -> Thread {
    let number = Places.current();
    number.map_or_else(|| Thread::new(Name::new(), None), job::thread)
}

/// Waits until somebody unparks this thread, if nobody has since it waited last. A thread that cannot be woken
/// lets others run and goes on: look at what you wait for, and park again.
pub fn park() {
    let me = current();
    let Some(number) = me.inner.number else {
        return Places.relax();
    };
    while !me.inner.is_unparked.swap(false, Ordering::Acquire) {
        Places.sleep(number);
    }
}

/// Lets the other threads of the same priority run first.
pub fn yield_now() {
    Places.relax();
}

/// Why a thread was not spawned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpawnError {
    /// The process has only its first thread. Say `threads = N` in `system.toml`.
    NoThreads,
    /// All threads of the process have something to do. Wait for one, or give it more in `system.toml`.
    AllBusy,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            SpawnError::NoThreads => "the process has only one thread",
            SpawnError::AllBusy => "all threads of the process are busy",
        })
    }
}

/// How a thread is spawned.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    name: Name,
}

impl Builder {
    /// A thread without a name.
    #[must_use]
    pub const fn new() -> Builder {
        Builder { name: Name::new() }
    }

    /// Gives it a name, of which what is longer than names are is cut off.
    #[must_use]
    pub fn name(self, name: &str) -> Builder {
        Builder {
            name: crate::environment::clip(name),
        }
    }

    /// Lets a thread do `task`.
    ///
    /// # Errors
    ///
    /// `NoThreads`, `AllBusy`.
    pub fn spawn<T: Send + 'static>(
        self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>, SpawnError> {
        let packet = Arc::new(Packet {
            value: Mutex::new(None),
            is_there: Condvar::new(),
        });
        let result = Arc::clone(&packet);
        let thread = job::start(self.name, move |leave| {
            let value = task();
            // Whoever gets the value can spawn again at once.
            leave();
            *result.value.lock() = Some(value);
            result.is_there.notify_all();
        })?;
        Ok(JoinHandle { packet, thread })
    }
}

/// Lets a thread do `task`.
///
/// # Panics
///
/// If the process has no thread for it: [`Builder::spawn`] says so instead.
pub fn spawn<T: Send + 'static>(task: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    match Builder::new().spawn(task) {
        Ok(handle) => handle,
        Err(error) => panic!("no thread: {error}"),
    }
}

/// What a thread leaves for whoever joins it.
#[derive(Debug)]
struct Packet<T> {
    value: Mutex<Option<T>>,
    is_there: Condvar,
}

/// A thread that was spawned. If this is dropped it goes on by itself.
#[derive(Debug)]
pub struct JoinHandle<T> {
    packet: Arc<Packet<T>>,
    thread: Thread,
}

impl<T> JoinHandle<T> {
    /// The thread.
    #[must_use]
    pub const fn thread(&self) -> &Thread {
        &self.thread
    }

    /// Whether its task has ended: then [`JoinHandle::join`] does not wait.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.packet.value.lock().is_some()
    }

    /// Waits until its task has ended, and tells what that brought.
    pub fn join(self) -> T {
        let mut value = self.packet.value.lock();
        loop {
            if let Some(value) = value.take() {
                return value;
            }
            self.packet.is_there.wait(&mut value);
        }
    }
}

#[cfg(test)]
mod tests;
