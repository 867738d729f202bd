//! Who called whom: from the frame of a thread that stopped, caller by caller outwards.
//!
//! Nothing is guessed. The symbol table says where on the stack each function keeps its return
//! address; words between are not looked at, so what else is there (pointers to functions, what
//! earlier calls left) names nobody. Where a frame is not known, or what lies there is not behind a
//! call, the walk ends.

use userlib::Fault;

use crate::crash::Memory;
use crate::symbol::{Symbols, branch_target, is_call};

/// A call on the way from the start of a thread to where it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Where the call instruction is.
    pub address: u64,
    /// The function that it calls, if that is another one than the one that came to be executed: it
    /// left no frame, since the call of the other was the last that it did. An instruction that calls a
    /// pointer does not tell.
    pub frameless: Option<u64>,
}

/// The calls, from the innermost one outwards.
pub struct Backtrace<'a, 'm> {
    symbols: &'m Symbols<'a>,
    memory: &'m mut dyn Memory,
    counter: u64,
    stack_pointer: u64,
}

impl<'a, 'm> Backtrace<'a, 'm> {
    /// Starts where `fault` was raised.
    pub fn new(
        fault: &Fault,
        symbols: &'m Symbols<'a>,
        memory: &'m mut dyn Memory,
    ) -> Backtrace<'a, 'm> {
        Backtrace {
            symbols,
            memory,
            counter: fault.program_counter,
            stack_pointer: fault.stack_pointer,
        }
    }

    fn read(&mut self, address: u64) -> Option<u64> {
        let mut word = [0; 8];
        let is_read = self.memory.read(address, &mut word);
        is_read.then(|| u64::from_le_bytes(word))
    }
}

impl Iterator for Backtrace<'_, '_> {
    type Item = Call;

    fn next(&mut self) -> Option<Call> {
        let frame = self.symbols.frame(self.counter)?;
        let place = self.stack_pointer.checked_add(frame.return_offset)?;
        let address = self.read(place)?.checked_sub(4)?;
        let instruction = self.symbols.instruction(address)?;
        if address % 4 != 0 || !is_call(instruction) {
            return None;
        }
        let start = self.symbols.function_start(self.counter);
        let frameless = branch_target(address, instruction).filter(|target| start != Some(*target));
        self.counter = address;
        self.stack_pointer = self.stack_pointer.checked_add(frame.bytes)?;
        Some(Call { address, frameless })
    }
}
