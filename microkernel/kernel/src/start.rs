//! The first Rust function of the kernel, and the last.

#[cfg(not(feature = "ghost"))]
use core::panic::PanicInfo;

use pecan_aarch64::boot::start;
use pecan_aarch64::console::{Part, epitaph};
use pecan_aarch64::direct_map::this_core;

/// Makes the machine ready and creates the first process; the assembly then leaves to it.
#[unsafe(no_mangle)]
extern "C" fn kernel_start(tree: u64, start_ticks: u64) {
    start(tree, start_ticks);
}

/// A bug of the kernel.
#[cfg(not(feature = "ghost"))]
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let message = info
        .message()
        .as_str()
        .unwrap_or("a check of Rust's own failed");
    let (file, line) = info
        .location()
        .map_or(("?", 0), |place| (place.file(), place.line()));
    epitaph(&[
        Part::Text(message),
        Part::Text(", "),
        Part::Text(file),
        Part::Text(":"),
        Part::Count(line),
    ])
}

/// An exception of the kernel itself: a bug too.
#[unsafe(no_mangle)]
extern "C" fn report_kernel_exception(
    vector: u32,
    syndrome: u64,
    counter: u64,
    address: u64,
    stack: u64,
) -> ! {
    epitaph(&[
        Part::Text("exception "),
        Part::Count(vector),
        Part::Text(" in the kernel: syndrome "),
        Part::Number(syndrome),
        Part::Text(" at "),
        Part::Number(counter),
        Part::Text(", address "),
        Part::Number(address),
        Part::Text(", stack "),
        Part::Number(stack),
        Part::Text(", core object "),
        Part::Number(this_core().core().into_raw()),
    ])
}
