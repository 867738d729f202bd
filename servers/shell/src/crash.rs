//! Panics that happen in a library, of whose reports the functions here are to be named.
//!
//! What goes wrong is hidden from the compiler, which would leave the library's part out. Each function
//! stays one: of inlined ones that end with the same call the compiler may make one call, and that
//! belongs to the function around them.

use alloc::vec::Vec;
use core::hint::black_box;

/// Four of something.
const FOUR: [u8; 4] = [1, 2, 3, 4];
/// The place of none of them.
const PLACE: usize = 9;

/// Unwraps nothing.
#[inline(never)]
pub(crate) fn unwrap() {
    let nothing: Option<u8> = black_box(None);
    black_box(nothing.unwrap());
}

/// Takes an element of an array that has not so many.
#[inline(never)]
pub(crate) fn index() {
    black_box(black_box(FOUR)[black_box(PLACE)]);
}

/// Takes a part of an array that is not so long.
#[inline(never)]
pub(crate) fn slice() {
    black_box(&black_box(&FOUR)[..black_box(PLACE)]);
}

/// Asks for more memory than there is.
#[inline(never)]
pub(crate) fn exhaust_memory() {
    let bytes = black_box(isize::MAX.unsigned_abs());
    black_box(Vec::<u8>::with_capacity(bytes));
}
