//! What a thread finds through its thread pointer: its control block.
//!
//! `TPIDR_EL0` holds the address of a [`ThreadControl`], or 0 in a thread that was started without
//! one. The two words are those that the ELF thread-local ABI reserves there, so that thread-local
//! variables can follow the block. The kernel never reads the register.

#![cfg_attr(
    target_os = "none",
    expect(unsafe_code, reason = "reading and writing the thread pointer")
)]

use core::sync::atomic::{AtomicU64, Ordering};

/// The block behind the thread pointer.
#[derive(Debug, Default)]
#[repr(C, align(16))]
pub struct ThreadControl {
    message_buffer: AtomicU64,
    /// The thread's number, plus one; 0 if it has none.
    number: AtomicU64,
}

impl ThreadControl {
    /// A block without a message buffer.
    #[must_use]
    pub const fn new() -> ThreadControl {
        ThreadControl {
            message_buffer: AtomicU64::new(0),
            number: AtomicU64::new(0),
        }
    }

    /// Writes down which thread of the process it is: 0 is the first.
    pub(crate) fn set_number(&self, number: u8) {
        self.number.store(u64::from(number) + 1, Ordering::Relaxed);
    }

    /// Writes down where the thread's message buffer is mapped; 0 if it has none.
    pub(crate) fn set_message_buffer(&self, address: u64) {
        self.message_buffer.store(address, Ordering::Relaxed);
    }

    /// Makes this the block of the current thread.
    #[cfg(target_os = "none")]
    pub(crate) fn install(&'static self) {
        let address = core::ptr::from_ref(self).expose_provenance();
        // SAFETY: `TPIDR_EL0` is this crate's to use, and the block lives for ever.
        unsafe {
            core::arch::asm!("msr tpidr_el0, {}", in(reg) address, options(nomem, nostack));
        }
    }

    /// There is no thread pointer of ours on the host.
    #[cfg(not(target_os = "none"))]
    pub(crate) fn install(&'static self) {}
}

/// The block of the current thread.
#[cfg(target_os = "none")]
#[inline]
fn current() -> Option<&'static ThreadControl> {
    let control = core::ptr::with_exposed_provenance::<ThreadControl>(address());
    // SAFETY: the register is 0 or what `install` put there: a block that lives for ever and has only
    // atomic fields.
    unsafe { control.as_ref() }
}

/// The thread pointer.
#[cfg(target_os = "none")]
#[inline]
fn address() -> usize {
    let address: usize;
    // SAFETY: reading a register has no effect.
    unsafe {
        core::arch::asm!(
            "mrs {}, tpidr_el0",
            out(reg) address,
            options(nomem, nostack, preserves_flags),
        );
    }
    address
}

/// Which thread of the process the current one is; `None` for one that was started by hand.
#[cfg(target_os = "none")]
pub(crate) fn thread_number() -> Option<u8> {
    let number = current()?.number.load(Ordering::Relaxed);
    u8::try_from(number.checked_sub(1)?).ok()
}

/// A number that the thread has as long as it lives; `None` if too many have one.
#[cfg(not(target_os = "none"))]
pub(crate) fn thread_number() -> Option<u8> {
    crate::thread::place::number()
}

/// Where the current thread's message buffer is mapped; `None` if it has none.
#[cfg(target_os = "none")]
#[inline]
pub(crate) fn message_buffer() -> Option<core::ptr::NonNull<u8>> {
    let control = current()?;
    let buffer = crate::address::from_abi(control.message_buffer.load(Ordering::Relaxed));
    core::ptr::NonNull::new(core::ptr::with_exposed_provenance_mut(buffer))
}

/// What tells the current thread from others of the process; not 0.
#[cfg(target_os = "none")]
pub(crate) fn current_thread() -> u64 {
    address() as u64
}

/// Tests have one thread each.
#[cfg(not(target_os = "none"))]
pub(crate) fn current_thread() -> u64 {
    1
}

/// There is no message buffer on the host.
#[cfg(not(target_os = "none"))]
pub(crate) fn message_buffer() -> Option<core::ptr::NonNull<u8>> {
    None
}
