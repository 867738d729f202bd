//! A server that writes what it likes, at a client.

use alloc::format;
use core::time::Duration;

use ipc_abi::interface::{CallError, Misbehavior, ProtocolError, RingError};
use ipc_abi::ring::PeerMisbehavior;
use test_kit::{Fact, Failure, Random};
use userlib::time;

use crate::stage::{Case, Stage};

/// The cases.
pub(crate) const CASES: &[(&str, Case)] = &[
    ("server_that_counts_wrongly_is_found_out", counts),
    ("server_that_counts_wrongly_wakes_who_sleeps", sleeper),
    ("completion_of_another_token_is_found_out", tokens),
    (
        "server_that_has_not_done_what_it_says_is_found_out",
        unfinished,
    ),
    ("reply_that_is_none_is_refused_by_name", replies),
    ("random_server_harms_only_its_client", random),
];

/// Where the server counts what it has published.
const COMPLETED: usize = 16;
/// How many operations of this ring `reopen` did.
const DONE: u64 = 2;
/// How often something random is tried.
const ROUNDS: u32 = 300;
/// From which everything random follows.
const SEED: u64 = 0x005E_27E2;

/// What an operation brings in a ring whose server broke the rules.
const NOTHING: Result<u64, CallError> = Err(CallError::PeerMisbehavior(Misbehavior::NoReply));

/// The ring is closed because of this.
fn is_closed(stage: &mut Stage, name: &str, misbehavior: PeerMisbehavior) -> Fact {
    let again = stage.rogue.add(1, 2).map(|ticket| ticket.token());
    let expected = Err(RingError::PeerMisbehavior(misbehavior));
    Failure::unless_same(name, again, expected)
}

fn counts(stage: &mut Stage) -> Fact {
    for count in [DONE + 2, DONE + 9, 1, u64::MAX] {
        stage.reopen()?;
        let ticket = stage.submit_to_rogue()?;
        stage.let_scribble(COMPLETED, count)?;
        let name = format!("count {count:x}");
        let brought = stage.rogue.transport().wait(ticket);
        Failure::unless_same(&name, brought, NOTHING)?;
        is_closed(stage, &name, PeerMisbehavior::TooMany)?;
    }
    Ok(())
}

fn sleeper(stage: &mut Stage) -> Fact {
    let ticket = stage.submit_to_rogue()?;
    stage.let_scribble(COMPLETED, u64::MAX)?;
    let ring = stage.rogue.transport();
    ring.sleep();
    match ring.poll(ticket) {
        Ok(brought) => Failure::unless_same("it", brought, NOTHING)?,
        Err(_) => return Err(Failure::from("it is still under way")),
    }
    is_closed(stage, "then", PeerMisbehavior::TooMany)
}

fn tokens(stage: &mut Stage) -> Fact {
    for token in [0, 3, 8, 1023, 1024, u64::from(u32::MAX)] {
        stage.reopen()?;
        let ticket = stage.submit_to_rogue()?;
        let place = stage.rogue_pen.completion(2);
        stage.let_scribble(place, token << 32)?;
        let name = format!("token {token:x}");
        let brought = stage.rogue.transport().wait(ticket);
        Failure::unless_same(&name, brought, NOTHING)?;
        is_closed(stage, &name, PeerMisbehavior::UnknownToken)?;
    }
    Ok(())
}

fn unfinished(stage: &mut Stage) -> Fact {
    stage.reopen()?;
    let ticket = stage.submit_to_rogue()?;
    // Nobody sees that it is done; asked again, it has nothing to do.
    stage.let_scribble(COMPLETED, DONE)?;
    let brought = stage.rogue.transport().wait(ticket);
    Failure::unless_same("it", brought, NOTHING)?;
    is_closed(stage, "then", PeerMisbehavior::Unfinished)
}

fn replies(stage: &mut Stage) -> Fact {
    let malformed = Misbehavior::Malformed;
    let cases = [
        (0, malformed(ProtocolError::Truncated)),
        (7 << 16, malformed(ProtocolError::Truncated)),
        (9 << 16, malformed(ProtocolError::TrailingBytes)),
        (0xFFFF << 16, malformed(ProtocolError::TrailingBytes)),
        (8 << 16 | 1, Misbehavior::NoSuchError),
        (9, Misbehavior::UnknownStatus(9)),
        (0xFFFF, Misbehavior::UnknownStatus(0xFFFF)),
    ];
    for (tag, expected) in cases {
        stage.reopen()?;
        let ticket = stage.submit_to_rogue()?;
        let place = stage.rogue_pen.completion(2);
        stage.let_scribble(place, DONE << 32 | tag)?;
        let brought = stage.rogue.transport().wait(ticket);
        let expected = Err(CallError::PeerMisbehavior(expected));
        Failure::unless_same(&format!("tag {tag:x}"), brought, expected)?;
        // The operation is over, and the ring is not.
        let next = stage.submit_to_rogue()?;
        Failure::unless_same("the next", stage.rogue.transport().wait(next), Ok(3))?;
    }
    Ok(())
}

/// Rubbish in any word between any two steps.
fn random(stage: &mut Stage) -> Fact {
    let mut random = Random::new(SEED);
    let mut closed = 0;
    for _ in 0..ROUNDS {
        stage.reopen()?;
        for _ in 0..=random.below(6) {
            let ticket = stage.rogue.add(1, 2);
            scribble(stage, &mut random)?;
            if random.once_in(2) {
                stage.rogue.transport().flush();
                scribble(stage, &mut random)?;
            }
            if random.once_in(4) {
                time::sleep(Duration::from_micros(random.below(60)));
            }
            let Ok(ticket) = ticket else { break };
            // Any answer but a panic, and it comes.
            let _ = match stage.rogue.transport().poll(ticket) {
                Ok(brought) => brought,
                Err(ticket) => stage.rogue.transport().wait(ticket),
            };
        }
        closed += u32::from(stage.rogue.add(1, 2).is_err());
    }
    stage.note(&format!(
        "seed {SEED:#x}: {closed} of {ROUNDS} rings were closed"
    ));
    Failure::unless(closed != 0 && closed != ROUNDS, "it is always the same")
}

fn scribble(stage: &mut Stage, random: &mut Random) -> Fact {
    for _ in 0..random.below(3) {
        let number = usize::try_from(random.below(8)).unwrap_or(0);
        let slot = stage.rogue_pen.completion(number);
        let any = usize::try_from(random.below(stage.rogue_pen.words() as u64)).unwrap_or(0);
        let word = random.choose(&[COMPLETED, slot, slot + 1, any]);
        let value = match random.below(3) {
            0 => random.below(20),
            1 => random.below(8) << 32 | random.below(0x10) << 16 | random.below(3),
            _ => random.word(),
        };
        stage.let_scribble(word, value)?;
    }
    Ok(())
}
