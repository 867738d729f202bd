//! What tasks wait for.

use super::*;

type Heard = Result<u64, Failure<Impatience>>;

fn heard(way: &mut Way<'_>) -> Option<Heard> {
    let answer = way.take_answer()?;
    Some(PatienceClient::new(answer).hear(0, 0))
}

#[test]
fn sleep_is_not_too_short() {
    let server = Server::default();
    let mut way = way(&server);
    assert_eq!(client(&mut way, 1).nap(10, "a"), DEFERRED);
    way.server().advance(Duration::from_nanos(9_999_999));
    assert_eq!(late(&mut way), None);
    way.server().advance(Duration::from_nanos(1));
    assert_eq!(late(&mut way), Some(Ok(1)));
}

#[test]
fn tasks_wake_each_other() {
    let server = Server::default();
    let mut way = way(&server);
    let reached = |way: &mut Way<'_>| {
        let answer = way.take_answer()?;
        PatienceClient::new(answer).reach(0).ok()
    };
    assert_eq!(client(&mut way, 1).reach(5), Err(CallError::Deferred));
    assert_eq!(client(&mut way, 2).reach(2), Err(CallError::Deferred));
    assert_eq!(client(&mut way, 3).raise(1), Ok(()));
    way.server().run();
    assert_eq!(reached(&mut way), None);
    assert_eq!(client(&mut way, 3).raise(1), Ok(()));
    way.server().run();
    assert_eq!(reached(&mut way), Some(2));
    assert_eq!(client(&mut way, 3).raise(9), Ok(()));
    way.server().run();
    assert_eq!(reached(&mut way), Some(11));
    assert_eq!(client(&mut way, 1).reach(5), Ok(11), "at once");
}

#[test]
fn signal_is_heard_by_one_who_waits_for_it() {
    let server = Server::default();
    let mut way = way(&server);
    assert_eq!(client(&mut way, 1).hear(0b011, 1000), DEFERRED);
    assert_eq!(client(&mut way, 2).hear(0b110, 1000), DEFERRED);
    way.server().signal(0b1000);
    assert_eq!(heard(&mut way), None);
    way.server().signal(0b011);
    assert_eq!(heard(&mut way), Some(Ok(0b011)));
    assert_eq!(heard(&mut way), None, "it was taken");
    way.server().signal(0b100);
    assert_eq!(heard(&mut way), Some(Ok(0b100)));
    assert_eq!(client(&mut way, 1).hear(0b1000, 1000), Ok(0b1000), "kept");
}

#[test]
fn other_signals_wake_nobody() {
    let polls = Cell::new(0);
    let server = Server::default();
    let tasks = Tasks::new(&server, LIMITS);
    tasks.pool().spawn(async {
        let mut signal = core::pin::pin!(signal(1 << 12));
        core::future::poll_fn(|context| {
            polls.set(polls.get() + 1);
            signal.as_mut().poll(context).map(drop)
        })
        .await;
    });
    tasks.run();
    tasks.signal(1 << 13);
    assert_eq!(polls.get(), 1);
    tasks.signal(1 << 12);
    assert_eq!((polls.get(), tasks.count()), (2, 0));
}

#[test]
fn time_out_ends_what_waits_too_long_and_leaves_nothing_behind() {
    let server = Server::default();
    let mut way = way(&server);
    let bit = 1 << 10;
    assert_eq!(client(&mut way, 1).hear(bit, 10), DEFERRED);
    way.server().advance(milliseconds(11));
    let too_late = Err(Failure::Service(Impatience::TooLate));
    assert_eq!(heard(&mut way), Some(too_late));
    assert_eq!(client(&mut way, 1).hear(bit, 10), DEFERRED);
    way.server().signal(bit);
    assert_eq!(heard(&mut way), Some(Ok(bit)));
    assert_eq!(waiting::WAITING.next_deadline(), None, "no timer is left");
}

#[test]
fn future_that_is_dropped_waits_no_longer() {
    let server = Server::default();
    let mut way = way(&server);
    assert_eq!(client(&mut way, 1).nap(10, "a"), DEFERRED);
    assert_eq!(client(&mut way, 1).hear(1 << 11, 10), DEFERRED);
    assert_eq!(client(&mut way, 2).reach(5), Err(CallError::Deferred));
    assert!(waiting::WAITING.next_deadline().is_some());
    assert_eq!(waiting::WAITING.listener_count(), 1);
    way.server().disconnect(1);
    way.server().disconnect(2);
    assert_eq!(waiting::WAITING.next_deadline(), None);
    assert_eq!(waiting::WAITING.listener_count(), 0);
    assert_eq!(server.change.waiting_count(), 0);
}

#[test]
fn who_yields_goes_on_after_the_others() {
    let order = RefCell::new(Vec::new());
    let server = Server::default();
    let tasks = Tasks::new(&server, LIMITS);
    let work = |name: &'static str| {
        let order = &order;
        async move {
            for _ in 0..2 {
                order.borrow_mut().push(name);
                yield_now().await;
            }
        }
    };
    tasks.pool().spawn(work("a"));
    tasks.pool().spawn(work("b"));
    tasks.run();
    assert_eq!(*order.borrow(), ["a", "b", "a", "b"]);
    assert_eq!(tasks.count(), 0);
}
