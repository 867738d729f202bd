//! The `svc` instructions: the only place where this crate enters the kernel. Here those of message
//! calls, in [`function`] the others.
//!
//! A message call sends all of `x0`–`x15`, so what the message does not use is cleared here: by
//! `ldp` from two zero words, which takes half as many instructions as clearing one by one.

#![expect(unsafe_code, reason = "entering the kernel")]

mod function;
mod until;

pub(super) use function::{invoke0, invoke1, invoke2, invoke3, invoke4, invoke5};
pub(super) use until::exchange_until;

use core::arch::asm;

use ipc_abi::call::Window;
use ipc_abi::message::{Incoming, Message};
use ipc_abi::tag::Tag;

/// What unused registers are loaded from.
static ZEROS: [u64; 2] = [0; 2];

/// Makes a message call that sends some words and clears the others with `$clear`.
macro_rules! define_message_call {
    (
        $name:ident, [$($clear:literal)*], [$($zeros:tt)*],
        sends [$($sent:tt = $index:tt)*], clears [$($cleared:tt = $place:tt)*]
    ) => {
        #[inline(always)]
        fn $name<const NUMBER: u16>(handle: u32, message: Message, window: Window) -> Incoming {
            let mut words = message.words;
            let (tag, badge);
            // SAFETY: the kernel writes `x0`-`x18` and the flags and preserves the rest (`ABI.md`);
            // of memory it writes the message buffer, which is never behind a reference.
            unsafe {
                asm!(
                    $($clear,)*
                    "svc {number}",
                    number = const NUMBER,
                    $($zeros)*
                    $(inlateout($sent) words[$index],)*
                    $(out($cleared) words[$place],)*
                    inlateout("x16") message.tag.into_raw() => tag,
                    inlateout("x17") u64::from(handle) => badge,
                    inlateout("x18") window.into_raw() => _,
                    options(nostack),
                );
            }
            Incoming { tag: Tag::from_raw(tag), badge, words }
        }
    };
}

define_message_call!(
    exchange0,
    ["ldp x0, x1, [{zeros}]" "ldp x2, x3, [{zeros}]" "ldp x4, x5, [{zeros}]"
     "ldp x6, x7, [{zeros}]" "ldp x8, x9, [{zeros}]" "ldp x10, x11, [{zeros}]"
     "ldp x12, x13, [{zeros}]" "ldp x14, x15, [{zeros}]"],
    [zeros = in(reg) &raw const ZEROS,],
    sends [],
    clears ["x0" = 0 "x1" = 1 "x2" = 2 "x3" = 3 "x4" = 4 "x5" = 5 "x6" = 6 "x7" = 7 "x8" = 8
            "x9" = 9 "x10" = 10 "x11" = 11 "x12" = 12 "x13" = 13 "x14" = 14 "x15" = 15]
);

define_message_call!(
    exchange2,
    ["ldp x2, x3, [{zeros}]" "ldp x4, x5, [{zeros}]" "ldp x6, x7, [{zeros}]"
     "ldp x8, x9, [{zeros}]" "ldp x10, x11, [{zeros}]" "ldp x12, x13, [{zeros}]"
     "ldp x14, x15, [{zeros}]"],
    [zeros = in(reg) &raw const ZEROS,],
    sends ["x0" = 0 "x1" = 1],
    clears ["x2" = 2 "x3" = 3 "x4" = 4 "x5" = 5 "x6" = 6 "x7" = 7 "x8" = 8 "x9" = 9 "x10" = 10
            "x11" = 11 "x12" = 12 "x13" = 13 "x14" = 14 "x15" = 15]
);

define_message_call!(
    exchange4,
    ["ldp x4, x5, [{zeros}]" "ldp x6, x7, [{zeros}]" "ldp x8, x9, [{zeros}]"
     "ldp x10, x11, [{zeros}]" "ldp x12, x13, [{zeros}]" "ldp x14, x15, [{zeros}]"],
    [zeros = in(reg) &raw const ZEROS,],
    sends ["x0" = 0 "x1" = 1 "x2" = 2 "x3" = 3],
    clears ["x4" = 4 "x5" = 5 "x6" = 6 "x7" = 7 "x8" = 8 "x9" = 9 "x10" = 10 "x11" = 11
            "x12" = 12 "x13" = 13 "x14" = 14 "x15" = 15]
);

define_message_call!(
    exchange8,
    ["ldp x8, x9, [{zeros}]" "ldp x10, x11, [{zeros}]" "ldp x12, x13, [{zeros}]"
     "ldp x14, x15, [{zeros}]"],
    [zeros = in(reg) &raw const ZEROS,],
    sends ["x0" = 0 "x1" = 1 "x2" = 2 "x3" = 3 "x4" = 4 "x5" = 5 "x6" = 6 "x7" = 7],
    clears ["x8" = 8 "x9" = 9 "x10" = 10 "x11" = 11 "x12" = 12 "x13" = 13 "x14" = 14 "x15" = 15]
);

define_message_call!(
    exchange16,
    [],
    [],
    sends ["x0" = 0 "x1" = 1 "x2" = 2 "x3" = 3 "x4" = 4 "x5" = 5 "x6" = 6 "x7" = 7 "x8" = 8
           "x9" = 9 "x10" = 10 "x11" = 11 "x12" = 12 "x13" = 13 "x14" = 14 "x15" = 15],
    clears []
);

/// Makes a call of the `wait` family, which sends no message: the kernel looks at `x17` alone.
#[inline(always)]
pub(super) fn wait_for<const NUMBER: u16>(handle: u32) -> (u64, Tag) {
    let (bits, tag);
    // SAFETY: as for the other message calls.
    unsafe {
        asm!(
            "svc {number}",
            number = const NUMBER,
            lateout("x0") bits, lateout("x1") _, lateout("x2") _, lateout("x3") _,
            lateout("x4") _, lateout("x5") _, lateout("x6") _, lateout("x7") _,
            lateout("x8") _, lateout("x9") _, lateout("x10") _, lateout("x11") _,
            lateout("x12") _, lateout("x13") _, lateout("x14") _, lateout("x15") _,
            lateout("x16") tag,
            inlateout("x17") u64::from(handle) => _,
            lateout("x18") _,
            options(nostack),
        );
    }
    (bits, Tag::from_raw(tag))
}

/// Makes the message call `NUMBER` with `message`, of which at most the first `used_words` words are
/// not zero: the fewer, the fewer instructions, if it is a constant.
#[inline(always)]
pub(super) fn exchange<const NUMBER: u16>(
    handle: u32,
    message: Message,
    window: Window,
    used_words: usize,
) -> Incoming {
    match used_words {
        0 => exchange0::<NUMBER>(handle, message, window),
        1 | 2 => exchange2::<NUMBER>(handle, message, window),
        3 | 4 => exchange4::<NUMBER>(handle, message, window),
        5..=8 => exchange8::<NUMBER>(handle, message, window),
        _ => exchange16::<NUMBER>(handle, message, window),
    }
}
