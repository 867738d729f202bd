//! Capabilities that are not what they should be.

use ipc_abi::capability::Rights;
use ipc_abi::error::Error;
use ipc_abi::interface::{
    CallError, Failure as Answer, METHOD_CLOSE, METHOD_SCHEMA, ProtocolError,
};
use ipc_abi::tag::Tag;
use test_kit::vault::VaultClient;
use test_kit::{Fact, Failure};
use userlib::{Gate, SessionGate};

use super::session::PATIENCE;
use crate::visit::{Visitor, silent};

/// The numbers of the vault's methods.
const KEEP: u16 = 1;
const KEEP_FOUR: u16 = 3;
const ASK: u16 = 6;
const PLAIN: u16 = 12;
/// More frames than the vault can have slots.
const MANY: u32 = 256;
/// Fewer than it has.
const SOME: u32 = 100;

/// Compares the answer to a call with the status that it must have.
fn expect(what: &str, found: Result<u16, Error>, error: ProtocolError) -> Fact {
    Failure::unless_same(what, found, Ok(error.into_raw()))
}

pub(super) fn count(visitor: &mut Visitor) -> Fact {
    let frame = visitor.frame(0).handle();
    let wrong = ProtocolError::WrongCapabilities;
    for count in [0, 2, 3, 4] {
        let handles = [frame; 4];
        let handles = handles.get(..count).unwrap_or_default();
        expect("keep", visitor.call_raw(Tag::new(KEEP, 0), handles), wrong)?;
    }
    let three = visitor.call_raw(Tag::new(KEEP_FOUR, 1), &[frame; 3]);
    expect("keep_four", three, wrong)?;
    let unexpected = ProtocolError::UnexpectedCapabilities;
    for (method, length) in [(PLAIN, 8), (METHOD_SCHEMA, 0)] {
        for handles in [&[frame][..], &[frame; 4]] {
            let answer = visitor.call_raw(Tag::new(method, length), handles);
            expect("plain", answer, unexpected)?;
        }
    }
    for method in [99, METHOD_CLOSE] {
        let answer = visitor.call_raw(Tag::new(method, 0), &[frame; 2]);
        expect("no method", answer, ProtocolError::UnknownMethod)?;
    }
    let long = visitor.call_raw(Tag::new(KEEP, 1), &[frame]);
    expect("trailing", long, ProtocolError::TrailingBytes)?;
    let registers = visitor.call_raw(Tag::new(KEEP_FOUR, 97), &[frame; 4]);
    expect("registers", registers, ProtocolError::NotInBuffer)
}

pub(super) fn kind(visitor: &mut Visitor) -> Fact {
    let (frame, gate) = (visitor.frame(0).handle(), visitor.gate.handle());
    let wrong = ProtocolError::WrongKind;
    expect("keep", visitor.call_raw(Tag::new(KEEP, 0), &[gate]), wrong)?;
    expect("ask", visitor.call_raw(Tag::new(ASK, 0), &[frame]), wrong)?;
    for place in 0..4 {
        let mut handles = [frame; 4];
        if let Some(handle) = handles.get_mut(place) {
            *handle = gate;
        }
        let answer = visitor.call_raw(Tag::new(KEEP_FOUR, 1), &handles);
        expect("keep_four", answer, wrong)?;
    }
    Ok(())
}

pub(super) fn kernel(visitor: &mut Visitor) -> Fact {
    let frame = visitor.frame(0).handle();
    let tag = Tag::new(KEEP, 0);
    for handle in [0, visitor.spare, 9999] {
        let answer = visitor.call_raw(tag, &[frame, handle]);
        Failure::unless_same("no capability", answer, Err(Error::BadHandle))?;
    }
    let five = visitor.call_raw(tag, &[frame; 5]);
    Failure::unless_same("five", five, Err(Error::BadArgument))
}

pub(super) fn rights(visitor: &mut Visitor) -> Fact {
    let before = visitor.count()?.0;
    let gate = visitor.gate.handle();
    let silent_gate = visitor.copy_to_spare(gate, Rights::SEND.union(Rights::GRANT_REPLY))?;
    let mut vault = VaultClient::new(Gate::new(silent_gate));
    let kept = vault.keep(visitor.frame(0));
    let no_right = CallError::Refused(Error::NoRight);
    Failure::unless_same("without GRANT", kept, Err(no_right))?;
    let session = vault.open(0).map_err(silent("open"))?;
    drop(SessionGate::new(session, PATIENCE));
    let giving_gate = visitor.copy_to_spare(gate, Rights::SEND.union(Rights::GRANT))?;
    let mut vault = VaultClient::new(Gate::new(giving_gate));
    Failure::unless_same("with GRANT", vault.keep(visitor.frame(0)), Ok(1))?;
    let may_not = CallError::Protocol(ProtocolError::MayNotTakeCapabilities);
    for _ in 0..10 {
        let opened = vault.open(0).map(drop);
        Failure::unless_same("opened", opened, Err(Answer::Call(may_not)))?;
        let back = vault.give_back().map(drop);
        Failure::unless(back.is_err(), "nothing comes back")?;
    }
    Failure::unless_same("boxes", visitor.count()?.0, before)
}

/// What the process told that may pass no capabilities.
pub(super) fn stranger(visitor: &mut Visitor) -> Fact {
    let noted = visitor.vault.noted().map_err(silent("noted"))?;
    let opened = ProtocolError::MayNotTakeCapabilities.into_raw();
    let kept = u16::try_from(Error::NoRight.into_raw()).unwrap_or(0);
    Failure::unless_same("what it noted", noted, (opened, kept))
}

pub(super) fn slots(visitor: &mut Visitor) -> Fact {
    for _ in 0..2 {
        let mut kept = 0;
        let refusal = loop {
            match visitor.vault.keep(visitor.frame(0)) {
                Ok(count) => kept = count,
                Err(error) => break error,
            }
            Failure::unless(kept < MANY, "there is an end")?;
        };
        let no_slots = CallError::Protocol(ProtocolError::NoSlots);
        Failure::unless_same("the last", refusal, no_slots)?;
        Failure::unless(kept > SOME, "the others are kept")?;
        Failure::unless_same("plain", visitor.vault.plain(1), Ok(2))?;
        Failure::unless_same("cleared", visitor.vault.clear(), Ok(kept))?;
    }
    Ok(())
}
