//! Capabilities as arguments and results.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::Rights;
use ipc_abi::interface::client::close_session;
use ipc_abi::interface::{CallError, Failure as Answer, Granted, ProtocolError};
use test_kit::vault::VaultError;
use test_kit::{Fact, Failure};
use userlib::time::{Duration, Instant};
use userlib::{SessionGate, syscall};

use crate::visit::{Visitor, refused, silent};

/// The vault answers with an error of its own.
const EMPTY: Answer<VaultError> = Answer::Service(VaultError::Empty);

/// The physical address of a frame.
fn address_of(frame: u32) -> Result<u64, Failure> {
    syscall::frame_inspect(frame).map_err(refused(SystemCall::FrameInspect))
}

pub(super) fn round_trip(visitor: &mut Visitor) -> Fact {
    let frame = visitor.frame(0);
    let handle = frame.handle();
    let kept = visitor.vault.keep(frame);
    Failure::unless_same("kept", kept, Ok(1))?;
    let back = visitor.vault.give_back().map_err(silent("give_back"))?;
    Failure::unless(back.handle() != handle, "it is not the same slot")?;
    let (sent, came) = (address_of(handle)?, address_of(back.handle())?);
    Failure::unless_same("the frame", came, sent)?;
    drop(back);
    let empty = visitor.vault.give_back().map(drop);
    Failure::unless_same("an empty vault", empty, Err(EMPTY))
}

pub(super) fn four(visitor: &mut Visitor) -> Fact {
    let text = "x".repeat(1000);
    for length in [0, 90, 95, 96, 97, 1000] {
        let first = (visitor.frame(0), visitor.frame(1));
        let second = (visitor.frame(2), visitor.frame(3));
        let text = text.get(..length).unwrap_or_default();
        let kept = visitor.vault.keep_four(first, text, second);
        let expected = u32::try_from(length).unwrap_or(0) + 4;
        Failure::unless_same("kept", kept, Ok(expected))?;
        for index in [3, 2, 1, 0] {
            let back = visitor.vault.give_back().map_err(silent("give_back"))?;
            let sent = address_of(visitor.frame(index).handle())?;
            Failure::unless_same("its place", address_of(back.handle())?, sent)?;
        }
    }
    Ok(())
}

pub(super) fn one_way(visitor: &mut Visitor) -> Fact {
    for _ in 0..3 {
        let told = visitor.vault.slip(visitor.frame(1));
        Failure::unless_same("told", told, Ok(()))?;
    }
    Failure::unless_same("kept", visitor.vault.clear(), Ok(3))
}

pub(super) fn outlives(visitor: &mut Visitor) -> Fact {
    let frame = visitor.frame(2).handle();
    let copy = visitor.copy_to_spare(frame, Rights::READ)?;
    let kept = visitor.vault.keep(Granted::lent(copy));
    Failure::unless_same("kept", kept, Ok(1))?;
    visitor.copy_to_spare(frame, Rights::NONE)?;
    let back = visitor.vault.give_back().map_err(silent("give_back"))?;
    Failure::unless_same("the frame", address_of(back.handle())?, address_of(frame)?)
}

pub(super) fn dead(visitor: &mut Visitor) -> Fact {
    let session = visitor.vault.open(0).map_err(silent("open"))?;
    let copy = visitor.copy_to_spare(session.handle(), Rights::ALL)?;
    drop(SessionGate::new(session, Duration::from_secs(1)));
    let asked = visitor.vault.ask(Granted::lent(copy));
    let wrong = CallError::Protocol(ProtocolError::WrongKind);
    Failure::unless_same("a dead gate", asked, Err(Answer::Call(wrong)))
}

/// The vault asks itself, which cannot answer: it goes on after its patience.
pub(super) fn patience(visitor: &mut Visitor) -> Fact {
    let no_answer = Err(Answer::Service(VaultError::NoAnswer));
    let before = Instant::now();
    let asked = visitor.vault.ask(Granted::lent(visitor.gate.handle()));
    Failure::unless_same("itself", asked, no_answer)?;
    let took = before.elapsed();
    let least = Duration::from_millis(50);
    Failure::unless(took >= least, "it waited for its answer")?;
    let other = visitor.supervisor.transport().handle();
    let asked = visitor.vault.ask(Granted::lent(other));
    Failure::unless_same("another service", asked, no_answer)?;
    let unknown = CallError::Protocol(ProtocolError::UnknownMethod);
    let closed = close_session(visitor.vault.transport());
    Failure::unless_same("no session", closed, Err(unknown))
}
