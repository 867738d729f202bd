//! Figures of rings.

use ipc_abi::interface::{CallError, Ticket};
use ipc_abi::service::bench::{BenchError, Grant};
use ipc_abi::service::bench_partner::PartnerRing;
use userlib::ring::Ring;

use crate::measure::measure;
use crate::rig::Rig;
use crate::samples::Summary;

/// How many operations go with one signal.
pub(crate) const BATCH: usize = 32;

/// What a batch was answered.
type Answers = [Option<Result<(), CallError>>; BATCH];

/// Submits a batch, and takes what it brings.
pub(crate) fn measure_no_op(rig: &mut Rig) -> Result<Summary, BenchError> {
    let ring = rig.ring.as_mut();
    let ring = ring.ok_or(BenchError::NotGranted(Grant::Ring))?;
    ring.open().map_err(|_| BenchError::PartnerMisbehavior)?;
    let mut partner = PartnerRing::new(ring);
    measure(
        || exchange(&mut partner),
        |answers| {
            if answers.iter().all(|answer| *answer == Some(Ok(()))) {
                Ok(())
            } else {
                Err(BenchError::PartnerMisbehavior)
            }
        },
    )
}

fn exchange(partner: &mut PartnerRing<&mut Ring>) -> Answers {
    let tickets: [Option<Ticket<Result<(), CallError>>>; BATCH] =
        core::array::from_fn(|_| partner.do_nothing().ok());
    tickets.map(|ticket| ticket.map(|ticket| partner.transport().wait(ticket)))
}
