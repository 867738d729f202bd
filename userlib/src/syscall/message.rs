//! The message calls.
//!
//! What comes back is what the kernel left in the registers: look at the tag's kind first.
//!
//! What a message does not use, as its tag says, is cleared on the way out. Where the tag is a
//! constant, the right instructions are chosen when the program is compiled.

use ipc_abi::call::{SystemCall, Window};
use ipc_abi::error::Error;
use ipc_abi::message::{Incoming, Message};
use ipc_abi::tag::{MessageKind, Tag};

use super::raw::{exchange, exchange_until, wait_for};

/// Sends `message` through `gate` and waits for the reply.
#[inline(always)]
pub fn call(gate: u32, message: Message) -> Incoming {
    exchange::<{ SystemCall::Call as u16 }>(gate, message, Window::NONE, message.used_words())
}

/// `call` with a message of which at most the first `used_words` words are not zero: the fewer, the
/// fewer instructions. Meant for a constant.
#[inline(always)]
pub fn call_short(gate: u32, message: Message, used_words: usize) -> Incoming {
    exchange::<{ SystemCall::Call as u16 }>(gate, message, Window::NONE, used_words)
}

/// `call`, with a place for capabilities that come with the reply.
#[inline(always)]
pub fn call_with_window(gate: u32, message: Message, window: Window) -> Incoming {
    exchange::<{ SystemCall::Call as u16 }>(gate, message, window, message.used_words())
}

/// Answers the current caller with `message`, then receives from `endpoint`.
#[inline(always)]
pub fn reply_receive(endpoint: u32, message: Message, window: Window) -> Incoming {
    exchange::<{ SystemCall::ReplyReceive as u16 }>(endpoint, message, window, message.used_words())
}

/// `reply_receive` with a reply of which at most the first `used_words` words are not zero, and
/// without a window.
#[inline(always)]
pub fn reply_receive_short(endpoint: u32, message: Message, used_words: usize) -> Incoming {
    exchange::<{ SystemCall::ReplyReceive as u16 }>(endpoint, message, Window::NONE, used_words)
}

/// Receives from `endpoint`.
#[inline(always)]
pub fn receive(endpoint: u32, window: Window) -> Incoming {
    exchange::<{ SystemCall::Receive as u16 }>(endpoint, Message::empty(0), window, 0)
}

/// Sends `message` one way through `gate`; waits for a receiver.
///
/// # Errors
///
/// Those of the gate; `BadArgument`, `TooLong`, `NoBuffer`, `NoSlots`, `NoTime`, `Died`.
#[inline(always)]
pub fn send(gate: u32, message: Message) -> Result<(), Error> {
    done(exchange::<{ SystemCall::Send as u16 }>(
        gate,
        message,
        Window::NONE,
        message.used_words(),
    ))
}

/// `call`, but refuses with `WouldBlock` when nobody is receiving.
#[inline(always)]
pub fn try_call(gate: u32, message: Message, window: Window) -> Incoming {
    exchange::<{ SystemCall::TryCall as u16 }>(gate, message, window, message.used_words())
}

/// `send`, but refuses when nobody is receiving.
///
/// # Errors
///
/// `WouldBlock`, and those of `send`.
#[inline(always)]
pub fn try_send(gate: u32, message: Message) -> Result<(), Error> {
    done(exchange::<{ SystemCall::TrySend as u16 }>(
        gate,
        message,
        Window::NONE,
        message.used_words(),
    ))
}

/// `receive`, but refuses with `WouldBlock` when nothing is there.
#[inline(always)]
pub fn try_receive(endpoint: u32, window: Window) -> Incoming {
    exchange::<{ SystemCall::TryReceive as u16 }>(endpoint, Message::empty(0), window, 0)
}

/// Answers the current caller with `message` and goes on.
///
/// # Errors
///
/// `NoCaller`, `NoTime`, `BadArgument`, `TooLong`, `NoBuffer`, `NoRight`.
#[inline(always)]
pub fn reply(message: Message) -> Result<(), Error> {
    done(exchange::<{ SystemCall::Reply as u16 }>(
        0,
        message,
        Window::NONE,
        message.used_words(),
    ))
}

/// Answers the caller saved in the reply object `saved` with `message` and goes on.
///
/// # Errors
///
/// Those of the handle; `NoCaller`, `BadArgument`, `TooLong`, `NoBuffer`, `NoRight`.
#[inline(always)]
pub fn reply_to(saved: u32, message: Message) -> Result<(), Error> {
    done(exchange::<{ SystemCall::ReplyTo as u16 }>(
        saved,
        message,
        Window::NONE,
        message.used_words(),
    ))
}

/// Waits for `notification` and takes its bits.
///
/// # Errors
///
/// Those of the handle; `InUse`, `Died`.
#[inline(always)]
pub fn wait(notification: u32) -> Result<u64, Error> {
    let (bits, tag) = wait_for::<{ SystemCall::Wait as u16 }>(notification);
    if tag == SIGNALS {
        return Ok(bits);
    }
    check(tag).map(|()| bits)
}

/// The tag with which signals come.
const SIGNALS: Tag = Tag::new(0, 0).with_kind(MessageKind::Signal);

/// `wait`, but refuses when no bit is set.
///
/// # Errors
///
/// `WouldBlock`, and those of `wait`.
#[inline(always)]
pub fn try_wait(notification: u32) -> Result<u64, Error> {
    let (bits, tag) = wait_for::<{ SystemCall::TryWait as u16 }>(notification);
    check(tag).map(|()| bits)
}

/// `call` that is refused with `TimedOut` if the counter reaches `deadline` before the reply comes:
/// the reply, if it still comes, is dropped.
#[inline(always)]
pub fn call_until(gate: u32, message: Message, window: Window, deadline: u64) -> Incoming {
    exchange_until::<{ SystemCall::CallUntil as u16 }>(
        gate,
        message,
        (window, deadline),
        message.used_words(),
    )
}

/// `receive` that is refused with `TimedOut` if the counter reaches `deadline` before anything comes.
#[inline]
pub fn receive_until(endpoint: u32, window: Window, deadline: u64) -> Incoming {
    exchange_until::<{ SystemCall::ReceiveUntil as u16 }>(
        endpoint,
        Message::empty(0),
        (window, deadline),
        0,
    )
}

/// `wait` until the counter reaches `deadline` at most.
///
/// # Errors
///
/// `TimedOut`, and those of `wait`.
#[inline]
pub fn wait_until(notification: u32, deadline: u64) -> Result<u64, Error> {
    bits(exchange_until::<{ SystemCall::WaitUntil as u16 }>(
        notification,
        Message::empty(0),
        (Window::NONE, deadline),
        0,
    ))
}

#[inline(always)]
fn done(answer: Incoming) -> Result<(), Error> {
    check(answer.tag)
}

#[inline(always)]
fn bits(answer: Incoming) -> Result<u64, Error> {
    check(answer.tag).map(|()| answer.words[0])
}

#[inline(always)]
fn check(tag: Tag) -> Result<(), Error> {
    if tag.into_raw() & Tag::KERNEL_BITS == Tag::default().into_raw() {
        return Ok(());
    }
    tag.error().map_or(Ok(()), Err)
}
