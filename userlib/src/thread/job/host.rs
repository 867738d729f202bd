//! Threads of the host, which does not limit them.

use alloc::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use ipc_abi::manifest::Name;

use super::super::place::Places;
use super::super::{SpawnError, Thread, local};
use super::{CALLED, Job, name};
use crate::sync::protocol::Threads;

/// Lets a thread do `job`. As in a process, a panic in it is the end of everything.
pub(in crate::thread) fn start(
    called: Name,
    job: impl FnOnce(&dyn Fn()) + Send + 'static,
) -> Result<Thread, SpawnError> {
    let job: Job = Box::new(job);
    let (tell, hear) = mpsc::channel();
    std::thread::spawn(move || {
        let number = Places.current();
        let thread = Thread::new(called, number);
        if let Some(number) = number {
            name(number, thread.clone());
        }
        // Who spawned it waits for this.
        let _ = tell.send(thread);
        let leave = || number.into_iter().for_each(local::forget_all);
        if catch_unwind(AssertUnwindSafe(|| job(&leave))).is_err() {
            std::process::abort();
        }
    });
    hear.recv().map_err(|_| SpawnError::AllBusy)
}

/// Forgets what a thread that has ended was called.
pub(in crate::thread) fn forget(number: u8) {
    if let Some(place) = CALLED.get(usize::from(number)) {
        *place.lock() = None;
    }
}

/// The host's threads are spawned when there is something to do.
pub(crate) fn work(number: u8) -> ! {
    panic!("thread {number} waits for work: there is no process here");
}
