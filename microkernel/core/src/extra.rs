//! What a thread has beyond the usual registers: floating point, debug registers, foreign calls.
//!
//! [`thread::FLAGS`] says what; three fields that faster code looks at follow from it, and
//! [`Kernel::set_flags`] is the only place where they change:
//!
//! | field | because of | for |
//! |---|---|---|
//! | `LINK`, marks | floating point, debug registers | every switch: registers to be exchanged |
//! | `SPECIAL` | debug registers, foreign calls | the fast path of the other thread |
//! | `MASK` = 0 | debug registers, foreign calls | its own fast path |
//!
//! Floating-point registers are exchanged lazily: [`core_state::FLOATING_OWNER`] is the thread whose
//! values the core holds, user code can use them only while that is the current thread, and the trap
//! of another with the flag exchanges them.

use ipc_abi::capability::Rights;
use ipc_abi::debug::thread_flag;
use ipc_abi::error::Error;

use crate::create::FULL_MASK;
use crate::kernel::{Answer, Kernel};
use crate::memory::{Fields, Memory};
use crate::object::{
    DEBUG_MARK, EXTRA_MARK, Number, REPLY_MARK, Thread, UNIT_WORDS, core_state, flag, special,
    state, thread,
};

/// Units of 64 bytes that a thread's floating-point registers take, from `VECTOR` on.
const FLOATING_UNITS: u64 = 9;

/// The link word of the thread `number` with these flags.
pub(crate) const fn link_word(number: u64, flags: u64) -> u64 {
    let mut link = REPLY_MARK | number;
    if flags & (flag::FLOATING | flag::DEBUG) != 0 {
        link |= EXTRA_MARK;
    }
    if flags & flag::DEBUG != 0 {
        link |= DEBUG_MARK;
    }
    link
}

/// The bits of `SPECIAL` that follow from the flags.
pub(crate) const fn special_of(flags: u64) -> u64 {
    let foreign = if flags & flag::FOREIGN == 0 {
        0
    } else {
        special::FOREIGN
    };
    let debug = if flags & flag::DEBUG == 0 {
        0
    } else {
        special::DEBUG
    };
    foreign | debug
}

impl<M: Memory + Copy> Kernel<M> {
    /// `thread_configure`.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `WRITE`), `BadArgument` for unknown flags, `NotStopped` unless the
    /// thread is new or stopped.
    pub fn thread_configure(&self, handle: u64, flags: u64) -> Answer {
        let target = self.find_seldom::<Thread>(handle, Rights::WRITE)?;
        if flags & !thread_flag::ALL != 0 {
            return Err(Error::BadArgument);
        }
        if self.memory.get(target, thread::STATE) == state::LIVE {
            return Err(Error::NotStopped);
        }
        let old = self.memory.get(target, thread::FLAGS);
        if (old ^ flags) & flag::FLOATING != 0 {
            self.clear_floating(target);
        }
        self.set_flags(target, old & flag::DEBUG | flags);
        Ok(0)
    }

    /// Gives a thread these flags, and what follows from them.
    #[inline(never)]
    pub(crate) fn set_flags(&self, target: Number<Thread>, flags: u64) {
        self.memory.set(target, thread::FLAGS, flags);
        let link = link_word(target.into_raw(), flags);
        self.memory.set(target, thread::LINK, link);
        let special = special_of(flags);
        self.clear_special(target, special::FOREIGN | special::DEBUG);
        self.set_special(target, special);
        let has_table = self.memory.get(target, thread::TABLE) != 0;
        let mask = if special == 0 && has_table {
            FULL_MASK
        } else {
            0
        };
        self.memory.set(target, thread::MASK, mask);
    }

    /// Sets and clears flags of a thread, if that changes anything.
    pub(crate) fn change_flags(&self, target: Number<Thread>, clear: u64, set: u64) {
        let old = self.memory.get(target, thread::FLAGS);
        let new = old & !clear | set;
        if new != old {
            self.set_flags(target, new);
        }
    }

    /// Whether the core holds the floating-point registers of `target`.
    pub(crate) fn owns_floating(&self, target: Number<Thread>) -> bool {
        self.memory.link(self.core(), core_state::FLOATING_OWNER) == target
    }

    /// The core no longer holds the floating-point registers of `target`, which is not the current
    /// thread: what they hold is nobody's.
    pub(crate) fn disown_floating(&self, target: Number<Thread>) {
        if self.owns_floating(target) {
            self.memory.set(self.core(), core_state::FLOATING_OWNER, 0);
        }
    }

    /// Zeroes the floating-point registers of `target`, which is not the current thread.
    #[inline(never)]
    pub(crate) fn clear_floating(&self, target: Number<Thread>) {
        self.disown_floating(target);
        let first = (thread::VECTOR.word() / UNIT_WORDS) as u64;
        let number = target.into_raw().wrapping_add(first);
        for unit in self.memory.at_most::<FLOATING_UNITS>(0..FLOATING_UNITS) {
            self.zero_unit(number.wrapping_add(unit));
        }
    }
}
