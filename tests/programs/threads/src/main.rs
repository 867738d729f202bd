#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod inside;
mod share;
mod spawn;

use ipc_abi::call::PlatformOperation;
use ipc_abi::capability::Kind;
use test_kit::{Fact, Printer};
use userlib::{Environment, syscall};

userlib::entry!(main);

/// A fact: its name, and whether it holds.
type Case = (&'static str, fn(&Environment) -> Fact);

fn main(environment: Environment) {
    let mut printer = Printer::new(&environment);
    for (name, holds) in [spawn::CASES, share::CASES, inside::CASES].concat() {
        printer.report(name, holds(&environment));
    }
    printer.end();
    let platform = environment.handle("platform", Kind::Platform);
    let off = platform.map(|it| syscall::platform_control(it, PlatformOperation::PowerOff));
    panic!("the machine is still on: {off:?}");
}
