#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::hint::black_box;

use userlib::{Environment, thread};

userlib::entry!(main);

/// More than a stack has.
const HUGE: usize = 256 * 1024;

fn main(environment: Environment) {
    match environment.incarnation() {
        0 => assert_eq!(dig(0), 0),
        1 => thread::spawn(|| assert_eq!(dig(0), 0)).join(),
        2 => {
            let first = thread::spawn(thread::park);
            thread::spawn(jump).join();
            first.join();
        }
        3 => thread::spawn(|| panic!("nothing lasts")).join(),
        life => panic!("life {life} is the last"),
    }
}

/// Calls itself until there is no stack.
#[inline(never)]
fn dig(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    if depth == u64::MAX {
        return 0;
    }
    dig(depth + 1) + frame.iter().sum::<u64>()
}

/// Wants more than the page that is never mapped at once.
#[inline(never)]
fn jump() {
    let mut frame = [0_u8; HUGE];
    black_box(&mut frame);
}
