//! The first Rust function of the kernel, and the last.

use core::panic::PanicInfo;

use pecan_aarch64::boot::prepare;
use pecan_aarch64::console::epitaph;
use pecan_aarch64::direct_map::this_core;

/// Makes the machine ready and creates the first process; the assembly then leaves to it.
#[unsafe(no_mangle)]
extern "C" fn kernel_start(tree: u64, start_ticks: u64) {
    let plan = prepare(tree, start_ticks);
    if let Err(error) = this_core().start(&plan) {
        epitaph(format_args!("the boot package: {error:?}"));
    }
}

/// A bug of the kernel.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    match info.location() {
        Some(place) => epitaph(format_args!(
            "{} ({}:{})",
            info.message(),
            place.file(),
            place.line()
        )),
        None => epitaph(format_args!("{}", info.message())),
    }
}

/// An exception of the kernel itself: a bug too.
#[unsafe(no_mangle)]
extern "C" fn report_kernel_exception(
    vector: u64,
    syndrome: u64,
    counter: u64,
    address: u64,
    stack: u64,
) -> ! {
    epitaph(format_args!(
        "exception {vector} in the kernel: syndrome {syndrome:#x} at {counter:#x}, \
         address {address:#x}, stack {stack:#x}, core object {:?}",
        this_core().core,
    ))
}
