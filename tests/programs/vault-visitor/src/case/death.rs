//! Deaths of clients and of the server, with sessions open.

use ipc_abi::capability::Rights;
use ipc_abi::error::Error;
use ipc_abi::interface::CallError;
use test_kit::vault::CellClient;
use test_kit::{Fact, Failure};
use userlib::{Gate, SessionGate};

use crate::other::{RANDOM_LIFE, boxes_in_life};
use crate::visit::{GUEST, VAULT, Visitor, silent};

/// How often the guest dies.
const DEATHS: u32 = 20;

pub(super) fn guest(visitor: &mut Visitor) -> Fact {
    let (living, opened) = visitor.count()?;
    Failure::unless_same("boxes", living, boxes_in_life(visitor.guest_life))?;
    visitor.kill_guest()?;
    let next = boxes_in_life(visitor.guest_life);
    Failure::unless_same("boxes", visitor.count()?, (next, opened + next))
}

/// A life of the guest in which it sends random messages with capabilities.
pub(super) fn random(visitor: &mut Visitor) -> Fact {
    Failure::unless_same("the next life", visitor.guest_life + 1, RANDOM_LIFE)?;
    let before = visitor.count()?.1;
    visitor.supervisor.kill(GUEST).map_err(silent("kill"))?;
    visitor.guest_life += 1;
    visitor.kill_guest()?;
    let opened = visitor.count()?.1;
    Failure::unless(opened > before, "some messages were good")
}

pub(super) fn many_guests(visitor: &mut Visitor) -> Fact {
    for _ in 0..DEATHS {
        visitor.kill_guest()?;
    }
    Ok(())
}

/// What the dead vault had is gone, its gates are dead, and the next one opens others.
pub(super) fn server(visitor: &mut Visitor) -> Fact {
    let gate = visitor.vault.open(0).map_err(silent("open"))?;
    let copy = visitor.copy_to_spare(gate.handle(), Rights::ALL)?;
    let session = SessionGate::new(gate, super::session::PATIENCE);
    let mut cell = CellClient::new(Gate::new(copy));
    Failure::unless_same("kept", visitor.vault.keep(visitor.frame(0)), Ok(1))?;
    Failure::unless_same("alive", cell.get(), Ok(0))?;
    visitor.supervisor.kill(VAULT).map_err(silent("kill"))?;
    let stale = Err(CallError::Refused(Error::Stale));
    Failure::unless_same("dead", cell.get(), stale)?;
    Failure::unless_same("the next life", visitor.count()?, (0, 0))?;
    let next = visitor.vault.open(0).map_err(silent("open again"))?;
    let mut next = CellClient::new(SessionGate::new(next, super::session::PATIENCE));
    Failure::unless_same("alive", next.get(), Ok(0))?;
    Failure::unless_same("still dead", cell.get(), stale)?;
    drop((next, session));
    Failure::unless_same("boxes", visitor.count()?, (0, 1))?;
    // The guest's are gone too, and it opens others in its next life.
    visitor.kill_guest()
}
