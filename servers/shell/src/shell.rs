//! The loop: a line from the console, a command, its result on the console.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use ipc_abi::boot::KernelInfo;
use ipc_abi::interface::{CallError, Failure, Transport};
use ipc_abi::manifest::Name;
use ipc_abi::service::bench::{BenchClient, BenchError, Figure, FigureName};
use ipc_abi::service::command::CommandText;
use ipc_abi::service::console::{ConsoleClient, ConsoleError, LineText, WRITE_BYTES};
use ipc_abi::service::supervisor::{ProcessInfo, SlotInfo, SupervisorClient};
use userlib::{EnvironmentError, TimedGate};

use crate::command::{Command, CommandError, Crash, Description, descriptions, parse_command};
use crate::failure::{CommandFailure, ServiceFailure};
use crate::info::describe_info;
use crate::report::{describe_rights, draw_capabilities, draw_memory, draw_processes};
use crate::service::ServiceCommand;
use crate::table::{Align, Table};
use crate::unit::write_duration;

/// The prompt after a command that succeeded.
pub const PROMPT_SUCCEEDED: &str = "pecan> ";
/// The prompt after a command that failed.
pub const PROMPT_FAILED: &str = "pecan!> ";
/// The name of the figure that the shell itself measures.
pub const FIGURE_TO_PROMPT: &str = "boot/to-prompt";

/// How often a call to the console is repeated when the console dies under it.
const CONSOLE_TRIES: usize = 8;

/// What the shell takes from the machine without asking a service.
pub trait Machine {
    /// The kernel information page.
    fn info(&self) -> KernelInfo;
    /// The counter that [`KernelInfo::counter_hertz`] is the frequency of.
    fn ticks(&self) -> u64;
    /// The cycle counter.
    fn cycles(&self) -> u64;
    /// The way to the service of this name, for one command.
    ///
    /// # Errors
    ///
    /// That `system.toml` grants none.
    fn gate(&self, service: &str) -> Result<TimedGate, EnvironmentError>;
    /// Hands words, each ended by a line feed, to the process of this name, if there is a way to
    /// one that is a command.
    ///
    /// # Errors
    ///
    /// Why the command failed.
    fn ask(&self, command: &str, words: &str) -> Result<Option<CommandText>, ServiceFailure>;
    /// Crashes this process.
    fn crash(&mut self, how: Crash);
}

/// Why the shell cannot go on: nobody would see what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleFailure {
    /// The console refused.
    Refused(ConsoleError),
    /// The console did not answer.
    NoAnswer(CallError),
}

impl From<Failure<ConsoleError>> for ConsoleFailure {
    fn from(failure: Failure<ConsoleError>) -> Self {
        match failure {
            Failure::Service(error) => ConsoleFailure::Refused(error),
            Failure::Call(error) => ConsoleFailure::NoAnswer(error),
        }
    }
}

/// How the last command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It did what it was asked.
    Succeeded,
    /// It did not, and said why.
    Failed,
}

/// Who the shell is: what it needs to know from its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name as a process.
    pub name: Name,
    /// How often it was started before.
    pub incarnation: u32,
}

/// The services that a shell calls, over transports.
#[derive(Debug)]
pub struct Services<C, S, B> {
    /// Screen and keyboard.
    pub console: ConsoleClient<C>,
    /// Processes, memory, power.
    pub supervisor: SupervisorClient<S>,
    /// Measurements.
    pub bench: BenchClient<B>,
}

/// A shell.
#[derive(Debug)]
pub struct Shell<C, S, B, M> {
    services: Services<C, S, B>,
    machine: M,
    identity: Identity,
    status: Status,
    /// The cycle counter at the first prompt; `None` before it, and in a shell that was restarted.
    cycles_to_prompt: Option<u64>,
}

impl<C: Transport, S: Transport, B: Transport, M: Machine> Shell<C, S, B, M> {
    /// Makes a shell that has done nothing yet.
    #[must_use]
    pub fn new(services: Services<C, S, B>, machine: M, identity: Identity) -> Self {
        Shell {
            services,
            machine,
            identity,
            status: Status::Succeeded,
            cycles_to_prompt: None,
        }
    }

    /// Reads and carries out lines for as long as there is a console.
    pub fn run(&mut self) -> ConsoleFailure {
        if self.identity.incarnation == 0 {
            self.cycles_to_prompt = Some(self.machine.cycles());
        }
        loop {
            if let Err(failure) = self.step() {
                return failure;
            }
        }
    }

    /// Reads and carries out one line.
    ///
    /// # Errors
    ///
    /// Why there is no console.
    pub fn step(&mut self) -> Result<(), ConsoleFailure> {
        let line = self.read_line()?;
        match parse_command(&line) {
            Ok(Command::Nothing) => Ok(()),
            Ok(command) => {
                let result = self.carry_out(command)?;
                self.conclude(result)
            }
            Err(error) => {
                let result = self.ask_process(error);
                self.conclude(result)
            }
        }
    }

    fn conclude(&mut self, result: Result<String, CommandFailure>) -> Result<(), ConsoleFailure> {
        let (status, text) = match result {
            Ok(text) => (Status::Succeeded, text),
            Err(failure) => (Status::Failed, format!("{failure}\n")),
        };
        self.status = status;
        self.print(&text)
    }

    fn carry_out(
        &mut self,
        command: Command,
    ) -> Result<Result<String, CommandFailure>, ConsoleFailure> {
        Ok(match command {
            Command::Nothing => Ok(String::new()),
            Command::Help(topic) => Ok(write_help(topic)),
            Command::Processes => self.list_processes().map(|list| draw_processes(&list)),
            Command::Memory => self.report_memory(),
            Command::Capabilities(name) => self.report_capabilities(name),
            Command::Echo(words) => Ok(format!("{}\n", words.join(" "))),
            Command::Bench(filter) => return self.measure(filter),
            Command::Uptime => Ok(self.report_uptime()),
            Command::Info => Ok(describe_info(&self.machine.info())),
            Command::Crash(how) => {
                self.machine.crash(how);
                Ok(String::from("the crash did not happen\n"))
            }
            Command::Kill(name) => self.kill(name),
            Command::Service(command, words) => self.ask(command, &words),
            Command::Halt => self.halt(),
        })
    }

    fn list_processes(&mut self) -> Result<Vec<ProcessInfo>, CommandFailure> {
        let list: Result<Vec<ProcessInfo>, CallError> =
            self.services.supervisor.processes().collect();
        list.map_err(|error| CommandFailure::Supervisor(Failure::Call(error)))
    }

    fn report_memory(&mut self) -> Result<String, CommandFailure> {
        let memory = self.services.supervisor.memory();
        let memory = memory.map_err(|error| CommandFailure::Supervisor(Failure::Call(error)))?;
        Ok(draw_memory(&memory, &self.list_processes()?))
    }

    fn report_capabilities(&mut self, name: Option<String>) -> Result<String, CommandFailure> {
        let name = name.unwrap_or_else(|| self.identity.name.as_str().to_string());
        let number = self.find_process("caps", name)?;
        let slots = self.services.supervisor.capabilities(number);
        let slots: Vec<SlotInfo> = slots.collect::<Result<_, _>>()?;
        Ok(format!(
            "{}{}",
            draw_capabilities(&slots),
            describe_rights()
        ))
    }

    /// The number of a process that `command` was asked about.
    fn find_process(&mut self, command: &'static str, name: String) -> Result<u32, CommandFailure> {
        let processes = self.list_processes()?;
        let mut numbered = (0..).zip(&processes);
        let found = numbered.find(|(_, process)| process.name == name.as_str());
        found
            .map(|(number, _)| number)
            .ok_or(CommandFailure::NoProcess { command, name })
    }

    fn kill(&mut self, name: String) -> Result<String, CommandFailure> {
        let number = self.find_process("kill", name)?;
        self.services.supervisor.kill(number)?;
        Ok(String::new())
    }

    fn ask(
        &mut self,
        command: &ServiceCommand,
        words: &[String],
    ) -> Result<String, CommandFailure> {
        let service = command.description.name;
        let gate = self.machine.gate(service);
        let answer = gate.map_err(ServiceFailure::NotGranted);
        let answer = answer.and_then(|gate| (command.run)(gate, words));
        answer.map_err(|failure| CommandFailure::Service {
            service: service.to_string(),
            failure,
        })
    }

    /// Hands a line that is no command of the shell to the process that it names, if that is one.
    fn ask_process(&mut self, error: CommandError) -> Result<String, CommandFailure> {
        let CommandError::Unknown { name, words } = &error else {
            return Err(error.into());
        };
        let words: String = words.iter().map(|word| format!("{word}\n")).collect();
        match self.machine.ask(name, &words) {
            Ok(Some(text)) => Ok(text.as_str().to_string()),
            Ok(None) => Err(error.into()),
            Err(failure) => Err(CommandFailure::Service {
                service: name.clone(),
                failure,
            }),
        }
    }

    fn report_uptime(&self) -> String {
        let info = self.machine.info();
        let ticks = self.machine.ticks().saturating_sub(info.boot_ticks);
        format!("{}\n", write_duration(ticks, info.counter_hertz))
    }

    fn halt(&mut self) -> Result<String, CommandFailure> {
        self.services.supervisor.halt()?;
        Ok(String::new())
    }

    /// Measures the figures whose name contains `filter`, and prints each as soon as it is there.
    fn measure(
        &mut self,
        filter: Option<String>,
    ) -> Result<Result<String, CommandFailure>, ConsoleFailure> {
        let filter = filter.unwrap_or_default();
        let (unit, count) = match self.prepare_measuring() {
            Ok(prepared) => prepared,
            Err(error) => return Ok(Err(CommandFailure::Bench(Failure::Call(error)))),
        };
        let mut has_any = false;
        if let Some(cycles) = self
            .cycles_to_prompt
            .filter(|_| FIGURE_TO_PROMPT.contains(&*filter))
        {
            has_any = true;
            let figure = Figure {
                min: cycles,
                median: cycles,
                max: cycles,
            };
            self.print(&write_figure(FIGURE_TO_PROMPT, unit, figure))?;
        }
        for number in 0..count {
            match self.measure_one(number, &filter) {
                Ok(None) => {}
                Ok(Some((name, figure))) => {
                    has_any = true;
                    self.print(&write_figure(&name, unit, figure))?;
                }
                Err(failure) => return Ok(Err(failure.into())),
            }
        }
        Ok(if has_any {
            Ok(String::new())
        } else {
            Err(CommandFailure::NoFigure(filter))
        })
    }

    fn prepare_measuring(&mut self) -> Result<(&'static str, u32), CallError> {
        let unit = self.services.bench.unit()?;
        Ok((unit.name(), self.services.bench.count()?))
    }

    fn measure_one(
        &mut self,
        number: u32,
        filter: &str,
    ) -> Result<Option<(FigureName, Figure)>, Failure<BenchError>> {
        let name = self.services.bench.name(number)?;
        if !name.contains(filter) {
            return Ok(None);
        }
        let figure = self.services.bench.measure(number)?;
        Ok(Some((name, figure)))
    }

    fn read_line(&mut self) -> Result<LineText, ConsoleFailure> {
        let prompt = match self.status {
            Status::Succeeded => PROMPT_SUCCEEDED,
            Status::Failed => PROMPT_FAILED,
        };
        retry(|| self.services.console.read_line(prompt))
    }

    fn print(&mut self, text: &str) -> Result<(), ConsoleFailure> {
        for piece in text.as_bytes().chunks(WRITE_BYTES) {
            retry(|| self.services.console.write(piece))?;
        }
        Ok(())
    }
}

/// Repeats a call to the console when the console dies under it: its successor answers.
fn retry<T>(
    mut call: impl FnMut() -> Result<T, Failure<ConsoleError>>,
) -> Result<T, ConsoleFailure> {
    let died = Failure::Call(CallError::Refused(ipc_abi::error::Error::Died));
    for _ in 1..CONSOLE_TRIES {
        match call() {
            Err(failure) if failure == died => {}
            other => return other.map_err(ConsoleFailure::from),
        }
    }
    call().map_err(ConsoleFailure::from)
}

fn write_figure(name: &str, unit: &str, figure: Figure) -> String {
    let Figure { min, median, max } = figure;
    format!("bench {name} {unit} {min} {median} {max}\n")
}

fn write_help(topic: Option<&'static Description>) -> String {
    let mut table = Table::new(&[("COMMAND", Align::Left), ("WHAT IT DOES", Align::Left)]);
    for description in descriptions() {
        if topic.is_none_or(|topic| topic == description) {
            let Description {
                name,
                arguments,
                summary,
                ..
            } = description;
            let usage = format!("{name} {arguments}");
            table.add_row([usage.trim_end().to_string(), (*summary).to_string()]);
        }
    }
    table.draw()
}

#[cfg(test)]
mod tests;
