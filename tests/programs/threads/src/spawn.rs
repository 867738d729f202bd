//! Threads by themselves.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering};

use ipc_abi::service::console::ConsoleClient;
use test_kit::{Fact, Failure};
use userlib::Environment;
use userlib::thread::{self, Builder, JoinHandle, SpawnError};
use userlib::time::{Deadline, Duration, sleep};

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("spawn/value_comes_back", value_comes_back),
    ("spawn/one_more_than_there_are", one_more_than_there_are),
    ("spawn/threads_come_back", threads_come_back),
    ("spawn/each_has_a_message_buffer", each_has_a_message_buffer),
    ("spawn/each_has_its_own_values", each_has_its_own_values),
    ("spawn/park_and_unpark", park_and_unpark),
    ("spawn/sleep_lets_others_run", sleep_lets_others_run),
];

/// As `tests/systems/threads.toml` says.
const THREADS: u32 = 3;
/// More often than anything that one thread leaves behind could go unnoticed.
const ROUNDS: u32 = 1000;

fn value_comes_back(_: &Environment) -> Fact {
    let thread = Builder::new().name("adder").spawn(|| {
        let name = String::from(thread::current().name());
        (1 + 1, name)
    });
    let thread = thread.map_err(|error| Failure::from(alloc::format!("{error}")))?;
    let (sum, name) = thread.join();
    Failure::unless_same("the sum", sum, 2)?;
    Failure::unless_same("the name", name.as_str(), "adder")
}

fn one_more_than_there_are(_: &Environment) -> Fact {
    let threads: Vec<JoinHandle<()>> = (0..THREADS).map(|_| thread::spawn(thread::park)).collect();
    let refused = Builder::new().spawn(|| ()).map(drop);
    for thread in &threads {
        thread.thread().unpark();
    }
    threads.into_iter().for_each(JoinHandle::join);
    Failure::unless_same("one more", refused, Err(SpawnError::AllBusy))?;
    thread::spawn(|| ()).join();
    Ok(())
}

fn threads_come_back(_: &Environment) -> Fact {
    static DONE: AtomicU32 = AtomicU32::new(0);
    for _ in 0..ROUNDS {
        let threads: Vec<JoinHandle<()>> = (0..THREADS)
            .map(|_| {
                thread::spawn(|| {
                    DONE.fetch_add(1, Ordering::Relaxed);
                })
            })
            .collect();
        threads.into_iter().for_each(JoinHandle::join);
    }
    let done = DONE.load(Ordering::Relaxed);
    Failure::unless_same("tasks", done, ROUNDS * THREADS)
}

/// What is longer than registers is in the buffer of the thread that calls.
fn each_has_a_message_buffer(environment: &Environment) -> Fact {
    let Ok(gate) = environment.gate("console") else {
        return Err(Failure::from("there is no console"));
    };
    let write = move || {
        let line = alloc::format!("note threads: {}\n", "-".repeat(500));
        ConsoleClient::new(gate).write(line.as_bytes())
    };
    let threads: Vec<_> = (0..THREADS).map(|_| thread::spawn(write)).collect();
    for thread in threads {
        let written = thread.join();
        Failure::unless(written.is_ok(), "a long message was not written")?;
    }
    Ok(())
}

userlib::thread_local! {
    static OWN: Cell<u32> = Cell::new(0);
    static LAST: Dropped = Dropped;
}

static DROPPED: AtomicU32 = AtomicU32::new(0);

struct Dropped;

impl Drop for Dropped {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

fn each_has_its_own_values(_: &Environment) -> Fact {
    OWN.with(|own| own.set(1));
    let add = || {
        LAST.with(|_| ());
        OWN.with(|own| {
            own.set(own.get() + 2);
            thread::yield_now();
            own.get()
        })
    };
    for _ in 0..ROUNDS {
        let threads: Vec<_> = (0..THREADS).map(|_| thread::spawn(add)).collect();
        for thread in threads {
            Failure::unless_same("a fresh value", thread.join(), 2)?;
        }
    }
    Failure::unless_same("the first thread's", OWN.with(Cell::get), 1)?;
    let dropped = DROPPED.load(Ordering::Relaxed);
    Failure::unless_same("dropped values", dropped, ROUNDS * THREADS)
}

fn park_and_unpark(_: &Environment) -> Fact {
    let first = thread::current();
    let other = thread::spawn(move || {
        for _ in 0..ROUNDS {
            thread::park();
            first.unpark();
        }
    });
    for _ in 0..ROUNDS {
        other.thread().unpark();
        thread::park();
    }
    other.join();
    thread::current().unpark();
    thread::park();
    Ok(())
}

fn sleep_lets_others_run(_: &Environment) -> Fact {
    let pause = Duration::from_millis(20);
    let deadline = Deadline::after(pause);
    let sleeper = thread::spawn(move || {
        sleep(pause);
        deadline.is_over()
    });
    let busy = thread::spawn(|| 7);
    Failure::unless_same("who is not asleep", busy.join(), 7)?;
    Failure::unless(sleeper.join(), "it slept too shortly")
}
