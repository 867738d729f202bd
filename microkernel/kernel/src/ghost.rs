//! The checking build: after each exit, the ghost looks at what the kernel left. See `verification/ghost`.

extern crate alloc;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::UnsafeCell;
use core::panic::PanicInfo;

use pecan_aarch64::console::{Part, epitaph, say};
use pecan_aarch64::crossing::Moment;
use pecan_aarch64::direct_map::this_core;
use pecan_aarch64::{ghost, timer};
use pecan_core::object::Frame;
use pecan_ghost::{Difference, Ghost, Seen};
use spin::mutex::SpinMutex;
use talc::TalcLock;
use talc::source::Manual;

/// Bytes of the ghost's heap.
const HEAP_BYTES: usize = 12 << 20;

/// How many exits are between two at which everything is compared.
const WHOLE_INTERVAL: u64 = 4096;

#[repr(C, align(4096))]
struct Arena(UnsafeCell<[u8; HEAP_BYTES]>);

// SAFETY: nobody but the allocator, which has a lock, touches the memory.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; HEAP_BYTES]));

#[global_allocator]
static HEAP: TalcLock<SpinMutex<()>, Manual> = TalcLock::new(Manual);

/// What only this core uses.
struct Own(Option<Ghost>);

// SAFETY: one core runs.
unsafe impl Send for Own {}

static GHOST: SpinMutex<Own> = SpinMutex::new(Own(None));

/// Makes the heap.
fn begin() -> Ghost {
    // SAFETY: the arena is claimed once, when there is no ghost yet, and used by nobody else.
    let _ = unsafe { HEAP.lock().claim(ARENA.0.get().cast(), HEAP_BYTES) };
    Ghost::new(WHOLE_INTERVAL)
}

/// Called by the assembly in place of each `eret`, and before the core sleeps or is switched off, on the
/// ghost's own stack.
#[unsafe(no_mangle)]
extern "C" fn ghost_check(moment: u64) {
    let mut place = GHOST.lock();
    let ghost = place.0.get_or_insert_with(begin);
    let (mut arrivals, mut written) = (Vec::new(), Vec::new());
    let is_all = ghost::take_written(|it| written.push(it));
    let has_arrivals = ghost::take_arrivals(|it| arrivals.push(it));
    let moment = Moment::from_raw(moment);
    let seen = Seen {
        moment,
        entry: ghost::entered(),
        arrivals: &arrivals,
        written: (is_all && has_arrivals).then_some(&written),
        exit: ghost::left(),
        timer_line: timer::line(),
    };
    if let Err(difference) = ghost.observe(this_core().memory, &seen, used_frames()) {
        tell(ghost, &seen, &difference);
    }
    if moment == Moment::End {
        say(&[Part::Text(&format!("{ghost}\r\n"))]);
    }
}

/// All frames that are not free.
fn used_frames() -> impl Iterator<Item = Frame> + Clone {
    let eights = ghost::segments().into_iter().flat_map(|it| it.step_by(8));
    let eights = eights.filter(|first| ghost::eight_kinds(*first) != 0);
    eights.flat_map(|first| {
        let kinds = ghost::eight_kinds(first).to_le_bytes();
        let frames = kinds.into_iter().zip(first..);
        frames.filter_map(|(kind, frame)| (kind != 0).then_some(Frame(frame)))
    })
}

/// The last words.
fn tell(ghost: &Ghost, seen: &Seen<'_>, difference: &Difference) -> ! {
    let exit = &seen.exit.registers;
    let mut text = String::from("the ghost sees a difference: ");
    text += &format!("{difference}\r\n  {ghost}, {:?}", seen.moment);
    text += &format!(" to thread {:#x} at {:#x}", exit.thread, exit.counter);
    for arrival in seen.arrivals {
        text += &format!("\r\n  on the way: {arrival:x?}");
    }
    for entry in ghost.last() {
        let of = &entry.registers;
        text += &format!(
            "\r\n  entry {:?} syndrome {:#x} address {:#x} of thread {:#x} at {:#x}: x0 {:#x} x1 {:#x} x2 {:#x} x3 {:#x} x16 {:#x} x17 {:#x}",
            entry.vector,
            entry.syndrome,
            entry.address,
            of.thread,
            of.counter,
            of.x[0],
            of.x[1],
            of.x[2],
            of.x[3],
            of.x[16],
            of.x[17]
        );
    }
    epitaph(&[Part::Text(&text)])
}

/// A bug of the kernel, or of what looks at it.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let mut text = format!("{info}");
    // Unless the bug is the ghost's own.
    if let Some(ghost) = GHOST.try_lock() {
        text += &format!("\r\n  {:?}", ghost.0.as_ref().map(|it| format!("{it}")));
    }
    epitaph(&[Part::Text(&text)])
}
