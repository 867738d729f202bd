//! Figures of rings.

use core::hint::black_box;

use ipc_abi::interface::{RingError, Ticket};
use ipc_abi::service::bench::{BenchError, Grant};
use ipc_abi::service::bench_partner::PartnerRing;
use userlib::ring::Ring;

use crate::measure::measure;
use crate::rig::Rig;
use crate::samples::Summary;

/// How many operations go with one signal.
pub(crate) const BATCH: usize = 32;

/// Submits a batch of what does nothing, and takes what it brings.
pub(crate) fn measure_no_op(rig: &mut Rig) -> Result<Summary, BenchError> {
    let mut partner = open(rig)?;
    measure(
        || exchange(&mut partner, |partner| partner.do_nothing(), Ok(())),
        check,
    )
}

/// Submits a batch of sums, and takes what it brings.
pub(crate) fn measure_typed(rig: &mut Rig) -> Result<Summary, BenchError> {
    let mut partner = open(rig)?;
    let (left, right) = (black_box(20), black_box(22));
    measure(
        || exchange(&mut partner, |partner| partner.add(left, right), Ok(42)),
        check,
    )
}

/// The partner over its ring, opened anew.
fn open(rig: &mut Rig) -> Result<PartnerRing<&mut Ring>, BenchError> {
    let ring = rig.ring.as_mut();
    let ring = ring.ok_or(BenchError::NotGranted(Grant::Ring))?;
    ring.open().map_err(|_| BenchError::PartnerMisbehavior)?;
    Ok(PartnerRing::new(ring))
}

/// All of a batch was answered.
fn check(answered: usize) -> Result<(), BenchError> {
    if answered == BATCH {
        Ok(())
    } else {
        Err(BenchError::PartnerMisbehavior)
    }
}

/// Submits a batch and waits for what each operation brings; tells how many brought what was `expected`.
#[inline(always)]
fn exchange<'a, R: PartialEq>(
    partner: &mut PartnerRing<&'a mut Ring>,
    mut submit: impl FnMut(&mut PartnerRing<&'a mut Ring>) -> Result<Ticket<R>, RingError>,
    expected: R,
) -> usize {
    let mut tickets = [const { None }; BATCH];
    for place in &mut tickets {
        *place = submit(partner).ok();
    }
    let mut answered = 0;
    for place in &mut tickets {
        if let Some(ticket) = place.take()
            && partner.transport().wait(ticket) == expected
        {
            answered += 1;
        }
    }
    answered
}
