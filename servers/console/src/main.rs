//! The console server: see the library.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use ipc_abi::service::console::ConsoleInterface;
use userlib::{Environment, serve_events};

userlib::entry!(run);

fn run(mut environment: Environment) {
    let endpoint = match environment.endpoint() {
        Ok(endpoint) => endpoint,
        Err(error) => panic!("the console cannot serve: {error}"),
    };
    let mut server = match console::system::start(&mut environment) {
        Ok(server) => server,
        Err(error) => panic!("the console cannot start: {error:?}"),
    };
    let error = serve_events(ConsoleInterface, endpoint, &mut server);
    panic!("the console cannot serve any more: {}", error.name());
}
