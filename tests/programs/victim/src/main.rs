#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod keeper;

use keeper::Keeper;
use test_kit::service::VictimInterface;
use userlib::{Environment, serve};

userlib::entry!(run);

fn run(environment: Environment) {
    let endpoint = match environment.endpoint() {
        Ok(endpoint) => endpoint,
        Err(error) => panic!("the victim cannot serve: {error}"),
    };
    let mut keeper = match Keeper::new(&environment) {
        Ok(keeper) => keeper,
        Err(why) => panic!("the victim has no secret: {}", why.0),
    };
    let error = serve(VictimInterface, endpoint, &mut keeper);
    panic!("the victim cannot serve any more: {}", error.name());
}
