//! The shell: see the library.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use userlib::Environment;

userlib::entry!(run);

fn run(environment: Environment) {
    let mut shell = match shell::system::start(&environment) {
        Ok(shell) => shell,
        Err(error) => panic!("the shell cannot start: {error}"),
    };
    let failure = shell.run();
    panic!("the shell has no console: {failure:?}");
}
