//! The threads that the supervisor made.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, Ordering};

use ipc_abi::manifest::Name;

use super::super::place::{Places, count};
use super::super::{SpawnError, THREADS, Thread, local};
use super::{Job, name};
use crate::sync::Mutex;
use crate::sync::protocol::Threads;

/// What a thread has to do.
struct Seat {
    /// Whether it has something to do. Only who sets it brings a job.
    is_taken: AtomicBool,
    job: Mutex<Option<Job>>,
}

impl Seat {
    const fn new() -> Seat {
        Seat {
            is_taken: AtomicBool::new(false),
            job: Mutex::new(None),
        }
    }
}

/// By number. The first thread has nothing to do but what the program does.
static SEATS: [Seat; THREADS] = [const { Seat::new() }; THREADS];

/// Lets a thread do `job`.
pub(in crate::thread) fn start(
    called: Name,
    job: impl FnOnce(&dyn Fn()) + Send + 'static,
) -> Result<Thread, SpawnError> {
    let count = count();
    if count == 0 {
        return Err(SpawnError::NoThreads);
    }
    let mut seats = (0..=u8::MAX).zip(&SEATS).skip(1).take(count as usize);
    let free = seats.find(|(_, seat)| !seat.is_taken.swap(true, Ordering::Acquire));
    let (number, seat) = free.ok_or(SpawnError::AllBusy)?;
    let thread = Thread::new(called, Some(number));
    name(number, thread.clone());
    *seat.job.lock() = Some(Box::new(job));
    Places.wake(number);
    Ok(thread)
}

/// What the thread `number`, which is the current one and not the first, does for ever.
pub(crate) fn work(number: u8) -> ! {
    let Some(seat) = SEATS.get(usize::from(number)) else {
        panic!("thread {number} is one too many");
    };
    let leave = || {
        local::forget_all(number);
        seat.is_taken.store(false, Ordering::Release);
    };
    loop {
        let job = seat.job.lock().take();
        match job {
            Some(job) => job(&leave),
            None => Places.sleep(number),
        }
    }
}
