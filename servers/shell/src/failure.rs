//! Why a command failed, in words.

use alloc::string::{String, ToString};
use core::fmt;

use ipc_abi::call::SystemCall;
use ipc_abi::error::Error;
use ipc_abi::interface::{CallError, Failure};
use ipc_abi::service::bench::{BenchError, Grant, Refusal};
use ipc_abi::service::supervisor::SupervisorError;
use userlib::EnvironmentError;

use crate::command::CommandError;

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandFailure {
    /// The line is no command.
    Line(CommandError),
    /// The supervisor refused or did not answer.
    Supervisor(Failure<SupervisorError>),
    /// The bench program refused or did not answer.
    Bench(Failure<BenchError>),
    /// There is no process of this name.
    NoProcess {
        /// Which command was asked about it.
        command: &'static str,
        /// The name.
        name: String,
    },
    /// The command of a service failed.
    Service {
        /// The service.
        service: String,
        /// Why.
        failure: ServiceFailure,
    },
    /// The name of no figure contains this text.
    NoFigure(String),
}

/// Why the command of a service failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceFailure {
    /// The shell has no way to the service. Mend `system.toml`.
    NotGranted(EnvironmentError),
    /// The service did not answer.
    NoAnswer(CallError),
    /// The service refused; why, in its own words.
    Refused(String),
    /// This word is no number that the service could take.
    NoNumber(String),
}

impl From<CallError> for ServiceFailure {
    fn from(error: CallError) -> Self {
        ServiceFailure::NoAnswer(error)
    }
}

impl<E: fmt::Display> From<Failure<E>> for ServiceFailure {
    fn from(failure: Failure<E>) -> Self {
        match failure {
            Failure::Service(error) => ServiceFailure::Refused(error.to_string()),
            Failure::Call(error) => ServiceFailure::NoAnswer(error),
        }
    }
}

impl fmt::Display for ServiceFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceFailure::NotGranted(error) => {
                write!(f, "system.toml does not let this shell call it: {error}")
            }
            ServiceFailure::NoAnswer(error) => write!(f, "no answer: {}", error.name()),
            ServiceFailure::Refused(reason) => f.write_str(reason),
            ServiceFailure::NoNumber(word) => {
                write!(f, "'{word}' is no number, or one that it cannot take")
            }
        }
    }
}

impl From<CommandError> for CommandFailure {
    fn from(error: CommandError) -> Self {
        CommandFailure::Line(error)
    }
}

impl From<Failure<SupervisorError>> for CommandFailure {
    fn from(failure: Failure<SupervisorError>) -> Self {
        CommandFailure::Supervisor(failure)
    }
}

impl From<Failure<BenchError>> for CommandFailure {
    fn from(failure: Failure<BenchError>) -> Self {
        CommandFailure::Bench(failure)
    }
}

impl fmt::Display for CommandFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandFailure::Line(error) => error.fmt(f),
            CommandFailure::Supervisor(Failure::Service(error)) => {
                f.write_str("supervisor: ")?;
                f.write_str(describe_supervisor_error(*error))
            }
            CommandFailure::Bench(Failure::Service(error)) => {
                f.write_str("bench: ")?;
                write_bench_error(*error, f)
            }
            CommandFailure::Supervisor(Failure::Call(error)) => {
                write_no_answer("supervisor", *error, f)
            }
            CommandFailure::Bench(Failure::Call(error)) => write_no_answer("bench", *error, f),
            CommandFailure::NoProcess { command, name } => {
                write!(
                    f,
                    "{command}: there is no process '{name}': 'ps' lists the processes"
                )
            }
            CommandFailure::Service { service, failure } => write!(f, "{service}: {failure}"),
            CommandFailure::NoFigure(filter) => {
                write!(f, "bench: no figure has '{filter}' in its name")
            }
        }
    }
}

fn write_no_answer(service: &str, error: CallError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{service}: no answer: {}", error.name())
}

fn describe_supervisor_error(error: SupervisorError) -> &'static str {
    match error {
        SupervisorError::NoSuchProcess => "there is no such process",
        SupervisorError::NotRunning => "the process is dead",
        SupervisorError::NotPermitted => {
            "not permitted: system.toml does not grant it to this shell"
        }
        SupervisorError::Busy => "somebody else takes its lines",
        SupervisorError::Refused => "the kernel refused to switch the machine off",
        SupervisorError::Itself => "the supervisor does not end itself: 'halt' ends the system",
    }
}

fn write_bench_error(error: BenchError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        BenchError::NoFigure => f.write_str("there is no such figure"),
        BenchError::NotGranted(grant) => {
            let grant = match grant {
                Grant::Memory => "memory",
                Grant::Time => "time",
                Grant::Space => "itself",
                Grant::Partner => "calls to bench-partner",
                Grant::Ring => "the ring with its partner",
                Grant::Buffer => "a message buffer",
                Grant::Device => "the device gpio0",
            };
            write!(f, "system.toml does not grant {grant}")
        }
        BenchError::OutOfMemory => f.write_str("its region of memory is used up"),
        BenchError::OutOfSlots => f.write_str("its part of the capability table is used up"),
        BenchError::Refused(Refusal { call, error }) => {
            let call = SystemCall::ALL.get(usize::from(call));
            let error = Error::from_raw(u64::from(error));
            let call = call.map_or("unknown call", |call| call.name());
            write!(
                f,
                "{call} was refused: {}",
                error.map_or("unknown error", Error::name)
            )
        }
        BenchError::PartnerMisbehavior => f.write_str("its partner answered what it was not asked"),
        BenchError::NoTurns => f.write_str("the threads of this figure did not take turns"),
        BenchError::NoInterrupt => f.write_str("its device did not interrupt"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_say_whose_and_why() {
        let call = CallError::Refused(Error::Died);
        for (failure, text) in [
            (
                CommandFailure::Supervisor(Failure::Service(SupervisorError::NotPermitted)),
                "supervisor: not permitted: system.toml does not grant it to this shell",
            ),
            (
                CommandFailure::Bench(Failure::Call(call)),
                "bench: no answer: Died",
            ),
            (
                CommandFailure::Bench(Failure::Service(BenchError::Refused(Refusal {
                    call: SystemCall::Map as u16,
                    error: 12,
                }))),
                "bench: map was refused: NeedMemory",
            ),
            (
                CommandFailure::Bench(Failure::Service(BenchError::NotGranted(Grant::Time))),
                "bench: system.toml does not grant time",
            ),
            (
                CommandFailure::NoProcess {
                    command: "caps",
                    name: "x".into(),
                },
                "caps: there is no process 'x': 'ps' lists the processes",
            ),
        ] {
            assert_eq!(failure.to_string(), text);
        }
    }

    #[test]
    fn failures_of_a_service_say_whose_and_why() {
        let missing = EnvironmentError::Missing("x".try_into().expect("it is short"));
        let died = CallError::Refused(Error::Died);
        for (failure, text) in [
            (
                ServiceFailure::NotGranted(missing),
                "x: system.toml does not let this shell call it: nothing is called `x`",
            ),
            (ServiceFailure::from(died), "x: no answer: Died"),
            (
                ServiceFailure::from(Failure::<&str>::Call(died)),
                "x: no answer: Died",
            ),
            (
                ServiceFailure::from(Failure::Service("no more")),
                "x: no more",
            ),
            (
                ServiceFailure::NoNumber("y".into()),
                "x: 'y' is no number, or one that it cannot take",
            ),
        ] {
            let service = "x".into();
            let failure = CommandFailure::Service { service, failure };
            assert_eq!(failure.to_string(), text);
        }
    }
}
