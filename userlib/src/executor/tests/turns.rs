//! The loop, against a script of what the kernel delivers.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::boxed::Box;

use super::source::{TaskEars, TimedSource, Turns};
use super::*;
use crate::serve::{Source, run};
use ipc_abi::interface::asynchronous::Reply;
use ipc_abi::interface::promise::{Desk, Gone, Ticket};
use ipc_abi::message::{Incoming, LongWriter, Message};
use ipc_abi::signal;
use ipc_abi::tag::{MessageKind, Tag};

/// What the loop did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Receive,
    Look,
    /// Received until so many milliseconds from the start.
    ReceiveUntil(u64),
    Reply(u64),
    ReplyReceive(u64),
}

/// The kernel's side: what arrives; `None` is nothing, until a deadline.
struct Script {
    arriving: RefCell<Vec<Option<Incoming>>>,
    deeds: RefCell<Vec<Deed>>,
    start: u64,
}

impl Script {
    fn next(&self, deed: Deed) -> Option<Incoming> {
        self.deeds.borrow_mut().push(deed);
        let end = Some(Incoming {
            tag: Tag::refusal(Error::Stale),
            ..Incoming::default()
        });
        self.arriving.borrow_mut().pop().unwrap_or(end)
    }
}

impl Source for &Script {
    fn receive(self) -> Incoming {
        self.next(Deed::Receive).expect("something comes some time")
    }

    fn try_receive(self) -> Incoming {
        let nothing = Incoming {
            tag: Tag::refusal(Error::WouldBlock),
            ..Incoming::default()
        };
        self.next(Deed::Look).unwrap_or(nothing)
    }

    fn reply(self, reply: Message) {
        self.deeds.borrow_mut().push(Deed::Reply(reply.words[0]));
    }

    fn deliver(self, reply: Message) -> Result<(), Gone> {
        Source::reply(self, reply);
        Ok(())
    }

    fn reply_receive(self, reply: Message, _used_words: usize) -> Incoming {
        self.next(Deed::ReplyReceive(reply.words[0]))
            .expect("something comes some time")
    }
}

impl TimedSource for &Script {
    fn receive_until(self, deadline: crate::time::Deadline) -> Incoming {
        // Each sleep is a tick longer than what was asked for.
        let milliseconds = (deadline.ticks() - self.start) / 1_000_000;
        match self.next(Deed::ReceiveUntil(milliseconds)) {
            Some(message) => message,
            None => {
                clock::set_now(deadline.ticks());
                Incoming {
                    tag: Tag::refusal(Error::TimedOut),
                    ..Incoming::default()
                }
            }
        }
    }
}

fn message(tag: Tag, words: &[u64]) -> Option<Incoming> {
    let mut incoming = Incoming {
        tag,
        badge: Badge::new(5, 0).into_raw(),
        ..Incoming::default()
    };
    incoming.words[..words.len()].copy_from_slice(words);
    Some(incoming)
}

fn add() -> Option<Incoming> {
    message(Tag::new(1, 16), &[2, 3])
}

fn doze(milliseconds: u64) -> Option<Incoming> {
    message(
        Tag::new(7, 8).with_kind(MessageKind::OneWay),
        &[milliseconds],
    )
}

fn signals(bits: u64) -> Option<Incoming> {
    message(Tag::new(0, 0).with_kind(MessageKind::Signal), &[bits])
}

/// Lets the loop see these messages, then a stale endpoint; tells what was done.
fn play(server: &Server, messages: &[Option<Incoming>]) -> Vec<Deed> {
    let script = Script {
        arriving: RefCell::new(messages.iter().rev().copied().collect()),
        deeds: RefCell::default(),
        start: clock::now().ticks(),
    };
    let mut tasks = Tasks::new(server, LIMITS);
    let pool = Rc::clone(tasks.pool());
    pool.spawn(server.background());
    let error = run(
        InTasks::<PatienceInterface>::new(),
        Turns::new(&script, &pool),
        &mut tasks,
        &TaskEars::new(&pool, server),
    );
    assert_eq!(error, Error::Stale);
    script.deeds.into_inner()
}

#[test]
fn reply_is_fused_while_nobody_waits_for_time() {
    let server = Server::default();
    let deeds = play(&server, &[add(), add()]);
    let replied = Deed::ReplyReceive(5);
    assert_eq!(deeds, [Deed::Receive, replied, replied]);
}

#[test]
fn who_sleeps_is_woken_between_requests() {
    let server = Server::default();
    let deeds = play(&server, &[doze(30), doze(10), add(), None, None, add()]);
    let wanted = [
        Deed::Receive,
        Deed::ReceiveUntil(30),
        Deed::ReceiveUntil(10),
        Deed::Reply(5),
        Deed::ReceiveUntil(10),
        Deed::ReceiveUntil(30),
        Deed::Receive,
        Deed::ReplyReceive(5),
    ];
    assert_eq!(deeds, wanted);
    assert_eq!((server.woken.get(), server.ended.get()), (2, 2));
}

#[test]
fn requests_are_seen_between_the_steps_of_a_task_that_never_waits() {
    let script = Script {
        arriving: RefCell::new([None, add(), None, None].into()),
        deeds: RefCell::default(),
        start: 0,
    };
    let pool = pool::Pool::new(LIMITS);
    pool.spawn(async {
        for _ in 0..3 {
            yield_now().await;
        }
    });
    let source = Turns::new(&script, &pool);
    assert_eq!(Some(source.receive()), add());
    let deeds = [Deed::Look, Deed::Look, Deed::Look];
    assert_eq!(*script.deeds.borrow(), deeds);
}

/// A desk at which somebody waits until he gives up.
#[derive(Default)]
struct Fake {
    has_gone: AtomicBool,
    answers: AtomicU32,
}

impl Desk for Fake {
    fn answer(
        &self,
        _ticket: Ticket,
        _encode: &mut dyn FnMut(&mut dyn LongWriter) -> Message,
    ) -> Result<(), Gone> {
        self.answers.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn is_abandoned(&self, _ticket: Ticket) -> bool {
        self.has_gone.load(Ordering::Relaxed)
    }
}

/// Lets somebody wait at a desk for a task.
fn admit<'a>(pool: &pool::Pool<'a>, future: impl Future<Output = ()> + 'a) -> &'static Fake {
    let desk: &'static Fake = Box::leak(Box::default());
    let ticket = Ticket {
        place: 0,
        generation: 0,
    };
    let caller = Caller::new(Badge::new(1, 0));
    let promise = Promise::new((desk, ticket), caller, |reply, buffer| {
        pool::TaskReply::write_to(reply, buffer)
    });
    let run = Box::pin(async {
        future.await;
        Reply::new(&())
    });
    let admitted = pool.admit(run, caller, Some(promise));
    assert!(admitted.is_ok(), "there is room");
    desk
}

#[test]
fn who_gave_up_is_found_although_nothing_happens() {
    let ended = Cell::new(0);
    let pool = pool::Pool::new(LIMITS);
    let script = Script {
        arriving: RefCell::new([add(), None, None].into()),
        deeds: RefCell::default(),
        start: clock::now().ticks(),
    };
    let desk = admit(&pool, async {
        let _ends = Ends(&ended);
        core::future::pending::<()>().await;
    });
    let source = Turns::new(&script, &pool);
    assert_eq!(Some(source.receive()), add());
    let deeds = [100, 200, 300].map(Deed::ReceiveUntil);
    assert_eq!(*script.deeds.borrow(), deeds);
    assert_eq!((pool.count(), ended.get()), (1, 0));
    desk.has_gone.store(true, Ordering::Relaxed);
    script.arriving.borrow_mut().extend([add(), None]);
    assert_eq!(Some(source.receive()), add());
    assert_eq!(
        script.deeds.borrow()[3..],
        [Deed::ReceiveUntil(300), Deed::Receive]
    );
    assert_eq!((pool.count(), ended.get()), (0, 1));
}

#[test]
fn task_does_not_go_on_for_a_caller_that_has_gone() {
    let (change, number, taken) = (Change::new(), Cell::new(None), Cell::new(0));
    let pool = pool::Pool::new(LIMITS);
    let take = || async {
        let number: u32 = change.until(|| number.take()).await;
        taken.set(taken.get() + number);
    };
    let first = admit(&pool, take());
    let second = admit(&pool, take());
    pool.turn();
    first.has_gone.store(true, Ordering::Relaxed);
    number.set(Some(7));
    change.announce();
    pool.turn();
    assert_eq!((taken.get(), pool.count()), (7, 0));
    // The first promise is dropped, which nobody hears.
    let answers = |desk: &Fake| desk.answers.load(Ordering::Relaxed);
    assert_eq!((answers(first), answers(second)), (1, 1));
}

#[test]
fn tasks_go_on_while_rings_are_served() {
    let server = Server::default();
    let script = Script {
        arriving: RefCell::new([None].into()),
        deeds: RefCell::default(),
        start: 0,
    };
    let pool = pool::Pool::new(LIMITS);
    pool.spawn(server.raise(7));
    let nothing = Turns::new(&script, &pool).try_receive();
    assert_eq!(nothing.tag, Tag::refusal(Error::WouldBlock));
    assert_eq!(server.total.get(), 7);
}

#[test]
fn signals_reach_the_background_and_deaths_the_server() {
    let server = Server::default();
    let death = signal::client_died(5);
    let deeds = play(
        &server,
        &[signals(1 << 20), doze(10), signals(death | 1 << 20), add()],
    );
    assert_eq!(server.total.get(), 2 << 20);
    assert_eq!(*server.gone.borrow(), [5]);
    assert_eq!((server.ended.get(), server.woken.get()), (1, 0));
    assert_eq!(
        deeds[2..],
        [Deed::ReceiveUntil(10), Deed::Receive, Deed::ReplyReceive(5)]
    );
}

#[test]
fn caller_for_whom_there_is_no_place_is_told_and_its_task_dropped() {
    // A test has no reply objects.
    let server = Server::default();
    let wait = message(Tag::new(3, 8), &[100]);
    let deeds = play(&server, &[wait]);
    assert_eq!(deeds.len(), 2);
    assert_eq!(server.change.waiting_count(), 0);
}
