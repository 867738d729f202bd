//! Flags of threads, and what a debugger reads and writes.

use super::*;
use crate::fault::STEP_STATE;
use crate::host::DEBUG_REGISTERS;
use crate::kernel::Effect;
use crate::memory::Fields;
use crate::object::{
    DEBUG_MARK, EXTRA_MARK, Number, REPLY_MARK, Thread, core_state, flag, special, thread,
};
use ipc_abi::boot::USER_END;
use ipc_abi::debug::{BREAKPOINT_ON, Register, Watched, thread_flag, watchpoint_on};
use ipc_abi::fault::PROGRAM_STATE;

fn new_thread(fixture: &Fixture) -> (u64, Number<Thread>) {
    let (handle, number) = fixture.create_thread(TABLE, SPACE);
    (handle, Number::from_raw(number))
}

fn start(fixture: &Fixture, thread: u64) {
    let (context, _) = fixture.create(|k, o, d| k.create_context(MEMORY, o, d, TIME, 1));
    let set = fixture.call(|k| k.thread_set_context(thread, context));
    assert_eq!(set, Ok(0));
    let started = fixture.call(|k| k.thread_start(thread, 0x1000, 0, 0));
    assert_eq!(started, Ok(0));
}

#[test]
fn configure_knows_two_flags_and_the_incarnation_of_a_thread_that_is_not_live() {
    let fixture = Fixture::new();
    let (thread, number) = new_thread(&fixture);
    refuse_bad_handles(&fixture, thread, |k, handle| k.thread_configure(handle, 0));
    for bit in 2..thread_flag::INCARNATION_SHIFT {
        fixture.refuse(Error::BadArgument, |k| k.thread_configure(thread, 1 << bit));
    }
    let field = |field| fixture.kernel().memory.get(number, field);
    for (flags, marks, reasons, mask) in [
        (0, 0, 0, 255),
        (thread_flag::FLOATING, EXTRA_MARK, 0, 255),
        (thread_flag::FOREIGN, 0, special::FOREIGN, 0),
        (thread_flag::ALL, EXTRA_MARK, special::FOREIGN, 0),
        (0, 0, 0, 255),
    ] {
        assert_eq!(fixture.call(|k| k.thread_configure(thread, flags)), Ok(0));
        let link = REPLY_MARK | marks | number.into_raw();
        assert_eq!(field(thread::LINK), link);
        assert_eq!(field(thread::SPECIAL), reasons);
        assert_eq!(field(thread::MASK), mask);
    }
    start(&fixture, thread);
    fixture.refuse(Error::NotStopped, |k| k.thread_configure(thread, 0));
    assert_eq!(fixture.call(|k| k.thread_stop(thread)), Ok(0));
    assert_eq!(fixture.call(|k| k.thread_configure(thread, 3)), Ok(0));
    // An incarnation goes with the flags, and stays with them.
    let incarnation = u64::MAX << thread_flag::INCARNATION_SHIFT;
    assert_eq!(
        fixture.call(|k| k.thread_configure(thread, incarnation)),
        Ok(0)
    );
    assert_eq!(field(thread::FLAGS), incarnation);
}

#[test]
fn registers_hold_what_was_written() {
    let fixture = Fixture::new();
    let (thread, _) = new_thread(&fixture);
    assert_eq!(fixture.call(|k| k.thread_configure(thread, 1)), Ok(0));
    refuse_bad_handles(&fixture, thread, |k, handle| k.thread_read(handle, 0));
    refuse_bad_handles(&fixture, thread, |k, handle| k.thread_write(handle, 0, 0));
    let plain = (0..35).chain(64..128).filter(|&raw| raw != 33);
    for raw in plain.clone() {
        let value = !raw;
        assert_eq!(fixture.call(|k| k.thread_write(thread, raw, value)), Ok(0));
    }
    for raw in plain {
        assert_eq!(fixture.call(|k| k.thread_read(thread, raw)), Ok(!raw));
    }
    for (raw, good, bad) in [
        (33, PROGRAM_STATE, PROGRAM_STATE | STEP_STATE),
        (35, 0xFFFF_FFFF, 1 << 32),
        (36, 0xFFFF_FFFF, 1 << 32),
        (128, USER_END - 4, USER_END),
        (128, 4, 2),
        (129, BREAKPOINT_ON, BREAKPOINT_ON | 1 << 13),
        (144, USER_END - 8, USER_END),
        (144, 8, 4),
        (
            145,
            watchpoint_on(Watched::Both, 0x3C),
            watchpoint_on(Watched::Both, 5),
        ),
    ] {
        fixture.refuse(Error::BadArgument, |k| k.thread_write(thread, raw, bad));
        // What was there before goes.
        for value in [good, 0] {
            assert_eq!(fixture.call(|k| k.thread_write(thread, raw, value)), Ok(0));
            assert_eq!(fixture.call(|k| k.thread_read(thread, raw)), Ok(value));
        }
    }
    for raw in [
        37,
        63,
        140,
        143,
        152,
        u64::MAX,
        128 + 2 * DEBUG_REGISTERS,
        145 + 2 * DEBUG_REGISTERS,
    ] {
        fixture.refuse(Error::BadArgument, |k| k.thread_read(thread, raw));
        fixture.refuse(Error::BadArgument, |k| k.thread_write(thread, raw, 0));
    }
    let last = 129 + 2 * (DEBUG_REGISTERS - 1);
    assert_eq!(fixture.call(|k| k.thread_read(thread, last)), Ok(0));
}

#[test]
fn registers_are_those_of_a_thread_that_does_not_run() {
    let fixture = Fixture::new();
    let (thread, _) = new_thread(&fixture);
    for raw in [35, 36, 64, 127] {
        fixture.refuse(Error::BadArgument, |k| k.thread_read(thread, raw));
        fixture.refuse(Error::BadArgument, |k| k.thread_write(thread, raw, 0));
    }
    start(&fixture, thread);
    fixture.refuse(Error::NotStopped, |k| k.thread_read(thread, 0));
    fixture.refuse(Error::NotStopped, |k| k.thread_write(thread, 0, 0));
    assert_eq!(fixture.call(|k| k.thread_stop(thread)), Ok(0));
    assert_eq!(fixture.call(|k| k.thread_read(thread, 32)), Ok(0x1000));
}

#[test]
fn debug_registers_keep_a_thread_off_the_fast_path() {
    let fixture = Fixture::new();
    let (thread, number) = new_thread(&fixture);
    let field = |field| fixture.kernel().memory.get(number, field);
    let (breakpoint, watchpoint) = (
        Register::BreakpointControl(1).into_raw(),
        Register::WatchpointControl(2).into_raw(),
    );
    let is_off = || {
        let is_marked = field(thread::LINK) & DEBUG_MARK != 0;
        assert_eq!(is_marked, field(thread::LINK) & EXTRA_MARK != 0);
        assert_eq!(is_marked, field(thread::SPECIAL) & special::DEBUG != 0);
        assert_eq!(is_marked, field(thread::MASK) == 0);
        assert_eq!(is_marked, field(thread::FLAGS) & flag::WATCHED != 0);
        is_marked
    };
    let write = |raw, value| {
        assert_eq!(fixture.call(|k| k.thread_write(thread, raw, value)), Ok(0));
    };
    assert!(!is_off());
    write(breakpoint, BREAKPOINT_ON);
    assert!(is_off());
    write(watchpoint, watchpoint_on(Watched::Loads, 0x80));
    write(breakpoint, 0);
    assert!(is_off());
    write(watchpoint, 0);
    assert!(!is_off());
}

#[test]
fn floating_registers_never_survive_their_thread() {
    let fixture = Fixture::new();
    let (thread, number) = new_thread(&fixture);
    let owner = || {
        let kernel = fixture.kernel();
        kernel.memory.get(kernel.core(), core_state::FLOATING_OWNER)
    };
    let own = || {
        let kernel = fixture.kernel();
        kernel
            .memory
            .set_link(kernel.core(), core_state::FLOATING_OWNER, number);
    };
    for flags in [1, 0, 1] {
        assert_eq!(fixture.call(|k| k.thread_configure(thread, flags)), Ok(0));
        assert_eq!(owner(), 0);
        if flags == 1 {
            own();
            assert_eq!(fixture.call(|k| k.thread_write(thread, 70, 7)), Ok(0));
            assert_eq!(owner(), 0, "what the core holds was written down");
            own();
        }
    }
    start(&fixture, thread);
    assert_eq!(owner(), 0);
    assert_eq!(fixture.call(|k| k.thread_stop(thread)), Ok(0));
    assert_eq!(fixture.call(|k| k.thread_read(thread, 70)), Ok(0));
    own();
    assert_eq!(fixture.call(|k| k.thread_read(thread, 0)), Ok(0));
    assert_eq!(owner(), number.into_raw());
    assert_eq!(fixture.call(|k| k.destroy(thread)), Ok(0));
    assert_eq!(owner(), 0);
}

#[test]
fn floating_registers_stay_while_the_thread_may_use_them() {
    let fixture = Fixture::new();
    let (thread, _) = new_thread(&fixture);
    for (flags, value) in [(1, 0), (1, 7), (0, 0), (1, 0)] {
        assert_eq!(fixture.call(|k| k.thread_configure(thread, flags)), Ok(0));
        if flags == 1 {
            assert_eq!(fixture.call(|k| k.thread_read(thread, 70)), Ok(value));
            assert_eq!(fixture.call(|k| k.thread_write(thread, 70, 7)), Ok(0));
        }
    }
}

#[test]
fn words_of_a_space_are_seen_and_changed() {
    const PAGE: u64 = 0x5000;
    let fixture = Fixture::new();
    let (space, _) = fixture.create_space();
    fixture.donate(space, 4);
    let (thread, _) = fixture.create_thread(TABLE, space);
    let (frame, number) = fixture.create_frame();
    refuse_bad_handles(&fixture, thread, |k, handle| k.thread_peek(handle, PAGE));
    refuse_bad_handles(&fixture, thread, |k, handle| k.thread_poke(handle, PAGE, 0));
    let weak = fixture.copy(frame, Rights::READ);
    for (handle, access) in [(frame, 1), (frame, 3), (weak, 1)] {
        for address in [PAGE, PAGE + 4088] {
            fixture.refuse(Error::NotMapped, |k| k.thread_peek(thread, address));
            fixture.refuse(Error::NotMapped, |k| k.thread_poke(thread, address, 1));
        }
        assert_eq!(fixture.call(|k| k.map(space, handle, PAGE, access)), Ok(0));
        for address in [PAGE + 1, PAGE + 4, u64::MAX] {
            fixture.refuse(Error::Misaligned, |k| k.thread_peek(thread, address));
            fixture.refuse(Error::Misaligned, |k| k.thread_poke(thread, address, 1));
        }
        for address in [USER_END, USER_END + PAGE, !7] {
            fixture.refuse(Error::OutOfRange, |k| k.thread_peek(thread, address));
            fixture.refuse(Error::OutOfRange, |k| k.thread_poke(thread, address, 1));
        }
        fixture.refuse(Error::NotMapped, |k| k.thread_peek(thread, PAGE - 8));
        fixture.refuse(Error::NotMapped, |k| k.thread_peek(thread, PAGE + 4096));
        fixture.host.memory.scribble(Frame(number), 9);
        if handle == weak {
            fixture.refuse(Error::AccessDenied, |k| k.thread_poke(thread, PAGE, 5));
        } else {
            fixture.host.performed.borrow_mut().clear();
            assert_eq!(fixture.call(|k| k.thread_poke(thread, PAGE + 8, 5)), Ok(0));
            // Data is fetched by nobody.
            assert_eq!(fixture.host.performed.borrow().as_slice(), []);
            assert_eq!(fixture.call(|k| k.thread_peek(thread, PAGE + 8)), Ok(5));
        }
        assert_eq!(fixture.call(|k| k.thread_peek(thread, PAGE + 4088)), Ok(9));
        assert_eq!(fixture.call(|k| k.unmap(space, PAGE)), Ok(0));
    }
}

#[test]
fn a_poke_into_code_is_what_is_fetched() {
    let fixture = Fixture::new();
    let (thread, _) = fixture.create_thread(TABLE, SPACE);
    let code = 0x20_0000;
    assert_eq!(fixture.call(|k| k.thread_poke(thread, code, 3)), Ok(0));
    let performed = fixture.host.performed.borrow();
    let last = performed.last().copied();
    assert!(
        matches!(last, Some(Effect::SynchronizeCode { .. })),
        "{last:?}"
    );
}

#[test]
fn a_device_is_no_memory() {
    let fixture = Fixture::new();
    let (thread, _) = fixture.create_thread(TABLE, SPACE);
    let object = crate::host::FIRST_DEVICE * 64;
    let (device, _) = fixture.create(|k, _, d| k.create_frame(DEVICES, object, d));
    fixture.donate(SPACE, 4);
    assert_eq!(fixture.call(|k| k.map(SPACE, device, 0x7000, 3)), Ok(0));
    fixture.refuse(Error::AccessDenied, |k| k.thread_peek(thread, 0x7000));
    fixture.refuse(Error::AccessDenied, |k| k.thread_poke(thread, 0x7000, 0));
}
