//! A client that writes what it likes, at a server.

use alloc::format;
use core::time::Duration;

use ipc_abi::error::Error;
use ipc_abi::interface::{
    CallError, METHOD_RING, METHOD_RING_TURN, METHOD_SCHEMA, Misbehavior, ProtocolError, RingError,
};
use ipc_abi::ring::PeerMisbehavior;
use test_kit::{Fact, Failure, Random};
use userlib::time;

use crate::stage::{Case, Stage};

/// The cases.
pub(crate) const CASES: &[(&str, Case)] = &[
    ("client_that_counts_wrongly_has_no_ring", counts),
    ("request_that_is_none_is_refused_by_name", requests),
    ("token_that_is_none_comes_back", tokens),
    ("false_sleep_words_harm_nobody", sleep_words),
    ("random_client_harms_only_itself", random),
];

/// Where the client counts what it has published.
const SUBMITTED: usize = 0;
/// Where it says that it sleeps.
const CLIENT_SLEEPS: usize = 8;
/// Where the server says so.
const SERVER_SLEEPS: usize = 24;
/// How often something random is tried.
const ROUNDS: u32 = 300;
/// From which everything random follows.
const SEED: u64 = 0x0051_0775;

/// The server closes the ring of a client that says that it has published more than there can be.
fn counts(stage: &mut Stage) -> Fact {
    // The first two sums of `reopen` and one more are published: so many back, and ahead of the slots.
    for count in [0, 1, 2 + 9, 1 << 32, u64::MAX] {
        stage.reopen()?;
        let ticket = stage.submit()?;
        stage.pen.write(SUBMITTED, count);
        let ring = stage.target.transport();
        let name = format!("count {count:x}");
        let died = Err(CallError::Refused(Error::Died));
        Failure::unless_same(&name, ring.wait(ticket), died)?;
        let again = stage.target.add(1, 2).map(|ticket| ticket.token());
        Failure::unless_same(&name, again, Err(RingError::Closed))?;
    }
    Ok(())
}

/// The dispatcher refuses over a ring what it refuses in a call.
fn requests(stage: &mut Stage) -> Fact {
    let tag = |method: u16, length: u64| u64::from(method) | length << 16;
    let cases = [
        (tag(1, 15), ProtocolError::Truncated),
        (tag(1, 17), ProtocolError::TrailingBytes),
        (tag(1, 0xFFFF), ProtocolError::TrailingBytes),
        (tag(2, 0), ProtocolError::Truncated),
        (tag(2, 0xFFFF), ProtocolError::TrailingBytes),
        (tag(3, 0), ProtocolError::NotInRing),
        (tag(3, 1), ProtocolError::TrailingBytes),
        (tag(999, 0), ProtocolError::UnknownMethod),
        (tag(METHOD_SCHEMA, 8), ProtocolError::TrailingBytes),
        (tag(METHOD_RING, 0), ProtocolError::NoRing),
        (tag(METHOD_RING_TURN, 0), ProtocolError::NoRing),
    ];
    for (tag, expected) in cases {
        stage.reopen()?;
        let ticket = stage.submit()?;
        // The third of this ring: in the third slot, with the third token.
        stage.pen.write(stage.pen.submission(2), 2 << 32 | tag);
        let brought = stage.target.transport().wait(ticket);
        let expected = Err(CallError::Protocol(expected));
        Failure::unless_same(&format!("tag {tag:x}"), brought, expected)?;
        let next = stage.submit()?;
        Failure::unless_same("the next", stage.target.transport().wait(next), Ok(3))?;
    }
    Ok(())
}

/// The server gives back a token as it came; the client finds out that it is not its own.
fn tokens(stage: &mut Stage) -> Fact {
    for token in [0, 7, 8, 1023, 1024, u64::from(u32::MAX)] {
        stage.reopen()?;
        let ticket = stage.submit()?;
        stage
            .pen
            .write(stage.pen.submission(2), token << 32 | 16 << 16 | 1);
        let brought = stage.target.transport().wait(ticket);
        let nothing = CallError::PeerMisbehavior(Misbehavior::NoReply);
        let name = format!("token {token:x}");
        Failure::unless_same(&name, brought, Err(nothing))?;
        let again = stage.target.add(1, 2).map(|ticket| ticket.token());
        let unknown = RingError::PeerMisbehavior(PeerMisbehavior::UnknownToken);
        Failure::unless_same(&name, again, Err(unknown))?;
    }
    Ok(())
}

/// Who says falsely that somebody sleeps, or does not, brings about signals that nobody needs, or none.
fn sleep_words(stage: &mut Stage) -> Fact {
    for value in [0, 1, u64::MAX] {
        for word in [CLIENT_SLEEPS, SERVER_SLEEPS] {
            stage.pen.write(word, value);
            let ticket = stage.submit()?;
            stage.pen.write(word, value);
            time::sleep(Duration::from_micros(50));
            let brought = stage.target.transport().wait(ticket);
            Failure::unless_same(&format!("{word} is {value:x}"), brought, Ok(3))?;
        }
    }
    Ok(())
}

/// Rubbish in any word, at any time: the server, which is below this process, is interrupted in the middle.
fn random(stage: &mut Stage) -> Fact {
    let mut random = Random::new(SEED);
    let mut refused = 0;
    for _ in 0..ROUNDS {
        stage.reopen()?;
        for _ in 0..=random.below(6) {
            let left = random.below(9);
            // What it brings is nobody's: tickets are dropped, and the ring is opened anew.
            refused += u32::from(stage.target.add(left, 1).is_err());
            scribble(stage, &mut random);
            if random.once_in(2) {
                stage.target.transport().flush();
                scribble(stage, &mut random);
            }
            if random.once_in(2) {
                let duration = Duration::from_micros(random.below(60));
                time::sleep(duration);
                scribble(stage, &mut random);
            }
        }
        if let Ok(ticket) = stage.target.add(1, 2) {
            // Any answer but a panic, and it comes.
            let _ = stage.target.transport().wait(ticket);
        }
    }
    stage.note(&format!("seed {SEED:#x}: {refused} were not submitted"));
    Ok(())
}

/// Writes into a few words; the first are the more interesting ones.
fn scribble(stage: &mut Stage, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let slot = stage
            .pen
            .submission(usize::try_from(random.below(8)).unwrap_or(0));
        let any = usize::try_from(random.below(stage.pen.words() as u64)).unwrap_or(0);
        let word = random.choose(&[SUBMITTED, CLIENT_SLEEPS, SERVER_SLEEPS, slot, slot + 1, any]);
        let value = match random.below(3) {
            0 => random.below(20),
            1 => random.below(8) << 32 | random.below(0x40) << 16 | random.below(8),
            _ => random.word(),
        };
        stage.pen.write(word, value);
    }
}
