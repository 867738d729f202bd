#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use userlib::Environment;
use userlib::log::{debug, error, info, trace, warn};
use userlib::time::{Deadline, Duration, sleep, sleep_until};

userlib::entry!(main);

/// Long enough for the log to take everything.
const PAUSE: Duration = Duration::from_millis(200);
/// More than there is room for.
const LINES: u32 = 100;
/// Longer than a line.
const LONG: usize = 400;

fn main(_environment: Environment) {
    sleep(PAUSE);
    info!("begun");
    trace!("this is not said");
    sleep(PAUSE);
    warn!("one\n\ntwo\r\x1B[2J");
    sleep(PAUSE);
    error!("{}", "l".repeat(LONG));
    sleep(PAUSE);
    for number in 0..LINES {
        debug!("{number}");
    }
    sleep(PAUSE);
    info!("that is all");
    sleep_until(Deadline::NEVER);
}
