//! The loop, against a script of what the kernel delivers.

use core::cell::RefCell;
use std::vec::Vec;

use super::*;
use ipc_abi::interface;
use ipc_abi::interface::{METHOD_SCHEMA, Promise};

/// A service.
#[interface(version = 1)]
trait Adder {
    /// Adds.
    #[method(1)]
    fn add(&mut self, left: u64, right: u64) -> u64;
    /// Answers later.
    #[method(2)]
    fn later(&mut self, promise: Promise<u64>);
    /// Is not answered.
    #[method(3, one_way)]
    fn note(&mut self, number: u64);
}

#[derive(Default)]
struct Server {
    calls: u32,
    notes: Vec<u64>,
    signals: Vec<u64>,
    gone: Vec<u8>,
    faults: Vec<Fault>,
}

impl Adder for Server {
    fn add(&mut self, left: u64, right: u64) -> u64 {
        self.calls += 1;
        left + right
    }

    fn later(&mut self, promise: Promise<u64>) {
        self.calls += 1;
        promise.answer(7);
    }

    fn note(&mut self, number: u64) {
        self.notes.push(number);
    }
}

impl Events for Server {
    fn on_signal(&mut self, bits: u64) {
        self.signals.push(bits);
    }

    fn on_disconnect(&mut self, client: u8) {
        self.gone.push(client);
    }

    fn on_fault(&mut self, fault: Fault) -> FaultAnswer {
        self.faults.push(fault);
        match fault.cause {
            Some(FaultCause::Breakpoint) => FaultAnswer::ContinueAt(fault.program_counter + 4),
            Some(_) => FaultAnswer::Retry,
            None => FaultAnswer::Stop,
        }
    }
}

/// What the loop did: received, or replied with this status, length and first word.
type Deed = Option<(u16, usize, u64)>;

/// The kernel's side.
struct Script {
    arriving: RefCell<Vec<Incoming>>,
    deeds: RefCell<Vec<Deed>>,
}

impl Script {
    fn next(&self) -> Incoming {
        let end = Incoming {
            tag: Tag::refusal(Error::Stale),
            ..Incoming::default()
        };
        self.arriving.borrow_mut().pop().unwrap_or(end)
    }
}

impl Source for &Script {
    fn deliver(self, reply: Message) -> Result<(), Gone> {
        Source::reply(self, reply);
        Ok(())
    }

    fn receive(self) -> Incoming {
        self.deeds.borrow_mut().push(None);
        self.next()
    }

    fn try_receive(self) -> Incoming {
        Source::receive(self)
    }

    fn reply(self, reply: Message) {
        let deed = (reply.tag.method(), reply.tag.length(), reply.words[0]);
        self.deeds.borrow_mut().push(Some(deed));
    }

    fn reply_receive(self, reply: Message, used_words: usize) -> Incoming {
        assert!(reply.words[used_words..].iter().all(|word| *word == 0));
        let deed = (reply.tag.method(), reply.tag.length(), reply.words[0]);
        self.deeds.borrow_mut().push(Some(deed));
        self.next()
    }
}

/// Lets the loop see these messages, then a stale endpoint. Returns the server and what was done.
fn play(messages: &[Incoming]) -> (Server, Vec<Deed>) {
    let script = Script {
        arriving: RefCell::new(messages.iter().rev().copied().collect()),
        deeds: RefCell::default(),
    };
    let mut server = Server::default();
    assert_eq!(
        run(AdderInterface, &script, &mut server, &Hearing),
        Error::Stale
    );
    (server, script.deeds.into_inner())
}

fn message(tag: Tag, words: &[u64]) -> Incoming {
    let mut incoming = Incoming {
        tag,
        badge: 5,
        ..Incoming::default()
    };
    incoming.words[..words.len()].copy_from_slice(words);
    incoming
}

fn refusal(error: Error) -> Incoming {
    message(Tag::refusal(error), &[])
}

#[test]
fn request_is_answered_by_the_call_that_receives_the_next() {
    let add = message(Tag::new(1, 16), &[2, 3]);
    let (server, deeds) = play(&[add, add]);
    assert_eq!(server.calls, 2);
    assert_eq!(deeds, [None, Some((0, 8, 5)), Some((0, 8, 5))]);
}

#[test]
fn schema_is_told() {
    let (_, deeds) = play(&[message(Tag::new(METHOD_SCHEMA, 0), &[])]);
    let hash = <AdderInterface as ipc_abi::interface::Interface>::SCHEMA.hash;
    assert_eq!(deeds[1], Some((0, 20, hash)));
}

#[test]
fn bad_requests_are_refused_and_the_loop_goes_on() {
    let unknown = message(Tag::new(77, 0), &[]);
    let short = message(Tag::new(1, 15), &[2, 3]);
    let with_capability = message(Tag::new(1, 16).with_capabilities(4), &[2, 3]);
    let long = message(Tag::new(1, 4096).with_long(), &[]);
    let (server, deeds) = play(&[unknown, short, with_capability, long]);
    assert_eq!(server.calls, 0);
    let refused = |error: ProtocolError| Some((error.into_raw(), 0, 0));
    assert_eq!(deeds[1], refused(ProtocolError::UnknownMethod));
    assert_eq!(deeds[2], refused(ProtocolError::Truncated));
    assert_eq!(deeds[3], refused(ProtocolError::UnexpectedCapabilities));
    assert_eq!(deeds[4], refused(ProtocolError::TrailingBytes));
}

#[test]
fn one_way_message_is_done_and_not_answered() {
    let tag = Tag::new(3, 8).with_kind(MessageKind::OneWay);
    let malformed = Tag::new(3, 1).with_kind(MessageKind::OneWay);
    let (server, deeds) = play(&[message(tag, &[2]), message(malformed, &[])]);
    assert_eq!(server.notes, [2]);
    assert_eq!(deeds, [None, None, None]);
}

#[test]
fn one_way_method_that_is_called_is_answered_with_nothing() {
    let (server, deeds) = play(&[message(Tag::new(3, 8), &[2])]);
    assert_eq!(server.notes, [2]);
    assert_eq!(deeds, [None, Some((0, 0, 0))]);
}

#[test]
fn what_returns_something_is_not_done_when_nobody_waits_for_it() {
    let one_way = |method, length| {
        let tag = Tag::new(method, length).with_kind(MessageKind::OneWay);
        message(tag, &[2, 3])
    };
    let (server, deeds) = play(&[one_way(1, 16), one_way(METHOD_SCHEMA, 0), one_way(99, 0)]);
    assert_eq!(server.calls, 0);
    assert_eq!(deeds, [None; 4]);
}

#[test]
fn caller_that_finds_no_place_to_wait_is_told_and_its_method_not_called() {
    // A test has no reply objects.
    let (server, deeds) = play(&[message(Tag::new(2, 0), &[])]);
    let no_place = Some((ProtocolError::NoPlace.into_raw(), 0, 0));
    assert_eq!(deeds, [None, no_place]);
    assert_eq!(server.calls, 0);
}

#[test]
fn caller_that_the_server_received_itself_and_forgot_is_told() {
    let (_, deeds) = play(&[refusal(Error::CallerWaits)]);
    let unanswered = Some((ProtocolError::Unanswered.into_raw(), 0, 0));
    assert_eq!(deeds, [None, unanswered]);
}

#[test]
fn signals_and_faults_reach_the_server() {
    let signal = message(Tag::new(0, 0).with_kind(MessageKind::Signal), &[0xF0]);
    let fault = |cause| {
        message(
            Tag::new(0, 64).with_kind(MessageKind::Fault),
            &[cause, 0x1000, 7],
        )
    };
    let breakpoint = fault(FaultCause::Breakpoint as u64);
    let (server, deeds) = play(&[signal, breakpoint, fault(1), fault(999)]);
    assert_eq!(server.signals, [0xF0]);
    assert_eq!(
        (server.faults[0].badge, server.faults[0].program_counter),
        (5, 0x1000)
    );
    assert_eq!(server.faults[1].cause, Some(FaultCause::DataAbort));
    assert_eq!(deeds[2], Some((FaultReply::ContinueAt as u16, 8, 0x1004)));
    assert_eq!(deeds[3], Some((FaultReply::Retry as u16, 0, 0)));
    assert_eq!(deeds[4], Some((FaultReply::Stop as u16, 0, 0)));
}

#[test]
fn deaths_of_clients_are_no_other_signals() {
    let tag = Tag::new(0, 0).with_kind(MessageKind::Signal);
    let deaths = signal::client_died(1) | signal::client_died(31);
    let (server, _) = play(&[message(tag, &[deaths]), message(tag, &[deaths | 5])]);
    assert_eq!(server.gone, [1, 31, 1, 31]);
    assert_eq!(server.signals, [5]);
}

#[test]
fn refused_replies_leave_no_caller_waiting() {
    let (_, deeds) = play(&[refusal(Error::NoCaller), refusal(Error::Again)]);
    assert_eq!(deeds, [None, None, None]);
    let (_, deeds) = play(&[refusal(Error::NoBuffer), refusal(Error::TooLong)]);
    let status = |deed: Deed| deed.expect("a reply").0;
    assert_eq!(status(deeds[1]), ProtocolError::NoBuffer.into_raw());
    assert_eq!(status(deeds[2]), ProtocolError::ReplyTooLong.into_raw());
}

#[test]
fn deaf_server_lets_signals_pass_and_faulting_threads_stop() {
    let signal = message(Tag::new(0, 0).with_kind(MessageKind::Signal), &[1]);
    let fault = message(Tag::new(0, 64).with_kind(MessageKind::Fault), &[1]);
    let script = Script {
        arriving: RefCell::new(std::vec![fault, signal]),
        deeds: RefCell::default(),
    };
    let mut server = Server::default();
    assert_eq!(
        run(AdderInterface, &script, &mut server, &Deaf),
        Error::Stale
    );
    let stop = Some((FaultReply::Stop as u16, 0, 0));
    assert_eq!(script.deeds.into_inner(), [None, None, stop]);
}
