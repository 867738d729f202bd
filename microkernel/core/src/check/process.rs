//! Tables, threads and what they run with.

use ipc_abi::capability::Kind;
use ipc_abi::debug::thread_flag;
use ipc_abi::debug::{
    BREAKPOINTS_MAX, WATCHPOINTS_MAX, is_breakpoint_address, is_breakpoint_control,
    is_watchpoint_address, is_watchpoint_control,
};

use super::{Checked, Tallies, ensure};
use crate::create::TABLE_THREADS;
use crate::extra::{link_word, special_of};
use crate::kernel::Kernel;
use crate::memory::{Fields, Memory};
use crate::object::{
    CapTable, Context, Frame, FrameKind, Notification, Number, Slots, Space, Thread, context, flag,
    machine, notification, space, special, state, table, thread,
};

impl<M: Memory + Copy> Kernel<M> {
    pub(super) fn check_table(&self, table: Number<CapTable>, tallies: &mut Tallies) -> Checked {
        let at = table.into_raw();
        self.check_list(
            &TABLE_THREADS,
            table,
            thread::TABLE,
            &mut tallies.table_threads,
        )?;
        let chunks = self.memory.get(table, table::CHUNKS);
        ensure(
            chunks <= table::CHUNKS_MAX,
            "a table has at most CHUNKS_MAX chunks",
            at,
        )?;
        let is_dying = self.memory.get(table, table::ID) == 0;
        ensure(is_dying || chunks != 0, "a table has a first chunk", at)?;
        for chunk in 0..table::CHUNKS_MAX {
            let slots: Number<Slots> = self.memory.link(table, table::CHUNK.at(chunk));
            if chunk >= chunks {
                ensure(
                    slots.is_none(),
                    "a table has no more chunks than it says",
                    at,
                )?;
                continue;
            }
            let is_own = !slots.is_none()
                && self.memory.kind(slots.frame()) == FrameKind::Slots as u8
                && self.space_of(slots.frame()).into_raw() == at;
            ensure(is_own, "a chunk names its table", at)?;
        }
        Ok(())
    }

    pub(super) fn check_thread(&self, thread: Number<Thread>, tallies: &mut Tallies) -> Checked {
        let at = thread.into_raw();
        let link = self.memory.get(thread, thread::LINK);
        let flags = self.memory.get(thread, thread::FLAGS);
        ensure(
            link == link_word(at, flags),
            "a thread's link word is its own, with its marks",
            at,
        )?;
        let state = self.memory.get(thread, thread::STATE);
        ensure(state <= state::STOPPED, "a thread has a state", at)?;
        self.count_member(thread, thread::TABLE, &mut tallies.table_threads);
        self.count_member(thread, thread::SPACE, &mut tallies.space_threads);
        self.check_thread_table(thread)?;
        self.check_extra(thread)?;
        self.check_thread_space(thread)?;
        let buffer = Frame(self.memory.get(thread, thread::BUFFER));
        if buffer.0 != 0 {
            let is_user = self.memory.kind(buffer) == FrameKind::User as u8;
            ensure(is_user, "a message buffer is a user frame", at)?;
            let owner = self.buffer_owner(buffer);
            ensure(owner == thread, "a message buffer names its thread", at)?;
        }
        let bound: Number<Notification> = self.memory.link(thread, thread::BOUND);
        if !bound.is_none() {
            let is_live = self.is_object(bound.into_raw(), Kind::Notification);
            ensure(is_live, "a thread is bound to a notification", at)?;
            let back: Number<Thread> = self.memory.link(bound, notification::BOUND);
            ensure(back == thread, "a bound notification names its thread", at)?;
        }
        let has_signals = !bound.is_none() && self.memory.get(bound, notification::BITS) != 0;
        let is_marked = self.memory.get(thread, thread::SPECIAL) & special::SIGNALLED != 0;
        ensure(
            has_signals == is_marked,
            "a bound thread is told of signals",
            at,
        )?;
        let own: Number<Context> = self.memory.link(thread, thread::OWN_CONTEXT);
        if !own.is_none() {
            let is_context = self.is_object(own.into_raw(), Kind::SchedulingContext);
            ensure(is_context, "a thread owns a context", at)?;
            let back: Number<Thread> = self.memory.link(own, context::OWNER);
            ensure(back == thread, "an owned context names its thread", at)?;
        }
        self.check_waiting(thread, tallies)
    }

    fn check_thread_table(&self, thread: Number<Thread>) -> Checked {
        let table: Number<CapTable> = self.memory.link(thread, thread::TABLE);
        let slots = self.memory.get(thread, thread::SLOTS);
        let mask = self.memory.get(thread, thread::MASK);
        let (expected_slots, expected_mask) = if table.is_none() {
            (self.memory.get(self.machine(), machine::NULL_SLOTS), 0)
        } else {
            let flags = self.memory.get(thread, thread::FLAGS);
            let mask = if special_of(flags) == 0 { 255 } else { 0 };
            (self.memory.get(table, table::CHUNK), mask)
        };
        let is_copy = slots == expected_slots && mask == expected_mask;
        ensure(
            is_copy,
            "SLOTS and MASK are those of the table",
            thread.into_raw(),
        )
    }

    /// What a thread has beyond the usual registers.
    fn check_extra(&self, thread: Number<Thread>) -> Checked {
        let at = thread.into_raw();
        let flags = self.memory.get(thread, thread::FLAGS);
        let known = thread_flag::ALL | flag::DEBUG;
        ensure(flags & !known == 0, "a thread has known flags", at)?;
        let special = self.memory.get(thread, thread::SPECIAL);
        ensure(
            special & (special::FOREIGN | special::DEBUG) == special_of(flags),
            "SPECIAL follows from the flags",
            at,
        )?;
        let is_watched = flags & flag::WATCHED != 0;
        ensure(
            is_watched == self.is_watched(thread),
            "a thread is watched if a breakpoint or watchpoint is on",
            at,
        )?;
        for index in 0..BREAKPOINTS_MAX {
            let word = |at| self.memory.get(thread, thread::BREAKPOINT.at(at));
            let address = word(index.wrapping_mul(2));
            let control = word(index.wrapping_mul(2).wrapping_add(1));
            let is_right = is_breakpoint_address(address) && is_breakpoint_control(control);
            ensure(is_right, "a breakpoint is one of user code", at)?;
        }
        for index in 0..WATCHPOINTS_MAX {
            let word = |at| self.memory.get(thread, thread::WATCHPOINT.at(at));
            let address = word(index.wrapping_mul(2));
            let control = word(index.wrapping_mul(2).wrapping_add(1));
            let is_right = is_watchpoint_address(address) && is_watchpoint_control(control);
            ensure(is_right, "a watchpoint is one of user code", at)?;
        }
        let words = thread::VECTOR.word()..=thread::FLOATING_STATUS.word();
        let is_used = words
            .into_iter()
            .any(|word| self.memory.load(at, word) != 0);
        let may_float = flags & flag::FLOATING != 0;
        ensure(
            may_float || !is_used && !self.owns_floating(thread),
            "only a floating thread has floating-point registers",
            at,
        )
    }

    fn check_thread_space(&self, thread: Number<Thread>) -> Checked {
        let space: Number<Space> = self.memory.link(thread, thread::SPACE);
        let root = self.memory.get(thread, thread::ROOT);
        let expected = if space.is_none() {
            self.memory.get(self.machine(), machine::NULL_ROOT)
        } else {
            let has_root = self.memory.get(space, space::ROOT) != 0;
            ensure(
                has_root,
                "a space with threads has tables",
                space.into_raw(),
            )?;
            self.root_of(space)
        };
        ensure(
            root == expected,
            "ROOT is that of the space",
            thread.into_raw(),
        )?;
        Ok(())
    }
}
