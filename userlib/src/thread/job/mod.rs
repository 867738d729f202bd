//! Who does what: the threads of the process, and what each has to do.

use alloc::boxed::Box;

use ipc_abi::manifest::Name;

use super::{THREADS, Thread};
use crate::sync::Mutex;

#[cfg(not(target_os = "none"))]
mod host;
#[cfg(target_os = "none")]
mod native;

#[cfg(not(target_os = "none"))]
pub(crate) use host::work;
#[cfg(not(target_os = "none"))]
pub(super) use host::{forget, start};
#[cfg(target_os = "none")]
pub(super) use native::start;
#[cfg(target_os = "none")]
pub(crate) use native::work;

/// What a thread is to do; it calls its argument when all has ended but telling so.
type Job = Box<dyn FnOnce(&dyn Fn()) + Send>;

/// What the threads are called, by number.
static CALLED: [Mutex<Option<Thread>>; THREADS] = [const { Mutex::new(None) }; THREADS];

/// The thread `number`, which is the current one.
pub(super) fn thread(number: u8) -> Thread {
    let make = || Thread::new(Name::new(), Some(number));
    match CALLED.get(usize::from(number)) {
        Some(thread) => thread.lock().get_or_insert_with(make).clone(),
        None => make(),
    }
}

/// Lets the thread `number` be called so from now on.
fn name(number: u8, thread: Thread) {
    if let Some(place) = CALLED.get(usize::from(number)) {
        *place.lock() = Some(thread);
    }
}
