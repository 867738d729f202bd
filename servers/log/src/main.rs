//! The log process: see the library.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use ipc_abi::service::console::ConsoleClient;
use ipc_abi::service::supervisor::SupervisorClient;
use log::carry;
use userlib::Environment;

userlib::entry!(run);

fn run(environment: Environment) {
    let (supervisor, console) = match (environment.gate("supervisor"), environment.gate("console"))
    {
        (Ok(supervisor), Ok(console)) => (supervisor, console),
        (Err(error), _) | (_, Err(error)) => panic!("the log has no way out: {error}"),
    };
    let mut supervisor = SupervisorClient::new(supervisor);
    let mut console = ConsoleClient::new(console);
    loop {
        if let Err(end) = carry(&mut supervisor, &mut console) {
            panic!("the log cannot go on: {end:?}");
        }
    }
}
