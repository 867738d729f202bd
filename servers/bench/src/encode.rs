//! What it costs to write a request, without sending it.

use core::cell::Cell;
use core::hint::black_box;

use ipc_abi::interface::{CallError, Transport};
use ipc_abi::message::{Incoming, Message};
use ipc_abi::service::bench::BenchError;
use ipc_abi::service::bench_partner::PartnerClient;
use ipc_abi::tag::Tag;
use userlib::MessageBuffer;

use crate::measure::measure;
use crate::rig::Rig;
use crate::samples::Summary;

/// The arguments.
const ARGUMENTS: [u64; 2] = [20, 22];

/// A request of two words, as the kernel would take it.
type Written = (Tag, [u64; 2]);

/// A transport that keeps a request in place of sending it.
struct Paper<'a> {
    written: &'a Cell<Option<Written>>,
    buffer: MessageBuffer,
}

impl Transport for Paper<'_> {
    type Buffer = MessageBuffer;

    fn buffer(&mut self) -> &mut MessageBuffer {
        &mut self.buffer
    }

    #[inline(always)]
    fn call(&mut self, request: Message) -> Result<Incoming, CallError> {
        let [first, second, ..] = request.words;
        self.written.set(Some((request.tag, [first, second])));
        Err(CallError::Deferred)
    }

    fn send(&mut self, message: Message) -> Result<(), CallError> {
        self.call(message).map(drop)
    }
}

/// Measures how long it takes from two arguments to the request that a system call takes.
pub(crate) fn measure_two_scalars(_rig: &mut Rig) -> Result<Summary, BenchError> {
    let [left, right] = ARGUMENTS;
    let written = Cell::new(None);
    let paper = Paper {
        // Shown to somebody, so that it is written before the second reading.
        written: black_box(&written),
        buffer: MessageBuffer,
    };
    let mut client = PartnerClient::new(paper);
    measure(
        // Nothing of it can be done before, since nobody knows what the arguments are.
        || client.add(black_box(left), black_box(right)),
        |_| match written.take() {
            Some((tag, ARGUMENTS)) if tag == Tag::new(1, 16) => Ok(()),
            _ => Err(BenchError::PartnerMisbehavior),
        },
    )
}
