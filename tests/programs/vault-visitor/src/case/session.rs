//! Boxes and folders.

use alloc::vec::Vec;

use ipc_abi::capability::Rights;
use ipc_abi::error::Error;
use ipc_abi::interface::client::close_session;
use ipc_abi::interface::{CallError, ConnectError, Failure as Answer, Granted, object};
use test_kit::vault::{
    BOXES, BOXES_OF_CLIENT, CellClient, CellInterface, FolderClient, FolderInterface, VaultClient,
    VaultError,
};
use test_kit::{Fact, Failure};
use userlib::time::{Deadline, Duration, sleep};
use userlib::{Gate, OwnedGate, SessionGate};

use crate::other::boxes_in_life;
use crate::visit::{OWN, Visitor, silent};

/// How long an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// How many sessions are opened, one after the other.
const MANY: u32 = 2_000;

/// A box.
type Box = CellClient<SessionGate<CellInterface>>;

/// Opens a box.
fn open(visitor: &mut Visitor) -> Result<Box, Answer<VaultError>> {
    let gate = visitor.vault.open(0)?;
    Ok(CellClient::new(SessionGate::new(gate, PATIENCE)))
}

pub(super) fn own(visitor: &mut Visitor) -> Fact {
    let mut first = open(visitor).map_err(silent("open"))?;
    let mut second = open(visitor).map_err(silent("open"))?;
    Failure::unless_same("told", first.set(7), Ok(()))?;
    Failure::unless_same("first", first.get(), Ok(7))?;
    Failure::unless_same("second", second.get(), Ok(0))?;
    Failure::unless_same("who", second.who(), Ok(OWN))
}

pub(super) fn dropped(visitor: &mut Visitor) -> Fact {
    let before = visitor.count()?.0;
    let boxes = [open(visitor), open(visitor)];
    Failure::unless(boxes.iter().all(Result::is_ok), "they open")?;
    Failure::unless_same("open", visitor.count()?.0, before + 2)?;
    drop(boxes);
    Failure::unless_same("closed", visitor.count()?.0, before)
}

pub(super) fn closed(visitor: &mut Visitor) -> Fact {
    let gate = visitor.vault.open(0).map_err(silent("open"))?;
    let copy = visitor.copy_to_spare(gate.handle(), Rights::ALL)?;
    let mut same = CellClient::new(Gate::new(copy));
    Failure::unless_same("open", same.get(), Ok(0))?;
    let closed = SessionGate::new(gate, PATIENCE).close();
    Failure::unless_same("close", closed, Ok(()))?;
    let stale = Err(CallError::Refused(Error::Stale));
    Failure::unless_same("closed", same.get(), stale)?;
    let mut next = open(visitor).map_err(silent("open"))?;
    Failure::unless_same("the next", next.get(), Ok(0))?;
    Failure::unless_same("still closed", same.get(), stale)
}

pub(super) fn schema(visitor: &mut Visitor) -> Fact {
    let gate = visitor.vault.open(0).map_err(silent("open"))?;
    let copy = Granted::<FolderInterface>::lent(gate.handle());
    match OwnedGate::connect(copy, PATIENCE) {
        Err(ConnectError::SchemaMismatch { interface, .. }) => {
            Failure::unless_same("interface", interface, "Folder")?;
        }
        other => return Err(silent("a box is no folder")(other.map(drop))),
    }
    let cell = OwnedGate::connect(gate, PATIENCE);
    let mut cell = cell.map_err(silent("a box is a box"))?;
    Failure::unless_same("connected", cell.get(), Ok(0))?;
    let closed = close_session(cell.transport());
    Failure::unless_same("close", closed, Ok(()))
}

fn count(boxes: &[Box]) -> u32 {
    u32::try_from(boxes.len()).unwrap_or(u32::MAX)
}

/// Opens boxes until that is refused so.
fn fill(visitor: &mut Visitor, limit: VaultError) -> Result<Vec<Box>, Failure> {
    let mut boxes = Vec::new();
    loop {
        match open(visitor) {
            Ok(opened) => boxes.push(opened),
            Err(error) => {
                Failure::unless_same("one too many", error, Answer::Service(limit))?;
                return Ok(boxes);
            }
        }
        Failure::unless(count(&boxes) <= BOXES, "there is an end")?;
    }
}

/// The guest has three of six, and a client may have four.
pub(super) fn too_many(visitor: &mut Visitor) -> Fact {
    let theirs = boxes_in_life(visitor.guest_life);
    visitor.wait_for(theirs)?;
    let mut boxes = fill(visitor, VaultError::TooMany)?;
    Failure::unless_same("mine", count(&boxes), BOXES - theirs)?;
    boxes.pop();
    boxes.extend(open(visitor).ok());
    Failure::unless_same("mine again", count(&boxes), BOXES - theirs)
}

/// The guest has two of six, and a client may have four.
pub(super) fn too_many_of_client(visitor: &mut Visitor) -> Fact {
    visitor.wait_for(boxes_in_life(visitor.guest_life))?;
    let boxes = fill(visitor, VaultError::TooManyOfClient)?;
    Failure::unless_same("mine", count(&boxes), BOXES_OF_CLIENT)
}

pub(super) fn folder(visitor: &mut Visitor) -> Fact {
    let before = visitor.count()?.0;
    let gate = visitor.vault.open_folder().map_err(silent("open_folder"))?;
    let mut folder = FolderClient::new(SessionGate::new(gate, PATIENCE));
    let gate = folder.open().map_err(silent("open"))?;
    let mut cell = CellClient::new(SessionGate::new(gate, PATIENCE));
    Failure::unless_same("told", cell.set(9), Ok(()))?;
    let memory: Granted<object::Frame> = visitor.frame(3);
    Failure::unless_same("put", folder.put(memory), Ok(1))?;
    Failure::unless_same("put", folder.put(visitor.frame(3)), Ok(2))?;
    drop(folder);
    Failure::unless_same("boxes", visitor.count()?.0, before + 1)?;
    Failure::unless_same("the box stays", cell.get(), Ok(9))
}

/// The vault opens a box for who does not wait any more, and closes it.
pub(super) fn gave_up(visitor: &mut Visitor) -> Fact {
    let (living, opened) = visitor.count()?;
    let deadline = Deadline::after(Duration::from_millis(5));
    let mut vault = VaultClient::new(visitor.gate.until(deadline));
    let timed_out = Answer::Call(CallError::Refused(Error::TimedOut));
    let answer = vault.open(40).map(drop);
    Failure::unless_same("the answer", answer, Err(timed_out))?;
    sleep(Duration::from_millis(80));
    Failure::unless_same("boxes", visitor.count()?, (living, opened + 1))
}

pub(super) fn thousands(visitor: &mut Visitor) -> Fact {
    let (living, opened) = visitor.count()?;
    for _ in 0..MANY {
        let cell = open(visitor).map_err(silent("open"))?;
        drop(cell);
    }
    Failure::unless_same("boxes", visitor.count()?, (living, opened + MANY))
}
