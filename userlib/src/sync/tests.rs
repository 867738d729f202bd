use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use core::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::thread::{JoinHandle, spawn};

fn rest() {
    std::thread::yield_now();
}

const THREADS: u32 = 4;
const ROUNDS: u32 = 200;

#[test]
fn one_thread_at_a_time_has_the_value() {
    let counter = Arc::new(Mutex::new(0_u32));
    let count = |counter: Arc<Mutex<u32>>| {
        move || {
            for _ in 0..ROUNDS {
                let mut counter = counter.lock();
                let before = *counter;
                rest();
                *counter = before + 1;
            }
        }
    };
    let threads: Vec<_> = (0..THREADS)
        .map(|_| spawn(count(Arc::clone(&counter))))
        .collect();
    threads.into_iter().for_each(JoinHandle::join);
    assert_eq!(*counter.lock(), THREADS * ROUNDS);
}

#[test]
fn held_lock_is_not_given() {
    let mutex = Mutex::new(());
    let guard = mutex.lock();
    assert!(mutex.try_lock().is_none() && mutex.is_locked());
    drop(guard);
    assert!(mutex.try_lock().is_some());
    assert!(!mutex.is_locked());
}

#[test]
fn all_who_wait_are_woken() {
    let shared = Arc::new((Mutex::new(false), Condvar::new()));
    let waits = |shared: Arc<(Mutex<bool>, Condvar)>| {
        move || {
            let mut is_open = shared.0.lock();
            shared.1.wait_while(&mut is_open, |is_open| !*is_open);
        }
    };
    let threads: Vec<_> = (0..THREADS)
        .map(|_| spawn(waits(Arc::clone(&shared))))
        .collect();
    *shared.0.lock() = true;
    shared.1.notify_all();
    threads.into_iter().for_each(JoinHandle::join);
}

#[test]
fn value_is_made_once() {
    static MADE: AtomicU32 = AtomicU32::new(0);
    static VALUE: Lazy<u32> = Lazy::new(|| {
        rest();
        MADE.fetch_add(1, Ordering::Relaxed) + 7
    });
    let threads: Vec<_> = (0..THREADS).map(|_| spawn(|| *VALUE)).collect();
    let values: Vec<u32> = threads.into_iter().map(JoinHandle::join).collect();
    assert_eq!(values, [7; THREADS as usize]);
    assert_eq!(MADE.load(Ordering::Relaxed), 1);
    let once = Once::<u32>::new();
    assert_eq!(once.get(), None);
    assert_eq!((once.get_or_make(|| 1), once.get_or_make(|| 2)), (&1, &1));
}

#[test]
fn channel_keeps_the_order_and_its_bound() {
    let (sender, receiver) = channel(2);
    assert_eq!(receiver.try_receive(), Err(ReceiveError::Empty));
    assert_eq!((sender.try_send(1), sender.send(2)), (Ok(()), Ok(())));
    assert_eq!(sender.try_send(3), Err(SendError::Full(3)));
    assert_eq!(receiver.receive(), Ok(1));
    assert_eq!(sender.try_send(3), Ok(()));
    assert_eq!((receiver.receive(), receiver.receive()), (Ok(2), Ok(3)));
}

#[test]
fn every_value_that_many_send_comes_once() {
    let (sender, receiver) = channel(1);
    let send = |thread: u32, sender: Sender<u32>| {
        move || (0..ROUNDS).for_each(|round| sender.send(thread * ROUNDS + round).expect("wanted"))
    };
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| spawn(send(thread, sender.clone())))
        .collect();
    drop(sender);
    let mut values: Vec<u32> = receiver.iter().collect();
    values.sort_unstable();
    assert!(values.into_iter().eq(0..THREADS * ROUNDS));
    assert_eq!(receiver.receive(), Err(ReceiveError::Disconnected));
    threads.into_iter().for_each(JoinHandle::join);
}

#[test]
fn end_of_the_receiver_is_told_to_who_waits_to_send() {
    let (sender, receiver) = channel(1);
    sender.send(Box::new(1)).expect("there is room");
    let waits = sender.clone();
    let thread = spawn(move || waits.send(Box::new(2)));
    drop(receiver);
    assert_eq!(thread.join(), Err(SendError::Disconnected(Box::new(2))));
    let refused = sender.try_send(Box::new(3));
    assert_eq!(refused, Err(SendError::Disconnected(Box::new(3))));
}

#[test]
fn what_nobody_received_is_dropped() {
    let value = Arc::new(());
    let (sender, receiver) = channel(1);
    sender.send(Arc::clone(&value)).expect("there is room");
    drop(receiver);
    assert_eq!(Arc::strong_count(&value), 1);
    drop(sender);
}

#[test]
fn channel_for_nothing_is_refused() {
    let refused = std::panic::catch_unwind(|| drop(channel::<()>(0)));
    let why = refused.expect_err("it holds nothing");
    let why = why.downcast_ref::<&str>();
    assert_eq!(why, Some(&"a channel holds at least one value"));
}
