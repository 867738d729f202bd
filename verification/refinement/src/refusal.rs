//! An error changes nothing: not a word but the registers of the thread that was refused.

use ipc_abi::call::SystemCall;
use ipc_abi::error::Error;
use pecan_core::object::{Number, Thread, UNITS_PER_FRAME, thread};

use crate::action::{Action, is_range};
use crate::arena::{Arena, Place};

/// Checks what was written since `mark`, when the `caller` was refused what it did. Answers whether nothing
/// may be changed: not of what the ABI excepts.
///
/// # Errors
///
/// Which word was changed.
pub fn check(
    arena: &Arena,
    mark: usize,
    caller: Number<Thread>,
    (action, error): (&Action, Error),
) -> Result<bool, String> {
    if may_change(action, error) {
        return Ok(false);
    }
    let mut changed = None;
    arena.changes(mark, |index, value| {
        let place = arena.place(index);
        if !is_register(place, caller) {
            changed = changed.or(Some((place, value)));
        }
    });
    match changed {
        None => Ok(true),
        Some((place, value)) => Err(format!("{error:?} changed {place:x?} to {value:#x}")),
    }
}

/// What `ABI.md` excepts.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "few errors are an exception"
)]
fn may_change(action: &Action, error: Error) -> bool {
    let call = match action {
        Action::Message(message) => message.call,
        Action::Function { call, .. } => *call,
        Action::Fault(_)
        | Action::StepDone
        | Action::Interrupt(_)
        | Action::Timer
        | Action::Pass(_) => return true,
    };
    // Pages before the one that is refused are done: the specification knows them.
    if is_range(call) {
        return true;
    }
    match error {
        // It says so: the answer was given, or what could not be received was turned away; a step was done.
        Error::Again => true,
        // Who sent what cannot be taken was turned away before.
        Error::WouldBlock => call == SystemCall::TryReceive,
        Error::TimedOut => call == SystemCall::ReceiveUntil,
        // The news that the caller died is told once.
        Error::Died => matches!(call, SystemCall::SaveCaller | SystemCall::ReplyTo),
        _ => false,
    }
}

/// Whether a word is one of the registers that a call of `thread` may change, or what is kept of `x18`.
fn is_register(place: Place, thread: Number<Thread>) -> bool {
    let Place::Word { frame, word } = place else {
        return false;
    };
    let unit = thread.into_raw() % UNITS_PER_FRAME;
    if frame != thread.frame() || word < usize::try_from(unit * 8).unwrap_or(0) {
        return false;
    }
    let field = word - usize::try_from(unit * 8).unwrap_or(0);
    let registers = thread::X.word()..thread::X.word() + 21;
    let kept = [thread::PSTATE.word(), thread::WINDOW.word()];
    registers.contains(&field) || kept.contains(&field)
}
