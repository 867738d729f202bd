//! Debugging: the registers and the memory of a thread that one holds.
//!
//! Registers can be looked at while the thread is new, stopped, or waits for its fault handler. Memory is
//! not part of the state: only whether it can be reached is.

use ipc_abi::boot::USER_END;
use ipc_abi::capability::{Kind, Rights};
use ipc_abi::debug::{
    Register, is_breakpoint_address, is_breakpoint_control, is_watchpoint_address,
    is_watchpoint_control, thread_flag,
};
use ipc_abi::error::Error;
use ipc_abi::fault::PROGRAM_STATE;

use crate::capability::Answer;
use crate::event::Inputs;
use crate::space::LARGE_BYTES;
use crate::state::{Address, Life, Mapping, Number, State};

const PAGE_MASK: u64 = 4095;
const WORD_MASK: u64 = 7;

impl State {
    /// The register that a number names, if the thread and the processor have it.
    fn find_register(&self, target: Number, register: u64) -> Result<Register, Error> {
        let register = Register::from_raw(register).ok_or(Error::BadArgument)?;
        let is_floating = self.threads[&target].flags & thread_flag::FLOATING != 0;
        let exists = match register {
            Register::General(_)
            | Register::StackPointer
            | Register::ProgramCounter
            | Register::Flags
            | Register::ThreadPointer => true,
            Register::FloatingControl | Register::FloatingStatus | Register::VectorHalf(_) => {
                is_floating
            }
            Register::BreakpointAddress(index) | Register::BreakpointControl(index) => {
                index < self.machine.breakpoints
            }
            Register::WatchpointAddress(index) | Register::WatchpointControl(index) => {
                index < self.machine.watchpoints
            }
        };
        if exists {
            Ok(register)
        } else {
            Err(Error::BadArgument)
        }
    }

    /// Checks that nothing can change the registers of a thread but who asks.
    fn check_paused(&self, target: Number) -> Result<(), Error> {
        if self.threads[&target].life == Life::Live && !self.is_faulted(target) {
            Err(Error::NotStopped)
        } else {
            Ok(())
        }
    }

    /// Where a thread has a register that is part of the state; debug registers are apart.
    fn place_of(&mut self, target: Number, register: Register) -> Option<&mut u64> {
        let registers = &mut self.thread(target).registers;
        match register {
            Register::General(index) => registers.x.get_mut(usize::try_from(index).ok()?),
            Register::StackPointer => Some(&mut registers.sp),
            Register::ProgramCounter => Some(&mut registers.pc),
            Register::Flags => Some(&mut registers.program_state),
            Register::ThreadPointer => Some(&mut registers.pointer),
            Register::FloatingControl
            | Register::FloatingStatus
            | Register::VectorHalf(_)
            | Register::BreakpointAddress(_)
            | Register::BreakpointControl(_)
            | Register::WatchpointAddress(_)
            | Register::WatchpointControl(_) => None,
        }
    }

    /// `thread_read`. Floating-point registers are not part of the state.
    pub(crate) fn thread_read(&mut self, handle: u64, number: u64, inputs: &Inputs) -> Answer {
        let target = self.find(handle, Kind::Thread, Rights::READ)?;
        let register = self.find_register(target, number)?;
        self.check_paused(target)?;
        if register == Register::Flags {
            return Ok(self.threads[&target].registers.program_state & PROGRAM_STATE);
        }
        if is_floating(register) {
            return Ok(inputs.word);
        }
        Ok(match self.place_of(target, register) {
            Some(place) => *place,
            None => self.threads[&target]
                .debug
                .get(&number)
                .copied()
                .unwrap_or(0),
        })
    }

    /// `thread_write`.
    pub(crate) fn thread_write(&mut self, handle: u64, number: u64, value: u64) -> Answer {
        let target = self.find(handle, Kind::Thread, Rights::WRITE)?;
        let register = self.find_register(target, number)?;
        if !can_hold(register, value) {
            return Err(Error::BadArgument);
        }
        self.check_paused(target)?;
        if register == Register::Flags {
            let state = &mut self.thread(target).registers.program_state;
            *state = *state & !PROGRAM_STATE | value;
        } else if !is_floating(register) {
            match self.place_of(target, register) {
                Some(place) => *place = value,
                None if value == 0 => drop(self.thread(target).debug.remove(&number)),
                None => drop(self.thread(target).debug.insert(number, value)),
            }
        }
        Ok(0)
    }

    /// `thread_peek`: what it finds is an input.
    pub(crate) fn thread_peek(&self, handle: u64, address: Address, inputs: &Inputs) -> Answer {
        let target = self.find(handle, Kind::Thread, Rights::READ)?;
        self.find_word(target, address)?;
        Ok(inputs.word)
    }

    /// `thread_poke`.
    pub(crate) fn thread_poke(&self, handle: u64, address: Address) -> Answer {
        let target = self.find(handle, Kind::Thread, Rights::WRITE)?;
        if self.find_word(target, address)?.may_write {
            Ok(0)
        } else {
            Err(Error::AccessDenied)
        }
    }

    /// What maps the word at an address of a thread's space, in memory.
    fn find_word(&self, target: Number, address: Address) -> Result<Mapping, Error> {
        if address & WORD_MASK != 0 {
            return Err(Error::Misaligned);
        }
        if address >= USER_END {
            return Err(Error::OutOfRange);
        }
        let space = self.threads[&target].space.ok_or(Error::NotMapped)?;
        let it = &self.spaces[&space];
        let first = match it.last_table(address) {
            Some(_) => address & !PAGE_MASK,
            None => address & !(LARGE_BYTES - 1),
        };
        let mapping = *it.mappings.get(&first).ok_or(Error::NotMapped)?;
        if self.frames[&mapping.frame].is_device {
            return Err(Error::AccessDenied);
        }
        Ok(mapping)
    }
}

/// Whether a register is one of floating point.
const fn is_floating(register: Register) -> bool {
    matches!(
        register,
        Register::FloatingControl | Register::FloatingStatus | Register::VectorHalf(_)
    )
}

/// Whether a register can have a value.
const fn can_hold(register: Register, value: u64) -> bool {
    match register {
        Register::General(_)
        | Register::StackPointer
        | Register::ProgramCounter
        | Register::ThreadPointer
        | Register::VectorHalf(_) => true,
        Register::Flags => value & !PROGRAM_STATE == 0,
        Register::FloatingControl | Register::FloatingStatus => value >> 32 == 0,
        Register::BreakpointAddress(_) => is_breakpoint_address(value),
        Register::BreakpointControl(_) => is_breakpoint_control(value),
        Register::WatchpointAddress(_) => is_watchpoint_address(value),
        Register::WatchpointControl(_) => is_watchpoint_control(value),
    }
}
