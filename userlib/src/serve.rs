//! The loop of a server: receive, dispatch, reply and receive in one system call.
//!
//! Nothing that a client sends ends the loop. It ends only when the endpoint cannot be received from
//! any more, and then says why.

use ipc_abi::call::Window;
use ipc_abi::error::Error;
use ipc_abi::fault::{FaultCause, FaultReply, FaultWord};
use ipc_abi::interface::promise::{Desk, Gone, Ticket};
use ipc_abi::interface::server::reply_protocol_error;
use ipc_abi::interface::{Dispatch, ProtocolError, Replier};
use ipc_abi::message::{Incoming, MESSAGE_WORDS, Message};
use ipc_abi::signal;
use ipc_abi::tag::{MessageKind, Tag};

use crate::buffer::MessageBuffer;
use crate::desk::DESK;
use crate::gate::Endpoint;
use crate::keeper::{KEEPER, Window as Places};
use crate::ring::{More, RINGS};
use crate::session;
use crate::syscall;

mod taking;

use taking::{Current, Saved, Taking, deliver};

/// What a server hears beside requests.
pub trait Events {
    /// Signals arrived: of the interrupts and gates whose bits these are.
    fn on_signal(&mut self, bits: u64) {
        let _ = bits;
    }

    /// The client with this process number died. Nothing that it has sent is left, and its successor,
    /// which has the same number, has not sent anything yet: what the server keeps for it can go.
    fn on_disconnect(&mut self, client: u8) {
        let _ = client;
    }

    /// A thread whose faults come here has faulted.
    fn on_fault(&mut self, fault: Fault) -> FaultAnswer {
        let _ = fault;
        FaultAnswer::Stop
    }
}

/// A fault of another thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The badge of the gate that is the thread's fault handler: who faulted.
    pub badge: u64,
    /// Why; `None` if the kernel gives a cause that this crate does not know.
    pub cause: Option<FaultCause>,
    /// Where it was.
    pub program_counter: u64,
    /// What it touched.
    pub address: u64,
    /// The exception syndrome.
    pub syndrome: u64,
    /// Its stack pointer.
    pub stack_pointer: u64,
    /// Its `x30`.
    pub link_register: u64,
    /// Its `x0` and `x1`: in a panic, where its text is and how long.
    pub registers: [u64; 2],
}

impl Fault {
    /// Reads a message of kind [`MessageKind::Fault`].
    #[must_use]
    pub fn from_message(message: &Incoming) -> Fault {
        let word = |word: FaultWord| message.words[word as usize];
        let cause = word(FaultWord::Cause);
        Fault {
            badge: message.badge,
            cause: FaultCause::ALL
                .iter()
                .find(|known| **known as u64 == cause)
                .copied(),
            program_counter: word(FaultWord::ProgramCounter),
            address: word(FaultWord::Address),
            syndrome: word(FaultWord::Syndrome),
            stack_pointer: word(FaultWord::StackPointer),
            link_register: word(FaultWord::LinkRegister),
            registers: [word(FaultWord::Register0), word(FaultWord::Register1)],
        }
    }
}

/// What becomes of a thread that faulted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultAnswer {
    /// It goes on at the instruction that faulted.
    Retry,
    /// It goes on at this address.
    ContinueAt(u64),
    /// It stays stopped.
    Stop,
    /// It goes on four bytes behind its program counter.
    Skip,
    /// It executes one instruction, then faults.
    Step,
}

impl FaultAnswer {
    /// The reply that says so.
    #[must_use]
    pub const fn into_message(self) -> Message {
        match self {
            FaultAnswer::Retry => Message::empty(FaultReply::Retry as u16),
            FaultAnswer::ContinueAt(address) => {
                let mut message = Message::empty(0);
                message.tag = Tag::new(FaultReply::ContinueAt as u16, 8);
                message.words[0] = address;
                message
            }
            FaultAnswer::Stop => Message::empty(FaultReply::Stop as u16),
            FaultAnswer::Skip => Message::empty(FaultReply::Skip as u16),
            FaultAnswer::Step => Message::empty(FaultReply::Step as u16),
        }
    }
}

/// Serves requests on `endpoint` for ever; returns only if it cannot be received from.
///
/// Signals are taken and nobody hears of them; threads whose faults come here stay stopped.
pub fn serve<I: Dispatch<S>, S>(interface: I, endpoint: Endpoint, server: &mut S) -> Error {
    begin(interface, endpoint, server, &Deaf)
}

/// Serves requests on `endpoint` for ever, and tells the server of signals and faults; returns only
/// if it cannot be received from.
pub fn serve_events<I: Dispatch<S>, S: Events>(
    interface: I,
    endpoint: Endpoint,
    server: &mut S,
) -> Error {
    begin(interface, endpoint, server, &Hearing)
}

/// Starts the loop: one with places for capabilities, if the interface takes any.
fn begin<I: Dispatch<S>, S>(
    interface: I,
    endpoint: Endpoint,
    server: &mut S,
    ears: &impl Ears<S>,
) -> Error {
    if I::TAKES_CAPABILITIES {
        let window = Places::take(&KEEPER);
        run(interface, Taking::new(endpoint, &window), server, ears)
    } else {
        run(interface, endpoint, server, ears)
    }
}

/// Where messages come from: the endpoint, or a test's script.
pub(crate) trait Source: Copy {
    fn receive(self) -> Incoming;
    fn try_receive(self) -> Incoming;
    fn reply(self, reply: Message);
    fn reply_receive(self, reply: Message, used_words: usize) -> Incoming;
    /// Sends a reply with capabilities; tells whether the caller has it.
    fn deliver(self, reply: Message) -> Result<(), Gone>;
}

impl Source for Endpoint {
    #[inline(always)]
    fn receive(self) -> Incoming {
        Endpoint::receive(self)
    }

    fn try_receive(self) -> Incoming {
        syscall::try_receive(self.handle(), Window::NONE)
    }

    fn reply(self, reply: Message) {
        // Refused if the caller is gone, or what it is told cannot be sent: it is told that then.
        if let Err(error) = syscall::reply(reply)
            && let Step::Reply(refusal) = after_refusal(Tag::refusal(error))
        {
            let _ = syscall::reply(refusal);
        }
    }

    #[inline(always)]
    fn reply_receive(self, reply: Message, used_words: usize) -> Incoming {
        self.reply_receive_short(reply, used_words)
    }

    fn deliver(self, reply: Message) -> Result<(), Gone> {
        match session::saving_place() {
            None => deliver(&Current, reply),
            Some(place) => match syscall::save_caller(place) {
                Ok(()) => deliver(&Saved(place), reply),
                Err(_) => Err(Gone),
            },
        }
    }
}

/// Gives the current caller a place to wait.
#[inline(never)]
fn keep_caller() -> Result<(&'static dyn Desk, Ticket), ProtocolError> {
    let ticket = DESK.keep()?;
    Ok((&DESK, ticket))
}

/// Replies and receives the next message in one system call.
struct Fused<E> {
    source: E,
}

impl<E: Source> Replier for Fused<E> {
    type Next = Incoming;

    #[inline(always)]
    fn reply(self, reply: Message, used_words: usize) -> Incoming {
        self.source.reply_receive(reply, used_words)
    }

    #[inline(always)]
    fn keep(&self) -> Result<(&'static dyn Desk, Ticket), ProtocolError> {
        keep_caller()
    }

    #[inline(always)]
    fn later(self) -> Incoming {
        DESK.end_idling();
        self.source.receive()
    }

    fn can_deliver(&self) -> Result<(), ProtocolError> {
        Ok(())
    }

    fn deliver(&self, reply: Message) -> Result<(), Gone> {
        self.source.deliver(reply)
    }

    fn open_ring(&self, request: &Incoming) -> Result<(), ProtocolError> {
        RINGS.open(request)
    }

    fn serve_ring<I: Dispatch<S>, S>(
        &self,
        server: &mut S,
        request: &Incoming,
    ) -> Result<(), ProtocolError> {
        RINGS.serve_caller::<I, S>(server, request)
    }
}

/// Replies, and receives nothing.
struct Plain<E> {
    source: E,
}

impl<E: Source> Replier for Plain<E> {
    type Next = ();

    fn reply(self, reply: Message, _used_words: usize) {
        self.source.reply(reply);
    }

    fn keep(&self) -> Result<(&'static dyn Desk, Ticket), ProtocolError> {
        keep_caller()
    }

    fn later(self) {
        DESK.end_idling();
    }

    fn can_deliver(&self) -> Result<(), ProtocolError> {
        Ok(())
    }

    fn deliver(&self, reply: Message) -> Result<(), Gone> {
        self.source.deliver(reply)
    }

    fn open_ring(&self, request: &Incoming) -> Result<(), ProtocolError> {
        RINGS.open(request)
    }

    fn serve_ring<I: Dispatch<S>, S>(
        &self,
        server: &mut S,
        request: &Incoming,
    ) -> Result<(), ProtocolError> {
        RINGS.serve_caller::<I, S>(server, request)
    }
}

/// How events reach the server.
pub(crate) trait Ears<S> {
    fn signal(&self, server: &mut S, bits: u64);
    fn disconnect(&self, server: &mut S, client: u8);
    fn fault(&self, server: &mut S, fault: Fault) -> FaultAnswer;
}

struct Deaf;

impl<S> Ears<S> for Deaf {
    fn signal(&self, _server: &mut S, _bits: u64) {}

    fn disconnect(&self, _server: &mut S, _client: u8) {}

    fn fault(&self, _server: &mut S, _fault: Fault) -> FaultAnswer {
        FaultAnswer::Stop
    }
}

struct Hearing;

impl<S: Events> Ears<S> for Hearing {
    fn signal(&self, server: &mut S, bits: u64) {
        server.on_signal(bits);
    }

    fn disconnect(&self, server: &mut S, client: u8) {
        server.on_disconnect(client);
    }

    fn fault(&self, server: &mut S, fault: Fault) -> FaultAnswer {
        server.on_fault(fault)
    }
}

pub(crate) fn run<I: Dispatch<S>, S>(
    _interface: I,
    source: impl Source,
    server: &mut S,
    ears: &impl Ears<S>,
) -> Error {
    let mut buffer = MessageBuffer;
    let mut message = source.receive();
    loop {
        if message.tag.into_raw() & Tag::KERNEL_BITS == 0 {
            message = I::dispatch(server, message, &mut buffer, Fused { source });
            continue;
        }
        let step = handle_event::<I, S>(message, server, ears);
        message = match next_after::<I, S>(step, source, server) {
            Ok(message) => message,
            Err(error) => return error,
        };
    }
}

/// Receives what comes after an event; an error is the end.
#[inline(never)]
fn next_after<I: Dispatch<S>, S>(
    step: Step,
    source: impl Source,
    server: &mut S,
) -> Result<Incoming, Error> {
    match step {
        Step::End(error) => return Err(error),
        Step::Reply(reply) if !RINGS.is_any_left() => {
            return Ok(source.reply_receive(reply, MESSAGE_WORDS));
        }
        Step::Receive if !RINGS.is_any_left() => return Ok(source.receive()),
        Step::Reply(reply) => source.reply(reply),
        Step::Receive | Step::Rings => {}
    }
    Ok(serve_rings::<I, S>(source, server))
}

/// Serves the rings until they are empty and their clients know that they must ring, or until something else
/// comes that is no call, which is received. Who rings all the time and who calls take turns.
fn serve_rings<I: Dispatch<S>, S>(source: impl Source, server: &mut S) -> Incoming {
    while RINGS.serve::<I, S>(server) == More::Yes {
        let message = source.try_receive();
        if message.tag.into_raw() & Tag::KERNEL_BITS == 0 {
            I::dispatch(server, message, &mut MessageBuffer, Plain { source });
        } else if message.tag != Tag::refusal(Error::WouldBlock) {
            return message;
        }
    }
    source.receive()
}

/// What to do next.
enum Step {
    Reply(Message),
    Receive,
    /// Serve the rings, then receive.
    Rings,
    End(Error),
}

/// Handles what is no call.
#[inline(never)]
fn handle_event<I: Dispatch<S>, S>(message: Incoming, server: &mut S, ears: &impl Ears<S>) -> Step {
    match message.tag.kind() {
        Some(MessageKind::Signal) => {
            DESK.begin_idling();
            tell_signals::<I, S>(server, message.words[0], ears);
            DESK.end_idling();
            if message.words[0] & signal::RING == 0 {
                Step::Receive
            } else {
                Step::Rings
            }
        }
        Some(MessageKind::Fault) => Step::Reply(
            ears.fault(server, Fault::from_message(&message))
                .into_message(),
        ),
        Some(MessageKind::Refusal) => after_refusal(message.tag),
        Some(MessageKind::OneWay) => {
            let mut request = message;
            request.tag = request.tag.with_kind(MessageKind::Message);
            I::tell(server, request, &mut MessageBuffer);
            Step::Receive
        }
        // Calls do not come here; a kind from a later kernel is passed over.
        Some(MessageKind::Message) | None => Step::Receive,
    }
}

/// Tells of dead clients first: what was theirs goes before anything else is done.
fn tell_signals<I: Dispatch<S>, S>(server: &mut S, bits: u64, ears: &impl Ears<S>) {
    for client in signal::dead_clients(bits) {
        RINGS.close(client);
        I::disconnect(server, client);
        ears.disconnect(server, client);
    }
    let others = signal::without_clients(bits) & !signal::RING;
    if others != 0 {
        ears.signal(server, others);
    }
}

/// What to do when the kernel refused to receive or to reply. It did nothing then, so a caller may
/// still wait for its answer.
fn after_refusal(tag: Tag) -> Step {
    match tag.error() {
        // The caller is gone, or the call did one bounded step.
        Some(Error::NoCaller | Error::Again) => Step::Receive,
        // The server received by itself, and left a caller unanswered.
        Some(Error::CallerWaits) => Step::Reply(reply_protocol_error(ProtocolError::Unanswered)),
        // The reply cannot be sent as it is.
        Some(Error::NoBuffer) => Step::Reply(reply_protocol_error(ProtocolError::NoBuffer)),
        Some(Error::TooLong) => Step::Reply(reply_protocol_error(ProtocolError::ReplyTooLong)),
        // A fault was answered in a way that faults cannot be.
        Some(Error::BadArgument) => Step::Reply(FaultAnswer::Stop.into_message()),
        Some(error) => Step::End(error),
        None => Step::Receive,
    }
}

#[cfg(test)]
mod tests;
