//! The `svc` instructions of function calls: what a Rust function may change, they may.

use core::arch::asm;

/// Makes a function call with the arguments `x0`–`x4`; returns `x0` and `x1`.
macro_rules! define_function_call {
    ($name:ident: $($argument:ident in $register:tt),*; $($clobbered:tt)*) => {
        /// Makes the function call `NUMBER`; returns the status and the value.
        #[inline(always)]
        pub(in crate::syscall) fn $name<const NUMBER: u16>($($argument: u64),*) -> (u64, u64) {
            let (status, value);
            // SAFETY: the kernel writes `x0`-`x18` and the flags and preserves the rest (`ABI.md`);
            // what it does to memory it does as the capabilities of this process allow.
            unsafe {
                asm!(
                    "svc {number}",
                    number = const NUMBER,
                    $(in($register) $argument,)*
                    lateout("x0") status, lateout("x1") value,
                    $(lateout($clobbered) _,)*
                    lateout("x5") _, lateout("x6") _, lateout("x7") _, lateout("x8") _,
                    lateout("x9") _, lateout("x10") _, lateout("x11") _, lateout("x12") _,
                    lateout("x13") _, lateout("x14") _, lateout("x15") _, lateout("x16") _,
                    lateout("x17") _, lateout("x18") _,
                    options(nostack),
                );
            }
            (status, value)
        }
    };
}

define_function_call!(invoke0: ; "x2" "x3" "x4");
define_function_call!(invoke1: a in "x0"; "x2" "x3" "x4");
define_function_call!(invoke2: a in "x0", b in "x1"; "x2" "x3" "x4");
define_function_call!(invoke3: a in "x0", b in "x1", c in "x2"; "x2" "x3" "x4");
define_function_call!(invoke4: a in "x0", b in "x1", c in "x2", d in "x3"; "x2" "x3" "x4");
define_function_call!(
    invoke5: a in "x0", b in "x1", c in "x2", d in "x3", e in "x4"; "x2" "x3" "x4"
);
