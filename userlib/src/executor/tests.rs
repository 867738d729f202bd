//! Tasks, through the in-process transport.

use core::cell::{Cell, RefCell};
use std::string::String as Text;
use std::vec::Vec;

use super::*;
use crate::time::Duration;
use ipc_abi::interface::{Batch, CallError, Caller, Failure, Promise, ProtocolError, Transport};
use ipc_abi::manifest::Badge;
use ipc_abi::{interface, payload};

mod limits;
mod turns;
mod waits;

/// Waits for all sorts of things.
#[interface(version = 1)]
trait Patience {
    /// Does not wait.
    #[method(1)]
    fn add(&mut self, left: u64, right: u64) -> u64;
    /// Sleeps, then tells who slept and what he said.
    #[method(2)]
    fn nap(&mut self, caller: Caller, milliseconds: u64, word: &str) -> Result<u64, Impatience>;
    /// Waits until the total is so large.
    #[method(3)]
    fn reach(&mut self, total: u64, promise: Promise<u64>);
    /// Raises the total.
    #[method(4)]
    fn raise(&mut self, amount: u64);
    /// Waits for one of these signals, but not longer than so.
    #[method(5)]
    fn hear(&mut self, bits: u64, milliseconds: u64) -> Result<u64, Impatience>;
    /// Lists numbers and sleeps between them.
    #[method(6)]
    fn count(&mut self, limit: u64, numbers: &mut Batch<'_, u64>);
    /// Sleeps and tells nobody.
    #[method(7, one_way)]
    fn doze(&mut self, milliseconds: u64);
}

/// Why it was not waited.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Impatience {
    /// Nothing was said.
    Silent,
    /// The time was over.
    TooLate,
}

#[derive(Default)]
struct Server {
    total: Cell<u64>,
    change: Change,
    /// How many naps were begun, and how many ended in whatever way.
    begun: Cell<u32>,
    ended: Cell<u32>,
    woken: Cell<u32>,
    said: RefCell<Vec<Text>>,
    gone: RefCell<Vec<u8>>,
}

/// Counts when it is dropped.
struct Ends<'a>(&'a Cell<u32>);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

impl AsyncPatience for Server {
    async fn add(&self, left: u64, right: u64) -> u64 {
        left.wrapping_add(right)
    }

    async fn nap(&self, caller: Caller, time: u64, word: &str) -> Result<u64, Impatience> {
        self.begun.set(self.begun.get() + 1);
        let _ends = Ends(&self.ended);
        sleep_for(milliseconds(time)).await;
        self.woken.set(self.woken.get() + 1);
        if word.is_empty() {
            return Err(Impatience::Silent);
        }
        self.said.borrow_mut().push(word.into());
        Ok(u64::from(caller.client()))
    }

    async fn reach(&self, total: u64) -> u64 {
        let is_reached = || Some(self.total.get()).filter(|reached| *reached >= total);
        self.change.until(is_reached).await
    }

    async fn raise(&self, amount: u64) {
        self.total.set(self.total.get() + amount);
        self.change.announce();
    }

    async fn hear(&self, bits: u64, time: u64) -> Result<u64, Impatience> {
        let heard = timeout(milliseconds(time), signal(bits)).await;
        heard.map_err(|TimedOut| Impatience::TooLate)
    }

    async fn count(&self, limit: u64, numbers: &mut Batch<'_, u64>) {
        for number in numbers.position()..limit {
            sleep_for(milliseconds(1)).await;
            if numbers.push(&number, number + 1).is_err() {
                return;
            }
        }
    }

    async fn doze(&self, time: u64) {
        self.begun.set(self.begun.get() + 1);
        let _ends = Ends(&self.ended);
        sleep_for(milliseconds(time)).await;
        self.woken.set(self.woken.get() + 1);
    }
}

impl AsyncEvents for Server {
    async fn background(&self) {
        loop {
            let bits = signal(1 << 20).await;
            self.total.set(self.total.get() + bits);
        }
    }

    fn on_disconnect(&self, client: u8) {
        self.gone.borrow_mut().push(client);
    }
}

type Way<'a> = LocalTasks<'a, PatienceInterface, Server>;

const LIMITS: Limits = Limits {
    tasks: 4,
    tasks_per_client: 2,
};

fn way(server: &Server) -> Way<'_> {
    Way::new(Tasks::new(server, LIMITS))
}

/// A client with this number.
fn client<'w, 'a>(way: &'w mut Way<'a>, number: u8) -> PatienceClient<&'w mut Way<'a>> {
    way.call_as(Badge::new(number, 0));
    PatienceClient::new(way)
}

type Nap = Result<u64, Failure<Impatience>>;

const DEFERRED: Nap = Err(Failure::Call(CallError::Deferred));
const NO_PLACE: Nap = Err(Failure::Call(CallError::Protocol(ProtocolError::NoPlace)));

/// The late answer that came first, of a nap.
fn late(way: &mut Way<'_>) -> Option<Nap> {
    let answer = way.take_answer()?;
    Some(PatienceClient::new(answer).nap(0, ""))
}

#[test]
fn method_that_does_not_wait_is_answered_at_once_and_leaves_no_task() {
    let server = Server::default();
    let mut way = way(&server);
    assert_eq!(client(&mut way, 1).add(2, 3), Ok(5));
    assert_eq!(client(&mut way, 1).nap(0, "hi"), Ok(1));
    let silent = Err(Failure::Service(Impatience::Silent));
    assert_eq!(client(&mut way, 1).nap(0, ""), silent);
    assert_eq!(way.server().count(), 0);
}

#[test]
fn interface_is_the_same_as_without_tasks() {
    let server = Server::default();
    let connected = PatienceClient::connect(way(&server));
    assert!(connected.is_ok(), "the schema is told");
    assert_eq!(
        <InTasks<PatienceInterface> as ipc_abi::interface::Interface>::SCHEMA,
        <PatienceInterface as ipc_abi::interface::Interface>::SCHEMA
    );
}

#[test]
fn who_waits_delays_nobody() {
    let server = Server::default();
    let mut way = way(&server);
    assert_eq!(client(&mut way, 1).nap(100, "long"), DEFERRED);
    assert_eq!(client(&mut way, 2).nap(50, "short"), DEFERRED);
    assert_eq!(client(&mut way, 3).add(2, 3), Ok(5));
    way.server().advance(milliseconds(49));
    assert_eq!((late(&mut way), way.server().count()), (None, 2));
    way.server().advance(milliseconds(2));
    assert_eq!(late(&mut way), Some(Ok(2)));
    way.server().advance(milliseconds(50));
    assert_eq!(late(&mut way), Some(Ok(1)));
    assert_eq!(*server.said.borrow(), ["short", "long"]);
    assert_eq!(way.server().count(), 0);
}

#[test]
fn borrowed_arguments_live_across_an_await() {
    let server = Server::default();
    let mut way = way(&server);
    for word in ["in registers".into(), "x".repeat(3000)] {
        assert_eq!(client(&mut way, 1).nap(1, &word), DEFERRED);
        // Other messages come meanwhile, through the same buffer.
        let other = "y".repeat(word.len());
        assert_eq!(client(&mut way, 2).nap(0, &other), Ok(2));
        way.server().advance(milliseconds(2));
        assert_eq!(late(&mut way), Some(Ok(1)));
        assert_eq!(server.said.borrow().last(), Some(&word));
    }
}

#[test]
fn list_may_wait_between_its_items() {
    let server = Server::default();
    let mut way = way(&server);
    let first = client(&mut way, 1).count(3).next();
    assert_eq!(first, Some(Err(CallError::Deferred)));
    way.server().advance(milliseconds(10));
    let mut answered = PatienceClient::new(way.take_answer().expect("it is answered"));
    let numbers: Result<Vec<u64>, CallError> = answered.count(3).collect();
    assert_eq!(numbers, Ok([0, 1, 2].into()));
}

#[test]
fn one_way_message_may_wait() {
    let server = Server::default();
    let mut way = way(&server);
    assert_eq!(client(&mut way, 1).doze(10), Ok(()));
    assert_eq!((server.begun.get(), server.woken.get()), (1, 0));
    way.server().advance(milliseconds(11));
    assert_eq!((way.server().count(), server.woken.get()), (0, 1));
}

#[test]
fn method_that_answers_is_not_done_one_way() {
    let server = Server::default();
    let mut way = way(&server);
    let request = ipc_abi::message::Message {
        tag: ipc_abi::tag::Tag::new(4, 8),
        words: [7; 16],
    };
    assert_eq!(way.send(request), Ok(()));
    assert_eq!((server.total.get(), way.server().count()), (0, 0));
}

#[test]
fn tasks_that_are_given_up_leave_no_caller_waiting() {
    let server = Server::default();
    let mut way = way(&server);
    assert_eq!(client(&mut way, 1).nap(100, "never"), DEFERRED);
    *way.server() = Tasks::new(&server, LIMITS);
    let unanswered = CallError::Protocol(ProtocolError::Unanswered);
    assert_eq!(late(&mut way), Some(Err(Failure::Call(unanswered))));
    assert_eq!((server.ended.get(), server.woken.get()), (1, 0));
}
