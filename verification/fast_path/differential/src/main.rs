//! Runs the machine code of both message paths of a kernel image on random states, and compares them.
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
