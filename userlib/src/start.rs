//! Start-up: from the kernel's first instruction to `main`.
//!
//! A program says `userlib::entry!(main)`, the first process `userlib::first_entry!(main, bytes)`.

#![expect(unsafe_code, reason = "reading what the process was started with")]

use core::sync::atomic::{AtomicBool, Ordering};

use ipc_abi::boot::PAGE_BYTES;
use ipc_abi::startup::{STARTUP_BYTES, Startup, StartupError};
use spin::once::Once;

use crate::address;
use crate::control::ThreadControl;
use crate::desk::offer_replies;
use crate::environment::Environment;
use crate::heap::{self, Arena};
use crate::keeper::KEEPER;
use crate::lines;
use crate::random;
use crate::ring;
use crate::slots::SLOTS;
use crate::thread::place::Places;
use crate::thread::{self, THREADS};

mod first;

/// The threads' control blocks, by number.
static CONTROLS: [ThreadControl; THREADS] = [const { ThreadControl::new() }; THREADS];
/// What the process was given.
static STARTUP: Once<Startup, Places> = Once::new();
/// Whether the process has started.
static STARTED: AtomicBool = AtomicBool::new(false);

/// Makes `$main`, a `fn(Environment)` that does not return, what the program does.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        $crate::define_start!(|startup| $crate::start::run(startup, $main), $main);
    };
}

/// Makes `$main`, a `fn(Environment)` that does not return, what the first process does, with a heap
/// of `$heap_bytes` in its own image.
#[macro_export]
macro_rules! first_entry {
    ($main:path, $heap_bytes:expr) => {
        #[cfg(target_os = "none")]
        static FIRST_HEAP: $crate::heap::Arena<{ $heap_bytes }> = $crate::heap::Arena::new();

        $crate::define_start!(
            |_startup| $crate::start::run_first(&FIRST_HEAP, $main),
            $main
        );
    };
}

/// Defines the symbol at which a program starts; on the host, a `main` that says that it cannot.
#[doc(hidden)]
#[macro_export]
macro_rules! define_start {
    (|$startup:ident| $run:expr, $main:path) => {
        #[cfg(target_os = "none")]
        #[unsafe(no_mangle)]
        extern "C" fn _start($startup: u64) -> ! {
            // SAFETY: this is where the process starts, with the registers that its maker set.
            unsafe { $run }
        }

        #[cfg(not(target_os = "none"))]
        fn main() {
            let _ = $main as fn($crate::Environment) -> _;
            panic!("this program runs on Pecan only");
        }
    };
}

/// Starts a thread of a process with the start-up block at `startup`, to which the number of the thread is
/// added: the process itself, if it is the first.
///
/// # Safety
///
/// This is the first that the thread does, and `startup` is what it was started with.
#[doc(hidden)]
pub unsafe fn run<T>(startup: u64, main: fn(Environment) -> T) -> ! {
    let number = startup % PAGE_BYTES;
    let block = address::from_abi(startup - number);
    let block = core::ptr::with_exposed_provenance::<[u8; STARTUP_BYTES]>(block);
    // SAFETY: the address is 0 or that of a page that nobody changes (`ipc_abi::startup`).
    let block = unsafe { block.as_ref() };
    let startup = match block {
        Some(page) => learn(|| Startup::read(page)),
        None => refuse(StartupError::BadMagic),
    };
    if number > 0 {
        join_in(startup, number);
    }
    // SAFETY: the heap of the block is mapped and the process's own (`ipc_abi::startup`).
    unsafe { begin(startup, main) }
}

/// Keeps what the process was given, out of every stack: it is as large as many of them.
#[inline(never)]
fn learn(read: impl FnOnce() -> Result<Startup, StartupError>) -> &'static Startup {
    STARTUP.call_once(|| match read() {
        Ok(startup) => startup,
        Err(error) => refuse(error),
    })
}

/// Starts the first process, with `arena` as its heap.
///
/// # Safety
///
/// This is the first that the process does, and it is the first process.
#[doc(hidden)]
pub unsafe fn run_first<T, const BYTES: usize>(
    arena: &'static Arena<BYTES>,
    main: fn(Environment) -> T,
) -> ! {
    // SAFETY: the arena is the allocator's alone: it gives itself to nobody else, and a process
    // begins once.
    unsafe { begin(learn(|| Ok(first::startup(arena.range()))), main) }
}

/// # Safety
///
/// The heap is mapped, and nothing else uses it.
unsafe fn begin<T>(startup: &'static Startup, main: fn(Environment) -> T) -> ! {
    assert!(
        !STARTED.swap(true, Ordering::Relaxed),
        "a process starts once"
    );
    install(0, startup.message_buffer);
    thread::place::take_grant(&startup.threads);
    // SAFETY: the caller's promise.
    unsafe { heap::claim(startup.heap) };
    let replies = startup.replies;
    ring::take_grants(&startup.rings);
    lines::take_grant(startup.log);
    random::begin(&startup.seed);
    offer_replies(replies.first..replies.first.saturating_add(replies.count));
    KEEPER.table.set(startup.table);
    main(Environment::new(startup, &SLOTS));
    panic!("main returned");
}

/// Starts the thread `number`, which is not the first, of a process that starts or has started.
fn join_in(startup: &Startup, number: u64) -> ! {
    let number = u8::try_from(number).unwrap_or(u8::MAX);
    install(number, startup.threads.buffer(number));
    thread::place::take_grant(&startup.threads);
    thread::work(number)
}

/// Gives the current thread its control block.
fn install(number: u8, message_buffer: u64) {
    let Some(control) = CONTROLS.get(usize::from(number)) else {
        panic!("thread {number} is one too many");
    };
    control.set_message_buffer(message_buffer);
    control.set_number(number);
    control.install();
}

#[cold]
fn refuse(error: StartupError) -> ! {
    panic!("no start-up block: {error:?}");
}
