#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod bystander;
mod peer;

use peer::Server;
use test_kit::ring::PeerInterface;
use userlib::{Environment, serve};

userlib::entry!(run);

fn run(environment: Environment) {
    let endpoint = match environment.endpoint() {
        Ok(endpoint) => endpoint,
        Err(error) => panic!("a peer cannot serve: {error}"),
    };
    let mut server = Server::new(environment);
    let error = serve(PeerInterface, endpoint, &mut server);
    panic!("a peer cannot serve any more: {}", error.name());
}
