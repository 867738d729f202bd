#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod case;
mod guest;
mod pin;
mod server;
mod service;
mod stage;

use userlib::Environment;

userlib::entry!(run);

fn run(environment: Environment) {
    match environment.name() {
        "patience" => server::run(environment),
        "patience-test" => case::run(&environment),
        _ => guest::run(&environment),
    }
}
