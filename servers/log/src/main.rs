//! The log process: see the library.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use ipc_abi::service::console::ConsoleInterface;
use ipc_abi::service::supervisor::SupervisorInterface;
use log::carry;
use userlib::Environment;

userlib::entry!(run);

fn run(environment: Environment) {
    let supervisor = environment.connect::<SupervisorInterface>("supervisor");
    let console = environment.connect::<ConsoleInterface>("console");
    let (mut supervisor, mut console) = match (supervisor, console) {
        (Ok(supervisor), Ok(console)) => (supervisor, console),
        (Err(error), _) | (_, Err(error)) => panic!("the log has no way out: {error}"),
    };
    loop {
        if let Err(end) = carry(&mut supervisor, &mut console) {
            panic!("the log cannot go on: {end:?}");
        }
    }
}
