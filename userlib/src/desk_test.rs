use core::cell::{Cell, RefCell};
use std::vec::Vec as StdVec;

use super::*;

/// Who waits in each of four reply objects, and what was sent.
#[derive(Default)]
struct Fake {
    saved: [Cell<Option<u32>>; 4],
    /// Who calls at the moment.
    caller: Cell<Option<u32>>,
    sent: RefCell<StdVec<(u32, u16)>>,
    refusal: Cell<Option<Error>>,
}

impl Replies for &Fake {
    fn save_caller(&self, reply: u32) -> Result<(), Error> {
        let place = &self.saved[reply as usize];
        if place.get().is_some() {
            return Err(Error::InUse);
        }
        place.set(Some(self.caller.take().ok_or(Error::NoCaller)?));
        Ok(())
    }

    fn reply_to(&self, reply: u32, message: Message) -> Result<(), Error> {
        if let Some(error) = self.refusal.take() {
            return Err(error);
        }
        let caller = self.saved[reply as usize].take();
        let sent = (caller.ok_or(Error::NoCaller)?, message.tag.method());
        self.sent.borrow_mut().push(sent);
        Ok(())
    }
}

fn desk(fake: &Fake, places: u32) -> ReplyDesk<&Fake> {
    let desk = ReplyDesk::new(fake);
    desk.offer(0..places);
    desk
}

/// Lets `caller` call a method that takes a promise.
fn keep(desk: &ReplyDesk<&Fake>, caller: u32) -> Result<Ticket, ProtocolError> {
    desk.end_idling();
    desk.kernel.caller.set(Some(caller));
    desk.keep()
}

fn answer(desk: &ReplyDesk<&Fake>, ticket: Ticket, status: u16) -> Result<(), Gone> {
    desk.answer(ticket, &mut |_| Message::empty(status))
}

#[test]
fn callers_are_answered_in_any_order() {
    let fake = Fake::default();
    let desk = desk(&fake, 2);
    let (first, second) = (keep(&desk, 7).unwrap(), keep(&desk, 8).unwrap());
    assert_eq!(answer(&desk, second, 2), Ok(()));
    assert_eq!(answer(&desk, first, 1), Ok(()));
    assert_eq!(*fake.sent.borrow(), [(8, 2), (7, 1)]);
    assert_eq!(answer(&desk, first, 1), Err(Gone), "once");
}

#[test]
fn one_caller_too_many_finds_no_place() {
    let fake = Fake::default();
    let desk = desk(&fake, 2);
    let first = keep(&desk, 7).unwrap();
    keep(&desk, 8).unwrap();
    assert_eq!(keep(&desk, 9), Err(ProtocolError::NoPlace));
    assert_eq!(fake.caller.get(), Some(9), "it is still to be answered");
    answer(&desk, first, 1).unwrap();
    assert!(keep(&desk, 9).is_ok());
    assert_eq!(keep(&self::desk(&fake, 0), 9), Err(ProtocolError::NoPlace));
}

#[test]
fn place_of_a_caller_that_went_away_is_found_when_it_is_needed() {
    let fake = Fake::default();
    let desk = desk(&fake, 1);
    let dead = keep(&desk, 7).unwrap();
    fake.saved[0].set(None);
    let next = keep(&desk, 8).unwrap();
    assert_ne!(dead, next);
    assert!(desk.is_abandoned(dead));
    assert_eq!(
        answer(&desk, dead, 1),
        Err(Gone),
        "its answer is not for the next"
    );
    assert_eq!(answer(&desk, next, 2), Ok(()));
    assert_eq!(*fake.sent.borrow(), [(8, 2)]);
}

#[test]
fn kernel_is_asked_about_a_caller_only_while_nobody_is_served() {
    let fake = Fake::default();
    let desk = desk(&fake, 2);
    let ticket = keep(&desk, 7).unwrap();
    assert!(!desk.is_abandoned(ticket));
    fake.saved[0].set(None);
    // A method without a promise: asking would take its caller.
    desk.end_idling();
    fake.caller.set(Some(8));
    assert!(!desk.is_abandoned(ticket));
    assert_eq!(fake.caller.get(), Some(8));
    fake.caller.set(None);
    desk.begin_idling();
    assert!(desk.is_abandoned(ticket));
    assert_eq!(answer(&desk, ticket, 1), Err(Gone));
}

#[test]
fn caller_that_went_away_before_it_was_saved_is_no_promise() {
    let fake = Fake::default();
    let desk = desk(&fake, 1);
    fake.caller.set(None);
    assert_eq!(desk.keep(), Err(ProtocolError::NoPlace));
    assert!(keep(&desk, 7).is_ok(), "the place is free");
}

#[test]
fn answer_that_cannot_be_sent_becomes_a_refusal() {
    for (error, status) in [
        (Error::TooLong, ProtocolError::ReplyTooLong),
        (Error::NoBuffer, ProtocolError::NoBuffer),
        (Error::NoRight, ProtocolError::Unanswered),
    ] {
        let fake = Fake::default();
        let desk = desk(&fake, 1);
        let ticket = keep(&desk, 7).unwrap();
        fake.refusal.set(Some(error));
        assert_eq!(answer(&desk, ticket, 0), Ok(()));
        assert_eq!(*fake.sent.borrow(), [(7, status.into_raw())]);
    }
    let fake = Fake::default();
    let desk = desk(&fake, 1);
    let ticket = keep(&desk, 7).unwrap();
    fake.refusal.set(Some(Error::Died));
    assert_eq!(answer(&desk, ticket, 0), Err(Gone));
    assert!(fake.sent.borrow().is_empty());
}

#[test]
fn more_places_than_the_limit_are_left_alone() {
    let fake = Fake::default();
    let desk = desk(&fake, u32::try_from(REPLIES_MAX).unwrap() + 1);
    assert_eq!(desk.places.lock().len(), REPLIES_MAX);
}
