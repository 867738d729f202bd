//! Threads of the process's own space that it makes by hand, of its own memory and time.
//!
//! A thread starts in [`start_thread`] on its own stack, at whose end stand its control block and
//! what it is to do, so that it needs nothing of the thread that started it.

use alloc::boxed::Box;
use core::mem::size_of;

use ipc_abi::error::Error;

use crate::control::ThreadControl;
use crate::syscall;

/// A stack of `BYTES` bytes.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Stack<const BYTES: usize> {
    body: [u8; BYTES],
    end: StackEnd,
}

/// What stands at the end of a stack.
#[derive(Debug)]
#[repr(C, align(16))]
struct StackEnd {
    control: ThreadControl,
    entry: Option<fn(u64) -> !>,
    argument: u64,
}

const _: () = assert!(size_of::<StackEnd>() == 32);

impl<const BYTES: usize> Stack<BYTES> {
    /// Makes a stack on the heap.
    #[must_use]
    pub fn new() -> Box<Stack<BYTES>> {
        const {
            assert!(
                BYTES.is_multiple_of(16) && BYTES >= 1024,
                "a stack is at least 1 KiB, in 16s"
            )
        };
        let end = StackEnd {
            control: ThreadControl::new(),
            entry: None,
            argument: 0,
        };
        Box::new(Stack {
            body: [0; BYTES],
            end,
        })
    }
}

/// Starts the stopped thread `thread`, which is of this process's own space, in `entry` with
/// `argument`; `message_buffer` is where its buffer is mapped, 0 if it has none.
///
/// The stack is the thread's for ever.
///
/// # Errors
///
/// Those of `thread_start`; then the stack is lost.
pub fn start_thread<const BYTES: usize>(
    thread: u32,
    stack: Box<Stack<BYTES>>,
    message_buffer: u64,
    (entry, argument): (fn(u64) -> !, u64),
) -> Result<(), Error> {
    let stack = Box::leak(stack);
    stack.end.control.set_message_buffer(message_buffer);
    stack.end.entry = Some(entry);
    stack.end.argument = argument;
    let end = (&raw mut stack.end).expose_provenance() as u64;
    let start: extern "C" fn(&'static StackEnd) -> ! = trampoline;
    syscall::thread_start(thread, start as usize as u64, end, end)
}

/// The first Rust function of a thread.
extern "C" fn trampoline(end: &'static StackEnd) -> ! {
    end.control.install();
    match end.entry {
        Some(entry) => entry(end.argument),
        None => panic!("a thread was started with nothing to do"),
    }
}
