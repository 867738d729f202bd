//! Crash reports: one line that says who died, of what, and in which function.

use alloc::string::String;
use core::fmt::{self, Display};

use ipc_abi::fault::FaultCause;
use ipc_abi::service::supervisor::Line;
use ipc_abi::symbol::is_library;
use userlib::Fault;

use crate::backtrace::{Backtrace, Call};
use crate::layout::ThreadPlace;
use crate::log::line;
use crate::symbol::Symbols;

/// The immediate of the `brk` that is a panic of `userlib`.
const PANIC: u64 = 1;
/// The most bytes of a panic's text that are told.
const TEXT_BYTES: usize = 320;
/// How many calls outwards the function that panicked is looked for.
const CALLS_MAX: usize = 64;

/// A look into the memory of the process that crashed: fills the buffer from the address on, or
/// tells that it cannot.
pub trait Memory {
    /// Copies memory from `address` on into `buffer`; whether all of it could be read.
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> bool;
}

/// A thread of a process.
#[derive(Clone, Copy, Debug)]
pub struct Culprit<'a> {
    /// The name of the process.
    pub process: &'a str,
    /// The number of the thread: 0 is the first.
    pub thread: u8,
    /// Where it has its stack.
    pub place: ThreadPlace,
}

impl Display for Culprit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.thread {
            0 => f.write_str(self.process),
            thread => write!(f, "{} (thread {thread})", self.process),
        }
    }
}

/// Writes the report about `name`.
#[must_use]
pub fn report(
    fault: &Fault,
    name: Culprit<'_>,
    symbols: &Symbols<'_>,
    memory: &mut dyn Memory,
) -> Line {
    let counter = fault.program_counter;
    if !is_panic(fault) {
        let place = Place {
            function: symbols.find(counter),
            counter,
        };
        if is_overflow(fault, name.place) {
            let address = fault.address;
            let what = format_args!("its stack overflowed at {address:#x}");
            return line(format_args!("{name} crashed: {what} ({place})"));
        }
        return line(format_args!("{name} crashed: {} ({place})", What(fault)));
    }
    let text = panic_text(fault, memory);
    match panicking_function(fault, symbols, memory) {
        Some(function) => line(format_args!("{name} crashed: {text} (in {function})")),
        None => line(format_args!("{name} crashed: {text}")),
    }
}

fn is_overflow(fault: &Fault, place: ThreadPlace) -> bool {
    fault.cause == Some(FaultCause::DataAbort) && place.is_overflow(fault.address)
}

fn is_panic(fault: &Fault) -> bool {
    fault.cause == Some(FaultCause::Breakpoint) && fault.syndrome & 0xFFFF == PANIC
}

fn panic_text(fault: &Fault, memory: &mut dyn Memory) -> String {
    let [address, length] = fault.registers;
    let mut buffer = [0; TEXT_BYTES];
    let length = usize::try_from(length)
        .unwrap_or(TEXT_BYTES)
        .min(TEXT_BYTES);
    let (text, _) = buffer.split_at_mut(length);
    if memory.read(address, text) {
        String::from(String::from_utf8_lossy(text).trim_end())
    } else {
        alloc::format!("panicked, with a text at {address:#x} that cannot be read")
    }
}

/// The innermost function on the way to the panic that is the program's own. What a library did, its
/// caller asked for.
fn panicking_function<'a>(
    fault: &Fault,
    symbols: &Symbols<'a>,
    memory: &mut dyn Memory,
) -> Option<&'a str> {
    let own = |address| symbols.find(address).filter(|name| !is_library(name));
    let own_call = |call: Call| call.frameless.and_then(own).or_else(|| own(call.address));
    own(fault.program_counter).or_else(|| {
        Backtrace::new(fault, symbols, memory)
            .take(CALLS_MAX)
            .find_map(own_call)
    })
}

/// Where a fault happened.
struct Place<'a> {
    function: Option<&'a str>,
    counter: u64,
}

impl Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.function {
            Some(function) => write!(f, "in {function}, at {:#x}", self.counter),
            None => write!(f, "at {:#x}, in no function", self.counter),
        }
    }
}

/// What happened.
struct What<'a>(&'a Fault);

impl Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault {
            address, syndrome, ..
        } = *self.0;
        match self.0.cause {
            // ISS.WnR, Arm ARM D24.2.40.
            Some(FaultCause::DataAbort) if syndrome & (1 << 6) != 0 => {
                write!(f, "cannot write at {address:#x}")
            }
            Some(FaultCause::DataAbort) => write!(f, "cannot read at {address:#x}"),
            Some(FaultCause::InstructionAbort) => write!(f, "cannot execute at {address:#x}"),
            Some(FaultCause::UndefinedInstruction) => f.write_str("undefined instruction"),
            Some(FaultCause::Alignment) => write!(f, "misaligned access at {address:#x}"),
            Some(FaultCause::Breakpoint) => write!(f, "breakpoint {}", syndrome & 0xFFFF),
            Some(FaultCause::UnknownSystemCall) => {
                write!(f, "unknown system call {}", syndrome & 0xFFFF)
            }
            Some(FaultCause::HardwareBreakpoint) => f.write_str("hardware breakpoint"),
            Some(FaultCause::Watchpoint) => write!(f, "watchpoint at {address:#x}"),
            Some(FaultCause::SingleStep) => f.write_str("single step"),
            Some(FaultCause::ForeignCall) => write!(f, "foreign call {}", syndrome & 0xFFFF),
            Some(FaultCause::SystemError) => write!(f, "error of the machine {syndrome:#x}"),
            Some(FaultCause::FloatingPoint) => f.write_str("floating-point exception"),
            Some(FaultCause::Other) | None => write!(f, "exception with syndrome {syndrome:#x}"),
        }
    }
}

#[cfg(test)]
#[path = "crash_test.rs"]
mod tests;
