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

use core::arch::asm;
use core::hint::assert_unchecked;

use pecan_core::kernel::Kernel;
use pecan_core::memory::Memory;
use pecan_core::object::Frame;

use crate::layout::{DIRECT_MAP, ENTRIES, ENTRY_BYTES, KINDS};
use crate::window::{frame_address, object_address, opaque, pointer};
use crate::{bound, effect, frame, hook, register};

/// This core's view of kernel memory. Made by [`this_core`] alone.
#[derive(Clone, Copy)]
pub struct DirectMap(());

/// The kernel as this core sees it.
#[inline]
#[must_use]
pub fn this_core() -> Kernel<DirectMap> {
    Kernel {
        memory: DirectMap(()),
    }
}

/// Word `word` of the object `number`.
#[inline]
fn object_word(number: u64, word: usize) -> *mut u64 {
    let address = opaque::<DIRECT_MAP>().wrapping_add(number << 6);
    pointer::<u64>(address).wrapping_add(word)
}

/// Word `word` of the frame's entry.
#[inline]
fn entry_word(frame: Frame, word: usize) -> *mut u64 {
    let address = opaque::<ENTRIES>().wrapping_add(frame.0.wrapping_mul(ENTRY_BYTES));
    pointer::<u64>(address).wrapping_add(word)
}

/// The frame's kind byte.
#[inline]
fn kind_byte(frame: Frame) -> *mut u8 {
    pointer(opaque::<KINDS>().wrapping_add(frame.0))
}

impl Memory for DirectMap {
    #[inline]
    fn load(&self, number: u64, word: usize) -> u64 {
        let word = object_word(number, word);
        // SAFETY: a word of an object that exists, by the caller's duty: see the module's page.
        unsafe { word.read() }
    }

    #[inline]
    fn store(&self, number: u64, word: usize, value: u64) {
        hook::note_object(number);
        let word = object_word(number, word);
        // SAFETY: a word of an object that exists, by the caller's duty: see the module's page.
        unsafe { word.write(value) }
    }

    #[inline(always)]
    fn core(&self) -> u64 {
        let offset = register::core_object().wrapping_sub(opaque::<DIRECT_MAP>());
        let is_object = offset & 63 == 0 && offset >> 46 == 0;
        // SAFETY: `start.s` put the address of the core's object into the register, once: in the
        // direct map, aligned to a page. With this the compiler need not go by way of the number.
        unsafe { assert_unchecked(is_object) }
        offset >> 6
    }

    #[inline(always)]
    fn hide(&self, value: u64) -> u64 {
        let hidden: u64;
        // SAFETY: no instruction: the value goes in and comes out of a register.
        unsafe {
            asm!("/* {} */", inlateout(reg) value => hidden,
                options(pure, nomem, nostack, preserves_flags));
        }
        hidden
    }

    #[inline]
    fn now(&self) -> u64 {
        hook::now()
    }

    #[inline]
    fn kind(&self, frame: Frame) -> u8 {
        let kind = kind_byte(frame);
        // SAFETY: the frame is described, by the caller's duty: see the module's page.
        unsafe { kind.read() }
    }

    #[inline]
    fn set_kind(&self, frame: Frame, kind: u8) {
        hook::note_entry(frame);
        let place = kind_byte(frame);
        // SAFETY: the frame is described, by the caller's duty: see the module's page.
        unsafe { place.write(kind) }
    }

    #[inline]
    fn entry_load(&self, frame: Frame, word: usize) -> u64 {
        let word = entry_word(frame, word);
        // SAFETY: the frame is described, by the caller's duty: see the module's page.
        unsafe { word.read() }
    }

    #[inline(never)]
    fn zero(&self, frame: Frame) {
        hook::note_object(frame.0 << 6);
        frame::zero(frame_address(frame), frame::FRAME_BYTES);
    }

    #[inline]
    fn copy_message(&self, from: Frame, to: Frame, length: u64) {
        frame::copy_message(from, to, length);
    }

    #[inline(never)]
    fn load_user(&self, frame: Frame, word: u64) -> u64 {
        frame::load(frame, word)
    }

    #[inline(never)]
    fn store_user(&self, frame: Frame, word: u64, value: u64) {
        frame::store(frame, word, value);
    }

    fn save_floating(&self, number: u64) {
        register::save_floating(object_address(number));
    }

    #[inline(always)]
    fn mark_round<const BOUND: u64>(&self) {
        bound::mark_round::<BOUND>();
    }

    #[inline(always)]
    fn mark_seldom<const NUMBER: u64, const BOUND: u64>(&self) {
        bound::mark_seldom::<NUMBER, BOUND>();
    }

    #[inline]
    fn interrupt_pending(&self) -> bool {
        let is_pending = register::interrupt_pending();
        if !is_pending {
            bound::mark_preemption_point();
        }
        is_pending
    }

    #[inline]
    fn publish_tables(&self) {
        effect::publish_tables();
    }

    #[inline]
    fn entry_store(&self, frame: Frame, word: usize, value: u64) {
        hook::note_entry(frame);
        let word = entry_word(frame, word);
        // SAFETY: the frame is described, by the caller's duty: see the module's page.
        unsafe { word.write(value) }
    }
}
