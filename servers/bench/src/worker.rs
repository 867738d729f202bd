//! The worker: a second thread in the bench program's own space.
//!
//! It is the other side of the call in the same space, and it does what cannot be done on the time of
//! a caller or with the bench program's own fault handler: it yields and it faults. It serves raw
//! messages; what it measured is in the first words of the reply.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::Access;
use ipc_abi::message::{Incoming, Message};
use ipc_abi::service::bench::BenchError;
use ipc_abi::service::bench_partner::PartnerClient;
use ipc_abi::tag::{MessageKind, Tag};
use userlib::{
    Endpoint, FaultAnswer, Gate, provoke_load, provoke_undefined, syscall, use_floating,
};

use crate::measure::measure;
use crate::partner::{check, no_answer};
use crate::rig::MAP_ADDRESS;
use crate::samples::{ROUNDS, Summary, WARM_UP_ROUNDS};

use crate::workbench::refused;

/// What the worker is asked: the method of the message.
pub mod job {
    /// Answers with an empty message: the call that is measured.
    pub const ECHO: u16 = 0;
    /// Measures faults and answers with their summary.
    pub const FAULT: u16 = 1;
    /// Answers, then measures yields.
    pub const YIELD: u16 = 2;
    /// Answers with the summary of the yields.
    pub const COLLECT: u16 = 3;
    /// Measures calls of the partner, both using floating point in each round, and answers with their
    /// summary.
    pub const FLOATING: u16 = 4;
    /// Measures loads from [`MAP_ADDRESS`](crate::rig::MAP_ADDRESS), which the fault handler maps each
    /// time, in the space of word 0, and answers with their summary.
    pub const PAGE_FAULT: u16 = 5;
}

/// The status of a reply without a summary: the measurement failed.
const STATUS_FAILED: u16 = 1;
/// The status of the reply to a job that does not exist.
const STATUS_NO_JOB: u16 = 2;
/// The turns that the partner takes: as many as the worker, and some before and after.
const PARTNER_TURNS: u64 = (WARM_UP_ROUNDS + ROUNDS) as u64 + 64;

/// The handles that a worker needs, as the argument of its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handles {
    /// Where it receives.
    pub endpoint: u32,
    /// The gate to the partner.
    pub partner: u32,
}

impl Handles {
    /// The argument of the thread.
    #[must_use]
    pub const fn into_raw(self) -> u64 {
        (self.partner as u64) << 32 | self.endpoint as u64
    }

    /// Reads the argument.
    #[must_use]
    pub fn from_raw(raw: u64) -> Handles {
        let [a, b, c, d, e, f, g, h] = raw.to_le_bytes();
        Handles {
            endpoint: u32::from_le_bytes([a, b, c, d]),
            partner: u32::from_le_bytes([e, f, g, h]),
        }
    }
}

/// What the worker's thread does.
pub fn work(argument: u64) -> ! {
    let handles = Handles::from_raw(argument);
    let endpoint = Endpoint::new(handles.endpoint);
    let mut yields = Err(BenchError::NoTurns);
    let mut request = endpoint.receive();
    loop {
        while request.tag.into_raw() & !LENGTH_BITS == u64::from(job::ECHO) {
            request = endpoint.reply_receive(Message::empty(0));
        }
        request = match (request.tag.kind(), request.tag.method()) {
            (Some(MessageKind::Message), job::FAULT) => {
                endpoint.reply_receive(write_summary(measure_faults()))
            }
            (Some(MessageKind::Message), job::FLOATING) => {
                endpoint.reply_receive(write_summary(measure_floating(handles.partner)))
            }
            (Some(MessageKind::Message), job::PAGE_FAULT) => {
                let [space, ..] = request.words;
                endpoint.reply_receive(write_summary(measure_page_faults(handle_in(space))))
            }
            (Some(MessageKind::Message), job::YIELD) => {
                // The caller may be gone: then there is nobody to be answered.
                let _ = syscall::reply(Message::empty(0));
                yields = measure_yields(handles.partner);
                endpoint.receive()
            }
            (Some(MessageKind::Message), job::COLLECT) => {
                endpoint.reply_receive(write_summary(yields))
            }
            (Some(MessageKind::Message), _) => {
                endpoint.reply_receive(Message::empty(STATUS_NO_JOB))
            }
            _ => endpoint.receive(),
        };
    }
}

/// The bits of a tag that are a message's length.
const LENGTH_BITS: u64 = 0xFFFF_0000;

/// What the partner of a floating worker does: it answers, having used floating point.
pub fn serve_floating(argument: u64) -> ! {
    let endpoint = Endpoint::new(Handles::from_raw(argument).endpoint);
    let _ = endpoint.receive();
    loop {
        use_floating();
        let _ = endpoint.reply_receive(Message::empty(0));
    }
}

fn measure_floating(partner: u32) -> Result<Summary, BenchError> {
    let call = || {
        use_floating();
        syscall::call(partner, Message::empty(0))
    };
    measure(call, |reply| check(reply).map(drop))
}

/// What the fault handler of a worker does: the first message, a call, names a space and a frame; with
/// each fault it maps the frame there at [`MAP_ADDRESS`], and lets the worker try again.
pub fn serve_pages(argument: u64) -> ! {
    let endpoint = Endpoint::new(Handles::from_raw(argument).endpoint);
    let [space, frame, ..] = endpoint.receive().words;
    let (space, frame) = (handle_in(space), handle_in(frame));
    let _ = endpoint.reply_receive(Message::empty(0));
    loop {
        let answer = match syscall::map(space, frame, MAP_ADDRESS, Access::READ) {
            Ok(()) => FaultAnswer::Retry,
            Err(_) => FaultAnswer::Skip,
        };
        let _ = endpoint.reply_receive(answer.into_message());
    }
}

/// The handle in a word of a message; one that names nothing if it is none.
fn handle_in(word: u64) -> u32 {
    u32::try_from(word).unwrap_or(0)
}

/// A page that was not mapped cannot be unmapped: then the measurement fails.
fn measure_page_faults(space: u32) -> Result<Summary, BenchError> {
    measure(
        || provoke_load(MAP_ADDRESS),
        |()| syscall::unmap(space, MAP_ADDRESS).map_err(refused(SystemCall::Unmap)),
    )
}

fn measure_faults() -> Result<Summary, BenchError> {
    measure(provoke_undefined, |()| Ok(()))
}

/// Measures yields to the partner and back. The partner takes turns only if it has the worker's
/// priority: a yield to nobody costs less. Its median is compared, not its greatest: where the
/// counter is the host's clock, an interrupt makes a single one as dear as anything.
fn measure_yields(partner: u32) -> Result<Summary, BenchError> {
    let lonely = measure(syscall::r#yield, |_| Ok(()))?;
    PartnerClient::new(Gate::new(partner))
        .take_turns(PARTNER_TURNS)
        .map_err(no_answer)?;
    let together = measure(syscall::r#yield, |_| Ok(()))?;
    if together.min > lonely.median {
        Ok(together)
    } else {
        Err(BenchError::NoTurns)
    }
}

/// Writes a summary as a reply.
fn write_summary(summary: Result<Summary, BenchError>) -> Message {
    let Ok(Summary { min, median, max }) = summary else {
        return Message::empty(STATUS_FAILED);
    };
    let mut message = Message {
        tag: Tag::new(0, 24),
        ..Message::default()
    };
    let [first, second, third, ..] = &mut message.words;
    (*first, *second, *third) = (min, median, max);
    message
}

/// Reads a summary from a reply; `None` if there is none.
#[must_use]
pub fn read_summary(reply: &Incoming) -> Option<Summary> {
    let [min, median, max, ..] = reply.words;
    (reply.tag == Tag::new(0, 24)).then_some(Summary { min, median, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_travel_in_one_word() {
        let handles = Handles {
            endpoint: 5,
            partner: u32::MAX,
        };
        assert_eq!(Handles::from_raw(handles.into_raw()), handles);
    }

    #[test]
    fn summaries_travel_in_three_words_and_failures_in_the_status() {
        let summary = Summary {
            min: 1,
            median: 2,
            max: 3,
        };
        let incoming = |message: Message| Incoming {
            tag: message.tag,
            badge: 0,
            words: message.words,
        };
        let reply = incoming(write_summary(Ok(summary)));
        assert_eq!(read_summary(&reply), Some(summary));
        let failed = incoming(write_summary(Err(BenchError::NoTurns)));
        assert_eq!(read_summary(&failed), None);
    }
}
