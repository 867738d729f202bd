#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod attack;
mod calls;
mod messages;

use attack::Attacker;
use test_kit::Printer;
use userlib::Environment;

userlib::entry!(run);

fn run(environment: Environment) {
    let mut printer = Printer::new(&environment);
    let mut attacker = match Attacker::new(&environment) {
        Ok(attacker) => attacker,
        Err(why) => panic!("nobody to attack: {}", why.0),
    };
    attacker.attack("malformed_messages", messages::to_victim, &mut printer);
    attacker.attack(
        "malformed_messages_to_the_supervisor",
        messages::to_supervisor,
        &mut printer,
    );
    attacker.attack("random_system_calls", calls::random, &mut printer);
    printer.end();
    attacker.finish();
}
