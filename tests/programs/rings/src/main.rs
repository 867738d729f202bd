#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod client;
mod server;
mod stage;

use ipc_abi::call::PlatformOperation;
use ipc_abi::capability::Kind;
use stage::Stage;
use userlib::{Environment, syscall};

userlib::entry!(run);

fn run(environment: Environment) {
    let mut stage = match Stage::new(&environment) {
        Ok(stage) => stage,
        Err(why) => panic!("there is no stage: {}", why.0),
    };
    for (name, case) in client::CASES.iter().chain(server::CASES) {
        stage.perform(name, *case);
    }
    stage.end();
    match environment.handle("platform", Kind::Platform) {
        Ok(platform) => {
            let off = syscall::platform_control(platform, PlatformOperation::PowerOff);
            panic!("the machine is still on: {off:?}");
        }
        Err(error) => panic!("the machine cannot be switched off: {error}"),
    }
}
