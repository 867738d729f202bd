//! The loops that serve raw messages; each ends when a call of method [`LEAVE`] was answered.

use ipc_abi::call::Window;
use ipc_abi::message::{Incoming, Message};
use ipc_abi::service::bench_partner::{BALL_BIT, CLEAN, LEAVE, LONG_BYTES, MEASURED, STOP_BIT};
use ipc_abi::tag::{MessageKind, Tag};
use userlib::{Endpoint, Fault, FaultAnswer, read_cycles, syscall};

use crate::service::Slots;

/// Bytes of an instruction.
const INSTRUCTION_BYTES: u64 = 4;

/// Answers calls with empty messages.
pub fn serve_empty(endpoint: Endpoint) {
    let mut request = endpoint.receive();
    while request.tag.method() == MEASURED && is_call(request) {
        request = endpoint.reply_receive(Message::empty(0));
    }
    end(request);
}

/// Answers calls with the first `BYTES` bytes of words that came.
pub fn serve_words<const BYTES: u16>(endpoint: Endpoint) {
    let mut request = endpoint.receive();
    while request.tag.method() == MEASURED && is_call(request) {
        let reply = Message {
            tag: Tag::new(MEASURED, BYTES),
            words: request.words,
        };
        request = endpoint.reply_receive(reply);
    }
    end(request);
}

/// Answers long messages with what they brought, which is still in the message buffer.
pub fn serve_long(endpoint: Endpoint) {
    let tag = Tag::new(MEASURED, LONG_BYTES).with_long();
    let mut request = endpoint.receive();
    while request.tag.method() == MEASURED && is_call(request) {
        request = endpoint.reply_receive(Message {
            tag,
            ..Message::default()
        });
    }
    end(request);
}

/// Takes a capability with each call, and deletes it when asked to.
pub fn serve_capability(endpoint: Endpoint, slots: Slots) {
    let window = Window::new(slots.first, 1);
    let mut request = syscall::receive(endpoint.handle(), window);
    loop {
        match request.tag.method() {
            MEASURED if is_call(request) => {}
            CLEAN if is_call(request) => slots.empty(0),
            _ => break,
        }
        request = syscall::reply_receive(endpoint.handle(), Message::empty(0), window);
    }
    slots.empty(0);
    end(request);
}

/// Takes a notification and a gate, then answers each signal with a signal.
pub fn serve_ping_pong(endpoint: Endpoint, slots: Slots) {
    let request = syscall::receive(endpoint.handle(), Window::new(slots.first, 2));
    end(request);
    if request.tag.capabilities() == 2 {
        let (notification, gate) = (slots.first, slots.first.saturating_add(1));
        while syscall::wait(notification) == Ok(BALL_BIT) {
            if syscall::signal(gate).is_err() {
                break;
            }
        }
    }
    slots.empty(0);
    slots.empty(1);
}

/// Takes a notification, then tells after each signal when it woke this thread.
pub fn serve_wake(endpoint: Endpoint, slots: Slots) {
    let request = syscall::receive(endpoint.handle(), Window::new(slots.first, 1));
    end(request);
    if request.tag.capabilities() == 1 {
        loop {
            let bits = syscall::wait(slots.first);
            let woken = read_cycles();
            if bits != Ok(BALL_BIT) {
                break;
            }
            end_with(endpoint.receive(), woken);
        }
    }
    slots.empty(0);
}

/// Lets threads that fault go on behind the instruction.
pub fn serve_faults(endpoint: Endpoint) {
    let mut message = endpoint.receive();
    while message.tag.kind() == Some(MessageKind::Fault) {
        let fault = Fault::from_message(&message);
        let next = fault.program_counter.wrapping_add(INSTRUCTION_BYTES);
        message = endpoint.reply_receive(FaultAnswer::ContinueAt(next).into_message());
    }
    end(message);
}

/// Whether `message` is an ordinary call.
#[inline(always)]
fn is_call(message: Incoming) -> bool {
    message.tag.into_raw() & Tag::KERNEL_BITS == 0
}

/// Answers the call that ended a mode: with status 0 if it was [`LEAVE`] or the first of
/// [`serve_ping_pong`] or [`serve_wake`], with its own method otherwise.
fn end(request: Incoming) {
    let method = request.tag.method();
    let status = if method == LEAVE || method == MEASURED {
        0
    } else {
        method
    };
    // The caller may be gone: then there is nobody to be answered.
    let _ = syscall::reply(Message::empty(status));
}

/// Answers a call of method [`MEASURED`] with one word, any other with its own method.
fn end_with(request: Incoming, word: u64) {
    if request.tag.method() != MEASURED {
        return end(request);
    }
    let mut message = Message {
        tag: Tag::new(MEASURED, 8),
        ..Message::default()
    };
    if let Some(first) = message.words.first_mut() {
        *first = word;
    }
    // The caller may be gone: then there is nobody to be answered.
    let _ = syscall::reply(message);
}

const _: () = assert!(BALL_BIT != STOP_BIT, "a ball is told from the end");
