//! The bench program: see the library.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use bench::measure::Gauge;
use bench::rig::Grants;
use bench::service::Server;
use ipc_abi::service::bench::BenchInterface;
use userlib::{Environment, serve};

userlib::entry!(run);

fn run(mut environment: Environment) {
    let endpoint = match environment.endpoint() {
        Ok(endpoint) => endpoint,
        Err(error) => panic!("the bench program cannot serve: {error}"),
    };
    let mut server = Server::new(Grants::read(&mut environment), Gauge::calibrate());
    let error = serve(BenchInterface, endpoint, &mut server);
    panic!("the bench program cannot serve any more: {}", error.name());
}
