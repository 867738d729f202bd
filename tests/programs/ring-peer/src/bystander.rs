//! An honest client of a server that others attack.

use alloc::vec::Vec;

use ipc_abi::interface::{CallError, Ticket};
use test_kit::ring::PeerRing;
use userlib::Environment;
use userlib::ring::Ring;

/// The service with which it has a ring.
const SERVICE: &str = "ring-target";
/// How many operations a round has.
const BATCH: u64 = 5;

/// What an operation brings.
type Sum = Ticket<Result<u64, CallError>>;

/// The honest client.
pub(crate) struct Bystander {
    ring: Option<PeerRing<Ring>>,
    rounds: u32,
    wrong: u32,
}

impl Bystander {
    /// Takes the process's ring, if it has one.
    pub(crate) fn new(environment: &Environment) -> Bystander {
        Bystander {
            ring: Ring::take(environment, SERVICE).ok().map(PeerRing::new),
            rounds: 0,
            wrong: 0,
        }
    }

    /// Tells how many rounds it did and how many operations were wrong, and forgets it.
    pub(crate) fn take_count(&mut self) -> (u32, u32) {
        let count = (self.rounds, self.wrong);
        (self.rounds, self.wrong) = (0, 0);
        count
    }

    /// Opens the ring, and uses it.
    pub(crate) fn use_ring(&mut self, rounds: u32) {
        let Some(ring) = &mut self.ring else { return };
        if ring.transport().open().is_err() {
            return;
        }
        for round in 0..u64::from(rounds) {
            let submitted: Vec<Sum> = (0..BATCH)
                .filter_map(|left| ring.add(left, round).ok())
                .collect();
            self.wrong += u32::from(submitted.len() as u64 != BATCH);
            let brought = if round % 2 == 0 {
                submitted
                    .into_iter()
                    .map(|it| ring.transport().wait(it))
                    .collect()
            } else {
                poll_all(ring.transport(), submitted)
            };
            let expected = (0..BATCH).map(|left| Ok(left + round));
            let is_right = expected.eq(brought);
            self.wrong += u32::from(!is_right);
            self.rounds += 1;
        }
    }
}

/// Takes what operations bring without calling: by the server's signal, and in any order.
fn poll_all(ring: &mut Ring, submitted: Vec<Sum>) -> Vec<Result<u64, CallError>> {
    ring.flush();
    let mut brought = Vec::new();
    // The last first: what comes before it is kept.
    for ticket in submitted.into_iter().rev() {
        let mut ticket = ticket;
        let answer = loop {
            match ring.poll(ticket) {
                Ok(answer) => break answer,
                Err(back) => ticket = back,
            }
            ring.sleep();
        };
        brought.push(answer);
    }
    brought.reverse();
    brought
}
