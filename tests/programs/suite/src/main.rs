#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod case;
mod mistake;
mod run;
mod valid;

userlib::entry!(run::main);
