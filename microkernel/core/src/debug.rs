//! Debugging: registers and memory of a thread that one holds.
//!
//! Registers can be read and written while the thread is new, stopped, or waits for its fault
//! handler; memory always: it is found by the kernel's own walk of the page tables and reached through
//! the direct map, so nothing that the space does can make it fault.

use ipc_abi::boot::USER_END;
use ipc_abi::capability::Rights;
use ipc_abi::debug::{
    BREAKPOINTS_MAX, Register, WATCHPOINTS_MAX, is_breakpoint_address, is_breakpoint_control,
    is_watchpoint_address, is_watchpoint_control,
};
use ipc_abi::error::Error;
use ipc_abi::fault::PROGRAM_STATE;

use crate::kernel::{Answer, Effect, Kernel};
use crate::mapping::{DEVICE_MEMORY, MAY_WRITE};
use crate::memory::{Fields, Memory};
use crate::object::{
    Core, Field, Frame, Number, Space, Thread, core_state, entry, flag, sending, state, thread,
    user,
};
use crate::space::{BLOCK_LEVEL, LAST_LEVEL, TABLE, frame_of, index_at, slot_at};

/// Bytes in a word, less one.
const WORD_MASK: u64 = 7;
/// Bytes in a page, less one.
const PAGE_MASK: u64 = 4095;

impl<M: Memory + Copy> Kernel<M> {
    /// `thread_read`.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `READ`), `BadArgument` for a register that the thread or the
    /// processor does not have, `NotStopped`.
    pub fn thread_read(&self, handle: u64, register: u64) -> Answer {
        let target = self.find_seldom::<Thread>(handle, Rights::READ)?;
        let register = Register::from_raw(register).ok_or(Error::BadArgument)?;
        let field = self.register_field(target, register)?;
        self.check_paused(target)?;
        self.settle_floating(target, register);
        let value = self.memory.get(target, field);
        Ok(if register == Register::Flags {
            value & PROGRAM_STATE
        } else {
            value
        })
    }

    /// `thread_write`.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `WRITE`), `BadArgument` for a register that the thread or the
    /// processor does not have and for a value that it cannot have, `NotStopped`.
    pub fn thread_write(&self, handle: u64, register: u64, value: u64) -> Answer {
        let target = self.find_seldom::<Thread>(handle, Rights::WRITE)?;
        let register = Register::from_raw(register).ok_or(Error::BadArgument)?;
        let field = self.register_field(target, register)?;
        if !can_hold(register, value) {
            return Err(Error::BadArgument);
        }
        self.check_paused(target)?;
        self.settle_floating(target, register);
        let kept = if register == Register::Flags {
            self.memory.get(target, field) & !PROGRAM_STATE
        } else {
            0
        };
        self.memory.set(target, field, kept | value);
        if matches!(
            register,
            Register::BreakpointControl(_) | Register::WatchpointControl(_)
        ) {
            let watched = if self.is_watched(target) {
                flag::WATCHED
            } else {
                0
            };
            self.change_flags(target, flag::WATCHED, watched);
        }
        Ok(0)
    }

    /// Where a thread keeps a register.
    ///
    /// # Errors
    ///
    /// `BadArgument` if the thread or the processor does not have it.
    fn register_field(
        &self,
        target: Number<Thread>,
        register: Register,
    ) -> Result<Field<Thread>, Error> {
        let is_floating = self.memory.get(target, thread::FLAGS) & flag::FLOATING != 0;
        let (field, exists) = match register {
            Register::General(index) => (thread::X.at(index), true),
            Register::StackPointer => (thread::SP, true),
            Register::ProgramCounter => (thread::PC, true),
            Register::Flags => (thread::PSTATE, true),
            Register::ThreadPointer => (thread::POINTER, true),
            Register::FloatingControl => (thread::FLOATING_CONTROL, is_floating),
            Register::FloatingStatus => (thread::FLOATING_STATUS, is_floating),
            Register::VectorHalf(index) => (thread::VECTOR.at(index), is_floating),
            Register::BreakpointAddress(index) => (
                thread::BREAKPOINT.at(index.wrapping_mul(2)),
                self.has(core_state::BREAKPOINTS, index),
            ),
            Register::BreakpointControl(index) => (
                thread::BREAKPOINT.at(index.wrapping_mul(2).wrapping_add(1)),
                self.has(core_state::BREAKPOINTS, index),
            ),
            Register::WatchpointAddress(index) => (
                thread::WATCHPOINT.at(index.wrapping_mul(2)),
                self.has(core_state::WATCHPOINTS, index),
            ),
            Register::WatchpointControl(index) => (
                thread::WATCHPOINT.at(index.wrapping_mul(2).wrapping_add(1)),
                self.has(core_state::WATCHPOINTS, index),
            ),
        };
        if exists {
            Ok(field)
        } else {
            Err(Error::BadArgument)
        }
    }

    /// Whether the processor has debug register `index` of those that `count` counts.
    fn has(&self, count: Field<Core>, index: u64) -> bool {
        index < self.memory.get(self.core(), count)
    }

    /// Checks that a thread is new, stopped, or waits for its fault handler.
    ///
    /// # Errors
    ///
    /// `NotStopped`.
    fn check_paused(&self, target: Number<Thread>) -> Result<(), Error> {
        let is_live = self.memory.get(target, thread::STATE) == state::LIVE;
        if is_live && self.memory.get(target, thread::SENDING) != sending::FAULT {
            Err(Error::NotStopped)
        } else {
            Ok(())
        }
    }

    /// Writes the floating-point registers down, if they are those of `target` and `register` is one.
    fn settle_floating(&self, target: Number<Thread>, register: Register) {
        let is_floating = matches!(
            register,
            Register::FloatingControl | Register::FloatingStatus | Register::VectorHalf(_)
        );
        if is_floating && self.owns_floating(target) {
            self.memory.save_floating(target.into_raw());
            self.disown_floating(target);
        }
    }

    /// Whether a breakpoint or watchpoint of `target` is on.
    pub(crate) fn is_watched(&self, target: Number<Thread>) -> bool {
        // The controls of both follow each other, every second word.
        const CONTROLS: u64 = BREAKPOINTS_MAX + WATCHPOINTS_MAX;
        const {
            assert!(
                thread::WATCHPOINT.word() as u64
                    == thread::BREAKPOINT.word() as u64 + 2 * BREAKPOINTS_MAX
            )
        };
        self.memory.at_most::<CONTROLS>(0..CONTROLS).any(|index| {
            let control = index.wrapping_mul(2).wrapping_add(1);
            self.memory.get(target, thread::BREAKPOINT.at(control)) != 0
        })
    }

    /// `thread_peek`.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `READ`), `Misaligned`, `OutOfRange`, `NotMapped`, `AccessDenied`
    /// for a device.
    pub fn thread_peek(&self, handle: u64, address: u64) -> Answer {
        let target = self.find_seldom::<Thread>(handle, Rights::READ)?;
        let (frame, word, _) = self.find_word(target, address)?;
        Ok(self.memory.load_user(frame, word))
    }

    /// `thread_poke`.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `WRITE`), `Misaligned`, `OutOfRange`, `NotMapped`, `AccessDenied`
    /// for a device, and for a page mapped by a capability without the right `WRITE`.
    pub fn thread_poke(&self, handle: u64, address: u64, value: u64) -> Answer {
        let target = self.find_seldom::<Thread>(handle, Rights::WRITE)?;
        let (frame, word, descriptor) = self.find_word(target, address)?;
        if descriptor & MAY_WRITE == 0 {
            return Err(Error::AccessDenied);
        }
        self.memory.store_user(frame, word, value);
        if self.memory.entry(frame_of(descriptor), entry::SPACE) & user::CODE != 0 {
            self.leave(Effect::SynchronizeCode { frame });
        }
        Ok(0)
    }

    /// The frame and word at an address of a thread's space, and the descriptor that maps it.
    ///
    /// # Errors
    ///
    /// `Misaligned`, `OutOfRange`, `NotMapped`, `AccessDenied` for a device.
    #[inline(never)]
    fn find_word(&self, target: Number<Thread>, address: u64) -> Result<(Frame, u64, u64), Error> {
        if address & WORD_MASK != 0 {
            return Err(Error::Misaligned);
        }
        if address >= USER_END {
            return Err(Error::OutOfRange);
        }
        let space: Number<Space> = self.memory.link(target, thread::SPACE);
        if space.is_none() {
            return Err(Error::NotMapped);
        }
        let descriptor = self.find_mapping(space, address).ok_or(Error::NotMapped)?;
        if descriptor & DEVICE_MEMORY != 0 {
            return Err(Error::AccessDenied);
        }
        let within = if descriptor & TABLE == 0 {
            index_at(LAST_LEVEL, address)
        } else {
            0
        };
        let frame = Frame(frame_of(descriptor).0.wrapping_add(within));
        Ok((frame, (address & PAGE_MASK) / 8, descriptor))
    }

    /// The descriptor of the page or block at `address`.
    fn find_mapping(&self, space: Number<Space>, address: u64) -> Option<u64> {
        let middle = self.find_middle_table(space, address)?;
        let descriptor = match self.next_table(middle, BLOCK_LEVEL, address) {
            Some(last) => self
                .memory
                .get(last, slot_at(index_at(LAST_LEVEL, address))),
            None => self
                .memory
                .get(middle, slot_at(index_at(BLOCK_LEVEL, address))),
        };
        (descriptor != 0).then_some(descriptor)
    }
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
