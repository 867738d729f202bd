//! The client's side.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};

use ipc_abi::error::Error;
use ipc_abi::interface::ring::Reply;
use ipc_abi::interface::{
    CallError, EncodeError, METHOD_RING, METHOD_RING_TURN, RingError, RingTransport, Ticket, client,
};
use ipc_abi::message::Message;
use ipc_abi::ring::{PeerMisbehavior, RingWords, SLOT_WORDS, Slot, SubmitError, Submitter, Wake};
use ipc_abi::signal;
use ipc_abi::startup::{RingGrant, RingSide};
use ipc_abi::tag::{MessageKind, Tag};

use super::memory::memory_of;
use super::server::RINGS;
use crate::environment::{Environment, EnvironmentError};
use crate::gate::{Gate, Notification};
use crate::syscall;

/// How often it was heard that a server with a ring died.
static DEATHS: AtomicU64 = AtomicU64::new(0);

/// The client's side of a ring: the transport of ring clients. One thread of the process waits for rings at a time.
#[derive(Debug)]
pub struct Ring {
    submitter: Submitter<RingWords<'static>>,
    grant: RingGrant,
    gate: Gate,
    bell: Notification,
    /// What came before somebody waited for it, by token.
    kept: Box<[Slot<AtomicU64>]>,
    /// How many deaths had been heard of when it was last known that the server lives.
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
        let memory = memory_of(&grant).ok_or(OpenError::NoRing)?;
        let bell = grant.bell.map(Notification::new);
        let mut submitter = Submitter::new(memory);
        submitter.close();
        Ok(Ring {
            submitter,
            gate,
            bell: bell.ok_or(OpenError::NoRing)?,
            kept: (0..grant.slots).map(|_| empty_slot()).collect(),
            deaths: 0,
            failure: Some(RingError::Closed),
            grant,
        })
    }

    /// Opens it, for the first time or after a failure, or to forget all that is under way: tickets from before
    /// bring what others do, or nothing, so they must not be used.
    ///
    /// # Errors
    ///
    /// `Call`, `NoRing`.
    pub fn open(&mut self) -> Result<(), OpenError> {
        let memory = memory_of(&self.grant).ok_or(OpenError::NoRing)?;
        self.deaths = DEATHS.load(Ordering::Relaxed);
        self.submitter = Submitter::new(memory);
        self.submitter.reset();
        self.failure = None;
        let opened = client::call(&mut self.gate, METHOD_RING, &());
        if opened.is_err() {
            self.close(RingError::Closed);
        }
        Ok(opened?)
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
        self.keep();
        self.take_kept(ticket)
    }

    /// Waits for what an operation brings. If that is not there yet, the server completes all that was submitted.
    #[inline(always)]
    pub fn wait<R>(&mut self, ticket: Ticket<R>) -> R {
        match self.submitter.take_expected(ticket.token()) {
            Some(reply) => ticket.read(reply),
            None => self.wait_longer(ticket),
        }
    }

    /// Waits for what is not the next of those that are known to be there.
    #[cold]
    fn wait_longer<R>(&mut self, ticket: Ticket<R>) -> R {
        let ticket = match self.take_new(ticket) {
            Ok(brought) => return brought,
            Err(ticket) => ticket,
        };
        self.let_serve();
        let ticket = match self.take_new(ticket) {
            Ok(brought) => return brought,
            Err(ticket) => ticket,
        };
        self.fail(PeerMisbehavior::Unfinished);
        ticket.read(self.instead())
    }

    /// Looks what is there, and takes what an operation brought if it is.
    fn take_new<R>(&mut self, ticket: Ticket<R>) -> Result<R, Ticket<R>> {
        self.look();
        if let Some(reply) = self.submitter.take_expected(ticket.token()) {
            return Ok(ticket.read(reply));
        }
        self.keep();
        self.take_kept(ticket)
    }

    /// Lets the server complete what was submitted: a call, which wakes it.
    fn let_serve(&mut self) {
        let _ = self.submitter.publish();
        if client::call::<_, _, ()>(&mut self.gate, METHOD_RING_TURN, &()).is_err() {
            self.end();
        }
    }

    /// Takes what was kept of an operation, or says why nothing comes.
    fn take_kept<R>(&mut self, ticket: Ticket<R>) -> Result<R, Ticket<R>> {
        let token = ticket.token();
        if self.submitter.give_back(token)
            && let Some(slot) = self.kept.get(token as usize)
        {
            return Ok(ticket.read(Reply::of(slot)));
        }
        match self.failure {
            None => Err(ticket),
            Some(_) => Ok(ticket.read(self.instead())),
        }
    }

    /// What is read when nothing comes any more.
    fn instead(&self) -> Reply<'static> {
        Reply::instead(self.failure.map_or(Tag::default(), why), &NOTHING)
    }

    /// Looks what is there.
    fn look(&mut self) {
        if let Err(misbehavior) = self.submitter.look() {
            self.fail(misbehavior);
        }
    }

    /// Keeps what is there for who will wait for it.
    fn keep(&mut self) {
        loop {
            match self.submitter.take() {
                Ok(None) => return,
                Ok(Some(taken)) => {
                    if let Some(slot) = self.kept.get(taken.token as usize) {
                        taken.reply.copy_to(slot);
                    }
                }
                Err(misbehavior) => return self.fail(misbehavior),
            }
        }
    }

    /// The server is not there any more, or has closed its side. What it completed before counts.
    #[cold]
    #[inline(never)]
    fn end(&mut self) {
        self.look();
        self.keep();
        self.close(RingError::Closed);
    }

    /// The server broke the rules: nothing of this ring counts any more.
    fn fail(&mut self, misbehavior: PeerMisbehavior) {
        self.close(RingError::PeerMisbehavior(misbehavior));
    }

    /// Why nothing was submitted.
    #[cold]
    fn refusal(&self, error: SubmitError) -> RingError {
        match (self.failure, error) {
            (Some(failure), _) => failure,
            (None, SubmitError::Full) => RingError::Full,
            (None, SubmitError::NotInRing) => RingError::Request(EncodeError::TooLong),
        }
    }

    #[cold]
    #[inline(never)]
    fn close(&mut self, why: RingError) {
        self.submitter.close();
        self.failure.get_or_insert(why);
    }

    /// Sleeps until something is there by this ring, or until the server of any ring of the process has died: for
    /// who has found nothing and has flushed. What comes by another ring wakes nobody here.
    pub fn sleep(&mut self) {
        match self.submitter.sleep() {
            Ok(true) => {}
            Ok(false) => return,
            Err(misbehavior) => return self.fail(misbehavior),
        }
        if DEATHS.load(Ordering::Relaxed) == self.deaths {
            self.wait_for_signal();
        }
        self.submitter.wake();
        let deaths = DEATHS.load(Ordering::Relaxed);
        if deaths != self.deaths {
            // Whose server it was is not said. Who lost the ring answers so.
            self.deaths = deaths;
            self.let_serve();
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

/// A slot for what is kept.
const fn empty_slot() -> Slot<AtomicU64> {
    [const { AtomicU64::new(0) }; SLOT_WORDS]
}

/// A slot with nothing in it: that of what does not come.
static NOTHING: Slot<AtomicU64> = empty_slot();

/// The tag in place of the reply that does not come: `Died`, or none that a reply has.
const fn why(failure: RingError) -> Tag {
    match failure {
        RingError::Full | RingError::Request(_) | RingError::Closed => Tag::refusal(Error::Died),
        RingError::PeerMisbehavior(_) => Tag::new(0, 0).with_kind(MessageKind::OneWay),
    }
}

impl RingTransport for Ring {
    #[inline(always)]
    fn submit(&mut self, request: &Message, used_words: usize) -> Result<u32, RingError> {
        self.submitter
            .submit(request, used_words)
            .map_err(|error| self.refusal(error))
    }
}
