use std::vec::Vec;

use core::cell::RefCell;
use core::sync::atomic::AtomicU32;

use super::*;

#[test]
fn thread_has_its_name_and_brings_its_value() {
    let handle = Builder::new().name("adder").spawn(|| {
        assert_eq!(current().name(), "adder");
        1 + 1
    });
    let handle = handle.expect("the host has threads");
    assert_eq!(handle.thread().name(), "adder");
    assert_eq!(handle.join(), 2);
    assert_eq!(current().name(), "");
}

#[test]
fn long_name_is_cut() {
    let long = "a-name-that-is-longer-than-names-are";
    let handle = Builder::new().name(long).spawn(|| ());
    let handle = handle.expect("the host has threads");
    assert_eq!(handle.thread().name(), "a-name-that-is-longer-th");
    handle.join();
}

#[test]
fn unpark_before_park_is_not_lost() {
    current().unpark();
    park();
    let main = current();
    let other = spawn(move || {
        park();
        main.unpark();
    });
    other.thread().unpark();
    park();
    other.join();
}

#[test]
fn finished_thread_is_seen_to_be_finished() {
    let handle = spawn(|| ());
    while !handle.is_finished() {
        Places.relax();
    }
    handle.join();
}

static DROPPED: Mutex<Vec<&str>> = Mutex::new(Vec::new());

struct Named(&'static str);

impl Drop for Named {
    fn drop(&mut self) {
        DROPPED.lock().push(self.0);
    }
}

crate::thread_local! {
    static FIRST: Named = Named("first");
    static SECOND: Named = Named("second");
    static LIST: RefCell<Vec<u32>> = RefCell::new(Vec::new());
}

#[test]
fn values_of_a_thread_end_with_it_the_last_first() {
    let thread = spawn(|| {
        FIRST.with(|_| ());
        SECOND.with(|second| FIRST.with(|first| assert_ne!(first.0, second.0)));
    });
    thread.join();
    let mut dropped = DROPPED.lock();
    dropped.retain(|name| *name != "own");
    assert_eq!(*dropped, ["second", "first"]);
}

#[test]
fn each_thread_has_a_value_of_its_own() {
    static ROUNDS: AtomicU32 = AtomicU32::new(0);
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            spawn(move || {
                for _ in 0..10 {
                    LIST.with(|list| list.borrow_mut().push(thread));
                    ROUNDS.fetch_add(1, Ordering::Relaxed);
                }
                LIST.with(|list| assert_eq!(*list.borrow(), [thread; 10]));
            })
        })
        .collect();
    threads.into_iter().for_each(JoinHandle::join);
    assert_eq!(ROUNDS.load(Ordering::Relaxed), 80);
    LIST.with(|list| assert!(list.borrow().is_empty()));
}

#[test]
fn value_is_there_while_it_is_used_whoever_drops_it() {
    crate::thread_local!(static OWN: Named = Named("own"));
    spawn(|| {
        OWN.with(|own| {
            let number = crate::control::thread_number().expect("the host has numbers");
            local::forget_all(number);
            assert_eq!(own.0, "own");
        });
    })
    .join();
}
