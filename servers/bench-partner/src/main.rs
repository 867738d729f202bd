//! The bench program's partner: see the library.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use bench_partner::service::{Server, Slots};
use ipc_abi::service::bench_partner::PartnerInterface;
use userlib::{Environment, serve};

/// The slots for capabilities that come along.
const SLOTS: u32 = 2;

userlib::entry!(run);

fn run(mut environment: Environment) {
    let endpoint = match environment.endpoint() {
        Ok(endpoint) => endpoint,
        Err(error) => panic!("the partner cannot serve: {error}"),
    };
    let slots = match environment.take_slots(SLOTS) {
        Ok(slots) => Slots {
            table: environment.table(),
            first: slots.first,
        },
        Err(error) => panic!("the partner has no room for capabilities: {error}"),
    };
    let mut server = Server::new(endpoint, slots);
    let error = serve(PartnerInterface, endpoint, &mut server);
    panic!("the partner cannot serve any more: {}", error.name());
}
