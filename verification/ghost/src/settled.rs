//! Memory as the slow path would have left it: [`Settled`].
//!
//! The fast path does not write what is dead while user code runs (`microkernel/README.md`, "Dead
//! fields"). Who looks at memory from outside has to know it in another way.

use pecan_aarch64::crossing::{Moment, Registers};
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{Frame, LIGHT, Number, core_state, special, thread};

use crate::ghost::Seen;

/// The word of a core in which the current thread stands.
const CURRENT: usize = core_state::CURRENT.word();

const PC: usize = thread::PC.word();
const SP: usize = thread::SP.word();
const POINTER: usize = thread::POINTER.word();
const PSTATE: usize = thread::PSTATE.word();
const X: usize = thread::X.word();
/// The first register that a light frame keeps.
const FIRST_KEPT: usize = 19;

/// A word of a thread that is in `registers`.
fn register(registers: &Registers, word: usize) -> Option<u64> {
    match word {
        PC => Some(registers.counter),
        SP => Some(registers.stack),
        POINTER => Some(registers.pointer),
        _ => registers.x.get(word.checked_sub(X)?).copied(),
    }
}

/// Kernel memory as the kernel left it, to look at and not to change.
#[derive(Clone, Copy, Debug)]
pub struct Settled<'a, M> {
    memory: M,
    /// Who runs; 0 if nobody does, `None` in the midst of a call, while memory knows.
    current: Option<u64>,
    registers: &'a Registers,
    /// Who waits while the core sleeps inside its call, of which not everything is saved.
    light: Option<&'a Registers>,
}

impl<'a, M: Memory> Settled<'a, M> {
    /// Looks at memory as it is left.
    pub fn new(memory: M, seen: &'a Seen<'_>, light: Option<&'a Registers>) -> Settled<'a, M> {
        let registers = &seen.exit.registers;
        let is_foreign = light.is_some_and(|it| {
            let special = memory.get(Number::from_raw(it.thread), thread::SPECIAL);
            special & special::FOREIGN != 0
        });
        let current = match seen.moment {
            Moment::Exit => Some(registers.thread),
            Moment::Sleep => Some(0),
            Moment::End => None,
        };
        Settled {
            memory,
            current,
            registers,
            light: light.filter(|_| seen.moment == Moment::Sleep && !is_foreign),
        }
    }

    /// A word of the current thread that is in a register.
    fn register(&self, word: usize) -> Option<u64> {
        match word {
            PSTATE => Some(self.registers.state),
            _ => register(self.registers, word),
        }
    }

    /// A word of the thread in whose call the core sleeps.
    fn light_word(&self, number: u64, word: usize) -> Option<u64> {
        let registers = self.light.filter(|it| it.thread == number)?;
        match word {
            PSTATE => Some(LIGHT),
            _ if word.checked_sub(X).is_some_and(|index| index < FIRST_KEPT) => None,
            _ => register(registers, word),
        }
    }
}

impl<M: Memory> Memory for Settled<'_, M> {
    #[inline]
    fn load(&self, number: u64, word: usize) -> u64 {
        let known = match self.current {
            Some(current) if number == current => self.register(word),
            Some(current) if word == CURRENT && number == self.memory.core() => Some(current),
            Some(_) => self.light_word(number, word),
            None => None,
        };
        known.unwrap_or_else(|| self.memory.load(number, word))
    }

    fn store(&self, _number: u64, _word: usize, _value: u64) {}

    #[inline]
    fn kind(&self, frame: Frame) -> u8 {
        self.memory.kind(frame)
    }

    fn set_kind(&self, _frame: Frame, _kind: u8) {}

    #[inline]
    fn entry_load(&self, frame: Frame, word: usize) -> u64 {
        self.memory.entry_load(frame, word)
    }

    fn entry_store(&self, _frame: Frame, _word: usize, _value: u64) {}

    fn zero(&self, _frame: Frame) {}

    fn copy_message(&self, _from: Frame, _to: Frame, _length: u64) {}

    #[inline]
    fn core(&self) -> u64 {
        self.memory.core()
    }

    fn now(&self) -> u64 {
        self.memory.now()
    }

    fn load_user(&self, frame: Frame, word: u64) -> u64 {
        self.memory.load_user(frame, word)
    }

    fn store_user(&self, _frame: Frame, _word: u64, _value: u64) {}

    fn interrupt_pending(&self) -> bool {
        false
    }
}
