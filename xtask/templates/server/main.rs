//! Introduces `new-name` to the system: see the library.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use ipc_abi::service::new_name::NewNameInterface;
use userlib::{Environment, serve};

userlib::entry!(run);

fn run(environment: Environment) {
    let endpoint = match environment.endpoint() {
        Ok(endpoint) => endpoint,
        Err(error) => panic!("new-name cannot serve: {error}"),
    };
    let error = serve(NewNameInterface, endpoint, &mut new_name::Server::default());
    panic!("new-name cannot serve any more: {}", error.name());
}
