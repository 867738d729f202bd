//! The figures: what is measured, by name.

use core::cell::Cell;
use core::hint::black_box;

use ipc_abi::call::{SystemCall, Window};
use ipc_abi::error::Error;
use ipc_abi::message::{Incoming, LongWriter, Message};
use ipc_abi::service::bench::{BenchError, Grant};
use ipc_abi::service::bench_partner::{BALL_BIT, CLEAN, LONG_BYTES, MEASURED, mode};
use ipc_abi::tag::Tag;
use userlib::{MessageBuffer, kernel_info, read_ticks, syscall};

use crate::crowd;
use crate::encode;
use crate::interrupt::measure_interrupt;
use crate::mapping;
use crate::measure::{measure, measure_prepared, measure_until};
use crate::partner::{check, no_answer, with_capabilities};
use crate::rig::Rig;
use crate::ring;
use crate::samples::Summary;
use crate::workbench::refused;
use crate::worker::{job, read_summary};

/// How a figure is measured.
pub type Measurement = fn(&mut Rig) -> Result<Summary, BenchError>;

/// Every figure, in the order in which they are measured.
pub const FIGURES: &[(&str, Measurement)] = &[
    ("ipc/call-reply/0-words", measure_words_0),
    (
        "ipc/call-reply/4-words",
        measure_words::<{ mode::WORDS_4 }, 4>,
    ),
    (
        "ipc/call-reply/16-words",
        measure_words::<{ mode::WORDS_16 }, 16>,
    ),
    ("ipc/call-reply/same-space", measure_same_space),
    ("ipc/call-reply/floating-point", measure_floating),
    ("ipc/call-reply/typed", measure_typed),
    ("ipc/call-reply/string-64", measure_text),
    ("ipc/call-reply/1024-bytes", measure_long),
    ("ipc/call-reply/deadline", measure_deadline),
    ("ipc/encode/two-scalars", encode::measure_two_scalars),
    ("ipc/call/one-capability", measure_capability),
    ("ipc/ring/no-op", ring::measure_no_op),
    ("ipc/ring/typed", ring::measure_typed),
    ("ipc/signal/no-waiter", measure_signal),
    ("ipc/signal/to-higher-priority", measure_wake),
    ("ipc/signal/ping-pong", measure_ping_pong),
    ("interrupt/to-user", measure_interrupt),
    ("syscall/null", measure_null),
    ("thread/yield-round-trip", measure_yield),
    ("fault/exception-round-trip", measure_fault),
    ("fault/page-fault-round-trip", measure_page_fault),
    ("memory/map-page", mapping::measure_map),
    ("memory/unmap-page", mapping::measure_unmap),
    ("memory/protect-page", mapping::measure_protect),
    ("memory/map-512-pages", mapping::measure_map_range),
    ("memory/unmap-512-pages", mapping::measure_unmap_range),
    ("memory/destroy-gate", crowd::measure_destroy_gate),
    (
        "memory/destroy-gate-10000",
        crowd::measure_destroy_gate_of_many,
    ),
    ("memory/destroy-endpoint", crowd::measure_destroy_endpoint),
    (
        "memory/destroy-endpoint-10000",
        crowd::measure_destroy_endpoint_of_many,
    ),
    (
        "ipc/call-reply/0-words-100",
        crowd::measure_crowded::<{ crowd::FEW }>,
    ),
    (
        "ipc/call-reply/0-words-10000",
        crowd::measure_crowded::<{ crowd::MANY }>,
    ),
];

/// How many operations one round of a figure is: its figure is that of each.
#[must_use]
pub fn operations_of(name: &str) -> u64 {
    if name.ends_with("-512-pages") {
        mapping::RANGE_PAGES
    } else if name.starts_with("ipc/ring/") {
        ring::BATCH as u64
    } else {
        1
    }
}

pub(crate) fn measure_words_0(rig: &mut Rig) -> Result<Summary, BenchError> {
    let gate = rig.partner.handle();
    rig.partner
        .in_mode(mode::EMPTY, || measure_empty_calls(gate))
}

fn measure_same_space(rig: &mut Rig) -> Result<Summary, BenchError> {
    measure_empty_calls(rig.worker)
}

fn measure_empty_calls(gate: u32) -> Result<Summary, BenchError> {
    measure(
        || syscall::call(gate, Message::empty(MEASURED)),
        |reply| check(reply).map(drop),
    )
}

/// Measures calls of `COUNT` words that come back.
fn measure_words<const MODE: u64, const COUNT: usize>(
    rig: &mut Rig,
) -> Result<Summary, BenchError> {
    let gate = rig.partner.handle();
    let mut message = Message {
        tag: words_tag(COUNT),
        ..Message::default()
    };
    for (word, value) in message.words.iter_mut().zip(1..=COUNT as u64) {
        *word = value;
    }
    let expected = message.words;
    let words = black_box(message.words);
    rig.partner.in_mode(MODE, || {
        measure(
            || {
                syscall::call(
                    gate,
                    Message {
                        tag: words_tag(COUNT),
                        words,
                    },
                )
            },
            |reply| match check(reply)? {
                Incoming { words, .. } if words == expected => Ok(()),
                _ => Err(BenchError::PartnerMisbehavior),
            },
        )
    })
}

/// The tag of a message of `count` words.
#[inline(always)]
const fn words_tag(count: usize) -> Tag {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a message has at most 16 words"
    )]
    Tag::new(MEASURED, (count * 8) as u16)
}

fn measure_typed(rig: &mut Rig) -> Result<Summary, BenchError> {
    let mut client = rig.partner.client();
    let (left, right) = (black_box(20), black_box(22));
    measure(
        || client.add(left, right),
        |sum| match sum {
            Ok(42) => Ok(()),
            Ok(_) => Err(BenchError::PartnerMisbehavior),
            Err(error) => Err(no_answer(error)),
        },
    )
}

fn measure_text(rig: &mut Rig) -> Result<Summary, BenchError> {
    const TEXT: &str = "a text of sixty-four bytes, as long as the path of a file can be";
    const { assert!(TEXT.len() == 64) };
    let mut client = rig.partner.client();
    let text = black_box(TEXT);
    measure(
        || client.measure_text(text),
        |answer| match answer {
            Ok(answer) if answer == 64 | u32::from(b'a') << 8 => Ok(()),
            Ok(_) => Err(BenchError::PartnerMisbehavior),
            Err(error) => Err(no_answer(error)),
        },
    )
}

fn measure_long(rig: &mut Rig) -> Result<Summary, BenchError> {
    let gate = rig.partner.handle();
    let tag = Tag::new(MEASURED, LONG_BYTES).with_long();
    rig.partner.in_mode(mode::LONG, || {
        let bytes = [0x5A; LONG_BYTES as usize];
        let written = MessageBuffer.write(0, &bytes);
        written.map_err(|_| BenchError::NotGranted(Grant::Buffer))?;
        measure(
            || {
                syscall::call(
                    gate,
                    Message {
                        tag,
                        ..Message::default()
                    },
                )
            },
            |reply| match check(reply)? {
                reply if reply.tag == tag => Ok(()),
                _ => Err(BenchError::PartnerMisbehavior),
            },
        )
    })
}

/// Measures empty calls with a deadline a second ahead.
fn measure_deadline(rig: &mut Rig) -> Result<Summary, BenchError> {
    let gate = rig.partner.handle();
    let second = kernel_info().counter_hertz;
    let deadline = Cell::new(0);
    rig.partner.in_mode(mode::EMPTY, || {
        measure_prepared(
            || {
                deadline.set(read_ticks().saturating_add(second));
                Ok(())
            },
            || syscall::call_until(gate, Message::empty(MEASURED), Window::NONE, deadline.get()),
            |reply| check(reply).map(drop),
        )
    })
}

fn measure_capability(rig: &mut Rig) -> Result<Summary, BenchError> {
    let gate = rig.partner.handle();
    let message = with_capabilities(MEASURED, &[rig.idle.gate]);
    rig.partner.in_mode(mode::CAPABILITY, || {
        measure_prepared(
            || check(syscall::call(gate, Message::empty(CLEAN))).map(drop),
            || syscall::call(gate, message),
            |reply| check(reply).map(drop),
        )
    })
}

fn measure_signal(rig: &mut Rig) -> Result<Summary, BenchError> {
    let idle = rig.idle;
    measure_prepared(
        || match syscall::try_wait(idle.notification) {
            Ok(_) | Err(Error::WouldBlock) => Ok(()),
            Err(error) => Err(refused(SystemCall::TryWait)(error)),
        },
        || syscall::signal(idle.gate),
        |result| result.map_err(refused(SystemCall::Signal)),
    )
}

/// Measures a signal up to where the partner, which is more important, was woken by it.
fn measure_wake(rig: &mut Rig) -> Result<Summary, BenchError> {
    let (gate, ping) = (rig.partner.handle(), rig.ping);
    rig.partner.enter(mode::WAKE)?;
    let capabilities = with_capabilities(MEASURED, &[ping.notification]);
    check(syscall::call(gate, capabilities))?;
    let result = measure_until(
        &mut (),
        |()| syscall::signal(ping.gate),
        |(), signalled| {
            signalled.map_err(refused(SystemCall::Signal))?;
            let [woken, ..] = check(syscall::call(gate, Message::empty(MEASURED)))?.words;
            Ok(woken)
        },
    );
    syscall::signal(rig.stop).map_err(refused(SystemCall::Signal))?;
    result
}

/// Measures a signal to the partner and the wait for its signal. The partner is more important than
/// the caller whose time is spent, so it runs at once.
fn measure_ping_pong(rig: &mut Rig) -> Result<Summary, BenchError> {
    let (gate, ping, pong) = (rig.partner.handle(), rig.ping, rig.pong);
    rig.partner.enter(mode::PING_PONG)?;
    let capabilities = with_capabilities(MEASURED, &[ping.notification, pong.gate]);
    check(syscall::call(gate, capabilities))?;
    let result = measure(
        || {
            let signalled = syscall::signal(ping.gate);
            (signalled, syscall::wait(pong.notification))
        },
        |outcome| match outcome {
            (Ok(()), Ok(BALL_BIT)) => Ok(()),
            (Ok(()), Ok(_)) => Err(BenchError::PartnerMisbehavior),
            (Err(error), _) => Err(refused(SystemCall::Signal)(error)),
            (Ok(()), Err(error)) => Err(refused(SystemCall::Wait)(error)),
        },
    );
    syscall::signal(rig.stop).map_err(refused(SystemCall::Signal))?;
    result
}

fn measure_null(_rig: &mut Rig) -> Result<Summary, BenchError> {
    measure(syscall::null, |result| {
        result.map_err(refused(SystemCall::Null))
    })
}

fn measure_yield(rig: &mut Rig) -> Result<Summary, BenchError> {
    check(syscall::call(rig.worker, Message::empty(job::YIELD)))?;
    let reply = syscall::call(rig.worker, Message::empty(job::COLLECT));
    read_summary(&reply).ok_or(BenchError::NoTurns)
}

fn measure_floating(rig: &mut Rig) -> Result<Summary, BenchError> {
    let reply = syscall::call(rig.floating, Message::empty(job::FLOATING));
    read_summary(&reply).ok_or(BenchError::PartnerMisbehavior)
}

fn measure_page_fault(rig: &mut Rig) -> Result<Summary, BenchError> {
    let mut message = Message {
        tag: Tag::new(job::PAGE_FAULT, 8),
        ..Message::default()
    };
    if let Some(word) = message.words.first_mut() {
        *word = u64::from(rig.space);
    }
    let reply = syscall::call(rig.paging, message);
    read_summary(&reply).ok_or(BenchError::PartnerMisbehavior)
}

fn measure_fault(rig: &mut Rig) -> Result<Summary, BenchError> {
    let worker = rig.worker;
    rig.partner.in_mode(mode::FAULT, || {
        let reply = syscall::call(worker, Message::empty(job::FAULT));
        read_summary(&reply).ok_or(BenchError::PartnerMisbehavior)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_abi::service::bench::FIGURE_NAME_BYTES;

    #[test]
    fn names_are_short_and_different() {
        for (index, (name, _)) in FIGURES.iter().enumerate() {
            assert!(name.len() <= FIGURE_NAME_BYTES, "{name}");
            assert!(
                FIGURES
                    .iter()
                    .skip(index + 1)
                    .all(|(other, _)| other != name),
                "{name}"
            );
        }
    }

    #[test]
    fn a_figure_of_512_pages_is_that_of_each() {
        assert_eq!(operations_of("memory/map-512-pages"), 512);
        assert_eq!(operations_of("memory/map-page"), 1);
    }

    #[test]
    fn a_tag_of_words_has_their_length() {
        assert_eq!(words_tag(4), Tag::new(0, 32));
        assert_eq!(words_tag(16), Tag::new(0, 128));
    }
}
