//! The service.

use ipc_abi::interface::{Caller, Promise};
use test_kit::ring::{Peer, PeerError, Pen, ShortText};
use userlib::Environment;

use crate::bystander::Bystander;

/// The server.
pub(crate) struct Server {
    environment: Environment,
    bystander: Bystander,
}

impl Server {
    /// Makes it of what the process was given.
    pub(crate) fn new(environment: Environment) -> Server {
        Server {
            bystander: Bystander::new(&environment),
            environment,
        }
    }
}

impl Peer for Server {
    fn add(&mut self, left: u64, right: u64) -> u64 {
        left.wrapping_add(right)
    }

    fn echo(&mut self, text: &str) -> Result<ShortText, PeerError> {
        ShortText::try_from(text).map_err(|_| PeerError::TooLong)
    }

    fn promise(&mut self, promise: Promise<u64>) {
        promise.answer(1);
    }

    fn scribble(&mut self, caller: Caller, word: u32, value: u64) -> Result<(), PeerError> {
        let pen = Pen::of_server(&self.environment, caller.client());
        let is_written = pen.is_some_and(|mut pen| pen.write(word as usize, value));
        is_written.then_some(()).ok_or(PeerError::NoSuchWord)
    }

    fn begin(&mut self, rounds: u32) {
        self.bystander.use_ring(rounds);
    }

    fn count(&mut self) -> (u32, u32) {
        self.bystander.take_count()
    }
}
