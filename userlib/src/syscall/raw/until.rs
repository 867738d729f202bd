//! The `svc` instructions of the message calls with a deadline, which stands in `x20`.

#![expect(unsafe_code, reason = "entering the kernel")]

use core::arch::asm;

use ipc_abi::call::Window;
use ipc_abi::message::{Incoming, Message};
use ipc_abi::tag::Tag;

use super::ZEROS;

/// Makes the message call `NUMBER` with `message`, of which at most the first `used_words` words are
/// not zero, and `deadline`. No words take fewer instructions, if that is a constant.
#[inline(always)]
pub(in crate::syscall) fn exchange_until<const NUMBER: u16>(
    handle: u32,
    message: Message,
    (window, deadline): (Window, u64),
    used_words: usize,
) -> Incoming {
    if used_words == 0 {
        exchange_none::<NUMBER>(handle, message.tag, window, deadline)
    } else {
        exchange_all::<NUMBER>(handle, message, window, deadline)
    }
}

/// Makes a call that sends no words.
#[inline(always)]
fn exchange_none<const NUMBER: u16>(
    handle: u32,
    sent: Tag,
    window: Window,
    deadline: u64,
) -> Incoming {
    let mut words = [0; 16];
    let (tag, badge);
    // SAFETY: as for the other message calls; `x20` is only read.
    unsafe {
        asm!(
            "ldp x0, x1, [{zeros}]", "ldp x2, x3, [{zeros}]", "ldp x4, x5, [{zeros}]",
            "ldp x6, x7, [{zeros}]", "ldp x8, x9, [{zeros}]", "ldp x10, x11, [{zeros}]",
            "ldp x12, x13, [{zeros}]", "ldp x14, x15, [{zeros}]",
            "svc {number}",
            number = const NUMBER,
            zeros = in(reg) &raw const ZEROS,
            out("x0") words[0], out("x1") words[1], out("x2") words[2], out("x3") words[3],
            out("x4") words[4], out("x5") words[5], out("x6") words[6], out("x7") words[7],
            out("x8") words[8], out("x9") words[9], out("x10") words[10], out("x11") words[11],
            out("x12") words[12], out("x13") words[13], out("x14") words[14],
            out("x15") words[15],
            inlateout("x16") sent.into_raw() => tag,
            inlateout("x17") u64::from(handle) => badge,
            inlateout("x18") window.into_raw() => _,
            in("x20") deadline,
            options(nostack),
        );
    }
    Incoming {
        tag: Tag::from_raw(tag),
        badge,
        words,
    }
}

/// Makes a call that sends all words.
#[inline(always)]
fn exchange_all<const NUMBER: u16>(
    handle: u32,
    message: Message,
    window: Window,
    deadline: u64,
) -> Incoming {
    let mut words = message.words;
    let (tag, badge);
    // SAFETY: as for the other message calls; `x20` is only read.
    unsafe {
        asm!(
            "svc {number}",
            number = const NUMBER,
            inlateout("x0") words[0], inlateout("x1") words[1], inlateout("x2") words[2],
            inlateout("x3") words[3], inlateout("x4") words[4], inlateout("x5") words[5],
            inlateout("x6") words[6], inlateout("x7") words[7], inlateout("x8") words[8],
            inlateout("x9") words[9], inlateout("x10") words[10], inlateout("x11") words[11],
            inlateout("x12") words[12], inlateout("x13") words[13], inlateout("x14") words[14],
            inlateout("x15") words[15],
            inlateout("x16") message.tag.into_raw() => tag,
            inlateout("x17") u64::from(handle) => badge,
            inlateout("x18") window.into_raw() => _,
            in("x20") deadline,
            options(nostack),
        );
    }
    Incoming {
        tag: Tag::from_raw(tag),
        badge,
        words,
    }
}
