#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

userlib::entry!(run);

fn run(_environment: userlib::Environment) {
    panic!("not yet");
}
