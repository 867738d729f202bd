//! Answers that come later: a method takes a [`Promise`] instead of returning something.
//!
//! ```text
//!   call of the method --keep--> waiting --answer--> the client has it
//!                                  |  \--drop-----> the client has `Unanswered`
//!                                  | the client dies or gives up
//!                                  v
//!                              abandoned: answers are dropped, the place is free again
//! ```

use core::fmt;

use super::error::ProtocolError;
use super::server::{Caller, reply_protocol_error};
use crate::message::{LongWriter, Message};

/// Makes the message that carries an answer.
pub type Encoder<R> = fn(&R, &mut dyn LongWriter) -> Message;

/// Where callers wait for late answers: in a server's process its reply objects, in a test a list.
pub trait Desk {
    /// Answers who waits at `ticket` with what `encode` makes; their place is free then.
    ///
    /// # Errors
    ///
    /// `Gone`; then nothing was sent.
    fn answer(
        &self,
        ticket: Ticket,
        encode: &mut dyn FnMut(&mut dyn LongWriter) -> Message,
    ) -> Result<(), Gone>;

    /// Whether it is known that nobody waits at `ticket` any more.
    fn is_abandoned(&self, ticket: Ticket) -> bool;
}

/// Who waits at a [`Desk`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Which of the desk's places.
    pub place: u32,
    /// How often the place had been given away before: so many that it is never the same again.
    pub generation: u64,
}

/// The caller died, or does not wait any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// A caller that waits for an `R`, which is what the client's method returns (`T`, or `Result<T, E>`).
///
/// It may be answered in the method, or kept and answered at any time later, by the thread whose call
/// it is. Who drops it leaves the client with `Unanswered`.
#[must_use = "a client waits for this to be answered, now or later"]
pub struct Promise<R> {
    /// `None` when it is answered.
    desk: Option<&'static dyn Desk>,
    ticket: Ticket,
    caller: Caller,
    encode: Encoder<R>,
}

impl<R> Promise<R> {
    /// The promise to answer who waits at `ticket`: for dispatchers.
    pub const fn new(
        (desk, ticket): (&'static dyn Desk, Ticket),
        caller: Caller,
        encode: Encoder<R>,
    ) -> Promise<R> {
        let desk = Some(desk);
        Promise {
            desk,
            ticket,
            caller,
            encode,
        }
    }

    /// Answers. If the caller is gone, nothing happens.
    pub fn answer(self, value: R) {
        // Nobody misses an answer for which nobody waits.
        let _ = self.try_answer(value);
    }

    /// Answers, or gives the answer back if the caller is gone.
    ///
    /// # Errors
    ///
    /// The value that nobody got.
    pub fn try_answer(mut self, value: R) -> Result<(), R> {
        let encode = self.encode;
        match self.settle(&mut |buffer| encode(&value, buffer)) {
            Ok(()) => Ok(()),
            Err(Gone) => Err(value),
        }
    }

    /// Who waits.
    #[must_use]
    pub const fn caller(&self) -> Caller {
        self.caller
    }

    /// Whether the caller died, or gave up because its time was over.
    ///
    /// In a method that takes a promise itself, and when a signal came, the kernel is asked. Elsewhere
    /// a caller that went away may not be known yet.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.desk.is_none_or(|desk| desk.is_abandoned(self.ticket))
    }

    fn settle(
        &mut self,
        encode: &mut dyn FnMut(&mut dyn LongWriter) -> Message,
    ) -> Result<(), Gone> {
        match self.desk.take() {
            Some(desk) => desk.answer(self.ticket, encode),
            None => Err(Gone),
        }
    }
}

impl<R> Drop for Promise<R> {
    fn drop(&mut self) {
        // Whoever is gone need not be told.
        let _ = self.settle(&mut |_| reply_protocol_error(ProtocolError::Unanswered));
    }
}

impl<R> fmt::Debug for Promise<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Promise")
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}
