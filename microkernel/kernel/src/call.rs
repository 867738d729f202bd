//! The system calls: one C function for each, with the call's own name, found by the assembly through
//! the table in `table.s`. What each does and refuses is in `pecan_core` under that name.
//!
//! An argument is a register, unread: `pecan_core` checks it.

use pecan_aarch64::direct_map::this_core;
use pecan_core::kernel::Outcome;
use pecan_core::object::{Number, Thread};

/// The thread that makes the call: the assembly has its number in `x6`, for calls that would have to
/// load it.
fn caller(thread: u64) -> Number<Thread> {
    Number::from_plain(thread)
}

/// Every message call whose fast path does not apply: the thread's registers are saved.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn message_call(number: u64) {
    this_core().message_call(number);
}

/// `wait`, whose thread has no registers saved.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn wait_for_signal(
    handle: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    thread: u64,
) -> Outcome {
    this_core().wait_for_signal(caller(thread), handle)
}

/// Fills the places of the table that no function call has. Nobody gets here: the assembly answers
/// those numbers itself.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn refuse_system_call() -> Outcome {
    Outcome::refused(ipc_abi::error::Error::BadArgument)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn signal(a: u64, _: u64, _: u64, _: u64, _: u64, _: u64, thread: u64) -> Outcome {
    this_core().signal_quickly(caller(thread), a)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn r#yield() -> Outcome {
    this_core().rotate()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn save_caller(a: u64) -> Outcome {
    this_core().save_caller(a).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn capability_copy(a: u64, b: u64, c: u64) -> Outcome {
    this_core().capability_copy(a, b, c).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn capability_delete(a: u64) -> Outcome {
    this_core().capability_delete(a).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn capability_inspect(a: u64) -> Outcome {
    this_core().capability_inspect(a).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn destroy(a: u64) -> Outcome {
    this_core().destroy_quickly(a)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn region_split(a: u64, b: u64, c: u64) -> Outcome {
    this_core().region_split(a, b, c).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn region_merge(a: u64, b: u64) -> Outcome {
    this_core().region_merge(a, b).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn region_inspect(a: u64) -> Outcome {
    this_core().region_inspect(a).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn reclaim(a: u64, b: u64) -> Outcome {
    this_core().reclaim(a, b).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn allowance_split(a: u64, b: u64, c: u64, d: u64, e: u64) -> Outcome {
    this_core().allowance_split(a, b, c, d, e).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn allowance_merge(a: u64, b: u64) -> Outcome {
    this_core().allowance_merge(a, b).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn create_frame(a: u64, b: u64, c: u64) -> Outcome {
    this_core().create_frame(a, b, c).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn create_space(a: u64, b: u64, c: u64, d: u64, e: u64) -> Outcome {
    this_core().create_space(a, b, c, d, e).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn create_table(a: u64, b: u64, c: u64, d: u64) -> Outcome {
    this_core().create_table(a, b, c, d).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn create_thread(a: u64, b: u64, c: u64, d: u64, e: u64) -> Outcome {
    this_core().create_thread(a, b, c, d, e).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn create_context(a: u64, b: u64, c: u64, d: u64, e: u64) -> Outcome {
    this_core().create_context(a, b, c, d, e).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn create_endpoint(a: u64, b: u64, c: u64) -> Outcome {
    this_core().create_endpoint(a, b, c).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn create_gate(a: u64, b: u64, c: u64, d: u64, e: u64) -> Outcome {
    this_core().create_gate(a, b, c, d, e).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn create_notification(a: u64, b: u64, c: u64) -> Outcome {
    this_core().create_notification(a, b, c).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn create_reply(a: u64, b: u64, c: u64) -> Outcome {
    this_core().create_reply(a, b, c).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn create_irq(a: u64, b: u64, c: u64, d: u64, e: u64) -> Outcome {
    this_core().create_irq(a, b, c, d, e).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn space_donate(a: u64, b: u64, c: u64) -> Outcome {
    this_core().space_donate(a, b, c).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn map(a: u64, b: u64, c: u64, d: u64) -> Outcome {
    this_core().map(a, b, c, d).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn unmap(a: u64, b: u64) -> Outcome {
    this_core().unmap(a, b).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn protect(a: u64, b: u64, c: u64) -> Outcome {
    this_core().protect(a, b, c).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn table_extend(a: u64, b: u64, c: u64) -> Outcome {
    this_core().table_extend(a, b, c).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn thread_start(a: u64, b: u64, c: u64, d: u64) -> Outcome {
    this_core().thread_start(a, b, c, d).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn thread_stop(a: u64) -> Outcome {
    this_core().thread_stop(a).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn thread_resume(a: u64) -> Outcome {
    this_core().thread_resume(a).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn thread_set_buffer(a: u64, b: u64) -> Outcome {
    this_core().thread_set_buffer(a, b).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn thread_set_handler(a: u64, b: u64) -> Outcome {
    this_core().thread_set_handler(a, b).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn thread_set_context(a: u64, b: u64) -> Outcome {
    this_core().thread_set_context(a, b).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn thread_bind(a: u64, b: u64) -> Outcome {
    this_core().thread_bind(a, b).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn thread_inspect(a: u64) -> Outcome {
    this_core().thread_inspect(a).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn irq_bind(a: u64, b: u64, c: u64) -> Outcome {
    this_core().irq_bind(a, b, c).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn irq_acknowledge(a: u64) -> Outcome {
    this_core().irq_acknowledge(a).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn platform_control(a: u64, b: u64) -> Outcome {
    this_core().platform_control(a, b).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn frame_set_mode(a: u64, b: u64) -> Outcome {
    this_core().frame_set_mode(a, b).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn frame_inspect(a: u64) -> Outcome {
    this_core().frame_inspect(a).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn context_configure(a: u64, b: u64, c: u64, d: u64, e: u64) -> Outcome {
    this_core().context_configure(a, b, c, d, e).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn context_set_handler(a: u64, b: u64) -> Outcome {
    this_core().context_set_handler(a, b).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn context_inspect(a: u64) -> Outcome {
    this_core().context_inspect(a).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn platform_inspect(a: u64, b: u64) -> Outcome {
    this_core().platform_inspect(a, b).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn sleep(a: u64) -> Outcome {
    this_core().sleep(a).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn thread_configure(a: u64, b: u64) -> Outcome {
    this_core().thread_configure(a, b).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn thread_read(a: u64, b: u64) -> Outcome {
    this_core().thread_read(a, b).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn thread_write(a: u64, b: u64, c: u64) -> Outcome {
    this_core().thread_write(a, b, c).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn thread_peek(a: u64, b: u64) -> Outcome {
    this_core().thread_peek(a, b).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn thread_poke(a: u64, b: u64, c: u64) -> Outcome {
    this_core().thread_poke(a, b, c).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn create_large_frame(a: u64, b: u64, c: u64) -> Outcome {
    this_core().create_large_frame(a, b, c).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn space_withdraw(a: u64) -> Outcome {
    this_core().space_withdraw(a).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn frame_maintain(a: u64, b: u64, c: u64, d: u64) -> Outcome {
    this_core().frame_maintain(a, b, c, d).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn frame_give(a: u64, b: u64) -> Outcome {
    this_core().frame_give(a, b).into()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn device_confirm_reset(a: u64) -> Outcome {
    this_core().device_confirm_reset(a).into()
}
