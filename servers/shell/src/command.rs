//! Commands: what a person can ask for, read from a line.
//!
//! [`COMMANDS`] lists them for `help`, in its order; [`parse_command`] reads one. An error says what
//! was wrong with which word.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::service::{self, ServiceCommand};
use crate::words::{WordError, split_words};

/// A command, ready to be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// An empty line.
    Nothing,
    /// Lists the commands, or tells about one of them.
    Help(Option<&'static Description>),
    /// Lists the processes.
    Processes,
    /// Tells where the memory is.
    Memory,
    /// Lists the capabilities of a process; of the shell itself if none is named.
    Capabilities(Option<String>),
    /// Prints words.
    Echo(Vec<String>),
    /// Measures; only figures whose name contains the text.
    Bench(Option<String>),
    /// Tells how long the machine has been running.
    Uptime,
    /// Prints the kernel information page.
    Info,
    /// Makes the shell itself crash.
    Crash(Crash),
    /// Ends a process.
    Kill(String),
    /// Asks a service, with these words.
    Service(&'static ServiceCommand, Vec<String>),
    /// Switches the machine off.
    Halt,
}

/// How the shell can crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// A Rust panic.
    Panic,
    /// Nothing is unwrapped.
    Unwrap,
    /// An index out of bounds.
    Index,
    /// A slice out of bounds.
    Slice,
    /// More memory than there is.
    Memory,
    /// A load from address 0.
    Null,
    /// An undefined instruction.
    Undefined,
}

impl Crash {
    /// Every way to crash, by name.
    pub const ALL: &'static [(&'static str, Crash)] = &[
        ("panic", Crash::Panic),
        ("unwrap", Crash::Unwrap),
        ("index", Crash::Index),
        ("slice", Crash::Slice),
        ("memory", Crash::Memory),
        ("null", Crash::Null),
        ("undefined", Crash::Undefined),
    ];
}

/// What `help` says about a command.
#[derive(Debug, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub name: &'static str,
    /// Its arguments, as they are written in manuals.
    pub arguments: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// The most arguments it takes.
    arguments_max: usize,
}

/// Describes a command.
pub(crate) const fn describe(
    name: &'static str,
    arguments: &'static str,
    arguments_max: usize,
    summary: &'static str,
) -> Description {
    Description {
        name,
        arguments,
        summary,
        arguments_max,
    }
}

/// All commands but those of services.
pub const COMMANDS: &[Description] = &[
    describe(
        "help",
        "[command]",
        1,
        "lists the commands, or tells about one",
    ),
    describe("ps", "", 0, "lists the processes"),
    describe("mem", "", 0, "tells where the memory is"),
    describe(
        "caps",
        "[process]",
        1,
        "lists the capabilities of a process (default: this shell)",
    ),
    describe("echo", "[word ...]", usize::MAX, "prints its words"),
    describe(
        "bench",
        "[filter]",
        1,
        "measures; only figures whose name contains the filter",
    ),
    describe(
        "uptime",
        "",
        0,
        "tells how long the kernel has been running",
    ),
    describe("info", "", 0, "prints the kernel information page"),
    describe(
        "crash",
        "[panic|unwrap|index|slice|memory|null|undefined]",
        1,
        "makes this shell crash (default: panic)",
    ),
    describe(
        "kill",
        "process",
        1,
        "ends a process; its policy says whether it is started again",
    ),
    describe("halt", "", 0, "switches the machine off"),
];

/// The descriptions of all commands, in the order of `help`.
pub fn descriptions() -> impl Iterator<Item = &'static Description> {
    let services = service::COMMANDS.iter().map(|it| &it.description);
    COMMANDS.iter().chain(services)
}

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// The line cannot be cut into words. Mend it as the error says.
    Words(WordError),
    /// There is no command of this name; perhaps a process is one. Look at `help`.
    Unknown {
        /// The name.
        name: String,
        /// The words behind it.
        words: Vec<String>,
    },
    /// The command takes fewer words. Leave out this one and what follows.
    TooMany {
        /// The command.
        command: &'static Description,
        /// The first word too many.
        word: String,
    },
    /// The command needs a word more. Add it.
    Missing(&'static Description),
    /// `help` about something that is no command. Look at `help`.
    NoTopic(String),
    /// `crash` in a way that it does not know. Choose one of [`Crash::ALL`].
    NoCrash(String),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::Words(error) => error.fmt(f),
            CommandError::Unknown { name, .. } => {
                write!(f, "unknown command '{name}': 'help' lists the commands")
            }
            CommandError::TooMany { command, word } => {
                let name = command.name;
                write!(f, "{name}: unexpected argument '{word}': ")?;
                write_usage(command, f)
            }
            CommandError::Missing(command) => {
                write!(f, "{}: an argument is missing: ", command.name)?;
                write_usage(command, f)
            }
            CommandError::NoTopic(name) => {
                write!(
                    f,
                    "help: unknown command '{name}': 'help' lists the commands"
                )
            }
            CommandError::NoCrash(name) => {
                write!(f, "crash: unknown way to crash '{name}': one of")?;
                for (index, (known, _)) in Crash::ALL.iter().enumerate() {
                    write!(f, "{} {known}", if index == 0 { "" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

fn write_usage(command: &Description, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Description {
        name, arguments, ..
    } = command;
    write!(f, "usage: {name}")?;
    if arguments.is_empty() {
        Ok(())
    } else {
        write!(f, " {arguments}")
    }
}

/// Reads a line.
///
/// # Errors
///
/// Says which word is wrong and why.
pub fn parse_command(line: &str) -> Result<Command, CommandError> {
    let mut words = split_words(line).map_err(CommandError::Words)?.into_iter();
    let Some(name) = words.next() else {
        return Ok(Command::Nothing);
    };
    let Some(description) = find_description(&name) else {
        let words = words.collect();
        return Err(CommandError::Unknown { name, words });
    };
    if let Some(word) = words.clone().nth(description.arguments_max) {
        return Err(CommandError::TooMany {
            command: description,
            word,
        });
    }
    if let Some(command) = service::find(description) {
        return Ok(Command::Service(command, words.collect()));
    }
    let first = words.clone().next();
    Ok(match description.name {
        "help" => Command::Help(first.map(find_topic).transpose()?),
        "ps" => Command::Processes,
        "mem" => Command::Memory,
        "caps" => Command::Capabilities(first),
        "echo" => Command::Echo(words.collect()),
        "bench" => Command::Bench(first),
        "uptime" => Command::Uptime,
        "info" => Command::Info,
        "crash" => Command::Crash(first.map_or(Ok(Crash::Panic), find_crash)?),
        "kill" => Command::Kill(first.ok_or(CommandError::Missing(description))?),
        "halt" => Command::Halt,
        _ => {
            let words = words.collect();
            return Err(CommandError::Unknown { name, words });
        }
    })
}

fn find_description(name: &str) -> Option<&'static Description> {
    descriptions().find(|description| description.name == name)
}

fn find_topic(name: String) -> Result<&'static Description, CommandError> {
    find_description(&name).ok_or(CommandError::NoTopic(name))
}

fn find_crash(name: String) -> Result<Crash, CommandError> {
    let known = Crash::ALL.iter().find(|(known, _)| *known == name);
    known
        .map(|(_, crash)| *crash)
        .ok_or(CommandError::NoCrash(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn refusal(line: &str) -> String {
        parse_command(line)
            .expect_err("the line is refused")
            .to_string()
    }

    #[test]
    fn every_listed_command_is_understood() {
        for description in descriptions() {
            // What is not in brackets must be there.
            let line = match description.arguments {
                "" => description.name.to_string(),
                arguments if arguments.starts_with('[') => description.name.to_string(),
                arguments => alloc::format!("{} {arguments}", description.name),
            };
            let command = parse_command(&line);
            assert!(command.is_ok(), "{line:?}: {command:?}");
            let help = parse_command(&alloc::format!("help {}", description.name));
            assert_eq!(help, Ok(Command::Help(Some(description))));
        }
    }

    #[test]
    fn arguments_are_read() {
        assert_eq!(parse_command("  "), Ok(Command::Nothing));
        assert_eq!(
            parse_command("caps bench"),
            Ok(Command::Capabilities(Some("bench".into())))
        );
        assert_eq!(parse_command("caps"), Ok(Command::Capabilities(None)));
        let words = ["a b".into(), "c".into()].into();
        assert_eq!(parse_command("echo 'a b' c"), Ok(Command::Echo(words)));
        assert_eq!(
            parse_command("bench ipc/"),
            Ok(Command::Bench(Some("ipc/".into())))
        );
        assert_eq!(parse_command("crash"), Ok(Command::Crash(Crash::Panic)));
        assert_eq!(parse_command("crash null"), Ok(Command::Crash(Crash::Null)));
        assert_eq!(
            parse_command("crash undefined"),
            Ok(Command::Crash(Crash::Undefined))
        );
    }

    #[test]
    fn what_is_wrong_is_said_exactly() {
        assert_eq!(
            refusal("foo bar"),
            "unknown command 'foo': 'help' lists the commands"
        );
        assert_eq!(
            refusal("PS"),
            "unknown command 'PS': 'help' lists the commands"
        );
        assert_eq!(
            refusal("''"),
            "unknown command '': 'help' lists the commands"
        );
        assert_eq!(
            refusal("ps now"),
            "ps: unexpected argument 'now': usage: ps"
        );
        assert_eq!(
            refusal("caps a b"),
            "caps: unexpected argument 'b': usage: caps [process]"
        );
        assert_eq!(
            refusal("help foo"),
            "help: unknown command 'foo': 'help' lists the commands"
        );
        assert_eq!(
            refusal("crash burn"),
            "crash: unknown way to crash 'burn': one of panic, unwrap, index, slice, memory, null, undefined"
        );
        assert_eq!(
            refusal("kill"),
            "kill: an argument is missing: usage: kill process"
        );
        assert_eq!(refusal("echo 'a"), "the quote ' is not closed");
    }
}
