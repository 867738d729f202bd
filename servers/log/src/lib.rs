#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

use ipc_abi::error::Error;
use ipc_abi::interface::{CallError, Failure, Transport};
use ipc_abi::service::console::{ConsoleClient, ConsoleError};
use ipc_abi::service::supervisor::{LINE_BYTES, Line, SupervisorClient, SupervisorError};

/// How often a line is offered to a console that dies over it.
pub const OFFERS_MAX: u32 = 3;

/// Why no more lines can be carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The supervisor gives no line.
    Supervisor(Failure<SupervisorError>),
    /// The console takes no line.
    Console(Failure<ConsoleError>),
}

/// Carries one line, as soon as there is one.
///
/// # Errors
///
/// Why no more lines can be carried.
pub fn carry<S: Transport, C: Transport>(
    supervisor: &mut SupervisorClient<S>,
    console: &mut ConsoleClient<C>,
) -> Result<(), End> {
    let line = supervisor.next_line().map_err(End::Supervisor)?;
    let mut text = [0; LINE_BYTES + 1];
    let text = end_line(&line, &mut text);
    let mut offers = 1;
    loop {
        match console.write(text) {
            Ok(()) => return Ok(()),
            // The console died over it, and is started again.
            Err(Failure::Call(CallError::Refused(Error::Died))) if offers < OFFERS_MAX => {
                offers += 1;
            }
            Err(error) => return Err(End::Console(error)),
        }
    }
}

/// Copies `line` and its end to `text`.
fn end_line<'a>(line: &Line, text: &'a mut [u8; LINE_BYTES + 1]) -> &'a [u8] {
    let (used, _) = text.split_at_mut(line.len() + 1);
    if let Some((end, body)) = used.split_last_mut() {
        body.copy_from_slice(line.as_bytes());
        *end = b'\n';
    }
    used
}

#[cfg(test)]
mod tests;
