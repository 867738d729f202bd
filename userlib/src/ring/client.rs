//! The client's side.

extern crate alloc;

use alloc::boxed::Box;
use alloc::vec;
use core::sync::atomic::{AtomicU64, Ordering};

use ipc_abi::error::Error;
use ipc_abi::interface::{
    CallError, EncodeError, METHOD_RING, Misbehavior, RingError, RingTransport, Ticket, client,
};
use ipc_abi::message::Message;
use ipc_abi::ring::{SubmitError, Submitter, Wake};
use ipc_abi::signal;
use ipc_abi::startup::{RingGrant, RingSide};

use super::memory::{SharedWords, words_of};
use super::server::RINGS;
use crate::environment::{Environment, EnvironmentError};
use crate::gate::{Gate, Notification};
use crate::syscall;

/// How often a server with a ring died.
static DEATHS: AtomicU64 = AtomicU64::new(0);

/// The client's side of a ring: the transport of ring clients. One thread of the process waits for rings at a time.
#[derive(Debug)]
pub struct Ring {
    submitter: Submitter<SharedWords>,
    grant: RingGrant,
    gate: Gate,
    bell: Notification,
    /// What came, by token.
    replies: Box<[Message]>,
    /// How many deaths were known when it was last known that the server lives.
    deaths: u64,
    /// Why it cannot be used.
    failure: Option<RingError>,
}

/// Why a ring could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The process was not given what it takes. Mend `system.toml`.
    Environment(EnvironmentError),
    /// `system.toml` gives the two no ring.
    NoRing,
    /// The server did not open its side.
    Call(CallError),
}

impl From<EnvironmentError> for OpenError {
    fn from(error: EnvironmentError) -> OpenError {
        OpenError::Environment(error)
    }
}

impl From<CallError> for OpenError {
    fn from(error: CallError) -> OpenError {
        OpenError::Call(error)
    }
}

impl Ring {
    /// Opens the ring with the service called `service`.
    ///
    /// # Errors
    ///
    /// Why it could not be opened.
    pub fn connect(environment: &Environment, service: &str) -> Result<Ring, OpenError> {
        let mut ring = Ring::take(environment, service)?;
        ring.open()?;
        Ok(ring)
    }

    /// Takes the ring with the service called `service`, which is to be opened.
    ///
    /// # Errors
    ///
    /// `Environment`, `NoRing`.
    pub fn take(environment: &Environment, service: &str) -> Result<Ring, OpenError> {
        let gate = environment.gate(service)?;
        let is_its = |grant: &RingGrant| grant.side == RingSide::Client && grant.name == service;
        let grant = RINGS.grant(is_its).ok_or(OpenError::NoRing)?;
        let (memory, slots) = words_of(&grant).ok_or(OpenError::NoRing)?;
        let bell = grant.bell.map(Notification::new);
        Ok(Ring {
            submitter: Submitter::new(memory, slots),
            grant,
            gate,
            bell: bell.ok_or(OpenError::NoRing)?,
            replies: vec![Message::default(); slots.count() as usize].into_boxed_slice(),
            deaths: 0,
            failure: Some(RingError::Closed),
        })
    }

    /// Opens it, for the first time or after a failure, or to forget all that is under way: tickets from before
    /// bring what others do, or nothing, so they must not be used.
    ///
    /// # Errors
    ///
    /// `Call`, `NoRing`.
    pub fn open(&mut self) -> Result<(), OpenError> {
        let (memory, slots) = words_of(&self.grant).ok_or(OpenError::NoRing)?;
        self.deaths = DEATHS.load(Ordering::Relaxed);
        self.submitter = Submitter::new(memory, slots);
        self.submitter.reset();
        client::call::<_, _, ()>(&mut self.gate, METHOD_RING, &())?;
        self.failure = None;
        Ok(())
    }

    /// Lets the server see what was submitted; one signal, and only if it sleeps.
    pub fn flush(&mut self) {
        if self.submitter.publish() == Wake::Needed {
            // Refused if the server is dead for good: who waits hears so.
            let _ = syscall::signal(self.grant.doorbell);
        }
    }

    /// Takes what an operation brought, if it is there; else gives the ticket back.
    ///
    /// # Errors
    ///
    /// The ticket.
    pub fn poll<R>(&mut self, ticket: Ticket<R>) -> Result<R, Ticket<R>> {
        self.look();
        self.take_known(ticket)
    }

    /// Waits for what an operation brings.
    #[inline(always)]
    pub fn wait<R>(&mut self, ticket: Ticket<R>) -> R {
        let mut ticket = ticket;
        loop {
            match self.take_known(ticket) {
                Ok(brought) => return brought,
                Err(back) => ticket = back,
            }
            self.await_something();
        }
    }

    /// Comes back when something is there, or has failed.
    #[cold]
    fn await_something(&mut self) {
        if !self.look() {
            self.flush();
            self.sleep();
        }
    }

    #[inline(always)]
    fn take_known<R>(&mut self, ticket: Ticket<R>) -> Result<R, Ticket<R>> {
        let token = ticket.token();
        if self.submitter.has_ended(token)
            && let Some(reply) = self.replies.get(token as usize)
        {
            self.submitter.give_back(token);
            return Ok(ticket.read(Ok(reply)));
        }
        match self.failure {
            None => Err(ticket),
            Some(failure) => Ok(ticket.read(Err(why(failure)))),
        }
    }

    /// Takes over what is there; whether anything was.
    #[inline(never)]
    fn look(&mut self) -> bool {
        let mut is_any = false;
        while self.failure.is_none() {
            match self.submitter.take(&mut self.replies) {
                Ok(Some(_)) => is_any = true,
                Ok(None) => break,
                Err(misbehavior) => {
                    self.failure = Some(RingError::PeerMisbehavior(misbehavior));
                    is_any = true;
                }
            }
        }
        is_any
    }

    /// Sleeps until somebody rings.
    fn sleep(&mut self) {
        match self.submitter.sleep() {
            Ok(true) => {}
            Ok(false) => return,
            Err(misbehavior) => {
                self.failure = Some(RingError::PeerMisbehavior(misbehavior));
                return;
            }
        }
        if DEATHS.load(Ordering::Relaxed) == self.deaths {
            self.wait_for_signal();
        }
        self.submitter.wake();
        if DEATHS.load(Ordering::Relaxed) != self.deaths {
            self.failure = Some(RingError::Closed);
        }
    }

    fn wait_for_signal(&self) {
        // Refused only if the notification is gone, with which this process's life ends.
        let bits = self.bell.wait().unwrap_or(signal::RING_DIED);
        if bits & signal::RING_DIED != 0 {
            DEATHS.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Why what was under way brings nothing.
const fn why(failure: RingError) -> CallError {
    match failure {
        RingError::Full | RingError::Request(_) | RingError::Closed => {
            CallError::Refused(Error::Died)
        }
        RingError::PeerMisbehavior(_) => CallError::PeerMisbehavior(Misbehavior::NoReply),
    }
}

impl RingTransport for Ring {
    #[inline(always)]
    fn submit(&mut self, request: &Message, used_words: usize) -> Result<u32, RingError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        self.submitter
            .submit(request, used_words)
            .map_err(|error| match error {
                SubmitError::Full => RingError::Full,
                SubmitError::NotInRing => RingError::Request(EncodeError::TooLong),
            })
    }
}
