#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod run;
mod scenario;
mod stage;

userlib::entry!(run::main);
