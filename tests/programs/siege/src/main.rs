#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod hint;
mod life;
mod run;

userlib::entry!(run::main);
