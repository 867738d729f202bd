#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod keeping;

use keeping::Keeping;
use test_kit::vault::{BOXES_OF_CLIENT, VaultInterface};
use userlib::{Environment, Sessions, WithSessions, serve};

userlib::entry!(run);

fn run(mut environment: Environment) {
    let endpoint = match environment.endpoint() {
        Ok(endpoint) => endpoint,
        Err(error) => panic!("the vault cannot serve: {error}"),
    };
    let sessions = match Sessions::take(&mut environment, BOXES_OF_CLIENT as usize) {
        Ok(sessions) => sessions,
        Err(error) => panic!("the vault has no boxes: {error}"),
    };
    let mut keeping = Keeping::new(sessions);
    let error = serve(WithSessions(VaultInterface), endpoint, &mut keeping);
    panic!("the vault cannot serve any more: {}", error.name());
}
