//! How the kernel reaches memory: [`DirectMap`], the target's [`Memory`].
//!
//! # Why its functions are sound
//!
//! `Memory::load` and `store` are safe functions that turn a number into an address, so what
//! follows has to hold of every number that `pecan_core` passes. A number reaches them in one of
//! three ways: it is this core's or the machine's object, which are part of the image; it is in a
//! capability whose frame kind and identity were checked (`Kernel::find`); or it is a stored link,
//! which the rules for links (`microkernel/README.md`) keep from dangling. So it names an object
//! that exists, and:
//!
//! - *It is mapped.* Objects lie in frames of RAM that the frame table describes, and the direct map
//!   covers all RAM, readable and writable but for the kernel's own code and constants, which hold
//!   no object. `Field` keeps the word inside the object, and an object inside its frames.
//! - *It is aligned.* Numbers count 64-byte units; words are 8 bytes.
//! - *It is nobody's value.* No Rust reference and no Rust object is there: objects of the image are
//!   reserved in assembly, all others lie outside the image. Any bit pattern is a `u64`.
//! - *Nobody else writes it meanwhile.* A frame holds either kernel objects or user memory, never
//!   both at once (its kind says which), so no user and no device can write an object. One core
//!   runs; when others do, fields that they read become relaxed atomics here.
//!
//! Plain loads and stores are enough: the assembly that reads the same words runs before and after,
//! never during, a Rust function, and a function called from assembly through a C ABI has to leave
//! its stores performed.
//!
//! A frame's kind byte and entry are at fixed windows of the address space, of which only the parts
//! for frames that the frame table describes are mapped. A frame that reaches `kind` or an entry
//! comes from a checked capability, from a range in a region, or from a page table: all inside.

use core::ptr::with_exposed_provenance_mut;

use pecan_core::kernel::Kernel;
use pecan_core::memory::Memory;
use pecan_core::object::{Frame, Number};

use crate::layout::{DIRECT_MAP, ENTRIES, ENTRY_BYTES, KINDS};
use crate::register;

/// This core's view of kernel memory. Made by [`this_core`] alone.
#[derive(Clone, Copy)]
pub struct DirectMap(());

/// The kernel as this core sees it.
#[inline]
#[must_use]
pub fn this_core() -> Kernel<DirectMap> {
    let object = register::core_object();
    Kernel {
        memory: DirectMap(()),
        core: Number::from_raw(object >> 6),
    }
}

/// The address of the object `number`.
#[inline]
#[must_use]
pub fn object_address(number: u64) -> u64 {
    DIRECT_MAP | (number << 6)
}

/// The address of a frame.
#[inline]
#[must_use]
pub fn frame_address(frame: Frame) -> u64 {
    DIRECT_MAP | (frame.0 << 12)
}

#[inline]
fn pointer<T>(base: u64, index: u64) -> *mut T {
    let offset = index.wrapping_mul(size_of::<T>() as u64);
    with_exposed_provenance_mut(base.wrapping_add(offset) as usize)
}

#[inline]
fn entry_base(frame: Frame) -> u64 {
    ENTRIES.wrapping_add(frame.0.wrapping_mul(ENTRY_BYTES))
}

impl Memory for DirectMap {
    #[inline]
    fn load(&self, number: u64, word: usize) -> u64 {
        let word = pointer::<u64>(object_address(number), word as u64);
        // SAFETY: a word of an object that exists, by the caller's duty: see the module's page.
        unsafe { word.read() }
    }

    #[inline]
    fn store(&self, number: u64, word: usize, value: u64) {
        let word = pointer::<u64>(object_address(number), word as u64);
        // SAFETY: a word of an object that exists, by the caller's duty: see the module's page.
        unsafe { word.write(value) }
    }

    #[inline]
    fn kind(&self, frame: Frame) -> u8 {
        let kind = pointer::<u8>(KINDS, frame.0);
        // SAFETY: the frame is described, by the caller's duty: see the module's page.
        unsafe { kind.read() }
    }

    #[inline]
    fn set_kind(&self, frame: Frame, kind: u8) {
        let place = pointer::<u8>(KINDS, frame.0);
        // SAFETY: the frame is described, by the caller's duty: see the module's page.
        unsafe { place.write(kind) }
    }

    #[inline]
    fn entry_load(&self, frame: Frame, word: usize) -> u64 {
        let word = pointer::<u64>(entry_base(frame), word as u64);
        // SAFETY: the frame is described, by the caller's duty: see the module's page.
        unsafe { word.read() }
    }

    #[inline]
    fn entry_store(&self, frame: Frame, word: usize, value: u64) {
        let word = pointer::<u64>(entry_base(frame), word as u64);
        // SAFETY: the frame is described, by the caller's duty: see the module's page.
        unsafe { word.write(value) }
    }
}
