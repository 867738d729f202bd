//! Random system calls.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use ipc_abi::call::{Place, SystemCall};
use ipc_abi::error::Error;
use test_kit::{Fact, Failure, Random, Step, perform, place_in};

use crate::attack::Attacker;

/// How many.
const CALLS: u32 = 200_000;
/// In how many ways, a call and its error or success each, they must at least have ended.
const ENDINGS: usize = 90;
/// The most ticks that a call may wait: nobody would wake this process, which is nobody's harm but
/// its own, and ends the test.
const WAIT_TICKS: u64 = 1 << 12;
/// Slots of a table.
const SLOTS: u64 = 256;

/// What the process knows of its table: from which slot the capability of each was copied.
struct Origins(Vec<u64>);

impl Origins {
    /// The slot from which what a handle names was copied, over any number of copies.
    fn of(&self, handle: u64) -> u64 {
        usize::try_from(handle)
            .ok()
            .and_then(|slot| self.0.get(slot).copied())
            .unwrap_or(0)
    }

    fn set(&mut self, slot: u64, origin: u64) {
        let place = usize::try_from(slot)
            .ok()
            .and_then(|slot| self.0.get_mut(slot));
        if let Some(place) = place {
            *place = origin;
        }
    }
}

/// Makes random calls. The console is left alone, and the process's own gates stay where they are.
pub(crate) fn random(attacker: &mut Attacker, random: &mut Random) -> Fact {
    let own = attacker.authority;
    let mut origins = Origins(vec![0; 256]);
    for slot in 0..own.first_slot {
        origins.set(slot, slot);
    }
    let mut endings = BTreeSet::new();
    for number in 0..CALLS {
        let call = random.choose(SystemCall::ALL);
        let mut step = Step::function(call, &[], random.word());
        for word in &mut step.words[..19] {
            *word = random_register(own.table, random);
        }
        let deadline = random_deadline(random);
        step = step.until(deadline);
        if call == SystemCall::Sleep {
            step.words[0] = deadline;
        }
        if !is_harmless(attacker, &origins, call, &step) {
            continue;
        }
        let (done, verdict) = perform(step);
        verdict.map_err(|why| format!("call {number}: {why}"))?;
        let refusal = refusal_of(call, &done);
        if refusal.is_none() {
            follow(&mut origins, call, &step);
        }
        endings.insert((call as u64, refusal.map_or(0, Error::into_raw)));
    }
    let count = endings.len();
    Failure::unless(
        count >= ENDINGS,
        &format!("the calls ended in only {count} ways"),
    )
}

fn refusal_of(call: SystemCall, done: &Step) -> Option<Error> {
    if call.is_message() {
        done.received().refusal()
    } else {
        done.answer().err()
    }
}

/// A register: a handle, a place, a small number or anything.
fn random_register(table: u64, random: &mut Random) -> u64 {
    match random.below(6) {
        0 => random.below(16),
        1 => random.below(SLOTS + 8),
        2 => place_in(table, random.below(SLOTS + 8)),
        3 => place_in(random.below(16), random.below(SLOTS)),
        4 => 1 << random.below(64),
        _ => random.word(),
    }
}

/// A time that is over, or will be soon.
fn random_deadline(random: &mut Random) -> u64 {
    let now = userlib::read_ticks();
    if random.once_in(2) {
        random.below(now)
    } else {
        now + random.below(WAIT_TICKS)
    }
}

/// Whether a call leaves the process the gates with which it tells how it went: neither deletes them
/// nor talks to the console.
fn is_harmless(attacker: &Attacker, origins: &Origins, call: SystemCall, step: &Step) -> bool {
    if call.is_message() {
        return origins.of(step.words[17]) != attacker.console_gate;
    }
    if call == SystemCall::CapabilityDelete {
        let place = Place::from_raw(step.words[0]);
        return place.slot() >= attacker.authority.first_slot;
    }
    true
}

/// Follows where capabilities went.
fn follow(origins: &mut Origins, call: SystemCall, step: &Step) {
    if call == SystemCall::CapabilityCopy {
        let origin = origins.of(step.words[0]);
        origins.set(Place::from_raw(step.words[1]).slot(), origin);
    } else if call == SystemCall::CapabilityDelete {
        origins.set(Place::from_raw(step.words[0]).slot(), 0);
    }
}
