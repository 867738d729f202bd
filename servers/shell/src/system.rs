//! What the kernel gives the shell: gates to its services, counters, and ways to crash.

use core::time::Duration;

use ipc_abi::boot::KernelInfo;
use ipc_abi::interface::ConnectError;
use ipc_abi::manifest::Name;
use ipc_abi::service::bench::BenchClient;
use ipc_abi::service::command::{CommandClient, CommandText};
use ipc_abi::service::console::ConsoleInterface;
use ipc_abi::service::supervisor::SupervisorInterface;
use userlib::time::Deadline;
use userlib::{
    Environment, EnvironmentError, Gate, ServiceError, TimedGate, kernel_info, provoke_null,
    provoke_undefined, read_cycles, read_ticks,
};

use crate::command::Crash;
use crate::crash;
use crate::failure::ServiceFailure;
use crate::shell::{Identity, Machine, Services, Shell};

/// How long a service has to answer a command of its own. A server that does not come to an end would take
/// the prompt along, and with it the way to `kill` it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The machine that the shell runs on.
#[derive(Debug)]
pub struct Processor {
    environment: Environment,
}

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

    fn gate(&self, service: &str) -> Result<TimedGate, EnvironmentError> {
        Ok(self
            .environment
            .gate(service)?
            .until(Deadline::after(PATIENCE)))
    }

    fn ask(&self, command: &str, words: &str) -> Result<Option<CommandText>, ServiceFailure> {
        let Ok(gate) = self.gate(command) else {
            return Ok(None);
        };
        match CommandClient::connect(gate) {
            Ok(mut client) => Ok(Some(client.run(words)?)),
            // A service, but no command.
            Err(ConnectError::SchemaMismatch { .. }) => Ok(None),
            Err(ConnectError::Call(error)) => Err(error.into()),
        }
    }

    fn crash(&mut self, how: Crash) {
        match how {
            Crash::Panic => panic!("somebody asked for it"),
            Crash::Unwrap => crash::unwrap(),
            Crash::Index => crash::index(),
            Crash::Slice => crash::slice(),
            Crash::Memory => crash::exhaust_memory(),
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
pub fn start(environment: Environment) -> Result<KernelShell, ServiceError> {
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
    Ok(Shell::new(services, Processor { environment }, identity))
}
