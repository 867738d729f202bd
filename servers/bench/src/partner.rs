//! What the bench program does with its partner: calls, and changes of mode.

use ipc_abi::call::SystemCall;
use ipc_abi::interface::CallError;
use ipc_abi::message::{Incoming, Message};
use ipc_abi::service::bench::BenchError;
use ipc_abi::service::bench_partner::{LEAVE, PartnerClient};
use ipc_abi::tag::{MessageKind, Tag};
use userlib::{Gate, syscall};

use crate::workbench::refused;

/// The message word that holds the first capability's handle.
const FIRST_CAPABILITY_WORD: usize = 12;

/// The way to the partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partner {
    gate: Gate,
}

impl Partner {
    /// The partner behind `gate`.
    #[must_use]
    pub const fn new(gate: Gate) -> Partner {
        Partner { gate }
    }

    /// The handle of the gate.
    #[must_use]
    pub const fn handle(self) -> u32 {
        self.gate.handle()
    }

    /// A client for typed calls.
    #[must_use]
    pub const fn client(self) -> PartnerClient<Gate> {
        PartnerClient::new(self.gate)
    }

    /// Lets the partner serve raw messages in `mode`, does `work`, and lets it go back.
    ///
    /// # Errors
    ///
    /// Those of `work`; `Refused`, `PartnerMisbehavior`.
    pub fn in_mode<T>(
        self,
        mode: u64,
        work: impl FnOnce() -> Result<T, BenchError>,
    ) -> Result<T, BenchError> {
        self.enter(mode)?;
        let result = work();
        check(syscall::call(self.handle(), Message::empty(LEAVE)))?;
        result
    }

    /// Lets the partner go into `mode`, which it leaves by itself.
    ///
    /// # Errors
    ///
    /// `Refused`, `PartnerMisbehavior`.
    pub fn enter(self, mode: u64) -> Result<(), BenchError> {
        let entered = self.client().enter(mode).map_err(no_answer)?;
        if entered == mode {
            Ok(())
        } else {
            Err(BenchError::PartnerMisbehavior)
        }
    }
}

/// Why a typed call to the partner brought nothing.
#[must_use]
pub fn no_answer(error: CallError) -> BenchError {
    match error {
        CallError::Refused(error) => refused(SystemCall::Call)(error),
        CallError::Request(_)
        | CallError::Protocol(_)
        | CallError::PeerMisbehavior(_)
        | CallError::Deferred => BenchError::PartnerMisbehavior,
    }
}

/// Makes a message that carries nothing but capabilities (at most four).
#[must_use]
pub fn with_capabilities(method: u16, handles: &[u32]) -> Message {
    let tag = Tag::new(method, 0).with_capabilities(handles.len() as u64);
    let mut message = Message {
        tag,
        ..Message::default()
    };
    for (word, handle) in message
        .words
        .iter_mut()
        .skip(FIRST_CAPABILITY_WORD)
        .zip(handles)
    {
        *word = u64::from(*handle);
    }
    message
}

/// Looks whether `reply` is a reply that says that all is well.
///
/// # Errors
///
/// `Refused` with the call's error, `PartnerMisbehavior`.
pub fn check(reply: Incoming) -> Result<Incoming, BenchError> {
    match (reply.tag.kind(), reply.tag.error()) {
        (Some(MessageKind::Message), None) if reply.tag.method() == 0 => Ok(reply),
        (_, Some(error)) => Err(refused(SystemCall::Call)(error)),
        (_, None) => Err(BenchError::PartnerMisbehavior),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_abi::error::Error;
    use ipc_abi::interface::ProtocolError;

    fn incoming(tag: Tag) -> Incoming {
        Incoming {
            tag,
            ..Incoming::default()
        }
    }

    #[test]
    fn only_a_reply_without_status_is_well() {
        assert!(check(incoming(Tag::new(0, 128))).is_ok());
        let misbehavior = Err(BenchError::PartnerMisbehavior);
        assert_eq!(check(incoming(Tag::new(1, 0))), misbehavior);
        let signal = Tag::default().with_kind(MessageKind::Signal);
        assert_eq!(check(incoming(signal)), misbehavior);
        let refusal = check(incoming(Tag::refusal(Error::NoSlots)));
        assert_eq!(refusal, Err(refused(SystemCall::Call)(Error::NoSlots)));
    }

    #[test]
    fn a_dead_partner_and_a_strange_one_are_told_apart() {
        let died = no_answer(CallError::Refused(Error::Died));
        assert_eq!(died, refused(SystemCall::Call)(Error::Died));
        let strange = no_answer(CallError::Protocol(ProtocolError::UnknownMethod));
        assert_eq!(strange, BenchError::PartnerMisbehavior);
    }

    #[test]
    fn capabilities_start_in_x12() {
        let message = with_capabilities(7, &[3, 4]);
        assert_eq!(message.words[FIRST_CAPABILITY_WORD..], [3, 4, 0, 0]);
        assert_eq!(message.tag.capabilities(), 2);
        assert_eq!(message.tag.length(), 0);
    }
}
