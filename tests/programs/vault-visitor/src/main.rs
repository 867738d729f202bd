#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod case;
mod other;
mod visit;

use test_kit::Printer;
use userlib::Environment;
use visit::Visitor;

userlib::entry!(run);

fn run(environment: Environment) {
    match environment.name() {
        "guest" => other::be_guest(&environment),
        "stranger" => other::be_stranger(&environment),
        _ => visit(environment),
    }
}

fn visit(environment: Environment) {
    let mut printer = Printer::new(&environment);
    let mut visitor = match Visitor::new(environment) {
        Ok(visitor) => visitor,
        Err(why) => panic!("nobody to visit: {}", why.0),
    };
    for (name, case) in case::ALL {
        let fact = visitor.play(*case);
        printer.report(name, fact);
    }
    printer.end();
    visitor.finish();
}
