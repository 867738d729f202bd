//! What threads share.

use alloc::sync::Arc;
use alloc::vec::Vec;

use core::sync::atomic::{AtomicU32, Ordering};

use test_kit::{Fact, Failure};
use userlib::Environment;
use userlib::sync::{Condvar, Lazy, Mutex, ReceiveError, SendError, Wait, channel};
use userlib::thread::{self, JoinHandle};
use userlib::time::{Deadline, Duration};

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("share/lock_is_for_one", lock_is_for_one),
    ("share/lock_goes_around", lock_goes_around),
    ("share/heap_is_everybodys", heap_is_everybodys),
    ("share/condition_wakes_and_times_out", condition_wakes),
    ("share/lazy_is_made_once", lazy_is_made_once),
    (
        "share/channel_carries_everything",
        channel_carries_everything,
    ),
    ("share/channel_times_out_and_ends", channel_ends),
];

const THREADS: u32 = 3;
const ROUNDS: u32 = 500;

/// Lets threads do the same.
fn all(task: impl Fn(u32) + Clone + Send + 'static) {
    let threads: Vec<JoinHandle<()>> = (0..THREADS)
        .map(|number| {
            let task = task.clone();
            thread::spawn(move || task(number))
        })
        .collect();
    threads.into_iter().for_each(JoinHandle::join);
}

fn lock_is_for_one(_: &Environment) -> Fact {
    let counter = Arc::new(Mutex::new(0));
    let shared = Arc::clone(&counter);
    all(move |_| {
        for _ in 0..ROUNDS {
            let mut counter = shared.lock();
            let before = *counter;
            thread::yield_now();
            *counter = before + 1;
        }
    });
    let found = *counter.lock();
    Failure::unless_same("the counter", found, THREADS * ROUNDS)
}

/// Whoever waits gets the lock before somebody who had it gets it twice.
fn lock_goes_around(_: &Environment) -> Fact {
    let turns = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&turns);
    let first = turns.lock();
    let threads: Vec<JoinHandle<()>> = (0..THREADS)
        .map(|number| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for _ in 0..ROUNDS {
                    let mut turns = shared.lock();
                    turns.push(number);
                    thread::yield_now();
                }
            })
        })
        .collect();
    for _ in 0..=THREADS {
        thread::yield_now();
    }
    drop(first);
    threads.into_iter().for_each(JoinHandle::join);
    let turns = turns.lock();
    let is_fair = turns.windows(2).all(|pair| pair[0] != pair[1]);
    Failure::unless_same("turns", turns.len(), (THREADS * ROUNDS) as usize)?;
    Failure::unless(is_fair, "somebody had the lock twice while others waited")
}

fn heap_is_everybodys(_: &Environment) -> Fact {
    all(|number| {
        for round in 0..ROUNDS {
            let length = 1 + (round * 37 % 500) as usize;
            let bytes = alloc::vec![number; length];
            thread::yield_now();
            assert!(bytes.iter().all(|byte| *byte == number));
        }
    });
    Ok(())
}

fn condition_wakes(_: &Environment) -> Fact {
    let shared = Arc::new((Mutex::new(0), Condvar::new()));
    let theirs = Arc::clone(&shared);
    let waker = thread::spawn(move || {
        *theirs.0.lock() = 1;
        theirs.1.notify_one();
    });
    let mut value = shared.0.lock();
    shared.1.wait_while(&mut value, |value| *value == 0);
    drop(value);
    waker.join();
    let deadline = Deadline::after(Duration::from_millis(5));
    let mut value = shared.0.lock();
    while shared.1.wait_until(&mut value, deadline) == Wait::Woken {}
    Failure::unless(deadline.is_over(), "it gave up too early")
}

fn lazy_is_made_once(_: &Environment) -> Fact {
    static MADE: AtomicU32 = AtomicU32::new(0);
    static LAZY: Lazy<u32> = Lazy::new(|| {
        thread::yield_now();
        MADE.fetch_add(1, Ordering::Relaxed) + 7
    });
    all(|_| assert_eq!(*LAZY, 7));
    Failure::unless_same("made", MADE.load(Ordering::Relaxed), 1)
}

fn channel_carries_everything(_: &Environment) -> Fact {
    let (sender, receiver) = channel(2);
    let threads: Vec<JoinHandle<()>> = (0..THREADS)
        .map(|number| {
            let sender = sender.clone();
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    assert_eq!(sender.send(number * ROUNDS + round), Ok(()));
                }
            })
        })
        .collect();
    drop(sender);
    let mut values: Vec<u32> = receiver.iter().collect();
    threads.into_iter().for_each(JoinHandle::join);
    values.sort_unstable();
    let is_whole = values.into_iter().eq(0..THREADS * ROUNDS);
    Failure::unless(is_whole, "a value is missing or came twice")
}

fn channel_ends(_: &Environment) -> Fact {
    let (sender, receiver) = channel(1);
    let deadline = Deadline::after(Duration::from_millis(5));
    let late = receiver.receive_until(deadline);
    Failure::unless_same("nothing came", late, Err(ReceiveError::Empty))?;
    Failure::unless(deadline.is_over(), "it gave up too early")?;
    Failure::unless_same("room", sender.try_send(1), Ok(()))?;
    Failure::unless_same("no room", sender.try_send(2), Err(SendError::Full(2)))?;
    let waits = sender.clone();
    let thread = thread::spawn(move || waits.send(3));
    thread::yield_now();
    drop(receiver);
    let told = thread.join();
    Failure::unless_same("who waited", told, Err(SendError::Disconnected(3)))
}
