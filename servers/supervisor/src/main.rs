//! The first process: takes what the kernel gives it, makes the system, watches it.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use ipc_abi::service::supervisor::SupervisorInterface;
use supervisor::native::{Native, read_seed};
use supervisor::supervisor::{Boot, Supervisor};
use supervisor::survey::PackagePlace;
use userlib::{Endpoint, Environment, kernel_info, package, serve_events};

fn run(environment: Environment) -> ! {
    let info = kernel_info();
    let kernel = match Native::take(&environment) {
        Ok(kernel) => kernel,
        Err(error) => panic!("this is not the first process: {error}"),
    };
    let Ok(Some(package)) = package(&environment) else {
        panic!("there is no boot package")
    };
    let boot = Boot {
        package,
        place: PackagePlace {
            address: info.package_address,
            bytes: info.package_bytes,
        },
        hertz: info.counter_hertz,
        seed: read_seed(),
    };
    let mut supervisor = match Supervisor::start(kernel, boot) {
        Ok(supervisor) => supervisor,
        Err(error) => panic!("{error}"),
    };
    let endpoint = Endpoint::new(supervisor.endpoint());
    let error = serve_events(SupervisorInterface, endpoint, &mut supervisor);
    panic!("the endpoint is gone: {}", error.name());
}

// The heap: about 2 KiB a process, some 28 bytes for each page of its heap and stacks, lines, lists of free frames.
userlib::first_entry!(run, 512 * 1024);
