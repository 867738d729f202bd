//! What the kernel gives the shell: gates to its services, counters, and ways to crash.

use ipc_abi::boot::KernelInfo;
use ipc_abi::manifest::Name;
use ipc_abi::service::bench::BenchClient;
use ipc_abi::service::console::ConsoleInterface;
use ipc_abi::service::supervisor::SupervisorInterface;
use userlib::{
    Environment, Gate, ServiceError, kernel_info, provoke_null, provoke_undefined, read_cycles,
    read_ticks,
};

use crate::command::Crash;
use crate::shell::{Identity, Machine, Services, Shell};

/// The machine that the shell runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processor;

impl Machine for Processor {
    fn info(&self) -> KernelInfo {
        kernel_info()
    }

    fn ticks(&self) -> u64 {
        read_ticks()
    }

    fn cycles(&self) -> u64 {
        read_cycles()
    }

    fn crash(&mut self, how: Crash) {
        match how {
            Crash::Panic => panic!("somebody asked for it"),
            Crash::Null => provoke_null(),
            Crash::Undefined => provoke_undefined(),
        }
    }
}

/// A shell over the kernel.
pub type KernelShell = Shell<Gate, Gate, Gate, Processor>;

/// Makes a shell on the services that the process was given.
///
/// # Errors
///
/// What it was not given, or which service does not fit.
pub fn start(environment: &Environment) -> Result<KernelShell, ServiceError> {
    let services = Services {
        console: environment.connect::<ConsoleInterface>("console")?,
        supervisor: environment.connect::<SupervisorInterface>("supervisor")?,
        bench: BenchClient::new(environment.gate("bench")?),
    };
    let name = Name::try_from(environment.name()).unwrap_or_default();
    let identity = Identity {
        name,
        incarnation: environment.incarnation(),
    };
    Ok(Shell::new(services, Processor, identity))
}
