//! One step of a scripted thread: what is in its registers, and what it does then.
//!
//! The layout is shared with `agent.s`. A step that is done holds what was in the registers after
//! it; [`Step::check`] compares that with what was sent, by the convention of the call.

use alloc::format;
use alloc::string::String;

use ipc_abi::call::{SystemCall, Window};
use ipc_abi::error::Error;
use ipc_abi::tag::{MessageKind, Tag};

/// Words of a step: 64-byte aligned, so that `sp` is aligned too.
pub(crate) const STEP_WORDS: usize = 40;
/// Bytes of a step.
pub(crate) const STEP_BYTES: usize = STEP_WORDS * 8;

/// Where things are in a step, by word; words 0 to 30 are `x0` to `x30`.
pub(crate) mod word {
    /// What it does.
    pub(crate) const ACTION: usize = 31;
    /// The condition flags afterwards.
    pub(crate) const FLAGS: usize = 32;
    /// `TPIDR_EL0`.
    pub(crate) const POINTER: usize = 33;
    /// [`super::status`].
    pub(crate) const STATUS: usize = 34;
    /// Scratch.
    pub(crate) const TARGET: usize = 35;
    /// The stack to return to; 0 if the next step follows.
    pub(crate) const CALLER_STACK: usize = 36;
    /// In the first step: what was in the registers when the thread started, all of them together.
    pub(crate) const FOUND: usize = 37;
}

/// Values of the word `STATUS`; 0 if the step has not begun.
pub(crate) mod status {
    /// Begun.
    pub(crate) const RUNNING: u64 = 1;
    /// Done: the registers are those after it.
    pub(crate) const DONE: u64 = 2;
}

/// The register of a deadline; patterns are none.
const DEADLINE: usize = 20;

/// Ends a script.
pub(crate) const END: u64 = 0xFFF;

/// What a step does besides system calls; numbers follow those of the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The system call after the last one.
    UnknownCall,
    /// `svc #0xFFFF`.
    LastCall,
    /// Loads `x1` from the address `x0`.
    Load,
    /// Stores `x1` at the address `x0`.
    Store,
    /// Jumps to the address `x0`.
    Jump,
    /// Calls the code at `x0`.
    Run,
    /// Uses a floating-point register.
    Float,
    /// Uses a vector register.
    Vector,
    /// An undefined instruction.
    Undefined,
    /// `brk #1`.
    Break,
    /// Loads exclusively from the address `x0`, which must be aligned.
    LoadExclusive,
    /// Loads from the stack pointer `x0`, which must be aligned; there is no next step.
    StackPointer,
    /// Counts in `x1` until the word at `x0` is not zero.
    Spin,
    /// `hlt #0`.
    Halt,
    /// `hvc #0`.
    Supervise,
    /// `smc #0`.
    Monitor,
    /// `eret`.
    Return,
    /// `wfi`.
    WaitForInterrupt,
}

/// The registers of one thread, and what it does with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Step {
    /// As [`word`] says.
    pub words: [u64; STEP_WORDS],
}

/// A message as a system call takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// `x0` to `x15`.
    pub words: [u64; 16],
    /// The tag.
    pub tag: Tag,
    /// The handle.
    pub handle: u64,
    /// The window.
    pub window: Window,
}

/// A message as a system call gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// `x0` to `x15`.
    pub words: [u64; 16],
    /// The tag.
    pub tag: Tag,
    /// The badge.
    pub badge: u64,
}

/// A word that nobody else writes: different for each register of each step.
#[must_use]
pub const fn pattern(seed: u64, register: u64) -> u64 {
    let mixed = seed
        .wrapping_add(register)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29) | 1 << 63
}

impl Message {
    /// A message to `handle` whose words are a pattern.
    #[must_use]
    pub const fn to(handle: u64, seed: u64) -> Message {
        let mut words = [0; 16];
        let mut index = 0;
        while index < words.len() {
            words[index] = pattern(seed, index as u64);
            index += 1;
        }
        Message {
            words,
            tag: Tag::new(1, 128),
            handle,
            window: Window::NONE,
        }
    }

    /// The same with another tag.
    #[must_use]
    pub const fn tagged(self, tag: Tag) -> Message {
        Message { tag, ..self }
    }

    /// The same with a window.
    #[must_use]
    pub const fn with_window(self, window: Window) -> Message {
        Message { window, ..self }
    }

    /// The same with another word.
    #[must_use]
    pub const fn with_word(mut self, index: usize, value: u64) -> Message {
        self.words[index] = value;
        self
    }

    /// The same carrying capabilities.
    #[must_use]
    pub fn with_capabilities(mut self, handles: &[u64]) -> Message {
        for (word, handle) in self.words[12..].iter_mut().zip(handles) {
            *word = *handle;
        }
        self.tag = self.tag.with_capabilities(handles.len() as u64);
        self
    }
}

impl Received {
    /// The error, if it is a refusal.
    #[must_use]
    pub const fn refusal(&self) -> Option<Error> {
        self.tag.error()
    }
}

impl Step {
    /// No step: ends a script.
    pub const END: Step = {
        let mut words = [0; STEP_WORDS];
        words[word::ACTION] = END;
        Step { words }
    };

    const fn filled(action: u64, seed: u64) -> Step {
        let mut words = [0; STEP_WORDS];
        let mut index = 0;
        while index < 31 {
            words[index] = pattern(seed, index as u64);
            index += 1;
        }
        words[word::ACTION] = action;
        words[word::POINTER] = pattern(seed, 33) & !7;
        Step { words }
    }

    /// A function call; the registers that are no argument hold a pattern.
    #[must_use]
    pub fn function(call: SystemCall, arguments: &[u64], seed: u64) -> Step {
        let mut step = Step::filled(call as u64, seed);
        for (word, argument) in step.words.iter_mut().zip(arguments) {
            *word = *argument;
        }
        step
    }

    /// A message call.
    #[must_use]
    pub fn message(call: SystemCall, message: &Message, seed: u64) -> Step {
        let mut step = Step::filled(call as u64, seed);
        step.words[..16].copy_from_slice(&message.words);
        step.words[16] = message.tag.into_raw();
        step.words[17] = message.handle;
        step.words[18] = message.window.into_raw();
        step
    }

    /// Something else, with `x0` and `x1`.
    #[must_use]
    pub const fn action(action: Action, x0: u64, x1: u64, seed: u64) -> Step {
        let number = SystemCall::ALL.len() as u64 + action as u64;
        let mut step = Step::filled(number, seed);
        step.words[0] = x0;
        step.words[1] = x1;
        step
    }

    /// The system call that it makes; `None` if it is something else.
    #[must_use]
    pub fn call(&self) -> Option<SystemCall> {
        let number = usize::try_from(self.words[word::ACTION]).ok()?;
        SystemCall::ALL.get(number).copied()
    }

    /// The same with a deadline.
    #[must_use]
    pub const fn until(mut self, deadline: u64) -> Step {
        self.words[DEADLINE] = deadline;
        self
    }

    /// The same with another thread pointer.
    #[must_use]
    pub const fn with_pointer(mut self, pointer: u64) -> Step {
        self.words[word::POINTER] = pointer;
        self
    }

    /// The thread pointer.
    #[must_use]
    pub const fn pointer(&self) -> u64 {
        self.words[word::POINTER]
    }

    /// The condition flags after it.
    #[must_use]
    pub const fn flags(&self) -> u64 {
        self.words[word::FLAGS]
    }

    /// Whether it is done.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.words[word::STATUS] == status::DONE
    }

    /// What a function call answered.
    ///
    /// # Errors
    ///
    /// What the kernel refused with.
    pub fn answer(&self) -> Result<u64, Error> {
        match Error::from_raw(self.words[0]) {
            None => Ok(self.words[1]),
            Some(error) => Err(error),
        }
    }

    /// What a message call brought.
    #[must_use]
    pub fn received(&self) -> Received {
        let mut words = [0; 16];
        words.copy_from_slice(&self.words[..16]);
        Received {
            words,
            tag: Tag::from_raw(self.words[16]),
            badge: self.words[17],
        }
    }

    /// Compares the registers after the call with those before it, by the convention of the call.
    ///
    /// # Errors
    ///
    /// Which register is not what it must be.
    pub fn check(&self, sent: &Step) -> Result<(), String> {
        same("thread_start", word::FOUND, self.words[word::FOUND], 0)?;
        let Some(call) = sent.call() else {
            return Ok(());
        };
        let name = call.name();
        for register in (19..31).chain([word::POINTER]) {
            same(name, register, self.words[register], sent.words[register])?;
        }
        same(name, word::FLAGS, self.words[word::FLAGS], 0)?;
        same(name, 18, self.words[18], 0)?;
        if call.is_message() {
            self.check_message(call, sent)
        } else {
            self.check_function(call)
        }
    }

    fn check_message(&self, call: SystemCall, sent: &Step) -> Result<(), String> {
        let name = call.name();
        let tag = Tag::from_raw(self.words[16]);
        let Some(kind) = tag.kind() else {
            return Err(format!("{name}: tag {:#x} has no kind", self.words[16]));
        };
        if kind != MessageKind::Refusal {
            return Ok(());
        }
        let Some(error) = tag.error() else {
            return Err(format!("{name}: tag {:#x} has no error", self.words[16]));
        };
        known(call, error)?;
        self.check_words(name, sent)?;
        same(name, 16, self.words[16], Tag::refusal(error).into_raw())?;
        // With `Died` comes the incarnation of who died, a number of 32 bits.
        let known = if error == Error::Died {
            u64::from(u32::MAX)
        } else {
            0
        };
        same(name, 17, self.words[17] & !known, 0)
    }

    /// A refused message call keeps the words that were sent; one that waited has none.
    fn check_words(&self, name: &str, sent: &Step) -> Result<(), String> {
        if self.words[..16] == [0; 16] {
            return Ok(());
        }
        for register in 0..16 {
            same(name, register, self.words[register], sent.words[register])?;
        }
        Ok(())
    }

    fn check_function(&self, call: SystemCall) -> Result<(), String> {
        let name = call.name();
        for register in 2..18 {
            same(name, register, self.words[register], 0)?;
        }
        if self.words[0] == 0 {
            return Ok(());
        }
        let Some(error) = Error::from_raw(self.words[0]) else {
            return Err(format!("{name}: status {:#x} is no error", self.words[0]));
        };
        let counts_pages = (call as u64) < SystemCall::Null as u64;
        if !counts_pages {
            same(name, 1, self.words[1], 0)?;
        }
        known(call, error)
    }
}

fn known(call: SystemCall, error: Error) -> Result<(), String> {
    if call.can_return(error) {
        Ok(())
    } else {
        Err(format!(
            "{}: {} is not among its errors",
            call.name(),
            error.name()
        ))
    }
}

fn same(name: &str, register: usize, found: u64, wanted: u64) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    let register = match register {
        word::FLAGS => String::from("the flags"),
        word::POINTER => String::from("TPIDR_EL0"),
        word::FOUND => String::from("what was in x1 to x30 and TPIDR_EL0"),
        register => format!("x{register}"),
    };
    Err(format!("{name}: {register} is {found:#x}, not {wanted:#x}"))
}
