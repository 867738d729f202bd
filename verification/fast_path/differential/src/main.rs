#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod arithmetic;
mod command;
mod compare;
mod dead;
mod facts;
mod image;
mod machine;
mod mutant;
mod paths;
mod random;
mod sample;
mod scenario;
mod spoil;
mod store;
mod transfer;
mod trial;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::main()
}
