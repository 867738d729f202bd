//! Where there is no kernel: the same functions, which cannot be called.
//!
//! They let everything else of this crate, and the servers, be compiled and tested on the host.

use ipc_abi::call::Window;
use ipc_abi::message::{Incoming, Message};
use ipc_abi::tag::Tag;

macro_rules! define_function_call {
    ($($name:ident($($argument:ident),*))*) => {$(
        pub(super) fn $name<const NUMBER: u16>($($argument: u64),*) -> (u64, u64) {
            let arguments: &[u64] = &[$($argument),*];
            panic!("system call {NUMBER} with {arguments:?}: there is no kernel here");
        }
    )*};
}

define_function_call! {
    invoke0() invoke1(a) invoke2(a, b) invoke3(a, b, c) invoke4(a, b, c, d) invoke5(a, b, c, d, e)
}

pub(super) fn wait_for<const NUMBER: u16>(handle: u32) -> (u64, Tag) {
    panic!("system call {NUMBER} on handle {handle}: there is no kernel here");
}

pub(super) fn exchange_until<const NUMBER: u16>(
    handle: u32,
    _message: Message,
    _deadline: (Window, u64),
    _used_words: usize,
) -> Incoming {
    panic!("system call {NUMBER} on handle {handle}: there is no kernel here");
}

pub(super) fn exchange<const NUMBER: u16>(
    handle: u32,
    _message: Message,
    _window: Window,
    _used_words: usize,
) -> Incoming {
    panic!("system call {NUMBER} on handle {handle}: there is no kernel here");
}
