//! One core's view of the kernel, and what it leaves for `aarch64` to do.
//!
//! Every system call is a method of [`Kernel`], grouped by subject in the modules beside this one.
//! A method checks everything before its first store, takes a bounded number of steps, and leaves
//! what only the machine can do as [`Effect`]s in the core's own object, in the order in which they
//! are to be performed before the next user instruction.

use ipc_abi::error::Error;

use crate::memory::{Fields, Memory};
use crate::object::{Core, Frame, Machine, Number, Thread, core_state, machine, pending};

/// One core's view. Copied freely: it holds no state of its own.
#[derive(Clone, Copy)]
pub struct Kernel<M> {
    /// Memory, as this core sees it.
    pub memory: M,
}

/// What a function call answers.
pub type Answer = Result<u64, Error>;

/// The same as it stands in `x0` (0, or the error) and `x1` (the value): one number for the compiler,
/// so that a function which hands it on is left by a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Outcome(u128);

impl Outcome {
    /// Success, with nothing to tell.
    pub const DONE: Outcome = Outcome::new(0, 0);

    /// What `x0` and `x1` become.
    #[must_use]
    #[inline(always)]
    pub const fn new(first: u64, second: u64) -> Outcome {
        Outcome(first as u128 | (second as u128) << 64)
    }

    /// What `x0` and `x1` become, apart.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    pub const fn registers(self) -> [u64; 2] {
        [self.0 as u64, (self.0 >> 64) as u64]
    }

    /// A refusal.
    #[must_use]
    #[inline(always)]
    pub const fn refused(error: Error) -> Outcome {
        Outcome::new(error.into_raw(), 0)
    }
}

impl From<Answer> for Outcome {
    #[inline]
    fn from(answer: Answer) -> Outcome {
        match answer {
            Ok(value) => Outcome::new(0, value),
            Err(error) => Outcome::refused(error),
        }
    }
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Answer {
        let [status, value] = outcome.registers();
        Error::from_raw(status).map_or(Ok(value), Err)
    }
}

/// Something that only the machine can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Forget translations of one page: `dsb ishst`, `tlbi vale1is`, `dsb ish`, `isb`.
    InvalidatePage {
        /// The ASID.
        asid: u64,
        /// The page's address.
        address: u64,
    },
    /// Forget all translations of an ASID.
    InvalidateSpace {
        /// The ASID.
        asid: u64,
    },
    /// Zero a frame.
    ZeroFrame {
        /// The frame.
        frame: Frame,
    },
    /// Make the instruction cache coherent with a frame's content.
    SynchronizeCode {
        /// The frame.
        frame: Frame,
    },
    /// Write what caches hold of some bytes back to memory, for devices to read.
    Clean {
        /// Physical address of the first.
        address: u64,
        /// How many.
        bytes: u64,
    },
    /// The same, and let caches forget them, so that what devices wrote is read.
    CleanInvalidate {
        /// Physical address of the first.
        address: u64,
        /// How many.
        bytes: u64,
    },
    /// Stop an interrupt line from being delivered.
    MaskLine {
        /// The line.
        line: u64,
    },
    /// Let an interrupt line be delivered.
    UnmaskLine {
        /// The line.
        line: u64,
    },
    /// Let an interrupt line that came, and was delivered, come again.
    EndLine {
        /// The line.
        line: u64,
    },
    /// Set the timer.
    SetTimer {
        /// When it fires, in ticks.
        when: u64,
    },
    /// Switch the machine off.
    PowerOff,
    /// Restart the machine.
    Reset,
}

impl Effect {
    /// The four words under which an effect is stored.
    #[must_use]
    #[inline(always)]
    pub const fn into_words(self) -> [u64; 4] {
        match self {
            Effect::InvalidatePage { asid, address } => [1, asid, address, 0],
            Effect::InvalidateSpace { asid } => [2, asid, 0, 0],
            Effect::ZeroFrame { frame } => [3, frame.0, 0, 0],
            Effect::SynchronizeCode { frame } => [4, frame.0, 0, 0],
            Effect::MaskLine { line } => [5, line, 0, 0],
            Effect::UnmaskLine { line } => [6, line, 0, 0],
            Effect::SetTimer { when } => [7, when, 0, 0],
            Effect::EndLine { line } => [10, line, 0, 0],
            Effect::PowerOff => [8, 0, 0, 0],
            Effect::Reset => [9, 0, 0, 0],
            Effect::Clean { address, bytes } => [15, address, bytes, 0],
            Effect::CleanInvalidate { address, bytes } => [16, address, bytes, 0],
        }
    }

    /// Reads an effect back; `None` if the words are no effect.
    #[must_use]
    pub const fn from_words(words: [u64; 4]) -> Option<Effect> {
        let [code, a, b, _] = words;
        Some(match code {
            1 => Effect::InvalidatePage {
                asid: a,
                address: b,
            },
            2 => Effect::InvalidateSpace { asid: a },
            3 => Effect::ZeroFrame { frame: Frame(a) },
            4 => Effect::SynchronizeCode { frame: Frame(a) },
            5 => Effect::MaskLine { line: a },
            6 => Effect::UnmaskLine { line: a },
            7 => Effect::SetTimer { when: a },
            10 => Effect::EndLine { line: a },
            8 => Effect::PowerOff,
            9 => Effect::Reset,
            15 => Effect::Clean {
                address: a,
                bytes: b,
            },
            16 => Effect::CleanInvalidate {
                address: a,
                bytes: b,
            },
            _ => return None,
        })
    }
}

impl<M: Memory + Copy> Kernel<M> {
    /// This core's object.
    #[must_use]
    #[inline(always)]
    pub fn core(&self) -> Number<Core> {
        Number::from_plain(self.memory.core())
    }

    /// Success of a function out of line, which its callers hand on.
    #[inline(always)]
    pub(crate) fn done(&self) -> Outcome {
        Outcome::new(self.memory.hide(0), self.memory.hide(0))
    }

    /// The thread that made the system call.
    #[must_use]
    #[inline(always)]
    pub fn current(&self) -> Number<Thread> {
        self.memory.link(self.core(), core_state::CURRENT)
    }

    /// What the whole machine shares.
    #[must_use]
    #[inline(always)]
    pub fn machine(&self) -> Number<Machine> {
        self.memory.link(self.core(), core_state::MACHINE)
    }

    /// Takes an identity that no object has or had.
    pub fn new_id(&self) -> u64 {
        let machine = self.machine();
        let id = self.memory.get(machine, machine::NEXT_ID);
        self.memory
            .set(machine, machine::NEXT_ID, id.wrapping_add(1));
        id
    }

    /// Leaves `effect` to be performed on the way out. A call leaves at most
    /// [`core_state::EFFECTS_MAX`]; each module states its own bound.
    pub fn leave(&self, effect: Effect) {
        let count = self.memory.get(self.core(), core_state::EFFECT_COUNT);
        // The mask is for the compiler, which then knows that the fields are inside the object.
        let base = (count & (core_state::EFFECTS_MAX - 1)).wrapping_mul(4);
        let [code, a, b, _] = effect.into_words();
        let field = |index: u64| core_state::EFFECTS.at(base.wrapping_add(index));
        self.memory.set(self.core(), field(0), code);
        self.memory.set(self.core(), field(1), a);
        self.memory.set(self.core(), field(2), b);
        self.memory
            .set(self.core(), core_state::EFFECT_COUNT, count.wrapping_add(1));
        self.mark_pending();
    }

    /// The same, unless it is the last one that was left.
    pub(crate) fn leave_once(&self, effect: Effect) {
        let count = self.memory.get(self.core(), core_state::EFFECT_COUNT);
        let last = count.wrapping_sub(1) & (core_state::EFFECTS_MAX - 1);
        let [code, a, ..] = effect.into_words();
        let word = |index: u64| {
            let field = core_state::EFFECTS.at(last.wrapping_mul(4).wrapping_add(index));
            self.memory.get(self.core(), field)
        };
        if count == 0 || word(0) != code || word(1) != a {
            self.leave(effect);
        }
    }

    /// Makes the way out look for effects and objects to take apart.
    pub fn mark_pending(&self) {
        self.mark(pending::WORK);
    }

    /// Makes the way out look for what these bits of `PENDING` say.
    #[inline(always)]
    pub(crate) fn mark(&self, what: u64) {
        let pending = self.memory.get(self.core(), core_state::PENDING);
        self.memory
            .set(self.core(), core_state::PENDING, pending | what);
    }

    /// Takes the effects that were left, first to last. `quickly` performs one of a quick kind, or tells
    /// that it is none; then it goes to `slowly`, at most [`core_state::LONG_EFFECTS_MAX`] of them.
    pub fn take_effects(&self, quickly: impl Fn(Effect) -> bool, mut slowly: impl FnMut(Effect)) {
        let count = self.memory.get(self.core(), core_state::EFFECT_COUNT);
        let mut long_effects = 0_u64;
        for index in self
            .memory
            .at_most::<{ core_state::EFFECTS_MAX }>(0..count.min(core_state::EFFECTS_MAX))
        {
            let base = index.wrapping_mul(4);
            let word = |at: u64| {
                self.memory
                    .get(self.core(), core_state::EFFECTS.at(base.wrapping_add(at)))
            };
            let effect = Effect::from_words([word(0), word(1), word(2), word(3)]);
            if let Some(effect) = effect.filter(|it| !quickly(*it)) {
                long_effects = long_effects.wrapping_add(1);
                debug_assert!(long_effects <= core_state::LONG_EFFECTS_MAX);
                self.memory
                    .mark_seldom::<1, { core_state::LONG_EFFECTS_MAX }>();
                slowly(effect);
            }
        }
        self.memory.set(self.core(), core_state::EFFECT_COUNT, 0);
    }
}
